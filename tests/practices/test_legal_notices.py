"""What a customer reads of a release: what was given of them, on which days, and nothing more."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest

from empty import empty_database
from practices import orders
from practices.conftest import House
from practices.orders import Desk, account_of, demand, desk_of
from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused

DAY = timedelta(days=1)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough for what a letter says."""
    return empty_database(tmp_path)


@pytest.fixture
def desk(house: House) -> Desk:
    """A legal desk of three people."""
    return desk_of(house)


def letters(house: House, person: PersonId) -> list[str]:
    """The letters to somebody about what was released of them, the latest first."""
    hers = house.signed_in(person)
    paths = re.findall(r"/me/messages/[0-9a-f]{32}", hers.get("/me/messages").text)
    pages = (hers.get(each).text for each in dict.fromkeys(paths))
    texts = (unescape(re.sub("<[^>]+>", "", each.partition("<main")[2])) for each in pages)
    return [each for each in texts if "obliged us to give" in each]


def test_the_notice_of_a_part_names_the_part(house: House, desk: Desk) -> None:
    """An order for name and e-mail address, of which the latter alone was given."""
    ann = house.customer()
    order = orders.approved(house, desk, demand(house, ann))
    orders.release(house, desk, order, fields=["email"])
    assert orders.send_notices(house, desk) == 1
    (letter,) = letters(house, ann)
    assert "give this about you: e-mail address. We gave exactly that to" in letter
    assert "on 11 March 2026, and nothing else" in letter
    assert "name" not in letter


def test_each_is_told_the_days_of_their_own_and_no_others(house: House, desk: Desk) -> None:
    """One in parts on two days, one on another, one never; a refused release counts for nothing."""
    ann, ben = house.customer(), house.customer("ben@marked.example", name="Ben Other")
    eve = house.customer("eve@marked.example", name="Eve Third")
    silence = house.clock.now() + 20 * DAY
    order = orders.approved(house, desk, demand(house, ann, ben, eve, silence_end=silence))
    hers = [account_of(house, ann)]
    orders.release(house, desk, order, accounts=hers, fields=["email"])
    house.clock.moved += DAY
    wide = orders.release(house, desk, order, accounts=hers, fields=["name", "birth-date"])
    assert isinstance(wide, Refused)
    house.clock.moved += DAY
    orders.release(house, desk, order, accounts=hers)
    house.clock.moved += 3 * DAY
    orders.release(house, desk, order, accounts=[account_of(house, ben)])
    house.clock.moved += 17 * DAY
    assert orders.send_notices(house, desk) == 2
    (of_ann,), (of_ben,) = letters(house, ann), letters(house, ben)
    assert "on 11 March 2026: e-mail address" in of_ann
    assert "on 13 March 2026: name and e-mail address" in of_ann
    assert not re.search(r"1[24-9] March", of_ann)
    assert "name and e-mail address. We gave exactly that" in of_ben
    assert "on 16 March 2026, and nothing else" in of_ben
    assert letters(house, eve) == []


def test_what_was_given_again_is_told_with_both_days(house: House, desk: Desk) -> None:
    """Where the same was given twice, in one sentence; twice on a day is one day."""
    ann = house.customer()
    order = orders.approved(house, desk, demand(house, ann))
    for wait in (timedelta(), timedelta(), DAY):
        house.clock.moved += wait
        orders.release(house, desk, order)
    assert orders.send_notices(house, desk) == 1
    (letter,) = letters(house, ann)
    assert "on 11 March 2026 and 12 March 2026, and nothing else" in letter
