"""The tables of a database, brought to what this upheld needs, step by step.

The steps are Alembic's, in `upheld/migrations`, and come with the package. One transaction holds
all of them, and whoever begins first is waited for, so that two processes that start at once do not
collide. A database whose tables are of a later upheld is left alone.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.resources import as_file, files
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    String,
    column,
    inspect,
    select,
    table,
    text,
)

from upheld.database.errors import DatabaseError
from upheld.database.tables import metadata
from upheld.database.transaction import reading, writing

LOCK: Final = 0x75_70_68_65_6C_64  # “upheld”: the number of the advisory lock on PostgreSQL
VERSIONS: Final = "schema_version"
_VERSION: Final = select(column("version_num", String)).select_from(table(VERSIONS))


def migrate(engine: Engine) -> str:
    """Make or change the tables as this upheld needs them; the revision they now have."""
    with writing(engine) as connection:
        return upgrade(connection)


def upgrade(connection: Connection, to: str = "head") -> str:
    """The same in a transaction that is given, as far as a revision."""
    with as_file(files("upheld") / "migrations") as folder:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        refuse_newer(connection)
        config = _config(str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        return revision_of(connection)


def revision(engine: Engine) -> str:
    """The revision of a database's tables; empty where there are none yet."""
    with reading(engine) as connection:
        return revision_of(connection)


def revision_of(connection: Connection) -> str:
    """The same in a transaction that is given."""
    if not inspect(connection).has_table(VERSIONS):
        return ""
    return connection.execute(_VERSION).scalar() or ""


def refuse_newer(connection: Connection) -> None:
    """DatabaseError where the tables are of a later upheld."""
    found = revision_of(connection)
    if found and found not in known():
        raise DatabaseError(
            f"the tables are of a later upheld ({found})", code="schema", hint="upgrade upheld"
        )


def require_current(engine: Engine) -> None:
    """DatabaseError where the tables are not those that this upheld needs."""
    if revision(engine) != known()[0]:
        raise DatabaseError(
            "the tables are not those that this upheld needs",
            code="schema",
            hint="`upheld admin migrate` makes and changes them",
        )


@cache
def declared() -> MetaData:
    """The tables of every part of upheld, each declared in a `tables.py` of its own."""
    with as_file(files("upheld")) as folder:
        for path in sorted(folder.rglob("tables.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            import_module(".".join(("upheld", *parts)))
    return metadata


def known() -> list[str]:
    """All revisions that this upheld knows, the latest first."""
    with as_file(files("upheld") / "migrations") as folder:
        script = ScriptDirectory.from_config(_config(str(folder)))
        return [each.revision for each in script.walk_revisions()]


def _config(folder: str) -> Config:
    config = Config()
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
