"""Passkeys of customers: their own page, and signing in by one.

The policy is asked as for a password: whose credentials may not be used for security, or who may
not be served, does not come in.
"""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import outbox, passkeys
from upheld.practice.destinations import destination_of, destination_path, with_destination
from upheld.practice.endpoints import network_of, sign_in_customer
from upheld.practice.passkey_pages import OwnPasskeys
from upheld.practice.plugin import Provider
from upheld.practices.accounts import authenticator, domain
from upheld.practices.accounts.second_step import ACCEPT
from upheld.web.limits import SIGN_IN_ACCOUNT, SIGN_IN_ADDRESS

HERE = "/me/security/passkeys"
SIGN_IN_PAGE = "/sign-in/passkey"


class CustomerPasskeys(OwnPasskeys):
    """A customer's own passkeys."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider, "customer", "/me/security")

    def has_factor(self, tables: Tables, subject: str) -> bool:
        """A code is asked for where the customer has a second factor."""
        return authenticator.second_factor(tables, PersonId(subject)) is not None

    def accepts_code(self, transaction: Transaction, subject: str, code: str) -> bool:
        """Whether the code is right, of a few tries."""
        if not self.has_factor(transaction.tables, subject):
            return True
        if self.provider.limits.take(
            transaction.tables, SIGN_IN_ACCOUNT, "passkey-code", subject, at=self.provider.now()
        ):
            return False
        return authenticator.use_code(transaction, PersonId(subject), code)

    def record_change(self, transaction: Transaction, subject: str, what: str) -> None:
        """Enter it, and tell the customer by a message."""
        person = PersonId(subject)
        transaction.note(person, what, actor="customer")
        outbox.queue(transaction, person, "accounts/factor", "administrative-message")

    async def sign_in(self, request: Request, form: FormData) -> Response:
        """Sign in the customer whose passkey answered; lead others back to the form."""
        provider = self.provider
        credential, site = str(form.get("credential", "")), passkeys.site_of(provider, request)
        path = destination_path(provider, request, "customer", "/me")
        response: Response = RedirectResponse(path, 303)

        def work(transaction: Transaction) -> bool:
            tables, at = transaction.tables, provider.now()
            if provider.limits.take(
                tables, SIGN_IN_ADDRESS, "network", "customer", network_of(request), at=at
            ):
                return False
            subject = passkeys.sign_in(transaction, site, "customer", credential) if site else ""
            person = PersonId(subject)
            if not person or not self._may_enter(transaction, person):
                return False
            sign_in_customer(provider, transaction, request, response, person)
            account = domain.account_of(tables, person)
            if account is not None and not account.policy_digest:
                go_on = destination_of(provider, request, "customer")
                response.headers["location"] = with_destination(ACCEPT, go_on)
            return True

        if await provider.do(work):
            return response
        return RedirectResponse("/sign-in?said=passkey", 303)

    def _may_enter(self, transaction: Transaction, person: PersonId) -> bool:
        account = domain.account_of(transaction.tables, person)
        if account is None or account.state != domain.ACTIVE:
            return False
        act = Act(action="use", data=("credentials",), purpose="security")
        if isinstance(transaction.act(act, person, entitled=True), Refused):
            return False
        return not isinstance(domain.check_may_serve(transaction, person), Refused)
