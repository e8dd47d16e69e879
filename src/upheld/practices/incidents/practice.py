"""What the practice of incidents brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.gate.operations.jobs import MINUTE, Job
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.needs import Need
from upheld.practice.owed_notices import NOTICE_OWED
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.incidents import transparency
from upheld.practices.incidents.console import IncidentConsole
from upheld.practices.incidents.drills import SENTENCES
from upheld.practices.incidents.incidents import FACT, NOTIFY, ROLES, Incidents
from upheld.practices.incidents.notices import IncidentWork
from upheld.practices.incidents.pages import PAGE, IncidentPages
from upheld.practices.incidents.questions import CONSOLE

NEEDS = (Need("telling people of a breach", NOTIFY),)


def practice(provider: Provider) -> Practice:
    """Incidents: opened and answered for in the console, told to whom they touched."""
    model = Incidents(provider)
    console, pages, work = (
        IncidentConsole(provider, model),
        IncidentPages(provider, model),
        IncidentWork(model),
    )
    one = f"{CONSOLE}/{{incident}}"

    def route(kind: str, method: str, path: str, handler: Handler) -> Route:
        return Route(path, require_sign_in(provider, kind, handler), methods=[method])

    return Practice(
        "incidents",
        actions=("contact", NOTIFY),
        recorded_facts=(FACT, NOTICE_OWED),
        routes=[
            route("customer", "GET", f"{PAGE}/{{incident}}", pages.show),
            route("staff", "GET", CONSOLE, console.show),
            route("staff", "POST", CONSOLE, console.open),
            route("staff", "GET", one, console.show_one),
            route("staff", "POST", f"{one}/draft", console.draft),
            route("staff", "POST", f"{one}/approve", console.approve),
            route("staff", "POST", f"{one}/note", console.note),
            route("staff", "POST", f"{one}/close", console.close),
            route("staff", "GET", f"{one}/counts.csv", console.counts),
        ],
        menu=[
            MenuEntry(
                "staff",
                "Incidents",
                CONSOLE,
                "Something was misused: whom it touched, and the notices",
                45,
                roles=ROLES,
            )
        ],
        jobs=[Job("incidents", MINUTE, work.carry_on)],
        duty_pages={NOTIFY: CONSOLE},
        transparency=transparency.source(model),
        pending_actions=pages.waiting,
        desk_actions=console.waiting,
        entry_sentences=SENTENCES,
    )
