"""A connection that is kept from one transaction to the next, with its driver's own at hand.

What happens at every act costs little only if little is between it and the driver: a transaction is
begun and ended there, and statements go there. It is a connection of SQLAlchemy's all the same, so
that whatever takes one takes this.

One transaction writes at a time, on PostgreSQL too: each takes its turn with its first statement.
Entries follow one another without a gap, so that they would wait for one another anyway; and with
one order nobody waits for somebody who waits for them.
"""

from __future__ import annotations

import select
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic, sleep
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from upheld.core.ids import EntryNumber
from upheld.database.dialects import POSTGRESQL_DIALECT, sql_dialect
from upheld.database.errors import OutdatedError, from_driver_error, from_sqlalchemy_error
from upheld.database.postgresql_pipeline import Answer, Pipeline, Query

BEGIN: Final[Query] = ("BEGIN ISOLATION LEVEL READ COMMITTED", ())
COMMIT: Final[Query] = ("COMMIT", ())
ADVISORY_LOCK: Final[Query] = (POSTGRESQL_DIALECT.advisory_lock, (0x65_6E_74_72_79,))  # “entry”
LAST_ENTRY: Final[Query] = ("SELECT number, at FROM entry ORDER BY number DESC LIMIT 1", ())
_ENTRY_BESIDE: Final = (
    ", (SELECT max(number) FROM entry), (SELECT at FROM entry ORDER BY number DESC LIMIT 1)"
)
_NO_WORK: Final = (BEGIN, ADVISORY_LOCK, LAST_ENTRY)  # of which nothing is left to commit
SAVEPOINT: Final[Query] = ("SAVEPOINT work", ())
RELEASE: Final[Query] = ("RELEASE SAVEPOINT work", ())
IMMEDIATE: Final = "BEGIN IMMEDIATE"
POOL_OPTION: Final = "upheld_links"  # the option of an engine that holds the links that are at rest
BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
CACHE_KIB: Final = 16_000  # of pages at most: rows come to all places of an index
TURN_SECONDS: Final = 0.001  # between two looks whether another has written
HALT_OPTION: Final = "upheld_halt"  # of what stops entries
CHANGE_COUNTS_OPTION: Final = "upheld_seen"  # of what counts how often each set was changed
LOOK_SECONDS: Final = 0.01  # between two looks whether SQLite's file is still the one
FILE_CHECK_OPTION: Final = "upheld_there"  # a callable that raises where SQLite's file is gone


class Halt:
    """Why no entry may be written any more, and the least number that the last one must have.

    One for each engine: whoever finds the log changed sets it, and whoever writes looks at it.
    """

    def __init__(self) -> None:
        self.why = ""
        self.least = 0


def closed_by_server(driver: Any) -> bool:
    """Whether the server closed a connection of psycopg's that is at rest.

    Its last words wait to be read then; nothing is asked of the server for it. They may come before
    the connection is closed, so that whatever a server says of its own accord is taken for them: it
    seldom says anything else, and another connection costs little.
    """
    if driver.closed:
        return True
    waiting = select.poll()
    waiting.register(driver.pgconn.socket, select.POLLIN)
    return bool(waiting.poll(0))


