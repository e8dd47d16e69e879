"""The page of the desk on which the visits of one day are counted, for improving our services."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from starlette.responses import Response

from upheld.gate.transaction import Transaction
from upheld.practice.citations import quote_clauses
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_reason
from upheld.practice.stock import counts_beside, rough, rough_bars, rough_sum
from upheld.practices.collection import day_counts
from upheld.practices.collection.console import require_role
from upheld.practices.collection.own_visits import day_of
from upheld.practices.collection.stock import HERE
from upheld.web import charts

DAY: Final = f"{HERE}/day"
PAGES_MAX: Final = 50
NETWORKS_MAX: Final = 20


class DayPage:
    """What was looked at on a day."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """Counts of a day by page, hour and network; without a day the one that is over last."""
        require_role(visit)
        provider, gate = self.provider, self.provider.gate.gate
        day = day_of(visit.request.query_params.get("on", "")) or _yesterday(provider)
        its = await provider.do(lambda transaction: day_counts.seal_of_day(transaction, day))
        if not its.fields:
            why = refusal_reason(provider.policy, its.decision)
            return provider.pages.page(
                visit.request, "collection/day.html", status=403, day=day, why=why, counts=None
            )
        people = await provider.run_in_thread(day_counts.whose, gate, its)
        actor = f"staff {visit.user_id}"

        def enter(transaction: Transaction) -> set[bytes]:
            return day_counts.enter(transaction, its, people, actor)

        besides = await provider.do(enter)
        counts = await provider.run_in_thread(day_counts.count, gate, its, besides)
        hours = rough_bars((str(hour), times) for hour, times in enumerate(counts.hours))
        return provider.pages.page(
            visit.request,
            "collection/day.html",
            day=day,
            counts=counts,
            few=day_counts.FEW,
            total=rough_sum(counts.hours),
            left_out=rough(counts.left_out) if counts.left_out >= day_counts.FEW else "",
            pages=counts_beside(counts.pages, counts.hours)[:PAGES_MAX],
            networks=counts_beside(counts.networks, counts.hours)[:NETWORKS_MAX],
            chart=charts.bars("Visits by hour", hours),
            quotes=quote_clauses(provider.policy, its.decision.clauses),
        )


def _yesterday(provider: Provider) -> str:
    return (provider.today() - timedelta(days=1)).isoformat()
