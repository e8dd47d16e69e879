"""What goes wrong while somebody is forgotten, or while a backup is made or put back."""

from __future__ import annotations

import errno
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

import upheld
from gate.conftest import TOLD, customer
from gate.kills import killed
from gate.test_backup import back, elsewhere, made
from gate.test_faults import problems
from postgres import another
from sizes import size
from tally import tried
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.database import engines as opening
from upheld.database.engines import open_database
from upheld.database.errors import DatabaseError, database_error
from upheld.database.schema import migrate, revision
from upheld.database.transaction import writing
from upheld.gate.act.request import Act
from upheld.gate.erasure import delete_person, erase
from upheld.gate.erasure.holdings import holdings
from upheld.gate.gate import Gate
from upheld.gate.log import detach, entries
from upheld.gate.operations import backup as backups
from upheld.gate.operations import restore as restoring
from upheld.vault import archive, erasures
from upheld.vault.erasures import Erasures
from upheld.vault.keyring import KeyFile, Keyring
from upheld.vault.people import VaultError

KILLS = size("kills in each step of forgetting, on each database", short=2, long=15)


def opened(url: str, home: Path, policy: upheld.Policy) -> Gate:
    """A gate of a process's own."""
    ring = Keyring.open(home / "keyring", KeyFile(home / "master"))
    return Gate(open_database(url), policy, ring)


def renewed(gate: Gate) -> None:
    """Everything that was stopped is gone on with, and everything is whole."""
    gate.context.keyring.refresh()
    erase.renew(gate)
    assert problems(gate) == ()
    assert backups.not_forgotten(gate) == []


def test_an_erasure_that_is_killed_is_gone_on_with(
    database_url: str, gate: Gate, policy: upheld.Policy, tmp_path: Path
) -> None:
    """Who was told that somebody is erased was told the truth; the rest is erased later."""
    stays = customer(gate)
    gate.record(stays, "service-order", fact="has-service")
    chance = random.Random(1)  # noqa: S311 - moments to kill at
    for _ in range(KILLS):
        gate.engine.dispose()

        def work(say: Callable[[str], None]) -> None:
            own = opened(database_url, tmp_path, policy)
            say("ready")
            while True:
                person = customer(own)
                own.record(person, "invoice", fact="account-unsettled")
                say(f"begun {person}")
                erase.erase(own, [person], now=chance.random() < 0.3)
                say(f"erased {person}")

        lines = killed(work, chance.random() * 0.3)
        words = [PersonId(line.split()[1]) for line in lines if line.startswith("begun")]
        done = [PersonId(line.split()[1]) for line in lines if line.startswith("erased")]
        renewed(gate)
        for person in done:
            assert [each.field for each in holdings(gate, person)] == [
                "email",
                "name",
                "phone",
            ]
            assert erase.certificates(gate, person)[0].final
        listed = {each.token for each in Erasures(gate.context.keyring).read()}
        for person in words:
            one = erasures.token(gate.context.keyring, person) in listed
            assert one == bool(erase.certificates(gate, person))
    tried("kills", "in an erasure", gate.engine, KILLS)
    assert gate.use(stays, ["email"], purpose="billing")["email"] == TOLD["email"]


def test_a_renewal_of_keys_that_is_killed_loses_nobody(
    database_url: str, gate: Gate, policy: upheld.Policy, tmp_path: Path
) -> None:
    """Everybody has a key at every moment, and the next renewal goes on."""
    everybody = [customer(gate) for _ in range(8)]
    chance = random.Random(2)  # noqa: S311 - moments to kill at
    for _ in range(KILLS):
        gate.engine.dispose()

        def work(say: Callable[[str], None]) -> None:
            own = opened(database_url, tmp_path, policy)
            say("ready")
            while True:
                erase.renew(own)

        killed(work, chance.random() * 0.1)
        gate.context.keyring.refresh()
        assert problems(gate) == ()
        renewed(gate)
        assert len(gate.context.keyring.epochs) == 1
        assert list(tmp_path.glob(".keyring.*")) == []
        for person in everybody:
            assert gate.use(person, ["email"], purpose="billing")["email"] == TOLD["email"]
    tried("kills", "while everybody's key is renewed", gate.engine, KILLS)


