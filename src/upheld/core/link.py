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
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Engine

Query = tuple[str, tuple[Any, ...]]  # a statement and its values
TURN: Final[Query] = ("SELECT pg_advisory_xact_lock(?)", (0x65_6E_74_72_79,))  # “entry”
SAVEPOINT: Final[Query] = ("SAVEPOINT work", ())
KEPT: Final = "upheld_links"  # the option of an engine that holds the links that are at rest


@lru_cache(maxsize=1024)
def for_postgresql(statement: str) -> str:
    """A statement with PostgreSQL's places for values."""
    return statement.replace("?", "%s")


class Link(Connection):
    """A connection for transactions that write; made and kept by `upheld.core.transaction`."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.driver: Any = self.connection.driver_connection
        self.postgresql = engine.dialect.name == "postgresql"
        self.last: tuple[int, int] | None = None  # the last entry and its time, once they are known
        self._begin = tuple(self.dispatch.begin)
        self._waiting: list[Query] = []  # statements that nobody waits for, on PostgreSQL

    def start(self) -> None:
        """Begin a transaction. On PostgreSQL its first statement does."""
        self.last = None
        for begin in self._begin:
            begin(self)
        if self.postgresql:
            self._waiting = [TURN]

    def keep(self) -> None:
        """Commit, with whatever waits to be sent."""
        if self._waiting and self._waiting != [TURN]:
            with self.driver.pipeline():
                self._send_waiting()
                self._commit()
        else:
            self._waiting = []
            self._commit()

    def _commit(self) -> None:
        if self.in_transaction():  # SQLAlchemy's own, for who executed something through it
            self.commit()
        else:
            self.driver.commit()

    def undo(self) -> None:
        """Roll back, and give the connection back; one that cannot do even that is closed."""
        self._waiting = []
        try:
            self.driver.rollback()
        except self.dialect.loaded_dbapi.Error:
            self.invalidate()
        self.close()

    def shut(self) -> None:
        """Close the connection for good."""
        self.invalidate()
        self.close()

    def one(self, statement: str, values: Sequence[Any]) -> Any:
        """Run a statement after those that wait; its cursor."""
        if not self.postgresql:
            return self.driver.execute(statement, values)
        return self.send(((statement, tuple(values)),))[0]

    def send(self, queries: Sequence[Query]) -> list[Any]:
        """Run statements on PostgreSQL, together with those that wait; their cursors."""
        execute = self.driver.execute
        if len(queries) == 1 and not self._waiting:
            return [execute(for_postgresql(queries[0][0]), queries[0][1])]
        with self.driver.pipeline():
            self._send_waiting()
            return [execute(for_postgresql(statement), values) for statement, values in queries]

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

    def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for statement, values in waiting:
            self.driver.execute(for_postgresql(statement), values)
