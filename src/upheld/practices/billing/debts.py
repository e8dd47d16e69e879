"""Debts: an account handed to an engaged agent, what the agent may see, recalled once it is paid.

Handing over is an act under the clause on collecting charges, and so is each look of the agent: its
decision is made at that moment, so that nothing comes out once nothing is due or the engagement is
over. What the act was allowed under, deletion on recall, stands as an item until the agent confirms
it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import DebtId, EntryNumber, ObligationId, PersonId, TaskId
from upheld.database.columns import microseconds
from upheld.database.own_tables import to_datetime
from upheld.gate.act.duties import DutyContext
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.evidence.provers import EvidenceError, Proof, ProofQuestion
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision, Duty
from upheld.practice import parties, tasks
from upheld.practice.unreadable import UnreadableValueError
from upheld.practices.billing import books
from upheld.practices.billing.invoices import DEBT, due_numbers
from upheld.practices.billing.payments import UNDER_WAY, under_way
from upheld.practices.billing.services import has_unbilled
from upheld.practices.billing.tables import debt as table
from upheld.practices.billing.tables import payment_intent, service_order

FIELDS: Final = ("name", "account-id", "email", "phone", "address", "balance")
AGENT: Final = "collection-agent"
DELETE: Final = "delete-on-recall"
UNSETTLED: Final = "account-unsettled"
CONFIRM_WITHIN: Final = timedelta(days=7)
BATCH: Final = 500  # debts in one query
# Whoever has no row in these, and none in the books, owes nothing and is owed nothing.
OWN_TABLES: Final = ((payment_intent, (UNDER_WAY,)), (service_order, None))
Source = Transaction | DutyContext
_KEY: Final = "person_id = ? AND debt_id = ?"


class DebtError(UpheldError):
    """A debt that is not there, or that cannot be handed over."""


class Debt(NamedTuple):
    """An account in an agent's hands, or that was."""

    person_id: PersonId
    debt_id: DebtId
    task_id: TaskId
    party: str
    state: str
    handed: datetime
    recalled: datetime | None
    confirmed: datetime | None
    entry: EntryNumber
    item_id: ObligationId
    due: datetime | None  # by when the agent has to confirm

    @property
    def reference(self) -> str:
        """What we and the agent call it: it says nothing."""
        return self.debt_id[:8]

    def late(self, at: datetime) -> bool:
        """Whether the agent should have confirmed by now."""
        return self.state == "recalled" and self.due is not None and self.due < at


def amount_due(question: ProofQuestion) -> Proof:
    """The prover of what the books say: whether something is due by today and not paid.

    `account-unsettled` is wider: an invoice that is not due yet is open too, what was paid ahead is
    owed to the customer, a payment under way is booked in the end, and what was used is billed.
    """
    try:
        rows = books.rows_of(each.value for each in question.series(books.TRANSACTION))
    except UnreadableValueError as error:
        raise EvidenceError(
            "what somebody owes cannot be worked out",
            code=error.code,
            hint="mend the row of `transaction` that cannot be read",
        ) from None
    history, rests = books.history(rows), (books.TRANSACTION,) if rows else ()
    if question.fact.name == UNSETTLED:
        unsettled = (
            not history.settled
            or _under_way(question)
            or has_unbilled(question.tables, question.person_id, question.at)
        )
        return Proof(unsettled, rests)
    return Proof(history.due(question.at.date()) > 0, rests)


def _under_way(question: ProofQuestion) -> bool:
    return bool(under_way(question.tables, question.person_id))


def act_of(party: str, fields: Sequence[str] = FIELDS) -> Act:
    """Telling an agent what it needs to collect."""
    return Act(
        action="share",
        data=tuple(fields),
        recipient=AGENT,
        purpose="debt-collection",
        occasion="other",
        party=party,
    )


def agents(transaction: Transaction) -> list[str]:
    """The collection agents who are engaged now, by their words on the register."""
    return sorted(parties.in_role(transaction, AGENT))


class Preview(NamedTuple):
    """What would be shared now, and what would not: decisions by clause, with their fields."""

    decision: Decision
    allowed: tuple[str, ...]
    refused: dict[str, list[str]]  # the id of the clause that refuses, or nothing, to fields


def preview(transaction: Transaction, person_id: PersonId, party: str) -> Preview:
    """What the policy lets an agent have of somebody, field by field; nothing is noted."""
    leaves = transaction.policy.engine.compiled.leaves["data"].bit
    words = transaction.policy.program.vocabulary.tree("data")
    allowed, by_clause = [], dict[str, list[str]]()
    for field in (each for each in leaves if each in words):  # and no unnamed rest of a group
        decision = transaction.peek(person_id, act_of(party, [field]))
        if decision.allowed:
            allowed.append(field)
        else:
            by_clause.setdefault(next(iter(decision.clauses), ""), []).append(field)
    whole = transaction.peek(person_id, act_of(party))
    return Preview(whole, tuple(f for f in FIELDS if f in allowed), by_clause)


