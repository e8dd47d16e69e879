"""The time for whatever deletes or destroys by a day: it must be one that can be believed.

A clock that jumped ahead would have every key of every backup destroyed at once, and nothing brings
those back. So each job of that kind asks here first, and does nothing while the clock is in doubt.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from upheld.core.clock import ClockError
from upheld.database.statements import to_datetime
from upheld.database.transaction import reading
from upheld.gate.log import entries

if TYPE_CHECKING:
    from upheld.gate.gate import Gate


def trusted_time(gate: Gate) -> datetime:
    """The time; ClockError where the clock was set back, or jumped ahead of what has passed."""
    with reading(gate.engine) as connection:
        return trusted_time_in(gate, connection)


def trusted_time_in(gate: Gate, connection: Connection) -> datetime:
    """The time, as `trusted_time` gives it, within a transaction."""
    now, wrong = gate.context.clock.look(entries.latest(connection)[1])
    if wrong:
        raise ClockError(
            f"the clock was set {wrong}: nothing that depends on dates is done",
            code="clock",
            hint="set it right; or `upheld admin clock` takes the time as it is",
        )
    return to_datetime(now)
