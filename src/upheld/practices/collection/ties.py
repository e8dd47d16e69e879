"""Whose a cookie is: tied to an account at sign-in, as the policy lets us, and gone with it.

What was seen of a visitor before they signed in hangs together by the tokens of their cookie; what
ties it to an account is one row, an act of combining with its entry. Whoever it is tied to can
untie it: its visits go, and it is not tied to them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import page_looks
from upheld.practice.kept_days import HOLD, is_on_hold
from upheld.practices.collection.blocks import (
    COOKIE,
    PAGE,
    PURPOSE,
)
from upheld.practices.collection.tables import visit_tie
from upheld.web import sessions

COMBINE: Final = Act(action="combine", data=(COOKIE, PAGE), source="browser")
STORE: Final = Act(action="store", data=(PAGE,))
AT_ONCE: Final = 500  # people whose records are read together
TIED: Final = "person_id = ? AND untied IS NULL"
# Of one that was untied while an order forbade to speak of it the cookie is still there.
KNOWN: Final = "(untied IS NULL OR length(cookie) > 0)"

_ALWAYS: Final = 1 << 62  # seconds
OF_PERSON: Final = f"person_id = ? AND {KNOWN}"


class OwnTime(NamedTuple):
    """From when, and until before when, visits are somebody's, in seconds since 1970."""

    start: int
    end: int


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
    others = tables.select(visit_tie, "cookie_mark = ? AND person_id <> ?", mark, person_id)
    if others:  # whose its visits are, nobody can tell any more
        page_looks.forget(transaction, [PersonId(each.person_id) for each in others])
    return True


def cookies_of(transaction: Transaction, person_ids: Iterable[PersonId]) -> set[bytes]:
    """The cookies that are tied to some people."""
    sealer = transaction.sealer(PURPOSE, "tie")
    return {
        sealer.unseal(row.cookie, person_id, row.cookie_mark, what="a cookie")
        for person_id in person_ids
        for row in transaction.tables.select(visit_tie, OF_PERSON, person_id)
    }


def cookies_that_go(
    transaction: Transaction, person_ids: Sequence[PersonId]
) -> dict[tuple[PersonId, str], bytes]:
    """The ties of some people that may be deleted, each with its cookie, or nothing once untied.

    Not those of people on hold, nor of a cookie that is tied to somebody on hold, too.
    """
    tables, sealer = transaction.tables, transaction.sealer(PURPOSE, "tie")
    rows = [
        (person_id, row, tables.select(visit_tie, f"cookie_mark = ? AND {KNOWN}", row.cookie_mark))
        for person_id in person_ids
        for row in tables.select(visit_tie, "person_id = ?", person_id)
    ]
    whose = {*person_ids, *(PersonId(each.person_id) for *_, some in rows for each in some)}
    on_hold = {*people_on_hold(transaction, sorted(whose))}
    return {
        (person_id, row.cookie_mark): sealer.unseal(
            row.cookie, person_id, row.cookie_mark, what="a cookie"
        )
        if row.cookie
        else b""
        for person_id, row, tied in rows
        if on_hold.isdisjoint([person_id, *(each.person_id for each in tied)])
    }


def own_cookies(
    transaction: Transaction, person_id: PersonId, which: str = TIED
) -> dict[bytes, OwnTime]:
    """The cookies that are tied to somebody and never were to anybody else, and when.

    Those that are tied still or, with `OF_PERSON`, those too that an order keeps though untied. Of
    one that was tied to somebody who is there for what a law keeps apart alone, what came until
    they were erased is theirs, and what came since is whoever's signed in after them.
    """
    tables, sealer = transaction.tables, transaction.sealer(PURPOSE, "tie")
    own: dict[bytes, OwnTime] = {}
    for row in tables.select(visit_tie, which, person_id):
        where = "cookie_mark = ? AND person_id <> ? AND at <> ?"  # what was copied has its time
        others = tables.select(visit_tie, where, row.cookie_mark, person_id, row.at)
        whose = [PersonId(each.person_id) for each in others]
        apart = transaction.apart_among([person_id, *whose])
        if person_id in apart:
            span = OwnTime(0, _ALWAYS if row.untied is None else _seconds(row.untied) + 1)
            is_own = all(_seconds(each.at) >= span.end for each in others)
        else:
            span = OwnTime(max((_seconds(each.untied or 0) for each in others), default=0), _ALWAYS)
            is_own = apart.issuperset(whose)
        if is_own:
            cookie = sealer.unseal(row.cookie, person_id, row.cookie_mark, what="a cookie")
            own[cookie] = span
    return own


def _seconds(at: int) -> int:
    return at // 1_000_000


def is_shared(tables: Tables, mark: str) -> bool:
    """Whether several people signed in with a cookie, whoever untied it since."""
    return len(tables.select(visit_tie, "cookie_mark = ?", mark)) > 1


def is_told_shared(transaction: Transaction, mark: str) -> bool:
    """Whether it is told of a cookie that it is shared: nobody counts of whom nothing may be."""
    rows = transaction.tables.select(visit_tie, "cookie_mark = ?", mark)
    whose = [PersonId(each.person_id) for each in rows]
    return len(set(whose) - transaction.apart_among(whose)) > 1


def ties_of(transaction: Transaction, person_id: PersonId) -> list[Tie]:
    """The cookies that are tied to somebody, the latest first."""
    tables = transaction.tables
    rows = tables.select(visit_tie, f"{TIED} ORDER BY at DESC, cookie_mark", person_id)
    return [
        Tie(row.cookie_mark, to_datetime(row.at), is_told_shared(transaction, row.cookie_mark))
        for row in rows
    ]


def tied_on_hold(transaction: Transaction) -> list[PersonId]:
    """Whoever has a tied cookie, and visits that the law keeps us from deleting."""
    return people_on_hold(transaction, tied_people(transaction.tables))


def tied_people(tables: Tables) -> list[PersonId]:
    """Whoever has a cookie by which visits of theirs are known, in the order of their ids."""
    tied = tables.select_unchecked(visit_tie, ["person_id"], f"{KNOWN} GROUP BY person_id")
    return sorted(PersonId(str(person_id)) for (person_id,) in tied)


def people_on_hold(transaction: Transaction, people: Sequence[PersonId]) -> list[PersonId]:
    """Who of some people has visits that the law keeps us from deleting; many are asked at once."""
    on_hold: list[PersonId] = []
    for first in range(0, len(people), AT_ONCE):
        records, _ = transaction.records_of(people[first : first + AT_ONCE], [HOLD])
        some = sorted({PersonId(each.person_id) for each in records})
        on_hold += [each for each in some if is_on_hold(transaction, each, STORE)]
    return on_hold
