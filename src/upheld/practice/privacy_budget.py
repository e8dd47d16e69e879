"""The privacy budget that all share who learn numbers about people, by reports or by advertising.

Each month has one for what happened in it, and what people told of themselves has one for good.
What was spent is never given back: all that was ever learnt of a period is within its budget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from upheld.core.errors import UpheldError
from upheld.core.extras import install_command
from upheld.database.own_tables import Tables
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import noise
from upheld.practice.tables import report_budget

GROUP, BUDGET = "minimum-group", "privacy-budget"
PROFILE: Final = "profile"  # the period of what does not change by the month
BUDGET_POINTS: Final = 2 * noise.POINTS  # of a period, where the policy's duty names no number
SPENT: Final = "the privacy budget for this is spent"


class BudgetError(UpheldError):
    """A budget that is spent. Nothing is said of how much of it is left, or who spent it."""


def missing(policy: Policy) -> str:
    """What is not made without OpenDP, and the extra that installs it.

    Empty where it is installed, or where no rule of the policy has such a budget.
    """
    if noise.is_there() or not any(
        duty.duty == BUDGET for node in policy.program.nodes for duty in node.duties
    ):
        return ""
    return (
        "OpenDP is not installed, so there are no anonymous reports, and no numbers and invoices"
        " for advertisers. To have them, install upheld with the extra `reports` (about 270 MB):"
        f" {install_command('reports')}. Then start this again."
    )


def budget_of(policy: Policy) -> int:
    """The budget of each period in points: the least that a rule of the policy names."""
    amounts = _amounts_of(policy, BUDGET)
    return int(min(amounts) * noise.POINTS) if amounts else BUDGET_POINTS


def smallest_group(policy: Policy) -> int:
    """The largest of the smallest groups that rules of the policy name; 0 where none names one."""
    return int(max(_amounts_of(policy, GROUP), default=0))


def spent(tables: Tables) -> dict[str, int]:
    """What was spent of each period's budget, in points."""
    rows = tables.select(report_budget, "ORDER BY period")
    return {each.period: each.points for each in rows}


def pay(transaction: Transaction, periods: Sequence[str], points: int) -> None:
    """Take points from the budget of each of some periods, or from none. BudgetError if spent."""
    transaction.lock(REGISTER)  # before what was spent is read: no two pay with the same points
    before = spent(transaction.tables)
    if not has_room(transaction, dict.fromkeys(periods, points)):
        raise spent_error()
    for each in periods:
        if each in before:
            changes = {"points": before[each] + points}
            transaction.tables.update(report_budget, changes, "period = ?", each)
        else:
            transaction.tables.insert(report_budget, period=each, points=points)


def has_room(transaction: Transaction, costs: Mapping[str, int]) -> bool:
    """Whether the budget of each period has left what it is to pay, in points."""
    before, most = spent(transaction.tables), budget_of(transaction.policy)
    return all(before.get(each, 0) + points <= most for each, points in costs.items())


def spent_error() -> BudgetError:
    """What whoever asks is told where a budget is spent: that, and nothing else."""
    return BudgetError(SPENT, code="report-budget", hint="")


def _amounts_of(policy: Policy, word: str) -> list[float]:
    """The numbers that rules of a policy give a duty."""
    return [
        float(duty.amount)
        for node in policy.program.nodes
        for duty in node.duties
        if duty.duty == word and duty.amount
    ]
