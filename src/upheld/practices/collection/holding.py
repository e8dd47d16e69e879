"""What a hold keeps of visits that would go otherwise: apart, for as long as the hold lasts.

Whose visits are on hold is known by the cookies that are tied to them. What may not be counted any
more of theirs lies in blocks of its own, under the same tokens, which no count has: of visits that
stay counted their networks alone, each with its time, and else all that there was. So each thing
that a hold keeps is there once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, MutableSet
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Table

from upheld.core.ids import BlockId, PersonId
from upheld.database.own_tables import Tables
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice.kept_days import holds_of, is_hidden
from upheld.practices.collection.blocks import DayKeys, VisitColumns
from upheld.practices.collection.rewriting import (
    BlockPart,
    BlockSize,
    lots_of,
    open_whole,
    replace,
    whole_keys,
)
from upheld.practices.collection.tables import COUNTED, visit_block, visit_day
from upheld.practices.collection.ties import (
    ALWAYS,
    STORE,
    TIED,
    cookies_of,
    marks_in_doubt,
    open_ties,
    tied_on_hold,
    tied_with_holds,
)

_APART = "apart IS NOT NULL"


class HeldCookies(NamedTuple):
    """By which cookies visits are known that the law has us keep, and before when each is.

    In seconds since 1970, by whose they are. Of the visits of some it may be told `openly`, and of
    some of these also of those that were told as gone, since nothing forbids it any more. Not all
    are there while there is somebody `in_doubt`: on hold, with a tie that does not open. By the
    cookies of `others` visits are known that are not of them alone.
    """

    ends: Mapping[PersonId, Mapping[bytes, int]]
    openly: frozenset[bytes]
    again: frozenset[bytes]
    in_doubt: frozenset[PersonId]
    others: frozenset[bytes]

    @property
    def all_there(self) -> bool:
        """Whether all are known."""
        return not self.in_doubt

    @property
    def is_empty(self) -> bool:
        """Whether nothing of visits is kept for a hold, so far as can be said."""
        return self.all_there and not self.ends

    def of_day(self, keys: DayKeys, day: str) -> HeldTokens:
        """What stands for them on a day; nothing where its key is not there."""
        doubt = partial(keys.token_in_doubt, day)
        if day not in keys.salts:
            return HeldTokens({}, frozenset(), frozenset(), frozenset(), frozenset(), doubt)
        theirs: dict[bytes, tuple[int, bytes]] = {}
        for person_id, cookies in self.ends.items():
            for cookie, end in cookies.items():
                token = keys.token(day, cookie)
                theirs[token] = max(theirs.get(token, (0, token)), (end, token))
                theirs[doubt(person_id, token)] = end, token
        openly, again, others = (
            frozenset(keys.token(day, each) for each in some)
            for some in (self.openly, self.again, self.others)
        )
        return HeldTokens(theirs, openly, again, others, self.in_doubt, doubt)


class HeldTokens(NamedTuple):
    """Held cookies as they stand in the blocks of a day: each before when, and as which token.

    By what `doubt` makes of a token visits stand that were kept for somebody in doubt.
    """

    theirs: Mapping[bytes, tuple[int, bytes]]
    openly: frozenset[bytes]
    again: frozenset[bytes]
    others: frozenset[bytes]
    in_doubt: frozenset[PersonId]
    doubt: Callable[[PersonId, bytes], bytes]

    def staying(self, row: Any, columns: VisitColumns) -> list[BlockPart]:
        """What of the visits of a block the law has us keep.

        For each who is in doubt all that came with a cookie and is not known as somebody else's.
        """
        its = columns.under({token: [each] for token, each in self.theirs.items()})
        tokens = self.again if row.apart else self.openly
        openly = its.under({token: [(ALWAYS, token)] for token in tokens})
        parts = [BlockPart(openly, apart=False), BlockPart(its.without(tokens), apart=True)]
        for person_id in sorted(self.in_doubt):
            doubtful = {
                token: [
                    (self.theirs.get(token, (0, token))[0], b""),
                    (ALWAYS, self.doubt(person_id, token)),
                ]
                for token in columns.tokens
                if token and token not in self.others
            }
            parts.append(BlockPart(columns.under(doubtful), apart=True))
        return [each for each in parts if each.columns.times]


class TiedBefore(NamedTuple):
    """Who may be on hold, as `tied_with_holds` says, and the cookies that are others' for sure."""

    people: Collection[PersonId]
    others: frozenset[bytes] = frozenset()


def tied_before(transaction: Transaction) -> TiedBefore:
    """What is looked for while nobody waits; takes a while.

    Where a tie of somebody on hold does not open, it is not one to a browser that is known by
    another mark: visits of whom that is tied to are theirs, or of several, which nobody is given.
    """
    people = tied_with_holds(transaction)
    marks = {mark for each in people for mark in marks_in_doubt(transaction, each)}
    ties = open_ties(transaction, "untied IS NULL") if marks else []
    return TiedBefore(
        people, frozenset(each.cookie for each in ties if each.row.cookie_mark not in marks)
    )


