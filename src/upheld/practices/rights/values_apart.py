"""What a hold keeps though its person was told that it was deleted, once that may be told.

It lies apart, serves nothing and goes with the hold. Its person reads it with whatever else we hold
about them, and has it in their copy; the look at it is part of the same act.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC
from functools import partial
from typing import Final, NamedTuple

import msgspec

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, Refused
from upheld.gate.erasure.must_keep import storable
from upheld.gate.public import Value
from upheld.gate.transaction import Transaction
from upheld.practice.kept_days import ON_HOLD
from upheld.practice.value_view import ValueView, view_values
from upheld.practices.rights.inventory import (
    SECRET,
    InventoryItem,
    describe_fields,
    display_value,
    field_shapes,
    origin_of,
)
from upheld.practices.rights.sentences import clauses, label

WHY: Final = "A legal hold keeps it, and it goes when that ends."

LOOK: Final = Act(action="view", actor="customer", purpose="rights-request", partial=True)


class Everything(NamedTuple):
    """What is held of somebody, and what a hold keeps of them apart."""

    items: list[InventoryItem]
    apart: list[InventoryItem]


Apart = Mapping[str, tuple[Value, ...]]  # by field, the oldest first


def read_everything(
    transaction: Transaction, person_id: PersonId, derived: bool, act: Act = LOOK
) -> Everything | Refused:
    """Everything that is held, in the order of the vocabulary; or why it may not be looked at.

    `act` is that of the look, without its fields.
    """
    shapes = field_shapes(transaction, person_id, derived=derived)
    values, leaves = transaction.values_apart(person_id), transaction.policy.engine.compiled.leaves
    apart = {field: values[field] for field in leaves["data"].bit if field in values}
    act = msgspec.structs.replace(act, data=tuple(dict.fromkeys((*shapes, *apart))))
    result = transaction.act(act, person_id, entitled=True)
    if isinstance(result, Refused):
        return result
    return Everything(
        describe_fields(transaction, person_id, shapes, result),
        describe(transaction, apart, result.refused),
    )


def describe(
    transaction: Transaction, apart: Apart, refused: Collection[str]
) -> list[InventoryItem]:
    """What is kept apart, but for the fields that an act refused, as it is told to its person."""
    policy, place = transaction.policy, transaction.place
    zone = transaction.clock.local(transaction.clock.now()).tzinfo or UTC
    terms, items = policy.program.vocabulary.tree("data"), []
    for field, rows in apart.items():
        if field in refused:
            continue
        if field == SECRET:
            view = ValueView((display_value(field, rows[-1].value),))
        else:
            view = view_values(field, [each.value for each in rows], partial(label, policy), zone)
        decision = storable(policy, field, ON_HOLD, place)
        ids = [each.strip() for each in rows[-1].origin.clause.split(",")]
        items.append(
            InventoryItem(
                field,
                label(policy, "data", field),
                label(policy, "data", terms[field].parent),
                "series" if len(rows) > 1 else "value",
                rows,
                origin_of(policy, rows),
                clauses(policy, ids),
                WHY,
                clauses(policy, list(decision.clauses)) if decision.allowed else [],
                view,
            )
        )
    return items
