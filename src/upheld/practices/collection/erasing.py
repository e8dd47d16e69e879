"""The visits of people who are erased, taken out of every block, for many people at once.

What a hold keeps of them is put into blocks of its own, which no count has, as if it were gone.
A block is opened for all of them together: first its tokens alone, and the whole of it only where
one of theirs is among them; of a day that is in order, only blocks in which theirs can be. Blocks
are looked through while nobody waits, and written anew a few in a transaction. Who is killed in
between has deleted whole blocks, and the ties that say whose the rest is are the last to go.

A damaged block is left as it is, since others' visits may be in it: it keeps nobody from going,
and its day stands on the list of the job.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableSet, Sequence

from upheld.core.ids import BlockId, PersonId
from upheld.database.columns import microseconds
from upheld.gate.gate import Gate
from upheld.gate.public import SealError
from upheld.gate.set_aside import JobTrial
from upheld.gate.transaction import Transaction
from upheld.practices.collection.blocks import (
    COOKIE,
    PURPOSE,
    DayKeys,
    where_tokens_may_be,
)
from upheld.practices.collection.rewriting import (
    JOB,
    BlockSize,
    OpenBlock,
    any_of,
    lots_of,
    open_whole,
    replace,
    set_aside,
    whole_keys,
)
from upheld.practices.collection.tables import COUNTED, visit_block, visit_day, visit_tie
from upheld.practices.collection.ties import OF_PERSON, TIED, cookies_that_go


def erase_visits(gate: Gate, person_ids: Sequence[PersonId]) -> None:
    """Delete the visits of people who are being erased, but of those whom the law has us keep."""

    def going(transaction: Transaction) -> dict[tuple[PersonId, str], bytes]:
        return cookies_that_go(transaction, person_ids)

    done, apart = set[bytes](), set[bytes]()
    while True:
        with gate.together() as transaction:
            ties = going(transaction)
            cookies = {each for each in ties.values() if each} - done
            waiting = set() if cookies else _waiting(transaction, person_ids, ties) - apart
            if not cookies and not waiting:
                _let_wait(transaction, person_ids, ties.keys())
                for whose in ties:
                    where = "person_id = ? AND cookie_mark = ?"
                    transaction.tables.delete(visit_tie, where, *whose)
                return
        if cookies:
            delete_visits(gate, cookies, lambda transaction: {*going(transaction).values()})
            done |= cookies
        else:  # none was tied meanwhile that goes
            set_apart(gate, waiting)
            apart |= waiting


def _waiting(
    transaction: Transaction, person_ids: Sequence[PersonId], going: Collection[tuple[str, str]]
) -> set[bytes]:
    """The cookies of people who are erased whose visits a hold keeps."""
    sealer = transaction.sealer(PURPOSE, "tie")
    return {
        sealer.unseal(row.cookie, person_id, row.cookie_mark, what="a cookie")
        for person_id in person_ids
        for row in transaction.tables.select(visit_tie, OF_PERSON, person_id)
        if (person_id, row.cookie_mark) not in going
    }


def _let_wait(
    transaction: Transaction, person_ids: Sequence[PersonId], going: Collection[tuple[str, str]]
) -> None:
    """Say of the ties of people who are erased which a hold keeps that they wait for its end."""
    at = microseconds(transaction.clock.now())
    for person_id in person_ids:
        for row in transaction.tables.select(visit_tie, TIED, person_id):
            if (person_id, row.cookie_mark) not in going:
                where = f"{TIED} AND cookie_mark = ?"
                values = person_id, row.cookie_mark
                transaction.tables.update(visit_tie, {"untied": at}, where, *values)


def delete_visits(
    gate: Gate, cookies: set[bytes], still: Callable[[Transaction], set[bytes]] | None = None
) -> int:
    """Delete the visits that came with some cookies, on every day; how many.

    `still` says which may go when some blocks are written: a hold may have come meanwhile.
    """
    count, damaged = 0, set[BlockId]()
    for day in _days(gate):
        # Others may be written meanwhile.
        while cookies and (some := _blocks_with(gate, day, cookies, damaged)):
            for lot in lots_of(some):
                with gate.together() as transaction:
                    cookies = cookies & still(transaction) if still else cookies
                    count += _take_out(transaction, lot, cookies, damaged) if cookies else 0
    set_aside(JobTrial(gate, JOB), gate, damaged)
    return count


def set_apart(gate: Gate, cookies: set[bytes]) -> None:
    """Put the visits that came with some cookies, which a hold keeps, into blocks of their own."""
    damaged = set[BlockId]()
    for day in _days(gate):
        while some := _blocks_with(gate, day, cookies, damaged, COUNTED):
            for lot in lots_of(some):
                with gate.together() as transaction:
                    _divide(transaction, lot, cookies, damaged)
    set_aside(JobTrial(gate, JOB), gate, damaged)


def _divide(
    transaction: Transaction,
    block_ids: Sequence[BlockId],
    cookies: set[bytes],
    damaged: MutableSet[BlockId],
) -> None:
    """Write blocks anew, if they are still there, as one without the visits of some cookies.

    And one with them alone, of which nothing is told. Those that are not whole join the damaged.
    """
    keys, blocks = _open_those_there(transaction, block_ids, damaged)
    for row, columns in blocks:
        tokens = {keys.token(row.day, each) for each in cookies}
        theirs = columns.without([each for each in columns.tokens if each not in tokens])
        others = keys.columns(row).without(tokens)
        replace(transaction, keys, row, others, row.fields.split(), theirs)


def _days(gate: Gate) -> list[str]:
    """The days of which there are visits."""
    with gate.look() as tables:
        return sorted(str(day) for (day,) in tables.select_unchecked(visit_day, ["day"]))


def _blocks_with(
    gate: Gate,
    day: str,
    cookies: set[bytes],
    damaged: MutableSet[BlockId],
    also: str = "1 = 1",
) -> list[BlockSize]:
    """The whole blocks of a day in which there are visits that came with some cookies.

    Those of which a condition holds `also`. What may be in one that is not whole nobody can say:
    it joins the damaged ones.
    """
    with gate.look() as tables:
        keys, tokens = whole_keys(gate, tables, [day]), set[bytes]()
        conditions = [("day = ? AND fields LIKE ?", [day, f"%{COOKIE}%"])]
        if keys.salts:
            tokens = {keys.token(day, each) for each in cookies}
            conditions = [*where_tokens_may_be(tables, day, tokens)]
        sizes = {
            BlockId(str(block_id)): int(visits)
            for where, values in conditions
            for block_id, visits in tables.select_unchecked(
                visit_block, ["block_id", "visits"], f"{where} AND {also}", *values
            )
        }
        sizes = {block_id: visits for block_id, visits in sizes.items() if block_id not in damaged}
        result = []
        for some in lots_of(BlockSize(*each) for each in sizes.items()):
            rows, _ = tables.select_authentic(visit_block, any_of(some), *some)
            damaged |= {*some} - {row.block_id for row in rows}
            for row in rows:
                try:
                    if not tokens.isdisjoint(keys.tokens_in(row)):
                        result.append(BlockSize(row.block_id, sizes[row.block_id]))
                except (SealError, KeyError):  # it does not open, or the key of its day is gone
                    damaged.add(row.block_id)
        return result


def _take_out(
    transaction: Transaction,
    block_ids: Sequence[BlockId],
    cookies: set[bytes],
    damaged: MutableSet[BlockId],
) -> int:
    """Delete the visits of some cookies from some blocks, if they are still there; how many.

    Those that are not whole join the damaged.
    """
    count = 0
    keys, blocks = _open_those_there(transaction, block_ids, damaged)
    for row, columns in blocks:
        tokens = {keys.token(row.day, each) for each in cookies}
        others = columns.without(tokens)
        count += len(columns.times) - len(others.times)
        replace(transaction, keys, row, others, row.fields.split())
    return count


def _open_those_there(
    transaction: Transaction, block_ids: Sequence[BlockId], damaged: MutableSet[BlockId]
) -> tuple[DayKeys, list[OpenBlock]]:
    """Those of some blocks that are still there and whole, and the keys of their days."""
    tables = transaction.tables
    days = {
        BlockId(str(block_id)): str(day)
        for block_id, day in tables.select_unchecked(
            visit_block, ["block_id", "day"], any_of(block_ids), *block_ids
        )
    }
    keys = whole_keys(transaction, tables, sorted({*days.values()}))
    return keys, open_whole(tables, keys, [*days], damaged) if days else []
