"""What is asked before a plan is ordered or a service ended: what will happen, what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from upheld.practice.consequences import Banner, Confirmation
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
    supplied: str = "",
) -> Confirmation:
    """What an order does to what somebody has, with its price and what they pay afterwards.

    `supplied` says who else provides it and what they get.
    """
    consequences = [f"{plan.title} begins today{': ' if plan.line else ''}{plan.line}."]
    consequences += [supplied] if supplied else []
    consequences += _replaced(plan, now, plans)
    whom = "to you" if is_payer else "to the holder of your account"
    consequences.append(f"The bill comes {whom}. Of this month you pay for the days left of it.")
    return Confirmation(
        f"Order {plan.title}?",
        consequences,
        "/me/services",
        f"Order for {money(plan.cents)} a month",
        "/me/services",
        {"plan": plan.id},
        _costs(plan, now, plans),
    )


def ask_confirmation(
    plan: ServicePlan, now: Sequence[ServicePeriod], plans: Mapping[str, ServicePlan]
) -> Confirmation:
    """What it means to ask whoever pays for a plan, where one cannot order alone."""
    return Confirmation(
        f"Ask your guardian for {plan.title}?",
        [
            "Your guardian pays for what you order, so they decide.",
            "We write to them with a code. You see the same code, and can read it to them.",
            "Nothing begins and nothing is charged before they say yes. They have 7 days for that.",
            *_replaced(plan, now, plans, "once they say yes"),
        ],
        "/me/services",
        "Ask my guardian",
        "/me/services",
        {"plan": plan.id},
        _costs(plan, now, plans),
    )


def asked_banner(plan: ServicePlan, code: str) -> Banner:
    """That whoever pays was asked, with the code by which they know who asks."""
    text = f"You asked your guardian for {plan.title}. Nothing is ordered until they say yes."
    return Banner(text, code, "/me/family")


def total_with(
    plan: ServicePlan, now: Sequence[ServicePeriod], plans: Mapping[str, ServicePlan]
) -> int:
    """What all services cost a month once a plan is among them, in place of one of its service."""
    others = [each.plan for each in now if each.service != plan.service]
    return plan.cents + sum(plans[each].cents for each in others if each in plans)


def _replaced(
    plan: ServicePlan,
    now: Sequence[ServicePeriod],
    plans: Mapping[str, ServicePlan],
    when: str = "today",
) -> list[str]:
    return [
        f"{title_of(each.plan, plans)} ends {when}; {plan.title} takes its place."
        for each in now
        if each.service == plan.service
    ]


def _costs(
    plan: ServicePlan, now: Sequence[ServicePeriod], plans: Mapping[str, ServicePlan]
) -> list[tuple[str, str]]:
    costs = [(f"{plan.title}, a month", money(plan.cents))]
    if now:
        total = total_with(plan, now, plans)
        costs.append(("All your services then, a month", money(total)))
    return costs


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