def test_a_backup_that_is_killed_leaves_none_or_a_whole_one(
    database_url: str, gate: Gate, policy: upheld.Policy, tmp_path: Path
) -> None:
    """What lies there is whole, what was half written goes with the next one."""
    customer(gate)
    places = tmp_path / "backups"
    places.mkdir()
    chance = random.Random(3)  # noqa: S311 - moments to kill at
    for _ in range(KILLS):
        gate.engine.dispose()

        def work(say: Callable[[str], None]) -> None:
            own = opened(database_url, tmp_path, policy)
            say("ready")
            while True:
                backups.backup(own, places, keys=tmp_path / "escrow", days=30)

        killed(work, chance.random() * 0.3)
        for path in places.glob("*.backup"):
            assert list(archive.read(path, gate.context.keyring))
            path.unlink()
        backups.backup(gate, places, keys=tmp_path / "escrow", days=30)
        assert [path.suffix for path in places.iterdir()] == [".backup"]
    tried("kills", "in a backup", gate.engine, KILLS)


def test_a_restore_that_is_killed_is_whole_or_not_there(
    database_url: str, gate: Gate, policy: upheld.Policy, tmp_path: Path
) -> None:
    """An empty database is left, into which it is put again."""
    for _ in range(20):
        customer(gate)
    backup_made = made(gate, tmp_path)
    chance = random.Random(4)  # noqa: S311 - moments to kill at
    for turn in range(KILLS):
        place = f"{elsewhere(tmp_path)}{turn}"
        if database_url.startswith("postgresql"):
            place = another(database_url, f"restored{turn}")
        gate.engine.dispose()

        def work(say: Callable[[str], None], place: str = place) -> None:
            ring = Keyring.open(tmp_path / "keyring", KeyFile(tmp_path / "master"))
            say("ready")
            words = restoring.RestoreOptions(tmp_path / "escrow")
            restoring.restore(
                backup_made.path, place, policy, ring, KeyFile(tmp_path / "master"), words
            )
            say("back")
            time.sleep(60)

        lines = killed(work, chance.random() * 0.2)
        engine = open_database(place)
        there = revision(engine) != ""
        engine.dispose()
        assert there or "back" not in lines
        if there:
            restored = opened(place, tmp_path, policy)
        else:
            report, restored = back(gate, tmp_path, backup_made.path, place)
            assert report.people == 20
        assert problems(restored) == ()
        restored.engine.dispose()
    tried("kills", "in a restore", gate.engine, KILLS)


