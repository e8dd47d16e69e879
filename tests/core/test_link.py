"""Connections that are kept: savepoints, statements that nobody waits for, one writer at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from upheld.database.connection import POOL_OPTION, WriteConnection
from upheld.database.errors import DatabaseError, OutdatedError
from upheld.database.statements import (
    Savepoint,
    execute_deferred,
    execute_many,
    first_rows,
    rows,
    run,
)
from upheld.database.transaction import reading, writing

PUT = "INSERT INTO person VALUES (?, 'active', 0, NULL, NULL)"


def people(engine: Engine) -> list[str]:
    """Who is in the database."""
    with reading(engine) as connection:
        return [each for (each,) in rows(connection, "SELECT person_id FROM person ORDER BY 1")]


def test_a_connection_is_kept_and_closed_with_its_engine(engine: Engine) -> None:
    """One writer after the other uses the same one; whoever fails gives theirs up."""
    rest = engine.get_execution_options()[POOL_OPTION]
    with writing(engine) as first:
        pass
    assert rest == [first]
    with writing(engine) as second:
        assert second is first
    with pytest.raises(KeyError), writing(engine):
        raise KeyError
    assert rest == []
    with writing(engine):
        pass
    engine.dispose()
    assert rest == []


@pytest.mark.parametrize("way", [writing, reading])
def test_a_connection_that_outlives_its_engine_is_closed_when_it_comes_back(
    engine: Engine, way: Callable[[Engine], AbstractContextManager[Connection]]
) -> None:
    """Whoever works while the engine is closed ends well, and leaves no open connection behind."""
    with way(engine) as connection:
        rows(connection, "SELECT 1")
        driver = connection.connection.driver_connection
        engine.dispose()
    assert driver is not None
    with pytest.raises(Exception, match=r"(?i)closed"):
        driver.execute("SELECT 1")
    assert engine.get_execution_options()[POOL_OPTION] == []
    assert people(engine) == people(engine)
    engine.dispose()


def test_an_engine_of_another_make_has_its_connection_closed(tmp_path: Path) -> None:
    """Nothing is kept where nobody would close it."""
    plain = create_engine(f"sqlite:///{tmp_path}/plain.db")
    with writing(plain) as connection:
        run(connection, "CREATE TABLE t (a)")
    assert connection.closed
    plain.dispose()


def test_a_savepoint_undoes_its_own_and_nothing_else(engine: Engine) -> None:
    """Whether its statements had been sent or not, within one another too."""
    with writing(engine) as connection:
        execute_deferred(connection, PUT, "before")
        with pytest.raises(KeyError), Savepoint(connection):
            execute_deferred(connection, PUT, "unsent")
            raise KeyError
        with pytest.raises(KeyError), Savepoint(connection):
            assert run(connection, PUT, "sent") == 1
            raise KeyError
        with Savepoint(connection):
            execute_many(connection, PUT, [("outer",), ("outer too",)])
            with pytest.raises(DatabaseError), Savepoint(connection):
                run(connection, PUT, "inner")
                run(connection, "INSERT INTO nowhere VALUES (1)")
    assert people(engine) == ["before", "outer", "outer too"]
    with reading(engine) as connection, pytest.raises(TypeError), Savepoint(connection):
        pass


BEGINNINGS: dict[str, Callable[[Connection], object]] = {
    "a statement": lambda connection: run(connection, PUT, "a"),
    "one that nobody waits for": lambda connection: execute_deferred(connection, PUT, "a"),
    "many at once": lambda connection: execute_many(connection, PUT, [("a",), ("b",)]),
    "a first query": lambda connection: first_rows(connection, "1", "FROM epoch", ()),
    "one without a row": lambda connection: first_rows(
        connection, "1", "FROM epoch WHERE number < ?", (0,)
    ),
    "another's way": lambda connection: connection.execute(text("SELECT 1")),
}


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_what_is_expected_is_asked_before_anything_else(engine: Engine, begin: str) -> None:
    """Whatever comes first, and if the transaction before expected something else."""
    before = people(engine)
    for _ in range(2):
        with pytest.raises(OutdatedError), writing(engine) as connection:
            assert isinstance(connection, WriteConnection)
            connection.expect(("SELECT 1", ()), 2)
            BEGINNINGS[begin](connection)
            rows(connection, "SELECT 1")
        assert people(engine) == before
        with writing(engine) as connection:
            assert isinstance(connection, WriteConnection)
            connection.expect(("SELECT 1", ()), 1)
            assert rows(connection, "SELECT 3") == [(3,)]
    with writing(engine) as connection:
        assert isinstance(connection, WriteConnection)
        connection.expect(("SELECT 1", ()), 1)
        BEGINNINGS[begin](connection)
    assert engine.get_execution_options()[POOL_OPTION] != []


def test_the_first_query_tells_the_last_entry_of_the_log(engine: Engine) -> None:
    """Of a log with entries, so that nobody asks for it again; of an empty one it tells nothing."""
    with writing(engine) as connection:
        assert isinstance(connection, WriteConnection)
        run(connection, "INSERT INTO epoch VALUES (7, ?, ?)", b"mark", False)
        assert first_rows(connection, "number", "FROM epoch", ())[0][0] == 7
        assert connection.last_entry in {None, (0, 0)}  # (0, 0) is PostgreSQL's
        run(connection, "INSERT INTO entry VALUES (3, 5, NULL, ?, ?, ?)", b"", b"", b"")
    with writing(engine) as connection:
        assert isinstance(connection, WriteConnection)
        connection.prefetch_last_entry()
        first_rows(connection, "number", "FROM epoch", ())
        assert connection.last_entry == (3, 5)


def test_a_statement_that_nobody_waits_for_fails_the_transaction_all_the_same(
    engine: Engine,
) -> None:
    """At the next statement, at the end of its savepoint, or at the commit: nothing is kept."""
    with pytest.raises(DatabaseError), writing(engine) as connection:
        execute_deferred(connection, PUT, "a")
        execute_deferred(connection, PUT, "a")
    with pytest.raises(DatabaseError), writing(engine) as connection:
        execute_deferred(connection, PUT, "a")
        execute_deferred(connection, PUT, "a")
        rows(connection, "SELECT 1")
    with writing(engine) as connection:
        with pytest.raises(DatabaseError), Savepoint(connection):
            execute_deferred(connection, PUT, "a")
            execute_deferred(connection, PUT, "a")
        with pytest.raises(DatabaseError), Savepoint(connection):
            execute_many(connection, PUT, [("b",), ("b",)])
        execute_deferred(connection, PUT, "c")
    assert people(engine) == ["c"]


def test_what_goes_through_sqlalchemy_comes_after_what_waits(engine: Engine) -> None:
    """The order is that in which things were asked for."""
    with writing(engine) as connection:
        execute_deferred(connection, PUT, "a")
        assert connection.execute(text("SELECT count(*) FROM person")).scalar() == 1
        execute_deferred(connection, PUT, "b")
        connection.execute(text("DELETE FROM person WHERE person_id = 'b'"))
    assert people(engine) == ["a"]


def test_one_transaction_writes_at_a_time_and_none_waits_in_a_circle(engine: Engine) -> None:
    """Two who change the same rows in opposite order both succeed."""
    with writing(engine) as connection:
        execute_many(connection, PUT, [("a",), ("b",)])
    change = "UPDATE person SET created = created + 1 WHERE person_id = ?"
    failed: list[BaseException] = []

    def both(first: str, second: str) -> None:
        try:
            for _ in range(20):
                with writing(engine) as connection:
                    run(connection, change, first)
                    run(connection, change, second)
        except DatabaseError as error:
            failed.append(error)

    threads = [threading.Thread(target=both, args=names) for names in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with reading(engine) as connection:
        assert rows(connection, "SELECT created FROM person") == [(40,), (40,)]


def test_a_connection_that_broke_is_replaced(engine: Engine) -> None:
    """On PostgreSQL nobody notices; on SQLite the first is told, and the next is served."""
    with writing(engine) as connection:
        run(connection, PUT, "a")
    driver = engine.get_execution_options()[POOL_OPTION][0].driver
    if engine.dialect.name == "postgresql":
        with reading(engine) as other:
            rows(other, "SELECT pg_terminate_backend(?)", driver.info.backend_pid)
    else:
        driver.close()
    unnoticed = engine.dialect.name == "postgresql"
    refused = nullcontext() if unnoticed else pytest.raises(DatabaseError)
    with refused, writing(engine) as connection:
        run(connection, PUT, "b")
        rows(connection, "SELECT 1")
    with writing(engine) as connection:
        run(connection, PUT, "c")
    assert people(engine) == (["a", "b", "c"] if unnoticed else ["a", "c"])
