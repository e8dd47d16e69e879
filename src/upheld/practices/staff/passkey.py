"""Passkeys at desks: somebody's own page, and signing in by one in place of password and code."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import UserId
from upheld.gate.transaction import Transaction
from upheld.practice import operators, passkeys
from upheld.practice.destinations import destination_path
from upheld.practice.endpoints import SIGN_IN, network_of, start_session
from upheld.practice.passkey_pages import OwnPasskeys
from upheld.practices.staff.sign_in import HOME, log_failure
from upheld.web.limits import SIGN_IN_ADDRESS


class DeskPasskeys(OwnPasskeys):
    """Passkeys of those who work at one kind of desk."""

    async def sign_in(self, request: Request, form: FormData) -> Response:
        """Sign in the user whose passkey answered; lead others back to the form."""
        provider, kind = self.provider, self.kind
        credential, site = str(form.get("credential", "")), passkeys.site_of(provider, request)
        path = destination_path(provider, request, kind, HOME[kind])
        response: Response = RedirectResponse(path, 303)

        def work(transaction: Transaction) -> bool:
            tables, at = transaction.tables, provider.now()
            if provider.limits.take(
                tables, SIGN_IN_ADDRESS, "network", kind, network_of(request), at=at
            ):
                return False
            user_id = passkeys.sign_in(transaction, site, kind, credential) if site else ""
            user = operators.find_active_user(tables, UserId(user_id)) if user_id else None
            if user is None or user.kind != kind:
                return False
            transaction.note(None, "desk.sign-in", actor=f"{kind} {user_id}")
            start_session(provider, tables, request, response, kind, user_id)
            return True

        if await provider.do(work):
            return response
        log_failure(provider, kind, "passkey")
        return RedirectResponse(SIGN_IN[kind], 303)