def held_cookies(transaction: Transaction, before: TiedBefore | None = None) -> HeldCookies:
    """The cookies of everybody who is on hold; `before` is what was looked for a moment ago."""
    people = tied_on_hold(transaction, before and before.people)
    in_doubt = frozenset(each for each in people if marks_in_doubt(transaction, each))
    openly = [each for each in people if holds_of(transaction, each, STORE).open]
    again = [each for each in openly if not is_hidden(transaction, each, STORE)]
    return HeldCookies(
        {each: cookies_of(transaction, [each]) for each in people},
        frozenset(tie.cookie for each in openly for tie in open_ties(transaction, TIED, each)),
        frozenset(cookies_of(transaction, again)),
        in_doubt,
        frozenset() if before is None else before.others,
    )


def drop_day(transaction: Transaction, reach: HeldCookies, day: str) -> None:
    """Delete of what is counted of a day all that the law does not have us keep, set apart then.

    What may be in a block that is damaged nobody can say: it stays, apart, and nobody is told of it
    any more; so do visits, while somebody is in doubt. What is apart already is left to `let_go`.
    """
    tables, damaged = transaction.tables, set[BlockId]()
    if reach.is_empty:
        tables.purge(visit_block, f"{COUNTED} AND day = ?", day)
    keys = whole_keys(transaction, tables, [day])
    for row, staying in _changes(tables, reach, keys, day, COUNTED, damaged):
        replace(transaction, keys, row, *staying)
    for each in sorted(damaged):
        write_as_it_is(tables, visit_block, "block_id = ?", each, apart=True)


def settle_keys(tables: Tables, where: str, *values: str) -> None:
    """Delete the keys of those days of which a condition holds and nothing is left.

    Of a damaged one that is left nobody is told any more.
    """
    names = [str(day) for (day,) in tables.select_unchecked(visit_day, ["day"], where, *values)]
    in_use = {day for (day,) in tables.select_unchecked(visit_block, ["day"], where, *values)}
    whole = {each.day for each in tables.select_authentic(visit_day, where, *values)[0]}
    for day in names:
        if day not in in_use:
            tables.purge(visit_day, "day = ?", day)
        elif day not in whole:
            write_as_it_is(tables, visit_day, "day = ?", day)


def let_go(gate: Gate) -> None:
    """Delete what is apart and no hold keeps any more; of what is kept in silence nothing is told.

    What is damaged stays while anybody is on hold, and all of it while it cannot be told whose.
    Once each tie opens, what was kept in case it is somebody's is under their tokens, or goes.
    """
    with gate.consult() as transaction:
        tables = transaction.tables
        days = tables.select_unchecked(visit_block, ["day"], f"{_APART} GROUP BY day")
        if not days:
            return
        before = TiedBefore(tied_with_holds(transaction))
        reach = held_cookies(transaction, before)
        on_days = [str(day) for (day,) in days if _goes(transaction, reach, str(day))]
    for day in sorted(on_days):
        with gate.together() as transaction:
            tables, reach = transaction.tables, held_cookies(transaction, before)
            if reach.is_empty:
                tables.purge(visit_block, f"{_APART} AND day = ?", day)
            elif reach.all_there:
                keys = whole_keys(transaction, tables, [day])
                for row, staying in _changes(tables, reach, keys, day, _APART, set()):
                    replace(transaction, keys, row, *staying)
            if not tables.select_unchecked(visit_block, ["day"], "day = ? LIMIT 1", day):
                tables.purge(visit_day, "day = ?", day)


def _goes(transaction: Transaction, reach: HeldCookies, day: str) -> bool:
    """Whether something that is apart of a day is kept no more, or in silence alone."""
    if not (reach.ends and reach.all_there):
        return reach.all_there
    tables = transaction.tables
    keys = whole_keys(transaction, tables, [day])
    return any(True for _ in _changes(tables, reach, keys, day, _APART, set()))


def _changes(
    tables: Tables,
    reach: HeldCookies,
    keys: DayKeys,
    day: str,
    which: str,
    damaged: MutableSet[BlockId],
) -> Iterator[tuple[Any, list[BlockPart]]]:
    """Those blocks of a day of which a hold does not keep each visit apart, and what it keeps.

    What is not as it was written joins the damaged.
    """
    tokens = reach.of_day(keys, day)
    ids = tables.select_unchecked(visit_block, ["block_id"], f"{which} AND day = ?", day)
    for some in lots_of(BlockSize(BlockId(str(block_id)), 1) for (block_id,) in ids):
        for row, columns in open_whole(tables, keys, some, damaged):
            staying = tokens.staying(row, columns)
            if [_shape(each) for each in staying] != [_shape(BlockPart(columns, row.apart))]:
                yield row, staying


def _shape(part: BlockPart) -> tuple[int, bool | None, set[bytes]]:
    """By what parts of one block are told apart."""
    return len(part.columns.times), part.apart, {*part.columns.tokens}


def write_as_it_is(tables: Tables, table: Table, where: str, key: str, **changes: Any) -> None:
    """Write a row that is not as it was written, with changes, as it is, if it is there.

    Nothing opens by that which did not before, and nothing but that is found in it any more.
    """
    names = [each.name for each in table.columns if each.name != "mac"]
    for row in tables.select_unchecked(table, names, where, key):
        tables.purge(table, where, key)
        tables.insert(table, **{**dict(zip(names, row, strict=True)), **changes})
