"""Taking a feed in: each line matched, decided, and combined with what is held of one customer.

A line is matched by the confirmed e-mail address of exactly one customer, or it is
dropped, unless it is like one (linking.py). What we hold from somewhere else is never overwritten.
A batch of lines and how far they reach are written together, so that a file whose reading was
stopped goes on where it was.
"""

from __future__ import annotations

import uuid
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from upheld.core.errors import UpheldError, nearest
from upheld.core.garbage import no_search
from upheld.core.ids import FeedId, PersonId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, placeholders, to_datetime
from upheld.gate.act.request import Refused
from upheld.gate.evidence.field_values import WRITTEN_BY_PROGRAM
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import parties
from upheld.practice.matching import KEYS, match_each
from upheld.practices.feeds.tables import feed, feed_value

SOURCE: Final = "business-partner"
OPEN, DONE, WITHDRAWING, WITHDRAWN = "open", "done", "withdrawing", "withdrawn"
STARTED, WITHDREW = "feed.start", "feed.withdraw"  # kinds of entries
UNMATCHED, NOTHING_NEW, REFUSED = "unmatched", "nothing_new", "refused"
UNREADABLE: Final = "unreadable"
LINKED, WAITING = "linked", "waiting"  # what came of a line that is like a customer
REASONS: Final = {
    UNMATCHED: "no customer, or several",
    NOTHING_NEW: "nothing that was not held",
    REFUSED: "the policy does not allow it",
    UNREADABLE: "no row, or a value that its kind cannot have",
}
"""Why nothing of a line was taken in."""
ERASED: Final = "no-person"
BATCH: Final = 1_000  # lines in one transaction
_TOGETHER: Final = 500  # people in one query
_TAKEN: Final = frozenset({"", LINKED})
# Who somebody is, and how old, is for them to say.
_IDENTITY: Final = frozenset({"name", "address", "birth-date", "age-range", *KEYS})


class FeedError(UpheldError):
    """A feed that is not there, or cannot be taken in or withdrawn."""


class Feed(NamedTuple):
    """A file of what a company knows; counts are of its lines, and of people."""

    feed_id: FeedId
    party: str
    digest: str
    state: str
    started: datetime
    started_by: UserId
    ended: datetime | None
    ended_by: UserId
    lines: int
    people: int
    unmatched: int
    nothing_new: int
    refused: int
    unreadable: int
    remain: int
    kind: str = ""
    linked: int = 0
    order: str = ""
    """In which its lines are taken in, if not in that of the file."""

    def plain(self) -> dict[str, object]:
        """What a program is told of it."""
        ended = None if self.ended is None else self.ended.isoformat()
        plain = {**self._asdict(), "started": self.started.isoformat(), "ended": ended}
        return {name: value for name, value in plain.items() if name != "order"}


class FeedLine(NamedTuple):
    """A line of a feed: its number in the file, and its values by kind of data.

    `keys` is by what it may be like a customer; nothing of that is taken in. A line that is no row
    has a word for its fault, and no values.
    """

    number: int
    values: Mapping[str, str]
    keys: Mapping[str, str] = {}
    fault: str = ""

    @property
    def whose(self) -> tuple[str, str]:
        """By what it is matched."""
        return self.values.get("email", ""), self.values.get("phone", "")


class LeftOut(NamedTuple):
    """A line of which nothing was taken in, and why: by its fault where it is no row."""

    number: int
    reason: str


class FileLine(Protocol):
    """A line of a file: its number there, by what it is matched, and why it is no row."""

    @property
    def number(self) -> int:
        """Its number in the file."""

    @property
    def whose(self) -> tuple[str, str]:
        """By what it is matched."""

    @property
    def fault(self) -> str:
        """Why it is no row; empty where it is one."""


LineT = TypeVar("LineT", bound=FileLine)


class LotSize(NamedTuple):
    """How many lines, of how many people, are taken in by one transaction at most."""

    lines: int
    people: int


# Why each of some lines was left out, or nothing; or LINKED or WAITING.
Tell = Callable[[Sequence[LeftOut]], None]
TakeLot = Callable[[Transaction, Feed, Sequence[LineT]], list[str]]


