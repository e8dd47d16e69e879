"""Single values are deleted while their person stays, but what must be kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from gate.conftest import TOLD, Told, customer, later
from gate.test_backup import back, elsewhere, made
from gate.test_faults import problems
from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.errors import DatabaseError, database_error
from upheld.database.statements import rows
from upheld.database.transaction import reading, writing
from upheld.gate.erasure import delete_fields
from upheld.gate.erasure.delete_fields import DropError
from upheld.gate.erasure.holdings import holdings
from upheld.gate.gate import Gate
from upheld.vault import people
from upheld.vault.erasures import Erasures
from upheld.vault.people import HELD, VaultError


def held(gate: Gate, person: PersonId) -> set[str]:
    """The fields that are held of somebody."""
    return {each.field for each in holdings(gate, person)}


def test_a_dropped_value_is_gone_and_may_come_again(gate: Gate, person: PersonId) -> None:
    """With its former revisions and what its person was found by, and an entry that says so."""
    gate.store(person, {"email": "new@marked.example"}, source="customer", occasion="registration")
    assert gate.drop(person, ["email", "zip"]) == ("email",)
    assert held(gate, person) == {"birth-date", "name", "phone"}
    assert gate.find("email", "new@marked.example") == []
    with reading(gate.engine) as connection:
        statement = "SELECT 1 FROM value WHERE person_id = ? AND field = 'email'"
        assert rows(connection, statement, person) == []
    entry = gate.entries(person)[-1].entry
    assert (entry.kind, entry.action, entry.data) == ("retention", "delete", ("email",))
    assert not problems(gate)
    assert gate.drop(person, ["email"]) == ()
    gate.store(person, {"email": "ann@marked.example"}, source="customer", occasion="registration")
    assert gate.find("email", "ann@marked.example") == [person]
    assert not problems(gate)


def test_what_must_be_kept_is_not_dropped(gate: Gate, person: PersonId) -> None:
    """A hold keeps it; when the hold ends it can go."""
    hold = gate.record(person, "hold", fact="legal-hold", party="court")
    assert gate.drop(person, ["email", "phone"]) == ()
    assert held(gate, person) == {*TOLD, "birth-date"}
    gate.withdraw(person, hold, ended=True)
    assert set(gate.drop(person, ["email", "phone"])) == {"email", "phone"}


def test_a_hold_that_may_not_be_spoken_of_keeps_it_apart(gate: Gate) -> None:
    """Who asks is told the same, and sees nothing of it; the legal desk still has the value."""
    plain, gagged = customer(gate), customer(gate)
    gate.record(gagged, "hold", fact="legal-hold", party="court")
    gate.record(gagged, "instrument", fact="gag-order", party="court")
    assert gate.drop(plain, ["email"]) == gate.drop(gagged, ["email"]) == ("email",)
    assert held(gate, plain) == held(gate, gagged)
    assert not problems(gate)
    with reading(gate.engine) as connection:
        ((apart,),) = rows(connection, "SELECT person_id FROM person WHERE state = ?", HELD)
        apart_person = people.open_people_in_any_state(connection, gate.context.keyring, [apart])[
            apart
        ]
    assert set(apart_person.holdings) == {"email"}


def test_nothing_is_dropped_on_a_doubt(gate: Gate, person: PersonId) -> None:
    """A record that somebody else changed may be a hold; and nobody is made up."""
    gate.record(person, "hold", fact="legal-hold")
    with writing(gate.engine) as connection:
        connection.execute(text("UPDATE record SET ends = 1 WHERE kind = 'hold'"))
    with pytest.raises(DropError):
        gate.drop(person, ["email"])
    assert "email" in held(gate, person)
    with pytest.raises(VaultError):
        gate.drop(PersonId("0" * 32), ["email"])


def test_what_was_dropped_does_not_come_back_from_a_backup(
    gate: Gate, person: PersonId, tmp_path: Path
) -> None:
    """Of whom it was dropped and of nobody else; what was stored after that is another value."""
    other = customer(gate)
    before = made(gate, tmp_path)
    gate.drop(person, ["email", "phone"])
    gate.store(person, {"phone": "+15550100199"}, source="customer", occasion="registration")
    assert delete_fields.tell(gate) == 1
    assert delete_fields.tell(gate) == 0
    report, restored = back(gate, tmp_path, before.path, elsewhere(tmp_path))
    assert (report.people, report.erased, report.problems) == (2, 0, ())
    assert held(restored, person) == {"birth-date", "name"}
    assert held(restored, other) == {*TOLD, "birth-date"}
    assert restored.find("email", TOLD["email"]) == [other]
    entry = restored.entries(person)[-1].entry
    assert (entry.kind, entry.action, entry.data) == ("retention", "delete", ("email", "phone"))
    restored.engine.dispose()


def test_a_backup_that_was_made_after_keeps_what_was_stored_again(
    gate: Gate, person: PersonId, tmp_path: Path
) -> None:
    """Whether the list was told before or after it was made."""
    gate.drop(person, ["email"])
    gate.store(person, {"email": TOLD["email"]}, source="customer", occasion="registration")
    after = made(gate, tmp_path)
    assert delete_fields.tell(gate) == 1
    report, restored = back(gate, tmp_path, after.path, elsewhere(tmp_path))
    assert report.problems == ()
    assert held(restored, person) == {*TOLD, "birth-date"}
    assert delete_fields.tell(restored) == 1  # which the backup did not know to be told
    assert len(Erasures(gate.context.keyring).read()) == 1
    restored.engine.dispose()


def test_what_a_law_keeps_apart_is_kept_apart_again(
    gate: Gate, clock: Told, tmp_path: Path
) -> None:
    """A value that was set aside when it was dropped is there for the legal desk alone."""
    gagged = customer(gate)
    gate.record(gagged, "hold", fact="legal-hold", party="court")
    gate.record(gagged, "instrument", fact="gag-order", party="court")
    before = made(gate, tmp_path)
    later(gate, clock, 1)
    gate.drop(gagged, ["email"])
    delete_fields.tell(gate)
    report, restored = back(gate, tmp_path, before.path, elsewhere(tmp_path))
    assert report.problems == ()
    assert "email" not in held(restored, gagged)
    with reading(restored.engine) as connection:
        ((apart,),) = rows(connection, "SELECT person_id FROM person WHERE state = ?", HELD)
        opened = people.open_people_in_any_state(connection, restored.context.keyring, [apart])
    assert list(opened[apart].holdings) == ["email"]
    restored.engine.dispose()


def test_a_list_that_cannot_be_written_is_told_again(
    gate: Gate, person: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is forgotten before it stands there, and nothing stands there twice."""
    gate.drop(person, ["email"])

    def failing(*_: object) -> None:
        raise database_error("disk-full")

    with monkeypatch.context() as patch:
        patch.setattr(database, "delete", failing)
        with pytest.raises(DatabaseError):
            delete_fields.tell(gate)
    assert delete_fields.tell(gate) == 1
    (line,) = Erasures(gate.context.keyring).read()
    assert line.dropped == ("email",)
    raw = Erasures(gate.context.keyring).path.read_bytes()
    assert b"email" not in raw
