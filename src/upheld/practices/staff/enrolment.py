"""Enrolling at a desk: whoever has the link chooses a password and sets up one-time passwords.

Both are kept in one act that uses the link up, so that what was looked at before is worth nothing:
each look offers another secret, and only the one whose code is sent back is taken.
"""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.gate.transaction import Transaction
from upheld.practice import factors, operators
from upheld.practice.endpoints import Visit, network_of, start_session
from upheld.practice.factors import Offer
from upheld.practice.operators import User
from upheld.practice.plugin import Provider
from upheld.practices.staff import people
from upheld.web import passwords, sessions
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.limits import SIGN_IN_ACCOUNT, SIGN_IN_ADDRESS

NEW = Field(
    "password",
    "Password",
    "password",
    autocomplete="new-password",
    length_max=passwords.LENGTH_MAX,
    hint=f"At least {passwords.LENGTH_MIN_STAFF} characters: three"
    " or four words are good. Nobody else learns it.",
)
CODE = Field(
    "code",
    "One-time password",
    autocomplete="one-time-code",
    length_max=12,
    hint="The six digits that your authenticator shows now.",
)
OLD = Field("old", "Password", "password", autocomplete="current-password", length_max=200)
OLD_CODE = Field(
    "old-code",
    "Current one-time password",
    autocomplete="one-time-code",
    length_max=12,
    hint="From the authenticator that you sign in with.",
)
TOO_MANY_TRIES = "There were too many tries from where you are. Wait a few minutes, then try again."
NOT_NOW = "This is not what the authenticator shows for the picture above."
HOME = {"staff": "/staff", "agent": "/agent"}


class EnrolmentPage:
    """The page of enrolling at one kind of desk."""

    def __init__(self, provider: Provider, kind: str) -> None:
        self.provider, self.kind = provider, kind

    def _page(
        self, request: Request, user: User, offer: Offer, filled: Filled = EMPTY, status: int = 200
    ) -> Response:
        blank = filled._replace(shown={})
        return self.provider.pages.page(
            request,
            "staff/enrol.html",
            user=user,
            offer=offer,
            fields=[NEW],
            codes=[CODE],
            filled=blank,
            status=status,
            picture=offer.picture(user.sign_in, self.provider.imprint.name or "upheld"),
        )

    async def choose(self, request: Request, form: FormData) -> Response:
        """Show what to set up; take the password and the first code, and sign them in."""
        provider, at = self.provider, self.provider.now()
        raw = request.path_params["link"]
        user = await provider.read(lambda tables: people.invited_user(tables, self.kind, raw, at))
        if user is None:
            return self._over_page(request)
        binding = f"{user.user_id} {raw}".encode()
        if request.method != "POST":
            return self._page(request, user, factors.new_offer(provider, binding))
        offer = factors.open_offer(provider, binding, str(form.get("offer", "")))
        if offer is None:
            return self._page(request, user, factors.new_offer(provider, binding), status=422)
        filled, step = await self._read_form(request, form, user, offer)
        if step is None:
            return self._page(request, user, offer, filled, 422)
        hashed = await provider.run_in_thread(passwords.hashed, filled.values["password"])
        response: Response = RedirectResponse(HOME[self.kind], 303)

        def work(transaction: Transaction) -> bool:
            enrolled = people.enrol(transaction, self.kind, raw, hashed, offer.secret, step)
            if enrolled is not None:
                start_session(
                    provider, transaction.tables, request, response, self.kind, enrolled.user_id
                )
            return enrolled is not None

        return response if await provider.do(work) else self._over_page(request)

    async def _read_form(
        self, request: Request, form: FormData, user: User, offer: Offer
    ) -> tuple[Filled, int | None]:
        """The form as it was sent, and the time step of its code; None if something is wrong."""
        provider, address = self.provider, network_of(request)
        filled = read([NEW, CODE], form)
        if await provider.do(
            lambda transaction: provider.limits.take(
                transaction.tables, SIGN_IN_ADDRESS, "desk-address", address, at=provider.now()
            )
        ):
            return filled.wrong("code", TOO_MANY_TRIES), None
        if not filled.ok:
            return filled, None
        why = await provider.run_in_thread(
            passwords.refused,
            filled.values["password"],
            (user.name, user.sign_in, provider.imprint.name),
            passwords.LENGTH_MIN_STAFF,
        )
        if why:
            return filled.wrong("password", why), None
        step = factors.first_step(offer, filled.values["code"], provider.now())
        return (filled if step is not None else filled.wrong("code", NOT_NOW)), step

    def _over_page(self, request: Request) -> Response:
        return self.provider.pages.page(request, "staff/enrol-over.html", status=410)


class AuthenticatorPage:
    """Another authenticator for whoever is signed in at a desk and has the one until now."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def _page(
        self, visit: Visit, offer: Offer, filled: Filled = EMPTY, status: int = 200
    ) -> Response:
        user = user_at_desk(visit)
        return self.provider.pages.page(
            visit.request,
            "staff/authenticator.html",
            offer=offer,
            fields=[OLD, OLD_CODE],
            codes=[CODE],
            filled=filled._replace(shown={}),
            status=status,
            home=HOME[user.kind],
            picture=offer.picture(user.sign_in, self.provider.imprint.name or "upheld"),
        )

    async def choose(self, visit: Visit) -> Response:
        """Show what to set up; take it once the password and a code of each are right."""
        provider, user = self.provider, user_at_desk(visit)
        at = provider.now()
        binding = visit.session.key
        offer_text = str(visit.form.get("offer", "")) if visit.request.method == "POST" else ""
        offer = factors.open_offer(provider, binding, offer_text) if offer_text else None
        if offer is None:
            status = 422 if visit.request.method == "POST" else 200
            return self._page(visit, factors.new_offer(provider, binding), status=status)
        filled = read([OLD, OLD_CODE, CODE], visit.form)
        if not filled.ok:
            return self._page(visit, offer, filled, 422)
        if await provider.do(
            lambda transaction: provider.limits.take(
                transaction.tables, SIGN_IN_ACCOUNT, "desk-password", user.user_id, at=at
            )
        ):
            return self._page(visit, offer, filled.wrong("old", TOO_MANY_TRIES), 429)
        login = await provider.read(
            lambda tables: operators.find_by_sign_in(tables, user.kind, user.sign_in)
        )
        fits = await provider.run_in_thread(
            passwords.fits, login[1] if login else "", filled.values["old"]
        )
        if not fits:
            return self._page(visit, offer, filled.wrong("old", "This is not your password."), 403)
        step = factors.first_step(offer, filled.values["code"], at)
        if step is None:
            return self._page(visit, offer, filled.wrong("code", NOT_NOW), 422)

        def work(transaction: Transaction) -> bool:
            tables = transaction.tables
            if not operators.use_one_time_password(
                transaction, user.user_id, filled.values["old-code"], at
            ):
                return False
            operators.change_secret(transaction, user.user_id, offer.secret, step)
            sessions.end_others(tables, visit.session)
            transaction.note(None, "desk.authenticator", actor=f"{user.kind} {user.user_id}")
            return True

        if not await provider.do(work):
            wrong = filled.wrong("old-code", "This is not right, or was used already.")
            return self._page(visit, offer, wrong, 403)
        return provider.pages.page(
            visit.request, "staff/authenticator-done.html", home=HOME[user.kind]
        )


def user_at_desk(visit: Visit) -> User:
    """Who is signed in at a desk of either kind."""
    if visit.user is None:
        raise HTTPException(403)
    return visit.user
