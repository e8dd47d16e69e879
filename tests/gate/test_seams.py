"""The parts together: series and texts that are kept, retention of rows, receipts that outlive."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

import upheld
from gate.conftest import Told, customer, later
from gate.test_backup import back, elsewhere, made
from gate.test_faults import problems
from ledger.logs import OTHER, SIGNER
from upheld.core.ids import PersonId
from upheld.database.engines import open_database
from upheld.database.statements import row, rows
from upheld.database.transaction import reading, writing
from upheld.gate import obligations
from upheld.gate.erasure import epochs, erase
from upheld.gate.erasure.holdings import holdings
from upheld.gate.erasure.retention import retire
from upheld.gate.gate import Gate
from upheld.gate.log import entries, receipts
from upheld.gate.log.audit import audit
from upheld.gate.log.checkpointer import Checkpointer
from upheld.gate.log.database_log import signed_checkpoint
from upheld.gate.log.detach import counts
from upheld.ledger.checkpoint import sign_checkpoint
from upheld.ledger.verify import verify_receipt, write_receipt
from upheld.vault import people, values
from upheld.vault.archive import BackupError
from upheld.vault.keyring import KeyFile, Keyring


def spent(gate: Gate, person: PersonId, *new_rows: str) -> None:
    """Add transactions."""
    gate.append(person, "transaction", new_rows, source="customer", occasion="service-use")


def series(gate: Gate, person: PersonId, field: str = "transaction") -> list[values.Value]:
    """The rows of a series as the vault has them."""
    with reading(gate.engine) as connection:
        apart_person = people.open_person(connection, gate.context.keyring, person)
        return list(values.examine(connection, apart_person, [field])[0].get(field, ()))


def owing(gate: Gate, clock: Told) -> PersonId:
    """Somebody with two transactions of different days, of whom some are kept if erased."""
    person = customer(gate)
    spent(gate, person, "3.00", "4.00")
    later(gate, clock, 2)
    spent(gate, person, "5.00")
    gate.record(person, "invoice", fact="account-unsettled", text="You owe 5.00.", how="letter")
    return person


def test_of_who_owes_every_row_is_kept_as_it_was_and_the_text_that_was_shown(
    gate: Gate, clock: Told
) -> None:
    """Values, origins and times are the same under the new key; a second erasure keeps them too."""
    person = owing(gate, clock)
    before = series(gate, person)
    for _ in range(2):
        (certificate,) = erase.erase(gate, [person], now=True)
        assert "transaction" in certificate.kept[0].data
        assert series(gate, person) == before
        assert problems(gate) == ()
        with reading(gate.engine) as connection:
            ((invoice,),) = rows(connection, "SELECT record_id FROM record WHERE kind = 'invoice'")
        with gate.together() as transaction:
            assert transaction.text_shown(person, invoice) == "You owe 5.00."
    spent_again = [value.revision for value in series(gate, person)]
    assert spent_again == [1, 2, 3]


def test_what_a_gagged_hold_keeps_of_a_series_is_whole_too(gate: Gate) -> None:
    """With the text of the order, under the key of the person apart, and no id of the other."""
    person = customer(gate)
    spent(gate, person, "3.00", "4.00")
    before = series(gate, person)
    gate.record(person, "hold", fact="legal-hold", party="court", text="Keep it.", by_whom=person)
    gate.record(person, "instrument", fact="gag-order", party="court")
    erase.erase(gate, [person], now=True)
    with reading(gate.engine) as connection:
        ((apart,),) = rows(connection, "SELECT person_id FROM person WHERE state = 'held'")
        apart_person = people.open_people_in_any_state(connection, gate.context.keyring, [apart])[
            apart
        ]
        assert (
            list(values.examine(connection, apart_person, ["transaction"])[0]["transaction"])
            == before
        )
        named = rows(
            connection, "SELECT 1 FROM record WHERE by_whom = ? OR person_id = ?", person, person
        )
    assert named == []
    assert problems(gate) == ()


def test_who_is_erased_with_a_series_comes_back_from_no_backup(
    gate: Gate, clock: Told, tmp_path: Path
) -> None:
    """And of who owes, what was kept comes back with every row."""
    gone, owes = customer(gate), owing(gate, clock)
    spent(gate, gone, "9.00")
    before = series(gate, owes)
    backup_made = made(gate, tmp_path)
    erase.erase(gate, [gone, owes], now=True)
    report, restored = back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert (report.problems, report.erased) == ((), 2)
    assert series(restored, owes) == before
    with reading(restored.engine) as connection:
        assert rows(connection, "SELECT 1 FROM value WHERE person_id = ?", gone) == []
    restored.engine.dispose()


@pytest.fixture(name="dated")
def _dated(engine: Engine, keyring: Keyring, clock: Told) -> Gate:
    """A gate whose policy lets messages be stored for 30 days."""
    text = (
        "---\npolicy: A\n---\n\nWe keep messages for a month. {#kept}\n\n```rule\n"
        "may collect messages from customer at service-use\n"
        "may store messages with delete-after 30 days\n```\n"
    )
    return Gate(engine, upheld.load_text(text), keyring, clock)


def test_rows_of_a_series_go_when_their_own_time_is_over(dated: Gate, clock: Told) -> None:
    """Each after its thirty days, the later ones after theirs; entries say what is left."""
    person = dated.enrol()

    def tell(*new_rows: str) -> None:
        dated.append(person, "messages", new_rows, source="customer", occasion="service-use")

    tell("a", "b")
    later(dated, clock, 20)
    tell("c")
    assert retire(dated) == 0
    later(dated, clock, 11)
    assert retire(dated) == 1
    assert [value.value for value in series(dated, person, "messages")] == ["c"]
    assert problems(dated) == ()
    later(dated, clock, 20)
    assert retire(dated) == 1
    assert series(dated, person, "messages") == []
    assert retire(dated) == 0
    assert problems(dated) == ()
    entries_told = [
        stored.entry for stored in dated.entries(person) if stored.entry.kind == "retention"
    ]
    assert [(entry.data, entry.clauses) for entry in entries_told] == [
        (("messages",), ("kept",))
    ] * 2
    tell("d")
    assert [value.revision for value in series(dated, person, "messages")] == [4]


def test_a_series_that_is_not_whole_is_left_to_who_looks_into_it(dated: Gate, clock: Told) -> None:
    """Nothing is deleted on a doubt, and the job goes on."""
    person = dated.enrol()
    for word in ("a", "b"):
        dated.append(person, "messages", [word], source="customer", occasion="service-use")
    with writing(dated.engine) as connection:
        connection.execute(text("UPDATE value SET origin = 'acme' WHERE revision = 2"))
    later(dated, clock, 31)
    assert retire(dated) == 0
    with reading(dated.engine) as connection:
        assert row(connection, "SELECT count(*) FROM value") == (2,)


def test_what_is_deleted_in_its_day_is_never_late_and_what_was_late_is_still_deleted(
    gate: Gate, clock: Told
) -> None:
    """A hold makes it late, of nobody in the log; when it ends, it goes."""
    person = customer(gate)
    gate.store(
        person,
        {"ip-address": "192.0.2.7"},
        source="browser",
        occasion="sign-in",
        purpose="security",
    )
    hold = gate.record(person, "hold", fact="legal-hold")
    later(gate, clock, 30.5)
    assert obligations.mark_overdue(gate) == 0
    later(gate, clock, 1)
    assert obligations.mark_overdue(gate) == 2  # to be deleted because it was collected, and stored
    assert [stored for stored in gate.entries(person) if stored.entry.kind == "late"] == []
    assert retire(gate) == 0
    gate.withdraw(person, hold, ended=True)
    assert retire(gate) == 1
    with reading(gate.engine) as connection:
        assert obligations.obligations_in(connection) == []


def cover(gate: Gate) -> None:
    """Cover what is there."""
    Checkpointer(gate.engine, SIGNER.name, SIGNER).run()


def test_a_receipt_from_before_an_erasure_verifies_after_it_and_the_ledger_holds(
    gate: Gate,
) -> None:
    """One's own entry and that of a batch; who cuts an entry without an erasure is found."""
    gone, stays = customer(gate), customer(gate)
    gate.sweep("use", [gone, stays], ["email"], purpose="billing")
    cover(gate)
    numbers = [stored.number for stored in gate.entries(gone)]
    stored = [write_receipt(receipts.receipt(gate, gone, number)) for number in numbers]
    erase.erase(gate, [gone], now=True)
    cover(gate)
    for raw in stored:
        verify_receipt(raw, SIGNER.key)
    with reading(gate.engine) as connection:
        severed = counts(connection)
        assert audit(connection, SIGNER.key, severed=severed).ok
        assert not audit(connection, SIGNER.key).ok
        assert entries.damaged(connection, severed) == []
    with writing(gate.engine) as connection:
        connection.execute(
            text("UPDATE entry SET person_id = NULL WHERE person_id = :who"), {"who": stays}
        )
    with reading(gate.engine) as connection:
        assert not audit(connection, SIGNER.key, severed=severed).ok


