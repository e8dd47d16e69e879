"""A log that is shorter or other than what was signed: nothing is done any more but looking."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

import upheld
from empty import empty_database
from gate.conftest import Told, customer
from gate.test_covering import add, cover
from ledger.logs import SIGNER
from upheld.core.ids import PersonId
from upheld.core.settings import Settings
from upheld.database.engines import open_database
from upheld.database.statements import row, rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.gate import Gate
from upheld.gate.log import log_state
from upheld.gate.log.audit import audit
from upheld.gate.log.checkpointer import Checkpointer
from upheld.gate.log.database_log import LogError
from upheld.gate.log.entries import damaged
from upheld.gate.log.log_state import LogState, begin_again
from upheld.gate.operations.jobs import Jobs, built_in
from upheld.ledger.note import LOG
from upheld.ledger.signers import FileSigner
from upheld.vault.keyring import Keyring

SECOND = FileSigner("larch.example/acts-2", LOG, bytes(range(3, 35)))
CHANGES = {
    "its last entries are gone": "DELETE FROM entry WHERE number > 290",
    "an entry within is gone": "DELETE FROM entry WHERE number = 7",
    "an entry says something else": "UPDATE entry SET body = :raw WHERE number = 7",
    "an entry is text": "UPDATE entry SET body = 'text', salt = 'text' WHERE number = 7",
    "two entries changed places": "UPDATE entry SET number = -7 WHERE number = 7;"
    "UPDATE entry SET number = 7 WHERE number = 8; UPDATE entry SET number = 8 WHERE number = -7",
    "an entry has another leaf": "UPDATE entry SET leaf = :leaf WHERE number = 7",
    "a full tile was changed": "UPDATE tile SET hashes = :raw WHERE level = 0 AND place = 0",
    "a tile is gone": "DELETE FROM tile WHERE level = 1",
    "the checkpoint has another root": "UPDATE checkpoint SET root = :leaf WHERE size = 300",
    "the checkpoint has no good note": "UPDATE checkpoint SET note = 'text' WHERE size = 300",
}


def change(engine: Engine, what: str) -> None:
    """Change the rows as somebody does who can write to the database."""
    bound = {"raw": b"raw", "leaf": bytes(32)}
    with writing(engine) as connection:
        for each in CHANGES[what].split(";"):
            texts = each if engine.dialect.name == "sqlite" else each.replace("'text'", "'\\x61'")
            if "note" in each:
                texts = each
            needed = {name: value for name, value in bound.items() if f":{name}" in texts}
            assert connection.execute(text(texts), needed).rowcount


def signed(gate: Gate) -> PersonId:
    """A customer, and a log of 300 entries that is covered."""
    person = customer(gate)
    with reading(gate.engine) as connection:
        (count,) = row(connection, "SELECT count(*) FROM entry") or (0,)
    add(gate.engine, 300 - count)
    assert cover(gate.engine) == 300
    assert gate.log_state.look() == ""
    return person


@pytest.mark.parametrize("what", CHANGES)
def test_nothing_is_done_on_a_log_that_is_not_as_it_was_signed(
    gate: Gate, policy: upheld.Policy, keyring: Keyring, what: str
) -> None:
    """A process that starts finds it at once; nobody acts, nothing is signed, and it is told."""
    person = signed(gate)
    change(gate.engine, what)
    again = Gate(gate.engine, policy, keyring)
    assert again.log_state.why
    with pytest.raises(LogError) as caught:
        again.use(person, ["email"], purpose="billing")
    assert caught.value.code == "log-changed"
    with pytest.raises(LogError):
        again.enrol()
    assert again.find("email", "ann@marked.example") == [person]
    assert again.log_state.alarms(again.context.clock.now())
    with reading(gate.engine) as connection:
        before = rows(connection, "SELECT size FROM checkpoint")
    with pytest.raises(LogError):
        again.log_state.require()
    with reading(gate.engine) as connection:
        assert rows(connection, "SELECT size FROM checkpoint") == before


def test_a_log_that_is_cut_under_a_running_process_stops_the_very_next_act(gate: Gate) -> None:
    """Before anybody looks: the act itself sees that entries which were signed are gone."""
    person = signed(gate)
    change(gate.engine, "its last entries are gone")
    with pytest.raises(LogError) as caught:
        gate.use(person, ["email"], purpose="billing")
    assert caught.value.code == "log-changed"


@pytest.mark.parametrize("gone", ["checkpoint", "log_name"])
def test_a_checkpoint_that_is_gone_is_missed_by_whoever_saw_it(gate: Gate, gone: str) -> None:
    """A running process remembers up to where the log was signed."""
    signed(gate)
    with writing(gate.engine) as connection:
        run(connection, f"DELETE FROM {gone}")
    assert gate.log_state.look()
    with pytest.raises(LogError):
        gate.enrol()


def test_an_old_entry_that_is_changed_is_found_by_turns(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks compare a part of a long log each, and after some have compared all of it again."""
    monkeypatch.setattr(log_state, "PART", 1)
    monkeypatch.setattr(log_state, "FIRST", 1)
    signed(gate)
    add(gate.engine, 700)
    cover(gate.engine)
    own = LogState(gate.engine)
    assert own.look() == ""
    change(gate.engine, "an entry says something else")
    assert any(own.look() for _ in range(4))


