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

from upheld.database.errors import meaning, told
from upheld.database.postgresql_pipeline import Answer, Query, Trips

BEGIN: Final[Query] = ("BEGIN ISOLATION LEVEL READ COMMITTED", ())
COMMIT: Final[Query] = ("COMMIT", ())
TURN: Final[Query] = ("SELECT pg_advisory_xact_lock(?)", (0x65_6E_74_72_79,))  # “entry”
LAST: Final[Query] = ("SELECT number, at FROM entry ORDER BY number DESC LIMIT 1", ())
SAVEPOINT: Final[Query] = ("SAVEPOINT work", ())
IMMEDIATE: Final = "BEGIN IMMEDIATE"
KEPT: Final = "upheld_links"  # the option of an engine that holds the links that are at rest
BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
TURN_SECONDS: Final = 0.001  # between two looks whether another has written
HALT: Final = "upheld_halt"  # of what stops entries
SEEN: Final = "upheld_seen"  # of what remembers how often each set of rows was changed
LOOK_SECONDS: Final = 0.01  # between two looks whether SQLite's file is still the one
THERE: Final = "upheld_there"  # and of what raises where its file is not there any more


class Halt:
    """Why no entry may be written any more, and the least number that the last one must have.

    One for each engine: whoever finds the log changed sets it, and whoever writes looks at it.
    """

    def __init__(self) -> None:
        self.why = ""
        self.least = 0


def lost(driver: Any) -> bool:
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


