"""What is kept of visits goes in time: days whose time is over, and what may be kept no longer.

The policy in force is asked each time, so that a shorter time, or a clause that is gone, works on
what was kept before, too. Where it lets nothing of visits be stored, nothing stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Table

from upheld.core.ids import BlockId, PersonId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Act
from upheld.gate.evidence.trusted_time import trusted_time
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice.kept_days import first_day
from upheld.practices.collection.blocks import COOKIE, NETWORK, PAGE
from upheld.practices.collection.endings import forget_browsers
from upheld.practices.collection.former_ties import put_former_aside
from upheld.practices.collection.rewriting import (
    BLOCKS_AT_ONCE,
    EVERY,
    JOB,
    BlockSize,
    any_of,
    days_in_doubt,
    days_there,
    lots_of,
    on_list,
    open_whole,
    replace,
    set_aside,
    whole_keys,
)
from upheld.practices.collection.tables import COUNTED, log_reading, visit_block, visit_day
from upheld.practices.collection.ties import cookies_of, tied_on_hold, tied_with_holds
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
        while (step := _narrow(gate, allowed, damaged)) is not None:
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


def _on_hold_before(gate: Gate) -> set[PersonId] | None:
    """Who may be on hold, looked for while nobody waits; None where there is no day to drop."""
    with gate.consult() as transaction:
        allowed, oldest, _ = may_stay(transaction)
        where, values = _before(oldest if PAGE in allowed else "")
        if not days_there(transaction.tables, where, *values):
            return None
        return tied_with_holds(transaction)


def _before(oldest: str) -> tuple[str, tuple[str, ...]]:
    """The condition for days before one, or all where none is given, and its values."""
    return ("day < ?", (oldest,)) if oldest else ("day >= ''", ())


def _drop_before(
    transaction: Transaction,
    oldest: str,
    clauses: Iterable[str],
    on_hold: Collection[PersonId] | None,
) -> int:
    """Drop the days before one, or all where none is given, with their keys; how many blocks.

    What a hold keeps of them is set apart, and told as gone; `on_hold` may be whose it is, where
    that was looked for.
    """
    tables = transaction.tables
    where, values = _before(oldest)
    openly = tables.select_unchecked(
        visit_block, ["block_id", "fields"], f"{COUNTED} AND {where}", *values
    )
    days = days_there(tables, where, *values)
    if days and (cookies := cookies_of(transaction, tied_on_hold(transaction, on_hold))):
        for day in days:
            drop_all_but(transaction, cookies, day)
    else:
        for (day,) in tables.select_unchecked(visit_block, ["day"], where, *values):
            tables.purge(visit_block, "day = ?", day)
        tables.purge(visit_day, where, *values)
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


def drop_all_but(transaction: Transaction, cookies: Mapping[bytes, int], day: str) -> None:
    """Delete of a day what came with other cookies than some, which the law has us keep.

    By cookie, before when a visit is kept, in seconds since 1970. What may be in a block that is
    damaged nobody can say: it stays, apart, and nobody is told of it any more.
    """
    tables, damaged = transaction.tables, set[BlockId]()
    keys = whole_keys(transaction, tables, [day])
    ids = [
        BlockId(str(block_id))
        for (block_id,) in tables.select_unchecked(visit_block, ["block_id"], "day = ?", day)
    ]
    for some in lots_of(BlockSize(each, 1) for each in ids):
        blocks = open_whole(tables, keys, some, damaged)
        ends = {keys.token(day, each): its for each, its in cookies.items() if blocks}
        for row, columns in blocks:
            staying = columns.under({token: [(end, token)] for token, end in ends.items()})
            if len(staying.times) < len(columns.times):
                nothing = staying.without(staying.tokens)
                replace(transaction, keys, row, nothing, row.fields.split(), staying)
            elif not row.apart:
                tables.update(visit_block, {"apart": True}, "block_id = ?", row.block_id)
    for each in sorted(damaged):
        its, _ = tables.select_authentic(visit_block, "block_id = ?", each)
        if not any(row.apart for row in its):
            write_as_it_is(tables, visit_block, "block_id = ?", each, apart=True)
    if not tables.select_unchecked(visit_block, ["day"], "day = ?", day):
        tables.purge(visit_day, "day = ?", day)
    elif not keys.salts:
        write_as_it_is(tables, visit_day, "day = ?", day)


def write_as_it_is(tables: Tables, table: Table, where: str, key: str, **changes: Any) -> None:
    """Write a row that is not as it was written, with changes, as it is, if it is there.

    Nothing opens by that which did not before, and nothing but that is found in it any more.
    """
    names = [each.name for each in table.columns if each.name != "mac"]
    for row in tables.select_unchecked(table, names, where, key):
        tables.purge(table, where, key)
        tables.insert(table, **{**dict(zip(names, row, strict=True)), **changes})


def _narrow(gate: Gate, allowed: Sequence[str], damaged: set[BlockId]) -> int | None:
    """Write some blocks anew without what may be kept no longer; how many, None at the end."""
    gone = [each for each in EVERY if each not in allowed]
    if not gone or PAGE in gone:
        return None
    with gate.together() as transaction:
        tables = transaction.tables
        most = BLOCKS_AT_ONCE + len(damaged)
        # What is apart a hold keeps as it is.
        kinds = " OR ".join(["fields LIKE ?"] * len(gone))
        where = f"{COUNTED} AND ({kinds}) LIMIT {most}"
        sizes = [
            BlockSize(BlockId(str(block_id)), int(visits))
            for block_id, visits in tables.select_unchecked(
                visit_block, ["block_id", "visits"], where, *(f"%{each}%" for each in gone)
            )
            if block_id not in damaged
        ]
        lot = next(lots_of(sizes), [])
        if not lot:
            return None
        where = f"{any_of(lot)} GROUP BY day"
        days = [str(day) for (day,) in tables.select_unchecked(visit_block, ["day"], where, *lot)]
        keys = whole_keys(transaction, tables, days)
        blocks = open_whole(tables, keys, lot, damaged)
        for row, columns in blocks:
            nothing = [0] * len(columns.times)
            if NETWORK not in allowed:
                columns.networks, columns.network_of = [""], nothing
            if COOKIE not in allowed:
                columns.tokens, columns.token_of = [b""], nothing
            replace(transaction, keys, row, columns, set(row.fields.split()) & {*allowed})
        if blocks:
            transaction.note(None, "retention", action="delete", data=tuple(gone))
    return len(blocks)
