"""Proof of forgetting: every file is searched for what was erased, and for what would open it.

A deleted row lives on: in pages of the database, in its write-ahead log, in backups. What is found
there must be of no use. So all files are searched for the values, the person's key and the tokens
by which they were found, and the person's sealed key is tried with every key that is left.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gate.conftest import TOLD, customer
from gate.test_backup import made
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.erasure import erase
from upheld.gate.gate import Gate
from upheld.vault import escrow, people
from upheld.vault.envelope import SealError, context, unseal
from upheld.vault.keyring import KeyFile, Keyring

SEALED_KEY = 1 + 12 + 64 + 16  # the length of a person's key as it lies in its row
BORN = "1990-02-01"


@pytest.fixture(name="files")
def _files(gate: Gate, tmp_path: Path) -> Callable[[], Iterator[tuple[Path, bytes]]]:
    """Every file of the database, its logs, the keys, and temporary folders of the test."""
    folders = [tmp_path]
    if gate.engine.dialect.name == "postgresql":
        with reading(gate.engine) as connection:
            ((data,),) = rows(connection, "SHOW data_directory")
        folders.append(Path(data))

    def found() -> Iterator[tuple[Path, bytes]]:
        if len(folders) > 1:  # the log breaks what lies across its pages; the tables do not
            with gate.engine.connect() as connection:
                connection.exec_driver_sql("CHECKPOINT")
        for folder in folders:
            for path in folder.rglob("*"):
                if path.is_file() and path.name != "master":
                    yield path, path.read_bytes()

    return found


def forms(secret: bytes) -> list[bytes]:
    """The ways in which bytes may be written down."""
    return [secret, secret.hex().encode(), base64.b64encode(secret)]


def test_nothing_of_who_was_erased_is_in_any_file_in_any_use(
    gate: Gate, tmp_path: Path, files: Callable[[], Iterator[tuple[Path, bytes]]]
) -> None:
    """Values, key and tokens are nowhere, and the sealed key opens with nothing that is left."""
    keyring = gate.context.keyring
    gone, stays = customer(gate), customer(gate)
    with reading(gate.engine) as connection:
        key = people.open_person(connection, keyring, gone).key
        ((number, wrapped),) = rows(
            connection, "SELECT epoch, wrapped_key FROM person_key WHERE person_id = ?", gone
        )
        tokens = [
            bytes(t)
            for (t,) in rows(connection, "SELECT token FROM blind_index WHERE person_id = ?", gone)
        ]
        sealed = [
            bytes(s)
            for (s,) in rows(connection, "SELECT sealed FROM value WHERE person_id = ?", gone)
        ]
    old = keyring.current.key
    backup_made = made(gate, tmp_path)
    erase.erase(gate, [gone], now=True)
    gate.use(stays, ["email"], purpose="billing")
    secrets = [form for secret in (key, old) for form in forms(secret)]
    secrets += [word.encode() for word in (*TOLD.values(), BORN)]
    on_sqlite = gate.engine.dialect.name == "sqlite"
    for path, raw in files():
        for secret in secrets:
            assert secret not in raw, path
        if on_sqlite:  # PostgreSQL's log keeps deleted rows, sealed under keys that are gone
            assert not [each for each in (bytes(wrapped), *tokens, *sealed) if each in raw], path
    assert backup_made.path.exists()
    _no_key_opens(gate, tmp_path, number, gone, bytes(wrapped))


def _no_key_opens(gate: Gate, home: Path, number: int, gone: str, wrapped: bytes) -> None:
    """The person's sealed key opens with no key that is left once the escrow's day has come."""
    master = KeyFile(home / "master")
    (ring,) = (home / "escrow").glob("*.keys")
    belongs = context("person-key", gone, number)
    assert unseal(Keyring.open(ring, master).epoch(number).key, wrapped, belongs)
    for backup_id, _ in list(escrow.backups_with_keys(home / "escrow")):
        escrow.destroy(home / "escrow", backup_id)
    left = [each.key for each in Keyring.open(home / "keyring", master).epochs]
    left += [gate.context.keyring.derived("erasure"), gate.context.keyring.derived("erasures")]
    for key in left:
        with pytest.raises(SealError):
            unseal(key, wrapped, belongs)


def test_the_search_finds_what_is_there(
    gate: Gate, person: PersonId, files: Callable[[], Iterator[tuple[Path, bytes]]]
) -> None:
    """The same search before an erasure finds the sealed key and the person's tokens."""
    with reading(gate.engine) as connection:
        ((wrapped,),) = rows(
            connection, "SELECT wrapped_key FROM person_key WHERE person_id = ?", person
        )
        tokens = rows(connection, "SELECT token FROM blind_index WHERE person_id = ?", person)
    raw = b"".join(raw for _, raw in files())
    assert bytes(wrapped) in raw
    assert all(bytes(token) in raw for (token,) in tokens)


def test_an_id_that_was_erased_stands_in_no_file_of_the_database(
    gate: Gate, tmp_path: Path, files: Callable[[], Iterator[tuple[Path, bytes]]]
) -> None:
    """On SQLite it is in no page and no log; a backup from before is sealed as a whole."""
    gone = customer(gate)
    gate.sweep("use", [gone, customer(gate)], ["email"], purpose="billing")
    backup_made = made(gate, tmp_path)
    erase.erase(gate, [gone], now=True)
    for path, raw in files():
        if gate.engine.dialect.name == "sqlite" or tmp_path in path.parents:
            assert gone.encode() not in raw, path
    assert re.search(rb"upheld-backup-1", backup_made.path.read_bytes()[:300])
