"""What somebody who came of age is asked: to accept the policy and the terms for themselves."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.gate.transaction import Transaction
from upheld.practice.destinations import destination_of, destination_path
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import PendingAction, Provider
from upheld.practices.accounts import domain
from upheld.practices.accounts.sign_in import ACCEPT
from upheld.practices.accounts.sign_up_pages import TERMS, TERMS_CHANGED
from upheld.practices.accounts.terms import Agreement
from upheld.web.forms import EMPTY, Field, Filled, read


class Acceptance:
    """The page on which the policy in force and the agreement are accepted anew."""

    def __init__(self, provider: Provider, agreement: Agreement, field: Field) -> None:
        self.provider, self.agreement, self.field = provider, agreement, field

    async def _page(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        return self.provider.pages.page(
            visit.request,
            "accounts/acceptance.html",
            status=status,
            fields=[self.field],
            filled=filled,
            agreement=bool(self.agreement.path),
            terms=await self.provider.read(self.agreement.digest),
            destination=destination_of(self.provider, visit.request, "customer"),
        )

    async def show(self, visit: Visit) -> Response:
        """What is to be accepted."""
        return await self._page(visit)

    async def send(self, visit: Visit) -> Response:
        """Note that it was accepted, as it was shown."""
        filled = read([self.field, TERMS], visit.form)
        if not filled.ok:
            return await self._page(visit, filled, 422)

        def accept(transaction: Transaction) -> bool:
            in_force = self.agreement.digest(transaction.tables)
            if (filled.shown["terms"] or in_force) != in_force:
                return False
            domain.accept(transaction, visit.subject, in_force)
            return True

        if not await self.provider.do(accept):
            return await self._page(visit, filled.wrong(self.field.name, TERMS_CHANGED), 409)
        path = destination_path(self.provider, visit.request, "customer", "/me")
        return RedirectResponse(path, 303)

    def waiting(self, transaction: Transaction, person_id: PersonId) -> list[PendingAction]:
        """Asks whoever has an account and accepted nothing for themselves yet."""
        account = domain.account_of(transaction.tables, person_id)
        if account is None or account.policy_digest:
            return []
        return [
            PendingAction(
                "You are of age now. Your account goes on once you accept the policy and the"
                " terms for yourself.",
                "Read and accept",
                ACCEPT,
            )
        ]
