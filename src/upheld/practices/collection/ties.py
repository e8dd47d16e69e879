"""Whose a cookie is: tied to an account at sign-in, as the policy lets us, and gone with it.

What was seen of a visitor before they signed in hangs together by the tokens of their cookie; what
ties it to an account is one row, an act of combining with its entry. Whoever it is tied to can
untie it: its visits go, and it is not tied to them again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Act, Refused
from upheld.gate.public import SealError
from upheld.gate.transaction import Transaction
from upheld.practice import page_looks
from upheld.practice.kept_days import HOLD, holds_of
from upheld.practices.collection.blocks import (
    COOKIE,
    PAGE,
    PURPOSE,
)
from upheld.practices.collection.tables import visit_tie
from upheld.web import sessions

COMBINE: Final = Act(action="combine", data=(COOKIE, PAGE), source="browser")
STORE: Final = Act(action="store", data=(PAGE,))
TIED: Final = "person_id = ? AND untied IS NULL"
# The cookie of a browser that others use too is still there where it was untied under a silent
# hold, and so is one that no browser has, under which a hold keeps visits.
KNOWN: Final = "(untied IS NULL OR length(cookie) > 0 OR aside IS TRUE)"

ALWAYS: Final = 1 << 62  # seconds
OF_PERSON: Final = f"person_id = ? AND {KNOWN}"


class Tie(NamedTuple):
    """A cookie that is tied to somebody: by what it is known, since when, and whether it is shared.

    It is shared where others signed in with it too.
    """

    mark: str
    since: datetime
    shared: bool


def tie(transaction: Transaction, raw_session: str, cookie: bytes) -> bool:
    """Tie a cookie to whoever is signed in with a session; whether it is tied now."""
    tables, now = transaction.tables, transaction.clock.now()
    session = sessions.find(tables, "customer", raw_session, now)
    if session is None:
        return False
    person_id = PersonId(session.subject)
    mark = transaction.sealer(PURPOSE, "cookie").mark_of(cookie).hex()
    where = "person_id = ? AND cookie_mark = ?"
    there = tables.get(visit_tie, where, person_id, mark)
    if there is not None:
        return there.untied is None
    if isinstance(transaction.act(COMBINE, person_id), Refused):
        return False
    tables.insert(
        visit_tie,
        person_id=person_id,
        cookie_mark=mark,
        cookie=transaction.sealer(PURPOSE, "tie").seal(cookie, person_id, mark),
        at=microseconds(now),
    )
    where = "cookie_mark = ? AND person_id <> ?"
    others = tables.select_unchecked(visit_tie, ["person_id"], where, mark, person_id)
    if others:  # whose its visits are, nobody can tell any more
        page_looks.forget(transaction, [PersonId(str(each)) for (each,) in others])
    return True


class TieRow(NamedTuple):
    """What ties somebody to a cookie, as it stands in the database, changed or not."""

    person_id: PersonId
    cookie_mark: str
    cookie: bytes  # sealed; empty once it was untied
    at: int
    untied: int | None
    aside: bool | None
    shared: bool | None


class OpenTie(NamedTuple):
    """A row that ties somebody to a cookie, and that cookie; empty once it was untied."""

    row: TieRow
    cookie: bytes


def open_ties(transaction: Transaction, where: str, *values: str) -> list[OpenTie]:
    """The ties that a condition holds of whose cookies open, which says whose they are.

    Whether the rest of a row was changed is left to self-check: no erasure, job or page of anybody
    stops for it.
    """
    sealer, ties = transaction.sealer(PURPOSE, "tie"), list[OpenTie]()
    for each in transaction.tables.select_unchecked(visit_tie, TieRow._fields, where, *values):
        row, cookie = TieRow(*each), b""
        if row.cookie or row.untied is None or row.aside:  # else it was untied
            try:
                cookie = sealer.unseal(row.cookie, row.person_id, row.cookie_mark, what="a cookie")
            except SealError:
                continue
        ties.append(OpenTie(row, cookie))
    return ties


def cookies_of(transaction: Transaction, person_ids: Iterable[PersonId]) -> dict[bytes, int]:
    """The cookies by which visits of some people are known: before when a visit is theirs.

    In seconds since 1970: until their browser was untied, and else for ever.
    """
    ends = dict[bytes, int]()
    for person_id in person_ids:
        for each in open_ties(transaction, OF_PERSON, person_id):
            ends[each.cookie] = max(ends.get(each.cookie, 0), end_of(each.row))
    return ends


def marks_in_doubt(transaction: Transaction, person_id: PersonId) -> set[str]:
    """The marks of somebody's ties whose cookies do not open."""
    rows = transaction.tables.select_unchecked(visit_tie, ["cookie_mark"], OF_PERSON, person_id)
    opened = {each.row.cookie_mark for each in open_ties(transaction, OF_PERSON, person_id)}
    return {str(mark) for (mark,) in rows} - opened


