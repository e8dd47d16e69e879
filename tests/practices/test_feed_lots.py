"""Lines of a feed that come together are combined as they would be one after the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practices.conftest import House
from practices.test_feeds import email_of, lines_of, take
from sizes import size
from upheld.core.ids import PersonId, UserId
from upheld.gate.erasure.erase import erase
from upheld.gate.operations.selfcheck import selfcheck
from upheld.gate.transaction import GateTransaction
from upheld.practice import parties
from upheld.practices.feeds import feeds
from upheld.practices.feeds.feeds import Feed
from upheld.practices.feeds.tables import feed_value

FIELDS = ("occupation", "interests")
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "email": st.sampled_from(["ann", "bo", "cy", "di", "nobody", "ANN", "no address", ""]),
            "phone": st.sampled_from(["", "", "", "+15550100177", "+15550100178"]),
        },
        optional={field: st.sampled_from(["", "boats", "jam", "x" * 70_000]) for field in FIELDS},
    ),
    max_size=10,
)


def begun(house: House, party: str, digest: str) -> Feed:
    """The feed of a file of a business partner of this name."""
    partners = house.do(lambda t: parties.in_role(t, "business-partner"))
    word = party.casefold().replace(" ", "-")
    if word not in partners:
        house.do(lambda t: parties.add(t, party, "business-partner"))
    return house.do(lambda t: feeds.start(t, word, digest, UserId("u1")))


def entered(house: House, person: PersonId, since: int, party: str) -> set[tuple[Any, ...]]:
    """What the entries of somebody say of what was combined, each once."""
    every = house.provider.gate.gate.entries(person)
    return {
        (e.kind, e.action, e.outcome, e.problem, e.clauses, e.data, e.duties, bool(e.values))
        for e in (each.entry for each in every if each.number > since)
        if e.action == "store" or e.source == f"business-partner {party}"
    }


def held(house: House, people: list[PersonId]) -> list[set[str]]:
    """Which fields are held of some people."""
    return house.do(lambda t: [{*t.held_fields(each)} for each in people])


@pytest.fixture(name="crowd")
def _crowd(house: House) -> list[PersonId]:
    """Customers, one of whom asked for an erasure and one is a minor; one is erased, two share."""
    ann, _ = email_of(house, "ann")
    bo, _ = email_of(house, "bo")
    cy, _ = email_of(house, "cy")
    di = house.customer("di@marked.example", born="2014-02-01")
    one = house.customer("one@marked.example", phone="+15550100177")
    two = house.customer("two@marked.example", phone="+15550100177")
    ed = house.customer("ed@marked.example", phone="+15550100178")
    house.do(lambda t: t.record(bo, "request", fact="erasure-requested"))
    erase(house.provider.gate.gate, [cy])
    return [ann, bo, di, one, two, ed]


@settings(
    max_examples=size("lots of a feed's lines", short=10, long=100),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(lot=LINES)
def test_a_lot_is_combined_as_its_lines_are_one_by_one(
    house: House, crowd: list[PersonId], lot: list[dict[str, str]]
) -> None:
    """Of the same people the same is held, and the same lines are left out for the same reason."""
    gate = house.provider.gate.gate
    rows = [
        {**each, "email": f"{each['email']}@marked.example" if each["email"] else ""}
        for each in lot
    ]
    answers = []
    for company in ("Spruce Point", "Fir Point"):
        since = house.do(lambda t: forget(t, crowd))
        its = begun(house, company, f"d{since}")
        if company == "Spruce Point":
            reasons = take(house, its, lines_of(*rows))
        else:
            reasons = {n: why for n, row in enumerate(rows, 2) if (why := alone(house, its, row))}
        mine = [entered(house, each, since, its.party) for each in crowd]
        answers.append((reasons, held(house, crowd), mine))
        assert selfcheck(gate.engine, gate.context.keyring).problems == ()
    assert answers[0] == answers[1]


def forget(transaction: GateTransaction, crowd: list[PersonId]) -> int:
    """Let nothing be there of what partners told of some people; the number of an entry."""
    for person in crowd:
        transaction.drop(person, FIELDS, actor="customer")
        transaction.tables.delete(feed_value, "person_id = ?", person)
    return transaction.note(None, "feed.start", actor="provider")


def alone(house: House, its: Feed, row: dict[str, str]) -> str:
    """Combine a line by itself; why it was left out."""
    return house.do(lambda t: feeds.combine_lines(t, its, lines_of(row)))[0]
