"""What an earlier upheld let a hold keep of a browser's visits, put under a cookie of no browser.

It let a tie that ended stand with the browser's own cookie, when it ended, and the visits in blocks
apart. Those are put aside as they are today, once, by the job.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from upheld.core.ids import BlockId
from upheld.gate.gate import Gate
from upheld.gate.set_aside import JobTrial
from upheld.gate.transaction import Transaction
from upheld.practices.collection.blocks import DayKeys, where_tokens_may_be
from upheld.practices.collection.endings import Ending, aside_of, keep_ties_aside
from upheld.practices.collection.rewriting import (
    BlockPart,
    BlockSize,
    lots_of,
    open_whole,
    replace,
    whole_keys,
)
from upheld.practices.collection.tables import visit_block, visit_day, visit_tie
from upheld.practices.collection.ties import ALWAYS, OpenTie, open_ties

_FORMER: Final = "untied IS NOT NULL AND length(cookie) > 0 AND aside IS NULL AND shared IS NULL"
_BEFORE: Final = "cookie_mark = ? AND person_id <> ? AND at <> ? AND at <= ?"
_ONE: Final = "person_id = ? AND cookie_mark = ?"


def put_former_aside(gate: Gate, trial: JobTrial) -> None:
    """Put aside what holds keep since before that was done at once; nothing where that is done.

    What came with a browser before its tie ended, of one that others had then, stays nobody's.
    """
    with gate.together() as transaction:
        former = [
            each
            for each in open_ties(transaction, _FORMER)
            if not transaction.tables.select_unchecked(
                visit_tie,
                ["person_id"],
                _BEFORE,
                each.row.cookie_mark,
                each.row.person_id,
                each.row.at,
                each.row.untied,
            )
        ]
    for each in former:
        trial.one(partial(_put_aside, gate, each), each.row.person_id)


def _put_aside(gate: Gate, its: OpenTie) -> None:
    """Put aside what is kept of one tie: first who has it, then the visits, last the old row."""
    row = its.row
    with gate.together() as transaction:
        transaction.lock(row.person_id)
        ending = Ending(its.cookie, aside_of(transaction, row, [row]))
        keep_ties_aside(transaction, [ending], alone=True)
    with gate.look() as tables:
        days = [str(day) for (day,) in tables.select_unchecked(visit_day, ["day"], "day >= ''")]
    for day in sorted(days):
        with gate.together() as transaction:
            _write_day(transaction, day, ending)
    with gate.together() as transaction:
        transaction.lock(row.person_id)
        if row.person_id in transaction.apart_among([row.person_id]) or transaction.is_erased(
            row.person_id
        ):
            transaction.tables.purge(visit_tie, _ONE, row.person_id, row.cookie_mark)
        else:  # it is not tied to them again
            transaction.tables.update(
                visit_tie, {"cookie": b""}, _ONE, row.person_id, row.cookie_mark
            )


def _write_day(transaction: Transaction, day: str, ending: Ending) -> None:
    """Put visits of a day that are apart already under the cookie aside, as far as they are whole.

    Those that came later, or with other cookies, stay as they are.
    """
    tables, damaged = transaction.tables, set[BlockId]()
    keys: DayKeys = whole_keys(transaction, tables, [day])
    if not keys.salts:
        return
    token = keys.token(day, ending.cookie)
    others = [(each.until, keys.token(day, each.cookie)) for each in ending.aside]
    ids = [
        BlockId(str(block_id))
        for where, values in where_tokens_may_be(tables, day, [token])
        for (block_id,) in tables.select_unchecked(
            visit_block, ["block_id"], f"{where} AND apart IS NOT NULL", *values
        )
    ]
    for some in lots_of(BlockSize(each, 1) for each in ids):
        for row, columns in open_whole(tables, keys, some, damaged):
            if token in columns.tokens:
                staying = columns.under({token: [*others, (ALWAYS, token)]})
                rest = columns.without({token})
                replace(
                    transaction,
                    keys,
                    row,
                    BlockPart(rest, row.apart),
                    BlockPart(staying, apart=True),
                )
