"""Whose a cookie is: tied to an account at sign-in, as the policy lets us, and gone with it.

What was seen of a visitor before they signed in hangs together by the tokens of their cookie; what
ties it to an account is one row, an act of combining with its entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice.kept_days import is_on_hold
from upheld.practices.collection.blocks import (
    COOKIE,
    PAGE,
    PURPOSE,
)
from upheld.practices.collection.tables import visit_tie
from upheld.web import sessions

COMBINE: Final = Act(action="combine", data=(COOKIE, PAGE), source="browser")
STORE: Final = Act(action="store", data=(PAGE,))


def tie(transaction: Transaction, raw_session: str, cookie: bytes) -> bool:
    """Tie a cookie to whoever is signed in with a session; whether it is tied now."""
    tables, now = transaction.tables, transaction.clock.now()
    session = sessions.find(tables, "customer", raw_session, now)
    if session is None:
        return False
    person_id = PersonId(session.subject)
    mark = transaction.sealer(PURPOSE, "cookie").mark_of(cookie).hex()
    where = "person_id = ? AND cookie_mark = ?"
    if tables.get(visit_tie, where, person_id, mark) is not None:
        return True
    if isinstance(transaction.act(COMBINE, person_id), Refused):
        return False
    tables.insert(
        visit_tie,
        person_id=person_id,
        cookie_mark=mark,
        cookie=transaction.sealer(PURPOSE, "tie").seal(cookie, person_id, mark),
        at=microseconds(now),
    )
    return True


def cookies_of(transaction: Transaction, person_ids: Iterable[PersonId]) -> set[bytes]:
    """The cookies that are tied to some people."""
    sealer = transaction.sealer(PURPOSE, "tie")
    return {
        sealer.unseal(row.cookie, person_id, row.cookie_mark, what="a cookie")
        for person_id in person_ids
        for row in transaction.tables.select(visit_tie, "person_id = ?", person_id)
    }


def own_cookies(transaction: Transaction, person_id: PersonId) -> set[bytes]:
    """The cookies that are tied to somebody and to nobody else."""
    tables, sealer = transaction.tables, transaction.sealer(PURPOSE, "tie")
    return {
        sealer.unseal(row.cookie, person_id, row.cookie_mark, what="a cookie")
        for row in tables.select(visit_tie, "person_id = ?", person_id)
        if len(tables.select(visit_tie, "cookie_mark = ?", row.cookie_mark)) == 1
    }


def tied_on_hold(transaction: Transaction) -> list[PersonId]:
    """Whoever has a tied cookie, and visits that the law keeps us from deleting."""
    tied = transaction.tables.select_unchecked(visit_tie, ["person_id"])
    people = [PersonId(str(person_id)) for (person_id,) in tied]
    return [each for each in people if is_on_hold(transaction, each, STORE)]
