"""What is asked before a plan is ordered or a service ended: what will happen, what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from upheld.practice.consequences import Confirmation
from upheld.practices.billing.plans import ServicePlan
from upheld.practices.billing.services import ServicePeriod
from upheld.web.pages import money


def title_of(plan: str, plans: Mapping[str, ServicePlan]) -> str:
    """What a plan is called; its id where it is no longer offered."""
    return plans[plan].title if plan in plans else plan


def order_confirmation(
    plan: ServicePlan,
    now: Sequence[ServicePeriod],
    plans: Mapping[str, ServicePlan],
    *,
    is_payer: bool,
) -> Confirmation:
    """What an order does to what somebody has, with its price and what they pay afterwards."""
    before = [each.plan for each in now if each.service == plan.service]
    others = [each.plan for each in now if each.service != plan.service]
    consequences = [f"{plan.title} begins today{': ' if plan.line else ''}{plan.line}."]
    consequences += [
        f"{title_of(each, plans)} ends today; {plan.title} takes its place." for each in before
    ]
    whom = "to you" if is_payer else "to the holder of your account"
    consequences.append(f"The bill comes {whom}. Of this month you pay for the days left of it.")
    costs = [(f"{plan.title}, a month", money(plan.cents))]
    if now:
        total = plan.cents + sum(plans[each].cents for each in others if each in plans)
        costs.append(("All your services then, a month", money(total)))
    return Confirmation(
        f"Order {plan.title}?",
        consequences,
        "/me/services",
        f"Order for {money(plan.cents)} a month",
        "/me/services",
        {"plan": plan.id, "cents": str(plan.cents)},
        costs,
    )


def end_confirmation(
    ending: ServicePeriod, now: Sequence[ServicePeriod], plans: Mapping[str, ServicePlan]
) -> Confirmation:
    """What ending a service does, and what somebody pays afterwards."""
    title = title_of(ending.plan, plans)
    others = [each.plan for each in now if each.service != ending.service]
    total = sum(plans[each].cents for each in others if each in plans)
    consequences = [
        f"{title} ends today. You can order it again whenever you like.",
        "Your next bill includes the days on which you had it.",
    ]
    return Confirmation(
        f"End {title}?",
        consequences,
        "/me/services/end",
        f"End {title}",
        "/me/services",
        {"service": ending.service},
        [("All your services then, a month", money(total))],
        grave=True,
    )
