"""What the practice of collection brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.gate.operations.jobs import MINUTE, Job
from upheld.practice.endpoints import require_sign_in
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.collection.console import HERE, ROLES, VisitConsole
from upheld.practices.collection.retention import retire

NEEDS = (
    Need("recording visits of our pages", "collect page-request from browser at visit"),
    Need("keeping what was recorded of visits", "store page-request"),
)


def practice(provider: Provider) -> Practice:
    """Visits: taken in from logs, kept for as long as the policy says."""
    console = VisitConsole(provider)
    return Practice(
        "collection",
        actions=("read-cookie", "use"),
        arrival_duties=("reduced", "delete-after", "own-cookie-only"),
        routes=[Route(HERE, require_sign_in(provider, "staff", console.show), methods=["GET"])],
        menu=[
            MenuEntry(
                "staff",
                "What we keep of visits",
                HERE,
                "How much, from whom, how old, and by which clause",
                92,
                roles=ROLES,
            )
        ],
        jobs=[Job("visits", 10 * MINUTE, retire)],
    )