def feeds(tables: Tables) -> list[Feed]:
    """Every feed, the latest first."""
    return [_feed(each) for each in tables.select(feed, "lines >= 0 ORDER BY started DESC")]


def require(tables: Tables, feed_id: FeedId) -> Feed:
    """A feed by its id; FeedError where there is none."""
    row = tables.get(feed, "feed_id = ?", feed_id)
    if row is None:
        raise FeedError(
            "there is no such feed", code="no-feed", hint="`upheld feed list` tells their ids"
        )
    return _feed(row)


def require_columns(policy: Policy, columns: Sequence[str], likeness: Collection[str] = ()) -> None:
    """Refuse columns by which nobody is matched, or that no partner may tell us; FeedError.

    `likeness` is by what a line may be like a customer.
    """
    leaves = set(policy.engine.compiled.leaves["data"].bit) - WRITTEN_BY_PROGRAM.keys()
    if "email" not in columns and "name" not in {*columns} & {*likeness}:
        raise FeedError(
            "no column says whose a line is",
            code="feed-column",
            hint="name a column `email`; a `phone` beside it must agree",
        )
    allowed = leaves - _IDENTITY
    for each in columns:
        if each not in allowed and each not in KEYS and each not in likeness:
            near = nearest(each, sorted(allowed))
            raise FeedError(
                f"`{each}` is no kind of data that a partner tells us",
                code="feed-column",
                hint=f"`--map {each}={near or 'occupation'}` says what it is",
            )


def start(
    transaction: Transaction, party: str, digest: str, by: UserId, kind: str = "", order: str = ""
) -> Feed:
    """The feed of a file, new or begun before; FeedError unless the company is a partner now.

    And where the file was begun as one of another kind.

    What was begun goes on in its order; FeedError where that is neither `order` nor the file's.
    """
    tables = transaction.tables
    if (before := find_for(transaction, party, digest, kind)) is not None:
        return _in_order(tables, before, order)
    feed_id = FeedId(uuid.uuid4().hex)
    none = dict.fromkeys(("lines", "people", *REASONS, "remain"), 0)
    tables.insert(
        feed,
        feed_id=feed_id,
        party=party,
        digest=digest,
        state=OPEN,
        started=microseconds(transaction.clock.now()),
        started_by=by,
        ended=None,
        ended_by="",
        kind=kind or None,
        arrangement=order or None,
        **none,
    )
    transaction.note(None, STARTED, actor=f"staff {by}", source=f"{SOURCE} {party}", id=feed_id)
    return require(tables, feed_id)


def find_for(transaction: Transaction, party: str, digest: str, kind: str = "") -> Feed | None:
    """The feed of a file that was begun before, if it was; FeedError where it could not be now."""
    if party not in parties.in_role(transaction, SOURCE):
        raise FeedError(
            "the register does not have this company as a business partner now",
            code="feed-party",
            hint="`upheld party add NAME --role business-partner` puts it there",
        )
    row = transaction.tables.get(feed, "party = ? AND digest = ?", party, digest)
    if row is not None and (row.kind or "") != kind:
        raise FeedError(
            "this file was taken in as one of customers and not of what they bought"
            if kind
            else "this file was taken in as one of what customers bought",
            code="feed-kind",
            hint="`upheld feed list` has it; `upheld feed withdraw` takes it out again",
        )
    return None if row is None else _feed(row)


def _in_order(tables: Tables, its: Feed, order: str) -> Feed:
    if its.order in {"", order} or its.state != OPEN:
        return its
    if its.lines:
        raise FeedError(
            "the file was begun with other columns for `email` or `reference`",
            code="wrong-column",
            hint="name the same ones as before: it goes on where it was",
        )
    tables.update(feed, {"arrangement": order or None}, "feed_id = ?", its.feed_id)
    return its._replace(order=order)


def take(
    gate: Gate, its: Feed, lines: Iterable[FeedLine], tell: Tell | None = None
) -> Iterator[LeftOut]:
    """Take in the lines of a feed, each combined with what is held, as `take_lots` does."""
    return take_lots(gate, its, lines, combine_lines, tell)


def exhaust(omitted: Iterator[LeftOut]) -> None:
    """Take in all lines, where whoever is told of them has heard what was left out."""
    deque(omitted, maxlen=0)


