"""Backups that come back: of one moment, whole, their keys apart, and nobody remembered again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

import upheld
from gate.conftest import TOLD, Told, customer, later
from gate.test_faults import flipped, problems
from sizes import size
from upheld.core.clock import ClockError
from upheld.core.errors import UpheldError
from upheld.core.ids import BackupId, PersonId
from upheld.database.engines import open_database
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.erasure import erase
from upheld.gate.erasure.holdings import holdings
from upheld.gate.gate import Gate
from upheld.gate.log import lineage
from upheld.gate.operations import backup as module
from upheld.gate.operations.backup import BackupReport, backup, expire
from upheld.gate.operations.restore import RestoreOptions as Words
from upheld.gate.operations.restore import RestoreReport, keyring_for, restore
from upheld.ledger.checkpoint import Checkpoint, sign_checkpoint
from upheld.ledger.signers import FileSigner
from upheld.vault import archive, escrow, keyfile, keyring
from upheld.vault.archive import BackupError
from upheld.vault.erasures import Erasures
from upheld.vault.keyring import KeyFile, Keyring
from upheld.vault.people import VaultError

FLIPS = size("flipped bytes of a backup", short=25, long=1_000)
TABLES = ("person", "value", "record", "entry", "entry_person", "item", "blind_index")


def contents(engine: Engine) -> dict[str, set[str]]:
    """The rows of every table that a restore leaves as they are."""
    with reading(engine) as connection:
        return {
            table: {
                repr([int(value) if isinstance(value, bool) else value for value in row])
                for row in rows(connection, f"SELECT * FROM {table}")
                if table != "person" or row[0]  # the registers' row covers what a restore adds
            }
            for table in TABLES
        }


def made(gate: Gate, home: Path) -> BackupReport:
    """A backup with its keys apart."""
    return backup(gate, home / "one.backup", keys=home / "escrow", days=30)


def back(
    gate: Gate, home: Path, path: Path, url: str, **text_told: object
) -> tuple[RestoreReport, Gate]:
    """What came back of a backup, and a gate over it."""
    master = KeyFile(home / "master")
    ring = Keyring.open(home / "keyring", master)
    words = {"keys": home / "escrow", **text_told}
    report = restore(path, url, gate.context.policy, ring, master, Words(**words))  # type: ignore[arg-type] # as it takes them
    return report, Gate(open_database(url), gate.context.policy, ring)


def elsewhere(home: Path) -> str:
    """The address of an empty database on SQLite."""
    return f"sqlite:///{home}/restored.db"


def test_everything_comes_back_on_either_kind_of_database(
    gate: Gate, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """All rows are there, values open, people are found, and from one kind it goes to the other."""
    everybody = [customer(gate) for _ in range(3)]
    gate.sweep("use", everybody, ["email"], purpose="billing")
    before, backup_made = contents(gate.engine), made(gate, tmp_path)
    assert backup_made.path.stat().st_mode & 0o077 == 0
    urls = [elsewhere(tmp_path)]
    if gate.engine.dialect.name == "sqlite":
        urls.append(request.getfixturevalue("postgres_url"))
    for url in urls:
        report, restored = back(gate, tmp_path, backup_made.path, url)
        assert (report.people, report.erased, report.problems) == (3, 0, ())
        after = contents(restored.engine)
        assert {t: before[t] - after[t] for t in TABLES} == {t: set() for t in TABLES}
        assert restored.use(everybody[0], ["email"], purpose="billing")["email"] == TOLD["email"]
        assert restored.find("email", TOLD["email"]) == sorted(everybody)
        with reading(restored.engine) as connection:
            first = lineage.first(connection)
            (line, *_) = rows(connection, "SELECT body FROM entry WHERE number = ?", first)
            assert lineage.state(connection)[0] == 2
        assert b'"kind":"restore"' in bytes(line[0])
        assert report.previous.startswith(f"{backup_made.entries}\n")
        restored.engine.dispose()


def test_a_backup_that_is_made_while_acts_go_on_is_of_one_moment(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written while it is read is in none of its tables, and the writer does not wait."""
    customer(gate)
    copy = module._copy
    late: list[PersonId] = []

    def meanwhile(*words: object) -> int:
        late.append(customer(gate))
        return copy(*words)  # type: ignore[arg-type] # passes on what it was given

    monkeypatch.setattr(module, "_copy", meanwhile)
    backup_made = made(gate, tmp_path)
    report, restored = back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert (report.people, report.problems) == (1, ())
    with pytest.raises(VaultError):
        holdings(restored, late[0])
    assert problems(gate) == ()
    restored.engine.dispose()


