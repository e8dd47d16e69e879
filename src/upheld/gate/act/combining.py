"""Combining what a party knows with what is held of people: of many at once, or of one.

It is to be allowed to combine the values, and to store them; both are decided on one reading of
what is held of everybody, and written together. Each value keeps the party as its origin, and each
person has an entry of their own that says what was stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.gate.act.context import GateContext
from upheld.gate.act.execution import Outcome
from upheld.gate.act.letting_in import Put, let_in_each
from upheld.gate.act.options import CombineOptions
from upheld.gate.act.request import Act
from upheld.gate.editions.licences import COMBINED
from upheld.gate.evidence.field_values import FieldValueError
from upheld.vault import people, values
from upheld.vault.people import Person, VaultError
from upheld.vault.values import Origin, ValueWriter

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
    act = Act(action="combine", data=fields, source=options["source"], party=options["party"])

    def put(
        mine: FieldTexts, writer: ValueWriter, person: Person, clauses: str, at: datetime
    ) -> Person:
        return writer.put(person, mine, Origin(options["party"], COMBINED, clauses), at)

    puts: dict[PersonId, Put] = {each: partial(put, mine) for each, mine in field_values.items()}
    entered = let_in_each(context, connection, act, puts, options)
    return {each: Combination(it.outcome, it.marks) for each, it in entered.items()}
