"""Which groups of our pages people looked at, for reports and advertisements about groups.

Somebody's visits are those of cookies that are tied to them and never were to anybody else: whose
the visits of a browser are in which several people signed in, nobody can tell, and so they are
nobody's. Blocks are opened while no transaction waits, a day at a time; nothing of it is kept here.
What is damaged is passed over: the self-check tells of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from upheld.core.ids import PersonId
from upheld.gate.gate import Gate
from upheld.gate.public import SealError
from upheld.gate.transaction import Transaction
from upheld.practice.page_groups import group_of
from upheld.practices.collection.blocks import COOKIE, PAGE, DayKeys
from upheld.practices.collection.retention import may_stay
from upheld.practices.collection.tables import COUNTED, visit_block, visit_day, visit_tie
from upheld.practices.collection.tellers import OWN
from upheld.practices.collection.ties import open_ties


class _Look(NamedTuple):
    """A group of pages that somebody looked at on a day; once or more for each block."""

    day: str
    person_id: PersonId
    group: str


def month_of_pages(gate: Gate, month: str) -> Mapping[PersonId, set[str]]:
    """The groups of our pages that people looked at in a month, of those who are known by a cookie.

    Nothing is told of a day whose time is over, of which a hold alone keeps something. Whether it
    may be used of each of them is for whoever asks to find out.
    """
    result: dict[PersonId, set[str]] = {}
    for look in _looks(gate, "day LIKE ?", f"{month}-%"):
        result.setdefault(look.person_id, set()).add(look.group)
    return result


def recent_pages(gate: Gate, since: str) -> Mapping[PersonId, Mapping[str, str]]:
    """The groups of our pages that people looked at on a day or later, each with its last day."""
    result: dict[PersonId, dict[str, str]] = {}
    for look in _looks(gate, "day >= ?", since):
        result.setdefault(look.person_id, {})[look.group] = look.day
    return result


def _looks(gate: Gate, where: str, value: str) -> Iterator[_Look]:
    """What people looked at on some days, in their order, of those that the policy lets us keep."""
    with gate.together() as transaction:
        allowed, oldest, _ = may_stay(transaction)
        if not {PAGE, COOKIE} <= {*allowed}:
            return
        cookies, tables = _own_cookies(transaction), transaction.tables
        where = f"{where} AND day >= ? ORDER BY day"
        rows, _ = tables.select_authentic(visit_day, where, value, oldest)
        keys = DayKeys(gate, {str(row.day): bytes(row.salt) for row in rows})
    groups: dict[str, str] = {}
    for day in keys.salts if cookies else ():
        people = {keys.token(day, cookie): whose for cookie, whose in cookies.items()}
        with gate.look() as tables:
            blocks, _ = tables.select_authentic(
                visit_block, f"{COUNTED} AND day = ? AND source = ?", day, OWN.source
            )
        for block in blocks:
            if COOKIE not in block.fields.split():
                continue
            try:
                columns = keys.columns(block)
            except SealError:
                continue
            for route_at, token_at in {*zip(columns.route_of, columns.token_of, strict=True)}:
                whose = people.get(columns.tokens[token_at])
                if whose is not None:
                    route = columns.routes[route_at]
                    yield _Look(day, whose, groups.setdefault(route, group_of(route)))


def _own_cookies(transaction: Transaction) -> dict[bytes, PersonId]:
    """The cookies with which one person alone ever signed in, and whose they are."""
    some = open_ties(transaction, "cookie_mark <> ''")
    everybody = transaction.tables.select_unchecked(visit_tie, ["person_id", "cookie_mark"])
    apart = transaction.apart_among(sorted({PersonId(str(whose)) for whose, _ in everybody}))
    ties = Counter(str(mark) for whose, mark in everybody if whose not in apart)
    return {
        cookie: row.person_id
        for row, cookie in some
        if row.person_id not in apart
        if ties[row.cookie_mark] == 1 and row.untied is None and not row.shared
    }
