"""Jobs that walk people: whoever fails is set aside and listed, and everybody else is done."""

from __future__ import annotations

from typing import Any

import pytest

from gate.conftest import Told, customer, later
from gate.test_faults import flipped
from upheld.core.ids import EntryNumber
from upheld.database.errors import DatabaseError, database_error
from upheld.database.statements import row, rows, run, to_bytes
from upheld.database.transaction import reading, writing
from upheld.gate import obligations, set_aside
from upheld.gate.erasure import delete_fields, erase, retention
from upheld.gate.gate import Gate
from upheld.gate.log import entries
from upheld.gate.set_aside import SetAside, trial_of


def waiting(gate: Gate) -> list[SetAside]:
    """Whom jobs have set aside."""
    with reading(gate.engine) as connection:
        return set_aside.everybody(connection)


def spoil(gate: Gate, table: str, column: str, where: str, *values: Any) -> bytes:
    """Change the last byte of a cell; what it was."""
    with writing(gate.engine) as connection:
        table_rows = row(connection, f"SELECT {column} FROM {table} WHERE {where}", *values)
        assert table_rows is not None
        raw = to_bytes(table_rows[0])
        run(
            connection,
            f"UPDATE {table} SET {column} = ? WHERE {where}",
            flipped(raw, len(raw) - 1),
            *values,
        )
    return raw


def mend(gate: Gate, table: str, column: str, raw: bytes, where: str, *values: Any) -> None:
    """Put a cell back as it was."""
    with writing(gate.engine) as connection:
        run(connection, f"UPDATE {table} SET {column} = ? WHERE {where}", raw, *values)


def test_whoever_cannot_be_looked_at_stops_retention_for_nobody_else(
    gate: Gate, clock: Told
) -> None:
    """They are listed with why and since when, once, and taken off when it succeeds."""
    some = sorted(customer(gate) for _ in range(3))
    raw = spoil(gate, "person_key", "wrapped_key", "person_id = ?", some[0])
    later(gate, clock, 3_000)
    retention.retire(gate)
    retention.retire(gate)
    (one,) = waiting(gate)
    assert (one.person_id, one.job, one.about) == (some[0], "retention", "")
    assert one.why
    since = one.since
    mend(gate, "person_key", "wrapped_key", raw, "person_id = ?", some[0])
    assert since <= gate.context.clock.now()
    retention.retire(gate)
    assert waiting(gate) == []


def test_whoever_cannot_be_moved_keeps_nobody_else_under_an_old_key(gate: Gate) -> None:
    """All others are moved; the key of the one who is left stays, until they can be moved."""
    some = sorted(customer(gate) for _ in range(3))
    gone = customer(gate)
    raw = spoil(gate, "person_key", "wrapped_key", "person_id = ?", some[1])
    first = gate.context.keyring.current.number
    assert erase.renew(gate) == 3
    assert [(each.person_id, each.job) for each in waiting(gate)] == [(some[1], "keys")]
    (certificate,) = erase.erase(gate, [gone])
    assert erase.renew(gate) == 2
    assert erase.certificates(gate, gone)[-1].final  # it was of a later epoch
    assert certificate.final == ""
    assert first in {each.number for each in gate.context.keyring.epochs}
    mend(gate, "person_key", "wrapped_key", raw, "person_id = ?", some[1])
    assert erase.renew(gate) == 1
    assert waiting(gate) == []
    assert first not in {each.number for each in gate.context.keyring.epochs}
    assert gate.use(some[1], ["email"], purpose="billing")["email"]


def test_an_erasure_that_cannot_be_opened_keeps_no_other_waiting(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is listed, whoever asks for it is told, and the others are erased."""
    bad, good = customer(gate), customer(gate)
    with monkeypatch.context() as patch:
        patch.setattr(erase, "_carry_out", lambda _: 0)
        with pytest.raises(erase.ErasureError, match="begun"):
            erase.erase(gate, [bad])
    raw = spoil(gate, "erasure", "sealed", "person_id = ?", bad)
    assert erase.erase(gate, [good])[0].person == good
    assert [(each.person_id, each.job) for each in waiting(gate)] == [(bad, "unfinished erasures")]
    mend(gate, "erasure", "sealed", raw, "person_id = ?", bad)
    assert erase.resume(gate) == 1
    assert waiting(gate) == []
    with reading(gate.engine) as connection:
        assert rows(connection, "SELECT 1 FROM person WHERE person_id IN (?, ?)", bad, good) == []


def test_what_was_dropped_and_cannot_be_opened_keeps_nothing_else_from_the_list(
    gate: Gate,
) -> None:
    """Each row is told for itself."""
    one, two = customer(gate), customer(gate)
    gate.drop(one, ["email"])
    with reading(gate.engine) as connection:
        ((entry,),) = rows(connection, "SELECT entry FROM dropped")
    gate.drop(two, ["email"])
    raw = spoil(gate, "dropped", "sealed", "entry = ?", entry)
    assert delete_fields.tell(gate) == 1
    assert [(each.job, each.about) for each in waiting(gate)] == [("dropped", str(entry))]
    mend(gate, "dropped", "sealed", raw, "entry = ?", entry)
    assert delete_fields.tell(gate) == 1
    assert waiting(gate) == []


def test_an_item_whose_handler_fails_keeps_no_other_waiting(gate: Gate, clock: Told) -> None:
    """However many fail, those who are due after them are done."""
    failing = True

    def handler(transaction: Any, item: obligations.Obligation) -> EntryNumber:
        if failing and item.clause == "bad":
            raise ValueError("odd")
        return EntryNumber(transaction.note(item.person_id, "handled", action="view"))

    person = customer(gate)
    gate.context.duty_handlers.due["ring"] = handler
    with gate.together() as transaction:
        at = transaction.context.clock.now()
        for clause in ("bad", "good"):
            entries.due(transaction.connection, person, "ring", clause, at, EntryNumber(1))
    later(gate, clock, 1)
    assert obligations.mark_overdue(gate) == 1
    assert [(each.job, each.why) for each in waiting(gate)] == [("late", "ValueError")]
    failing = False
    assert obligations.mark_overdue(gate) == 1
    assert waiting(gate) == []


@pytest.mark.parametrize("error", [database_error("disk-full"), database_error("database-gone")])
def test_what_is_wrong_with_the_database_is_nobodys(gate: Gate, error: DatabaseError) -> None:
    """It fails the job, and sets nobody aside."""

    def failing() -> int:
        raise error

    person = customer(gate)
    with pytest.raises(DatabaseError), trial_of(gate, "any") as trial:
        trial.one(failing, person)
    assert waiting(gate) == []


def test_nobody_is_listed_who_was_erased_meanwhile(gate: Gate) -> None:
    """The list goes with its person, and a late failure does not put them back."""

    def failing() -> int:
        raise ValueError

    person = customer(gate)
    with trial_of(gate, "any") as trial:
        trial.one(failing, person)
        assert [each.person_id for each in waiting(gate)] == [person]
        erase.erase(gate, [person])
        assert waiting(gate) == []
        trial.one(failing, person, "again")
    assert waiting(gate) == []


def test_a_run_that_ends_early_takes_off_only_whom_it_has_done(gate: Gate) -> None:
    """Whom it did not come to stays on the list."""

    def failing() -> int:
        raise ValueError

    one, two = customer(gate), customer(gate)
    with trial_of(gate, "any") as trial:
        trial.one(failing, one)
        trial.one(failing, two)
    with trial_of(gate, "any") as trial:
        assert trial.one(_one, two) == 1
        trial.stop()
    assert [each.person_id for each in waiting(gate)] == [one]


def _one() -> int:
    return 1
