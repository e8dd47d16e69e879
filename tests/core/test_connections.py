"""Connections that PostgreSQL closes, and a server that does not answer."""

from __future__ import annotations

from contextlib import suppress

import pytest
from sqlalchemy import text

from core.test_database import COUNT, INSERT
from upheld.database.connection import WriteConnection
from upheld.database.engines import open_database
from upheld.database.errors import DatabaseError
from upheld.database.schema import migrate
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing


def test_a_connection_that_the_server_closed_at_rest_is_replaced_before_an_act(
    postgres_url: str,
) -> None:
    """For who writes and for who reads: nobody is refused because of it."""
    engine = open_database(postgres_url)
    migrate(engine)
    with reading(engine), reading(engine), writing(engine) as connection:
        connection.execute(INSERT, {"id": "a"})
    other = open_database(postgres_url)
    left = 1
    with reading(other) as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    while left:
        with reading(other) as connection:
            left = connection.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                    " AND datname = current_database()"
                )
            ).scalar_one()
    other.dispose()
    with reading(engine) as one, reading(engine) as two:
        assert one.execute(COUNT).scalar() == two.execute(COUNT).scalar() == 1
    with writing(engine) as connection:
        run(connection, "INSERT INTO person VALUES ('b', 'active', 0, NULL, NULL)")
    with reading(engine) as connection:
        assert connection.execute(COUNT).scalar() == 2
    engine.dispose()


@pytest.mark.parametrize("begun", [False, True])
def test_a_connection_that_breaks_is_replaced_once_if_nothing_was_begun(
    postgres_url: str, *, begun: bool
) -> None:
    """Else the act fails whole: nobody can tell what of it would be done twice."""
    engine = open_database(postgres_url)
    migrate(engine)
    wrote = False
    with suppress(DatabaseError), writing(engine) as connection:
        if begun:
            rows(connection, "SELECT 1")
        assert isinstance(connection, WriteConnection)
        pid = connection.driver.info.backend_pid
        other = open_database(postgres_url)
        with reading(other) as ending:
            ending.execute(text(f"SELECT pg_terminate_backend({pid})"))
        other.dispose()
        run(connection, "INSERT INTO person VALUES ('b', 'active', 0, NULL, NULL)")
        wrote = True
    assert wrote is not begun
    with reading(engine) as connection:
        assert connection.execute(COUNT).scalar() == int(wrote)
    engine.dispose()


def test_a_server_that_does_not_answer_is_told(postgres_url: str) -> None:
    """A session that the server ended is told, and the next one works."""
    engine = open_database(postgres_url)
    end = text("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DatabaseError) as caught, writing(engine) as connection:
        connection.execute(end)
    assert caught.value.code == "database-gone"
    with reading(engine) as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()
    with pytest.raises(DatabaseError) as caught:
        open_database("postgresql://nobody:secret@127.0.0.1:1/none")
    assert caught.value.code == "database-gone"
    assert "secret" not in str(caught.value)
