"""Untying a browser from an account, for whoever it is tied to: its visits go.

They go first, and then the tie: who is stopped in between unties it once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.gate.gate import Gate
from upheld.gate.public import SealedError
from upheld.gate.set_aside import JobTrial
from upheld.gate.transaction import Transaction
from upheld.practice import page_looks
from upheld.practice.kept_days import holds_of, is_on_hold
from upheld.practices.collection.blocks import COOKIE, PAGE, PURPOSE
from upheld.practices.collection.erasing import delete_visits, erase_visits, set_apart
from upheld.practices.collection.tables import visit_tie
from upheld.practices.collection.ties import STORE, TIED, is_shared, is_told_shared, people_on_hold

UNTIED: Final = "visits.untie"  # the kind of an entry
WAITING: Final = "untied IS NOT NULL AND length(cookie) > 0"  # for the end of a hold
_WAITS: Final = f"person_id = ? AND cookie_mark = ? AND {WAITING}"
_ONE: Final = f"{TIED} AND cookie_mark = ?"


class Untying(NamedTuple):
    """Which cookie is untied from whom, and the cookie if its visits go: it is nobody else's.

    It `stays` where an order keeps the visits and forbids to speak of it.
    """

    person_id: PersonId
    mark: str
    cookie: bytes | None
    shared: bool = False
    stays: bool = False


def prepare(transaction: Transaction, person_id: PersonId, mark: str) -> Untying | None:
    """What is to be done; None where the law keeps us from deleting what we hold of them."""
    holds = holds_of(transaction, person_id, STORE)
    if holds.open:
        return None
    if holds.silent:
        return Untying(person_id, mark, None, is_told_shared(transaction, mark), stays=True)
    row = transaction.tables.get(visit_tie, _ONE, person_id, mark)
    if row is None or is_told_shared(transaction, mark):
        return Untying(person_id, mark, None, shared=True)
    if is_shared(transaction.tables, mark):  # with whom nothing is told of
        return Untying(person_id, mark, None, stays=True)
    sealer = transaction.sealer(PURPOSE, "tie")
    return Untying(person_id, mark, sealer.unseal(row.cookie, person_id, mark, what="a cookie"))


def untie(gate: Gate, untying: Untying | None) -> bool:
    """Delete the visits, and untie the cookie, once: what is noted of it has an entry.

    False where the law keeps us from it, also where it does so since `prepare`.
    """
    while untying is not None:
        if untying.cookie is not None:
            delete_visits(gate, {untying.cookie}, partial(_cookie_that_goes, untying))
        if untying.stays:
            set_apart(gate, _cookie_that_stays(gate, untying))
        with gate.together() as transaction:
            transaction.lock(untying.person_id)
            now = prepare(transaction, untying.person_id, untying.mark)
            if now == untying:
                _untie(transaction, untying)
                return True
        untying = now  # a hold or another sign-in came meanwhile
    return False


def _cookie_that_stays(gate: Gate, untying: Untying) -> set[bytes]:
    """The cookie whose visits an order keeps: no count has them, as if they were gone."""
    with gate.look() as tables:
        row = tables.get(visit_tie, _ONE, untying.person_id, untying.mark)
    if row is None or untying.shared:
        return set()
    sealer = gate.sealer(PURPOSE, "tie")
    return {sealer.unseal(row.cookie, untying.person_id, untying.mark, what="a cookie")}


def _cookie_that_goes(untying: Untying, transaction: Transaction) -> set[bytes]:
    """The cookie whose visits go, while nothing came that keeps them."""
    now = prepare(transaction, untying.person_id, untying.mark)
    return set() if now is None or now.cookie is None else {now.cookie}


def finish_waiting(gate: Gate, trial: JobTrial) -> int:
    """Delete the visits that a hold kept and keeps no more; how many ties waited for its end.

    They are of people who were erased, or of browsers that were untied in spite of it. Of whom
    something is not as it was written, that is set aside, and nobody else waits for them.
    """
    with gate.together() as transaction:
        waiting = [
            (PersonId(str(person_id)), str(mark))
            for person_id, mark in transaction.tables.select_unchecked(
                visit_tie, ["person_id", "cookie_mark"], WAITING
            )
        ]
        people = sorted({person_id for person_id, _ in waiting})
        erased = transaction.apart_among(people)
        for each in people:
            with suppress(SealedError):  # who was changed without the keys is left to self-check
                erased |= {each} if transaction.is_erased(each) else set()
        on_hold = {*people_on_hold(transaction, people)}
    marks: dict[PersonId, list[str]] = {}
    for person_id, mark in waiting:
        if person_id not in on_hold:
            marks.setdefault(person_id, []).append(mark)

    def erase_some(some: Sequence[PersonId]) -> int:
        erase_visits(gate, some)
        return sum(len(marks[each]) for each in some)

    def finish_some(some: Sequence[PersonId]) -> int:
        return sum(_finish_untied(gate, whose, mark) for whose in some for mark in marks[whose])

    return trial.some(sorted(marks.keys() & erased), erase_some) + trial.some(
        sorted(marks.keys() - erased), finish_some
    )


def _finish_untied(gate: Gate, person_id: PersonId, mark: str) -> int:
    """Delete the visits of a browser that was untied while a hold kept them, and its cookie."""

    def its_cookie(transaction: Transaction) -> set[bytes]:
        row = transaction.tables.get(visit_tie, _WAITS, person_id, mark)
        if row is None or is_on_hold(transaction, person_id, STORE):
            return set()
        if is_shared(transaction.tables, mark):
            return set()
        sealer = transaction.sealer(PURPOSE, "tie")
        return {sealer.unseal(row.cookie, person_id, mark, what="a cookie")}

    with gate.together() as transaction:
        cookies = its_cookie(transaction)
    if cookies:
        delete_visits(gate, cookies, its_cookie)
    with gate.together() as transaction:
        transaction.lock(person_id)
        if not is_on_hold(transaction, person_id, STORE) and its_cookie(transaction) == cookies:
            transaction.tables.update(visit_tie, {"cookie": b""}, _WAITS, person_id, mark)
    return 1


def _untie(transaction: Transaction, untying: Untying) -> None:
    changes: dict[str, object] = {"untied": microseconds(transaction.clock.now())}
    if not untying.stays:
        changes["cookie"] = b""
    if transaction.tables.update(visit_tie, changes, _ONE, untying.person_id, untying.mark):
        page_looks.forget(transaction, [untying.person_id])
        data = (COOKIE,) if untying.shared else (COOKIE, PAGE)
        transaction.note(untying.person_id, UNTIED, actor="customer", action="delete", data=data)
