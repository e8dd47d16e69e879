"""A database that was put back to an earlier version of the policy serves nothing in silence."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gate.conftest import Told, customer
from gate.test_backup import back, elsewhere, made
from gate.test_bound_versions import allowed
from gate.versions import NARROWER, WIDER, post, version
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.database.engines import open_database
from upheld.database.schema import migrate
from upheld.gate.editions.mark import VersionMark
from upheld.gate.editions.store import EditionError
from upheld.gate.gate import Gate
from upheld.gate.operations.restore import accept_version
from upheld.vault.archive import BackupError
from upheld.vault.keyring import Keyring


def copy_database(source: Path, target: Path) -> None:
    """Put one file of SQLite's in the place of another, whoever has them open."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def refused(gate: Gate) -> str:
    """The code with which a gate on the same database does not open."""
    with pytest.raises(EditionError) as caught:
        Gate(gate.engine, version("file"), gate.context.keyring, gate.clock)
    return caught.value.code


def test_a_backup_of_an_earlier_version_is_not_restored_in_silence(
    gate: Gate, person: PersonId, tmp_path: Path
) -> None:
    """Whoever says why may, and the entry says it; then the version of the backup is in force."""
    gate.take_first_version()
    first = gate.policy
    copy = made(gate, tmp_path)
    post(gate, version("2", WIDER))
    with pytest.raises(BackupError) as caught:
        back(gate, tmp_path, copy.path, elsewhere(tmp_path))
    assert caught.value.code == "versions"
    assert "version 2" in str(caught.value)
    _, there = back(gate, tmp_path, copy.path, elsewhere(tmp_path), because="the other disk burned")
    assert there.policy.digest == first.digest
    entry = there.entries(person)[-1].entry
    assert entry.kind != "version.accept"  # which is nobody's
    posted = post(there, version("3", NARROWER))
    assert posted.number == 2  # type: ignore[union-attr] # it is not refused
    assert not allowed(there, person, "messages")
    there.engine.dispose()


def test_a_backup_of_the_version_in_force_is_restored_as_ever(
    gate: Gate, person: PersonId, tmp_path: Path
) -> None:
    """Nobody has to say anything."""
    post(gate, version("2", NARROWER))
    copy = made(gate, tmp_path)
    _, there = back(gate, tmp_path, copy.path, elsewhere(tmp_path))
    assert there.policy.front.version == "2"
    assert not allowed(there, person, "messages")
    there.engine.dispose()


def test_a_file_that_was_put_back_serves_nothing_until_somebody_accepts_it(
    keyring: Keyring, clock: Told, tmp_path: Path
) -> None:
    """Nothing is decided by the earlier version; once it is accepted, it is in force again."""
    path = tmp_path / "one.db"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    gate = Gate(engine, version("1"), keyring, clock)
    person = customer(gate)
    gate.take_first_version()
    copy_database(path, tmp_path / "before.db")
    post(gate, version("2", NARROWER))
    assert not allowed(gate, person, "messages")
    copy_database(tmp_path / "before.db", path)
    with pytest.raises(UpheldError):  # what this process remembers of rows is not there either
        allowed(gate, person, "messages")
    gate.engine.dispose()
    engine = open_database(f"sqlite:///{path}")  # of another process
    with pytest.raises(EditionError) as caught:
        Gate(engine, version("file"), keyring, clock)
    assert caught.value.code == "version-restored"
    assert "accept-restored" in caught.value.hint
    assert accept_version(engine, keyring, clock, "a disk was lost") == "1"
    again = Gate(engine, version("file"), keyring, clock)
    assert again.policy.front.version == "1"
    assert allowed(again, person, "messages")
    with pytest.raises(EditionError) as caught:
        accept_version(engine, keyring, clock, "once more")
    assert caught.value.code == "version-accept"
    engine.dispose()


def test_another_history_of_as_many_versions_is_refused_too(gate: Gate) -> None:
    """It is the digest that counts, not how many there are."""
    post(gate, version("2", WIDER))
    mark = VersionMark(gate.context.keyring)
    mark_content = mark.read()
    assert mark_content is not None
    with gate.together() as transaction:
        first, second = transaction.editions.all()
        other = second._replace(digest=first.digest)
        mark.require(mark_content, transaction.connection, [first, second])
        with pytest.raises(EditionError) as caught:
            mark.require(mark_content, transaction.connection, [first, other])
    assert caught.value.code == "version-restored"


def test_what_is_remembered_cannot_be_changed_by_who_has_not_the_keyring(gate: Gate) -> None:
    """A file that was written by somebody else refuses, and is accepted only knowingly."""
    post(gate, version("2", WIDER))
    mark = VersionMark(gate.context.keyring)
    mark.path.write_bytes(b"x" * 80)
    assert refused(gate) == "version-mark"
    accept_version(gate.engine, gate.context.keyring, gate.clock, "the file was damaged")
    again = Gate(gate.engine, version("file"), gate.context.keyring, gate.clock)
    assert again.policy.front.version == "2"
    mark.path.unlink()  # as of an upheld that remembered nothing
    again = Gate(gate.engine, version("file"), gate.context.keyring, gate.clock)
    assert again.policy.front.version == "2"
    assert mark.path.stat().st_mode & 0o077 == 0


def test_another_database_of_the_same_keyring_is_no_earlier_one(gate: Gate, tmp_path: Path) -> None:
    """A new database begins with a first version of its own."""
    post(gate, version("2", WIDER))
    engine = open_database(f"sqlite:///{tmp_path}/other.db")
    migrate(engine)
    there = Gate(engine, version("1"), gate.context.keyring, gate.clock)
    there.take_first_version()
    assert there.policy.front.version == "1"
    engine.dispose()
