"""Recorded acts as questions again: what was asked then, on the facts as they were then.

An entry has the act but no fact, since facts are personal. They are proven again from the records,
as of the entry's time: records are never changed but to end or be withdrawn, with the moment, so
that what they proved then can be told now. That is not so for a birth date that was corrected, for
a record that was kept later with an earlier beginning, and for people who were erased. Each act is
asked again of the versions that decided it, out of the database, too; how often they no longer give
the outcome that they gave then is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection

from upheld.core.dimensions import DATA, PARTIES, dimension_values
from upheld.core.errors import UpheldError
from upheld.core.ids import EntryNumber, PersonId
from upheld.database.statements import row, rows
from upheld.database.tables import BEGINNING
from upheld.database.transaction import reading
from upheld.gate.act.context import GateContext
from upheld.gate.act.execution import ActExecution
from upheld.gate.act.judgement import strictest_decision
from upheld.gate.act.request import Act, planned
from upheld.gate.editions.store import PolicyFinder
from upheld.ledger import entries as ledger
from upheld.ledger.entries import Entry
from upheld.policy.load import Policy

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

ACTS = ("act", "refusal")
_ON_NOBODY = ("amend",)
_TOGETHER = 50  # entries asked in one transaction


class ReplayCounts(msgspec.Struct):
    """How well past acts could be asked again; filled while `questions` is read to its end."""

    entries: int = 0
    asked: int = 0
    gone: int = 0  # of people who were erased
    unknown: int = 0  # in words that the policy in force no longer has, or on records not believed
    otherwise: int = 0  # decided otherwise now than then, by the same versions


def questions(gate: Gate, draft: Policy, recall: ReplayCounts) -> Iterator[bytes]:
    """Every recorded act on each of its people as a question, a line of JSON with its facts.

    Few are read in one transaction: those that they are about are locked no longer than by an act.
    """
    last_number = 0
    while True:
        with reading(gate.engine) as connection:
            entry_rows = rows(
                connection,
                "SELECT number, at, person_id, body FROM entry WHERE number"
                " > ? ORDER BY number LIMIT ?",
                last_number,
                _TOGETHER,
            )
            lines = [
                line
                for each in entry_rows
                for line in _of_entry(gate.context, connection, draft, recall, each)
            ]
        if not entry_rows:
            return
        yield from lines
        last_number = entry_rows[-1][0]


def _of_entry(
    context: GateContext,
    connection: Connection,
    draft: Policy,
    recall: ReplayCounts,
    entry_row: tuple[Any, ...],
) -> Iterator[bytes]:
    number, at, person_id, body = entry_row
    entry = ledger.decode(bytes(body))
    if entry.kind not in ACTS or entry.action in _ON_NOBODY:
        return
    recall.entries += 1
    person_ids = [person_id] if person_id else _batch(connection, number)
    recall.gone += max(0, (entry.batch.count if entry.batch else 1) - len(person_ids))
    act = act_of(entry)
    try:
        execution = ActExecution(
            context.alone(context.policy, context.edition), connection, act, entitled=True
        )
        execution.template = execution.context.template(act, _facts(draft, act))
    except UpheldError:
        recall.unknown += len(person_ids)
        return
    execution.as_of = BEGINNING + timedelta(microseconds=at)
    try:
        versions = _versions(execution, entry)
    except UpheldError:  # words that a version which was asked besides does not have
        versions = []
    for each in person_ids:
        line = _question_of(execution, each, number, (entry, versions), recall)
        if line is not None:
            recall.asked += 1
            yield line


def _batch(connection: Connection, number: EntryNumber) -> list[PersonId]:
    """The people of a batch who are still there."""
    person_rows = rows(
        connection,
        "SELECT p.person_id FROM entry_person e JOIN person p ON"
        " p.person_id = e.person_id WHERE e.number = ?",
        number,
    )
    return sorted(person_id for (person_id,) in person_rows)


def act_of(entry: Entry) -> Act:
    """The act that an entry tells of."""
    words = dimension_values(entry, DATA)
    names = {role: words[role].partition(" ") for role in PARTIES if role in words}
    words.update({role: kind for role, (kind, _, _) in names.items()})
    party = next((name for _, _, name in names.values() if name), "")
    return Act(action=entry.action, data=entry.data, party=party, reference=entry.id, **words)


def _facts(draft: Policy, act: Act) -> list[str]:
    """The facts on which the draft's answer depends; none where it lacks a word of the act."""
    try:
        return sorted(planned(draft, act).values)
    except UpheldError:
        return []


def _versions(execution: ActExecution, entry: Entry) -> list[ActExecution]:
    """The act under each version that decided it; none where one of them was never posted."""
    context, connection = execution.context, execution.connection
    digests = (entry.policy, *entry.policies)
    if digests == (context.policy.digest,):
        return [execution]
    finder, versions = PolicyFinder(connection, context.policy), []
    for digest in digests:
        edition = finder.number(digest)
        if edition is None:
            return []
        under = context.alone(finder.find(digest), edition)
        version = ActExecution(under, connection, execution.act, entitled=True)
        version.as_of = execution.as_of
        versions.append(version)
    return versions


def _question_of(
    execution: ActExecution,
    person_id: PersonId,
    number: EntryNumber,
    then: tuple[Entry, Sequence[ActExecution]],
    recall: ReplayCounts,
) -> bytes | None:
    """The question of an act on one person; None where it cannot be asked any more.

    `then` is its entry, and the act under each version that decided it.
    """
    entry, versions = then
    if row(execution.connection, "SELECT 1 FROM person_key WHERE person_id = ?", person_id) is None:
        recall.gone += 1
        return None
    try:
        decision, (facts, _, problem) = execution.evaluate(person_id)
        decisions = [
            decision if each is execution else each.evaluate(person_id)[0] for each in versions
        ]
    except UpheldError:
        recall.unknown += 1
        return None
    if problem.startswith("forged"):
        recall.unknown += 1
        return None
    if decisions and entry.outcome not in ("", strictest_decision(decisions).outcome):
        recall.otherwise += 1
    act = execution.act
    question = {"id": number, "action": act.action, **dimension_values(act), "facts": facts}
    return msgspec.json.encode(question)
