"""What staff are asked before an account goes to a collection agent, or is taken back from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from upheld.core.company_names import company_name
from upheld.core.ids import UserId
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.policy.english import word_list
from upheld.practice import tasks
from upheld.practice.consequences import Confirmation
from upheld.practices.billing.debts import CONFIRM_WITHIN, Debt, Preview
from upheld.web.pages import money


def hand_over_confirmation(
    task: tasks.Task,
    party: str,
    shared: Preview,
    labels: Mapping[str, str],
    amounts: Sequence[tuple[str, str]],
) -> Confirmation:
    """What an agent would learn of whom it is to collect from, and what that account owes."""
    name = company_name(party)
    names = word_list([labels[each] for each in shared.allowed], "and")
    return Confirmation(
        f"Hand this account to {name}?",
        [
            f"{name} sees from now on: {names}; each time as it is then, and nothing else.",
            "The customer sees that you handed it over, and each time that the agent looks.",
            "It is recalled by itself once nothing is due. You can recall it before that.",
        ],
        f"/staff/debts/{task.task_id}/hand-over",
        "Hand it over",
        f"/staff/debts/{task.task_id}",
        {"party": party},
        amounts,
        grave=True,
    )


def recall_confirmation(task: tasks.Task, debt: Debt) -> Confirmation:
    """What it means to take an account back from its agent."""
    name = company_name(debt.party)
    return Confirmation(
        f"Recall this account from {name}?",
        [
            f"{name} sees nothing of it from now on.",
            f"It has {CONFIRM_WITHIN.days} days to delete what it was told, and to confirm that.",
            "You can hand the account over again as long as something is due.",
        ],
        f"/staff/debts/{task.task_id}/recall",
        "Recall it",
        f"/staff/debts/{task.task_id}",
        grave=True,
    )


def amount_owed(
    transaction: Transaction, task: tasks.Task, staff_id: UserId
) -> list[tuple[str, str]]:
    """What the account owes, as its member of staff may see it for this task."""
    act = Act(action="view", data=("balance",), actor="staff", party=staff_id, purpose=task.purpose)
    result = transaction.act(act, task.person_id)
    if isinstance(result, Refused) or "balance" not in result.values:
        return []
    return [("Owed on this account", money(int(result["balance"])))]
