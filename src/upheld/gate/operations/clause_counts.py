"""How often each clause decided, and what was disclosed, by month: counted as the log grows.

A job reads the entries after the last one that it counted, some at a time. What they add, and how
far it came, is kept in one transaction, so that nothing counts twice or not at all, however often a
process is killed. No page and no request ever reads the log for it.

Only what decides is counted: acts, refusals, what was taken over, what a clause had us delete. An
entry that completes another is of the same decision. Legal process is never counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection, Table

from upheld.core.errors import UpheldError
from upheld.core.ids import EntryNumber
from upheld.database import rows as database
from upheld.database.tables import microseconds
from upheld.database.transaction import reading, writing
from upheld.gate.act.replay import act_of
from upheld.gate.act.request import planned
from upheld.gate.log import entries
from upheld.gate.log.entries import StoredEntry
from upheld.gate.log.silence import ORDERS, Silence
from upheld.gate.tables import clause_count, counted, disclosure_count
from upheld.ledger.entries import Entry
from upheld.policy.load import Policy
from upheld.policy.words import Words

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

NAME: Final = "clause-counts"
PAGE: Final = 1_000  # entries in one transaction
PAGES: Final = 50  # of a run
DECIDING: Final = frozenset(
    {"act", "arrival", "refusal", "import", "retention"}
)  # kinds of entries
NEAR: Final = frozenset({"provider", "staff", "customer", "browser"})  # parties who receive nothing
TOPS: Final = 3  # with fewer words at the top of the data, categories are those below


class CountedUpTo(NamedTuple):
    """How far the log is counted: the last number, and the time of the first entry."""

    number: EntryNumber
    since: int


class Sums(NamedTuple):
    """What some entries add."""

    decided: Counter[tuple[str, str]]  # by month and clause
    refused: Counter[tuple[str, str]]
    last: dict[tuple[str, str], str]  # the last day of each
    disclosed: Counter[tuple[str, str, str]]  # by month, category of information, recipient


def count(gate: Gate) -> int:
    """Count what was written since the last look; how many entries."""
    done = 0
    for _ in range(PAGES):
        page = _count_page(gate)
        done += page
        if page < PAGE:
            break
    return done


def _count_page(gate: Gate) -> int:
    with reading(gate.engine) as connection:
        place = place_of(connection)
        first = place.number if place else EntryNumber(0)
        some, last = entries.after_number(connection, first, PAGE)
        if last == first:
            return 0
        totals = sums(gate, some, Silence(connection, some, _Asking(gate.policy)))
    since = microseconds(some[0].at) if some else microseconds(gate.clock.now())
    with writing(gate.engine) as connection:
        if place_of(connection) != place:  # somebody else has counted them
            return 0
        _add(connection, totals)
        if place is None:
            database.insert(connection, counted, name=NAME, number=last, since=since)
        else:
            database.update(connection, counted, {"number": last}, "name = ?", NAME)
    return last - first


def place_of(connection: Connection) -> CountedUpTo | None:
    """How far the log is counted; None where nothing is."""
    row = database.get(connection, counted, "name = ?", NAME)
    return CountedUpTo(EntryNumber(row.number), int(row.since)) if row else None


class _Asking:
    """Whether the question of an entry is one that an order may have answered."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._answers: dict[Any, bool] = {}

    def __call__(self, entry: Entry) -> bool:
        act = act_of(entry)
        if act not in self._answers:
            self._answers[act] = self._asks(entry)
        return self._answers[act]

    def _asks(self, entry: Entry) -> bool:
        facts = self._policy.program.vocabulary.facts
        try:
            return any(
                facts[name].proof in ORDERS for name in planned(self._policy, act_of(entry)).values
            )
        except UpheldError:  # of words that the policy no longer has: nobody can tell
            return True


