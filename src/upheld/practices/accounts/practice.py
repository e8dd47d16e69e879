"""What the practice of accounts brings."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from upheld.policy.load import Policy
from upheld.practice import credentials, invitations
from upheld.practice.admission import admission
from upheld.practice.destinations import mark_endpoint
from upheld.practice.endpoints import anybody, cookie_name, open_page, require_sign_in
from upheld.practice.events import ACCOUNT_CLOSED, CAME_OF_AGE, PASSWORD_CHANGED
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, MessageLink, Practice, Provider
from upheld.practices.accounts import domain
from upheld.practices.accounts.acceptance import Acceptance
from upheld.practices.accounts.home import Home
from upheld.practices.accounts.households import Households
from upheld.practices.accounts.jobs import JOBS, on_coming_of_age
from upheld.practices.accounts.passkey import HERE as KEYS
from upheld.practices.accounts.passkey import SIGN_IN_PAGE, CustomerPasskeys
from upheld.practices.accounts.registration_form import registration_form
from upheld.practices.accounts.second_step import CODE_PAGE, HERE, SecondStep
from upheld.practices.accounts.security import Security, revoke_links
from upheld.practices.accounts.sign_in import ACCEPT, CustomerSignIn
from upheld.practices.accounts.sign_up_pages import SignUp
from upheld.practices.accounts.terms import HERE as TERMS_VERSIONS
from upheld.practices.accounts.terms import Agreement, TermsPages
from upheld.practices.accounts.terms_console import MENU as TERMS_MENU
from upheld.practices.accounts.terms_console import TermsConsole

LINKS = {
    "verify": MessageLink("/verify", timedelta(hours=24)),
    "recover": MessageLink("/recover", timedelta(minutes=30)),
    invitations.HOUSEHOLD: MessageLink("/join", invitations.LASTS),
}


def _asks_nobody(policy: Policy) -> str:
    """Why nobody can sign up; empty where somebody can."""
    form = registration_form(policy)
    if form.lacks:
        return f"nobody is asked, since no clause lets us ask for {', '.join(form.lacks)}"
    return "" if admission(policy).is_open else "nobody who is new here may be served"


NEEDS = (
    Need("signing up", why_off=_asks_nobody),
    Need("the message that confirms an address", "contact for administrative-message"),
    Need("signing in with a password", "use credentials for security"),
    Need("the name on somebody's own pages", "view name by customer for service-provision"),
)


def practice(provider: Provider) -> Practice:
    """Signing up, signing in, my account."""
    agreement = Agreement(provider.settings.agreement)
    sign_up = SignUp(provider, agreement)
    accept, console = Acceptance(provider, agreement, sign_up.accept), TermsConsole(provider)
    return Practice(
        "accounts",
        actions=("collect", "contact", "serve", "store", "use", "view"),
        recorded_facts=("opted-out", "advertising-opt-out"),
        routes=[
            *_open(provider, sign_up, TermsPages(provider, agreement)),
            *_own(provider, Home(provider), accept),
            *_households(provider, Households(provider, sign_up)),
            *console.routes(),
        ],
        menu=[
            MenuEntry(
                "customer",
                "My account",
                "/me",
                "Everything at a glance",
                0,
                bar=True,
                part="At a glance",
            ),
            MenuEntry("customer", "Household", "/me/household", "Adults whose bills you pay", 80),
            MenuEntry(
                "customer",
                "Security",
                "/me/security",
                "Your password, and where you are signed in",
                85,
            ),
            TERMS_MENU,
        ],
        destinations={
            "accountmenu": "/me",
            "security": "/me/security",
            "password": "/me/security/password",
            "authenticator": HERE,
            "passkeys": KEYS,
            "household": "/me/household",
        },
        derived_fields={"account-id": ((), domain.number_in_act)},
        provers={"account-standing": (domain.prove_standing, ())},
        payer=domain.payer_of,
        account_number=domain.number_of,
        before_erasure=partial(domain.release_members, provider),
        finders={"account": domain.find_by_number},
        field_readers={"credentials": credentials.decode_secrets},
        jobs=JOBS,
        links=LINKS,
        outward_links=lambda transaction: agreement.addresses(transaction.tables),
        listeners={
            CAME_OF_AGE: on_coming_of_age,
            ACCOUNT_CLOSED: domain.close,
            PASSWORD_CHANGED: revoke_links,
        },
        pending_actions=accept.waiting,
        manager_actions=console.pending,
    )


def _open(provider: Provider, sign_up: SignUp, terms: TermsPages) -> list[BaseRoute]:
    """Pages for whoever is not signed in."""
    sign_in, security = CustomerSignIn(provider), Security(provider)
    both = ["GET", "POST"]
    return [
        Route("/terms", open_page(provider, terms.show), methods=["GET"]),
        Route(TERMS_VERSIONS, open_page(provider, terms.show_all), methods=["GET"]),
        Route(f"{TERMS_VERSIONS}/{{number}}", terms.show_version, methods=["GET"]),
        Route(f"{TERMS_VERSIONS}/{{number}}/terms.md", terms.file, methods=["GET"]),
        Route("/sign-up", open_page(provider, sign_up.show), methods=["GET"]),
        Route("/sign-up", anybody(provider, sign_up.send_age), methods=["POST"]),
        Route("/sign-up/form", anybody(provider, sign_up.send), methods=["POST"]),
        Route("/sign-up/sent", sign_up.sent_page, methods=["GET"]),
        Route("/sign-up/continue", anybody(provider, sign_up.return_page), methods=both),
        Route("/verify/{link}", anybody(provider, sign_up.verify), methods=both),
        Route("/sign-in", open_page(provider, sign_in.show), methods=["GET"]),
        Route("/sign-in", anybody(provider, sign_in.send), methods=["POST"]),
        Route(
            SIGN_IN_PAGE, anybody(provider, CustomerPasskeys(provider).sign_in), methods=["POST"]
        ),
        Route(CODE_PAGE, anybody(provider, SecondStep(provider).ask), methods=both),
        Route("/sign-in/again", require_sign_in(provider, "customer", sign_in.again), methods=both),
        Route(
            "/sign-out", require_sign_in(provider, "customer", sign_in.sign_out), methods=["POST"]
        ),
        Route("/recover", anybody(provider, security.recover), methods=both),
        Route("/recover/sent", security.sent_page, methods=["GET"]),
        Route("/recover/{link}", anybody(provider, security.choose), methods=both),
        Route("/.well-known/change-password", _to_security, methods=["GET"]),
    ]


def _own(provider: Provider, home: Home, accept: Acceptance) -> list[BaseRoute]:
    """Pages of a customer."""
    keys = CustomerPasskeys(provider)
    security, second, both = Security(provider), SecondStep(provider), ["GET", "POST"]
    return [
        Route(
            "/me", require_sign_in(provider, "customer", home.show, is_use=True), methods=["GET"]
        ),
        Route(ACCEPT, require_sign_in(provider, "customer", accept.show), methods=["GET"]),
        Route(ACCEPT, require_sign_in(provider, "customer", accept.send), methods=["POST"]),
        Route(
            "/me/security", require_sign_in(provider, "customer", security.show), methods=["GET"]
        ),
        Route(
            "/me/security/end",
            require_sign_in(provider, "customer", security.end),
            methods=["POST"],
        ),
        Route(KEYS, require_sign_in(provider, "customer", keys.show, fresh=True), methods=["GET"]),
        Route(
            KEYS, require_sign_in(provider, "customer", keys.change, fresh=True), methods=["POST"]
        ),
        Route(
            HERE, require_sign_in(provider, "customer", second.show, fresh=True), methods=["GET"]
        ),
        Route(
            HERE, require_sign_in(provider, "customer", second.change, fresh=True), methods=["POST"]
        ),
        Route(
            "/me/security/password",
            require_sign_in(provider, "customer", security.change, fresh=True),
            methods=both,
        ),
    ]


def _households(provider: Provider, pages: Households) -> list[BaseRoute]:
    """Pages of households. Who opens an invitation is signed in, or asked to sign up."""
    mine = require_sign_in(provider, "customer", pages.join)
    anyone = anybody(provider, pages.join_page)

    async def join(request: Request) -> Response:
        is_signed_in = cookie_name(provider, "customer") in request.cookies
        return await (mine if is_signed_in or request.method == "POST" else anyone)(request)

    mark_endpoint(join, "customer")
    return [
        Route(
            "/me/household",
            require_sign_in(provider, "customer", pages.show, is_use=True),
            methods=["GET"],
        ),
        Route(
            "/me/household", require_sign_in(provider, "customer", pages.invite), methods=["POST"]
        ),
        Route(
            "/me/household/end", require_sign_in(provider, "customer", pages.end), methods=["POST"]
        ),
        Route("/join/{link}", join, methods=["GET", "POST"]),
    ]


async def _to_security(request: Request) -> Response:
    """Where programs that keep passwords look for the page to change one."""
    del request
    return RedirectResponse("/me/security", 302)
