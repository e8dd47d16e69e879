"""What the practice of anonymous reports brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.database.own_tables import Tables
from upheld.gate.act.duties import nothing_more
from upheld.gate.gate import Gate
from upheld.gate.operations.jobs import Job
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, PendingAction, Practice, Provider
from upheld.practice.privacy_budget import BUDGET, GROUP, missing
from upheld.practices.reports import reports
from upheld.practices.reports.pages import CLIENTS, STAFF, Desk, ReportPages

EVERY_SECONDS = 600
NEEDS = (Need("anonymous reports", reports.question_of("usage", reports.INSIDE)),)


def practice(provider: Provider) -> Practice:
    """Anonymous reports: asked inside and by clients outside, within one budget."""

    def routes_of(desk: Desk) -> list[Route]:
        pages = ReportPages(provider, desk)

        def route(method: str, path: str, handler: Handler) -> Route:
            endpoint = require_sign_in(provider, desk.kind, handler, fresh=desk is STAFF)
            return Route(f"{desk.here}{path}", endpoint, methods=[method])

        return [
            route("GET", "", pages.show),
            route("POST", "", pages.ask),
            route("GET", "/{report}", pages.show_one),
            route("GET", "/{report}/table", pages.table),
            route("GET", "/{report}/method", pages.statement),
        ]

    def go_on(gate: Gate) -> int:
        return reports.complete_all(gate, reports.pages_by(provider))

    def manager_actions(tables: Tables) -> list[PendingAction]:
        del tables
        if not missing(provider.policy):
            return []
        text = "OpenDP is not installed, so no numbers about people are made."
        return [PendingAction(text, "How to install it", STAFF.here)]

    return Practice(
        "reports",
        actions=("use",),
        # The noise and the smallest group are in every answer, and nothing else reads the counts.
        duty_handlers={GROUP: nothing_more, BUDGET: nothing_more},
        duty_conditions=dict.fromkeys((GROUP, BUDGET), reports.is_of_reports),
        routes=[*routes_of(STAFF), *routes_of(CLIENTS)],
        menu=[
            MenuEntry(
                "staff",
                "Reports",
                STAFF.here,
                "Anonymous numbers, within a budget",
                97,
                roles=STAFF.roles,
            ),
            MenuEntry(
                "agent",
                "Reports",
                CLIENTS.here,
                "Anonymous numbers, within a budget",
                30,
                roles=CLIENTS.roles,
            ),
        ],
        manager_actions=manager_actions,
        jobs=[Job("reports", EVERY_SECONDS, go_on)],
        entry_sentences=reports.SENTENCES,
    )
