"""What the practice of advertisements brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.gate.act.duties import DutyQuestion, nothing_more
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.ads import campaigns
from upheld.practices.ads.advertiser import HERE as ADVERTISERS
from upheld.practices.ads.advertiser import AdvertiserPage
from upheld.practices.ads.desk import HERE as DESK
from upheld.practices.ads.desk import AdDesk
from upheld.practices.ads.pages import HERE, AdPages
from upheld.practices.ads.picking import Picking


def _is_of_ads(question: DutyQuestion) -> bool:
    """A campaign is shown only where its group is as large as the duty says: see `picking`."""
    act = question.act
    return act.action in ("show-ad", "infer") or (act.action, act.purpose) == ("use", "advertising")


def practice(provider: Provider) -> Practice:
    """Advertisements: booked by advertisers, reviewed by staff, shown to customers."""
    picking = Picking(provider)
    pages, desk = AdPages(provider, picking), AdDesk(provider, picking)
    advertiser = AdvertiserPage(provider)

    def route(kind: str, method: str, path: str, handler: Handler) -> Route:
        endpoint = require_sign_in(provider, kind, handler, fresh=kind == "staff")
        return Route(path, endpoint, methods=[method])

    return Practice(
        "ads",
        actions=("infer", "share", "show-ad", "use", "view"),
        duty_handlers={campaigns.GROUP: nothing_more},
        duty_conditions={campaigns.GROUP: _is_of_ads},
        routes=[
            route("customer", "GET", HERE, pages.show),
            route("customer", "GET", f"{HERE}/{{campaign}}", pages.show_why),
            route("customer", "GET", f"{HERE}/{{campaign}}/go", pages.go),
            route("customer", "POST", f"{HERE}/{{campaign}}/hide", pages.hide),
            route("agent", "GET", ADVERTISERS, advertiser.show),
            route("agent", "POST", ADVERTISERS, advertiser.book),
            route("staff", "GET", DESK, desk.show),
            route("staff", "POST", DESK, desk.keep_domain),
            route("staff", "GET", f"{DESK}/{{campaign}}", desk.show_one),
            route("staff", "POST", f"{DESK}/{{campaign}}", desk.review),
            route("staff", "POST", f"{DESK}/{{campaign}}/stop", desk.stop),
        ],
        menu=[
            MenuEntry(
                "customer", "Advertisements", HERE, "What we use about you to choose them", 72
            ),
            MenuEntry(
                "agent",
                "Advertisements",
                ADVERTISERS,
                "Book them, and how often they were seen",
                20,
                roles=(campaigns.ADVERTISER,),
            ),
            MenuEntry("staff", "Advertisements", DESK, "For managers", 96, roles=(MANAGER,)),
        ],
        manager_actions=desk.waiting,
        entry_sentences=campaigns.SENTENCES,
        home_insert=picking.insert,
    )
