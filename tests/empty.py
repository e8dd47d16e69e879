"""Empty tables on SQLite, made once in a process: each test begins with a copy of them."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from upheld.database.engines import open_database
from upheld.database.schema import migrate


def empty_database(folder: Path) -> str:
    """The address of a database in a folder, with its tables and nothing in them."""
    path = folder / "upheld.db"
    lay_tables(path)
    return f"sqlite:///{path}"


def lay_tables(path: Path) -> None:
    """Make the file of a database, with its tables and nothing in them."""
    path.touch(mode=0o600)
    path.write_bytes(empty_tables())


@cache
def empty_tables() -> bytes:
    """The file of a database with nothing but its tables."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upheld.db"
        engine = open_database(f"sqlite:///{path}")
        migrate(engine)
        engine.dispose()  # which leaves everything in the one file
        return path.read_bytes()