def take_lots(
    gate: Gate,
    its: Feed,
    lines: Iterable[LineT],
    take_lot: TakeLot[LineT],
    tell: Tell | None = None,
    most: LotSize | None = None,
) -> Iterator[LeftOut]:
    """Take in the lines of a feed that were not yet; those of which nothing was, as it goes on.

    `take_lot` says what is done with lots of them; `tell` hears what was left out of each before it
    is committed. FeedError where the feed was withdrawn, or is
    taken in by somebody else meanwhile.
    """
    rest = islice(iter(lines), its.lines, None)
    place = its.lines
    for some in _lots(rest, most or LotSize(BATCH, BATCH)):
        with no_search(), gate.together() as transaction:
            transaction.lock(REGISTER)  # whoever decides of a line counts too
            now = _require_open(transaction.tables, its.feed_id, place)
            reasons = _take_whole(transaction, now, some, take_lot)
            place += len(some)
            add_up(transaction.tables, now, Counter(reasons), place)
            omitted = [
                LeftOut(line.number, line.fault or reason)
                for line, reason in zip(some, reasons, strict=True)
                if reason not in _TAKEN
            ]
            if tell is not None:
                tell(omitted)
        yield from omitted
    with gate.together() as transaction:
        _require_open(transaction.tables, its.feed_id, place)
        transaction.tables.update(feed, {"state": DONE}, "feed_id = ?", its.feed_id)


def _take_whole(
    transaction: Transaction, its: Feed, lines: Sequence[LineT], take_lot: TakeLot[LineT]
) -> list[str]:
    """Take in those of some lines that are rows; why nothing of each was, or nothing."""
    whole = [each for each in lines if not each.fault]
    if len(whole) == len(lines):
        return take_lot(transaction, its, lines)
    reasons = iter(take_lot(transaction, its, whole) if whole else [])
    return [UNREADABLE if each.fault else next(reasons) for each in lines]


def _lots(lines: Iterable[LineT], most: LotSize) -> Iterator[list[LineT]]:
    """Lines that are taken in together: nobody else writes meanwhile, so that it is soon done."""
    lot, people, rest = list[LineT](), set[tuple[str, str]](), iter(lines)
    while some := list(islice(rest, min(most.lines - len(lot), most.people - len(people)))):
        lot += some
        people.update([line.whose for line in some])
        if len(lot) == most.lines or len(people) == most.people:
            yield lot
            lot, people = [], set()
    if lot:
        yield lot


def _require_open(tables: Tables, feed_id: FeedId, place: int) -> Feed:
    its = require(tables, feed_id)
    if its.state not in {OPEN, DONE}:
        raise FeedError(
            f"this feed is {its.state}", code="feed-state", hint="a new file is a new feed"
        )
    if its.lines != place:
        raise taken_by_another()
    return its


def taken_by_another() -> FeedError:
    """The error where two take in one file at once."""
    return FeedError(
        "somebody else takes in the same file",
        code="feed-state",
        hint="start it again when that is done: it goes on where they stopped",
    )


def add_up(tables: Tables, its: Feed, counts: Mapping[str, int], lines: int) -> None:
    """Write how many lines were read, and what came of those that a feed did not count yet."""
    changes = {reason: getattr(its, reason) + counts.get(reason, 0) for reason in REASONS}
    linked = counts.get(LINKED, 0)
    changes |= {"lines": lines, "people": its.people + counts.get("", 0) + linked}
    if linked:
        changes["linked"] = its.linked + linked
    tables.update(feed, changes, "feed_id = ?", its.feed_id)


def combine_lines(transaction: Transaction, its: Feed, lines: Sequence[FeedLine]) -> list[str]:
    """Combine lines with what is held of their customers; why nothing of each was, or nothing.

    What comes of each is as if it had come alone, after those before it.
    """
    matches = match_each(transaction, [each.values for each in lines])
    reasons = [UNREADABLE if n in matches.unreadable else UNMATCHED for n in range(len(lines))]
    waiting: dict[PersonId, list[int]] = {}
    for number, person in enumerate(matches.people):
        if person is not None:
            waiting.setdefault(person, []).append(number)
    while waiting:  # of whom several lines are, they are one after the other
        some = {person: numbers.pop(0) for person, numbers in waiting.items()}
        offers = {person: lines[number].values for person, number in some.items()}
        for person, reason in combine_each(transaction, its, offers).items():
            reasons[some[person]] = reason
        waiting = {person: numbers for person, numbers in waiting.items() if numbers}
    return reasons


