"""Closings for stories: two lawyers, a company that takes over, and what was signed with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import pyrage

from practices.conftest import House
from practices.orders import PDF, account_of
from upheld.core.ids import PersonId, UserId
from upheld.gate.act.request import Act
from upheld.practice import parties, party_keys
from upheld.practices.takeovers.closing import ALL, MERGER, SALE, SCHEDULE, Closing, ClosingTerms
from upheld.practices.takeovers.closings import Closings


class Lawyers(NamedTuple):
    """Who works on takeovers, by their ids, who takes over, and what they work with."""

    first: UserId
    second: UserId
    party: str
    closings: Closings
    identity: pyrage.x25519.Identity  # the successor's own


def lawyers_of(house: House, name: str = "Spruce Point") -> Lawyers:
    """Two lawyers of ours, and a successor with a key in the register."""
    first, second = house.staff("counsel", sign_in="cleo"), house.staff("legal", sign_in="liv")
    party, identity = successor_of(house, name)
    return Lawyers(first, second, party, Closings(house.provider), identity)


def successor_of(house: House, name: str) -> tuple[str, pyrage.x25519.Identity]:
    """A company of the register that takes over, by its word, and its own key."""
    identity = pyrage.x25519.Identity.generate()

    def register(transaction: Any) -> str:
        party = parties.add(transaction, name, parties.SUCCESSOR).party
        party_keys.put(transaction, party, str(identity.to_public()))
        return party

    return house.do(register), identity


def terms_of(house: House, lawyers: Lawyers, *people: PersonId, **changes: Any) -> ClosingTerms:
    """The sale of some people's accounts, or a merger where nobody is named; in effect now."""
    terms = ClosingTerms(
        SALE if people else MERGER,
        lawyers.party,
        "Deed 7",
        house.clock.now() - timedelta(minutes=1),
        SCHEDULE if people else ALL,
        tuple(account_of(house, each) for each in people),
    )
    return terms._replace(**changes)


def opened(house: House, lawyers: Lawyers, terms: ClosingTerms) -> Closing:
    """Open a closing with a document."""
    return house.do(lambda t: lawyers.closings.open(t, terms, PDF, lawyers.first))


def approved(house: House, lawyers: Lawyers, terms: ClosingTerms) -> Closing:
    """Open a closing, and let a second person approve it."""
    closing_id = opened(house, lawyers, terms).closing_id
    return house.do(lambda t: lawyers.closings.approve(t, closing_id, lawyers.second))


def run_job(house: House) -> int:
    """Do what is due about takeovers; how much."""
    (job,) = [each for each in house.provider.jobs if each.name == "takeovers"]
    return job.run(house.provider.gate.gate)


def transfer_of(lawyers: Lawyers, **changes: Any) -> Act:
    """The transfer of an account to the successor, as a program of ours could ask for it."""
    return Act(
        **{
            "action": "transfer",
            "data": ("name",),
            "recipient": "successor",
            "party": lawyers.party,
            "purpose": "account-transfer",
            "occasion": "other",
            **changes,
        }
    )
