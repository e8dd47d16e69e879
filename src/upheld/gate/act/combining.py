"""Combining what a party knows with what is held of people: of many at once, or of one.

It is to be allowed to combine the values, and to store them; both are decided on one reading of
what is held of everybody, and written together. Each value keeps the party as its origin, and each
person has an entry of their own that says what was stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.gate.act.context import GateContext
from upheld.gate.act.execution import ActExecution, Outcome
from upheld.gate.act.options import CombineOptions
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.field_values import FieldValueError
from upheld.vault import people, values
from upheld.vault.people import VaultError
from upheld.vault.values import Origin, ValueWriter

COMBINED: Final = "combined"  # the occasion of a value that came in by combining
FieldTexts = Mapping[str, str]  # values by field


class Combination(NamedTuple):
    """What came of combining with what is held of somebody.

    `marks` stand for the values by field, as they are stored now; `problem` is what is wrong with a
    value, and then nothing was asked.
    """

    outcome: Outcome | None
    marks: Mapping[str, str] = {}
    problem: UpheldError | None = None


def combine_one(
    context: GateContext,
    connection: Connection,
    person_id: PersonId,
    field_values: FieldTexts,
    options: CombineOptions,
) -> Outcome:
    """Combine with what is held of one person; VaultError where they are not there."""
    combination = combine_each(context, connection, {person_id: field_values}, options)[person_id]
    if combination.outcome is None:
        raise combination.problem or people.no_person(person_id)
    return combination.outcome


def combine_each(
    context: GateContext,
    connection: Connection,
    field_values: Mapping[PersonId, FieldTexts],
    options: CombineOptions,
) -> dict[PersonId, Combination]:
    """Combine with what is held of each of some people; VaultError where one is not there."""
    combinations: dict[PersonId, Combination] = {}
    alike: dict[tuple[str, ...], dict[PersonId, FieldTexts]] = {}
    people.lock_all(connection, list(field_values))
    for person_id, its in field_values.items():
        try:
            texts = _read(context, its)
        except (FieldValueError, VaultError) as error:
            combinations[person_id] = Combination(None, problem=error)
            continue
        alike.setdefault(tuple(texts), {})[person_id] = texts
    for mine in alike.values():
        combinations |= _combine_alike(context, connection, mine, options)
    return combinations


def _read(context: GateContext, field_values: FieldTexts) -> FieldTexts:
    """Values in the form in which they are kept; an error for one that cannot be."""
    texts = context.fields.normalise_all(field_values, context.clock.today())
    context.derived.refuse(texts)
    for field, value in texts.items():
        values.require_storable(field, value)
    return texts


def _combine_alike(
    context: GateContext,
    connection: Connection,
    field_values: Mapping[PersonId, FieldTexts],
    options: CombineOptions,
) -> dict[PersonId, Combination]:
    """Combine values of the same fields with what is held of each of some people."""
    fields = tuple(next(iter(field_values.values())))
    entitled = options.get("entitled", False)
    act = Act(action="combine", data=fields, source=options["source"], party=options["party"])
    storing = ActExecution(
        context, connection, context.storing(fields, options.get("purpose")), entitled=entitled
    )
    combining = ActExecution(context, connection, act, entitled=entitled)
    data = storing.load_with(list(field_values), combining)
    judgements = {each: storing.judge(each, data) for each in field_values}
    refusals = {each: its for each, its in judgements.items() if not its.allowed}
    outcomes = storing.conclude_many(refusals, data)
    outcomes |= combining.conclude_many(
        {each: combining.judge(each, data) for each in judgements if each not in refusals}, data
    )
    writer, marks = ValueWriter(connection, context.keyring), dict[PersonId, dict[str, str]]()
    for person_id, outcome in outcomes.items():
        if person_id in refusals or isinstance(outcome, Refused):
            continue
        person, decision = data.people[person_id].person, outcome.decision
        if context.duty_handlers.do_more(decision, act.action):  # which may have stored something
            person = people.open_person(connection, context.keyring, person_id)
        origin = Origin(options["party"], COMBINED, ", ".join(decision.clauses))
        person = writer.put(person, field_values[person_id], origin, storing.at)
        its_marks = {field: person.holdings[field].mark for field in fields}
        marks[person_id] = its_marks
        storing.perform = lambda its_marks=its_marks: its_marks
        outcomes[person_id] = storing.conclude(
            person_id, data.people[person_id], judgements[person_id]
        )
    writer.write()
    return {each: Combination(outcomes[each], marks.get(each, {})) for each in field_values}
