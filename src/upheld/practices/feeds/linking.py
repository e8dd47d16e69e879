"""Linking a feed: lines that name nobody by e-mail, with customers whom they are like.

Only an address that a customer has confirmed names them: anybody can enter another's phone number.

It is done where whoever takes the feed in wants it and the policy lets us combine names. What is
compared of each customer is read by an act of its own, `combine` with the partner, with its entry;
lines that are like nobody are dropped, as others are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, ActResult
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice.matching import KeyReader, confirmed_by
from upheld.practice.needs import can_ever
from upheld.practices.feeds import feeds, questions
from upheld.practices.feeds.feeds import Feed, FeedError, FeedLine, LeftOut, Tell
from upheld.practices.feeds.likeness import (
    KEYS,
    LOWEST,
    THRESHOLD,
    Identity,
    Pair,
    identity,
    settle,
)

BY_LIKENESS: Final = "feed.link"  # the kind of an entry
_TOGETHER: Final = 500  # customers read, or lines looked up, in one transaction
_LEAST: Final = 0.5  # less is no likeness: whoever is asked would mostly say no


class Thresholds(NamedTuple):
    """How probable it must be that two are the same to combine them, and to ask somebody."""

    certain: float = THRESHOLD
    lowest: float = LOWEST


def require_thresholds(limits: Thresholds) -> None:
    """FeedError unless they are in order, and none is too low."""
    if not _LEAST <= limits.lowest <= limits.certain <= 1:
        raise FeedError(
            "these are no thresholds",
            code="feed-link",
            hint=f"from {_LEAST} to 1, and what is certain no less than what is asked about",
        )


def require_allowed(policy: Policy) -> None:
    """FeedError where the policy lets nobody's name be combined with what a partner knows."""
    if not can_ever(policy, f"combine name from {feeds.SOURCE}"):
        raise FeedError(
            "the policy does not let names be combined with what a business partner knows",
            code="feed-link",
            hint=f"a clause such as `may combine {', '.join(KEYS)} from {feeds.SOURCE}` would",
        )


def keys_of(policy: Policy) -> tuple[str, ...]:
    """By what a line may be like a customer: what the policy lets us combine of anybody."""
    return tuple(each for each in KEYS if can_ever(policy, f"combine {each} from {feeds.SOURCE}"))


def take_linked(
    gate: Gate,
    its: Feed,
    lines: Sequence[FeedLine],
    limits: Thresholds,
    tell: Tell | None = None,
) -> Iterator[LeftOut]:
    """Take in the lines of a feed that were not yet, as `feeds.take`, those by likeness too."""
    links = {} if its.state != feeds.OPEN else plan(gate, its, lines, limits)
    return feeds.take_lots(gate, its, lines, partial(_take_lot, links, limits), tell)


def plan(gate: Gate, its: Feed, lines: Iterable[FeedLine], limits: Thresholds) -> dict[int, Pair]:
    """The lines that are like one customer, and name nobody, by their numbers; in memory alone."""
    from upheld.practices.feeds.linkage import compare  # noqa: PLC0415 - few installations have it

    theirs, named = _nobodys(gate, lines)
    if not theirs:
        return {}
    ours = _customers(gate, its.party)
    links = settle(compare(ours, theirs, min(limits.lowest, LOWEST)), theirs)
    return {
        line: each
        for line, each in links.items()
        if each.score >= limits.lowest and each.person_id not in named
    }


def _nobodys(gate: Gate, lines: Iterable[FeedLine]) -> tuple[dict[int, Identity], set[PersonId]]:
    """The lines that name nobody and say enough; and whom the others name."""
    theirs: dict[int, Identity] = {}
    named: set[PersonId] = set()
    rest, reader = iter(lines), KeyReader(gate.clock.today())
    while some := list(islice(rest, _TOGETHER)):
        emails = {
            each.number: email for each in some if (email := _email(reader, each)) is not None
        }
        with gate.consult() as transaction:
            people = confirmed_by(transaction, {*emails.values()} - {""})
        named.update(person for each in people.values() for person in each)
        for each in some:
            if each.number not in emails or people.get(emails[each.number]):
                continue
            if (who := identity(each.keys)) is not None:
                theirs[each.number] = who
    return theirs, named


def _email(reader: KeyReader, line: FeedLine) -> str | None:
    """The address of a line, empty where it has none; None where what it says is no address."""
    try:
        return reader.read(line.values)[0]
    except ValueError:
        return None


def _customers(gate: Gate, party: str) -> dict[PersonId, Identity]:
    """What lines are compared with, of each customer of whom the policy lets it be combined."""
    act = Act(action="combine", data=KEYS, source=feeds.SOURCE, party=party, partial=True)
    ours: dict[PersonId, Identity] = {}
    last = ""
    while True:
        with gate.together() as transaction:
            some = transaction.customers_after(last, _TOGETHER)
            # Whoever has not confirmed their address may not be who they say.
            unconfirmed = transaction.unconfirmed_among(some)
            whom = transaction.lock_present([each for each in some if each not in unconfirmed])
            outcomes = transaction.sweep(act, whom) if whom else {}
        if not some:
            return ours
        last = max(some)
        for person_id, outcome in outcomes.items():
            who = identity(_values(outcome)) if isinstance(outcome, ActResult) else None
            if who is not None:
                ours[person_id] = who


def _values(result: ActResult) -> Mapping[str, str]:
    return {field: each.value for field, each in result.values.items()}


def _take_lot(
    links: Mapping[int, Pair],
    limits: Thresholds,
    transaction: Transaction,
    its: Feed,
    lines: Sequence[FeedLine],
) -> list[str]:
    """What comes of lines: each is combined with whom it names or is like, or somebody is asked."""
    reasons = feeds.combine_lines(transaction, its, lines)
    for at, line in enumerate(lines):
        pair = links.get(line.number)
        if reasons[at] == feeds.UNMATCHED and pair is not None:
            reasons[at] = _take_by_likeness(transaction, its, line, pair, limits)
    return reasons


def _take_by_likeness(
    transaction: Transaction, its: Feed, line: FeedLine, pair: Pair, limits: Thresholds
) -> str:
    if questions.was_refused(transaction, its, pair.person_id, line.keys):
        return feeds.UNMATCHED
    if pair.score < limits.certain:
        return questions.ask(transaction, its, line, pair)
    reason = feeds.combine(transaction, its, pair.person_id, line.values)
    if reason:
        return reason
    transaction.note(
        pair.person_id,
        BY_LIKENESS,
        actor="provider",
        source=f"{feeds.SOURCE} {its.party}",
        id=its.feed_id,
    )
    return feeds.LINKED
