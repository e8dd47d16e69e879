"""The pages of a customer's second factor: setting it up, giving it at sign-in, removing it.

Whoever gave the right password and has a second factor gets a session of its own kind, which opens
nothing but the page that asks for the code, and that for ten minutes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice import credentials, factors, outbox, sign_in_attempts
from upheld.practice.destinations import destination_of, destination_path, with_destination
from upheld.practice.endpoints import Visit, clear_cookie, cookie_name, sign_in_customer
from upheld.practice.factors import Offer
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_page
from upheld.practices.accounts import authenticator, domain
from upheld.web import sessions
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.limits import SIGN_IN_ACCOUNT
from upheld.web.sessions import HALF, Session

HERE: Final = "/me/security/authenticator"
CODE_PAGE: Final = "/sign-in/code"
ACCEPT: Final = "/me/acceptance"
LASTS: Final = timedelta(minutes=10)
TOO_MANY_TRIES: Final = "There were too many tries. Wait a few minutes, then try again."
WRONG: Final = "This is not right, or was used already."
FIRST: Final = Field(
    "code",
    "One-time password",
    autocomplete="one-time-code",
    length_max=30,
    hint="The six digits that your authenticator shows now.",
)
CODE: Final = Field(
    "code",
    "One-time password or recovery code",
    autocomplete="one-time-code",
    length_max=30,
    hint="Six digits from your authenticator, or one of the codes"
    " that you kept for when it is lost.",
)


class SecondStep:
    """The pages of second factors."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def _pending_session(self, request: Request) -> Session | None:
        """The session of whoever gave the right password a moment ago."""
        provider, at = self.provider, self.provider.now()
        raw = request.cookies.get(cookie_name(provider, HALF), "")
        if not raw:
            return None
        session = await provider.read(lambda tables: sessions.find(tables, HALF, raw, at))
        return session if session is not None and at - session.started_at <= LASTS else None

    def _code_page(self, request: Request, filled: Filled = EMPTY, status: int = 200) -> Response:
        return self.provider.pages.page(
            request,
            "accounts/code.html",
            fields=[CODE],
            filled=filled._replace(shown={}),
            status=status,
            destination=destination_of(self.provider, request, "customer"),
        )

    async def ask(self, request: Request, form: FormData) -> Response:
        """Ask for the second factor, and sign in whoever gives it."""
        half = await self._pending_session(request)
        if half is None:
            return RedirectResponse("/sign-in", 303)
        if request.method != "POST":
            return self._code_page(request)
        filled = read([CODE], form)
        if not filled.ok:
            return self._code_page(request, filled, 422)
        provider, person = self.provider, PersonId(half.subject)
        if await self._is_limited(request, person):
            return self._code_page(request, filled.wrong("code", TOO_MANY_TRIES), 429)
        path = destination_path(provider, request, "customer", "/me")
        response: Response = RedirectResponse(path, 303)

        def work(transaction: Transaction) -> bool:
            again = sessions.find(
                transaction.tables,
                HALF,
                request.cookies.get(cookie_name(provider, HALF), ""),
                provider.now(),
            )
            if again is None or not authenticator.use_code(
                transaction, person, filled.values["code"]
            ):
                return False
            sessions.end(transaction.tables, again)
            provider.limits.clear(transaction.tables, *self._limit_key(request, person))
            clear_cookie(provider, response, HALF)
            sign_in_customer(provider, transaction, request, response, person)
            account = domain.account_of(transaction.tables, person)
            if account is not None and not account.policy_digest:
                go_on = destination_of(provider, request, "customer")
                response.headers["location"] = with_destination(ACCEPT, go_on)
            return True

        if await provider.do(work):
            return response
        return self._code_page(request, filled.wrong("code", WRONG), 403)

    async def _is_limited(self, request: Request, person_id: PersonId) -> bool:
        """Count a try of a code: a device that was let in before is counted for itself alone."""
        provider = self.provider
        name = self._limit_key(request, person_id)
        return bool(
            await provider.do(
                lambda transaction: provider.limits.take(
                    transaction.tables, SIGN_IN_ACCOUNT, *name, at=provider.now()
                )
            )
        )

    def _limit_key(self, request: Request, person_id: PersonId) -> tuple[str, str, str]:
        device = sign_in_attempts.find_device(self.provider, request, "customer", person_id)
        return "second-factor", person_id, device.word if device else ""

    def _offer_page(
        self, visit: Visit, offer: Offer, filled: Filled = EMPTY, status: int = 200
    ) -> Response:
        name = self.provider.imprint.name or "upheld"
        return self.provider.pages.page(
            visit.request,
            "accounts/authenticator.html",
            offer=offer,
            fields=[FIRST],
            filled=filled._replace(shown={}),
            status=status,
            standing=None,
            picture=offer.picture("my account", name),
        )

    def _state_page(
        self,
        visit: Visit,
        factor: authenticator.SecondFactor,
        filled: Filled = EMPTY,
        status: int = 200,
    ) -> Response:
        return self.provider.pages.page(
            visit.request,
            "accounts/authenticator.html",
            standing=factor,
            fields=[CODE],
            filled=filled._replace(shown={}),
            status=status,
        )

    def _codes_page(self, visit: Visit, codes: list[str]) -> Response:
        return self.provider.pages.page(visit.request, "accounts/recovery-codes.html", codes=codes)

    async def show(self, visit: Visit) -> Response:
        """What to set up, or how the second factor stands and how to remove it."""
        person = visit.subject
        factor = await self.provider.read(
            lambda tables: authenticator.second_factor(tables, person)
        )
        if factor is not None:
            return self._state_page(visit, factor)
        return self._offer_page(visit, factors.new_offer(self.provider, visit.session.key))

    async def change(self, visit: Visit) -> Response:
        """Set it up; or, by one more code, remove it or make other recovery codes."""
        person = visit.subject
        factor = await self.provider.read(
            lambda tables: authenticator.second_factor(tables, person)
        )
        if factor is None:
            return await self._turn_on(visit)
        filled = read([CODE], visit.form)
        if not filled.ok:
            return self._state_page(visit, factor, filled, 422)
        if await self._is_limited(visit.request, person):
            return self._state_page(visit, factor, filled.wrong("code", TOO_MANY_TRIES), 429)
        remove = visit.form.get("what") == "remove"

        def work(transaction: Transaction) -> list[str] | None:
            if not authenticator.use_code(transaction, person, filled.values["code"]):
                return None
            counted = self._limit_key(visit.request, person)
            self.provider.limits.clear(transaction.tables, *counted)
            if not remove:
                return authenticator.new_codes(transaction, person)
            authenticator.turn_off(transaction, person)
            self._tell(transaction, person)
            return []

        codes = await self.provider.do(work)
        if codes is None:
            return self._state_page(visit, factor, filled.wrong("code", WRONG), 403)
        return RedirectResponse("/me/security", 303) if remove else self._codes_page(visit, codes)

    async def _turn_on(self, visit: Visit) -> Response:
        provider, person = (
            self.provider,
            visit.subject,
        )
        offer = factors.open_offer(provider, visit.session.key, str(visit.form.get("offer", "")))
        if offer is None:
            return self._offer_page(
                visit, factors.new_offer(self.provider, visit.session.key), status=422
            )
        filled = read([FIRST], visit.form)
        if not filled.ok:
            return self._offer_page(visit, offer, filled, 422)
        step = factors.first_step(offer, filled.values["code"], provider.now())
        if step is None:
            wrong = filled.wrong(
                "code", "This is not what the authenticator shows for the picture."
            )
            return self._offer_page(visit, offer, wrong, 422)

        def work(transaction: Transaction) -> list[str] | Decision:
            act, _ = transaction.letting_in(
                ("credentials",),
                source="customer",
                purpose="security",
                occasion=credentials.change_occasion(transaction, person),
            )
            decision = transaction.peek(person, act)
            if not decision.allowed:
                return decision
            codes = authenticator.turn_on(transaction, person, offer, step)
            if codes:
                sessions.end_others(transaction.tables, visit.session)
                self._tell(transaction, person)
            return codes

        codes = await provider.do(work)
        if isinstance(codes, Decision):
            return refusal_page(provider, visit.request, Refused(None, codes))
        return self._codes_page(visit, codes) if codes else RedirectResponse(HERE, 303)

    def _tell(self, transaction: Transaction, person_id: PersonId) -> None:
        outbox.queue(transaction, person_id, "accounts/factor", "administrative-message")
