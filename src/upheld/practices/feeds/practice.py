"""What the practice of feeds brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.gate.operations.jobs import MINUTE, Job
from upheld.practice import partner_transactions
from upheld.practice.endpoints import require_sign_in
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.feeds.desk import HERE, ROLES, FeedDesk
from upheld.practices.feeds.feeds import STARTED, WITHDREW
from upheld.practices.feeds.own_transactions import HERE as MINE
from upheld.practices.feeds.own_transactions import OwnTransactions
from upheld.practices.feeds.public_lines import intake_lines
from upheld.practices.feeds.withdrawal import take_out

SENTENCES = {
    STARTED: "{actor} began to take in what {party} knows",
    WITHDREW: "{actor} withdrew what {party} had told us",
}


def practice(provider: Provider) -> Practice:
    """Files of what partners know and sold: taken in by a command, taken out at a desk."""
    desk, mine = FeedDesk(provider), OwnTransactions(provider)
    return Practice(
        "feeds",
        actions=("combine", "collect", "store", "view"),
        before_erasure=partner_transactions.erase,
        routes=[
            Route(HERE, require_sign_in(provider, "staff", desk.show), methods=["GET"]),
            Route(
                f"{HERE}/{{feed}}/withdraw",
                require_sign_in(provider, "staff", desk.withdraw, fresh=True),
                methods=["POST"],
            ),
            Route(MINE, require_sign_in(provider, "customer", mine.show), methods=["GET"]),
        ],
        menu=[
            MenuEntry("customer", "Bought from partners", MINE, "", 66, under="/me/privacy"),
            MenuEntry(
                "staff",
                "Feeds of partners",
                HERE,
                "What partners told us, and taking it out again",
                92,
                roles=ROLES,
            ),
        ],
        jobs=[
            Job("feeds", MINUTE, take_out),
            Job("partner transactions", 60 * MINUTE, partner_transactions.retire),
        ],
        entry_sentences=SENTENCES,
        intake=intake_lines,
    )
