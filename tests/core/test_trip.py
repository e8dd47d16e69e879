"""Statements that travel together to PostgreSQL: what they give, and what becomes of a failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upheld.database import postgresql_pipeline
from upheld.database.postgresql_pipeline import Pipeline, with_numbered_placeholders

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.binary(max_size=200)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)
    | st.lists(st.integers(0, 2**40), min_size=1, max_size=5)
)


@pytest.fixture(name="plain", scope="module")
def _plain(postgres_server: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of psycopg's."""
    with psycopg.connect(postgres_server + "postgres") as connection:
        yield connection
        connection.rollback()


@pytest.fixture(name="trips")
def _trips(plain: psycopg.Connection[Any]) -> Iterator[Pipeline]:
    """The trips of that connection, in a transaction with a table of its own."""
    plain.rollback()
    trips = Pipeline(plain)
    trips.execute([("BEGIN", ()), ("CREATE TEMPORARY TABLE t (a int PRIMARY KEY, b text)", ())])
    yield trips
    plain.rollback()
    trips.close()


@given(st.lists(VALUES, min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_goes_there_comes_back(
    trips: Pipeline, plain: psycopg.Connection[Any], sent: list[Any]
) -> None:
    """Each kind of value as psycopg itself gives it, whatever was sent before it."""
    kinds = {bool: "bool", int: "int8", bytes: "bytea", str: "text", list: "int8[]"}
    asked = [f"CAST(? AS {kinds.get(type(each), 'text')})" for each in sent]
    statement = f"SELECT {', '.join(asked)}"
    (told,) = trips.execute([(statement, tuple(sent))])
    (by_driver,) = plain.execute(statement.replace("?", "%s").encode(), sent).fetchall()
    assert told.fetchall() == [by_driver] == [tuple(sent)]
    assert told.fetchone() == by_driver


def test_the_answers_are_those_of_the_statements_in_their_order(trips: Pipeline) -> None:
    """Rows, how many were changed, and nothing at all."""
    answers = trips.execute(
        [
            ("INSERT INTO t SELECT g, 'x' FROM generate_series(1, ?) g", (5,)),
            ("UPDATE t SET b = ? WHERE a > ?", ("y", 3)),
            ("SELECT a FROM t WHERE b = ? ORDER BY a", ("y",)),
            ("SELECT a FROM t WHERE a > 9", ()),
        ]
    )
    assert [each.rowcount for each in answers[:2]] == [5, 2]
    assert [each.fetchall() for each in answers[2:]] == [[(4,), (5,)], []]
    assert answers[3].fetchone() is None


def test_a_failure_is_told_and_the_rest_is_not_done(
    trips: Pipeline, plain: psycopg.Connection[Any]
) -> None:
    """The first that fails is raised as psycopg raises it; the connection goes on."""
    insert = "INSERT INTO t VALUES (?, ?)"
    trips.execute([("SAVEPOINT work", ())])
    with pytest.raises(psycopg.errors.UniqueViolation):
        trips.execute(
            [(insert, (1, "a")), (insert, (1, "b")), ("INSERT INTO nowhere VALUES (1)", ())]
        )
    assert plain.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
    trips.execute([("ROLLBACK TO SAVEPOINT work", ()), (insert, (2, "c"))])
    assert trips.execute([("SELECT a, b FROM t", ())])[0].fetchall() == [(2, "c")]
    assert plain.execute("SELECT a FROM t").fetchall() == [(2,)]


def test_more_than_fits_between_the_two_goes_through(trips: Pipeline) -> None:
    """Neither waits for the other where both have much to say."""
    long = "x" * 100_000
    answers = trips.execute([("SELECT CAST(? AS text), ?", (long, n)) for n in range(200)])
    assert all(each.fetchall() == [(long, n)] for n, each in enumerate(answers))


def test_the_server_is_not_filled_with_what_is_asked_once(
    trips: Pipeline, plain: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many statements all are forgotten, but not where a transaction has failed."""
    monkeypatch.setattr(postgresql_pipeline, "PREPARED_MAX", 4)
    for number in range(11):
        (answer,) = trips.execute([(f"SELECT {number} + ?", (1,))])
        assert answer.fetchall() == [(number + 1,)]
        found = plain.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
        assert found is not None
        assert found[0] <= 4
    trips.execute([("SAVEPOINT work", ())])
    with pytest.raises(psycopg.errors.UndefinedTable):
        trips.execute([("SELECT 1 FROM nowhere", ()), *((f"SELECT {n}", ()) for n in range(4))])
    trips.execute([("ROLLBACK TO SAVEPOINT work", ())])
    assert trips.execute([("SELECT 5", ())])[0].fetchall() == [(5,)]


def test_a_connection_that_was_cut_is_no_answer(postgres_server: str) -> None:
    """An error, not a wait without an end; and the connection is closed."""
    with psycopg.connect(postgres_server + "postgres", autocommit=True) as other:
        cut = psycopg.connect(postgres_server + "postgres")
        trips = Pipeline(cut)
        trips.execute([("BEGIN", ())])
        other.execute("SELECT pg_terminate_backend(%s)", [cut.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            trips.execute([("SELECT 1", ()), ("SELECT 2", ())])
        with pytest.raises(psycopg.OperationalError):
            trips.execute([("SELECT 1", ())])
        cut.close()


def test_an_interrupt_leaves_no_answer_for_the_next(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it stopped waiting nobody can go on: the connection is closed."""
    cut = psycopg.connect(postgres_server + "postgres")
    trips = Pipeline(cut)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Pipeline, "_results", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trips.execute([("SELECT 1", ())])
    assert cut.closed
    cut.close()


def test_places_are_numbered() -> None:
    """As libpq writes them."""
    assert with_numbered_placeholders("SELECT ?, a WHERE b = ?") == b"SELECT $1, a WHERE b = $2"
    assert with_numbered_placeholders("COMMIT") == b"COMMIT"
