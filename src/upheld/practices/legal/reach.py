"""Whom an instrument names, and who of them can be dealt with.

A row that somebody without our keys changed says nothing that may be rested on. Nobody else whom
the instrument names waits for it: it is told beside the others, by its account number if it opens.
"""

from __future__ import annotations

from typing import NamedTuple

from upheld.core.ids import InstrumentId, PersonId
from upheld.database.own_tables import Tables
from upheld.gate.sealing import Sealer
from upheld.practices.legal.apart import DAMAGED, account_in
from upheld.practices.legal.instrument import NamedPerson
from upheld.practices.legal.tables import legal_reach

_ONE = "instrument_id = ?"


class ChangedRow(NamedTuple):
    """Whom a row names, as it says: it, or another row about them, is not as it was written."""

    person_id: PersonId
    account: str


class NamedPeople(NamedTuple):
    """Whom an instrument names who is still here, in the order of their accounts."""

    people: list[NamedPerson]
    changed: list[ChangedRow]

    @property
    def accounts(self) -> list[tuple[PersonId, str]]:
        """Whoever may be named, each with the account number, or that it does not open."""
        theirs = [(each.person_id, each.account) for each in self.people]
        return theirs + [(each.person_id, each.account) for each in self.changed]

    @property
    def person_ids(self) -> list[PersonId]:
        """Whoever may be named, by id."""
        return sorted({person_id for person_id, _ in self.accounts})

    @property
    def account_count(self) -> int:
        """How many accounts there are: of a number that does not open, one a person."""
        return len({whose if each == DAMAGED else each for whose, each in self.accounts})


def reach_of(tables: Tables, sealer: Sealer, instrument_id: InstrumentId) -> NamedPeople:
    """Whom an instrument names."""
    rows, _ = tables.select_intact(legal_reach, _ONE, instrument_id)
    people = [
        NamedPerson(
            PersonId(each.person_id),
            account_in(sealer, each.person_id, instrument_id, each.sealed),
            each.state,
            each.record_id,
            each.silence_id,
            each.entry,
        )
        for each in rows
    ]
    intact = {each.person_id for each in people}
    every = tables.select_unchecked(legal_reach, ["person_id", "sealed"], _ONE, instrument_id)
    differing = [
        ChangedRow(PersonId(whose), account_in(sealer, whose, instrument_id, raw))
        for whose, raw in every
        if whose not in intact
    ]
    return NamedPeople(
        sorted(people, key=lambda each: each.account),
        sorted(differing, key=lambda each: each.account),
    )
