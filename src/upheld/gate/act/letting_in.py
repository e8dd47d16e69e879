"""What comes in of people and stays: collected or combined, and stored, both or neither of each.

Both are decided on one reading of what is held of everybody, and written together; each person has
an entry of their own that says what was stored. The time is that of the act, so that retention
finds the rows that were stored in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.gate.act.context import GateContext
from upheld.gate.act.duties import DutiesAtOnce
from upheld.gate.act.execution import ActExecution, Outcome
from upheld.gate.act.options import CombineOptions, StoreOptions
from upheld.gate.act.request import Act, Refused
from upheld.vault import people
from upheld.vault.people import Person
from upheld.vault.values import ValueWriter

Put = Callable[[ValueWriter, Person, str, datetime], Person]
"""Puts down what came in of somebody, given the clauses and the time; the person after it."""


class Arrival(NamedTuple):
    """What came of letting somebody's data in; `marks` stand for them by field, as stored now."""

    outcome: Outcome
    marks: Mapping[str, str] = {}


def let_in_each(
    context: GateContext,
    connection: Connection,
    act: Act,
    puts: Mapping[PersonId, Put],
    options: StoreOptions | CombineOptions,
) -> dict[PersonId, Arrival]:
    """Let the same kinds of data of some people come in by an act, and stay.

    A refusal of one is given, with its entry, and the others come in. VaultError where one of them
    is not there.
    """
    context.derived.refuse(act.data)
    whose = list(puts)
    people.lock_all(connection, whose)
    entitled = options.get("entitled", False)
    store = context.storing(act.data, options.get("purpose"))
    storing = ActExecution(context, connection, store, entitled=entitled)
    arriving = ActExecution(context, connection, act, entitled=entitled)
    storing.at_once = arriving.at_once = DutiesAtOnce()
    storing.licensor = arriving.licensor  # what comes in is under the licence at once
    data = storing.load_with(whose, arriving)
    judgements = {each: storing.judge(each, data) for each in whose}
    refusals = {each: its for each, its in judgements.items() if not its.allowed}
    outcomes = storing.conclude_many(refusals, data)
    outcomes |= arriving.conclude_many(
        {each: arriving.judge(each, data) for each in whose if each not in refusals}, data
    )
    writer, marks = ValueWriter(connection, context.keyring), dict[PersonId, dict[str, str]]()
    for person_id, outcome in outcomes.items():
        if person_id in refusals or isinstance(outcome, Refused):
            continue
        person, decision = data.people[person_id].person, outcome.decision
        if context.duty_handlers.may_store(decision, act.action):
            person = people.open_person(connection, context.keyring, person_id)

        def perform(person: Person, put: Put, clauses: str) -> dict[str, str]:
            person = put(writer, person, clauses, storing.at)
            its_marks = {field: person.holdings[field].mark for field in act.data}
            marks[person.person_id] = its_marks
            return its_marks

        storing.perform = partial(perform, person, puts[person_id], ", ".join(decision.clauses))
        judgement = judgements[person_id]
        if context.duty_handlers.may_store(judgement.decision, store.action):
            storing.perform = _followed(storing.perform, writer.write)
        outcomes[person_id] = storing.conclude(person_id, data.people[person_id], judgement)
    writer.write()
    storing.at_once.write(connection)
    return {each: Arrival(outcomes[each], marks.get(each, {})) for each in whose}


def _followed(
    perform: Callable[[], dict[str, str]], write: Callable[[], None]
) -> Callable[[], dict[str, str]]:
    def both() -> dict[str, str]:
        marks = perform()
        write()
        return marks

    return both
