"""Once a day is over its blocks are put in the order of their tokens, and say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import upheld
from practices.conftest import House
from practices.test_collection import visits
from practices.without import without_cookies
from upheld.core.clock import BEGINNING
from upheld.gate.erasure.erase import erase
from upheld.practices.collection import compaction
from upheld.practices.collection.blocks import (
    COOKIE as TOKEN,
)
from upheld.practices.collection.blocks import (
    DayKeys,
    bits_of,
    days_of,
    where_tokens_may_be,
)
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


def keep_many(house: House, *numbers: int, days_ago: int = 1) -> None:
    """Keep a visit of each cookie by its number, of none for 0, all of them in one block."""
    noon = house.clock.now().replace(hour=12) - timedelta(days=days_ago)
    second = int((noon - BEGINNING).total_seconds())
    some = [
        LogLine(second + at, b"192.0.2.7", f"/p{number}".encode(), b"c%d" % number * bool(number))
        for at, number in enumerate(numbers)
    ]
    assert Intake(house.provider.gate.gate).keep(some).visits == len(some)


def rows_of(house: House) -> list[Any]:
    """The blocks, and of each its tokens."""

    def work(transaction: Any) -> list[Any]:
        rows = transaction.tables.select(visit_block)
        keys = DayKeys(transaction, days_of(transaction.tables, {row.day for row in rows}))
        return [(row, keys.open(row)) for row in rows]

    return house.do(work)


def test_a_day_that_is_over_lies_in_the_order_of_its_tokens(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few in a block, whose tokens begin as it says, those without one apart, late ones too."""
    monkeypatch.setattr(compaction, "FEW", 4)
    gate = house.provider.gate.gate
    keep_many(house, *range(40), *range(20), 0, 0)
    before = sorted(visits(house))
    assert compact(gate) == 1
    assert sorted(visits(house)) == before
    rows = rows_of(house)
    marked = [(row, some) for row, some in rows if row.token_bits is not None]
    assert len({row.token_bits for row, _ in marked}) == len(marked) > 8
    for row, some in marked:
        assert {bits_of(each.token, len(row.token_bits)) for each in some} == {row.token_bits}
    others = [(row.fields.split(), some) for row, some in rows if row.token_bits is None]
    assert [len(some) for _, some in others] == [4]
    assert TOKEN not in others[0][0]
    assert compact(gate) == 0
    keep_many(house, 1, 2, 3)
    assert compact(gate) == 0
    keep_many(house, 4, 5, 6)
    assert compact(gate) == 2
    assert len(visits(house)) == len(before) + 6
    assert compact(gate) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lots=st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=12), min_size=1, max_size=4),
    few=st.integers(1, 6),
)
def test_whoever_is_looked_for_is_found_in_order_or_not(
    house: House, lots: list[list[int]], few: int
) -> None:
    """In the blocks that may have them lies all of theirs, as a look into each block says."""
    gate, day = house.provider.gate.gate, (house.clock.today() - timedelta(days=1)).isoformat()
    house.do(lambda t: t.tables.purge(visit_block, "day = ?", day))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "FEW", few)
        for lot in lots[:-1]:
            keep_many(house, *lot)
        compact(gate)
        keep_many(house, *lots[-1])
    every = Counter(number for lot in lots for number in lot if number)

    def times(number: int, transaction: Any) -> int:
        tables = transaction.tables
        keys = DayKeys(transaction, days_of(tables, [day]))
        token = keys.token(day, b"c%d" % number)
        ids = [
            row.block_id
            for where, values in where_tokens_may_be(tables, day, [token])
            for row in tables.select(visit_block, where, *values)
        ]
        assert len(ids) == len(set(ids))
        rows = tables.select(visit_block, "day = ?", day)
        return sum(
            each.token == token for row in rows if row.block_id in ids for each in keys.open(row)
        )

    for number in range(1, 13):
        assert house.do(partial(times, number)) == every[number]


def test_what_is_erased_while_a_day_is_put_in_order_does_not_come_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks that were read are not those that are there; it begins again."""
    monkeypatch.setattr(compaction, "FEW", 2)
    gate, person = house.provider.gate.gate, house.customer()
    keep_many(house, 1, 1, 2, 3, 4, 5, 6)
    raw = house.do(lambda t: sessions.begin(t.tables, "customer", person, house.clock.now()))
    assert house.do(lambda t: tie(t, raw, b"c1"))
    real, calls = compaction._replace, list[bool]()

    def meanwhile(*arguments: Any) -> bool:
        if not calls:
            erase(gate, [person])
        calls.append(real(*arguments))
        return calls[-1]

    monkeypatch.setattr(compaction, "_replace", meanwhile)
    assert compact(gate) == 1
    assert calls == [False, True]
    assert sorted(each.route for each in visits(house)) == ["/p2", "/p3", "/p4", "/p5", "/p6"]


def test_what_the_law_holds_stays_of_a_day_in_order_when_its_time_is_over(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of others go, and so do the others' visits in the block that stays."""
    monkeypatch.setattr(compaction, "FEW", 2)
    gate, person = house.provider.gate.gate, house.customer()
    keep_many(house, *[1] * 3, *range(30))
    raw = house.do(lambda t: sessions.begin(t.tables, "customer", person, house.clock.now()))
    assert house.do(lambda t: tie(t, raw, b"c1"))
    house.do(lambda t: t.record(person, "hold", fact="legal-hold"))
    compact(gate)
    house.clock.moved += timedelta(days=500)
    retire(gate)
    assert [each.route for each in visits(house)] == ["/p1"] * 4
    assert retire(gate) == 0


def test_where_a_cookie_may_be_kept_no_longer_its_blocks_are_joined_again(
    open_house: Callable[[upheld.Policy], House],
    sample: upheld.Policy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every token goes, and no block says any more with what its tokens began."""
    monkeypatch.setattr(compaction, "FEW", 2)
    house = open_house(sample)
    keep_many(house, *range(30))
    compact(house.provider.gate.gate)
    routes = sorted(each.route for each in visits(house))
    assert len(rows_of(house)) > 8
    other = open_house(without_cookies())
    retire(other.provider.gate.gate)
    assert {row.token_bits for row, _ in rows_of(other)} == {None}
    compact(other.provider.gate.gate)
    assert len(rows_of(other)) == 1
    assert sorted(each.route for each in visits(other)) == routes
    assert {each.token for each in visits(other)} == {b""}
