"""Permissions that a guardian gives for a minor, who sees them and can withdraw them too.

The address names whom it is about; it is there for their guardian alone, while they care for them.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act
from upheld.gate.transaction import Transaction
from upheld.practice.endpoints import Visit, equal_secrets
from upheld.practice.events import CONSENT_WITHDRAWN
from upheld.practice.plugin import Provider
from upheld.practices.rights import choice_pages, choices
from upheld.practices.rights.pages import policy_of
from upheld.practices.rights.sentences import clauses_in_force
from upheld.web.forms import EMPTY, Filled, read

PAGE: Final = f"{choice_pages.PAGE}/wards"
NOT_SERVED: Final = (
    "Nothing can be permitted for them while you do not let them use our services. Your permission"
    " and supervision are under Family."
)
OF_AGE: Final = "They are of age, and give permissions themselves."


class WardChoicePages:
    """The pages of a guardian."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def _ward(self, transaction: Transaction, visit: Visit) -> PersonId:
        """Whom a page is about; 404 for whoever is not in the visitor's care."""
        ward = PersonId(visit.request.path_params["child"])
        if self.provider.guardian_of(transaction.tables, ward) != visit.subject:
            raise HTTPException(404)
        return ward

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """What was permitted for somebody, and the form to permit something."""

        def work(transaction: Transaction) -> dict[str, Any]:
            ward = self._ward(transaction, visit)
            records = choices.choice_records(transaction, ward)
            return {
                "target": f"{PAGE}/{ward}",
                "fields": choice_pages.fields(transaction, ward),
                "records": [
                    choice_pages.shown_choice(transaction, each)
                    for each in records
                    if each.how == choices.BY_GUARDIAN
                ],
            }

        words = await self.provider.do(work)
        return self.provider.pages.page(
            visit.request,
            "rights/ward.html",
            status=status,
            filled=filled,
            cited=clauses_in_force(policy_of(self.provider), ["permission"]),
            **words,
        )

    async def give(self, visit: Visit) -> Response:
        """Show the text of a permission, and give it once the guardian agreed to that."""
        policy = policy_of(self.provider)
        fields = await self.provider.do(
            lambda transaction: choice_pages.fields(transaction, self._ward(transaction, visit))
        )
        filled = read(fields, visit.form)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        grant = choice_pages.permission(filled.values)
        if not choices.decides(policy, grant):
            return await self.show(
                visit, filled.wrong("purpose", choice_pages.DECIDES_NOTHING), 422
            )
        wording = choices.text(policy, grant, for_ward=True)
        agreement = visit.form.get("agreed", "")
        agrees = isinstance(agreement, str) and equal_secrets(agreement, choices.digest(wording))

        def work(transaction: Transaction) -> tuple[PersonId, str]:
            ward = self._ward(transaction, visit)
            transaction.lock(ward)
            if not transaction.peek(ward, Act(action="serve")).allowed:
                return ward, NOT_SERVED
            if choices.of_age(transaction, ward):
                return ward, OF_AGE
            if agrees:
                choices.give(transaction, ward, grant, visit.subject)
            return ward, ""

        ward, problem = await self.provider.do(work)
        if problem:
            return await self.show(visit, filled.wrong("data", problem), 422)
        if not agrees:
            return self.provider.pages.page(
                visit.request,
                "rights/agree.html",
                wording=wording,
                digest=choices.digest(wording),
                values=filled.values,
                target=f"{PAGE}/{ward}",
                cited=clauses_in_force(policy, ["permission"]),
            )
        return RedirectResponse(f"{PAGE}/{ward}", 303)

    async def withdraw(self, visit: Visit) -> Response:
        """Withdraw what the guardian permitted, in one click."""
        record_id = visit.request.path_params["record"]

        def work(transaction: Transaction) -> PersonId:
            ward = self._ward(transaction, visit)
            transaction.lock(ward)
            mine = [
                each
                for each in choices.choice_records(transaction, ward)
                if (each.record_id, each.how) == (record_id, choices.BY_GUARDIAN)
            ]
            if not mine:
                raise HTTPException(404)
            if mine[0].withdrawn is None:
                transaction.withdraw(ward, record_id, actor=choices.GUARDIAN)
                self.provider.events.announce(transaction, CONSENT_WITHDRAWN, ward, record_id)
            return ward

        ward = await self.provider.do(work)
        return RedirectResponse(f"{PAGE}/{ward}", 303)
