"""The tree in the database: it grows by several processes, and nothing is signed over a change."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

import upheld
from empty import empty_database
from gate.conftest import START, customer
from gate.test_faults import flipped
from ledger.logs import OTHER, SIGNER
from processes import child
from sizes import size
from tally import tried
from upheld.core.clock import system_time
from upheld.database.engines import open_database
from upheld.database.errors import DatabaseError
from upheld.database.statements import row, rows
from upheld.database.transaction import reading, writing
from upheld.gate.gate import Gate
from upheld.gate.log import checkpointer, database_log, entries, lineage
from upheld.gate.log.checkpointer import Checkpointer
from upheld.gate.log.database_log import DatabaseLog, LogError
from upheld.ledger.checkpoint import open_checkpoint
from upheld.ledger.entries import Entry
from upheld.ledger.note import Signer
from upheld.ledger.signers import SignerError
from upheld.ledger.tree import leaf_hash, root_of
from upheld.vault.keyring import Keyring

KILLS = size("kills while entries are covered, on each database", short=3, long=20)
ACTS = size("entries covered by several at once", short=60, long=2_000)
WORKER = """
import sys
from pathlib import Path
from upheld.database.engines import open_database
from upheld.gate.log.checkpointer import Checkpointer
from upheld.ledger.signers import FileSigner
signer = FileSigner.open(Path(sys.argv[2]))
covering = Checkpointer(open_database(sys.argv[1]), signer.name, signer)
while True:
    covering.run()
    print("covered", flush=True)
"""


def add(engine: Engine, count: int) -> None:
    """Add so many entries that are about nobody."""
    with writing(engine) as connection:
        for number in range(count):
            entry = Entry(kind="note", time="", action=f"n{number}")
            entries.write(connection, entry, None, START)


def cover(engine: Engine, signer: Signer = SIGNER) -> int:
    """Cover what is there."""
    return Checkpointer(engine, SIGNER.name, signer).run()


def checkpoints(engine: Engine) -> dict[int, str]:
    """The signed checkpoints by size, each verified and compared with the tree over all leaves."""
    with reading(engine) as connection:
        leaves = [
            leaf_hash(bytes(leaf))
            for (leaf,) in rows(connection, "SELECT leaf FROM entry ORDER BY number")
        ]
        table_rows = rows(connection, "SELECT size, root, note FROM checkpoint ORDER BY size")
        log = database_log.current(connection)
    assert log is not None
    for covered, root, note in table_rows:
        checkpoint = open_checkpoint(note.encode(), log.key)
        assert (
            (checkpoint.size, checkpoint.root)
            == (covered, bytes(root))
            == (covered, root_of(leaves[:covered]))
        )
    return {covered: note for covered, _, note in table_rows}


def test_entries_are_covered_and_their_checkpoints_signed(engine: Engine) -> None:
    """Whatever the sizes of the steps, each checkpoint is the tree over all entries until then."""
    sizes = []
    for count in (1, 0, 2, 252, 1, 1, 300):
        add(engine, count)
        assert cover(engine) == count
        sizes.append(count)
    assert list(checkpoints(engine)) == [1, 3, 255, 256, 257, 557]


def test_a_backlog_is_covered_in_steps(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What piled up while nobody covered is taken a part at a time."""
    monkeypatch.setattr(checkpointer, "MOST", 100)
    add(engine, 550)
    assert cover(engine) == 550
    assert len(checkpoints(engine)) == 6


def test_several_cover_at_once_and_no_size_has_two_roots(
    engine: Engine, database_url: str, gate: Gate
) -> None:
    """Acts go on while three cover: every entry is covered once, and every checkpoint holds."""
    person = customer(gate)
    done = threading.Event()
    wrong: list[BaseException] = []

    def work() -> None:
        own = open_database(database_url)
        try:
            while not done.is_set():
                cover(own)
                time.sleep(0.005)
        except BaseException as error:  # noqa: BLE001 - told by the test
            wrong.append(error)
        finally:
            own.dispose()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(ACTS):
        gate.use(person, ["email"], purpose="billing")
    done.set()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    cover(engine)
    with reading(engine) as connection:
        assert max(checkpoints(engine)) == (entries.last_of(connection) or (0,))[0]