def combine(
    transaction: Transaction, its: Feed, person: PersonId, line_values: Mapping[str, str]
) -> str:
    """Combine what a line says with what is held of somebody; why nothing was, or nothing."""
    return combine_each(transaction, its, {person: line_values})[person]


def combine_each(
    transaction: Transaction, its: Feed, offers: Mapping[PersonId, Mapping[str, str]]
) -> dict[PersonId, str]:
    """Combine what lines say with what is held of some people, as `combine` does of one."""
    present = transaction.lock_present(list(offers))  # the others are being erased
    reasons = dict.fromkeys(offers, UNMATCHED) | dict.fromkeys(present, NOTHING_NEW)
    before = _values_before(transaction, present, its)
    news = news_of_each(transaction, {each: offers[each] for each in present}, before)
    news = {person: values for person, values in news.items() if values}
    rows: list[dict[str, Any]] = []
    pairs: list[tuple[Any, Any]] = []
    for person, combination in transaction.combine_each(
        news, source=SOURCE, party=its.party
    ).items():
        if combination.problem is not None:
            reasons[person] = UNREADABLE
        elif isinstance(combination.outcome, Refused):
            reasons[person] = REFUSED
        else:
            reasons[person] = ""
        for field, mark in combination.marks.items():
            if row := before[person].get(field):
                pairs.append((row, row._replace(feed_id=its.feed_id, mark=mark)))
            else:
                which = {"person_id": person, "party": its.party, "field": field}
                rows.append({**which, "feed_id": its.feed_id, "mark": mark})
    transaction.tables.rewrite(feed_value, pairs)
    transaction.tables.insert_all(feed_value, rows)
    return reasons


def _values_before(
    transaction: Transaction, people: Sequence[PersonId], its: Feed
) -> dict[PersonId, dict[str, Any]]:
    """The rows of what the company of a feed told of some people before, by field."""
    of_each: dict[PersonId, dict[str, Any]] = {each: {} for each in people}
    for first in range(0, len(people), _TOGETHER):
        some = people[first : first + _TOGETHER]
        where = f"person_id IN ({placeholders(some)})"
        for row in transaction.tables.select(feed_value, where, *some):
            if row.party == its.party:
                of_each[PersonId(row.person_id)][row.field] = row
    return of_each


def news_of(
    transaction: Transaction, person: PersonId, its: Feed, line_values: Mapping[str, str]
) -> dict[str, str]:
    """What a line tells of somebody that nobody but the same company told before.

    Nor what they had erased or changed of it: it is not put back.
    """
    before = _values_before(transaction, [person], its)
    return news_of_each(transaction, {person: line_values}, before)[person]


def news_of_each(
    transaction: Transaction,
    offers: Mapping[PersonId, Mapping[str, str]],
    before: Mapping[PersonId, Mapping[str, Any]],
) -> dict[PersonId, dict[str, str]]:
    """What `news_of` says of each of some people, by the rows of what was told before."""
    marks = transaction.held_marks_each(list(offers)) if offers else {}
    return {
        person: {
            field: value
            for field, value in line_values.items()
            if value
            and field not in KEYS
            and marks[person].get(field) == _mark(before[person], field)
        }
        for person, line_values in offers.items()
    }


def _mark(rows: Mapping[str, Any], field: str) -> str | None:
    row = rows.get(field)
    return None if row is None else row.mark


def _feed(row: Any) -> Feed:
    return Feed(
        FeedId(row.feed_id),
        row.party,
        row.digest,
        row.state,
        to_datetime(row.started),
        UserId(row.started_by),
        None if row.ended is None else to_datetime(row.ended),
        UserId(row.ended_by),
        *(getattr(row, name) for name in ("lines", "people", *REASONS, "remain")),
    )._replace(kind=row.kind or "", linked=row.linked or 0, order=row.arrangement or "")
