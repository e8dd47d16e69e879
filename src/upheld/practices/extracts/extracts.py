"""Extracts: asked for by one person, approved by another, opened at the desk, ended by a term.

An extract is no copy. It is a list of people and a key, by which it calls each of them by a
pseudonym of its own. Whenever it is opened the policy decides on each of them anew, and what rows
say is read through the gate: whoever objected or was erased is not in it any more. When it ends,
list and key are deleted, and nobody can tell who a pseudonym was. That somebody was in one of them
stands in the log and in their accounting, as each use of their data does.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import NO_USER, ExtractId, PersonId, UserId
from upheld.core.reason_text import reason_text, require_reason
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Act, Refused
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.query import query
from upheld.policy.load import Policy
from upheld.practice import amounts
from upheld.practice.needs import can_ever
from upheld.practice.privacy_budget import BUDGET, GROUP, smallest_group
from upheld.practices.extracts.cells import COLUMNS, cells
from upheld.practices.extracts.tables import extract, extract_person

_LOG: Final = logging.getLogger("upheld")
PURPOSES: Final = {"service-improvement": "Improving services", "research": "Research"}
WAITING, REFUSED, GATHERING, OPEN, ENDED = "waiting", "refused", "gathering", "open", "ended"
ASKED, DECIDED, OPENED, CLOSED = "extract.ask", "extract.decide", "extract.open", "extract.end"
SENTENCES: Final = {
    ASKED: "{actor} asked for an extract under pseudonyms",
    DECIDED: "{actor} decided on an extract under pseudonyms",
    OPENED: "{actor} opened an extract under pseudonyms",
    CLOSED: "An extract under pseudonyms has ended",
}
ONE_IN: Final = (100, 10, 1)
DAYS: Final = (7, 30, 90)
MONTHS: Final = (1, 3, 6)
LEAST: Final = 50  # people, where the policy names no smallest group
PEOPLE_MAX: Final = 100_000
LOT: Final = 200
PAGE: Final = 100  # rows
REASON_MAX: Final = 300
PSEUDONYM_DIGITS: Final = 16
TOO_FEW: Final = "Too few people would be in it."
OVER: Final = "Its term is over."


class ExtractError(UpheldError):
    """An extract that cannot be asked for, decided on or opened."""


class ExtractWish(NamedTuple):
    """What is asked for: columns, for a purpose, of one person in so many, for so many days."""

    purpose: str
    columns: tuple[str, ...]
    month: str  # the first month of what is monthly; empty where nothing is
    months: int
    one_in: int
    days: int
    reason: str

    @property
    def fields(self) -> tuple[str, ...]:
        """The kinds of data that are read."""
        return tuple(sorted({COLUMNS[each].field for each in self.columns}))

    @property
    def month_words(self) -> list[str]:
        """The months whose amounts are read."""
        return amounts.months_from(self.month, self.months) if self.month else []


class Extract(NamedTuple):
    """An extract as it stands."""

    extract_id: ExtractId
    wish: ExtractWish
    state: str
    why: str
    asked_at: datetime
    asked_by: UserId
    decided_by: UserId
    ends_at: datetime | None
    key: bytes | None  # sealed

    def is_open(self, now: datetime) -> bool:
        """Whether its rows may be read at a moment."""
        return self.state == OPEN and self.ends_at is not None and now < self.ends_at


class ExtractPage(NamedTuple):
    """Some rows of an extract, each a pseudonym and its cells, and how many pages there are."""

    rows: list[tuple[str, list[str]]]
    pages: int


def why_not(policy: Policy, field: str, purpose: str) -> str:
    """Why no row may say something of a kind of data for a purpose; empty where one may."""
    question = f"use {field} for {purpose}"
    if not can_ever(policy, question):
        return "our policy does not let us use this for that"
    asks = [{each.duty for each in case.decision.duties} for case in query(policy, question).cases]
    if all({GROUP, BUDGET} & duties for duties in asks):
        return "our policy lets us use this for that as counts of groups alone"
    return ""


def choices(policy: Policy, purpose: str) -> list[str]:
    """The columns that an extract for a purpose can have."""
    return [word for word, its in COLUMNS.items() if not why_not(policy, its.field, purpose)]


def ask(transaction: Transaction, wish: ExtractWish, user_id: UserId) -> Extract:
    """Ask for an extract, which waits for somebody else's yes. ExtractError for what cannot be."""
    _require_possible(transaction, wish)
    extract_id = ExtractId(secrets.token_hex(16))
    transaction.tables.insert(
        extract,
        extract_id=extract_id,
        purpose=wish.purpose,
        columns=" ".join(wish.columns),
        month=wish.month,
        months=wish.months,
        one_in=wish.one_in,
        days=wish.days,
        reason=reason_text(wish.reason),
        state=WAITING,
        why="",
        asked_at=microseconds(transaction.clock.now()),
        asked_by=user_id,
        decided_by=NO_USER,
        ends_at=None,
        key=None,
    )
    _note(transaction, ASKED, extract_id, wish, user_id)
    return require(transaction.tables, extract_id)


