"""The review of an emergency: owed of whatever is released, also in parts, and once more after."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from empty import empty_database
from practices import orders
from practices.conftest import House, send
from practices.orders import Desk, account_of, desk_of
from practices.stories.test_legal import FOUND, about_us, reviews
from practices.test_legal_desk import waits
from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.practices.legal.demands import LegalError
from upheld.practices.legal.instrument import Instrument

WAITS = "What was released in an emergency waits for your review."


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough for what the desk decides."""
    return empty_database(tmp_path)


@pytest.fixture
def desk(house: House) -> Desk:
    """A legal desk of three people."""
    return desk_of(house)


def emergency(house: House, desk: Desk, *people: PersonId) -> Instrument:
    """A determination that somebody is in danger, in force for some fifty years."""
    wanted = about_us(
        house,
        *people,
        kind="determination",
        ground="physical-safety",
        recipient="emergency-service",
        belief="They asked for help.",
        ends=house.clock.now() + timedelta(days=20_000),
    )
    which = orders.opened(house, desk, wanted, b"").instrument_id
    return orders.give_key(house, desk, which)


def review(house: House, desk: Desk, which: Instrument, text: str = FOUND) -> Instrument | Refused:
    """Let somebody else review what was released."""
    return house.do(lambda t: desk.instruments.review(t, which.instrument_id, text, desk.second))


def test_one_that_is_released_in_parts_is_reviewed_after_each(house: House, desk: Desk) -> None:
    """Of one customer, reviewed, then of another: theirs is owed, can be done, and is late."""
    ann, ben = house.customer(), house.customer("ben@marked.example", name="Ben Other")
    which = emergency(house, desk, ann, ben)
    orders.release(house, desk, which, accounts=[account_of(house, ann)])
    assert not isinstance(review(house, desk, which), Refused)
    assert (reviews(house, ann), reviews(house, ben)) == (["done"], [])
    assert waits(house, desk.second) == []
    orders.release(house, desk, which, accounts=[account_of(house, ben)])
    assert (reviews(house, ann), reviews(house, ben)) == (["done"], ["open"])
    assert waits(house, desk.second) == [WAITS]
    house.clock.moved += timedelta(days=31)
    assert reviews(house, ben) == ["late"]
    assert not isinstance(review(house, desk, which), Refused)
    assert (reviews(house, ann), reviews(house, ben)) == (["done"], ["done"])


def test_one_that_is_released_again_after_its_review_is_reviewed_again_on_its_page(
    house: House, desk: Desk
) -> None:
    """A year later the same officer releases more on the old belief; both findings stay."""
    ann = house.customer()
    which = emergency(house, desk, ann)
    path = f"/staff/legal/{which.instrument_id}"
    orders.release(house, desk, which, fields=["name"])
    assert not isinstance(review(house, desk, which, "It had to be."), Refused)
    with pytest.raises(LegalError) as caught:
        review(house, desk, which)
    assert caught.value.code == "legal-state"
    house.clock.moved += timedelta(days=400)
    orders.release(house, desk, which)
    orders.release(house, desk, which)  # twice before it is reviewed: one review
    assert sorted(reviews(house, ann)) == ["done", "open"]
    officer, second = (house.signed_in(each, "staff") for each in (desk.officer, desk.second))
    assert "I have reviewed it" not in officer.get(path).text
    assert send(officer, f"{path}/review", {"finding": "Mine."}, path).status_code == 409
    assert "I have reviewed it" in second.get(path).text
    assert send(second, f"{path}/review", {"finding": "Not now."}, path).status_code == 303
    page = second.get(path).text
    assert "I have reviewed it" not in page
    assert page.index("It had to be.") < page.index("Not now.")
    assert page.count("Reviewed on") == 2
    assert reviews(house, ann) == ["done", "done"]


def test_one_that_ended_before_its_review_is_reviewed_still(house: House, desk: Desk) -> None:
    """That nothing more is released under it takes nothing from what was."""
    ann = house.customer()
    which = emergency(house, desk, ann)
    orders.release(house, desk, which)
    house.do(lambda t: desk.instruments.end(t, which.instrument_id, desk.officer))
    assert waits(house, desk.second) == [WAITS]
    assert not isinstance(review(house, desk, which), Refused)
    assert reviews(house, ann) == ["done"]
