"""What becomes of a browser's visits where it is untied, or somebody is erased who signed in there.

They go; but where a hold keeps them of anybody, they are put under a cookie of their own, which no
browser has. So nothing that comes with the browser later, of whoever else signs in, hangs together
with what the hold keeps, and everybody but the legal desk sees what they would see without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from typing import NamedTuple

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.gate.public import REGISTER, SealedError
from upheld.gate.transaction import Transaction
from upheld.practices.collection.blocks import PURPOSE
from upheld.practices.collection.tables import visit_tie
from upheld.practices.collection.ties import (
    ALWAYS,
    KNOWN,
    TieRow,
    end_of,
    is_told_of_others,
    open_ties,
    people_on_hold,
)

_ONE = "person_id = ? AND cookie_mark = ?"


class AsideUntil(NamedTuple):
    """The cookie of no browser for visits of before a time, in seconds since 1970, and whose.

    Those of whom a hold keeps them, each with the mark by which their tie was known.
    """

    until: int
    cookie: bytes
    keepers: tuple[tuple[PersonId, str], ...]


class Ending(NamedTuple):
    """What becomes of the visits that came with a cookie.

    Each is put under the first cookie aside before whose time it came, or goes where there is none.
    """

    cookie: bytes
    aside: tuple[AsideUntil, ...] = ()  # the earliest time first


def endings_of(
    transaction: Transaction, person_ids: Sequence[PersonId], only: str = ""
) -> dict[bytes, Ending]:
    """By cookie, what becomes of the visits of some people whose ties end now.

    All their ties do, or `only` the one with a mark. A browser that they untied before is not among
    them, nor is a cookie under which a hold keeps visits still.
    """
    mine = [
        each
        for person_id in person_ids
        for each in open_ties(transaction, "person_id = ?", person_id)
        if each.cookie and (each.row.untied is None or each.row.aside)
        if only in ("", each.row.cookie_mark)
    ]
    ties_by_mark = {
        mark: [row for row, _ in open_ties(transaction, f"cookie_mark = ? AND {KNOWN}", mark)]
        for mark in {row.cookie_mark for row, _ in mine}
    }
    whose = sorted({PersonId(each.person_id) for some in ties_by_mark.values() for each in some})
    on_hold = {*people_on_hold(transaction, whose)}
    endings: dict[bytes, Ending] = {}
    for row, cookie in mine:
        keeping = [each for each in ties_by_mark[row.cookie_mark] if each.person_id in on_hold]
        if not keeping:
            endings.setdefault(cookie, Ending(cookie))
        elif not row.aside:
            endings.setdefault(cookie, Ending(cookie, aside_of(transaction, row, keeping)))
    return endings


def aside_of(
    transaction: Transaction, row: TieRow, keeping: Sequence[TieRow]
) -> tuple[AsideUntil, ...]:
    """Where visits are put that came with the cookie of a tie, by ties whose holds keep them."""
    sealer = transaction.sealer(PURPOSE, "aside")
    return tuple(
        AsideUntil(
            until,
            sealer.mark_of(row.person_id, row.cookie_mark, str(until)),
            tuple(
                sorted(
                    (PersonId(each.person_id), each.cookie_mark)
                    for each in keeping
                    if end_of(each) >= until
                )
            ),
        )
        for until in sorted({end_of(each) for each in keeping})
    )


def keep_ties_aside(
    transaction: Transaction, endings: Iterable[Ending], *, alone: bool = False
) -> None:
    """Tie the cookies under which holds keep visits to those of whom they keep them.

    Before any visit stands under one, so that none is ever nobody's, but those of whom nothing can
    be written: all that is kept of them was changed. `alone` where no other had a browser until
    its tie ended, whoever has since.
    """
    tables, now = transaction.tables, microseconds(transaction.clock.now())
    sealer, marks = transaction.sealer(PURPOSE, "tie"), transaction.sealer(PURPOSE, "cookie")
    for each in [aside for ending in endings for aside in ending.aside]:
        mark = marks.mark_of(each.cookie).hex()
        for person_id, its in each.keepers:
            if tables.select_unchecked(visit_tie, ["at"], _ONE, person_id, mark):
                continue
            for row, _ in open_ties(transaction, _ONE, person_id, its):
                with suppress(SealedError), transaction.savepoint():
                    tables.insert(
                        visit_tie,
                        person_id=person_id,
                        cookie_mark=mark,
                        cookie=sealer.seal(each.cookie, person_id, mark),
                        at=row.at,
                        untied=now if row.untied is None else row.untied,  # when it was told so
                        aside=True,
                        shared=True if not alone and is_told_of_others(transaction, row) else None,
                    )


def end_ties(transaction: Transaction, person_ids: Sequence[PersonId]) -> None:
    """Delete the ties of people who are erased, once their visits have come to their end.

    What a hold keeps of them stays; and where they untied a browser whose visits are still there,
    its others, and whoever signs in there later, are told of nothing that may not be theirs.
    """
    tables, on_hold = transaction.tables, {*people_on_hold(transaction, person_ids)}
    for person_id in person_ids:
        rows = tables.select_unchecked(visit_tie, TieRow._fields, "person_id = ?", person_id)
        for row in (TieRow(*each) for each in rows):
            if row.untied is not None and not row.aside:
                if is_told_of_others(transaction, row):
                    _tie_to_nobody(transaction, row)
                _call_shared(transaction, row)
            stays = row.cookie and row.untied is not None and person_id in on_hold
            if not stays:  # as it was written or not
                tables.purge(visit_tie, _ONE, person_id, row.cookie_mark)


def _tie_to_nobody(transaction: Transaction, row: TieRow) -> None:
    """Let the browser of a tie be one that others had, also once none of them is left."""
    tables, now = transaction.tables, microseconds(transaction.clock.now())
    tables.purge(visit_tie, _ONE, REGISTER, row.cookie_mark)
    tables.insert(
        visit_tie,
        person_id=REGISTER,
        cookie_mark=row.cookie_mark,
        cookie=b"",
        at=now,
        untied=now,
        shared=True,
    )


def forget_browsers(transaction: Transaction, oldest: str) -> None:
    """Forget which browsers several had, of whom none is left with visits of a day or later.

    Without a day, of each: no visit is left.
    """
    before = ALWAYS
    if oldest > date.min.isoformat():
        start = datetime.combine(date.fromisoformat(oldest), time.min, transaction.clock.zone)
        before = microseconds(start)
    elif oldest:
        return
    transaction.tables.purge(visit_tie, "person_id = ? AND at < ?", REGISTER, before)


def _call_shared(transaction: Transaction, row: TieRow) -> None:
    """Say of each other tie to the cookie of one that others had signed in with it.

    One that was changed is left to self-check.
    """
    tables, where = transaction.tables, "cookie_mark = ? AND person_id <> ?"
    others, _ = tables.select_authentic(visit_tie, where, row.cookie_mark, row.person_id)
    for each in others:
        with suppress(SealedError), transaction.savepoint():  # all that is kept of them was changed
            tables.rewrite(visit_tie, [(each, each._replace(shared=True))])


def still(endings: Mapping[bytes, Ending], now: Mapping[bytes, Ending]) -> dict[bytes, Ending]:
    """Those of some endings that are as they were."""
    return {cookie: each for cookie, each in endings.items() if now.get(cookie) == each}