def _require_possible(transaction: Transaction, wish: ExtractWish) -> None:
    require_reason(wish.reason, REASON_MAX, _error, "an extract needs a reason", in_lines=True)
    if wish.purpose not in PURPOSES or not wish.columns or {*wish.columns} - {*COLUMNS}:
        raise _error("there is no such extract", "choose a purpose and columns from the lists")
    for each in wish.columns:
        if why := why_not(transaction.policy, COLUMNS[each].field, wish.purpose):
            raise _error(why, f"leave out: {COLUMNS[each].label}")
    today = transaction.clock.today()
    is_monthly = any(COLUMNS[each].is_monthly for each in wish.columns)
    if is_monthly != bool(wish.month) or wish.months not in MONTHS:
        raise _error("the months do not go with the columns", "amounts alone are of months")
    over = dict(amounts.month_choices(today))
    if wish.month and (wish.month not in over or not {*wish.month_words} <= {*over}):
        raise _error("these months are not over, or too long ago", "choose earlier or fewer ones")
    if wish.one_in not in ONE_IN or wish.days not in DAYS:
        raise _error("this share or term is not on the list", "choose from the lists")


def approve(transaction: Transaction, extract_id: ExtractId, user_id: UserId) -> Extract:
    """Say yes to an extract that somebody else asked for; its people are gathered then.

    ExtractError where it waits for nobody's yes, or the policy does not let us make it any more.
    """
    its = _waiting(transaction, extract_id, user_id)
    _require_possible(transaction, its.wish)
    key = transaction.sealer("extracts").seal(secrets.token_bytes(32), extract_id)
    ends_at = transaction.clock.now() + timedelta(days=its.wish.days)
    changes = {"state": GATHERING, "key": key, "ends_at": microseconds(ends_at)}
    return _decide(transaction, its, user_id, changes)


def refuse(
    transaction: Transaction, extract_id: ExtractId, user_id: UserId, *, reason: str
) -> Extract:
    """Say no to an extract that somebody else asked for, for a reason."""
    reason = require_reason(reason, REASON_MAX, _error, "a no needs a reason")
    its = _waiting(transaction, extract_id, user_id)
    return _decide(transaction, its, user_id, {"state": REFUSED, "why": reason})


def _waiting(transaction: Transaction, extract_id: ExtractId, user_id: UserId) -> Extract:
    transaction.lock(REGISTER)  # before its state is read: one of two answers counts
    its = require(transaction.tables, extract_id)
    if its.state != WAITING:
        raise _error("this extract waits for no answer", "look at its page")
    if its.asked_by == user_id:
        raise _error("somebody else decides on what one asked for", "let a manager look at it")
    return its


def _decide(
    transaction: Transaction, its: Extract, user_id: UserId, changes: dict[str, Any]
) -> Extract:
    changes = {**changes, "decided_by": user_id}
    transaction.tables.update(extract, changes, "extract_id = ?", its.extract_id)
    _note(transaction, DECIDED, its.extract_id, its.wish, user_id)
    return require(transaction.tables, its.extract_id)


def end(
    transaction: Transaction, extract_id: ExtractId, why: str, user_id: UserId = NO_USER
) -> Extract:
    """End an extract: who was in it and the key of its pseudonyms are deleted."""
    transaction.lock(REGISTER)  # whoever gathers for it looks at its state under the same lock
    its = require(transaction.tables, extract_id)
    if its.state not in (GATHERING, OPEN):
        raise _error("this extract is not open", "look at its page")
    transaction.tables.delete(extract_person, "extract_id = ?", extract_id)
    changes = {"state": ENDED, "why": why, "key": None}
    transaction.tables.update(extract, changes, "extract_id = ?", extract_id)
    _note(transaction, CLOSED, extract_id, its.wish, user_id)
    return require(transaction.tables, extract_id)


