"""Taking visits in: asked of the policy once for each kind of visit, reduced, sealed, and entered.

What the policy does not let in is written nowhere. Visits are packed before the transaction that
writes them, so that nobody waits for that; where the policy or a day's key changed meanwhile, it is
done again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from upheld.core.clock import BEGINNING
from upheld.gate.act.arrivals import ArrivalBatch, ArrivalQuestions
from upheld.gate.act.request import Act
from upheld.gate.evidence.trusted_time import trusted_time
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice.kept_days import first_day
from upheld.practices.collection import blocks
from upheld.practices.collection.blocks import (
    COOKIE,
    NETWORK,
    PAGE,
    DayKeys,
    PageVisit,
    SealedBlock,
    days_of,
    digest_of,
    seal_day,
)
from upheld.practices.collection.log_lines import LogLine
from upheld.practices.collection.reduction import network_of, route_of
from upheld.practices.collection.tellers import OWN, FindTeller, Teller, own

ORIGINS: Final = {PAGE: PAGE, NETWORK: "ip-address", COOKIE: COOKIE}  # what is kept, to out of what
SIGNAL: Final = "privacy-signal"
READ_COOKIE: Final = Act(action="read-cookie", occasion=OWN.occasion)
TARGETING: Final = Act(action="use", data=(COOKIE,), purpose="advertising")
AHEAD: Final = timedelta(minutes=5)  # that the clock of another machine may be ahead of ours
QUARTER: Final = 900  # seconds: zones differ by whole ones
NOBODY_TELLS: Final = "from a page that may not tell us"
FUTURE, TOO_OLD = "in the future", "older than we may keep"
NOT_LET_IN: Final = "no clause lets us keep it"


class VisitRules(NamedTuple):
    """What the policy lets in of a visit of one kind, by which decisions, and since which day."""

    fields: tuple[str, ...]
    decisions: tuple[Decision, Decision]
    oldest: str  # the first day of which anything may be kept

    @property
    def clauses(self) -> tuple[str, ...]:
        """The clauses by which it is let in."""
        return tuple(dict.fromkeys(each for one in self.decisions for each in one.clauses))


class IntakeResult(NamedTuple):
    """How many visits were kept, by which clauses, and how many lines were left out, and why."""

    visits: int
    clauses: tuple[str, ...]
    left_out: Counter[str]
    advanced: bool  # whether the policy lets anything of visits in, so that `also` was done


class _Group(NamedTuple):
    """Visits under the same rules, by their day."""

    rules: VisitRules
    days: dict[str, list[PageVisit]]


def reads_cookie(arrivals: ArrivalQuestions) -> bool:
    """Whether the policy in force lets us read our own cookie where a browser sends it to us."""
    return arrivals.decide(READ_COOKIE).allowed


def rules_of(arrivals: ArrivalQuestions, *, signal: bool, teller: Teller = OWN) -> VisitRules:
    """What the policy in force lets us keep of a visit, with a privacy signal or without."""
    signals = {SIGNAL: True} if signal else {}
    facts = {**teller.facts, **signals}
    kinds = dict(ORIGINS)
    if not arrivals.decide(READ_COOKIE, signals).allowed or (signal and _signal_unlinks(arrivals)):
        del kinds[COOKIE]
    fields, collect, store = arrivals.letting_in(
        kinds, source=teller.source, occasion=teller.occasion, facts=facts
    )
    if PAGE not in fields:
        fields = ()
    return VisitRules(fields, (collect, store), first_day(arrivals.clock, store))


def _signal_unlinks(arrivals: ArrivalQuestions) -> bool:
    """Whether the signal forbids what could be done with a cookie: then the visit has none.

    A visit that is kept does not say whether it came with a signal, so that nothing could withhold
    it later.
    """
    decide = arrivals.decide
    return decide(TARGETING, {SIGNAL: True}).outcome == "deny" != decide(TARGETING).outcome


class Intake:
    """Takes visits in at a gate."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._days: dict[int, str] = {}  # by the quarter of an hour

    def keep(
        self,
        lines: Iterable[LogLine],
        also: Callable[[Transaction], None] | None = None,
        find_teller: FindTeller = own,
    ) -> IntakeResult:
        """Keep what the policy lets in of some visits; `also` is done in the same transaction.

        It is not where the policy lets in nothing of any visit, or nobody may tell us of them.
        Either all of it is durable when this returns, or nothing of it is. ClockError while the
        clock is in doubt: by it, a line is too old or in the future, and would be passed over.
        """
        trusted_time(self.gate)
        lines = list(lines)
        while True:
            with self.gate.together() as transaction:
                policy, teller = transaction.policy.digest, find_teller(transaction)
                if teller is None:
                    return IntakeResult(0, (), Counter({NOBODY_TELLS: len(lines)}), False)
                rules = {
                    signal: rules_of(transaction.arrivals, signal=signal, teller=teller)
                    for signal in (False, True)
                }
                groups, left_out = self._grouped(lines, rules, teller.host)
                days = {day for group in groups for day in group.days}
                salts = days_of(transaction.tables, sorted(days), make=True)
            keys = DayKeys(self.gate, salts)
            for group in groups:
                _put_tokens(keys, group)
            pairs = [
                (group, [seal_day(keys, day, visits) for day, visits in group.days.items()])
                for group in groups
            ]
            with self.gate.together() as transaction:
                if (transaction.policy.digest, find_teller(transaction)) != (policy, teller):
                    continue
                if days_of(transaction.tables, sorted(days)) != salts:
                    continue
                lets_in = any(each.fields for each in rules.values())
                if also is not None and lets_in:
                    also(transaction)
                for group, some in pairs:
                    _write(transaction, teller, group, some)
            clauses = dict.fromkeys(each for group in groups for each in group.rules.clauses)
            count = sum(each.visits for _, some in pairs for each in some)
            return IntakeResult(count, tuple(clauses), left_out, lets_in)

    def _grouped(
        self, lines: Sequence[LogLine], rules: dict[bool, VisitRules], host: str
    ) -> tuple[list[_Group], Counter[str]]:
        """What is kept of some visits, reduced but for their cookies, and what is left out."""
        latest = int((self.gate.clock.now() + AHEAD - BEGINNING).total_seconds())
        left_out: Counter[str] = Counter()
        groups: list[_Group] = []
        for signal, mine in rules.items():
            group = _Group(mine, {})
            network, cookie = NETWORK in mine.fields, COOKIE in mine.fields
            some = [each for each in lines if each.signal is signal]
            if not mine.fields:
                left_out[NOT_LET_IN] += len(some)
                continue
            for at, address, target, value, _ in some:
                if at > latest:
                    left_out[FUTURE] += 1
                    continue
                day = self._day(at)
                if day < mine.oldest:
                    left_out[TOO_OLD] += 1
                    continue
                visit = PageVisit(
                    at,
                    host + route_of(target),
                    network_of(address) if network else "",
                    value if cookie else b"",
                )
                try:
                    group.days[day].append(visit)
                except KeyError:
                    group.days[day] = [visit]
            if group.days:
                groups.append(group)
        return groups, +left_out

    def _day(self, at: int) -> str:
        """The day of a moment in the provider's zone."""
        quarter = at // QUARTER
        day = self._days.get(quarter)
        if day is None:
            moment = BEGINNING + timedelta(seconds=quarter * QUARTER)
            day = self._days[quarter] = self.gate.clock.day_of(moment).isoformat()
        return day


