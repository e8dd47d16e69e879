"""Signing in and out at a desk: by name, password and a one-time password, all three at once.

It is the same for members of staff and for people of companies that are engaged; each has a cookie
of its own. A code works once, and is used up only by whoever knows the password. Who is not there,
or is no longer, costs as much time as who is, and is told the same.
"""

from __future__ import annotations

import logging
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import NO_USER, UserId
from upheld.gate.transaction import Transaction
from upheld.practice import operators, passkeys, sign_in_attempts
from upheld.practice.destinations import destination_of, destination_path
from upheld.practice.endpoints import SIGN_IN, Visit, clear_cookie, start_session
from upheld.practice.plugin import Provider
from upheld.practice.sign_in_attempts import AttemptResult
from upheld.web import passwords, sessions
from upheld.web.forms import EMPTY, Field, Filled, read

_LOGGER = logging.getLogger("upheld")
FIELDS = (
    Field("sign-in", "Name you sign in with", autocomplete="username"),
    Field("password", "Password", "password", autocomplete="current-password", length_max=200),
    Field(
        "code",
        "One-time password",
        autocomplete="one-time-code",
        length_max=12,
        hint="Six digits from your authenticator; each works once.",
    ),
)
WRONG = "Name, password or one-time password is not right."
TOO_MANY_TRIES = "There were too many tries. Wait a few minutes, then try again."
HOME = {"staff": "/staff", "agent": "/agent"}
TITLE = {"staff": "Sign in to the console", "agent": "Sign in for engaged companies"}


def log_failure(provider: Provider, kind: str, why: str) -> None:
    """Log and count a sign-in that failed: at which desk and why, and nothing of who it was."""
    facts = {"desk": kind, "why": why}
    _LOGGER.warning("desk sign-in failed", extra={"facts": facts})
    provider.count("upheld_desk_sign_ins_failed_total", **facts)


class DeskSignIn:
    """The pages of signing in and out of one kind of desk."""

    def __init__(self, provider: Provider, kind: str) -> None:
        self.provider, self.kind = provider, kind

    def page(self, request: Request, filled: Filled = EMPTY, status: int = 200) -> Response:
        """The form."""
        blank = filled._replace(shown={**filled.shown, "code": ""})  # it may be used up
        return self.provider.pages.page(
            request,
            "staff/sign-in.html",
            fields=FIELDS,
            filled=blank,
            status=status,
            title=TITLE[self.kind],
            action=SIGN_IN[self.kind],
            options=self._options(request),
            destination=destination_of(self.provider, request, self.kind),
        )

    def _options(self, request: Request) -> str:
        """What a passkey of this desk is asked for by; empty where there can be none."""
        site = passkeys.site_of(self.provider, request)
        return passkeys.sign_in_options(self.provider, site, self.kind) if site else ""

    async def show(self, request: Request) -> Response:
        """The form, empty."""
        return self.page(request)

    async def send(self, request: Request, form: FormData) -> Response:
        """Sign somebody in, and lead them to their desk."""
        provider = self.provider
        filled = read(FIELDS, form)
        if not filled.ok:
            return self.page(request, filled, 422)
        name, password, code = (filled.values[field.name] for field in FIELDS)
        login = await provider.read(
            lambda tables: operators.find_by_sign_in(tables, self.kind, name)
        )
        subject = login[0].user_id if login else ""
        door = await provider.do(
            lambda transaction: sign_in_attempts.count_attempt(
                provider, transaction, request, self.kind, name.casefold(), subject
            )
        )
        if door is AttemptResult.SHUT:
            log_failure(provider, self.kind, "limited")
            return self.page(request, filled.wrong("sign-in", TOO_MANY_TRIES), 429)
        fits = await provider.run_in_thread(passwords.fits, login[1] if login else "", password)
        user_id = login[0].user_id if login and fits else NO_USER
        if (
            door is AttemptResult.SLOWED
            and user_id
            and await provider.do(
                lambda transaction: sign_in_attempts.too_many_codes(provider, transaction, user_id)
            )
        ):
            user_id = NO_USER
        path = destination_path(provider, request, self.kind, HOME[self.kind])
        response: Response = RedirectResponse(path, 303)
        if await provider.do(
            lambda transaction: self._enter(transaction, user_id, name, code, (request, response))
        ):
            return response
        why = "slowed" if door is AttemptResult.SLOWED else "factor" if user_id else "password"
        log_failure(provider, self.kind, why)
        if door is AttemptResult.SLOWED:  # the right code would have let them in
            return self.page(request, filled.wrong("sign-in", TOO_MANY_TRIES), 429)
        return self.page(request, filled.wrong("sign-in", WRONG), 403)

    def _enter(
        self,
        transaction: Transaction,
        user_id: UserId,
        name: str,
        code: str,
        both: tuple[Request, Response],
    ) -> bool:
        tables, at = transaction.tables, self.provider.now()
        if not operators.use_one_time_password(transaction, user_id, code, at):
            return False
        sign_in_attempts.clear_attempts(
            self.provider, transaction, both[0], self.kind, name.casefold(), user_id
        )
        self.provider.limits.clear(tables, "second-factor", user_id, "")
        transaction.note(None, "desk.sign-in", actor=f"{self.kind} {user_id}")
        start_session(self.provider, tables, *both, self.kind, user_id)
        return True

    async def out(self, visit: Visit) -> Response:
        """Sign somebody out."""
        await self.provider.do(lambda transaction: sessions.end(transaction.tables, visit.session))
        response = RedirectResponse(f"{SIGN_IN[self.kind]}?" + urlencode({"left": "yes"}), 303)
        clear_cookie(self.provider, response, self.kind)
        return response
