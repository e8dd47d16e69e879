"""Rows that are looked through some at a time: what is not ours keeps nobody from the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gate.conftest import Told, later
from upheld.core.ids import EntryNumber
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate import obligations
from upheld.gate.erasure.owed_deletions import due_items
from upheld.gate.gate import Gate
from upheld.gate.log import entries


def items(gate: Gate, kind: str, count: int) -> list[str]:
    """Items that are due now, of a person each, as the job comes to them; their ids."""
    with gate.together() as transaction:
        for person in [transaction.enrol() for _ in range(count)]:
            entries.due(
                transaction.connection,
                person,
                kind,
                "clause",
                transaction.context.clock.now(),
                EntryNumber(1),
            )
    order = "person_id, item_id" if kind == "delete" else "due, item_id"
    statement = f"SELECT item_id FROM item WHERE kind = ? ORDER BY {order}"
    with reading(gate.engine) as connection:
        return [str(value) for (value,) in rows(connection, statement, kind)]


def forge(gate: Gate, some: list[str]) -> None:
    """Write to rows without the keys."""
    with writing(gate.engine) as connection:
        for each in some:
            run(connection, "UPDATE item SET clause = 'forged' WHERE item_id = ?", each)


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_rows_that_are_not_ours_end_no_look_however_many_come_first(gate: Gate, most: int) -> None:
    """Each row that is ours comes once, in its order, whatever the size of a batch."""
    some = items(gate, "delete", 6)
    forge(gate, [*some[:3], some[4]])
    at = gate.context.clock.now() + timedelta(days=1)
    batches = due_items(gate, "kind = ?", ("delete",), at, most)
    assert [each.item_id for batch in batches for each in batch] == [some[3], some[5]]


def test_items_that_somebody_changed_keep_no_job_from_what_is_due(
    gate: Gate, clock: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole batch of them comes first, and the one behind them is done all the same."""
    done: list[str] = []

    def handler(transaction: Any, item: obligations.Obligation) -> EntryNumber:
        done.append(item.item_id)
        return EntryNumber(transaction.note(item.person_id, "handled", action="view"))

    gate.context.duty_handlers.due["ring"] = handler
    some = items(gate, "ring", 4)
    later(gate, clock, 1)
    forge(gate, some[:3])
    monkeypatch.setattr(obligations, "MOST", 2)
    assert obligations.mark_overdue(gate) == 1
    assert done == some[3:]