def test_whoever_is_killed_over_a_checkpoint_leaves_one_that_goes_on(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    """After each kill the tree is whole, and whoever comes next covers and signs the rest."""
    from upheld.ledger.signers import FileSigner

    key = FileSigner.create(tmp_path / "log.key", SIGNER.name)
    command = [sys.executable, "-c", WORKER, database_url, str(tmp_path / "log.key")]
    chance = random.Random(3)  # noqa: S311 - moments to kill at
    for _ in range(KILLS):
        add(engine, 1)
        with child(command, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            for _ in range(3):
                add(engine, chance.randrange(1, 300))
                time.sleep(chance.random() * 0.01)
            worker.send_signal(signal.SIGKILL)
        Checkpointer(engine, key.name, key).run()
        with reading(engine) as connection:
            signed = row(connection, "SELECT max(size) FROM checkpoint WHERE note IS NOT NULL")
        assert signed == (len(_numbers(engine)),)
    checkpoints(engine)
    tried("kills", "while entries are covered and signed", engine, KILLS)


def _numbers(engine: Engine) -> list[int]:
    with reading(engine) as connection:
        return [number for (number,) in rows(connection, "SELECT number FROM entry")]


class Failing:
    """A signer that stops answering."""

    public = SIGNER.public

    def sign(self, message: bytes) -> bytes:
        """No signature."""
        del message
        raise SignerError("no signer answers", "start it")


def test_what_a_signer_did_not_sign_is_signed_later_with_the_same_root(engine: Engine) -> None:
    """The root is written down before it is signed, so that a second one can never be."""
    add(engine, 5)
    with pytest.raises(SignerError):
        cover(engine, Failing())
    with reading(engine) as connection:
        before = row(connection, "SELECT size, root, note FROM checkpoint")
    assert before is not None
    assert before[2] is None
    add(engine, 1)
    assert cover(engine) == 1
    assert list(checkpoints(engine)) == [5, 6]
    with reading(engine) as connection:
        assert row(connection, "SELECT size, root FROM checkpoint WHERE size = 5") == before[:2]


def test_another_key_or_name_signs_nothing(engine: Engine) -> None:
    """A log has one key: whoever comes with another is refused, and no checkpoint is made."""
    add(engine, 3)
    cover(engine)
    add(engine, 1)
    with pytest.raises(LogError) as caught:
        cover(engine, OTHER)
    assert caught.value.code == "other-log-key"
    assert list(checkpoints(engine)) == [3]


@contextmanager
def changed(engine: Engine, change: str, **bound: object) -> Iterator[None]:
    """A change past everything that guards the rows."""
    with writing(engine) as connection:
        assert connection.execute(text(change), bound).rowcount
    yield


@pytest.mark.parametrize(
    ("table", "column"), [("tile", "hashes"), ("checkpoint", "root"), ("checkpoint", "note")]
)
def test_nothing_is_signed_over_a_tree_that_was_changed(
    engine: Engine, table: str, column: str
) -> None:
    """A byte flipped in the tiles that grow, in the row or in the note: said, and not signed."""
    add(engine, 300)
    cover(engine)
    add(engine, 1)
    with reading(engine) as connection:
        table_rows = rows(connection, f"SELECT {column} FROM {table}")
    raw = table_rows[-1][0]
    wrong = flipped(bytes(raw), 3) if column != "note" else raw.replace("300", "301")
    with changed(
        engine, f"UPDATE {table} SET {column} = :new WHERE {column} = :old", new=wrong, old=raw
    ):
        with pytest.raises(LogError):
            cover(engine)
        with reading(engine) as connection:
            assert row(connection, "SELECT max(size) FROM checkpoint") == (300,)


def test_a_missing_entry_is_never_covered(engine: Engine) -> None:
    """A hole in the numbers stops the tree and is named."""
    add(engine, 5)
    with (
        changed(engine, "DELETE FROM entry WHERE number = 3"),
        pytest.raises(LogError, match="entry 3 is missing"),
    ):
        cover(engine)


def test_a_full_disk_stops_covering_and_leaves_the_last_tree(
    tmp_path: Path, policy: upheld.Policy, keyring: Keyring
) -> None:
    """Acts keep their entries; once there is room the tree goes on (SQLite)."""
    engine = open_database(empty_database(tmp_path))
    Gate(engine, policy, keyring)
    add(engine, 300)
    cover(engine)
    add(engine, 3_000)
    with writing(engine) as connection:
        pages = (row(connection, "PRAGMA page_count") or (0,))[0]
        rows(connection, f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DatabaseError) as caught:
        cover(engine)
    assert caught.value.code == "disk-full"
    engine.dispose()
    engine = open_database(f"sqlite:///{tmp_path}/upheld.db")
    assert list(checkpoints(engine)) == [300]
    assert cover(engine) == 3_000
    assert list(checkpoints(engine)) == [300, 3_300]
    engine.dispose()


def test_a_clock_that_was_set_back_leaves_checkpoints_in_order(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times of checkpoints never run back."""
    add(engine, 1)
    cover(engine)
    monkeypatch.setattr(checkpointer, "system_time", lambda: system_time() - timedelta(days=2))
    add(engine, 1)
    cover(engine)
    with reading(engine) as connection:
        times = [at for (at,) in rows(connection, "SELECT at FROM checkpoint ORDER BY size")]
    assert times == sorted(times)


def test_a_log_that_follows_another_begins_with_its_last_checkpoint(engine: Engine) -> None:
    """After a restore a new log has a name of its own, and the old entries stay uncovered by it."""
    from upheld.ledger.note import LOG
    from upheld.ledger.signers import FileSigner

    add(engine, 10)
    cover(engine)
    note = checkpoints(engine)[10]
    second = FileSigner("larch.example/acts-2", LOG, bytes(range(3, 35)))
    with writing(engine) as connection:
        first = lineage.restore_entry(note, "", "")
        number, _ = entries.write(connection, first, None, system_time())
        lineage.begin(connection, number, note)
    add(engine, 4)
    assert Checkpointer(engine, second.name, second).run() == 5
    with reading(engine) as connection:
        log, _, checkpoint = database_log.signed_checkpoint(connection)
        assert (log.first, checkpoint.size) == (11, 5)
        assert DatabaseLog(connection, log, 5).lines(0)[0].count(b'"previous"') == 1
    with pytest.raises(LogError):
        cover(engine)
    with writing(engine) as connection, pytest.raises(LogError, match="name of its own"):
        database_log.begin(connection, second.key, 1)
