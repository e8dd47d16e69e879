"""The database: durable or refused, one writer at a time, and errors without values."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Engine, text

from empty import empty_database
from sizes import size
from upheld.database import connection as turns
from upheld.database import engines
from upheld.database.connection import LOOK_SECONDS
from upheld.database.engines import open_database, open_or_remove
from upheld.database.errors import DatabaseError
from upheld.database.schema import migrate, require_current
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, scrub, writing

INSERT = text("INSERT INTO person VALUES (:id, 'active', 0, NULL, NULL)")
COUNT = text("SELECT count(*) FROM person")
PLANTED = "ann@example.org"
TURNS = size("turns of a third writer", short=40, long=400)
LOOKS = 200  # of a writer that waits


@pytest.fixture(name="small")
def _small(tmp_path: Path) -> Iterator[Engine]:
    """A SQLite database with its tables."""
    engine = open_database(empty_database(tmp_path))
    yield engine
    engine.dispose()


def test_each_setting_of_sqlite_is_in_effect(small: Engine) -> None:
    """What durability and forgetting need is set on every connection."""
    with reading(small) as one, reading(small) as two:
        for connection in (one, two):
            for name, (_, effect) in engines.PRAGMAS.items():
                assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == effect, name
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_setting_of_sqlite_without_effect_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that reads back another setting than it was given is not used."""
    monkeypatch.setitem(engines.PRAGMAS, "secure_delete", ("OFF", 1))
    with pytest.raises(DatabaseError, match="secure_delete = 0, not 1") as caught:
        open_database(f"sqlite:///{tmp_path}/upheld.db")
    assert caught.value.code == "durability"


