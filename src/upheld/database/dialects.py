"""What differs between SQLite and PostgreSQL: whatever depends on the engine asks here.

On SQLite whoever writes has the whole database to themselves from their first statement on, so that
nothing is locked row by row, and statements run one by one in this process. On PostgreSQL rows are
locked by whoever reads them to change them, and statements that nobody waits for travel together.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, Engine


class SqlDialect(Struct, frozen=True, gc=False):
    """One engine's ways; a text is empty where the engine has, or needs, nothing of the kind."""

    name: str
    server: bool  # has row locks, a clock and arrays of its own, and takes statements together
    placeholder: str  # for a value, in the driver's own words
    for_update: str = ""  # the end of a query that locks its rows to change them
    for_share: str = ""  # the end of a query that keeps others from changing its rows
    advisory_lock: str = ""  # waits for the turn of a number, until the transaction ends
    snapshot_isolation: str = ""  # the level at which a reader sees one moment
    now: str = ""  # selects the server's time, in microseconds since 1970
    integrity_check: str = ""  # answers `ok` for a file that is whole
    empty_log: str = ""  # takes deleted rows out of the write-ahead log
    keyed_tables: str = ""  # selects the tables whose key begins with a column of some name

    def driver_statement(self, statement: str) -> str:
        """A statement that is written with `?` for a value, as the driver takes it."""
        placeholder = self.placeholder
        return statement if placeholder == "?" else _with_placeholder(statement, placeholder)


@lru_cache(maxsize=1024)
def _with_placeholder(statement: str, placeholder: str) -> str:
    return statement.replace("?", placeholder)


SQLITE_DIALECT: Final = SqlDialect(
    "sqlite",
    server=False,
    placeholder="?",
    integrity_check="PRAGMA integrity_check",
    empty_log="PRAGMA wal_checkpoint(TRUNCATE)",
    keyed_tables="SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c"
    " WHERE m.type = 'table' AND c.pk = 1 AND c.name = ?",
)
POSTGRESQL_DIALECT: Final = SqlDialect(
    "postgresql",
    server=True,
    placeholder="%s",
    for_update=" FOR UPDATE",
    for_share=" FOR SHARE",
    advisory_lock="SELECT pg_advisory_xact_lock(?)",
    snapshot_isolation="REPEATABLE READ",
    now="SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    keyed_tables="SELECT t.relname FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid"
    " JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum = i.indkey[0]"
    " WHERE i.indisprimary AND t.relnamespace = current_schema()::regnamespace AND c.attname = ?",
)
_DIALECTS: Final = {each.name: each for each in (SQLITE_DIALECT, POSTGRESQL_DIALECT)}


def sql_dialect(database: Connection | Engine) -> SqlDialect:
    """The ways of an engine, or of the engine behind a connection; KeyError for any other kind."""
    return _DIALECTS[database.dialect.name]
