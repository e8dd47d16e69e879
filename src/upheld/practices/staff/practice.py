"""What the practice of staff brings."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from upheld.practice.endpoints import SIGN_IN, Handler, anybody, open_page, require_sign_in
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.staff.console import Console
from upheld.practices.staff.enrolment import AuthenticatorPage, EnrolmentPage
from upheld.practices.staff.my_desk import MyDeskPage
from upheld.practices.staff.passkey import DeskPasskeys
from upheld.practices.staff.people_page import PeoplePage
from upheld.practices.staff.public_safeguards import HERE, PublicSafeguards
from upheld.practices.staff.public_transparency import HERE as REPORT
from upheld.practices.staff.public_transparency import PublicTransparency
from upheld.practices.staff.roles import MANAGER, Roles, read_roles
from upheld.practices.staff.safeguards import Safeguards
from upheld.practices.staff.sign_in import HOME, DeskSignIn
from upheld.practices.staff.watch import Watch
from upheld.web.pages import EVERYBODY

NEEDS = tuple(
    Need(
        f"looking at customers for {purpose.replace('-', ' ')}",
        f"view email by staff for {purpose}",
    )
    for purpose in ("support", "billing", "debt-collection", "rights-request", "security")
)

SENTENCES = {
    "desk.sign-in": "{actor} signed in",
    "desk.password": "{actor} changed their password",
    "desk.authenticator": "{actor} set up another authenticator",
    "desk.passkey-on": "{actor} made a passkey",
    "desk.passkey-off": "{actor} removed a passkey",
    "desk.enrol": "{actor} enrolled",
    "desk.add": "{actor} added somebody who works here",
    "desk.invite": "{actor} invited somebody who works here to enrol again",
    "desk.end": "{actor} removed somebody's access",
    "desk.ask": "{actor} asked another manager to add somebody, or to change their roles",
    "desk.yes-add": "{actor} agreed to add somebody",
    "desk.yes-roles": "{actor} agreed to change somebody's roles",
    "desk.yes-enrol": "{actor} agreed to let somebody enrol again",
    "desk.no-add": "{actor} did not agree to add somebody",
    "desk.no-roles": "{actor} did not agree to change somebody's roles",
    "desk.no-enrol": "{actor} did not agree to let somebody enrol again",
}


def practice(provider: Provider) -> Practice:
    """Signing in at a desk, the console, and its managers' pages."""
    roles = read_roles(provider.settings.roles, provider.policy.program)
    console, desk = Console(provider, roles), MyDeskPage(provider)
    people, safeguards = PeoplePage(provider, roles), Safeguards(provider)
    watch, guarding = Watch(provider, roles), PublicSafeguards(provider)
    counting = PublicTransparency(provider)

    def route(method: str, path: str, handler: Handler, *, fresh: bool = False) -> Route:
        endpoint = require_sign_in(provider, "staff", handler, fresh=fresh)
        return Route(f"/staff{path}", endpoint, methods=[method])

    return Practice(
        "staff",
        actions=("use", "view"),
        recorded_facts=("staff-need",),
        routes=[
            *_signing(provider, "staff"),
            *_signing(provider, "agent"),
            route("GET", "", console.home),
            route("POST", "/find", console.find),
            route("GET", "/tasks/{task}", console.show),
            route("POST", "/tasks/{task}/take", console.take),
            route("POST", "/tasks/{task}/reveal", console.reveal),
            route("POST", "/tasks/{task}/sign-out", console.sign_out),
            route("POST", "/tasks/{task}/leave", console.leave),
            route("POST", "/tasks/{task}/pass", console.pass_on),
            route("GET", "/me", desk.show),
            route("POST", "/me/account", desk.leave),
            route("POST", "/me/password", desk.change),
            route("GET", "/people", people.show, fresh=True),
            route("POST", "/people", people.add, fresh=True),
            route("POST", "/people/roles", people.ask_roles, fresh=True),
            route("POST", "/people/requests/{request}", people.answer, fresh=True),
            route("POST", "/people/{user}/ask", people.ask, fresh=True),
            route("POST", "/people/{user}/end", people.end, fresh=True),
            Route(HERE, open_page(provider, guarding.show), methods=["GET"]),
            Route(REPORT, open_page(provider, counting.show), methods=["GET"]),
            Route(f"{REPORT}.json", open_page(provider, counting.json), methods=["GET"]),
            Route(f"{REPORT}.csv", open_page(provider, counting.csv), methods=["GET"]),
            route("GET", "/watch", watch.show),
            route("GET", "/safeguards", safeguards.show),
            route("POST", "/safeguards", safeguards.check),
        ],
        menu=_menu(roles),
        entry_sentences=SENTENCES,
    )


def _menu(roles: Roles) -> list[MenuEntry]:
    return [
        MenuEntry("staff", "Console", "/staff", "What waits", 0, bar=True, part="Queue"),
        MenuEntry("staff", "My desk", "/staff/me", "My password, my own account", 90, bar=True),
        MenuEntry(
            "staff",
            "Watch",
            "/staff/watch",
            "What is not whole, and what a job set aside",
            94,
            roles=roles.watching,
        ),
        MenuEntry(EVERYBODY, "Safeguards", HERE, "", 21, bar=True),
        MenuEntry("staff", "Who works here", "/staff/people", "For managers", 95, roles=(MANAGER,)),
        MenuEntry("staff", "Safeguards", "/staff/safeguards", "For managers", 96, roles=(MANAGER,)),
        MenuEntry(
            "agent", "Passkeys", "/agent/passkeys", "Sign in without a password", 90, bar=True
        ),
        MenuEntry("agent", "Authenticator", "/agent/authenticator", "Set up another", 91, bar=True),
    ]


def _signing(provider: Provider, kind: str) -> list[BaseRoute]:
    sign_in, path = DeskSignIn(provider, kind), SIGN_IN[kind]
    own = DeskPasskeys(provider, kind, HOME[kind])
    enrolling, renewing = EnrolmentPage(provider, kind), AuthenticatorPage(provider)
    out, both = require_sign_in(provider, kind, sign_in.out), ["GET", "POST"]
    return [
        Route(path, open_page(provider, sign_in.show), methods=["GET"]),
        Route(path, anybody(provider, sign_in.send), methods=["POST"]),
        Route(f"/{kind}/sign-out", out, methods=["POST"]),
        Route(f"/{kind}/enrol/{{link}}", anybody(provider, enrolling.choose), methods=both),
        Route(f"{path}/passkey", anybody(provider, own.sign_in), methods=["POST"]),
        Route(
            f"/{kind}/passkeys",
            require_sign_in(provider, kind, own.show, fresh=True),
            methods=["GET"],
        ),
        Route(
            f"/{kind}/passkeys",
            require_sign_in(provider, kind, own.change, fresh=True),
            methods=["POST"],
        ),
        Route(
            f"/{kind}/authenticator", require_sign_in(provider, kind, renewing.choose), methods=both
        ),
    ]
