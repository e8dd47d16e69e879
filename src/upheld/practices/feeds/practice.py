"""What the practice of feeds brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.gate.operations.jobs import MINUTE, Job
from upheld.practice.endpoints import require_sign_in
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.feeds.desk import HERE, ROLES, FeedDesk
from upheld.practices.feeds.feeds import STARTED, WITHDREW
from upheld.practices.feeds.withdrawal import take_out

SENTENCES = {
    STARTED: "{actor} began to take in what {party} knows",
    WITHDREW: "{actor} withdrew what {party} had told us",
}


def practice(provider: Provider) -> Practice:
    """Files of what partners know: taken in by a command, taken out at a desk."""
    desk = FeedDesk(provider)
    return Practice(
        "feeds",
        actions=("combine", "store"),
        routes=[
            Route(HERE, require_sign_in(provider, "staff", desk.show), methods=["GET"]),
            Route(
                f"{HERE}/{{feed}}/withdraw",
                require_sign_in(provider, "staff", desk.withdraw, fresh=True),
                methods=["POST"],
            ),
        ],
        menu=[
            MenuEntry(
                "staff",
                "Feeds of partners",
                HERE,
                "What partners told us, and taking it out again",
                92,
                roles=ROLES,
            )
        ],
        jobs=[Job("feeds", MINUTE, take_out)],
        entry_sentences=SENTENCES,
    )