def test_who_was_erased_after_the_backup_is_erased_in_what_comes_back(
    gate: Gate, tmp_path: Path
) -> None:
    """Kept is what was kept, apart is what was set apart, and the certificate is found again."""
    gone, owes, gagged, stays = (customer(gate) for _ in range(4))
    gate.record(owes, "invoice", fact="account-unsettled")
    gate.record(gagged, "hold", fact="legal-hold")
    gate.record(gagged, "instrument", fact="gag-order")
    backup_made = made(gate, tmp_path)
    certificates = erase.erase(gate, [gone, owes, gagged], now=True)
    assert {each.backups[:10] for each in certificates} == {f"{backup_made.until:%Y-%m-%d}"}
    report, restored = back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert (report.erased, report.people, report.problems) == (3, 2, ())
    for each in (gone, gagged):
        with pytest.raises(VaultError, match="no person with"):
            holdings(restored, each)
        assert erase.certificates(restored, each)[0].final
    assert [each.field for each in holdings(restored, owes)] == ["email", "name", "phone"]
    assert restored.use(stays, ["email"], purpose="billing")["email"] == TOLD["email"]
    with reading(restored.engine) as connection:
        assert rows(connection, "SELECT count(*) FROM person WHERE state = 'held'") == [(1,)]
    restored.engine.dispose()
    again, last = back(gate, tmp_path, made_again(restored, tmp_path), f"{elsewhere(tmp_path)}2")
    assert (again.erased, again.people, again.problems) == (0, 2, ())
    last.engine.dispose()


def made_again(gate: Gate, home: Path) -> Path:
    """A backup of a restored database."""
    return backup(gate, home / "two.backup", keys=home / "escrow", days=30).path


def test_once_its_day_has_come_nobody_can_read_a_backup(
    gate: Gate, clock: Told, tmp_path: Path
) -> None:
    """While the keys are kept it comes back although the epoch is destroyed, and never after."""
    customer(gate)
    backup_made = made(gate, tmp_path)
    erase.renew(gate)
    with pytest.raises(BackupError) as caught:
        back(gate, tmp_path, backup_made.path, elsewhere(tmp_path), keys=None)
    assert caught.value.code == "escrow"
    assert expire(gate, tmp_path / "escrow") == 0
    report, restored = back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert report.problems == ()
    restored.engine.dispose()
    later(gate, clock, 31)
    assert "should have been destroyed" in module.not_forgotten(gate)[0]
    assert expire(gate, tmp_path / "escrow") == 1
    assert list((tmp_path / "escrow").iterdir()) == []
    assert module.not_forgotten(gate) == []
    with pytest.raises(BackupError, match="has no keys"):
        back(gate, tmp_path, backup_made.path, f"{elsewhere(tmp_path)}2")


@pytest.mark.parametrize("ahead", [timedelta(days=40), timedelta(days=-40)])
def test_a_clock_that_jumped_destroys_no_key(
    gate: Gate, clock: Told, tmp_path: Path, ahead: timedelta
) -> None:
    """Neither the job nor the next backup believes it, until somebody does: then the day counts."""
    customer(gate)
    backup_made = made(gate, tmp_path)
    expire(gate, tmp_path / "escrow")  # looks at the clock
    clock.ahead = ahead
    for act in (lambda: expire(gate, tmp_path / "escrow"), lambda: made_again(gate, tmp_path)):
        with pytest.raises(ClockError):
            act()
    clock.ahead = timedelta()
    report, restored = back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert report.problems == ()
    restored.engine.dispose()