def sums(gate: Gate, some: Sequence[StoredEntry], silence: Silence) -> Sums:
    """What some entries add."""
    totals = Sums(Counter(), Counter(), {}, Counter())
    categories = Categories(gate.policy)
    for each in some:
        entry = each.entry
        if entry.kind not in DECIDING or entry.after:
            continue
        times = silence.count(each)
        if not times:
            continue
        day = gate.clock.day_of(each.at)
        month = month_of(day)
        for clause in dict.fromkeys(entry.clauses):
            totals.decided[month, clause] += times
            totals.last[month, clause] = max(totals.last.get((month, clause), ""), day.isoformat())
            if entry.kind == "refusal":
                totals.refused[month, clause] += times
        for information, recipient in categories.disclosed(entry):
            totals.disclosed[month, information, recipient] += times
    return totals


class Categories:
    """By which words of a policy what was disclosed is told."""

    def __init__(self, policy: Policy) -> None:
        words = Words(policy.program)
        children, terms = words.children["data"], policy.program.vocabulary.tree("data")
        tops = children.get("", [])
        below = [name for top in tops for name in children.get(top) or [top]]
        self._named = frozenset(below if len(tops) < TOPS else tops)
        self._above = {name: term.parent for name, term in terms.items()}

    def of(self, word: str) -> str:
        """The category of a kind of information; the word itself where the policy lacks it."""
        node = word
        while node and node not in self._named:
            node = self._above.get(node, "")
        return node or word

    def disclosed(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """What an entry says was disclosed: each category, and who received it.

        Whoever looks receives what is shown, unless it is us or the one whom it is about.
        """
        if entry.kind != "act" or entry.outcome != "allow":
            return
        recipient = (entry.recipient or entry.actor).split(" ")[0]
        if not recipient or recipient in NEAR:
            return
        for category in dict.fromkeys(map(self.of, entry.data)):
            yield category, recipient


def _add(connection: Connection, totals: Sums) -> None:
    for month in sorted({month for month, _ in totals.decided}):
        mine = {clause: each for (at, clause), each in totals.decided.items() if at == month}

        def raised(key: tuple[str, ...], row: Any, month: str = month) -> dict[str, Any]:
            at = (month, key[0])
            return {
                "decided": (row.decided if row else 0) + totals.decided[at],
                "refused": (row.refused if row else 0) + totals.refused[at],
                "last": max(row.last if row else "", totals.last[at]),
            }

        _raise(connection, clause_count, month, {(clause,): raised for clause in mine})
    for month in sorted({month for month, *_ in totals.disclosed}):
        keys = [(each[1], each[2]) for each in totals.disclosed if each[0] == month]

        def more(key: tuple[str, ...], row: Any, month: str = month) -> dict[str, Any]:
            return {"times": (row.times if row else 0) + totals.disclosed[month, key[0], key[1]]}

        _raise(connection, disclosure_count, month, dict.fromkeys(keys, more))


def _raise(
    connection: Connection, table: Table, month: str, changes: Mapping[tuple[str, ...], Any]
) -> None:
    """Change the rows of a month by their keys, or write them."""
    names = [str(column.name) for column in table.primary_key][1:]
    rows = {
        tuple(getattr(row, name) for name in names): row
        for row in database.select(connection, table, "month = ?", month)
    }
    old, new = [], []
    for key, change in changes.items():
        row = rows.get(key)
        if row is None:
            new.append({"month": month, **dict(zip(names, key, strict=True)), **change(key, None)})
        else:
            old.append((row, row._replace(**change(key, row))))
    database.rewrite(connection, table, old)
    database.insert_all(connection, table, new)


def month_of(day: date | datetime) -> str:
    """A month as it is kept: 2026-03."""
    return f"{day.year:04}-{day.month:02}"


def month_before(month: str, by: int = 1) -> str:
    """The month so many before another."""
    year, number = map(int, month.split("-"))
    year, number = divmod(year * 12 + number - 1 - by, 12)
    return f"{year:04}-{number + 1:02}"
