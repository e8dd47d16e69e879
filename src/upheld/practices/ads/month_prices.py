"""What the views and clicks of a month cost of the privacy budget, and what is paid for.

A month is paid for before anything of it is shown: what is shown can be counted, reported and
charged. Whose month cannot be paid for is not shown, to anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from upheld.database.own_tables import Tables
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice.needs import can_ever
from upheld.practice.privacy_budget import BudgetError, has_room, pay, spent_error
from upheld.practices.ads.campaigns import Campaign
from upheld.practices.ads.counts import REPORTS, VIEWED
from upheld.practices.ads.periods import (
    ANYBODY,
    BUYERS,
    GROUP,
    KINDS,
    VISITORS,
    kind_of,
    periods_of_month,
)
from upheld.practices.ads.tables import ad_release

QUESTION: Final = f"use {VIEWED} for {REPORTS}"
POINTS: Final[Mapping[str, int]] = {  # for all campaigns of a kind in a month
    ANYBODY: 400,
    GROUP: 100,
    VISITORS: 100,
    BUYERS: 100,
}


def are_counted(policy: Policy) -> bool:
    """Whether a policy ever lets views and clicks be counted; nothing is paid for where not."""
    return can_ever(policy, QUESTION)


def pay_once(transaction: Transaction, month: str, kind: str) -> bool:
    """Whether campaigns of a kind are paid for in a month, now or before; False where it is spent.

    Whether it is paid by a page or by the job, it is so for each kind that runs, seen or not.
    """
    tables = transaction.tables
    if is_paid(tables, month, kind):
        return True
    if not can_be_paid(transaction, month, kind):
        return False
    transaction.lock(REGISTER)  # before it is looked at again: of two at once one pays
    if is_paid(tables, month, kind):
        return True
    try:
        pay(transaction, unpaid_periods(tables, month, kind), POINTS[kind])
    except BudgetError:
        return False
    tables.insert(ad_release, month=month, kind=kind, points=POINTS[kind])
    return True


def is_paid(tables: Tables, month: str, kind: str) -> bool:
    """Whether campaigns of a kind are paid for in a month."""
    return tables.get(ad_release, "month = ? AND kind = ?", month, kind) is not None


def paid_months(tables: Tables) -> set[tuple[str, str]]:
    """The months that are paid for, each with the kind of campaigns for which it is."""
    return {(each.month, each.kind) for each in tables.select(ad_release)}


def can_be_paid(transaction: Transaction, month: str, kind: str) -> bool:
    """Whether the budget has room for what is not paid yet of campaigns of a kind in a month."""
    periods = unpaid_periods(transaction.tables, month, kind)
    return has_room(transaction, dict.fromkeys(periods, POINTS[kind]))


def unpaid_periods(tables: Tables, month: str, kind: str) -> list[str]:
    """The periods from which campaigns of a kind are still to be paid.

    One counts in so many views of a month, whichever groups they are in: noise of one price is for
    all groups together, and what one kind of them paid from, the others have paid from, too.
    """
    paid = {
        period
        for each in tables.select(ad_release, "month = ?", month)
        if ANYBODY not in (kind, each.kind) and each.points == POINTS[kind]
        for period in periods_of_month(month, each.kind)
    }
    return [each for each in periods_of_month(month, kind) if each not in paid]


def kinds_to_show(transaction: Transaction, kinds: Iterable[str]) -> set[str]:
    """The kinds of which campaigns may be shown in this month; what is not paid yet is paid now."""
    if not are_counted(transaction.policy):
        return {*kinds}
    month = _this_month(transaction)
    return {each for each in kinds if pay_once(transaction, month, each)}


def kinds_held_back(transaction: Transaction) -> set[str]:
    """The kinds of which no campaign is shown, because this month cannot be paid for."""
    if not are_counted(transaction.policy):
        return set()
    month = _this_month(transaction)
    return {
        each
        for each in KINDS
        if not is_paid(transaction.tables, month, each)
        and not can_be_paid(transaction, month, each)
    }


def require_room(transaction: Transaction, its: Campaign, estimate: Mapping[str, int]) -> None:
    """BudgetError unless a campaign's first month can be paid for beside an estimate of its group.

    It is asked before anybody is counted, so that the answer tells nothing of whom there are.
    """
    if not are_counted(transaction.policy):
        return
    month, kind = _first_month(transaction, its), kind_of(its.criteria)
    costs = Counter(estimate)
    if not is_paid(transaction.tables, month, kind):
        costs.update(dict.fromkeys(unpaid_periods(transaction.tables, month, kind), POINTS[kind]))
    if not has_room(transaction, costs):
        raise spent_error()


def begin(transaction: Transaction, its: Campaign) -> None:
    """Pay for the first month of a campaign if it is this one. BudgetError where that is spent."""
    if not are_counted(transaction.policy):
        return
    month = _this_month(transaction)
    if _first_month(transaction, its) == month and not pay_once(
        transaction, month, kind_of(its.criteria)
    ):
        raise spent_error()


def _first_month(transaction: Transaction, its: Campaign) -> str:
    """The month in which a campaign is shown first, if it may be from now on."""
    begins = its.begins.astimezone(transaction.clock.zone).date()
    return max(begins, transaction.clock.today()).isoformat()[:7]


def _this_month(transaction: Transaction) -> str:
    return transaction.clock.today().isoformat()[:7]
