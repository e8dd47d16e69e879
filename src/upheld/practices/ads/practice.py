"""What the practice of advertisements brings."""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from upheld.gate.act.duties import DutyQuestion, nothing_more
from upheld.gate.gate import Gate
from upheld.gate.operations.jobs import HOUR, MINUTE, Job
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practice.privacy_budget import BUDGET, GROUP
from upheld.practices.ads import (
    ad_reports,
    campaigns,
    complaints,
    counts,
    estimates,
    forbidden,
    invoice_pages,
    invoices,
    name_pages,
    names,
    page_reading,
    segments,
)
from upheld.practices.ads.advertiser import FORM_MAX, AdvertiserPage
from upheld.practices.ads.advertiser import HERE as ADVERTISERS
from upheld.practices.ads.desk import HERE as DESK
from upheld.practices.ads.desk import AdDesk
from upheld.practices.ads.pages import HERE, AdPages
from upheld.practices.ads.picking import Picking
from upheld.practices.ads.stock import view_stock

EVERY_SECONDS: Final = 10 * MINUTE


def _keeps_the_group(question: DutyQuestion) -> bool:
    """A campaign is shown only where its group is as large as the duty says: see `picking`.

    Views and clicks are told with noise alone, to nobody below that number: see `ad_reports`.
    """
    act = question.act
    if counts.is_of_counts(question):
        return True
    return act.action in ("show-ad", "infer") or (act.action, act.purpose) == ("use", "advertising")


def practice(provider: Provider) -> Practice:
    """Advertisements: booked by advertisers, reviewed by staff, shown to customers."""
    picking = Picking(provider)

    def read_pages(gate: Gate) -> int:
        return page_reading.make(gate, page_reading.pages_by(provider))

    pages, desk = AdPages(provider, picking), AdDesk(provider, picking)
    return Practice(
        "ads",
        actions=("infer", "share", "show-ad", "use", "view"),
        duty_handlers={GROUP: nothing_more, BUDGET: nothing_more},
        duty_conditions={GROUP: _keeps_the_group, BUDGET: counts.is_of_counts},
        routes=[
            *name_pages.routes(provider),  # before those of campaigns, whose ids look like it
            *_routes(provider, pages, desk),
            *invoice_pages.routes(provider),
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
            invoice_pages.MENU,
        ],
        manager_actions=desk.waiting,
        before_erasure=segments.forget,
        jobs=[
            Job("ad-reports", EVERY_SECONDS, ad_reports.make_all),
            Job("ad-pages", EVERY_SECONDS, read_pages),
            Job("ad-segments", EVERY_SECONDS, segments.make),
            Job("ad-invoices", HOUR, invoices.issue_all),
            Job("ad-sizes", MINUTE, estimates.stop_outdated),
            Job("ad-topics", MINUTE, forbidden.NewReviews(provider).make),
        ],
        entry_sentences={
            **campaigns.SENTENCES,
            **estimates.SENTENCES,
            **ad_reports.SENTENCES,
            **complaints.SENTENCES,
            **invoices.SENTENCES,
            **names.SENTENCES,
        },
        home_insert=picking.insert,
        stock=view_stock,
    )


def _routes(provider: Provider, pages: AdPages, desk: AdDesk) -> list[Route]:
    """The pages of customers, of advertisers and of managers."""
    advertiser = AdvertiserPage(provider)

    def route(kind: str, method: str, path: str, handler: Handler) -> Route:
        largest = FORM_MAX if path == ADVERTISERS else None
        endpoint = require_sign_in(provider, kind, handler, fresh=kind == "staff", body_max=largest)
        return Route(path, endpoint, methods=[method])

    return [
        route("customer", "GET", HERE, pages.show),
        route("customer", "POST", f"{HERE}/hidden", pages.show_hidden),
        route("customer", "GET", f"{HERE}/{{campaign}}", pages.show_why),
        route("customer", "GET", f"{HERE}/{{campaign}}/go", pages.go),
        route("customer", "GET", f"{HERE}/{{campaign}}/picture", pages.picture),
        route("customer", "POST", f"{HERE}/{{campaign}}/hide", pages.hide),
        route("customer", "POST", f"{HERE}/{{campaign}}/report", pages.report),
        route("agent", "GET", ADVERTISERS, advertiser.show),
        route("agent", "POST", ADVERTISERS, advertiser.book),
        route("agent", "GET", f"{ADVERTISERS}/table", advertiser.table),
        route("agent", "GET", f"{ADVERTISERS}/{{campaign}}/picture", advertiser.picture),
        route("staff", "GET", DESK, desk.show),
        route("staff", "POST", DESK, desk.keep_domain),
        route("staff", "GET", f"{DESK}/{{campaign}}", desk.show_one),
        route("staff", "GET", f"{DESK}/{{campaign}}/picture", desk.picture),
        route("staff", "POST", f"{DESK}/{{campaign}}", desk.review),
        route("staff", "POST", f"{DESK}/{{campaign}}/stop", desk.stop),
        route("staff", "POST", f"{DESK}/{{campaign}}/resume", desk.resume),
        route("staff", "POST", f"{DESK}/{{campaign}}/leave", desk.leave),
        route("staff", "POST", f"{DESK}/{{campaign}}/complaints", desk.close),
    ]