def gather(gate: Gate, extract_id: ExtractId) -> Extract:
    """Gather the people of an extract, each as the policy decides; as it stands where that is done.

    It ends at once where fewer are in it than the policy's smallest group. One that is cut off is
    gathered anew.
    """
    after = ""
    while True:
        with gate.together() as transaction:
            its = require(transaction.tables, extract_id)
            people = transaction.customers_after(after, LOT)
            if its.state != GATHERING or not people:
                break
            _gather_lot(transaction, its, people)
        after = people[-1]
    with gate.together() as transaction:
        transaction.lock(REGISTER)
        its = require(transaction.tables, extract_id)
        if its.state != GATHERING:
            return its
        if len(people_of(transaction.tables, its)) < least(transaction.policy):
            return end(transaction, extract_id, TOO_FEW)
        transaction.tables.update(extract, {"state": OPEN}, "extract_id = ?", extract_id)
        return require(transaction.tables, extract_id)


def _gather_lot(transaction: Transaction, its: Extract, people: list[PersonId]) -> None:
    key = _key(transaction, its)
    drawn = [each for each in people if _is_drawn(key, each, its.wish.one_in)]
    members = [each for each in drawn if not transaction.is_erased(each)]
    outcomes = transaction.sweep(using(its), members) if members else {}
    allowed = [each for each in members if not isinstance(outcomes.get(each), Refused | None)]
    transaction.lock(REGISTER)
    if require(transaction.tables, its.extract_id).state != GATHERING:
        return
    before = {*people_of(transaction.tables, its)}
    new = [each for each in allowed if each not in before][: PEOPLE_MAX - len(before)]
    rows = [{"person_id": each, "extract_id": its.extract_id} for each in new]
    transaction.tables.insert_all(extract_person, rows)


