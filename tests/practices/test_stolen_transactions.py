"""What a stolen access told stays marked wherever it goes, and keeps no true row out."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from practices.conftest import START, House
from practices.orders import desk_of
from practices.test_feeds import email_of
from practices.test_holds import apart, preserved
from practices.test_partner_pulls import Program
from practices.test_partner_transactions import HERE, partner, row, stored, take
from upheld.core.ids import EntryNumber, FeedId, PersonId
from upheld.database.transaction import reading
from upheld.gate.erasure.erase import erase
from upheld.gate.log.entries import after_number
from upheld.practice import partner_transactions, withdrawn_rows
from upheld.practices.agreements import clients


class Theft:
    """A company with two programs, of which the first one's access is in other hands."""

    def __init__(self, house: House) -> None:
        self.house, self.party = house, partner(house)
        self.boss = house.staff("manager", sign_in="mo")
        self.thief, self.good = (Program(house, self.party, self.boss) for _ in range(2))

    def call_stolen(self) -> None:
        """Say so."""
        program = self.thief.client_id
        self.house.do(lambda t: clients.revoke(t, program, by=self.boss, stolen=True))

    def rows(self, *people: PersonId) -> Counter[tuple[str, bool]]:
        """What is told to some people: each thing, and whether it is marked."""
        of_person = partner_transactions.of_person
        its = [self.house.do(partial(of_person, person_id=each)) for each in people]
        return Counter((each.row.what, each.stolen) for some in its for each in some)


def post(program: Program, *rows: dict[str, str]) -> None:
    """Have a program tell of rows."""
    assert program.ask("/transactions", {"rows": json.dumps([*rows])})[0] == 200


@pytest.mark.parametrize("called", ["before", "after"])
@pytest.mark.parametrize("erased", [False, True])
def test_what_a_silent_hold_keeps_of_it_is_released_with_the_mark(
    house: House, called: str, erased: bool
) -> None:
    """Whether the access was called stolen before or after it was told as gone."""
    theft, desk = Theft(house), desk_of(house)
    gate = house.provider.gate.gate
    ann, email = email_of(house, "ann")
    post(theft.thief, row(email, "T1", what="Forged"))
    post(theft.good, row(email, "G1", what="Bought"))
    if called == "before":
        theft.call_stolen()
    preserved(house, desk, ann, silent=True)
    house.clock.moved += timedelta(days=800)
    gate.clock.accept()
    assert partner_transactions.retire(gate) == 2
    if erased:
        erase(gate, [ann])
    if called == "after":
        theft.call_stolen()
    (whose,) = apart(house) if erased else (ann,)
    lines = [line for _, line in house.do(lambda t: partner_transactions.rows_of(t, whose))]
    assert {("Forged" in each, "was stolen" in each) for each in lines} == {
        (True, True),
        (False, False),
    }


def test_what_is_told_again_of_it_is_marked_and_nothing_rests_on_it(house: House) -> None:
    """Once an order no longer forbids to speak of it."""
    theft, desk = Theft(house), desk_of(house)
    gate = house.provider.gate.gate
    ann, email = email_of(house, "ann")
    post(theft.thief, row(email, "T1", what="Forged"))
    theft.call_stolen()
    preserved(house, desk, ann, silent=True)
    house.clock.moved += timedelta(days=800)
    gate.clock.accept()
    partner_transactions.retire(gate)
    assert theft.rows(ann) == {}
    house.do(lambda t: withdrawn_rows.show_again(t, ann))
    assert theft.rows(ann) == {("Forged", True): 1}
    assert "was stolen" in house.signed_in(ann).get(HERE).text
    since = (START - timedelta(days=400)).date()
    assert house.do(lambda t: partner_transactions.texts_since(t, ann, since)) == []


@pytest.mark.parametrize("by", ["program", "file"])
@pytest.mark.parametrize("of", ["ann", "bo"])
def test_its_references_are_free_for_what_the_company_tells_us(
    house: House, by: str, of: str
) -> None:
    """Once; the forged row stays where it is, marked, and of another customer kept nothing out."""
    theft = Theft(house)
    people = {name: email_of(house, name) for name in ("ann", "bo")}
    post(theft.thief, row(people[of][1], "R1", what="Forged"))
    ann, email = people["ann"]
    true = row(email, "R1", what="Bought")
    post(theft.good, true)
    everybody = [person for person, _ in people.values()]
    of_another = {("Bought", False): 1} if of == "bo" else {}
    assert theft.rows(*everybody) == {("Forged", False): 1, **of_another}
    theft.call_stolen()
    for digest in ("d1", "d2"):
        if by == "program":
            post(theft.good, true)
        else:
            take(house, true, digest=digest)
        assert theft.rows(*everybody) == {("Forged", True): 1, ("Bought", False): 1}
    assert theft.rows(ann)["Bought", False] == 1


def test_twenty_who_tell_of_a_reference_at_once_leave_one_true_row(house: House) -> None:
    """Beside the forged one."""
    theft = Theft(house)
    ann, email = email_of(house, "ann")
    post(theft.thief, row(email, "R1", what="Forged"))
    theft.call_stolen()
    feed_id, true = FeedId(theft.good.client_id), row(email, "R1", what="Bought")

    def tell(_: int) -> str:
        return house.do(lambda t: partner_transactions.take(t, theft.party, [true], feed_id))[0]

    with ThreadPoolExecutor(8) as threads:
        assert Counter(threads.map(tell, range(20))) == {"": 1, "nothing_new": 19}
    assert theft.rows(ann) == {("Forged", True): 1, ("Bought", False): 1}
    assert len(stored(house)) == 2


def test_the_ledger_tells_what_was_called_stolen_from_what_was_revoked(house: House) -> None:
    """Also of an access that was revoked before."""
    theft = Theft(house)
    program = theft.thief.client_id
    house.do(lambda t: clients.revoke(t, program, by=theft.boss))
    theft.call_stolen()
    with reading(house.provider.gate.gate.engine) as connection:
        entries, _ = after_number(connection, EntryNumber(0), 1_000)
    assert [each.entry.kind for each in entries if each.entry.id == program] == [
        clients.ADDED,
        clients.ENDED,
        clients.CALLED_STOLEN,
    ]
