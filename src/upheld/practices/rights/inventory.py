"""What is held about a person: each kind of data with its origin, its clause, and how long.

To look is an act of the customer's own: without the clause that allows it nothing is shown. Values
come out only where they were asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, TypeVar

from upheld.core import observing
from upheld.core.company_names import company_name
from upheld.core.ids import PersonId
from upheld.gate.act.request import ActResult, Refused
from upheld.gate.erasure.must_keep import storable
from upheld.gate.evidence import field_values
from upheld.gate.log import entries
from upheld.gate.public import Value
from upheld.gate.transaction import Transaction
from upheld.policy.english import amount_of
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.policy.retelling import past_occasion
from upheld.practice.plugin import Provider
from upheld.practice.unreadable import UnreadableValueError
from upheld.practice.value_view import ValueView, view_values
from upheld.practices.rights import requests
from upheld.practices.rights.public_values import sources
from upheld.practices.rights.sentences import CitedClause, clauses, label
from upheld.web.pages import format_day, money

T = TypeVar("T")
SECRET: Final = "credentials"  # noqa: S105 - the word for passwords, and none
MONTHS_MAX: Final = 240
UNITS: Final = {"hours", "days", "months", "years"}


class SeriesTable(NamedTuple):
    """The rows of a series, as a table."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


class InventoryItem(NamedTuple):
    """One kind of data that is held: values stay in `rows`, for whoever shows them."""

    field: str
    name: str
    group: str
    shape: str  # value, series, derived
    rows: tuple[Value, ...]
    origin: str
    intake_clauses: list[CitedClause]
    retention: str
    retention_clauses: list[CitedClause]
    view: ValueView  # the rows as people read them
    licences: tuple[int, ...] = ()  # the numbers of those under which it came

    @property
    def series(self) -> bool:
        """Whether it is rows with dates rather than one value."""
        return self.shape == "series" or (
            self.shape == "derived" and self.rows[-1].value.startswith("[")
        )

    @property
    def value(self) -> str:
        """The value, the latest of a series; of passwords only what they are for."""
        return display_value(self.field, self.rows[-1].value)

    @property
    def table(self) -> SeriesTable:
        """The rows of a series, or those that a derived field lists."""
        if self.shape == "series":
            return to_table([each.value for each in self.rows])
        return to_table([json.dumps(each) for each in json.loads(self.rows[-1].value)])

    def __repr__(self) -> str:
        return f"InventoryItem({self.field!r}, {len(self.rows)} rows)"


async def with_derived(provider: Provider, work: Callable[[Transaction, bool], T]) -> T | Refused:
    """Do `work` with derived fields; without them if a value that they need cannot be read.

    The value that cannot be read is then shown as it is stored.
    """
    try:
        return await provider.attempt(lambda transaction: work(transaction, True))
    except UnreadableValueError:
        return await provider.attempt(lambda transaction: work(transaction, False))


def field_shapes(
    transaction: Transaction, person_id: PersonId, *, derived: bool = True
) -> dict[str, str]:
    """The fields of which something is held, in the order of the vocabulary, and their shapes."""
    shapes = transaction.held_fields(person_id)
    return {
        f: shapes[f]
        for f in transaction.policy.engine.compiled.leaves["data"].bit
        if f in shapes and (derived or shapes[f] != "derived")
    }


def describe_fields(
    transaction: Transaction, person_id: PersonId, shapes: Mapping[str, str], result: ActResult
) -> list[InventoryItem]:
    """The fields that an act read, each with its origin, its clauses and how long it is kept."""
    policy = transaction.policy
    terms = policy.program.vocabulary.tree("data")
    zone = transaction.clock.local(transaction.clock.now()).tzinfo or UTC
    public, items = sources(transaction, person_id), []
    erasure = _erasure(transaction, person_id)
    mine = [f for f in result.values if result.series(f)[-1].origin.origin != "derived"]
    decisions = {} if erasure else transaction.may_store_each(person_id, mine)
    for field in result.values:
        rows = result.series(field)
        last = rows[-1]
        retention, retention_clauses = erasure or _retention(transaction, decisions, field, rows)
        ids = [each.strip() for each in last.origin.clause.split(",")]
        items.append(
            InventoryItem(
                field,
                label(policy, "data", field),
                label(policy, "data", terms[field].parent),
                shapes[field],
                rows,
                origin_of(policy, rows, _source(rows, *public.get(field, ("", 0)))),
                clauses(policy, ids),
                retention,
                retention_clauses,
                _view(policy, field, rows, zone),
                tuple(each.number for each in transaction.licences.of_value(last)),
            )
        )
    return items


def _view(policy: Policy, field: str, rows: Sequence[Value], zone: tzinfo) -> ValueView:
    if field == SECRET:
        return ValueView((display_value(field, rows[-1].value),))
    return view_values(field, [each.value for each in rows], partial(label, policy), zone)


def _source(rows: Sequence[Value], source: str, since: int) -> str:
    """By which source the latest of some values is public, by itself or a record since a time."""
    last = rows[-1]
    return last.origin.public_source or (source if last.stored_at <= since else "")