class WriteConnection(Connection):
    """A connection for transactions that write, each a `with` block: see `writing`.

    Kept at the block's end for the next, if its engine keeps such; else, or when it raises, closed.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        options = engine.get_execution_options()
        self._at_rest: list[WriteConnection] | None = options.get(POOL_OPTION)
        self.sql = sql_dialect(engine)
        self._wait = 0.0
        self._connect()
        self.halt: Halt = options.get(HALT_OPTION) or Halt()
        self._check_file: Callable[[], None] | None = options.get(FILE_CHECK_OPTION)
        self._checked_at = 0.0
        self.last_entry: tuple[EntryNumber, int] | None = (
            None  # its number and time, once they were read
        )
        self.memory: dict[Any, Any] = {}  # what is kept in mind until the transaction ends
        self.raw_covers: dict[str, bytes] = {}  # sealed, those that `memory` has opened, by owner
        self.counted_once: Any = None  # a block of `CountedOnce` in covers.py, while it is open
        self.opened: dict[str, Any] = {}  # the people whose keys it opened, by their ids
        self.change_counts: Any = None  # counts the changes of each set, if anything does
        self.versions: dict[str, int] = {}  # of the sets that are changed, by their owners
        self.seals: Any = None  # the keys of rows that decide, once they are asked for
        self._waiting: list[Query] = []  # statements that nobody waits for, on PostgreSQL
        self.expected: tuple[Query, Any] | None = None  # by `expect`, until it was asked
        self._outdated = False

    def _forget(self) -> None:
        """Have nothing in mind of a transaction that is over, or undone."""
        self.memory, self.raw_covers, self.opened = {}, {}, {}
        if self.counted_once is not None:
            self.counted_once.waiting.clear()

    def _connect(self) -> None:
        """Take a connection of the engine's, new or at rest."""
        self._pool = self.engine.pool
        pooled: Any = self.connection
        self.driver = pooled.driver_connection
        self._pipeline: Any = Pipeline(self.driver) if self.sql.server else None
        # A cursor costs SQLite as much as a short statement does, so that one serves them all.
        self._cursor_execute: Callable[..., Any] = self.driver.cursor().execute
        self.driver_execute = self._cursor_execute
        if not self.sql.server:  # see `_take_turn`
            self._wait = self.driver_execute("PRAGMA busy_timeout").fetchone()[0] / 1000
            self.driver_execute("PRAGMA busy_timeout = 0")
            self.driver_execute(f"PRAGMA cache_size = -{CACHE_KIB}")

    def _reconnect(self) -> None:
        """Take another connection in place of one that the server closed."""
        self.invalidate()
        self._connect()

    def __enter__(self) -> Self:
        """Begin a transaction. On PostgreSQL its first statement does."""
        self.last_entry = None
        if self.memory:
            self._forget()
        if self.versions:
            self.versions = {}
        if self.change_counts is None:
            self.change_counts = self.engine.get_execution_options().get(CHANGE_COUNTS_OPTION)
        try:
            if self.sql.server:
                self._waiting = [BEGIN, ADVISORY_LOCK]
                if closed_by_server(self.driver):
                    self._reconnect()
            else:
                now = monotonic()
                if now - self._checked_at > LOOK_SECONDS and self._check_file is not None:
                    self._check_file()
                    self._checked_at = now
                self._take_turn()
        except BaseException as error:
            self._undo(error)
            raise
        return self

    def _take_turn(self) -> None:
        """Begin on SQLite, as soon as nobody else writes.

        SQLite itself would look ever more rarely the longer it waits, and come too late each time
        where others write without a pause.
        """
        until = 0.0
        while True:
            try:
                self.driver_execute(IMMEDIATE)
            except sqlite3.OperationalError as error:
                now = monotonic()
                until = until or now + self._wait
                if error.sqlite_errorcode & 0xFF not in BUSY or now > until:
                    raise
                sleep(TURN_SECONDS)
            else:
                return

    def close(self) -> None:
        """Give the connection back, as others in the pool are."""
        if not (self.sql.server or self.closed or self.invalidated):
            with suppress(sqlite3.Error):
                self.driver_execute(f"PRAGMA busy_timeout = {round(self._wait * 1000)}")
        super().close()

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: object
    ) -> None:
        """Commit, or undo; DatabaseError where the database said no, without the values."""
        if error is not None:
            self._undo(error)
            return
        try:
            self.commit_all()
        except BaseException as failed:
            self._undo(failed)
            raise
        self.opened = {}
        if self.versions and self.change_counts is not None:
            self.change_counts.note(self.versions)
        if self._at_rest is None:
            self.close()
            return
        self._at_rest.append(self)
        if self.engine.pool is not self._pool:  # it was disposed of meanwhile, with all at rest
            with suppress(ValueError):
                self._at_rest.remove(self)
                self.close_for_good()

    def expect(self, query: Query, answer: Any) -> None:
        """Refuse this transaction unless a query gives one number: OutdatedError otherwise.

        Its user knows something by heart that others may change, and asks as it begins whether it
        is still so. That is asked with the first statement, or else before the commit. On
        PostgreSQL that statement raises; on SQLite it either has the query within itself, see
        `columns_beside` and `take_expected`, or waits until it was asked.
        """
        self.expected = query, answer
        if self.sql.server:
            self._waiting.append(query)
        else:
            self.driver_execute = self._ask_first

    def _ask_first(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Run a statement on SQLite once what is expected was asked."""
        self.ask_expected()
        return self.driver_execute(statement, values)

    def ask_expected(self) -> None:
        """Ask what is expected, if that was not asked yet; OutdatedError where it is otherwise."""
        if self.expected is None:
            return
        if self.sql.server:
            self.flush()
            return
        self.driver_execute = self._cursor_execute
        query, values = self.expected[0]
        self._compare(self.driver_execute(query, values).fetchone())

    def take_expected(self) -> str | None:
        """The query of SQLite's that is expected and not asked yet, to be asked within another.

        Whoever takes it gives its number to `take_beside` before anything else.
        """
        if self.expected is None or self.sql.server:
            return None
        self.driver_execute = self._cursor_execute
        return self.expected[0][0]

    def columns_beside(self) -> str:
        """What the first query of a transaction asks beside its own columns on SQLite, after them.

        The last entry, and what is expected; whoever takes it hands these of the first row to
        `take_beside`. Nothing on PostgreSQL, where both are asked in the same trip anyway.
        """
        if self.sql.server or (self.expected is None and self.last_entry is not None):
            return ""
        return f"{_ENTRY_BESIDE}, ({self.take_expected() or 'NULL'})"

    def take_beside(self, number: Any, at: Any, expected: object) -> None:
        """Take what was read with something else: the last entry, and what is expected, if any.

        OutdatedError where that is otherwise. An entry as we never write it is left to be asked
        for, and found then.
        """
        if self.expected is not None:
            if expected == self.expected[1]:
                self.expected = None
            else:
                self._compare((expected,))
        if self.last_entry is None and type(number) is int and type(at) is int:
            self.last_entry = EntryNumber(number), at

    def _compare(self, answer: Any) -> None:
        """OutdatedError unless an answer is the one that is expected."""
        expected, self.expected = self.expected, None
        if expected is not None and answer != (expected[1],):
            self._outdated = True
            raise OutdatedError

    def commit_all(self) -> None:
        """Commit, with whatever waits to be sent."""
        if self._outdated:  # whoever was told may have gone on
            raise OutdatedError
        if self.in_transaction():  # SQLAlchemy's own, for who executed something through it
            self.ask_expected()
            self.flush()
            self.commit()
        elif not self.sql.server:
            self.ask_expected()  # also where the query that was to tell it failed
            self.driver_execute(COMMIT[0])  # `driver.commit` would be parsed each time
        elif not self._idle():
            if self.expected is not None:  # the answer must be there before the commit
                self.flush()
            self.send((COMMIT,))

    def _idle(self) -> bool:
        """Whether nobody asked PostgreSQL for anything yet; what waits is then given up."""
        expected = self.expected[:1] if self.expected else ()
        if self._waiting[:1] != [BEGIN] or any(
            q not in (*_NO_WORK, *expected) for q in self._waiting
        ):
            return False
        self._waiting, self.expected = [], None
        return True

    def _undo(self, error: BaseException) -> None:
        """Roll back, and give the connection back; one that cannot do even that is closed.

        DatabaseError in place of an error of the database.
        """
        self._waiting, self.opened = [], {}
        self.driver_execute = self._cursor_execute
        try:
            self.driver.rollback()
            if self._pipeline is not None:
                self._pipeline.close()
        except self.dialect.loaded_dbapi.Error:
            self.invalidate()
        self.close()
        if isinstance(error, SQLAlchemyError):
            raise from_sqlalchemy_error(error) from None
        if isinstance(error, self.dialect.loaded_dbapi.Error):
            raise from_driver_error(error) from None

    def close_for_good(self) -> None:
        """Close the connection for good."""
        self.invalidate()
        self.close()

    def run(self, statement: str, values: Sequence[Any]) -> Any:
        """Run a statement after those that wait; its cursor, or its answer."""
        if not self.sql.server:
            return self.driver_execute(statement, values)
        return self.send(((statement, tuple(values)),))[0]

    def send(self, queries: Sequence[Query]) -> list[Answer]:
        """Run statements on PostgreSQL, together with those that wait; their answers."""
        waiting, self._waiting = self._waiting, []
        try:
            answers: list[Answer] = self._pipeline.execute((*waiting, *queries))
        except self.dialect.loaded_dbapi.OperationalError:
            # Once more where nothing was begun before, and nothing can have been committed.
            under_way = waiting[:1] != [BEGIN] or self.in_transaction()
            if under_way or COMMIT in queries or not self.driver.closed:
                raise
            self._reconnect()
            answers = self._pipeline.execute((*waiting, *queries))
        if LAST_ENTRY in waiting:
            self.last_entry = answers[waiting.index(LAST_ENTRY)].fetchone() or (
                EntryNumber(0),
                0,
            )
        if self.expected is not None and self.expected[0] in waiting:
            self._compare(answers[waiting.index(self.expected[0])].fetchone())
        return answers[len(waiting) :]

    def prefetch_last_entry(self) -> None:
        """Ask PostgreSQL for the last entry with the next statement: most who write need it."""
        if self.sql.server and self.last_entry is None and LAST_ENTRY not in self._waiting:
            self._waiting.append(LAST_ENTRY)

    def defer(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        """Run a statement with the next one, or with the commit; on SQLite at once."""
        if self.sql.server:
            self._waiting.append((statement, values))
        else:
            self.driver_execute(statement, values)

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            self.send(())

    def rollback_to_savepoint(self) -> None:
        """Undo all since the savepoint, and what was not sent yet."""
        self.last_entry = None
        self._forget()
        if SAVEPOINT in self._waiting:
            at = len(self._waiting) - 1 - self._waiting[::-1].index(SAVEPOINT)
            del self._waiting[at:]
            return
        self._waiting = []
        for statement in ("ROLLBACK TO SAVEPOINT work", "RELEASE SAVEPOINT work"):
            self.run(statement, ())
