"""Reading which of our pages people looked at, while an advertisement asks for it: a job.

What is kept of it is in `upheld/practice/page_looks.py`, of those alone whom an advertisement may
be chosen for by it, and only the groups of pages that can be asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice import bands, page_looks
from upheld.practice.page_groups import VISITED, RecentPages
from upheld.practice.plugin import Provider
from upheld.practices.ads import audience, campaigns
from upheld.practices.ads.campaigns import AdError
from upheld.practices.ads.segments import BATCH

DIMENSIONS: Final = [
    each for each, its in bands.ACTIVITIES.items() if its["told-by"] == audience.VISITS
]
GROUPS: Final = {
    word for each in DIMENSIONS for its in bands.ACTIVITIES[each]["words"].values() for word in its
}


def pages_by(provider: Provider) -> RecentPages | None:
    """Who tells which pages people looked at; None where no practice does."""
    return next((each.recent_pages for each in provider.practices if each.recent_pages), None)


def make(gate: Gate, pages_of: RecentPages | None) -> int:
    """Make the rows anew that are not of today and of this policy; of how many people.

    There are none where no advertisement asks for them, or the policy rules out that any does.
    """
    with gate.together() as transaction:
        if pages_of is None or not _is_wanted(transaction):
            page_looks.forget_all(transaction)
            return 0
        if page_looks.are_made(transaction):
            return 0
        started_at, first = page_looks.begin(transaction), page_looks.since(transaction)
    looks = {
        person_id: mine
        for person_id, its in pages_of(gate, first).items()
        if (mine := {group: day for group, day in its.items() if group in GROUPS})
    }
    people, count = sorted(looks), 0
    for at in range(0, len(people), BATCH):
        with gate.together() as transaction:
            fitting = _fitting(transaction, people[at : at + BATCH])
            if not page_looks.go_on(transaction, started_at):
                return count
            page_looks.keep(transaction, {each: looks[each] for each in fitting})
            count += len(fitting)
    with gate.together() as transaction:
        page_looks.finish(transaction, started_at)
    return count


def _fitting(transaction: Transaction, people: Sequence[PersonId]) -> list[PersonId]:
    """Who of some people may be chosen by it and is no minor; each with an entry of the use."""
    present = transaction.lock_present(people)
    fields = bands.fields_of(dict.fromkeys(DIMENSIONS, ()))
    permitted = audience.permitted_each(transaction, present, fields)
    ages = {
        each: {bands.BORN: groups[bands.BORN]}
        for each, groups in permitted.items()
        if {*groups} >= {*fields}
    }
    adults = [each for each, mask in audience.read_masks(transaction, ages).items() if mask]
    outcomes = transaction.sweep(audience.using((VISITED,)), adults)
    return [each for each, outcome in outcomes.items() if not isinstance(outcome, Refused)]


def _is_wanted(transaction: Transaction) -> bool:
    """Whether an advertisement that is not over is meant for who looked at some pages."""
    now, open_ones = transaction.clock.now(), _open_dimensions(transaction)
    return any(
        each.state != campaigns.REFUSED and now < each.ends and open_ones & {*each.criteria}
        for each in campaigns.every(transaction.tables)
    )


def _open_dimensions(transaction: Transaction) -> set[str]:
    return {each for each in DIMENSIONS if campaigns.may_choose_by(transaction.policy, each)}


def require_made(transaction: Transaction, criteria: bands.Criteria) -> None:
    """AdError where a group is of who looked at some pages, and that is not read yet today."""
    if {*DIMENSIONS} & {*criteria} and not page_looks.are_made(transaction):
        raise AdError(
            "which pages people looked at has not been read yet",
            code="ad",
            hint="answer again in some minutes",
        )