@pytest.mark.parametrize("how", ["cut", "zeroed", "gone"])
def test_a_backup_whose_keys_are_gone_is_no_success(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Its keys are opened again at the very end, as they lie there then."""
    customer(gate)
    verified = module._verify

    def meanwhile(gate: Gate, path: Path) -> None:
        verified(gate, path)
        (ring,) = (tmp_path / "escrow").iterdir()
        if how == "gone":
            ring.unlink()
        else:
            ring.write_bytes(bytes(ring.stat().st_size if how == "zeroed" else 0))

    monkeypatch.setattr(module, "_verify", meanwhile)
    with pytest.raises(BackupError) as caught:
        made(gate, tmp_path)
    assert caught.value.code == "escrow"
    assert not (tmp_path / "one.backup").exists()


def test_what_another_backup_is_writing_into_the_escrow_is_left_alone(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hourly job waits for it, and does not take its unfinished file for a rest."""
    customer(gate)
    replace = keyfile.replace
    running: list[threading.Thread] = []

    def slowly(path: Path, content: bytes) -> None:
        rest = path.with_name(f".{path.name}.abc")
        rest.write_bytes(content)
        rest.chmod(0o600)
        running.append(threading.Thread(target=expire, args=(gate, path.parent)))
        running[0].start()
        time.sleep(0.2)
        assert rest.read_bytes() == content
        rest.unlink()
        replace(path, content)

    monkeypatch.setattr(keyring, "replace", slowly)
    escrow.keep(
        tmp_path / "escrow",
        gate.context.keyring,
        BackupId("0" * 32),
        gate.context.clock.now() + timedelta(days=1),
    )
    running[0].join()
    ring = escrow.find(tmp_path / "escrow", BackupId("0" * 32), KeyFile(tmp_path / "master"))
    assert ring.current == gate.context.keyring.current


@pytest.mark.parametrize("left", [0, 1])
def test_a_list_of_erasures_that_lost_some_is_not_taken_for_a_shorter_one(
    gate: Gate, tmp_path: Path, left: int
) -> None:
    """The keyring remembers how many there were, though the backup was made before any."""
    customer(gate)
    backup_made = made(gate, tmp_path)
    gone = [customer(gate), customer(gate)]
    for each in gone:
        erase.erase(gate, [each], now=True)
    path = tmp_path / "keyring.erasures"
    whole = path.read_bytes()
    if left:
        path.write_bytes(b"".join(whole.splitlines(keepends=True)[:left]))
    else:
        path.unlink()
    assert "has lost" in module.not_forgotten(gate)[0]
    with pytest.raises(BackupError) as caught:
        back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert caught.value.code == "erasures"
    report, restored = back(gate, tmp_path, backup_made.path, elsewhere(tmp_path), because="a fire")
    assert report.problems == ()
    assert [each for each in module.not_forgotten(restored) if "list of erasures" in each] == []
    restored.engine.dispose()


def test_the_last_line_of_the_list_of_erasures_counts_without_its_end(
    gate: Gate, tmp_path: Path
) -> None:
    """What an editor took off at the end brings nobody back, and the list is gone on with."""
    everybody = [customer(gate) for _ in range(3)]
    backup_made = made(gate, tmp_path)
    erase.erase(gate, everybody[:2], now=True)
    path = tmp_path / "keyring.erasures"
    whole = path.read_bytes()
    path.write_bytes(whole.rstrip())
    assert len(Erasures(gate.context.keyring).read()) == 2
    report, restored = back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert (report.people, report.erased) == (1, 2)
    restored.engine.dispose()
    erase.erase(gate, everybody[2:], now=True)
    assert len(Erasures(gate.context.keyring).read()) == 3
    assert path.read_bytes().startswith(whole)


def test_a_lost_keyring_comes_back_from_the_keys_that_were_kept(gate: Gate, tmp_path: Path) -> None:
    """With the list of erasures too, or with somebody who says why it is lost."""
    person = customer(gate)
    erase.erase(gate, [customer(gate)], now=True)
    backup_made = made(gate, tmp_path)
    for name in ("keyring", "keyring.erasures"):
        (tmp_path / name).rename(tmp_path / f"{name}.lost")
    master = KeyFile(tmp_path / "master")
    ring = keyring_for(backup_made.path, tmp_path / "keyring", master, tmp_path / "escrow")
    assert ring.current.key == gate.context.keyring.current.key
    with pytest.raises(BackupError) as caught:
        back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert caught.value.code == "erasures"
    report, restored = back(gate, tmp_path, backup_made.path, elsewhere(tmp_path), because="a fire")
    assert report.problems == ()
    assert holdings(restored, person)
    restored.engine.dispose()


def lengths(raw: bytes) -> Iterator[int]:
    """The places of the bytes that say how long each part of a backup is."""
    at = raw.index(b"\n") + 1
    while at < len(raw):
        yield from range(at, at + archive._LENGTH)
        at += archive._LENGTH + int.from_bytes(raw[at : at + archive._LENGTH], "big")


def test_a_flipped_or_cut_byte_is_found_named_and_refused(gate: Gate, tmp_path: Path) -> None:
    """Wherever it is; nothing of such a backup comes into the database."""
    customer(gate)
    backup_made = made(gate, tmp_path)
    raw = backup_made.path.read_bytes()
    sampled = range(0, len(raw), max(1, len(raw) // FLIPS))
    places = sorted({*sampled, *list(lengths(raw))[-12:], len(raw) - 1})
    ring = gate.context.keyring
    for wrong in [*(flipped(raw, at) for at in places), raw[:-40], raw + b"x"]:
        backup_made.path.write_bytes(wrong)
        with pytest.raises(UpheldError) as caught:
            list(archive.read(backup_made.path, ring))
        assert caught.value.code in {"backup", "epoch"}
        assert "part " in str(caught.value) or wrong[:200] != raw[:200]
    with pytest.raises(BackupError):
        back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    backup_made.path.write_bytes(raw)
    report, restored = back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert report.problems == ()
    restored.engine.dispose()


def test_the_keys_of_another_keyring_are_refused(gate: Gate, tmp_path: Path) -> None:
    """A wrong escrow opens nothing, and says so."""
    customer(gate)
    backup_made = made(gate, tmp_path)
    erase.renew(gate)
    other = Keyring.create(tmp_path / "other", KeyFile(tmp_path / "master"))
    head = archive.read_head(backup_made.path)
    assert backup_made.until is not None
    path = escrow.place(tmp_path / "escrow", head.id, backup_made.until)
    path.rename(tmp_path / "right")
    other.copy(path)
    with pytest.raises(UpheldError) as caught:
        back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert caught.value.code == "other-keyring"
    path.write_bytes(os.urandom(100))
    with pytest.raises(BackupError) as wrong:
        back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert wrong.value.code == "escrow"


def test_a_database_that_is_not_empty_is_left_alone(gate: Gate, tmp_path: Path) -> None:
    """A backup is never mixed with another database."""
    backup_made = made(gate, tmp_path)
    url = elsewhere(tmp_path)
    back(gate, tmp_path, backup_made.path, url)[1].engine.dispose()
    with pytest.raises(BackupError) as caught:
        back(gate, tmp_path, backup_made.path, url)
    assert caught.value.code == "not-empty"


def test_a_log_of_which_more_was_published_is_not_gone_on_with(gate: Gate, tmp_path: Path) -> None:
    """Unless somebody says why; then the new log names what was published as the last known."""
    customer(gate)
    with reading(gate.engine) as connection:
        early = lineage.state(connection)
    customer(gate)
    backup_made = made(gate, tmp_path)
    customer(gate)
    with reading(gate.engine) as connection:
        late = lineage.state(connection)
    signer = FileSigner.create(tmp_path / "log.key", "larch.example/acts")

    def note(size: int, root: bytes) -> bytes:
        return str(sign_checkpoint(Checkpoint(signer.name, size, root), signer)).encode()

    url = elsewhere(tmp_path)
    for raw, text in ((note(*late), "is lost"), (note(early[0], late[1]), "another log")):
        with pytest.raises(BackupError, match=text) as caught:
            back(gate, tmp_path, backup_made.path, url, published=raw)
        assert caught.value.code == "published"
    back(gate, tmp_path, backup_made.path, url, published=note(*early))[1].engine.dispose()
    report, restored = back(
        gate, tmp_path, backup_made.path, f"{url}2", published=note(*late), because="the disk broke"
    )
    assert report.previous == note(*late).decode()
    restored.engine.dispose()


def test_a_database_that_is_not_whole_gives_no_backup(
    gate: Gate, person: PersonId, tmp_path: Path
) -> None:
    """It is read back before it counts; what is wrong is named, and no file is left."""
    with writing(gate.engine) as connection:
        run(connection, "DELETE FROM value WHERE person_id = ? AND field = 'phone'", person)
    with pytest.raises(BackupError, match="`phone` of person"):
        made(gate, tmp_path)
    assert list(tmp_path.glob("*.backup")) == []
    assert list((tmp_path / "escrow").iterdir()) == []


def test_a_restored_list_of_erasures_is_that_of_the_keyring(
    gate: Gate, policy: upheld.Policy, tmp_path: Path
) -> None:
    """A backup from after an erasure erases nobody again, and the list stays as it is."""
    erase.erase(gate, [customer(gate)], now=True)
    backup_made = made(gate, tmp_path)
    before = Erasures(gate.context.keyring).read()
    report, restored = back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert report.erased == 0
    assert Erasures(restored.context.keyring).read() == before
    assert restored.context.policy is policy
    restored.engine.dispose()
