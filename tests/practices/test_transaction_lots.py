"""Rows of a partner's that come together are taken in as they would be one after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practices.conftest import House
from practices.test_feeds import email_of, lines_of
from practices.test_partner_transactions import row, stored
from sizes import size
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, UserId
from upheld.gate.erasure.erase import erase
from upheld.practice import parties, partner_transactions
from upheld.practices.feeds import feeds, sales
from upheld.practices.feeds.feeds import Feed

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bo", "cy", "di", "nobody", "ANN", "two"]),
        st.integers(0, 12),
        st.sampled_from(["2026-03-02", "2026-03-02", "2024-03-01", "2024-03-11", "2027-01-01"]),
        st.sampled_from(["12.50", "12.50", "12.50", "1e3"]),
    ),
    max_size=12,
)


def partner(house: House, name: str) -> str:
    """A business partner of the register."""
    return house.do(lambda t: parties.add(t, name, "business-partner")).party


def taken(house: House, party: str, rows: list[dict[str, str]]) -> list[str]:
    """Take rows in together; why each was left out."""
    return house.do(lambda t: partner_transactions.take(t, party, rows))


def begun(house: House, party: str, digest: str) -> Feed:
    """The feed of a file."""
    return house.do(lambda t: feeds.start(t, party, digest, UserId("u1"), sales.TRANSACTIONS))


def entered(house: House, person: PersonId, party: str) -> set[tuple[Any, ...]]:
    """What the entries of somebody say of a partner, each once."""
    return {
        (e.kind, e.action, e.outcome, e.problem, e.clauses, e.data, e.duties)
        for e in (each.entry for each in house.provider.gate.gate.entries(person))
        if e.source == f"business-partner {party}"
    }


def rows_of(house: House, people: list[PersonId], name: str) -> list[Any]:
    """What is kept of some people from a partner."""
    return house.do(
        lambda t: [
            (each, its.received_on, its.row)
            for each in people
            for its in partner_transactions.of_person(t, each)
            if its.company == name
        ]
    )


@pytest.fixture(name="crowd")
def _crowd(house: House) -> tuple[list[PersonId], str, str]:
    """Customers, one of whom asked for an erasure, one is erased, one a minor; and two partners."""
    ann, _ = email_of(house, "ann")
    bo, _ = email_of(house, "bo")
    cy, _ = email_of(house, "cy")
    di = house.customer("di@marked.example", born="2014-02-01")
    for number in ("one", "two"):
        house.customer(f"{number}@marked.example", phone="+15550100177")
    house.do(lambda t: t.record(bo, "request", fact="erasure-requested"))
    erase(house.provider.gate.gate, [cy])
    one, other = (partner(house, name) for name in ("Spruce Point", "Fir Point"))
    return [ann, bo, di], one, other


@settings(
    max_examples=size("lots of a partner's rows", short=15, long=150),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(lot=ROWS)
def test_a_lot_is_taken_in_as_its_rows_are_one_by_one(
    house: House, crowd: tuple[list[PersonId], str, str], lot: list[Any]
) -> None:
    """The same rows are kept, and the same are left out, each for the same reason and clause."""
    people, one, other = crowd
    rows = [
        row(
            f"{name}@marked.example",
            f"A{number}",
            date=day,
            amount=amount,
            **({"phone": "+15550100177"} if name == "two" else {}),
        )
        for name, number, day, amount in lot
    ]
    together = taken(house, one, rows)
    alone = [reason for each in rows for reason in taken(house, other, [each])]
    assert together == alone
    mine = sorted(rows_of(house, people, "Spruce Point"), key=str)
    assert mine == sorted(rows_of(house, people, "Fir Point"), key=str)
    for each in people:
        assert entered(house, each, one) == entered(house, each, other)


def test_twenty_files_with_the_same_rows_give_each_row_once(house: House) -> None:
    """Whoever comes second leaves it out, or is told that somebody else takes in the same file."""
    party = partner(house, "Spruce Point")
    emails = [email_of(house, name)[1] for name in ("ann", "bo")]
    rows = [row(emails[number % 2], f"A{number}") for number in range(12)]
    gate = house.provider.gate.gate
    files = [begun(house, party, f"d{number // 2}") for number in range(20)]

    def take(number: int) -> int:
        try:
            omitted = list(
                sales.take_transactions(gate, files[number], sales.read_lines(lines_of(*rows)))
            )
        except UpheldError as error:
            if error.code != "feed-state":
                raise
            return 0
        assert {each.reason for each in omitted} <= {"nothing_new"}
        return len(rows) - len(omitted)

    with ThreadPoolExecutor(20) as pool:
        counts = list(pool.map(take, range(20)))
    assert sum(counts) == len(stored(house)) == len(rows)
    numbers = [
        each.number
        for each in house.provider.gate.gate.entries(
            house.do(lambda t: t.find("email", emails[0]))[0]
        )
        if each.entry.source == f"business-partner {party}"
    ]
    assert len(numbers) == 1
