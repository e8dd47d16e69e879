"""A connection that is kept from one transaction to the next, with its driver's own at hand.

What happens at every act costs little only if little is between it and the driver: a transaction is
begun and ended there, and statements go there. It is a connection of SQLAlchemy's all the same, so
that whatever takes one takes this.

One transaction writes at a time, on PostgreSQL too: each takes its turn with its first statement.
Entries follow one another without a gap, so that they would wait for one another anyway; and with
one order nobody waits for somebody who waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine

from upheld.core.trip import Answer, Query, Trips

BEGIN: Final[Query] = ("BEGIN ISOLATION LEVEL READ COMMITTED", ())
COMMIT: Final[Query] = ("COMMIT", ())
TURN: Final[Query] = ("SELECT pg_advisory_xact_lock(?)", (0x65_6E_74_72_79,))  # “entry”
LAST: Final[Query] = ("SELECT number, at FROM entry ORDER BY number DESC LIMIT 1", ())
SAVEPOINT: Final[Query] = ("SAVEPOINT work", ())
KEPT: Final = "upheld_links"  # the option of an engine that holds the links that are at rest


class Link(Connection):
    """A connection for transactions that write; made and kept by `upheld.core.transaction`."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.driver: Any = self.connection.driver_connection
        self.postgresql = engine.dialect.name == "postgresql"
        self._trips: Any = Trips(self.driver) if self.postgresql else None
        self.last: tuple[int, int] | None = None  # the last entry and its time, once they are known
        self._begin = tuple(self.dispatch.begin)
        self._waiting: list[Query] = []  # statements that nobody waits for, on PostgreSQL

    def start(self) -> None:
        """Begin a transaction. On PostgreSQL its first statement does."""
        self.last = None
        for begin in self._begin:
            begin(self)
        if self.postgresql:
            self._waiting = [BEGIN, TURN]

    def keep(self) -> None:
        """Commit, with whatever waits to be sent."""
        if self._waiting and self._waiting[0] == BEGIN and self._idle():
            self._waiting = []
        self._commit()

    def _idle(self) -> bool:
        """Whether nobody asked for anything yet."""
        return all(query in (BEGIN, TURN, LAST) for query in self._waiting)

    def _commit(self) -> None:
        if self.in_transaction():  # SQLAlchemy's own, for who executed something through it
            self.flush()
            self.commit()
        elif self._waiting:
            self.send((COMMIT,))
        else:
            self.driver.commit()

    def undo(self) -> None:
        """Roll back, and give the connection back; one that cannot do even that is closed."""
        self._waiting = []
        try:
            self.driver.rollback()
            if self._trips is not None:
                self._trips.end()
        except self.dialect.loaded_dbapi.Error:
            self.invalidate()
        self.close()

    def shut(self) -> None:
        """Close the connection for good."""
        self.invalidate()
        self.close()

    def one(self, statement: str, values: Sequence[Any]) -> Any:
        """Run a statement after those that wait; its cursor, or its answer."""
        if not self.postgresql:
            return self.driver.execute(statement, values)
        return self.send(((statement, tuple(values)),))[0]

    def send(self, queries: Sequence[Query]) -> list[Answer]:
        """Run statements on PostgreSQL, together with those that wait; their answers."""
        waiting, self._waiting = self._waiting, []
        found: list[Answer] = self._trips.make((*waiting, *queries))
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
            self.driver.execute(statement, values)

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            self.send(())

    def back(self) -> None:
        """Undo all since the savepoint, and what was not sent yet."""
        self.last = None
        if SAVEPOINT in self._waiting:
            at = len(self._waiting) - 1 - self._waiting[::-1].index(SAVEPOINT)
            del self._waiting[at:]
            return
        self._waiting = []
        for statement in ("ROLLBACK TO SAVEPOINT work", "RELEASE SAVEPOINT work"):
            self.one(statement, ())
