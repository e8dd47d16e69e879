"""What the practice of collection brings."""

from __future__ import annotations

from functools import partial

from starlette.routing import Route

from upheld.gate.gate import Gate
from upheld.gate.operations.jobs import MINUTE, Job
from upheld.practice.endpoints import require_sign_in
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.collection import beacon_keys
from upheld.practices.collection.after_silence import OWN_ROWS_AFTER_SILENCE
from upheld.practices.collection.beacon import HERE as BEACON
from upheld.practices.collection.beacon import BeaconPages, BeaconRecorder
from upheld.practices.collection.compaction import compact
from upheld.practices.collection.console import ROLES, VisitConsole
from upheld.practices.collection.day_counts import COUNTED
from upheld.practices.collection.day_page import DAY, DayPage
from upheld.practices.collection.erasing import erase_visits
from upheld.practices.collection.middleware import VisitMiddleware
from upheld.practices.collection.moving import rows_to_successor
from upheld.practices.collection.new_keys import RENEWED
from upheld.practices.collection.own_visits import HERE as MINE
from upheld.practices.collection.own_visits import OwnVisits
from upheld.practices.collection.page_months import month_of_pages, recent_pages
from upheld.practices.collection.public_lines import intake_lines
from upheld.practices.collection.recorder import VisitRecorder
from upheld.practices.collection.released import OWN_ROWS
from upheld.practices.collection.retention import retire
from upheld.practices.collection.stock import HERE, due_visits, visit_stock
from upheld.practices.collection.stock_page import STOCK, StockPage
from upheld.practices.collection.untying import UNTIED

NEEDS = (
    Need("recording visits of our pages", "collect page-request from browser at visit"),
    Need("keeping what was recorded of visits", "store page-request"),
)

SENTENCES = {
    COUNTED: "{actor} counted the visits of a day, to improve our services",
    RENEWED: "{actor} gave the visits of a day whose key was damaged a new one",
    UNTIED: "{actor} untied a browser from {whose} account",
    beacon_keys.MADE: "{actor} let pages of {party} tell us of visits",
    beacon_keys.ENDED: "{actor} revoked a key by which pages of {party} told us of visits",
}


def _in_order(gate: Gate) -> int:
    """Delete what may be kept no longer, and join small blocks of the days that are left."""
    return retire(gate) + compact(gate)


def practice(provider: Provider) -> Practice:
    """Visits: taken in from logs, kept for as long as the policy says."""
    console, recorder, mine = VisitConsole(provider), VisitRecorder(provider), OwnVisits(provider)
    day, stock = DayPage(provider), StockPage(provider)
    beacon = BeaconPages(provider, BeaconRecorder(provider))
    is_on = provider.settings.record_visits
    return Practice(
        "collection",
        actions=("combine", "read-cookie", "set-cookie", "use", "view"),
        wrappers=[partial(VisitMiddleware, recorder=recorder)] if is_on else (),
        before_erasures=erase_visits,
        arrival_duties=("reduced", "delete-after", "own-cookie-only"),
        routes=[
            Route(HERE, require_sign_in(provider, "staff", console.show), methods=["GET"]),
            Route(DAY, require_sign_in(provider, "staff", day.show), methods=["GET"]),
            Route(STOCK, require_sign_in(provider, "staff", stock.show), methods=["GET"]),
            Route(
                f"{HERE}/beacons/{{key}}/revoke",
                require_sign_in(provider, "staff", console.revoke, fresh=True),
                methods=["POST"],
            ),
            Route(f"{BEACON}/{{key}}.gif", beacon.image, methods=["GET"]),
            Route(f"{BEACON}/{{key}}.js", beacon.script, methods=["GET"]),
            Route(MINE, require_sign_in(provider, "customer", mine.show), methods=["GET"]),
            Route(
                f"{MINE}/browsers/{{mark}}/untie",
                require_sign_in(provider, "customer", mine.untie),
                methods=["POST"],
            ),
        ],
        menu=[
            MenuEntry("customer", "Day by day", MINE, "", 65, under="/me/privacy"),
            MenuEntry(
                "staff",
                "What we hold",
                STOCK,
                "Counts by kind of data, origin, clause and age, and when it goes",
                91,
                roles=ROLES,
            ),
            MenuEntry(
                "staff",
                "Visits",
                HERE,
                "How much, from whom, how old, and by which clause",
                92,
                roles=ROLES,
            ),
        ],
        entry_sentences=SENTENCES,
        intake=intake_lines,
        stock=visit_stock,
        due_stock=due_visits,
        own_rows=OWN_ROWS,
        own_rows_after_silence=OWN_ROWS_AFTER_SILENCE,
        rows_to_successor=rows_to_successor,
        jobs=[Job("visits", 10 * MINUTE, _in_order)],
        month_of_pages=month_of_pages,
        recent_pages=recent_pages,
    )