def end_of(row: TieRow) -> int:
    """Before when a visit is somebody's, by a row that ties them to its cookie, in seconds."""
    if row.untied is None or row.aside:
        return ALWAYS
    return int(row.untied) // 1_000_000 + 1


def own_cookies(transaction: Transaction, person_id: PersonId, which: str = TIED) -> set[bytes]:
    """The cookies whose every visit is somebody's: no one else ever signed in with them.

    Those that are tied still or, with `OF_PERSON`, those too under which a hold keeps visits since
    their tie has ended.
    """
    return {
        each.cookie
        for each in open_ties(transaction, which, person_id)
        if each.row.aside or each.row.untied is None
        if not is_told_of_others(transaction, each.row)
    }


def is_told_of_others(transaction: Transaction, row: TieRow) -> bool:
    """Whether it is told of a cookie that somebody else signed in with it than a row says.

    Nobody counts of whom nothing may be told, nor their own row of before they were set apart.
    """
    if row.shared or row.aside:
        return bool(row.shared)
    where = "cookie_mark = ? AND person_id <> ? AND at <> ?"
    others = transaction.tables.select_unchecked(
        visit_tie, ["person_id"], where, row.cookie_mark, row.person_id, row.at
    )
    whose = {PersonId(str(each)) for (each,) in others}
    return bool(whose - transaction.apart_among(sorted(whose)))


def ties_of(transaction: Transaction, person_id: PersonId) -> list[Tie]:
    """The cookies that are tied to somebody, the latest first."""
    ties = open_ties(transaction, f"{TIED} ORDER BY at DESC, cookie_mark", person_id)
    return [
        Tie(row.cookie_mark, to_datetime(row.at), is_told_of_others(transaction, row))
        for row, _ in ties
    ]


def tied_with_holds(transaction: Transaction) -> set[PersonId]:
    """Whoever has a tied cookie and a hold, in force or not, changed or taken away; takes a while.

    For who looks before they write, so that nobody waits; whoever has one since, has a row of it.
    """
    return {*transaction.people_with_any_record(tied_people(transaction.tables), HOLD)}


def tied_on_hold(
    transaction: Transaction, before: Collection[PersonId] | None = None
) -> list[PersonId]:
    """Whoever has a tied cookie, and visits that the law keeps us from deleting.

    `before` are those whom `tied_with_holds` gave a moment ago, if it was asked.
    """
    if before is None:
        before = tied_with_holds(transaction)
    tied = tied_people(transaction.tables)
    some = {*transaction.people_with_records(tied, HOLD)} | ({*before} & {*tied})
    return [each for each in sorted(some) if any(holds_of(transaction, each, STORE))]


def tied_people(tables: Tables) -> list[PersonId]:
    """Whoever has a cookie by which visits of theirs are known, in the order of their ids."""
    tied = tables.select_unchecked(visit_tie, ["person_id"], f"{KNOWN} GROUP BY person_id")
    return sorted(PersonId(str(person_id)) for (person_id,) in tied)


def people_on_hold(transaction: Transaction, people: Sequence[PersonId]) -> list[PersonId]:
    """Who of some people has visits that the law keeps us from deleting, by id, as `holds_of`.

    Whoever's holds were changed or taken away counts as such.
    """
    some = transaction.people_with_any_record(people, HOLD)
    return [each for each in some if any(holds_of(transaction, each, STORE))]
