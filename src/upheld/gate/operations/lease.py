"""One leader among several processes: a row that says who it is, and until when.

The leader renews its lease while it lives; when it dies, another takes over as soon as the lease
has run out. A lease that ends later than any could is that of a clock which was set since, and does
not count. On PostgreSQL the time is the server's, so that machines need not agree.
"""

from __future__ import annotations

import secrets
from typing import Final

from sqlalchemy import Connection, Engine

from upheld.core.clock import system_time
from upheld.database.statements import dialect_of, row, run
from upheld.database.tables import microseconds
from upheld.database.transaction import reading, writing

SECONDS: Final = 15.0
_RENEWED: Final = 0.5  # of its time that is left when a lease is renewed


class Lease:
    """One process's claim to be the leader of a name."""

    def __init__(self, engine: Engine, name: str, seconds: float = SECONDS) -> None:
        self._engine = engine
        self._name = name
        self._length = round(seconds * 1_000_000)
        self._holder = secrets.token_hex(16)

    def hold(self) -> bool:
        """Take or keep the lease; whether it is ours now."""
        with reading(self._engine) as connection:
            now, lease_row = _now(connection), self._row(connection)
        if lease_row and not self._free(lease_row, now):
            if lease_row[0] != self._holder:
                return False
            if lease_row[1] - now > self._length * _RENEWED:
                return True
        with writing(self._engine) as connection:
            now = _now(connection)
            if lease_row is None:
                return bool(
                    run(
                        connection,
                        "INSERT INTO lease VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                        self._name,
                        self._holder,
                        now + self._length,
                    )
                )
            return bool(
                run(
                    connection,
                    "UPDATE lease SET holder = ?, until = ? WHERE name = ?"
                    " AND holder = ? AND until = ?",
                    self._holder,
                    now + self._length,
                    self._name,
                    *lease_row,
                )
            )

    def release(self) -> None:
        """Give the lease up, so that another need not wait."""
        with writing(self._engine) as connection:
            run(
                connection,
                "DELETE FROM lease WHERE name = ? AND holder = ?",
                self._name,
                self._holder,
            )

    def _row(self, connection: Connection) -> tuple[str, int] | None:
        lease_row = row(connection, "SELECT holder, until FROM lease WHERE name = ?", self._name)
        return (lease_row[0], lease_row[1]) if lease_row else None

    def _free(self, lease_row: tuple[str, int], now: int) -> bool:
        return lease_row[1] <= now or (
            lease_row[0] != self._holder and lease_row[1] > now + 2 * self._length
        )


def _now(connection: Connection) -> int:
    """Microseconds since 1970, by one clock for all who share the database."""
    if statement := dialect_of(connection).now:
        time_row = row(connection, statement)
        return int(time_row[0]) if time_row else 0
    return microseconds(system_time())