def test_each_setting_of_postgresql_is_in_effect(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit waits for the disk even where the server's default says otherwise."""
    engine = open_database(postgres_url)
    with writing(engine) as connection:
        name = postgres_url.rpartition("/")[2]
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    engine.dispose()
    engine = open_database(postgres_url)
    with reading(engine) as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
        assert connection.execute(text("SHOW transaction_isolation")).scalar() == "repeatable read"
    engine.dispose()
    monkeypatch.setitem(engines.SHOWN, "fsync", "off")
    with pytest.raises(DatabaseError, match="fsync = on, not off"):
        open_database(postgres_url)


def test_a_transaction_is_kept_whole_or_undone_whole(engine: Engine) -> None:
    """What a block did stays when it ends, and nothing of it when it raises."""
    with writing(engine) as connection:
        connection.execute(INSERT, {"id": "a"})
    with pytest.raises(KeyError), writing(engine) as connection:
        connection.execute(INSERT, {"id": "b"})
        raise KeyError
    with reading(engine) as connection:
        connection.execute(INSERT, {"id": "c"})
    with reading(engine) as connection:
        assert connection.execute(COUNT).scalar() == 1


def test_a_savepoint_is_undone_alone(engine: Engine) -> None:
    """A nested act that fails leaves what the act around it did."""
    with writing(engine) as connection:
        connection.execute(INSERT, {"id": "a"})
        with pytest.raises(KeyError), connection.begin_nested():
            connection.execute(INSERT, {"id": "b"})
            raise KeyError
    with reading(engine) as connection:
        assert connection.execute(COUNT).scalar() == 1


def test_writers_at_once_lose_nothing(engine: Engine) -> None:
    """Eight writers that read a number and write the next one count each other in."""
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO person VALUES ('n', '0', 0, NULL, NULL)"))
    lock = " FOR UPDATE" if engine.dialect.name == "postgresql" else ""

    def count() -> None:
        for _ in range(10):
            with writing(engine) as connection:
                read = text(f"SELECT state FROM person WHERE person_id = 'n'{lock}")
                number = int(connection.execute(read).scalar_one())
                connection.execute(text("UPDATE person SET state = :n"), {"n": str(number + 1)})

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert connection.execute(text("SELECT state FROM person")).scalar() == "80"


def test_a_reader_waits_for_no_writer(engine: Engine) -> None:
    """While a writer is at work a reader reads what was kept before."""
    with writing(engine) as writer:
        writer.execute(INSERT, {"id": "a"})
        with reading(engine) as reader:
            assert reader.execute(COUNT).scalar() == 0


def test_a_lock_that_is_not_given_back_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second writer that has waited long enough is told to try again."""
    monkeypatch.setitem(engines.PRAGMAS, "busy_timeout", (50, 50))
    engine = open_database(f"sqlite:///{tmp_path}/upheld.db")
    with writing(engine), pytest.raises(DatabaseError) as caught, writing(engine):
        pass
    assert caught.value.code == "locked"
    engine.dispose()


def test_a_full_disk_is_told_and_nothing_is_half_written(small: Engine) -> None:
    """A transaction for which there is no room leaves nothing behind."""
    with pytest.raises(DatabaseError) as caught, writing(small) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        for number in range(10_000):
            connection.execute(INSERT, {"id": f"{PLANTED}{number}"})
    assert caught.value.code == "disk-full"
    with reading(small) as connection:
        assert connection.execute(COUNT).scalar() == 0


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("53100", "disk-full"),
        ("25006", "read-only"),
        ("40P01", "locked"),
        ("57P01", "database-gone"),
        ("XX001", "damaged"),
        ("22000", "database"),
    ],
)
def test_what_postgresql_raises_has_one_of_our_codes(
    postgres_url: str, state: str, code: str
) -> None:
    """Each state that the server tells becomes a code, and its message, with its values, goes."""
    engine = open_database(postgres_url)
    body = f"BEGIN RAISE EXCEPTION '{PLANTED}' USING ERRCODE = '{state}'; END"
    with pytest.raises(DatabaseError) as caught, writing(engine) as connection:
        connection.execute(text(f"DO $${body}$$"))
    assert caught.value.code == code
    assert PLANTED not in str(caught.value)
    assert caught.value.__suppress_context__
    engine.dispose()


def test_a_refused_row_is_told_without_its_values(engine: Engine) -> None:
    """A row that is there already is refused, and what it holds is not repeated."""
    with writing(engine) as connection:
        connection.execute(INSERT, {"id": PLANTED})
    with pytest.raises(DatabaseError, match=r"IntegrityError|UniqueViolation") as caught:  # noqa: SIM117 - one raises inside the other
        with writing(engine) as connection:
            connection.execute(INSERT, {"id": PLANTED})
    assert PLANTED not in str(caught.value)


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
def test_a_file_that_cannot_be_written_is_told(small: Engine, tmp_path: Path) -> None:
    """Writing to a database whose file is read-only is refused, reading it is not."""
    small.dispose()
    path = tmp_path / "upheld.db"
    path.chmod(0o400)
    code = f"""
from sqlalchemy import text
from upheld.database.engines import open_database
from upheld.database.transaction import reading, writing
from upheld.database.errors import DatabaseError
engine = open_database("sqlite:///{path}")
with reading(engine) as connection:
    print(connection.execute(text("SELECT count(*) FROM person")).scalar())
try:
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO person VALUES ('a', 'active', 0, NULL, NULL)"))
except DatabaseError as error:
    print(error.code)
"""
    # Root may write any file, unless it gives that right away.
    command = ["setpriv", "--bounding-set=-dac_override", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "read-only"]


def test_a_database_that_went_away_is_told(small: Engine, tmp_path: Path) -> None:
    """Nothing is written to a file that was moved or replaced by another."""
    with writing(small) as connection:
        connection.execute(INSERT, {"id": "a"})
    path = tmp_path / "upheld.db"
    path.rename(tmp_path / "moved.db")
    time.sleep(LOOK_SECONDS)
    with pytest.raises(DatabaseError, match="moved or deleted") as caught, writing(small):
        pass
    assert caught.value.code == "database-gone"
    path.touch()
    with pytest.raises(DatabaseError, match="moved or deleted"), reading(small):
        pass


@pytest.mark.parametrize(
    "name",
    [
        "two words",
        "50% off",
        "a%(x)s",
        "what?",
        "a#b",
        "it's",
        'a"b',
        "a\nb",
        "ü",
        "[k]",
        "*",
        "~",
        "-f",
        "a;b",
        os.fsdecode(b"caf\xe9"),
        ":memory:",
    ],
)
def test_every_path_works_that_the_file_system_allows(tmp_path: Path, name: str) -> None:
    """Whatever folder and file are called, the database is made there and found again."""
    folder = tmp_path / name
    folder.mkdir()
    url = f"sqlite:///{folder / name}"
    for count in range(2):
        engine = open_database(url)
        migrate(engine)
        with writing(engine) as connection:
            connection.execute(INSERT, {"id": str(count)})
        engine.dispose()
    assert [each.name for each in folder.iterdir()] == [name]
    engine = open_database(url, make=False)
    with reading(engine) as connection:
        assert connection.execute(COUNT).scalar() == 2
    engine.dispose()


def test_a_file_that_is_not_there_is_made_only_where_one_is_to_be(tmp_path: Path) -> None:
    """Who only looks is told its path, and no empty file is left."""
    with pytest.raises(DatabaseError, match="there is no ") as caught:
        open_database(f"sqlite:///{tmp_path}/upheld.db", make=False)
    assert "upheld admin init" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tables", [False, True])
def test_an_empty_file_is_not_left_behind(tmp_path: Path, *, tables: bool) -> None:
    """Where making it fails it goes; one that has its tables stays."""
    with pytest.raises(KeyError), open_or_remove(f"sqlite:///{tmp_path}/upheld.db") as engine:
        if tables:
            migrate(engine)
        raise KeyError
    assert [each.name for each in tmp_path.iterdir()] == (["upheld.db"] if tables else [])


def test_a_file_that_was_there_stays_though_it_is_empty(tmp_path: Path) -> None:
    """What somebody else made is not taken away."""
    (tmp_path / "upheld.db").touch(0o600)
    with pytest.raises(KeyError), open_or_remove(f"sqlite:///{tmp_path}/upheld.db"):
        raise KeyError
    assert (tmp_path / "upheld.db").exists()


def test_a_mount_that_is_read_only_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as a database that cannot be reached: it is there, and cannot be written."""
    open_database(f"sqlite:///{tmp_path}/upheld.db").dispose()

    class Mounted(NamedTuple):
        f_flag: int = os.ST_RDONLY

    monkeypatch.setattr(os, "statvfs", lambda _: Mounted())
    with pytest.raises(DatabaseError, match="mounted read-only") as caught:
        open_database(f"sqlite:///{tmp_path}/upheld.db")
    assert caught.value.code == "read-only"


def test_missing_tables_ask_for_the_command_that_makes_them(small: Engine, tmp_path: Path) -> None:
    """The hint names it."""
    require_current(small)
    bare = open_database(f"sqlite:///{tmp_path}/bare.db")
    with pytest.raises(DatabaseError) as caught:
        require_current(bare)
    assert "upheld admin migrate" in caught.value.hint
    bare.dispose()


def test_a_third_writer_has_its_turn_between_two_that_never_pause(tmp_path: Path) -> None:
    """Each of its transactions is kept while the others go on."""
    url = f"sqlite:///{tmp_path}/upheld.db"
    engine = open_database(url)
    migrate(engine)
    code = f"""
from upheld.database.engines import open_database
from upheld.database.statements import run
from upheld.database.transaction import writing
engine = open_database({url!r})
while True:
    with writing(engine) as connection:
        run(connection, "UPDATE lease SET until = until + 1 WHERE name = 'others'")
"""
    with writing(engine) as connection:
        run(connection, "INSERT INTO lease VALUES ('others', '', 0), ('own', '', 0)")
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    counts = "SELECT until FROM lease ORDER BY name"
    try:
        before = [(0,), (0,)]
        while before[0] == (0,):  # until they have begun
            with reading(engine) as connection:
                before = rows(connection, counts)
        for _ in range(TURNS):
            with writing(engine) as connection:
                run(connection, "UPDATE lease SET until = until + 1 WHERE name = 'own'")
    finally:
        for each in others:
            each.kill()
            each.wait()
    with reading(engine) as connection:
        after = rows(connection, counts)
    engine.dispose()
    assert after[1] == (TURNS,)


def test_a_writer_looks_as_often_after_a_long_wait_as_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looked ever more rarely would come too late where others write without a pause."""
    engine = open_database(empty_database(tmp_path))
    pauses: list[float] = []
    with closing(sqlite3.connect(tmp_path / "upheld.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == LOOKS:
                other.execute("ROLLBACK")

        monkeypatch.setattr(turns, "sleep", pause)
        with writing(engine) as connection:
            assert rows(connection, COUNT.text) == [(0,)]
    engine.dispose()
    assert pauses == [turns.TURN_SECONDS] * LOOKS


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "cannot be read"),
        ("oracle://host/name", "no support for oracle"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////nowhere/upheld.db", "No such file"),
        ("sqlite:////tmp", "is not a file"),
        ("sqlite:///upheld.db?mode=ro", "no options"),
    ],
)
def test_an_address_that_cannot_be_opened_is_told(url: str, said: str) -> None:
    """A wrong address is told with what to write."""
    with pytest.raises(DatabaseError, match=said):
        open_database(url)


def test_a_database_file_is_its_owners_alone(small: Engine, tmp_path: Path) -> None:
    """A new file and its log have mode 0600, and one that others may read is refused."""
    with writing(small) as connection:
        connection.execute(INSERT, {"id": "a"})
        for path in tmp_path.iterdir():
            assert path.stat().st_mode & 0o777 == 0o600, path
    (tmp_path / "upheld.db").chmod(0o640)
    with pytest.raises(DatabaseError, match="others than its owner"):
        open_database(f"sqlite:///{tmp_path}/upheld.db")


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """A file that is no database is told as damaged."""
    path = tmp_path / "upheld.db"
    path.write_bytes(b"no database " * 1000)
    path.chmod(0o600)
    with pytest.raises(DatabaseError) as caught:
        open_database(f"sqlite:///{path}")
    assert caught.value.code == "damaged"


def test_what_was_deleted_is_in_no_file_after_scrubbing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deleted value is neither in the database file nor in the log beside it."""
    monkeypatch.setitem(engines.PRAGMAS, "busy_timeout", (100, 100))  # a reader is not waited for
    small = open_database(empty_database(tmp_path))
    with writing(small) as connection:
        connection.execute(INSERT, {"id": PLANTED})
    with writing(small) as connection:
        connection.execute(text("DELETE FROM person"))
    with reading(small) as connection:
        assert connection.execute(COUNT).scalar() == 0
        assert not scrub(small)  # a reader is still in the log
    assert scrub(small)
    for path in tmp_path.iterdir():
        assert PLANTED.encode() not in path.read_bytes(), path
    small.dispose()


def test_transactions_are_begun_by_us_alone(small: Engine) -> None:
    """The driver begins no transaction of its own, so that ours is the only one."""
    with writing(small) as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        assert raw.isolation_level is None
        assert raw.in_transaction