class Link(Connection):
    """A connection for transactions that write, each a `with` block: see `writing`.

    Kept at the block's end for the next, if its engine keeps such; else, or when it raises, closed.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._rest: list[Link] | None = engine.get_execution_options().get(KEPT)
        self.postgresql = engine.dialect.name == "postgresql"
        self._wait = 0.0
        self._connect()
        self.halt: Halt = engine.get_execution_options().get(HALT) or Halt()
        self._there: Callable[[], None] | None = engine.get_execution_options().get(THERE)
        self._looked = 0.0
        self.last: tuple[int, int] | None = None  # the last entry and its time, once they are known
        self.memory: dict[Any, Any] = {}  # what is kept in mind until the transaction ends
        self.seen: Any = None  # what remembers how often each set was changed, if anything does
        self.versions: dict[str, int] = {}  # of the sets that are changed, by their owners
        self.seals: Any = None  # the keys of rows that decide, once they are asked for
        self._waiting: list[Query] = []  # statements that nobody waits for, on PostgreSQL

    def _connect(self) -> None:
        """Take a connection of the engine's, new or at rest."""
        self._pool = self.engine.pool
        pooled: Any = self.connection
        self.driver = pooled.driver_connection
        self._trips: Any = Trips(self.driver) if self.postgresql else None
        # A cursor costs SQLite as much as a short statement does, so that one serves them all.
        self.ask: Callable[..., Any] = self.driver.cursor().execute
        if not self.postgresql:  # see `_take_turn`
            self._wait = self.ask("PRAGMA busy_timeout").fetchone()[0] / 1000
            self.ask("PRAGMA busy_timeout = 0")

    def _reconnect(self) -> None:
        """Take another connection in place of one that the server closed."""
        self.invalidate()
        self._connect()

    def __enter__(self) -> Self:
        """Begin a transaction. On PostgreSQL its first statement does."""
        self.last = None
        if self.memory:
            self.memory = {}
        if self.versions:
            self.versions = {}
        if self.seen is None:
            self.seen = self.engine.get_execution_options().get(SEEN)
        try:
            if self.postgresql:
                self._waiting = [BEGIN, TURN]
                if lost(self.driver):
                    self._reconnect()
            else:
                now = monotonic()
                if now - self._looked > LOOK_SECONDS and self._there is not None:
                    self._there()
                    self._looked = now
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
                self.ask(IMMEDIATE)
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
        if not (self.postgresql or self.closed or self.invalidated):
            with suppress(sqlite3.Error):
                self.ask(f"PRAGMA busy_timeout = {round(self._wait * 1000)}")
        super().close()

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: object
    ) -> None:
        """Commit, or undo; DatabaseError where the database said no, without the values."""
        if error is not None:
            self._undo(error)
            return
        try:
            self.keep()
        except BaseException as failed:
            self._undo(failed)
            raise
        if self.versions and self.seen is not None:
            self.seen.note(self.versions)
        if self._rest is None:
            self.close()
            return
        self._rest.append(self)
        if self.engine.pool is not self._pool:  # it was disposed of meanwhile, with all at rest
            with suppress(ValueError):
                self._rest.remove(self)
                self.shut()

    def keep(self) -> None:
        """Commit, with whatever waits to be sent."""
        if self.in_transaction():  # SQLAlchemy's own, for who executed something through it
            self.flush()
            self.commit()
        elif not self.postgresql:
            self.ask(COMMIT[0])  # the driver's own `commit` would have it parsed each time
        elif not self._idle():
            self.send((COMMIT,))

    def _idle(self) -> bool:
        """Whether nobody asked PostgreSQL for anything yet; what waits is then given up."""
        if self._waiting[:1] != [BEGIN] or any(q not in (BEGIN, TURN, LAST) for q in self._waiting):
            return False
        self._waiting = []
        return True

    def _undo(self, error: BaseException) -> None:
        """Roll back, and give the connection back; one that cannot do even that is closed.

        DatabaseError in place of an error of the database.
        """
        self._waiting = []
        try:
            self.driver.rollback()
            if self._trips is not None:
                self._trips.end()
        except self.dialect.loaded_dbapi.Error:
            self.invalidate()
        self.close()
        if isinstance(error, SQLAlchemyError):
            raise told(error) from None
        if isinstance(error, self.dialect.loaded_dbapi.Error):
            raise meaning(error) from None

    def shut(self) -> None:
        """Close the connection for good."""
        self.invalidate()
        self.close()

    def one(self, statement: str, values: Sequence[Any]) -> Any:
        """Run a statement after those that wait; its cursor, or its answer."""
        if not self.postgresql:
            return self.ask(statement, values)
        return self.send(((statement, tuple(values)),))[0]

    def send(self, queries: Sequence[Query]) -> list[Answer]:
        """Run statements on PostgreSQL, together with those that wait; their answers."""
        waiting, self._waiting = self._waiting, []
        try:
            found: list[Answer] = self._trips.make((*waiting, *queries))
        except self.dialect.loaded_dbapi.OperationalError:
            # Once more where nothing was begun before, and nothing can have been committed.
            begun = waiting[:1] != [BEGIN] or self.in_transaction()
            if begun or COMMIT in queries or not self.driver.closed:
                raise
            self._reconnect()
            found = self._trips.make((*waiting, *queries))
        if LAST in waiting:
            self.last = found[waiting.index(LAST)].fetchone() or (0, 0)
        return found[len(waiting) :]

    def expect(self) -> None:
        """Ask PostgreSQL for the last entry with the next statement: most who write need it."""
        if self.postgresql and self.last is None and LAST not in self._waiting:
            self._waiting.append(LAST)

    def later(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        """Run a statement with the next one, or with the commit; on SQLite at once."""
        if self.postgresql:
            self._waiting.append((statement, values))
        else:
            self.ask(statement, values)

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            self.send(())

    def back(self) -> None:
        """Undo all since the savepoint, and what was not sent yet."""
        self.last, self.memory = None, {}
        if SAVEPOINT in self._waiting:
            at = len(self._waiting) - 1 - self._waiting[::-1].index(SAVEPOINT)
            del self._waiting[at:]
            return
        self._waiting = []
        for statement in ("ROLLBACK TO SAVEPOINT work", "RELEASE SAVEPOINT work"):
            self.one(statement, ())
