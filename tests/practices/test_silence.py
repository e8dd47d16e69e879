"""What an order forbids to speak of stands on no page but those of the legal desk."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from empty import empty_database
from practices import orders
from practices.conftest import House
from practices.orders import Desk, demand
from practices.routes import World, lines, routed
from practices.twins import DESK
from upheld.core.ids import UserId
from upheld.gate.act.request import Refused
from upheld.practices.legal.instruments import Instruments
from upheld.practices.legal.notices import Notices
from upheld.practices.legal.release import Releases

ISSUER, REFERENCE = "Court of Marked Falls", "MF-7719"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What pages tell is the same on every database."""
    return empty_database(tmp_path)


def desk_at(world: World) -> Desk:
    """The legal desk of a provider in which everybody is."""
    house, model = world.house, Instruments(world.house.provider)
    first = UserId(world.visitors["legal"][1])
    second, third = (house.staff("counsel", "legal", sign_in=name) for name in ("mabel", "mona"))
    return Desk(first, second, third, model, Releases(model), Notices(model))


@pytest.mark.large  # test_silent_answers.py compares most of these pages at every size
def test_of_an_order_that_forbids_it_nobody_but_the_legal_desk_reads_anything(house: House) -> None:
    """Each route as each other visitor: neither who issued it, nor its name, nor that it is."""
    world = World(house)
    desk, end = desk_at(world), house.clock.now() + timedelta(days=20)
    wanted = demand(house, world.ann, issuer=ISSUER, reference=REFERENCE, silence_end=end)
    order = orders.approved(house, desk, wanted)
    assert not isinstance(orders.release(house, desk, order), Refused)
    marks = (ISSUER, REFERENCE, order.instrument_id, order.instrument_id[:8].upper(), order.party)
    table, looked = lines(), 0
    for visitor in world.visitors:
        browser, _ = world.browser(visitor)
        for method, path in sorted(routed(house.app)):
            if method != "GET" or (visitor in DESK and path.startswith("/staff/legal")):
                continue
            answer = browser.get(world.path(path, table[f"GET {path}"]))
            told = [mark for mark in marks if mark in answer.text]
            assert told == [], f"{path} as {visitor}"
            looked += answer.status_code == 200
    assert looked > len(world.visitors)
    officer, _ = world.browser("legal")
    assert REFERENCE in officer.get(f"/staff/legal/{order.instrument_id}").text
