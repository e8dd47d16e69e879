"""Small blocks of visits become few once their day is over, and say the same."""

from __future__ import annotations

from datetime import timedelta

import pytest

from practices.conftest import House
from practices.test_collection import visits
from upheld.core.clock import BEGINNING
from upheld.gate.erasure.erase import erase
from upheld.practices.collection import compaction
from upheld.practices.collection.compaction import compact
from upheld.practices.collection.intake import Intake
from upheld.practices.collection.log_lines import LogLine
from upheld.practices.collection.retention import retire
from upheld.practices.collection.tables import visit_block
from upheld.practices.collection.ties import tie
from upheld.web import sessions

COOKIE = b"marked-cookie"


def keep(house: House, days_ago: int, pages: int, cookie: bytes = b"") -> None:
    """Keep so many visits, each in a block of its own, as a recorder does in so many seconds."""
    second = int((house.clock.now() - timedelta(days=days_ago) - BEGINNING).total_seconds())
    for at in range(pages):
        line = LogLine(second - at, b"192.0.2.7", f"/p{days_ago}-{at}".encode(), cookie)
        assert Intake(house.provider.gate.gate).keep([line]).visits == 1


def blocks_of(house: House) -> dict[str, int]:
    """How many blocks each day has."""
    rows = house.do(
        lambda t: t.tables.select_unchecked(visit_block, ["day", "COUNT(*)"], "0 = 0 GROUP BY day")
    )
    return {str(day): int(count) for day, count in rows}


def test_blocks_of_days_that_are_over_are_joined_and_say_the_same(house: House) -> None:
    """Those of today stay as they are; what differs in its kinds of data is not joined."""
    gate = house.provider.gate.gate
    keep(house, 2, 4)
    keep(house, 2, 2, COOKIE)
    keep(house, 1, 3)
    keep(house, 0, 2)
    before = sorted(visits(house))
    assert sorted(blocks_of(house).values()) == [2, 3, 6]
    assert compact(gate) == 9
    assert sorted(blocks_of(house).values()) == [1, 2, 2]
    assert sorted(visits(house)) == before
    assert compact(gate) == 0
    assert retire(gate) == 0


def test_a_whole_block_is_not_joined_any_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no block grows without end, however late what comes is."""
    monkeypatch.setattr(compaction, "WHOLE", 3)
    monkeypatch.setattr(compaction, "AT_ONCE", 2)
    keep(house, 1, 7)
    compact(house.provider.gate.gate)
    rows = house.do(lambda t: t.tables.select(visit_block))
    assert max(each.visits for each in rows) <= 4
    assert len(visits(house)) == 7


def test_an_erasure_takes_its_visits_out_of_joined_blocks(house: House) -> None:
    """And leaves those of others in them."""
    gate, person = house.provider.gate.gate, house.customer()
    keep(house, 1, 2, COOKIE)
    keep(house, 1, 2, b"another-cookie")
    raw = house.do(lambda t: sessions.begin(t.tables, "customer", person, house.clock.now()))
    assert house.do(lambda t: tie(t, raw, COOKIE))
    compact(gate)
    erase(gate, [person])
    assert len(visits(house)) == 2