def test_what_was_published_must_be_signed_by_the_logs_own_key(
    gate: Gate, person: PersonId, tmp_path: Path
) -> None:
    """A checkpoint that somebody else signed is none of this log, whatever is said about it."""
    cover(gate)
    with reading(gate.engine) as connection:
        _, note, checkpoint = signed_checkpoint(connection)
    backup_made = made(gate, tmp_path)
    forged = str(sign_checkpoint(checkpoint, OTHER)).encode()
    for raw, because in ((forged, ""), (forged, "the disk broke"), (note.encode()[:-9], "")):
        with pytest.raises(BackupError) as caught:
            back(
                gate,
                tmp_path,
                backup_made.path,
                elsewhere(tmp_path),
                published=raw,
                because=because,
            )
        assert caught.value.code == "published"
    report, restored = back(
        gate, tmp_path, backup_made.path, elsewhere(tmp_path), published=note.encode()
    )
    assert (report.problems, report.previous) == ((), note)
    assert holdings(restored, person)
    restored.engine.dispose()


def test_two_who_renew_the_keys_at_once_lose_nobody(
    gate: Gate, database_url: str, tmp_path: Path
) -> None:
    """A job and a command, each with what it knew of the keyring: one waits for the other."""
    everybody = [customer(gate) for _ in range(30)]
    wrong: list[BaseException] = []

    def renew() -> None:
        engine = open_database(database_url)
        try:
            ring = Keyring.open(tmp_path / "keyring", KeyFile(tmp_path / "master"))
            started.wait(120)
            epochs.begin_epoch(engine, ring)
        except BaseException as error:  # noqa: BLE001 - told by the test
            wrong.append(error)
        finally:
            engine.dispose()

    started = threading.Barrier(3)
    threads = [threading.Thread(target=renew, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    gate.context.keyring.refresh()
    assert [each.number for each in gate.context.keyring.epochs] == [4]
    with reading(gate.engine) as connection:
        assert len(people.open_people(connection, gate.context.keyring, everybody)) == len(
            everybody
        )
        assert rows(connection, "SELECT DISTINCT epoch FROM person_key") == [(4,)]
    assert problems(gate) == ()
