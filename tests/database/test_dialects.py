"""What differs between the engines stands in one module."""

from __future__ import annotations

import re
from pathlib import Path

import upheld
from upheld.database.dialects import POSTGRESQL_DIALECT, SQLITE_DIALECT, sql_dialect
from upheld.database.engines import open_database

SOURCE = Path(upheld.__file__).parent
ASKS = re.compile(r"dialect\.name|pg_advisory|PRAGMA integrity|PRAGMA wal_checkpoint")
EXEMPT = {"database/dialects.py"}


def test_no_other_module_asks_which_engine_it_has() -> None:
    """A difference between the engines is found, and added, in `database/dialects.py` alone."""
    asking = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if "migrations" not in path.parts and ASKS.search(path.read_text(encoding="utf-8"))
    }
    assert asking == EXEMPT


def test_each_database_has_its_own_dialect(database_url: str) -> None:
    """An engine's dialect is that of its address."""
    engine = open_database(database_url)
    expected = SQLITE_DIALECT if database_url.startswith("sqlite") else POSTGRESQL_DIALECT
    assert sql_dialect(engine) is expected
    engine.dispose()


def test_a_question_mark_becomes_the_drivers_placeholder() -> None:
    """Statements are written once, with `?`; each driver gets them in its own words."""
    statement = "SELECT 1 WHERE ? = ?"
    assert SQLITE_DIALECT.driver_statement(statement) == statement
    assert POSTGRESQL_DIALECT.driver_statement(statement) == "SELECT 1 WHERE %s = %s"