@pytest.mark.parametrize(
    ("module", "name", "error"),
    [
        (os, "fsync", OSError(errno.ENOSPC, "No space left on device")),
        (detach, "run", database_error("disk-full")),
        (delete_person, "delete_people", database_error("disk-full")),
        (entries, "write", database_error("disk-full")),
    ],
)
def test_a_full_disk_in_an_erasure_stops_it_and_it_goes_on(
    gate: Gate,
    person: PersonId,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    error: Exception,
) -> None:
    """Nothing is half done at any step, and nobody was told that it was done."""

    def full(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(erase if name == "delete_people" else module, name, full)
        with pytest.raises(UpheldError) as caught:
            erase.erase(gate, [person])
    assert caught.value.code in {"unwritable", "disk-full"}
    assert problems(gate) == ()
    if name != "write":  # it had begun
        with pytest.raises(VaultError):
            gate.use(person, ["email"], purpose="billing")
        assert erase.resume(gate) == 1
    else:
        erase.erase(gate, [person])
    renewed(gate)
    assert erase.certificates(gate, person)[0].final


def test_a_full_disk_while_keys_are_renewed_loses_nobody(
    gate: Gate, person: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keyring stays as it was, and the renewal goes on when there is room."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UpheldError) as caught:
            erase.renew(gate)
    assert caught.value.code == "unwritable"
    assert gate.use(person, ["email"], purpose="billing")["email"] == TOLD["email"]
    renewed(gate)


def test_a_full_disk_gives_no_backup_and_no_keys_of_one(
    gate: Gate, person: PersonId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full in the middle of the file: nothing is left of it."""
    del person
    opening = os.open

    def full(path: Any, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(".part"):
            return opening("/dev/full", os.O_WRONLY)
        return opening(path, flags, mode)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        with pytest.raises(UpheldError, match="No space left") as caught:
            made(gate, tmp_path)
    assert caught.value.code == "unwritable"
    assert list(tmp_path.glob("*.backup")) == []
    assert list((tmp_path / "escrow").iterdir()) == []
    assert made(gate, tmp_path).path.exists()


def test_a_full_disk_in_a_restore_leaves_an_empty_database(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite: nothing of it is there, and with room it is put back."""
    for _ in range(20):
        customer(gate)
    backup_made = made(gate, tmp_path)

    def small(url: str) -> Engine:
        engine = open_database(url)

        @event.listens_for(engine, "checkout")
        def _limit(raw: Any, *_: object) -> None:
            raw.execute("PRAGMA max_page_count = 40")

        return engine

    with monkeypatch.context() as patch:
        patch.setattr(opening, "open_database", small)
        with pytest.raises(DatabaseError) as caught:
            back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert caught.value.code == "disk-full"
    report, restored = back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    assert (report.people, report.problems) == (20, ())
    restored.engine.dispose()


def test_an_erasure_waits_for_the_act_that_is_being_done(
    gate: Gate, person: PersonId, database_url: str, policy: upheld.Policy, tmp_path: Path
) -> None:
    """The act is whole, then everything goes, its entry's tie too, but for what must be kept."""
    other = opened(database_url, tmp_path, policy)
    gate.record(person, "invoice", fact="account-unsettled")
    done: list[object] = []
    waiting = threading.Thread(target=lambda: done.append(erase.erase(other, [person])))
    with gate.together() as transaction:
        transaction.act(Act(action="use", data=("email",), purpose="billing"), person)
        waiting.start()
        time.sleep(0.3)
        transaction.store(
            person, {"address": "1 Elm St"}, source="customer", occasion="registration"
        )
        assert done == []
    waiting.join()
    assert done
    field_names = [each.field for each in holdings(gate, person)]
    assert field_names == ["address", "email", "name", "phone"]
    assert [each.entry.kind for each in gate.entries(person)] == ["erasure.kept"]
    assert problems(gate) == ()
    other.engine.dispose()


def test_a_withdrawal_while_somebody_is_taken_out_leaves_no_tie(
    gate: Gate,
    person: PersonId,
    database_url: str,
    policy: upheld.Policy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its entry is cut from the person like every other."""
    record = gate.record(person, "opt-out", fact="advertising-opt-out")
    with monkeypatch.context() as patch, pytest.raises(erase.ErasureError):
        patch.setattr(Erasures, "append", lambda *_: 1 / 0)
        erase.erase(gate, [person])
    other = opened(database_url, tmp_path, policy)
    going = threading.Thread(target=lambda: erase.resume(other))
    with gate.together() as transaction:
        transaction.withdraw(person, record)
        going.start()
        time.sleep(0.3)
    going.join()
    assert gate.entries(person) == []
    assert problems(gate) == ()
    other.engine.dispose()


def test_whoever_signs_up_while_keys_are_renewed_elsewhere_is_not_lost(
    gate: Gate, database_url: str, policy: upheld.Policy, tmp_path: Path
) -> None:
    """A process whose keyring is old looks again before it makes or opens a key."""
    stale = opened(database_url, tmp_path, policy)
    before = customer(stale)
    erase.renew(gate)
    after = customer(stale)
    for person in (before, after):
        assert stale.use(person, ["email"], purpose="billing")["email"] == TOLD["email"]
        assert gate.use(person, ["email"], purpose="billing")["email"] == TOLD["email"]
    assert problems(gate) == ()
    stale.engine.dispose()


def test_a_restore_that_fails_at_its_last_step_leaves_nothing(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even tables, so that nobody takes it for a database."""
    customer(gate)
    backup_made = made(gate, tmp_path)

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "_settle", broken)
        with pytest.raises(KeyboardInterrupt):
            back(gate, tmp_path, backup_made.path, elsewhere(tmp_path))
    engine = open_database(elsewhere(tmp_path))
    assert revision(engine) == ""
    migrate(engine)
    with writing(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM person")).scalar() == 0
    engine.dispose()
