"""Rows and the cover over them put back together, as both once were: found, and refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from gate.conftest import Told, customer
from gate.test_gate import OFFERS, TO_PARTNER
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.database.declared import sealed_tables
from upheld.database.engines import open_database
from upheld.database.own_tables import Tables
from upheld.database.statements import placeholders, rows, run
from upheld.database.transaction import reading, writing
from upheld.gate import change_counts, findings
from upheld.gate.act.request import Refused
from upheld.gate.change_counts import ChangeCounts
from upheld.gate.gate import Gate
from upheld.gate.log import lineage
from upheld.gate.log.log_state import begin_again
from upheld.gate.operations.selfcheck_job import SelfCheckRound
from upheld.vault.keyring import Keyring
from upheld.web import sessions

Rows = dict[str, list[tuple[Any, ...]]]


SOMEBODY = PersonId("somebody")


def taken(gate: Gate) -> Rows:
    """Every row that is sealed, and every cover."""
    with reading(gate.engine) as connection:
        return {
            "person": rows(connection, "SELECT * FROM person"),
            **{
                each.name: rows(connection, f"SELECT * FROM {each.name}")
                for each in sealed_tables()
                if each.name != "look"
            },
        }


def put_back(gate: Gate, before: Rows) -> None:
    """Put all of it back, as somebody does who has kept a copy and has no keys."""
    with writing(gate.engine) as connection:
        for name, result in before.items():
            run(connection, f"DELETE FROM {name}")
            for each in result:
                run(connection, f"INSERT INTO {name} VALUES ({placeholders(each)})", *each)


def another(gate: Gate, clock: Told, url: str) -> Gate:
    """The gate of another process."""
    return Gate(open_database(url), gate.context.policy, gate.context.keyring, clock)


def texts(gate: Gate) -> list[str]:
    """What looks have found."""
    with suppress(UpheldError):
        SelfCheckRound().look(gate)
    with reading(gate.engine) as connection:
        return [each.text for each in findings.all_findings(connection)]


def changes(gate: Gate, person: PersonId, what: str) -> None:
    """Change something of a person, or of what is nobody's."""
    if what == "a record":
        gate.record(person, "opt-out", fact="opted-out", about={"purpose": ["offers"]})
    elif what == "a session":
        with writing(gate.engine) as connection:
            sessions.begin(Tables(connection), "customer", person, gate.context.clock.now())
    else:
        gate.drop(person, ["phone"])


@pytest.mark.parametrize("what", ["a record", "a session", "a register"])
def test_a_whole_set_that_is_put_back_is_found_by_the_next_look(
    gate: Gate, clock: Told, database_url: str, what: str
) -> None:
    """In another process too, since what was seen lies beside the keyring; and stays found."""
    person = customer(gate)
    assert texts(gate) == []
    before = taken(gate)
    changes(gate, person, what)
    assert change_counts.keep(gate) >= 1
    put_back(gate, before)
    other = another(gate, clock, database_url)
    assert any("put back" in each for each in change_counts.all_older(other))
    for _ in range(2):
        assert any("put back" in each for each in texts(other))
    other.engine.dispose()


def test_whoever_wrote_a_set_refuses_an_older_one_at_once(gate: Gate) -> None:
    """A consent that was withdrawn and put back with its cover gives nobody anything."""
    person = customer(gate)
    consent = gate.record(person, "consent", about=OFFERS, text="You may.")
    before = taken(gate)
    gate.withdraw(person, consent)
    put_back(gate, before)
    for action, more in (("share", TO_PARTNER), ("use", {"purpose": "offers"})):
        with pytest.raises((Refused, UpheldError)):
            gate.act(action, person, ["email"], **more)  # type: ignore[arg-type] # which of them, mypy cannot tell
    with pytest.raises(UpheldError):
        gate.record(person, "consent", about=OFFERS, text="You may.")


def test_what_is_not_committed_is_not_remembered(gate: Gate) -> None:
    """Neither what a transaction undoes, nor a piece of a batch that fails beside others."""
    person = customer(gate)

    def failing(transaction: Any) -> None:
        transaction.record(person, "opt-out", fact="opted-out", about={"purpose": ["offers"]})
        raise KeyError

    with suppress(KeyError), gate.together() as transaction:
        failing(transaction)
    result = gate.batch([failing, lambda transaction: transaction.enrol(), failing])
    assert [isinstance(each, KeyError) for each in result] == [True, False, True]
    assert texts(gate) == []
    assert gate.use(person, ["email"], purpose="billing")["email"]


def test_a_new_log_begins_with_nothing_that_was_seen(
    gate: Gate, clock: Told, database_url: str
) -> None:
    """After a restore the rows are older, and that is as it is meant."""
    person = customer(gate)
    before = taken(gate)
    changes(gate, person, "a record")
    change_counts.keep(gate)
    put_back(gate, before)
    other = another(gate, clock, database_url)
    assert any("put back" in each for each in texts(other))
    begin_again(other, "it was restored")
    assert not any("put back" in each for each in texts(other))
    with reading(other.engine) as connection:
        assert lineage.first(connection) > 1
    other.engine.dispose()


def test_a_file_that_is_gone_or_is_none_stops_nobody(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """Less is remembered; the log says that it cannot be read."""
    person = customer(gate)
    change_counts.keep(gate)
    path = gate.change_counts.path
    assert path.stat().st_mode & 0o777 == 0o600
    assert person.encode() not in path.read_bytes()
    path.write_bytes(b"no database at all, but long enough to be read as one" * 40)
    assert texts(gate) == []
    assert "cannot be" in caplog.text
    path.unlink()
    assert texts(gate) == []
    assert path.exists()


def test_whoever_is_gone_is_forgotten_after_some_days(keyring: Keyring, gate: Gate) -> None:
    """The file does not grow with everybody who ever was."""
    own = ChangeCounts(keyring)
    own.note({SOMEBODY: 3})
    day = gate.context.clock.now().toordinal()
    assert own.write(gate.engine, day) == 1
    own.forget(day + 1)
    assert own.read(gate.engine, [SOMEBODY]) == {SOMEBODY: 3}
    own.forget(day + 10)
    assert own.read(gate.engine, [SOMEBODY]) == {}