def origin_of(policy: Policy, rows: Sequence[Value], source: str = "") -> str:
    """Where some rows came from, when, and by which `source` they are public, in words."""
    origin = rows[-1].origin
    if origin.origin == "derived":
        return "We work it out from what we hold, each time we need it."
    trees = {
        "party": policy.program.vocabulary.tree("party"),
        "occasion": policy.program.vocabulary.tree("occasion"),
    }
    whence = (
        label(policy, "party", origin.origin)
        if origin.origin in trees["party"]
        else ("what we held before" if origin.origin == "import" else company_name(origin.origin))
    )
    when = (
        f" ({past_occasion(label(policy, 'occasion', origin.occasion))})"
        if (origin.occasion in trees["occasion"])
        else ""
    )
    days = format_day(rows[-1].at)
    if len(rows) > 1:
        days = f"{len(rows)} times, first {format_day(rows[0].at)}, last {days}"
    else:
        days = f"on {days}"
    public = f"; public by {source}" if source else ""
    return f"From {whence}{when} {days}{public}."


def _erasure(transaction: Transaction, person_id: PersonId) -> tuple[str, list[CitedClause]] | None:
    """Until when everything is kept where an erasure waits; None where none does."""
    waits = requests.erasure_of(transaction.tables, person_id)
    if waits is None:
        return None
    first = transaction.clock.day_of(waits.received + requests.ERASURE_WAITS)
    by = transaction.peek(person_id, requests.action(waits.kind)).clauses or ("erasure",)
    return (
        f"Erased from {format_day(first)} on, as you asked, unless our policy makes us keep it.",
        clauses(transaction.policy, list(by)),
    )


def _retention(
    transaction: Transaction, decisions: Mapping[str, Decision], field: str, rows: Sequence[Value]
) -> tuple[str, list[CitedClause]]:
    """Until when it is kept, by what the policy says of this person now; what is derived is not."""
    policy, decision = transaction.policy, decisions.get(field)
    if decision is None:
        return "", []
    if not decision.allowed:
        return "No clause lets us keep it any longer: it is to be deleted.", []
    ends = [
        (until, duty)
        for duty in decision.duties
        if duty.duty == "delete-after"
        and duty.unit in UNITS
        and (until := entries.after(transaction.clock.local(rows[0].at), duty.amount, duty.unit))
    ]
    if ends:
        until, duty = min(ends, key=lambda each: each[0])
        span = amount_of(str(duty.amount), duty.unit)
        who = [c for c in decision.clauses if _limits(policy, c)]
        if len(rows) > 1:
            return f"Each row is kept for {span}; the oldest until {format_day(until)}.", (
                clauses(policy, who)
            )
        return f"Kept for {span}, until {format_day(until)}.", clauses(policy, who)
    after = after_closing(policy, field, transaction.place)
    if after is None:
        return "No clause says until when it is kept.", []
    months, by = after
    start = "Kept while your account is open"
    return f"{start}, and no longer than {amount_of(str(months), 'months')} after.", clauses(
        policy, list(by)
    )


@observing.reading
def _limits(policy: Policy, clause: str) -> bool:
    nodes = policy.program.nodes
    return any(
        n.clause == clause and any(d.duty == "delete-after" for d in n.duties) for n in nodes
    )


@observing.reading
@lru_cache(maxsize=256)
def after_closing(
    policy: Policy, field: str, place: str = ""
) -> tuple[int, tuple[str, ...]] | None:
    """How many months after closing an account the policy lets a field be kept, and by what.

    `place` is where it lies, if that is said.
    """
    for months in range(MONTHS_MAX):
        facts = {"account-closed": True, "months-since-closure": months + 1}
        decision = storable(policy, field, facts, place)
        if decision.outcome == "error":
            return None
        if decision.outcome == "deny":
            return months, decision.clauses
    return None


def display_value(field: str, value: str) -> str:
    """A value as its person sees it; of passwords only what they are for, never one itself."""
    if field == "balance" and value.lstrip("-").isdecimal():
        return money(int(value))
    if field != SECRET:
        return field_values.display_value(field, value)
    by_use = _decode(value)
    if "value" in by_use:
        return "something that our programs cannot read"
    lines = [
        "the one that signs you in, as a hash that cannot be turned back"
        if what == "sign-in"
        else f"the one of {what}"
        for what in sorted(by_use)
    ]
    return ", ".join(lines)


def to_table(texts: Sequence[str]) -> SeriesTable:
    """Rows of JSON as a table: a column for each key, in the order in which they first appear."""
    rows = [_decode(each) for each in texts]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    names = tuple(_column_name(key) for key in keys)
    return SeriesTable(names, [tuple(_cell(key, row.get(key)) for key in keys) for row in rows])


def plain(value: str) -> Any:
    """A row of a series as plain JSON; one that is none, as text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _decode(text: str) -> dict[str, Any]:
    decoded = plain(text)
    return decoded if isinstance(decoded, dict) else {"value": text}


def _column_name(key: str) -> str:
    name = "amount" if key == "cents" else key.replace("_", " ").replace("-", " ")
    return name[:1].upper() + name[1:]


def _cell(key: str, value: Any) -> str:
    if value is None:
        return ""
    if key == "cents" and isinstance(value, int):
        return money(value)
    if isinstance(value, list):
        return "; ".join(_cell("", each) for each in value)
    if isinstance(value, dict):
        return " ".join(_cell(name, each) for name, each in value.items())
    return str(value)
