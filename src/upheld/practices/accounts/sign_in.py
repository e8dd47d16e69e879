"""Signing in and out: by e-mail address and password, limited, the same for whoever is not there.

The password's hash is a value in the vault and read through the gate, for the purpose of security.
Who is not there costs as much time as who is, and is told the same: the same acts are done on
somebody of whom nothing is held, and a password is hashed.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.public import normalised
from upheld.gate.transaction import Transaction
from upheld.practice import credentials, passkeys, sign_in_attempts
from upheld.practice.admission import admission
from upheld.practice.destinations import (
    carried_fields,
    destination_of,
    destination_path,
    with_destination,
)
from upheld.practice.endpoints import (
    Visit,
    clear_cookie,
    give_cookie,
    sign_in_customer,
    start_session,
)
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_reason
from upheld.practice.sign_in_attempts import AttemptResult
from upheld.practices.accounts import authenticator, domain
from upheld.practices.accounts.second_step import CODE_PAGE
from upheld.web import devices, passwords, sessions
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.limits import SIGN_IN_ACCOUNT
from upheld.web.sessions import HALF, Session

PASSWORD: Final = Field(
    "password",
    "Password",
    "password",
    autocomplete="current-password",
    length_max=passwords.LENGTH_MAX,
)
FIELDS: Final = (
    Field("email", "E-mail address", "email", autocomplete="username", length_max=254),
    PASSWORD,
)
CODE: Final = Field(
    "code",
    "One-time password or recovery code",
    autocomplete="one-time-code",
    length_max=30,
    required=False,
    hint="If you set up a second factor, its code lets you in although others tried too often.",
)
WRONG: Final = "E-mail address or password is not right, or the address is not confirmed yet."
TOO_MANY_TRIES: Final = "There were too many tries. Wait a few minutes, then try again."
NOTICES: Final = {  # what the page says first, by a word of its address
    "passkey": "That passkey did not sign you in. Try again, or sign in by your password.",
    "left": "You are signed out.",
    "confirmed": "Your address is confirmed. Sign in to continue.",
    "changed": "Your password is changed, and every browser is signed out. Sign in with it.",
}
ACCEPT: Final = "/me/acceptance"


class CustomerSignIn:
    """The pages of signing in and out."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def page(
        self, request: Request, filled: Filled = EMPTY, status: int = 200, *, slowed: bool = False
    ) -> Response:
        """The form; where strangers tried too often, with a place for the second factor's code."""
        fields = (*FIELDS, CODE) if slowed else FIELDS
        return self.provider.pages.page(
            request,
            "accounts/sign-in.html",
            fields=fields,
            filled=filled,
            status=status,
            destination=destination_of(self.provider, request, "customer"),
            options=self._options(request),
            said=NOTICES.get(request.query_params.get("said", "")),
        )

    def _options(self, request: Request) -> str:
        """What a passkey is asked for by; empty where there can be none."""
        site = passkeys.site_of(self.provider, request)
        return passkeys.sign_in_options(self.provider, site, "customer") if site else ""

    def _path(self, request: Request) -> str:
        return destination_path(self.provider, request, "customer", "/me")

    async def show(self, request: Request) -> Response:
        """The form, empty."""
        return self.page(request)

    async def send(self, request: Request, form: FormData) -> Response:
        """Sign somebody in, and lead them where they wanted to go."""
        provider = self.provider
        filled = read([*FIELDS, CODE], form)
        if not filled.ok:
            return self.page(request, filled, 422)
        email, password = filled.values["email"], filled.values["password"]
        code = filled.values.get("code", "")
        filled = filled._replace(shown={**filled.shown, "code": ""})
        door = await provider.do(lambda transaction: self._door(transaction, request, email))
        slowed = door is AttemptResult.SLOWED
        late = filled.wrong("email", TOO_MANY_TRIES)
        if door is AttemptResult.SHUT or (slowed and not code):
            return self.page(request, late, 429, slowed=slowed)
        person, stored_hash = await provider.do(
            lambda transaction: self._stored_hash(transaction, email)
        )
        is_right = await provider.run_in_thread(passwords.fits, stored_hash, password)
        if person is None or not is_right:  # looked at for nobody too, which takes as long
            wrong = late if slowed else filled.wrong("email", WRONG)
            return self.page(request, wrong, 429 if slowed else 403, slowed=slowed)
        if slowed and await provider.do(
            lambda transaction: sign_in_attempts.too_many_codes(provider, transaction, person)
        ):
            return self.page(request, late, 429, slowed=True)
        response: Response = RedirectResponse(self._path(request), 303)
        result = await provider.attempt(
            lambda transaction: self._enter(
                transaction, person, email, request, response, code, slowed=slowed
            )
        )
        if result is None:
            return self.page(request, late, 429, slowed=True)
        if isinstance(result, Refused):
            return self._waiting_page(request, result)
        if result:
            response.headers["location"] = result
        return response

    def _waiting_page(self, request: Request, refusal: Refused) -> Response:
        """The page for somebody whom the policy does not let us serve at the moment."""
        policy = self.provider.policy
        why = refusal_reason(policy, refusal.decision)
        return self.provider.pages.page(
            request,
            "accounts/waiting.html",
            status=403,
            why=why,
            guardian=bool(why.missing & admission(policy).guardian_facts),
        )

    def _door(self, transaction: Transaction, request: Request, email: str) -> AttemptResult:
        """How a try is met; whose address it is matters to known devices alone."""
        name = normalised("email", email)
        is_known_device = sign_in_attempts.has_device_cookie(self.provider, request, "customer")
        person = domain.person_at_address(transaction, email) if is_known_device else None
        return sign_in_attempts.count_attempt(
            self.provider, transaction, request, "customer", name, person or ""
        )

    def _stored_hash(self, transaction: Transaction, email: str) -> tuple[PersonId | None, str]:
        """The person with an address and a confirmed account, and their password's hash.

        For an address without one the same is asked of somebody of whom nothing is held.
        """
        person_id = domain.person_at_address(transaction, email)
        whose = person_id or domain.placeholder_person(transaction)
        return person_id, credentials.stored_secrets(transaction, whose).get(
            credentials.SIGN_IN, ""
        )

    def _enter(  # noqa: PLR0913 - what came with the form, and the answer to it
        self,
        transaction: Transaction,
        person_id: PersonId,
        email: str,
        request: Request,
        response: Response,
        code: str,
        *,
        slowed: bool,
    ) -> Refused | str | None:
        """Start a session, and return the path to go to first; empty for where they wanted to go.

        If `slowed`, the code of a second factor is needed, and None is returned without it.
        """
        if slowed and not authenticator.use_code(transaction, person_id, code):
            return None
        result = domain.check_may_serve(transaction, person_id)
        if isinstance(result, Refused):
            return result
        name = normalised("email", email)
        sign_in_attempts.clear_attempts(
            self.provider, transaction, request, "customer", name, person_id
        )
        if slowed:
            self.provider.limits.clear(transaction.tables, "second-factor", person_id, "")
        elif authenticator.second_factor(transaction.tables, person_id) is not None:
            return self._start_second_step(transaction, person_id, request, response)
        sign_in_customer(self.provider, transaction, request, response, person_id)
        account = domain.account_of(transaction.tables, person_id)
        if account is None or account.policy_digest:
            return ""
        return with_destination(ACCEPT, destination_of(self.provider, request, "customer"))

    def _start_second_step(
        self, transaction: Transaction, person_id: PersonId, request: Request, response: Response
    ) -> str:
        """Start a session that opens only the page of the second factor, and return its path."""
        device = devices.name_of(request.headers.get("user-agent", ""))
        raw = sessions.begin(transaction.tables, HALF, person_id, self.provider.now(), device)
        give_cookie(self.provider, response, HALF, raw)
        return with_destination(CODE_PAGE, destination_of(self.provider, request, "customer"))

    def _again_page(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        return self.provider.pages.page(
            visit.request,
            "accounts/again.html",
            status=status,
            fields=[PASSWORD],
            filled=filled,
            destination=destination_of(self.provider, visit.request, "customer"),
            carried=self._carried(visit),
        )

    def _carried(self, visit: Visit) -> list[tuple[str, str]]:
        """What was filled in on the page that asked for the password again."""
        path = self._path(visit.request)
        names = carried_fields(self.provider, path) if visit.request.method == "POST" else ()
        texts = [(name, visit.form.get(name)) for name in names]
        return [(name, text) for name, text in texts if isinstance(text, str) and text]

    async def again(self, visit: Visit) -> Response:
        """Ask somebody who is signed in for the password again, before what needs it."""
        provider, person = self.provider, visit.subject
        carried = self._carried(visit)
        if visit.request.method == "GET" or (carried and PASSWORD.name not in visit.form):
            return self._again_page(visit)
        filled = read([PASSWORD], visit.form)
        if not filled.ok:
            return self._again_page(visit, filled, 422)
        if await provider.do(
            lambda transaction: provider.limits.take(
                transaction.tables, SIGN_IN_ACCOUNT, "again", person, at=provider.now()
            )
        ):
            return self._again_page(visit, filled.wrong("password", TOO_MANY_TRIES), 429)
        hashes = await provider.do(
            lambda transaction: credentials.stored_secrets(transaction, person)
        )
        fits = await provider.run_in_thread(
            passwords.fits, hashes.get(credentials.SIGN_IN, ""), filled.values["password"]
        )
        if not fits:
            return self._again_page(visit, filled.wrong("password", "This is not right."), 403)
        response: Response = RedirectResponse(self._path(visit.request), 303)

        def renew(transaction: Transaction) -> Session | None:
            tables = transaction.tables
            provider.limits.clear(tables, "again", person)
            raw = start_session(provider, tables, visit.request, response, "customer", person)
            return sessions.find(tables, "customer", raw, provider.now())

        session = await provider.do(renew)
        if carried and session is not None:
            return self._send_on_page(visit.request, response, carried, session)
        return response

    def _send_on_page(
        self,
        request: Request,
        response: Response,
        carried: list[tuple[str, str]],
        session: Session,
    ) -> Response:
        """The page that sends what was filled in before the password; with a response's cookies."""
        request.state.token = self.provider.tokens.of(session)
        page = self.provider.pages.page(
            request, "accounts/send-on.html", carried=carried, target=self._path(request)
        )
        page.raw_headers.extend(each for each in response.raw_headers if each[0] == b"set-cookie")
        return page

    async def sign_out(self, visit: Visit) -> Response:
        """Sign somebody out."""
        await self.provider.do(lambda transaction: sessions.end(transaction.tables, visit.session))
        response = RedirectResponse("/sign-in?" + urlencode({"said": "left"}), 303)
        clear_cookie(self.provider, response, "customer")
        return response
