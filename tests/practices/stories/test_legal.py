"""Legal process: released to exactly its reach and term, with notice, or silence until it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from practices import orders
from practices.conftest import House
from practices.orders import account_of, demand, desk_of
from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused

TOLD = "We had to give information about you"


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
    assert TOLD in house.signed_in(ann).get("/me/messages").text
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