def hand_over(transaction: Transaction, task: tasks.Task, party: str) -> str | Refused:
    """Hand an account to an agent: from now on the agent may look; the debt's id."""
    transaction.lock(task.person_id)
    if task.kind != DEBT or task.state != "taken":
        raise DebtError("the task is not open", code="debt", hint="take it first")
    if party not in agents(transaction):
        raise DebtError(
            "nobody of this name is engaged",
            code="debt",
            hint="choose an agent who is engaged, by the name on the register",
        )
    if current_debt(transaction, task.person_id):
        raise DebtError("an agent has it already", code="debt", hint="recall it first")
    result = transaction.act(act_of(party), task.person_id, entitled=True)
    if isinstance(result, Refused):
        return result
    debt_id = DebtId(secrets.token_hex(16))
    item_id = transaction.obligations.of_entry(task.person_id, result.entry, DELETE)
    transaction.tables.insert(
        table,
        person_id=task.person_id,
        debt_id=debt_id,
        task_id=task.task_id,
        party=party,
        state="handed",
        handed=microseconds(transaction.clock.now()),
        entry=result.entry,
        item_id=item_id,
    )
    return debt_id


def delete_on_recall(carrying: DutyContext, duty: Duty) -> None:
    """Handle the duty to delete on recall: owe an obligation that the agent has to confirm.

    One obligation covers every look of an agent at an account that it has now.
    """
    debt = current_debt(carrying, carrying.person_id)
    if debt is None or debt.party != carrying.act.party:
        clause = ", ".join(carrying.decision.clauses)
        carrying.owe(duty.duty, clause)


def current_debt(by: Source, person_id: PersonId) -> Debt | None:
    """The debt of a person that an agent has now."""
    return next((each for each in of_person(by, person_id) if each.state == "handed"), None)


def of_person(by: Source, person_id: PersonId) -> list[Debt]:
    """Every debt of a person that an agent has or had, the latest first."""
    where = "person_id = ? ORDER BY handed DESC"
    return _debts(by, by.tables.select(table, where, person_id))


def of_party(by: Source, party: str) -> list[Debt]:
    """The debts that a company has, and those that it still has to confirm.

    Those of whom rows were changed by somebody else are left out: staff see them.
    """
    where = "party = ? AND state <> 'confirmed' ORDER BY handed"
    rows, _ = by.tables.select_intact(table, where, party)
    return _debts(by, rows)


def all_debts(by: Source, most: int = 200) -> tuple[list[Debt], set[str]]:
    """The debts that agents have or had, those not confirmed yet first, at most `most`.

    The second value is the ids of people whose rows were changed, and whose debts are left out.
    """
    where = "ORDER BY state = 'confirmed', handed LIMIT ?"
    rows, changed = by.tables.select_intact(table, where, most)
    return _debts(by, rows), changed


def view_debts(transaction: Transaction, party: str) -> list[tuple[Debt, ActResult | Refused]]:
    """What an agent sees of each account that it has: each is an act, decided at this moment."""
    mine = [each for each in of_party(transaction, party) if each.state == "handed"]
    if not mine:
        return []
    results = transaction.sweep(act_of(party), [each.person_id for each in mine])
    return [(each, results[each.person_id]) for each in mine]


def recall(transaction: Transaction, person_id: PersonId, actor: str = "") -> None:
    """Take an account back from its agent, who has to delete what it was told and confirm that.

    The entry names who did it, if it was somebody of our staff.
    """
    transaction.lock(person_id)
    debt = current_debt(transaction, person_id)
    if debt is None:
        return
    now = transaction.clock.now()
    transaction.tables.update(
        table, {"state": "recalled", "recalled": microseconds(now)}, _KEY, person_id, debt.debt_id
    )
    transaction.obligations.set_due(person_id, debt.item_id, now + CONFIRM_WITHIN)
    transaction.note(
        person_id,
        "recall",
        purpose="debt-collection",
        after=str(debt.entry),
        recipient=f"{AGENT} {debt.party}",
        duties=(DELETE,),
        actor=actor,
    )


def confirm(transaction: Transaction, party: str, debt_id: DebtId, by_whom: str) -> None:
    """Note that an agent has deleted what it was told of an account that was recalled."""
    matches = [each for each in of_party(transaction, party) if each.debt_id == debt_id]
    if not matches or matches[0].state != "recalled":
        raise DebtError(
            "there is no such account to confirm", code="debt", hint="choose one of the list"
        )
    debt = matches[0]
    changes = {"state": "confirmed", "confirmed": microseconds(transaction.clock.now())}
    transaction.tables.update(table, changes, _KEY, debt.person_id, debt_id)
    transaction.obligations.close(debt.person_id, debt.item_id)
    transaction.note(
        debt.person_id,
        "deletion",
        purpose="debt-collection",
        duties=(DELETE,),
        recipient=f"{AGENT} {party}",
        evidence=(by_whom,),
        after=str(debt.entry),
        actor=f"{AGENT} {party}",
    )


def on_payment(transaction: Transaction, person_id: PersonId, _: str) -> None:
    """Hear of a payment: where nothing is due any more, the account is recalled at once."""
    if not due_numbers(transaction, person_id):
        recall(transaction, person_id)


def _debts(by: Source, rows: Sequence[Any]) -> list[Debt]:
    """Debts from verified rows, each with the time by which the agent has to confirm."""
    due: dict[str, int | None] = {}
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        due |= by.obligations.due_times([(each.person_id, each.item_id) for each in some])
    return [
        Debt(
            each.person_id,
            each.debt_id,
            each.task_id,
            each.party,
            each.state,
            to_datetime(each.handed),
            _at(each.recalled),
            _at(each.confirmed),
            each.entry,
            each.item_id,
            _at(due.get(each.item_id)),
        )
        for each in rows
    ]


def _at(instant: int | None) -> datetime | None:
    return None if instant is None else to_datetime(instant)
