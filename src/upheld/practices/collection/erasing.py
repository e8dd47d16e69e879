"""The visits of people who are erased, taken out of every block, for many people at once.

What a hold keeps of them is put into blocks of its own, which no count has, as if it were gone, and
under a cookie of its own.
A block is opened for all of them together: first its tokens alone, and the whole of it only where
one of theirs is among them; of a day that is in order, only blocks in which theirs can be. Blocks
are looked through while nobody waits, and written anew a few in a transaction. Who is killed in
between has deleted whole blocks, and the ties that say whose the rest is are the last to go.

A damaged block is left as it is, since others' visits may be in it: it keeps nobody from going,
and its day stands on the list of the job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableSet, Sequence

from upheld.core.ids import BlockId, PersonId
from upheld.gate.gate import Gate
from upheld.gate.public import SealError
from upheld.gate.set_aside import JobTrial
from upheld.gate.transaction import Transaction
from upheld.practices.collection.blocks import (
    COOKIE,
    DayKeys,
    where_tokens_may_be,
)
from upheld.practices.collection.endings import (
    Ending,
    end_ties,
    endings_of,
    keep_ties_aside,
    still,
)
from upheld.practices.collection.rewriting import (
    JOB,
    BlockPart,
    BlockSize,
    OpenBlock,
    any_of,
    lots_of,
    open_whole,
    replace,
    set_aside,
    whole_keys,
)
from upheld.practices.collection.tables import visit_block, visit_day
from upheld.practices.collection.ties import tied_with_holds


def erase_visits(gate: Gate, person_ids: Sequence[PersonId]) -> None:
    """Delete the visits of people who are being erased, but of those whom the law has us keep."""

    def now(transaction: Transaction) -> dict[bytes, Ending]:
        return endings_of(transaction, person_ids)

    done: dict[bytes, Ending] = {}
    while True:
        with gate.together() as transaction:
            endings = now(transaction)
            new = {each: its for each, its in endings.items() if done.get(each) != its}
            if not new:  # none was tied meanwhile, and no hold came
                end_ties(transaction, person_ids)
                return
            keep_ties_aside(transaction, new.values())
        end_visits(gate, new, now)
        done |= new


def end_visits(
    gate: Gate,
    endings: Mapping[bytes, Ending],
    now: Callable[[Transaction], Mapping[bytes, Ending]],
) -> int:
    """Delete the visits that came with some cookies, on every day, or put them aside; how many.

    `now` says what becomes of them when some blocks are written: a hold may have come meanwhile.
    Those that were kept in case they are somebody else's go as well.
    """
    count, damaged, doubted = 0, set[BlockId](), _doubted(gate)
    for day in _days(gate):
        # Others may be written meanwhile.
        while endings and (some := _blocks_with(gate, day, {*endings}, doubted, damaged)):
            for lot in lots_of(some):
                with gate.together() as transaction:
                    endings = still(endings, now(transaction))
                    if endings:
                        its = endings.values()
                        count += _write_lot(transaction, lot, its, doubted, damaged)
    set_aside(JobTrial(gate, JOB), gate, damaged)
    return count


def _doubted(gate: Gate) -> list[PersonId]:
    """Of whom a hold may keep visits whose owner cannot be told; nobody where nothing is apart."""
    with gate.consult() as transaction:
        where = "apart IS NOT NULL LIMIT 1"
        if not transaction.tables.select_unchecked(visit_block, ["day"], where):
            return []
        return sorted(tied_with_holds(transaction))


def _tokens_of(
    keys: DayKeys, day: str, ending: Ending, doubted: Iterable[PersonId]
) -> dict[bytes, list[tuple[int, bytes]]]:
    """What stands for the cookie of an ending on a day, before when each visit is put under which.

    Where it was kept in case it is somebody's it is put aside for them alone.
    """
    token = keys.token(day, ending.cookie)
    aside = [(each, (each.until, keys.token(day, each.cookie))) for each in ending.aside]
    theirs = {token: [place for _, place in aside]}
    for whose in doubted:
        theirs[keys.token_in_doubt(day, whose, token)] = [
            place for each, place in aside if whose in {keeper for keeper, _ in each.keepers}
        ]
    return theirs


def _days(gate: Gate) -> list[str]:
    """The days of which there are visits."""
    with gate.look() as tables:
        return sorted(str(day) for (day,) in tables.select_unchecked(visit_day, ["day"]))


def _blocks_with(
    gate: Gate,
    day: str,
    cookies: set[bytes],
    doubted: Iterable[PersonId],
    damaged: MutableSet[BlockId],
) -> list[BlockSize]:
    """The whole blocks of a day in which there are visits that came with some cookies.

    What may be in one that is not whole nobody can say: it joins the damaged ones.
    """
    with gate.look() as tables:
        keys, tokens = whole_keys(gate, tables, [day]), set[bytes]()
        conditions = [("day = ? AND fields LIKE ?", [day, f"%{COOKIE}%"])]
        if keys.salts:
            tokens = set().union(
                *(_tokens_of(keys, day, Ending(each), doubted) for each in cookies)
            )
            conditions = [*where_tokens_may_be(tables, day, tokens)]
        sizes = {
            BlockId(str(block_id)): int(visits)
            for where, values in conditions
            for block_id, visits in tables.select_unchecked(
                visit_block, ["block_id", "visits"], where, *values
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


def _write_lot(
    transaction: Transaction,
    block_ids: Sequence[BlockId],
    endings: Iterable[Ending],
    doubted: Iterable[PersonId],
    damaged: MutableSet[BlockId],
) -> int:
    """Take the visits of some cookies out of some blocks, if they are still there; how many.

    What a hold keeps of them stands in blocks of its own then. Blocks that are not whole join the
    damaged.
    """
    count = 0
    keys, blocks = _open_those_there(transaction, block_ids, damaged)
    for row, columns in blocks:
        day = row.day
        its = dict[bytes, list[tuple[int, bytes]]]()
        for each in endings:
            its |= _tokens_of(keys, day, each, doubted)
        others, staying = columns.without(its), columns.under(its)
        count += len(columns.times) - len(others.times)
        replace(
            transaction, keys, row, BlockPart(others, row.apart), BlockPart(staying, apart=True)
        )
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
