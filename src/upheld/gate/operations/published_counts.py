"""What the policy's page shows of the counts: published once a month, with the digest in the log.

Counts of a month are told when it is over, as ranges that a noise has moved. The noise is worked
out of the keyring for each number and month, so that it is the same whoever looks, however often,
and after a restore too: nobody takes it away by looking again. The table as it was published is
kept sealed, and an entry of the log names its digest.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import Connection

from upheld.database import rows as database
from upheld.database.statements import row, to_datetime
from upheld.database.transaction import reading, writing
from upheld.gate.log import entries, receipts
from upheld.gate.log.database_log import LogError
from upheld.gate.operations import clause_counts
from upheld.gate.operations.clause_counts import month_before, month_of, place_of
from upheld.gate.sealing import Sealer
from upheld.gate.tables import clause_count, disclosure_count, published_count
from upheld.ledger import counts as ledger
from upheld.ledger.counts import BOUND, SMALL, Counts, Deciding, Disclosure, Range, Signed
from upheld.ledger.entries import Entry
from upheld.policy.program import Program

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

YEAR: Final = 12  # months of disclosures
SETTLED: Final = timedelta(hours=1)  # after which no entry of the month before is written any more


class LatestCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows: the last table, and when each clause last decided, by day or month."""

    counts: Counts | None
    last: dict[str, str]  # by clause: a day as 2026-03-01, or a month where it was seldom


def keep(gate: Gate) -> int:
    """Count what is new, and publish the month that is over; how many entries."""
    done = clause_counts.count(gate)
    _publish(gate)
    return done


def _publish(gate: Gate) -> None:
    """Publish the table of the last month that is over, unless that was done."""
    now = gate.clock.now()
    month = month_before(month_of(gate.clock.day_of(now - SETTLED)))
    with reading(gate.engine) as connection:
        if not _due(gate, connection, month):
            return
    with writing(gate.engine) as connection:
        place = place_of(connection)
        if place is None or not _due(gate, connection, month):
            return
        counts = _compute(gate, connection, month, to_datetime(place.since))
        entry = Entry(
            kind=ledger.KIND,
            time="",
            id=month,
            policy=gate.policy.digest,
            values=(ledger.digest(counts),),
        )
        number, _ = entries.write(connection, entry, None, now)
        body = ledger.encode(counts).decode()
        database.insert(connection, published_count, month=month, entry=number, body=body)
        oldest = month_before(month, YEAR)
        for table in (clause_count, disclosure_count):
            database.delete(connection, table, "month < ?", oldest)


def _due(gate: Gate, connection: Connection, month: str) -> bool:
    """Whether a month is counted to its end and not published yet."""
    place = place_of(connection)
    if place is None or month_of(gate.clock.day_of(to_datetime(place.since))) > month:
        return False
    following = "SELECT at FROM entry WHERE number > ? ORDER BY number LIMIT 1"
    following_entry = row(connection, following, place.number)
    if (
        following_entry is not None
        and month_of(gate.clock.day_of(to_datetime(following_entry[0]))) <= month
    ):
        return False
    return database.get(connection, published_count, "month = ?", month) is None


def noisy_range(sealer: Sealer, count: int, *what: str) -> Range:
    """The range that is told of a count; its noise is drawn once for what is counted."""
    mark = sealer.mark_of(*what)
    noise = int.from_bytes(mark[:16], "big") % (2 * BOUND + 1) - BOUND
    return ledger.ranged(count, noise)


def _compute(gate: Gate, connection: Connection, month: str, since: datetime) -> Counts:
    """The table of a month."""
    sealer = gate.sealer("counts")

    def range_of(count: int, *what: str) -> Range:
        return noisy_range(sealer, count, *what, month)

    program = gate.policy.program
    rows = database.select(connection, clause_count, "month = ?", month)
    mine = {each.clause: (each.decided, each.refused) for each in rows}
    first = month_before(month, YEAR - 1)
    sums: Counter[tuple[str, str]] = Counter()
    for each in database.select(
        connection, disclosure_count, "month >= ? AND month <= ?", first, month
    ):
        sums[each.information, each.recipient] += each.times
    front = program.front
    return Counts(
        provider=front.provider or front.policy,
        policy=program.digest,
        month=month,
        since=max(f"{first}-01", gate.clock.day_of(since).isoformat()),
        clauses=tuple(
            Deciding(
                name,
                range_of(mine.get(name, (0, 0))[0], "decided", name),
                range_of(mine.get(name, (0, 0))[1], "refused", name),
            )
            for name in deciding(program)
        ),
        disclosures=tuple(
            Disclosure(information, recipient, range_of(times, "disclosed", information, recipient))
            for (information, recipient), times in sorted(sums.items())
        ),
    )


def deciding(program: Program) -> list[str]:
    """The clauses that can decide: those with rules, in the order of the policy."""
    return [each.id for each in program.clauses if each.id and each.nodes]


def latest(gate: Gate) -> LatestCounts:
    """What the page shows now."""
    with reading(gate.engine) as connection:
        row = database.get(connection, published_count, "month <> '' ORDER BY month DESC LIMIT 1")
        listed = database.select(connection, clause_count)
    counts = ledger.decode(row.body.encode()) if row else None
    often = {each.clause for each in counts.clauses if not each.decided.small} if counts else set()
    last: dict[str, str] = {}
    for each in listed:
        last[each.clause] = max(last.get(each.clause, ""), each.last)
    return LatestCounts(
        counts=counts,
        last={
            clause: day if clause in often else day[: len("2026-03")]
            for clause, day in last.items()
        },
    )


def signed(gate: Gate) -> Signed | None:
    """The last table, with its receipt where its entry is signed; None where there is none."""
    with reading(gate.engine) as connection:
        row = database.get(connection, published_count, "month <> '' ORDER BY month DESC LIMIT 1")
        if row is None:
            return None
        counts = ledger.decode(row.body.encode())
        try:
            return Signed(counts=counts, receipt=receipts.receipt_of(connection, row.entry))
        except LogError:
            return Signed(counts=counts)


__all__ = ["SMALL", "LatestCounts", "deciding", "keep", "latest", "signed"]
