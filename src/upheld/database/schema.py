"""The tables of a database, brought to what this upheld needs, step by step.

The steps are Alembic's, in `upheld/migrations`, and come with the package; a practice of another
package brings steps of its own, a branch in its folder `migrations`. One transaction holds all of
them, and whoever begins first is waited for, so that two processes that start at once do not
collide. A database whose tables are of a later upheld is left alone.

Alembic is loaded where there is a step to do, or a practice with steps of its own: to load it takes
longer than much that a command does.
"""

from __future__ import annotations

import os
import re
from functools import cache
from importlib import import_module
from importlib.resources import as_file, files
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

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

from upheld.core.installed_practices import installed_practices
from upheld.database.dialects import sql_dialect
from upheld.database.errors import DatabaseError
from upheld.database.tables import metadata
from upheld.database.transaction import reading, writing

if TYPE_CHECKING:
    from alembic.config import Config

WAIT_SECONDS: Final = 120
LOCK: Final = 0x75_70_68_65_6C_64  # “upheld”: the number of the advisory lock on PostgreSQL
VERSIONS: Final = "schema_version"
REVISION: Final = re.compile(r'^revision = "(\d{4})"$', re.MULTILINE)
_VERSION: Final = select(column("version_num", String)).select_from(table(VERSIONS))


def migrate(engine: Engine) -> str:
    """Make or change the tables as this upheld needs them; the revision they now have.

    Where another process is at it, this waits for as long as that takes, up to two minutes.
    """
    until = monotonic() + WAIT_SECONDS
    while True:
        try:
            with writing(engine) as connection:
                return upgrade(connection)
        except DatabaseError as error:
            if error.code != "locked" or monotonic() > until:
                raise


def upgrade(connection: Connection, to: str = "") -> str:
    """Make or change the tables in a transaction, as far as some revisions; those they now have.

    `to` is what `revision_of` gave once; empty for the newest of upheld and of each practice.
    """
    with as_file(files("upheld") / "migrations") as folder:
        if statement := sql_dialect(connection).advisory_lock:
            connection.execute(text(statement.replace("?", ":lock")), {"lock": LOCK})
        refuse_newer(connection)
        there, wanted = revision_of(connection), to.split(",") if to else heads()
        if {*there.split(",")} == {*wanted}:
            return there
        from alembic import command  # noqa: PLC0415 - see above

        config = _config(str(folder))
        config.attributes["connection"] = connection
        for each in wanted:
            command.upgrade(config, each)
        return revision_of(connection)


def revision(engine: Engine) -> str:
    """The revision of a database's tables; empty where there are none yet."""
    with reading(engine) as connection:
        return revision_of(connection)


def revision_of(connection: Connection) -> str:
    """The revision of the tables as a transaction sees them: upheld's, then those of practices.

    They are separated by commas; empty where there are no tables yet.
    """
    if not inspect(connection).has_table(VERSIONS):
        return ""
    own = {*known_revisions()}
    revisions = connection.execute(_VERSION).scalars()
    return ",".join(sorted(revisions, key=lambda each: (each not in own, each)))


def refuse_newer(connection: Connection) -> None:
    """DatabaseError where the tables are of a later upheld."""
    there = revision_of(connection)
    unknown = {*there.split(",")} - _all_known() if there else set()
    if unknown:
        raise DatabaseError(
            f"the tables are of a later upheld, or of a practice that is not installed"
            f" ({', '.join(sorted(unknown))})",
            code="schema",
            hint="upgrade upheld, or install the package of the practice",
        )


def require_current(engine: Engine) -> None:
    """DatabaseError where the tables are not those that this upheld needs."""
    if {*revision(engine).split(",")} != {*heads()}:
        raise DatabaseError(
            "the tables are not those that this upheld needs",
            code="schema",
            hint="`upheld admin migrate` makes and changes them",
        )


@cache
def declared_tables() -> MetaData:
    """The tables of every part of upheld, each declared in a `tables.py` of its own."""
    with as_file(files("upheld")) as folder:
        for path in sorted(folder.rglob("tables.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            import_module(".".join(("upheld", *parts)))
    for practice in installed_practices():
        if practice.path("tables.py"):
            import_module(f"{practice.package}.tables")
    return metadata


@cache
def known_revisions() -> tuple[str, ...]:
    """All revisions of upheld's own tables, the latest first; each names the one before it."""
    steps = (each for each in (files("upheld") / "migrations" / "versions").iterdir())
    texts = [each.read_text(encoding="utf-8") for each in steps if each.name.endswith(".py")]
    return tuple(
        sorted((number for each in texts for number in REVISION.findall(each)), reverse=True)
    )


def heads() -> tuple[str, ...]:
    """The latest revisions, of upheld's own tables and then of each practice's."""
    own, (_, latest) = known_revisions(), _of_practices()
    return (own[0], *sorted({*latest} - {own[0]}))


def _all_known() -> frozenset[str]:
    return _of_practices()[0].union(known_revisions())


@cache
def _of_practices() -> tuple[frozenset[str], tuple[str, ...]]:
    """All revisions of practices of other packages, and the latest of each; upheld's may be too."""
    if not any(each.path("migrations") for each in installed_practices()):
        return frozenset(), ()
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see above

    with as_file(files("upheld") / "migrations") as folder:
        script = ScriptDirectory.from_config(_config(str(folder)))
        every = frozenset(each.revision for each in script.walk_revisions())
        return every, tuple(script.get_heads())


def _config(folder: str) -> Config:
    places = [str(Path(folder) / "versions")]
    paths = [each.path("migrations") for each in installed_practices()]
    places += [str(path) for path in paths if path is not None]
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("version_locations", os.pathsep.join(places).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
