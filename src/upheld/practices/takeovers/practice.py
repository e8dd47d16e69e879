"""What the practice of takeovers brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.gate.operations.jobs import MINUTE, Job
from upheld.practice.documents import FORM_MAX
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.needs import Need
from upheld.practice.owed_notices import NOTICE_OWED
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.takeovers import transparency
from upheld.practices.takeovers.closing import CLOSING, DONE_FACT, NOTIFY, TRANSFER
from upheld.practices.takeovers.closings import ROLES, Closings
from upheld.practices.takeovers.console import TakeoverConsole
from upheld.practices.takeovers.proofs import PROOF_SEEN
from upheld.practices.takeovers.questions import CONSOLE
from upheld.practices.takeovers.work import NOTICE, ONCE, TakeoverWork

NEEDS = (
    Need(
        "transferring accounts to a company that takes over",
        "transfer name to successor for account-transfer at other",
    ),
    Need("telling people that their account was transferred", NOTIFY),
)


def practice(provider: Provider) -> Practice:
    """Takeovers: closings in the console, and what a job does once one is in effect."""
    closings = Closings(provider)
    console, work = TakeoverConsole(provider, closings), TakeoverWork(closings)
    one = f"{CONSOLE}/{{closing}}"

    def route(method: str, path: str, handler: Handler) -> Route:
        largest = FORM_MAX if path == CONSOLE else None
        endpoint = require_sign_in(provider, "staff", handler, body_max=largest, body_roles=ROLES)
        return Route(path, endpoint, methods=[method])

    return Practice(
        "takeovers",
        actions=(TRANSFER, "contact", NOTIFY),
        recorded_facts=(CLOSING, DONE_FACT, NOTICE_OWED),
        action_duties={TRANSFER: {ONCE: work.once, NOTICE: work.notice_to_customer}},
        routes=[
            route("GET", CONSOLE, console.show),
            route("POST", CONSOLE, console.open),
            route("GET", one, console.show_one),
            route("GET", f"{one}/document", console.document),
            route("POST", f"{one}/approve", console.approve),
            route("POST", f"{one}/refuse", console.refuse),
            route("POST", f"{one}/end", console.end),
            route("POST", f"{one}/confirm", console.confirm),
        ],
        menu=[
            MenuEntry(
                "staff",
                "Takeovers",
                CONSOLE,
                "A company takes over: which accounts, from when, and how far it is",
                43,
                roles=ROLES,
            )
        ],
        jobs=[Job("takeovers", MINUTE, work.carry_on)],
        desk_actions=console.waiting,
        duty_pages={NOTIFY: CONSOLE},
        transparency=transparency.source(closings),
        entry_sentences={
            PROOF_SEEN: "{actor} read what came along when we took over {whose} account"
        },
    )
