"""Legal process: released to exactly its reach and term, with notice, or silence until it ends."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from practices import orders
from practices.conftest import House, send
from practices.orders import account_of, demand, desk_of
from practices.stories.test_keeping import pass_months, remaining_fields
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate import obligations
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.retention import retire
from upheld.practices.legal.demands import Demand, LegalError

TOLD = "We had to give information about you"
FOUND = "It had to be: she did not answer."


def received(house: House, person: PersonId) -> str:
    """The page of what others received of somebody in the month of the stories."""
    return house.signed_in(person).get("/me/privacy/received?month=2026-03").text


def refusals(house: House, person: PersonId) -> list[str]:
    """The kinds of data of the refused disclosures about somebody."""
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    return [" ".join(e.data) for e in entries if e.kind == "refusal" and e.action == "share"]


@pytest.mark.parametrize("recipient", ["court", "law-enforcement", "legal-adviser"])
def test_what_an_order_demands_is_released_and_the_customer_is_told(
    house: House, recipient: str
) -> None:
    """Exactly its persons and fields leave, each with an entry; the notice comes at once."""
    desk, ann = desk_of(house), house.customer()
    ben = house.customer("ben@marked.example", name="Ben Other")
    order = orders.approved(house, desk, demand(house, ann, recipient=recipient))
    files = orders.texts(orders.release(house, desk, order))
    text = "".join(files.values())
    assert "ann@marked.example" in text
    assert "Ann Marked" in text
    assert "1990" not in text
    assert "Ben" not in text
    act = next(
        each.entry
        for each in house.provider.gate.gate.entries(ann)
        if each.entry.action == "share" and each.entry.kind == "act"
    )
    assert {"record", "only-what-is-demanded", "notice-to-customer"} <= {*act.duties}
    assert orders.send_notices(house, desk) == 1
    assert orders.send_notices(house, desk) == 0
    hers = house.signed_in(ann)
    page = hers.get("/me/messages").text
    assert TOLD in page
    letters = [hers.get(each).text for each in re.findall(r"/me/messages/[0-9a-f]{32}", page)]
    assert any("on 11 March 2026, and nothing else" in each for each in letters)
    assert "We shared your name and e-mail address with" in received(house, ann)
    assert isinstance(
        orders.release(house, desk, order, accounts=[account_of(house, ben)]), Refused
    )
    assert isinstance(orders.release(house, desk, order, fields=["name", "birth-date"]), Refused)
    assert refusals(house, ben) == ["name email"]
    assert refusals(house, ann) == ["name birth-date"]


def test_nothing_is_released_before_an_order_is_in_force_or_after_it_lapsed(house: House) -> None:
    """The policy refuses both, and lets it on every day between."""
    desk, ann = desk_of(house), house.customer()
    now = house.clock.now()
    order = orders.approved(
        house,
        desk,
        demand(house, ann, starts=now + timedelta(days=2), ends=now + timedelta(days=4)),
    )
    assert isinstance(orders.release(house, desk, order), Refused)
    house.clock.moved += timedelta(days=3)
    assert not isinstance(orders.release(house, desk, order), Refused)
    house.clock.moved += timedelta(days=1)
    assert isinstance(orders.release(house, desk, order), Refused)


@pytest.mark.parametrize("recipient", ["court", "legal-adviser"])
def test_of_what_an_order_forbids_to_tell_the_customer_learns_when_the_silence_is_over(
    house: House, recipient: str
) -> None:
    """For ninety days nothing anywhere says so; then they are told, and it is in their account."""
    desk, ann = desk_of(house), house.customer()
    silence = house.clock.now() + timedelta(days=90)
    order = orders.approved(
        house, desk, demand(house, ann, recipient=recipient, silence_end=silence)
    )
    assert not isinstance(orders.release(house, desk, order), Refused)
    house.clock.moved += timedelta(days=89)
    assert isinstance(orders.release(house, desk, order), Refused)  # lapsed, and silent still
    assert orders.send_notices(house, desk) == 0
    assert "We shared your name" not in received(house, ann)
    house.clock.moved += timedelta(days=2)
    assert orders.send_notices(house, desk) == 1
    assert "We shared your name" in received(house, ann)
    assert TOLD in house.signed_in(ann).get("/me/messages").text


def about_us(house: House, *people: PersonId, **changes: Any) -> Demand:
    """A claim of our own, or a determination, about some people."""
    return demand(house, *people, issuer="Larch Police", reference="Case 7", **changes)


@pytest.mark.parametrize("recipient", ["court", "legal-adviser"])
def test_to_claim_or_defend_we_give_what_the_claim_needs(house: House, recipient: str) -> None:
    """Checked by counsel and approved by somebody else; to nobody else, and nothing else."""
    desk, ann = desk_of(house), house.customer()
    claim = orders.approved(house, desk, about_us(house, ann, kind="claim", recipient=recipient))
    text = "".join(orders.texts(orders.release(house, desk, claim)).values())
    assert "ann@marked.example" in text
    act = house.provider.gate.gate.entries(ann)[-1].entry
    assert {"record", "only-fields-needed"} <= {*act.duties}
    assert isinstance(orders.release(house, desk, claim, fields=["birth-date"]), Refused)
    unfit = about_us(house, ann, kind="claim", recipient="law-enforcement")
    assert isinstance(orders.release(house, desk, orders.approved(house, desk, unfit)), Refused)


@pytest.mark.parametrize(
    ("ground", "recipient"),
    [
        ("illegal-activity", "law-enforcement"),
        ("suspected-fraud", "legal-adviser"),
        ("terms-violation", "court"),
        ("legal-requirement", "law-enforcement"),
        ("national-security", "law-enforcement"),
    ],
)
def test_what_an_officer_determined_is_given_once_a_second_one_agreed(
    house: House, ground: str, recipient: str
) -> None:
    """Not by the one officer alone, in however many windows; and for its ground alone."""
    desk, ann = desk_of(house), house.customer()
    wanted = about_us(
        house, ann, kind="determination", ground=ground, recipient=recipient, belief="It was them."
    )
    name = orders.opened(house, desk, wanted, b"").instrument_id
    for _ in range(2):
        with pytest.raises(LegalError) as caught:
            house.do(lambda t: desk.instruments.approve(t, name, desk.officer))
        assert caught.value.code == "legal-second-person"
    house.do(lambda t: desk.instruments.approve(t, name, desk.second))
    order = orders.give_key(house, desk, name)
    assert not isinstance(orders.release(house, desk, order), Refused)
    act = next(
        each.entry for each in house.provider.gate.gate.entries(ann) if each.entry.action == "share"
    )
    assert act.purpose == ground
    assert {"record", "only-fields-needed", "second-person"} <= {*act.duties}
    house.clock.moved += timedelta(days=31)
    assert isinstance(orders.release(house, desk, order), Refused)


def test_what_is_given_in_an_emergency_is_reviewed_by_somebody_else_in_time(house: House) -> None:
    """At once, by one officer; then a review is owed within thirty days, and late after them."""
    desk, ann = desk_of(house), house.customer()
    wanted = about_us(
        house,
        ann,
        kind="determination",
        ground="physical-safety",
        recipient="emergency-service",
        belief="She asked for help and does not answer.",
    )
    order = orders.give_key(house, desk, orders.opened(house, desk, wanted, b"").instrument_id)
    assert not isinstance(orders.release(house, desk, order), Refused)
    act = next(
        each.entry for each in house.provider.gate.gate.entries(ann) if each.entry.action == "share"
    )
    assert {"record", "only-fields-needed"} <= {*act.duties}
    assert not isinstance(orders.release(house, desk, order), Refused)  # once more, one review
    gate = house.provider.gate.gate
    name = order.instrument_id
    house.clock.moved += timedelta(days=29)
    assert reviews(house, ann) == ["open"]
    house.clock.moved += timedelta(days=2)
    assert reviews(house, ann) == ["late"]
    with pytest.raises(LegalError) as caught:
        house.do(lambda t: desk.instruments.review(t, name, FOUND, desk.officer))
    assert caught.value.code == "legal-second-person"
    assert not isinstance(
        house.do(lambda t: desk.instruments.review(t, name, FOUND, desk.second)), Refused
    )
    assert reviews(house, ann) == ["done"]
    assert any(each.entry.action == "review-disclosure" for each in gate.entries(ann))


def reviews(house: House, person: PersonId) -> list[str]:
    """The states of the reviews that are owed about somebody, once the job has looked."""
    gate = house.provider.gate.gate
    obligations.open_due_obligations(gate)
    obligations.mark_overdue(gate)
    with reading(gate.engine) as connection:
        where = "SELECT state FROM item WHERE person_id = ? AND clause = ?"
        states = rows(connection, where, person, "emergency-review")
    return [state for (state,) in states]


def test_what_an_order_preserves_stays_for_its_term_and_of_nobody_else(house: House) -> None:
    """A closed account goes in steps, but for whom it names; what waited is done when it ends."""
    desk, ann = desk_of(house), house.customer(interests="hiking")
    ben = house.customer("ben@marked.example", interests="chess")
    term = {"starts": house.clock.now(), "ends": house.clock.now() + timedelta(days=900)}
    wanted = demand(house, ann, kind="preservation", recipient="", fields=(), **term)
    order = orders.approved(house, desk, wanted)
    for each in (ann, ben):
        assert send(house.signed_in(each), "/me/close", {"sure": "yes"}).status_code == 303
    pass_months(house, 7)
    assert "interests" in remaining_fields(house, ann)
    assert "interests" not in remaining_fields(house, ben)
    house.do(lambda t: desk.instruments.end(t, order.instrument_id, desk.officer))
    assert "interests" not in remaining_fields(house, ann)


def test_what_a_silent_order_preserves_is_answered_like_any_erasure(house: House) -> None:
    """The certificate says the same sentences as anybody's, and the values are there still."""
    desk, ann = desk_of(house), house.customer(interests="hiking")
    ben = house.customer("ben@marked.example", interests="chess")
    days = timedelta(days=200)
    wanted = demand(
        house,
        ann,
        kind="preservation",
        recipient="",
        fields=(),
        ends=house.clock.now() + days,
        silence_end=house.clock.now() + days,
    )
    orders.approved(house, desk, wanted)
    gate = house.provider.gate.gate
    mine, others = (erase(gate, [each])[0].text() for each in (ann, ben))
    assert [len(line.split()) for line in mine.splitlines()] == [
        len(line.split()) for line in others.splitlines()
    ]
    assert "hold" not in mine.lower()
    assert apart(house) == 1
    house.clock.moved += days + timedelta(days=1)
    house.do(lambda t: t.accept_clock(house.clock.now()))
    retire(gate)
    assert apart(house) == 0


def apart(house: House) -> int:
    """Of how many people values are there apart, for the legal desk alone."""
    with reading(house.provider.gate.gate.engine) as connection:
        ((count,),) = rows(connection, "SELECT count(*) FROM person WHERE state = 'held'")
    return int(count)
