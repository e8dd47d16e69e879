"""A draft in the shadow of real acts: what it would have decided otherwise, counted by clause.

The acts are read out of the log after they were done, on the facts as their records prove them for
then: no act waits for it, reads more or writes more. What comes out are numbers and no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.core.ids import EntryNumber, PersonId
from upheld.database.columns import BEGINNING, microseconds
from upheld.database.statements import placeholders, rows
from upheld.database.transaction import reading
from upheld.gate.act.context import GateContext
from upheld.gate.act.execution import ActExecution
from upheld.gate.act.replay import ACTS, act_of
from upheld.gate.act.request import planned
from upheld.ledger import entries as ledger
from upheld.policy.load import Policy
from upheld.policy.replay import AnswerChange
from upheld.policy.request import Decision
from upheld.vault.people import ACTIVE

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

_TOGETHER = 100  # people proven at a time


class ShadowBatch(NamedTuple):
    """Up to which entry it was looked, at how many acts, and which of them a draft changes.

    `changes` counts acts by kind of change and clause; one with two clauses counts for both.
    """

    last_entry: int
    acts: int
    otherwise: int
    changes: Counter[tuple[str, str]]


def shadow_acts(
    gate: Gate, draft: Policy, after: int, until: datetime, most: int
) -> ShadowBatch | None:
    """Ask a draft of the acts of the next entries, at most so many; None where there are none."""
    statement = (
        "SELECT number, at, person_id, body FROM entry"
        " WHERE number > ? AND at <= ? ORDER BY number LIMIT ?"
    )
    acts = otherwise = 0
    changes: Counter[tuple[str, str]] = Counter()
    with reading(gate.engine) as connection:
        entry_rows = rows(connection, statement, after, microseconds(until), most)
        for each in entry_rows:
            for before, now in _answers(gate.context, connection, draft, each):
                acts += 1
                if (before.outcome, before.clauses, before.duties, before.owed) == (
                    now.outcome,
                    now.clauses,
                    now.duties,
                    now.owed,
                ):
                    continue
                otherwise += 1
                change = AnswerChange(before.outcome, now.outcome, before.clauses, now.clauses)
                changes.update((change.kind, clause) for clause in change.clauses or ("",))
    if not entry_rows:
        return None
    return ShadowBatch(entry_rows[-1][0], acts, otherwise, changes)


def _answers(
    context: GateContext, connection: Connection, draft: Policy, entry_row: tuple[Any, ...]
) -> Iterator[tuple[Decision, Decision]]:
    """What both versions answer to the act of an entry, for each of its people who is there."""
    number, at, person_id, body = entry_row
    entry = ledger.decode(bytes(body))
    if entry.kind not in ACTS:
        return
    people = [person_id] if person_id else _people_of(connection, number)
    act = act_of(entry)
    try:
        before, after = planned(context.policy, act), planned(draft, act)
        alone = context.alone(context.policy, context.edition)
        execution = ActExecution(alone, connection, act, entitled=True)
        execution.as_of = BEGINNING + timedelta(microseconds=at)
        besides = sorted({*before.values, *after.values})
        for first in range(0, len(people), _TOGETHER):
            some = _still_there(connection, people[first : first + _TOGETHER])
            proven, _ = execution.prove(some, besides) if some else ({}, [])
            for facts, _, problem in proven.values():
                if not problem:
                    yield before.decide(facts), after.decide(facts)
    except UpheldError:  # in words that one of them does not have, or on records not believed
        return


def _people_of(connection: Connection, number: EntryNumber) -> list[PersonId]:
    statement = "SELECT person_id FROM entry_person WHERE number = ? ORDER BY person_id"
    return [PersonId(person_id) for (person_id,) in rows(connection, statement, number)]


def _still_there(connection: Connection, people: Sequence[PersonId]) -> list[PersonId]:
    statement = (
        f"SELECT person_id FROM person WHERE state = ? AND person_id IN ({placeholders(people)})"  # noqa: S608 - places alone
    )
    return [PersonId(person_id) for (person_id,) in rows(connection, statement, ACTIVE, *people)]
