"""What the practice of extracts brings."""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from upheld.gate.operations.jobs import MINUTE, Job
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.extracts import extracts
from upheld.practices.extracts.pages import HERE, ROLES, ExtractPages

EVERY_SECONDS: Final = 10 * MINUTE
NEEDS: Final = (Need("extracts under pseudonyms", "use usage for service-improvement"),)


def practice(provider: Provider) -> Practice:
    """Extracts for research and for improving services, inside and under pseudonyms."""
    pages = ExtractPages(provider)

    def route(method: str, path: str, handler: Handler) -> Route:
        endpoint = require_sign_in(provider, "staff", handler, fresh=True)
        return Route(f"{HERE}{path}", endpoint, methods=[method])

    return Practice(
        "extracts",
        actions=("use",),
        routes=[
            route("GET", "", pages.show),
            route("POST", "", pages.ask),
            route("GET", "/{extract}", pages.show_one),
            route("POST", "/{extract}", pages.decide),
            route("POST", "/{extract}/end", pages.end),
            route("GET", "/{extract}/rows", pages.rows),
            route("GET", "/{extract}/counts", pages.counts),
        ],
        menu=[
            MenuEntry(
                "staff",
                "Extracts",
                HERE,
                "Rows under pseudonyms, for research and for improving services",
                98,
                roles=ROLES,
            )
        ],
        manager_actions=pages.waiting,
        jobs=[Job("extracts", EVERY_SECONDS, extracts.go_on)],
        entry_sentences=extracts.SENTENCES,
    )