def test_what_was_brought_back_as_it_was_is_gone_on_with(gate: Gate) -> None:
    """Once the log is again what was signed there is nothing to refuse."""
    person = signed(gate)
    with writing(gate.engine) as connection:
        (before,) = row(connection, "SELECT body FROM entry WHERE number = 7") or (b"",)
    change(gate.engine, "an entry says something else")
    own = Gate(gate.engine, gate.context.policy, gate.context.keyring)
    assert own.log_state.why
    with writing(gate.engine) as connection:
        run(connection, "UPDATE entry SET body = ? WHERE number = 7", before)
    assert own.log_state.look() == ""
    assert own.use(person, ["email"], purpose="billing")["email"]


@pytest.mark.parametrize("what", ["its last entries are gone", "an entry says something else"])
def test_a_new_log_is_begun_by_a_command_alone(
    gate: Gate, policy: upheld.Policy, keyring: Keyring, what: str
) -> None:
    """It begins above all that was signed, names the last checkpoint, and says why."""
    person = signed(gate)
    change(gate.engine, what)
    again = Gate(gate.engine, policy, keyring)
    number = begin_again(again, "the disk lied")
    assert number == 301
    assert again.use(person, ["email"], purpose="billing")["email"]
    with pytest.raises(LogError, match="name of its own"):
        cover(gate.engine)
    assert Checkpointer(gate.engine, SECOND.name, SECOND).run() == 2
    assert again.log_state.look() == ""
    (first,) = [stored for stored in _bodies(gate.engine) if b"the disk lied" in stored]
    assert SIGNER.name.encode() in first
    with reading(gate.engine) as connection:
        assert [each for each in damaged(connection) if each > 300] == []
        assert not audit(connection).ok  # what the old log has lost is still told


def _bodies(engine: Engine) -> list[bytes]:
    with reading(engine) as connection:
        return [bytes(body) for (body,) in rows(connection, "SELECT body FROM entry")]


def test_what_nothing_covers_for_a_minute_raises_the_alarm(
    gate: Gate, clock: Told, tmp_path: Path
) -> None:
    """By the job and on the console, until it is covered."""
    FileSigner.create(tmp_path / "log.key", SIGNER.name)
    work = Jobs(gate, built_in(Settings(log_key=tmp_path / "log.key")))
    uncovered = next(
        job for job in built_in(Settings(log_key=tmp_path / "log.key")) if job.name == "uncovered"
    ).run
    customer(gate)
    work.step()
    customer(gate)
    assert uncovered(gate) == 0
    waiting = gate.log_state.uncovered()
    assert waiting is not None
    assert waiting.entries
    clock.ahead += timedelta(minutes=2)
    with pytest.raises(LogError, match="no checkpoint covers"):
        uncovered(gate)
    assert "No checkpoint covers" in gate.log_state.alarms(clock.now())[0]
    work.step()
    assert uncovered(gate) == 0
    assert gate.log_state.alarms(clock.now()) == []


@pytest.mark.parametrize("column", ["salt", "body", "leaf", "at"])
def test_a_column_of_another_kind_is_a_finding(
    tmp_path: Path, policy: upheld.Policy, keyring: Keyring, column: str
) -> None:
    """SQLite keeps whatever is written: a text or a number among entries is named, no error."""
    engine = open_database(empty_database(tmp_path))
    gate = Gate(engine, policy, keyring)
    signed(gate)
    for wrong in ("text", 5, b""):
        with writing(gate.engine) as connection:
            (before,) = row(connection, f"SELECT {column} FROM entry WHERE number = 7") or (b"",)
            run(connection, f"UPDATE entry SET {column} = ? WHERE number = 7", wrong)
        with reading(gate.engine) as connection:
            assert 7 in {each.index for each in audit(connection).findings}
            assert damaged(connection) == [7]
        with writing(gate.engine) as connection:
            run(connection, f"UPDATE entry SET {column} = ? WHERE number = 7", before)
    engine.dispose()


def test_an_entry_that_is_there_twice_is_a_finding(
    tmp_path: Path, policy: upheld.Policy, keyring: Keyring
) -> None:
    """Where somebody took the key off the table and put a row in again, nothing fails."""
    engine = open_database(empty_database(tmp_path))
    gate = Gate(engine, policy, keyring)
    signed(gate)
    with writing(engine) as connection:
        run(connection, "CREATE TABLE other AS SELECT * FROM entry")
        run(connection, "INSERT INTO other SELECT * FROM entry WHERE number = 7")
        run(connection, "DROP TABLE entry")
        run(connection, "ALTER TABLE other RENAME TO entry")
    with reading(engine) as connection:
        assert not audit(connection).ok
        assert damaged(connection) == [7]
    assert gate.log_state.look()
    assert LogState(engine).look()
    engine.dispose()
