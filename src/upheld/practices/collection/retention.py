"""What is kept of visits goes in time: days whose time is over, and what may be kept no longer.

The policy in force is asked each time, so that a shorter time, or a clause that is gone, works on
what was kept before, too. Where it lets nothing of visits be stored, nothing stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from upheld.core.ids import BlockId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Act
from upheld.gate.evidence.trusted_time import trusted_time
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice.kept_days import first_day
from upheld.practices.collection.blocks import COOKIE, NETWORK, PAGE, VisitColumns
from upheld.practices.collection.endings import forget_browsers
from upheld.practices.collection.former_ties import put_former_aside
from upheld.practices.collection.holding import (
    TiedBefore,
    drop_day,
    held_cookies,
    settle_keys,
    tied_before,
)
from upheld.practices.collection.rewriting import (
    BLOCKS_AT_ONCE,
    EVERY,
    JOB,
    BlockPart,
    BlockSize,
    any_of,
    days_in_doubt,
    lots_of,
    on_list,
    open_whole,
    replace,
    set_aside,
    whole_keys,
)
from upheld.practices.collection.tables import COUNTED, log_reading, visit_block
from upheld.practices.collection.untying import finish_waiting


def retire(gate: Gate) -> int:
    """Delete what may be kept no longer; how many blocks went or were written anew.

    A block that would be written anew and is not as it was written is passed over, and its day
    stands on the list of the job.

    ClockError while the clock is in doubt: one that jumped ahead would delete everything.
    """
    trusted_time(gate)
    damaged = set[BlockId]()
    with trial_of(gate, JOB) as trial:
        put_former_aside(gate, trial)
        on_hold = _on_hold_before(gate)
        with gate.together() as transaction:
            allowed, oldest, decision = may_stay(transaction)
            since = oldest if PAGE in allowed else ""
            count = _drop_before(transaction, since, decision.clauses, on_hold)
            forget_browsers(transaction, since)
        while (step := _narrow(gate, damaged, on_hold)) is not None:
            count += step
        finish_waiting(gate, trial)
        # An erasure may have put some there, too: until they are whole, or gone.
        with gate.look() as tables:
            in_doubt = days_in_doubt(tables, since)
        set_aside(trial, gate, damaged | on_list(trial, gate), in_doubt)
    return count


def may_stay(transaction: Transaction) -> tuple[tuple[str, ...], str, Decision]:
    """The kinds of data that may be stored now, since which day, and by which decision."""
    decide = transaction.arrivals.decide
    allowed = tuple(each for each in EVERY if decide(_storing([each])).allowed)
    decision = decide(_storing(allowed or EVERY))
    return allowed, first_day(transaction.clock, decision), decision


def _storing(fields: Sequence[str]) -> Act:
    return Act(action="store", data=tuple(fields))


def _on_hold_before(gate: Gate) -> TiedBefore | None:
    """Who may be on hold, looked for while nobody waits; None where nothing counted goes."""
    with gate.consult() as transaction:
        allowed, oldest, _ = may_stay(transaction)
        where, values = _before(oldest if PAGE in allowed else "")
        tables = transaction.tables
        over = tables.select_unchecked(
            visit_block, ["day"], f"{COUNTED} AND {where} LIMIT 1", *values
        )
        if not over and not _too_wide(tables, allowed, 1):
            return None
        return tied_before(transaction)


def _before(oldest: str) -> tuple[str, tuple[str, ...]]:
    """The condition for days before one, or all where none is given, and its values."""
    return ("day < ?", (oldest,)) if oldest else ("day >= ''", ())


def _drop_before(
    transaction: Transaction,
    oldest: str,
    clauses: Iterable[str],
    on_hold: TiedBefore | None,
) -> int:
    """Drop the days before one, or all where none is given, with their keys; how many blocks.

    What a hold keeps of them is set apart, and told as gone, where it was not before; `on_hold` may
    be whose it is, where that was looked for.
    """
    tables = transaction.tables
    where, values = _before(oldest)
    openly = tables.select_unchecked(
        visit_block, ["day", "fields"], f"{COUNTED} AND {where}", *values
    )
    if openly:
        reach = held_cookies(transaction, on_hold)
        for day in sorted({str(day) for day, _ in openly}):
            drop_day(transaction, reach, day)
    settle_keys(tables, where, *values)
    if not oldest:
        tables.purge(log_reading, "number > 0")
    fields = {field for _, text in openly for field in text.split()}
    if fields:  # what a hold kept before was told as gone then
        transaction.note(
            None,
            "retention",
            action="delete",
            data=tuple(each for each in EVERY if each in fields),
            clauses=tuple(clauses),
        )
    return len(openly)


def _narrow(gate: Gate, damaged: set[BlockId], on_hold: TiedBefore | None) -> int | None:
    """Write some blocks anew without what may be kept no longer; how many, None at the end.

    What is taken out of visits that the law has us keep stays, apart; what is apart stays as it is.
    """
    with gate.together() as transaction:
        allowed, _, _ = may_stay(transaction)
        gone = [each for each in EVERY if each not in allowed]
        if not gone or PAGE in gone:
            return None
        tables = transaction.tables
        most = BLOCKS_AT_ONCE + len(damaged)
        sizes = [each for each in _too_wide(tables, allowed, most) if each.block_id not in damaged]
        lot = next(lots_of(sizes), [])
        if not lot:
            return None
        where = f"{any_of(lot)} GROUP BY day"
        days = [str(day) for (day,) in tables.select_unchecked(visit_block, ["day"], where, *lot)]
        keys = whole_keys(transaction, tables, days)
        reach = held_cookies(transaction, on_hold)
        tokens = {day: reach.of_day(keys, day) for day in days}
        blocks = open_whole(tables, keys, lot, damaged)
        for row, columns in blocks:
            staying = tokens[row.day].staying(row, columns)
            replace(transaction, keys, row, *_narrowed(columns, allowed, staying))
        if blocks:
            transaction.note(None, "retention", action="delete", data=tuple(gone))
    return len(blocks)


def _too_wide(tables: Tables, allowed: Sequence[str], most: int) -> list[BlockSize]:
    """Some blocks that are counted in which there is what may be kept no longer."""
    gone = [f"%{each}%" for each in EVERY if each not in allowed]
    kinds = " OR ".join(["fields LIKE ?"] * len(gone))
    where = f"{COUNTED} AND ({kinds}) LIMIT {most}"
    rows = (
        tables.select_unchecked(visit_block, ["block_id", "visits"], where, *gone) if gone else []
    )
    return [BlockSize(BlockId(str(block_id)), int(visits)) for block_id, visits in rows]


def _narrowed(
    columns: VisitColumns, allowed: Sequence[str], staying: Iterable[BlockPart]
) -> list[BlockPart]:
    """Visits without what may be kept no longer, and what that takes out of those that stay."""
    if COOKIE in allowed:  # they stay known as whose they are: their networks alone are lost
        staying = [
            BlockPart(each.columns.without_routes(), each.apart, (NETWORK, COOKIE))
            for each in staying
        ]
    nothing = [0] * len(columns.times)
    if NETWORK not in allowed:
        columns.networks, columns.network_of = [""], nothing
    if COOKIE not in allowed:
        columns.tokens, columns.token_of = [b""], nothing
    return [BlockPart(columns, None, allowed), *staying]
