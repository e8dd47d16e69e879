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
from upheld.practice.kept_days import holds_of, is_hidden, is_on_hold
from upheld.practices.collection.blocks import COOKIE, PAGE
from upheld.practices.collection.endings import Ending, endings_of, keep_ties_aside
from upheld.practices.collection.erasing import end_visits, erase_visits
from upheld.practices.collection.holding import let_go
from upheld.practices.collection.tables import visit_tie
from upheld.practices.collection.ties import (
    STORE,
    TIED,
    is_told_of_others,
    people_on_hold,
)

UNTIED: Final = "visits.untie"  # the kind of an entry
WAITING: Final = "untied IS NOT NULL AND length(cookie) > 0"  # for the end of a hold
_WAITS: Final = f"person_id = ? AND cookie_mark = ? AND {WAITING}"
_ONE: Final = f"{TIED} AND cookie_mark = ?"


class Untying(NamedTuple):
    """Which cookie is untied from whom, and what becomes of its visits: none of others' are there.

    Nothing becomes of those of a browser that is `shared`; whose it is `stays` known where an order
    keeps them and forbids to speak of it.
    """

    person_id: PersonId
    mark: str
    ending: Ending | None
    shared: bool = False
    stays: bool = False


def prepare(transaction: Transaction, person_id: PersonId, mark: str) -> Untying | None:
    """What is to be done; None where the law keeps us from deleting what we hold of them."""
    holds = holds_of(transaction, person_id, STORE)
    if holds.open:
        return None
    row = transaction.tables.get(visit_tie, _ONE, person_id, mark)
    if row is None or is_told_of_others(transaction, row):
        return Untying(person_id, mark, None, shared=True, stays=holds.silent)
    (ending,) = endings_of(transaction, [person_id], only=mark).values()
    return Untying(person_id, mark, ending)


def untie(gate: Gate, untying: Untying | None) -> bool:
    """Delete the visits, and untie the cookie, once: what is noted of it has an entry.

    False where the law keeps us from it, also where it does so since `prepare`.
    """
    while untying is not None:
        if untying.ending is not None:
            with gate.together() as transaction:
                now = prepare(transaction, untying.person_id, untying.mark)
                if now == untying:
                    keep_ties_aside(transaction, [untying.ending])
            if now == untying:
                cookie = untying.ending.cookie
                end_visits(gate, {cookie: untying.ending}, partial(_ending_now, untying))
        with gate.together() as transaction:
            transaction.lock(untying.person_id)
            now = prepare(transaction, untying.person_id, untying.mark)
            if now == untying:
                _untie(transaction, untying)
                return True
        untying = now  # a hold or another sign-in came meanwhile
    return False


def _ending_now(untying: Untying, transaction: Transaction) -> dict[bytes, Ending]:
    """What becomes of the visits of a browser that is being untied, as far as it is decided now."""
    now = prepare(transaction, untying.person_id, untying.mark)
    return {} if now is None or now.ending is None else {now.ending.cookie: now.ending}


def finish_waiting(gate: Gate, trial: JobTrial) -> int:
    """Delete the visits that a hold kept and keeps no more; how many ties waited for its end.

    They are of people who were erased, or of browsers that were untied in spite of it. Of whom
    something is not as it was written, that is set aside, and nobody else waits for them; of whom
    an order forbids to speak, they are not listed.
    """
    let_go(gate)
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
        hidden = {each for each in people if is_hidden(transaction, each, STORE)}
        tied_apart = [  # who was erased once more after a backup was restored
            each
            for each in transaction.everybody_apart()
            if transaction.tables.select_unchecked(visit_tie, ["person_id"], TIED, each)
        ]
    marks: dict[PersonId, list[str]] = {}
    for person_id, mark in waiting:
        if person_id not in on_hold:
            marks.setdefault(person_id, []).append(mark)

    def erase_some(some: Sequence[PersonId]) -> int:
        erase_visits(gate, some)
        return sum(len(marks[each]) for each in some)

    def put_apart(some: Sequence[PersonId]) -> int:
        erase_visits(gate, some)
        return len(some)

    def finish_some(some: Sequence[PersonId]) -> int:
        return sum(_finish_untied(gate, whose, mark) for whose in some for mark in marks[whose])

    trial.some(tied_apart, put_apart)
    return trial.some(sorted(marks.keys() & erased), erase_some, unlisted=hidden) + trial.some(
        sorted(marks.keys() - erased), finish_some, unlisted=hidden
    )


def _finish_untied(gate: Gate, person_id: PersonId, mark: str) -> int:
    """Let go of a tie that a hold kept since its browser was untied; its visits are gone by now.

    Of one that others used too nothing was put aside: what is there of it stays nobody's.
    """
    with gate.together() as transaction:
        transaction.lock(person_id)
        row = transaction.tables.get(visit_tie, _WAITS, person_id, mark)
        if row is not None and not is_on_hold(transaction, person_id, STORE):
            if row.aside:
                transaction.tables.delete(visit_tie, _WAITS, person_id, mark)
            else:
                transaction.tables.update(visit_tie, {"cookie": b""}, _WAITS, person_id, mark)
    return 1


def _untie(transaction: Transaction, untying: Untying) -> None:
    changes: dict[str, object] = {"untied": microseconds(transaction.clock.now())}
    if not untying.stays:
        changes["cookie"] = b""
    if untying.shared:
        changes["shared"] = True
    if transaction.tables.update(visit_tie, changes, _ONE, untying.person_id, untying.mark):
        page_looks.forget(transaction, [untying.person_id])
        data = (COOKIE,) if untying.shared else (COOKIE, PAGE)
        transaction.note(untying.person_id, UNTIED, actor="customer", action="delete", data=data)
