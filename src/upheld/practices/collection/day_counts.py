"""What was looked at on a day, counted at the desk: pages, hours, networks, and no visit by itself.

Goes in: a day. Comes out: counts, as an act of use for improving our services, with an entry. Of
visits that are tied to customers only those count whose customers the policy lets us use for it
now; whoever has visits on that day and is counted has the entry, too. A day's blocks are opened
while no transaction waits, its tokens first, to see whose visits there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, NamedTuple

from upheld.core.clock import BEGINNING, Clock
from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, ActResult
from upheld.gate.gate import Gate
from upheld.gate.public import SealError
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practices.collection.blocks import COOKIE, NETWORK, PAGE, DayKeys
from upheld.practices.collection.intake import QUARTER
from upheld.practices.collection.rewriting import whole_keys
from upheld.practices.collection.tables import COUNTED as COUNTED_BLOCKS
from upheld.practices.collection.tables import visit_block
from upheld.practices.collection.ties import open_ties

COUNTED: Final = "visit-count"  # the kind of the entry
FOR: Final = "service-improvement"
FEW: Final = 10  # browsers, or visits of none known; networks with fewer are counted together
TOGETHER: Final = 500  # people who are asked about at once

OBJECTED: Final = {"objected": False}  # of nobody known: an objection is a record of somebody


class DayCounts(NamedTuple):
    """Counts of a day's visits by page, by hour and by network, the most first."""

    visits: int
    left_out: int  # of customers whose visits may not be used for it
    pages: list[tuple[str, int]]
    hours: list[int]  # of the provider's day, from midnight on
    networks: list[tuple[str, int]]
    scattered: int  # visits from networks with few
    without_network: int
    damaged: bool = False  # whether some of what is kept cannot be read, and is in no count


class SealedDay(NamedTuple):
    """A day's blocks, still sealed, and whose cookies are tied to whom."""

    day: str
    rows: list[Any]
    salts: dict[str, bytes]
    fields: tuple[str, ...]  # that may be used
    decision: Decision
    ties: list[tuple[bytes, PersonId]]
    damaged: bool = False  # whether there are blocks that are not as they were written


def use_of(fields: Sequence[str]) -> Act:
    """Counting visits."""
    return Act(action="use", data=tuple(fields), purpose=FOR)


def seal_of_day(transaction: Transaction, day: str) -> SealedDay:
    """The blocks of a day; none where the policy lets us use no page of anybody's for it."""
    decide = transaction.arrivals.decide
    fields = tuple(each for each in (PAGE, NETWORK) if decide(use_of([each]), OBJECTED).allowed)
    decision = decide(use_of(fields or (PAGE, NETWORK)), OBJECTED)
    if PAGE not in fields:
        return SealedDay(day, [], {}, (), decision, [])
    tables = transaction.tables
    ties = [(cookie, row.person_id) for row, cookie in open_ties(transaction, "untied IS NULL")]
    rows, lost = tables.select_authentic(visit_block, f"{COUNTED_BLOCKS} AND day = ?", day)
    salts = whole_keys(transaction, tables, [day]).salts
    damaged = lost > 0 or (bool(rows) and not salts)
    return SealedDay(day, rows if salts else [], salts, fields, decision, ties, damaged)


def whose(gate: Gate, its: SealedDay) -> dict[PersonId, set[bytes]]:
    """Whose visits there are on a day, as far as they are known, with the tokens of each."""
    keys, people = DayKeys(gate, its.salts), dict[PersonId, set[bytes]]()
    rows = [row for row in its.rows if COOKIE in row.fields.split()] if its.ties else []
    there = set[bytes]()
    for row in rows:
        with suppress(SealError):  # `count` says so
            there |= {*keys.tokens_in(row)}
    for cookie, person_id in its.ties if there else ():
        if (token := keys.token(its.day, cookie)) in there:
            people.setdefault(person_id, set()).add(token)
    return people


def enter(
    transaction: Transaction, its: SealedDay, people: dict[PersonId, set[bytes]], actor: str
) -> set[bytes]:
    """Enter that a day is counted; the tokens of those whose visits do not count.

    A cookie that is tied to several counts where all of them let it.
    """
    act, others = use_of(its.fields), set(people)
    present = transaction.lock_present(sorted(people))
    for first in range(0, len(present), TOGETHER):
        some = present[first : first + TOGETHER]
        outcomes = transaction.sweep(act, some, only_if=act)
        others -= {each for each, its in outcomes.items() if isinstance(its, ActResult)}
    transaction.note(
        None,
        COUNTED,
        actor=actor,
        action="use",
        data=its.fields,
        purpose=FOR,
        clauses=its.decision.clauses,
        outcome="allow",
        id=its.day,
    )
    return {token for each in others for token in people[each]}


def count(gate: Gate, its: SealedDay, besides: set[bytes]) -> DayCounts:
    """Count the visits of a day but those that came with some tokens.

    What is damaged is in no count.
    """
    keys, networks_count = DayKeys(gate, its.salts), NETWORK in its.fields
    pages, quarters, networks = Counter[str](), Counter[int](), Counter[str]()
    damaged = its.damaged
    left_out, browsers, unknown = 0, set[tuple[str, bytes]](), Counter[str]()
    for row in its.rows:
        try:
            columns = keys.columns(row)
        except SealError:
            damaged = True
            continue
        if besides and not besides.isdisjoint(columns.tokens):
            before = len(columns.times)
            columns = columns.without(besides)
            left_out += before - len(columns.times)
        quarters.update([at // QUARTER for at in columns.times])
        _add(pages, columns.routes, columns.route_of)
        if networks_count:
            _add(networks, columns.networks, columns.network_of)
            pairs = Counter(zip(columns.network_of, columns.token_of, strict=True))
            for (at, of), times in pairs.items():
                if columns.tokens[of]:
                    browsers.add((columns.networks[at], columns.tokens[of]))
                else:
                    unknown[columns.networks[at]] += times
    without_network = networks.pop("", 0)
    who = unknown + Counter(network for network, _ in browsers)
    many = [(each, times) for each, times in networks.most_common() if who[each] >= FEW]
    return DayCounts(
        sum(pages.values()),
        left_out,
        pages.most_common(),
        _hours(gate.clock, quarters),
        many,
        sum(networks.values()) - sum(times for _, times in many),
        without_network,
        damaged,
    )


def _add(counts: Counter[str], values: list[str], value_of: list[int]) -> None:
    for value, times in Counter(value_of).items():
        counts[values[value]] += times


def _hours(clock: Clock, quarters: Counter[int]) -> list[int]:
    hours = [0] * 24
    for quarter, times in quarters.items():
        moment = BEGINNING + timedelta(seconds=quarter * QUARTER)
        hours[clock.local(moment).hour] += times
    return hours
