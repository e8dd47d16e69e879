"""What a clause says must be deleted: an owed act, as any other, that retention does.

`must delete usage within 60 days when account-closed` opens an item when an account is closed. On
the last day of its time, and at once where no time is said, every field of the person that the
clause speaks of is deleted, but what must be kept; the item is done when nothing is left of it.
Until then a change of mind, such as an account that is opened again, lets it lapse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from upheld.core.ids import ObligationId, PersonId
from upheld.database import rows as database
from upheld.database.batches import Place, batch
from upheld.database.tables import item as table
from upheld.database.tables import microseconds
from upheld.database.transaction import reading
from upheld.gate.act.context import GateContext
from upheld.gate.act.execution import ActExecution
from upheld.gate.act.older_versions import contexts_of
from upheld.gate.act.request import Act, planned
from upheld.gate.erasure import delete_fields
from upheld.gate.log import entries
from upheld.gate.obligation_items import OPEN, OWED
from upheld.gate.obligations import DELETE, GRACE
from upheld.vault import people

if TYPE_CHECKING:
    from upheld.gate.gate import Gate
    from upheld.gate.set_aside import JobTrial

MOST = 1_000  # items looked at in one run


def delete(gate: Gate, at: datetime, trial: JobTrial) -> int:
    """Delete what must be deleted by now; how many fields of people."""
    count = 0
    for some in due_items(gate, "kind = ? AND action = ?", (OWED, DELETE), at + GRACE, MOST):
        for each in some:
            key = each.person_id, each.item_id
            count += trial.one(partial(_alone, gate, *key), *key) or 0
    return count


def due_items(
    gate: Gate, condition: str, values: Sequence[str], at: datetime, most: int
) -> Iterator[Sequence[Any]]:
    """Unfinished items that are due at a time and meet a condition, person by person, in batches.

    Each batch of at most `most` rows is read when it is asked for, outside every transaction.
    """
    last: Place | None = {"person_id": "", "item_id": ""}
    where = f"{condition} AND state IN ('open', 'late') AND due <= ?"
    while last is not None:
        with reading(gate.engine) as connection:
            some, last = batch(connection, table, where, (*values, microseconds(at)), last, most)
        yield some


def _alone(gate: Gate, person_id: PersonId, item_id: ObligationId) -> int:
    with gate.together() as transaction:
        return _carry_out(gate.context, transaction.connection, person_id, item_id)


def _carry_out(
    context: GateContext, connection: Connection, person_id: PersonId, item_id: ObligationId
) -> int:
    people.lock(connection, person_id)
    where = "person_id = ? AND item_id = ?"
    item = database.get(connection, table, where, person_id, item_id)
    if item is None or item.state not in OPEN:
        return 0  # somebody else was faster
    owed = fields_to_delete(context, connection, person_id, item.clause)
    if owed is None:
        return 0  # whether it is owed cannot be told
    gone = delete_fields.drop(context, connection, person_id, owed, (item.clause,)) if owed else ()
    if set(gone) == set(owed):
        last = entries.last_of(connection)
        database.update(
            connection,
            table,
            {"state": "done", "closed": last[0] if last else 0},
            where,
            person_id,
            item_id,
        )
    return len(gone)


def fields_to_delete(
    context: GateContext, connection: Connection, person_id: PersonId, clause: str
) -> tuple[str, ...] | None:
    """The fields held of somebody that a clause of a version of theirs says must be deleted.

    None where a doubt is.
    """
    person_holdings = people.open_person(connection, context.keyring, person_id).holdings
    to_delete: set[str] = set()
    for each in contexts_of(context, connection, person_id):
        fields = _fields_under(each, connection, person_id, clause, person_holdings)
        if fields is None:
            return None
        to_delete |= fields
    return tuple(sorted(to_delete))


def _fields_under(
    context: GateContext,
    connection: Connection,
    person_id: PersonId,
    clause: str,
    person_holdings: Iterable[str],
) -> set[str] | None:
    """The fields that a clause of one version says must be deleted; None where a doubt is."""
    leaves = context.policy.engine.compiled.leaves["data"].bit
    fields = tuple(sorted(field for field in person_holdings if field in leaves))
    if not fields or DELETE not in context.policy.engine.compiled.takes:
        return set()
    execution = ActExecution(context, connection, Act(action=DELETE, data=fields), entitled=True)
    proven, _ = execution.prove([person_id])
    facts, _, problem = proven[person_id]
    if problem:
        return None
    to_delete = set()
    for field in fields:
        plan = planned(context.policy, Act(action=DELETE, data=(field,)))
        decision = plan.decide({n: value for n, value in facts.items() if n in plan.values})
        if decision.allowed and any(o.clause == clause and o.certain for o in decision.owed):
            to_delete.add(field)
    return to_delete
