"""Plans as other practices sell them: what one costs, and ordering it for somebody."""

from __future__ import annotations

from collections.abc import Mapping

from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice.plugin import Provider
from upheld.practice.purchases import Purchase
from upheld.practices.billing import services, suppliers
from upheld.practices.billing.order_questions import total_with
from upheld.practices.billing.plans import ServicePlan, titles


class PlanSeller:
    """The plans on offer."""

    def __init__(self, provider: Provider, plans: Mapping[str, ServicePlan]) -> None:
        self.provider, self.plans = provider, plans

    @property
    def services(self) -> Mapping[str, str]:
        """The services of which there are plans: a word for each, and its title."""
        return titles(self.plans)

    def price(self, item: str) -> tuple[str, int] | None:
        """What a plan is called and costs a month; None if it is no longer offered."""
        plan = self.plans.get(item)
        return None if plan is None else (plan.title, plan.cents)

    def offer(self, transaction: Transaction, person_id: PersonId, item: str) -> Purchase | None:
        """What ordering a plan would cost somebody now; None if they have it, or none can."""
        plan = self.plans.get(item)
        now = services.current_services(transaction, person_id)
        if isinstance(now, Refused):
            raise now
        if plan is None or any(each.plan == item for each in now):
            return None
        if self.provider.order_bar(transaction, person_id, plan.service):
            return None
        if not suppliers.is_ready(transaction, plan):
            return None
        return Purchase(item, plan.title, plan.cents, total_with(plan, now, self.plans))

    def sell(self, transaction: Transaction, person_id: PersonId, item: str) -> str:
        """Order a plan for somebody; the order's reference."""
        refused = services.order(transaction, person_id, self.plans[item])
        if refused is not None:
            raise refused
        return services.latest_order(transaction.tables, person_id)