def _put_tokens(keys: DayKeys, group: _Group) -> None:
    """Let the token of its day stand for each cookie."""
    for day, visits in group.days.items():
        cookies = {each.token for each in visits if each.token}
        tokens = {each: keys.token(day, each) for each in cookies}
        if tokens:
            tokens[b""] = b""
            group.days[day] = [each._replace(token=tokens[each.token]) for each in visits]


def _write(
    transaction: Transaction, teller: Teller, group: _Group, some: Sequence[SealedBlock]
) -> None:
    """Write the blocks of a group, and the entry that tells of them."""
    every = [visit for visits in group.days.values() for visit in visits]
    there = {
        PAGE: True,
        NETWORK: any(each.network for each in every),
        COOKIE: any(each.token for each in every),
    }
    fields = tuple(each for each in group.rules.fields if there[each])
    blocks.write(
        transaction.tables,
        some,
        source=teller.stands_as,
        fields=fields,
        clauses=group.rules.clauses,
    )
    first, last = min(each.at for each in every), max(each.at for each in every)
    transaction.arrivals.enter(
        Act(
            action="collect",
            data=tuple(ORIGINS[each] for each in fields),
            source=teller.source,
            occasion=teller.occasion,
            party=teller.party,
        ),
        group.rules.decisions,
        ArrivalBatch(
            len(every),
            BEGINNING + timedelta(seconds=first),
            BEGINNING + timedelta(seconds=last),
            digest_of(some),
        ),
    )
