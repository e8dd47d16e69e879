"""What the practice of parties brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.practice import parties, program_keys
from upheld.practice.endpoints import Handler, open_page, require_sign_in
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.parties.console import HERE, PartyPages
from upheld.practices.parties.leaving import LeavingPage
from upheld.web.outward import LEAVING

SENTENCES = {
    parties.RENAMED: "{actor} changed the name of a company on the register",
    program_keys.CHANGED: "{actor} changed the key of the programs of a company on the register",
}


def practice(provider: Provider) -> Practice:
    """The register of parties at the desk; the public one is a part of the page about us."""
    pages, leaving = PartyPages(provider), LeavingPage(provider)
    with provider.gate.gate.look() as tables:
        parties.load_names(tables)

    def route(method: str, path: str, handler: Handler) -> Route:
        endpoint = require_sign_in(provider, "staff", handler, fresh=True)
        return Route(f"{HERE}{path}", endpoint, methods=[method])

    return Practice(
        "parties",
        recorded_facts=("registered-partner", "engaged", "ownership"),
        routes=[
            Route(f"{LEAVING}/{{link}}", open_page(provider, leaving.show), methods=["GET"]),
            route("GET", "", pages.show),
            route("POST", "", pages.add),
            route("GET", "/{party}", pages.show_one),
            route("POST", "/{party}/name", pages.rename),
            route("POST", "/{party}/key", pages.put_key),
            route("POST", "/{party}/program-key", pages.put_program_key),
            route("POST", "/{party}/mail", pages.put_mail),
            route("POST", "/{party}/end", pages.end),
        ],
        menu=[
            MenuEntry("staff", "Register of parties", HERE, "For managers", 93, roles=(MANAGER,))
        ],
        entry_sentences=SENTENCES,
    )