def open_rows(
    transaction: Transaction, extract_id: ExtractId, page: int, user_id: UserId
) -> ExtractPage:
    """The rows of a page, the first one being 1, in the order of pseudonyms; with an entry.

    Whoever may be in it no longer is taken out for good, and where fewer are left than the policy's
    smallest group it ends without a row. ExtractError where it is not open.
    """
    its = begin_reading(transaction, extract_id, user_id)
    key = _key(transaction, its)
    names = sorted((_pseudonym(key, each), each) for each in people_of(transaction.tables, its))
    pages = max(len(names) // PAGE, 1)  # the last page has the rest too: none is of a few people
    first = (min(max(page, 1), pages) - 1) * PAGE
    of_page = names[first:] if page >= pages else names[first : first + PAGE]
    read = read_cells(transaction, its, [each for _, each in of_page])
    rows = [
        (name, [", ".join(each) for each in read[person_id]])
        for name, person_id in of_page
        if person_id in read
    ]
    if len(names) - len(of_page) + len(rows) < least(transaction.policy):
        end(transaction, extract_id, TOO_FEW)
        return ExtractPage([], 1)
    return ExtractPage(rows, pages)


def read_cells(
    transaction: Transaction, its: Extract, people: Sequence[PersonId]
) -> dict[PersonId, list[list[str]]]:
    """What the rows of some people of an extract say, by the policy's decision on each of them.

    Whoever may be in it no longer is taken out for good.
    """
    today = transaction.clock.today()
    # By their ids, since an entry must not name its people in the order of their pseudonyms; none
    # who is being erased is waited for.
    there = transaction.lock_present(sorted(people))
    erased = transaction.erased_among(there)
    present = [each for each in there if each not in erased]
    outcomes = transaction.sweep(using(its), present) if present else {}
    result = {}
    for person_id in people:
        outcome = outcomes.get(person_id)
        if outcome is None or isinstance(outcome, Refused):
            where = "person_id = ? AND extract_id = ?"
            transaction.tables.delete(extract_person, where, person_id, its.extract_id)
            continue
        values = {word: value.value for word, value in outcome.values.items()}
        series = {each: [v.value for v in outcome.series(each)] for each in its.wish.fields}
        wish = its.wish
        result[person_id] = cells(wish.columns, wish.month_words, values, series, today)
    return result


def require_open(transaction: Transaction, extract_id: ExtractId) -> Extract:
    """An extract whose rows may be read now. ExtractError where it is not open."""
    its = require(transaction.tables, extract_id)
    if not its.is_open(transaction.clock.now()):
        raise _error("this extract is not open", "look at its page")
    return its


def begin_reading(transaction: Transaction, extract_id: ExtractId, user_id: UserId) -> Extract:
    """Enter that somebody opens an extract. ExtractError where it is not open."""
    its = require_open(transaction, extract_id)
    _note(transaction, OPENED, extract_id, its.wish, user_id)
    return its


def using(its: Extract) -> Act:
    """The act of using what the rows say of somebody."""
    return Act(
        action="use", data=its.wish.fields, purpose=its.wish.purpose, reference=its.extract_id
    )


def size(tables: Tables, its: Extract) -> int:
    """How many people are in an extract."""
    return len(people_of(tables, its))


def go_on(gate: Gate) -> int:
    """End the extracts whose term is over, and gather for those that were cut off; how many."""
    with gate.together() as transaction:
        now, live = transaction.clock.now(), []
        for its in every(transaction.tables):
            if its.state in (GATHERING, OPEN) and its.ends_at and its.ends_at <= now:
                end(transaction, its.extract_id, OVER)
                live.append(its)
        waiting = [each for each in every(transaction.tables) if each.state == GATHERING]
    for its in waiting:
        gather(gate, its.extract_id)
    return len(live) + len(waiting)


def every(tables: Tables) -> list[Extract]:
    """All extracts, the latest first."""
    rows = tables.select(extract, "ORDER BY asked_at DESC, extract_id")
    return [_from_row(each) for each in rows]


def find(tables: Tables, extract_id: ExtractId) -> Extract | None:
    """The extract with an id; None where there is none."""
    row = tables.get(extract, "extract_id = ?", extract_id)
    return None if row is None else _from_row(row)


def require(tables: Tables, extract_id: ExtractId) -> Extract:
    """The extract with an id. ExtractError where there is none."""
    its = find(tables, extract_id)
    if its is None:
        raise _error("there is no such extract", "look at the list")
    return its


def people_of(tables: Tables, its: Extract) -> list[PersonId]:
    """Who is in an extract."""
    rows = tables.select_unchecked(extract_person, ["person_id"], "extract_id = ?", its.extract_id)
    return [PersonId(each) for (each,) in rows]


def least(policy: Policy) -> int:
    """Of how many people an extract is at least."""
    return smallest_group(policy) or LEAST


def _key(transaction: Transaction, its: Extract) -> bytes:
    sealer = transaction.sealer("extracts")
    return sealer.unseal(its.key, its.extract_id, what="the key of an extract")


def _pseudonym(key: bytes, person_id: PersonId) -> str:
    """What an extract calls somebody: no other one calls them so."""
    return hmac.digest(key, person_id.encode(), "sha256").hex()[:PSEUDONYM_DIGITS]


def _is_drawn(key: bytes, person_id: PersonId, one_in: int) -> bool:
    """Whether somebody is drawn: by chance, of which the key alone knows."""
    digest = hmac.digest(key, b"draw" + person_id.encode(), "sha256")
    return int.from_bytes(digest[:8], "big") % one_in == 0


def _note(
    transaction: Transaction, kind: str, extract_id: ExtractId, wish: ExtractWish, user_id: UserId
) -> None:
    actor = f"staff {user_id}" if user_id else ""
    transaction.note(None, kind, id=extract_id, purpose=wish.purpose, data=wish.fields, actor=actor)


def _from_row(row: Any) -> Extract:
    wish = ExtractWish(
        row.purpose,
        tuple(row.columns.split()),
        row.month,
        row.months,
        row.one_in,
        row.days,
        row.reason,
    )
    return Extract(
        ExtractId(row.extract_id),
        wish,
        row.state,
        row.why,
        to_datetime(row.asked_at),
        UserId(row.asked_by),
        UserId(row.decided_by),
        None if row.ends_at is None else to_datetime(row.ends_at),
        row.key,
    )


def _error(sentence: str, hint: str) -> ExtractError:
    return ExtractError(sentence, code="extract", hint=hint)
