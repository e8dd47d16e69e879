"""The tables: made from nothing, once, by whoever comes first, and never of a later upheld."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from upheld.database import schema
from upheld.database.engines import open_database
from upheld.database.errors import DatabaseError
from upheld.database.schema import (
    VERSIONS,
    declared_tables,
    known_revisions,
    migrate,
    require_current,
    revision,
)
from upheld.database.tables import Instant
from upheld.database.transaction import reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATE = """
import sys
from upheld.database.engines import open_database
from upheld.database.schema import known_revisions, migrate
engine = open_database(sys.argv[1])
print(migrate(engine))
engine.dispose()
"""


def test_the_tables_are_made_from_nothing_and_once(empty_database_url: str) -> None:
    """An empty database gets its tables, and to migrate again changes nothing."""
    engine = open_database(empty_database_url)
    assert revision(engine) == ""
    with pytest.raises(DatabaseError, match="not those that this upheld needs"):
        require_current(engine)
    assert migrate(engine) == migrate(engine) == revision(engine) != ""
    require_current(engine)
    engine.dispose()


def test_the_steps_lead_to_the_tables_that_the_code_uses(empty_database_url: str) -> None:
    """After all steps nothing differs between the database and what the code says of it."""
    engine = open_database(empty_database_url)
    migrate(engine)
    with reading(engine) as connection:
        here = (None, engine.dialect.name)
        opts = {
            "version_table": VERSIONS,
            "include_object": lambda each, *_: each.info.get("dialect") in here,
        }
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, declared_tables()) == []
    engine.dispose()


def test_what_is_read_at_every_act_is_found_by_its_key_at_once(empty_database_url: str) -> None:
    """On SQLite such a table has no row ids, as the code says of it."""
    engine = open_database(empty_database_url)
    migrate(engine)
    declared_so = {
        name
        for name, each in declared_tables().tables.items()
        if not each.dialect_options["sqlite"]["with_rowid"]
    }
    assert {"person", "person_key", "value"} <= declared_so
    if engine.dialect.name == "sqlite":
        with reading(engine) as connection:
            made = connection.execute(
                text("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'")
            )
            assert {name for (name,) in made} == declared_so
    engine.dispose()


def test_two_processes_that_start_at_once_do_not_collide(empty_database_url: str) -> None:
    """Four processes make the tables of one empty database, and each finds them made."""
    command = [sys.executable, "-W", "error", "-c", MIGRATE, empty_database_url]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = {each.communicate() for each in started}
    assert answers == {(f"{known_revisions()[0]}\n", "")}


def test_who_comes_while_the_tables_are_changed_waits_for_longer_than_for_an_act(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of large tables may take longer than anybody waits for an act."""
    upgrade, tries = schema.upgrade, iter([DatabaseError("busy", code="locked")])

    def busy_once(connection: Connection) -> str:
        for error in tries:
            raise error
        return upgrade(connection)

    engine = open_database(empty_database_url)
    monkeypatch.setattr(schema, "upgrade", busy_once)
    assert migrate(engine) == revision(engine)
    monkeypatch.setattr(schema, "WAIT_SECONDS", 0)
    tries = iter([DatabaseError("busy", code="locked")])
    with pytest.raises(DatabaseError, match="busy"):
        migrate(engine)
    engine.dispose()


def test_the_tables_of_a_later_upheld_are_left_alone(empty_database_url: str) -> None:
    """A database that a later upheld has changed is neither opened nor migrated."""
    engine = open_database(empty_database_url)
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE {VERSIONS} SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="of a later upheld"):
        migrate(engine)
    engine.dispose()
    with pytest.raises(DatabaseError, match="of a later upheld") as caught:
        open_database(empty_database_url)
    assert caught.value.code == "schema"


def test_upheld_s_revisions_are_those_of_its_steps_in_their_order() -> None:
    """They are read without Alembic, which is loaded where there is something to do."""
    with as_file(files("upheld") / "migrations") as folder:
        steps = ScriptDirectory.from_config(schema._config(str(folder))).walk_revisions()
        own = [each.revision for each in steps if Path(each.path).is_relative_to(folder)]
    assert [*known_revisions()] == own


def test_a_database_with_its_tables_is_opened_without_alembic(
    empty_database_url: str,
) -> None:
    """Every command would wait for it."""
    loads = f"{MIGRATE}\nprint('alembic' in sys.modules)"
    command = [sys.executable, "-W", "error", "-c", loads, empty_database_url]
    answers = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1]
        for _ in range(2)
    ]
    assert answers == ["True", "False"]


def test_a_step_that_fails_leaves_nothing(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that breaks off half-way has made no table."""
    from alembic.operations import Operations

    def broken(*_: object, **__: object) -> None:
        raise KeyError

    engine = open_database(empty_database_url)
    with monkeypatch.context() as patch, pytest.raises(KeyError):
        patch.setattr(Operations, "create_index", broken)
        migrate(engine)
    assert revision(engine) == ""
    assert migrate(engine)
    engine.dispose()


def test_a_time_needs_its_zone() -> None:
    """A time without its zone is refused, because nobody could tell which moment it is."""
    from datetime import datetime

    with pytest.raises(ValueError, match="needs its zone"):
        Instant().process_bind_param(datetime(2026, 1, 1), None)  # type: ignore[arg-type]  # noqa: DTZ001 - that is the mistake
