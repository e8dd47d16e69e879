"""Feeds on a full disk, with lines that come twice, and files that end in the middle."""

from __future__ import annotations

import pytest

from practices.conftest import House
from practices.test_feeds import SPRUCE, lines_of, start, story_of, take
from practices.test_visit_faults import fits, room
from upheld.core.ids import PersonId, UserId
from upheld.practice import parties
from upheld.practices.feeds import feeds, withdrawal

MANY = 12


@pytest.fixture(name="party")
def _party(house: House) -> str:
    """A business partner of the register."""
    return house.do(lambda t: parties.add(t, SPRUCE, "business-partner")).party


def combined(house: House, people: list[PersonId]) -> list[int]:
    """How often something was combined with what is held of each of some people."""
    gate = house.provider.gate.gate
    return [[one.entry.action for one in gate.entries(each)].count("combine") for each in people]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_refuses_a_feed_which_goes_on_once_there_is_room(
    house: House, party: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages are served meanwhile; what was taken in before stays, and nothing comes twice."""
    monkeypatch.setattr(feeds, "BATCH", 3)
    people = [house.customer(f"p{number}@marked.example") for number in range(MANY)]
    lines = lines_of(
        *(
            {
                "email": f"p{number}@marked.example",
                "occupation": f"joiner {number}",
                "industry": "timber",
            }
            for number in range(MANY)
        )
    )
    its, gate, refused = start(house, party), house.provider.gate.gate, 0
    for pages in (0, 1, 2):
        room(gate, pages)
        refused += not fits(lambda: take(house, start(house, party), lines))
        assert house.browser().get("/privacy").status_code == 200
        half = house.do(lambda t: feeds.require(t.tables, its.feed_id))
        assert sum(combined(house, people)) == half.people == half.lines
    assert refused
    room(gate, None)
    assert take(house, start(house, party), lines) == {}
    assert combined(house, people) == [1] * MANY
    assert start(house, party).people == MANY


def test_a_line_that_comes_twice_leaves_one_value_that_goes_whole(house: House, party: str) -> None:
    """In one file, or in another file of the same company: each is an act, and the last counts."""
    ann = house.customer("ann@marked.example")
    line = {"email": "ann@marked.example", "occupation": "joiner"}
    lines = lines_of(line, line, {**line, "email": "ANN@marked.example"})
    take(house, start(house, party), lines)
    latest = start(house, party, "d2")
    take(house, latest, lines)
    assert story_of(house, ann).count("joiner") == 1
    house.do(lambda t: withdrawal.withdraw(t, latest.feed_id, UserId("u1")))
    assert withdrawal.take_out(house.provider.gate.gate) == 1
    assert "joiner" not in story_of(house, ann)


def test_a_file_that_ends_in_the_middle_of_a_line_takes_nothing_of_that_in(
    house: House, party: str
) -> None:
    """Sent again whole, it is another file: each value is there once."""
    ann, bo = (house.customer(f"{name}@marked.example") for name in ("ann", "bo"))
    whole = [{"email": f"{name}@marked.example", "occupation": "joiner"} for name in ("ann", "bo")]
    left_out = take(house, start(house, party), lines_of(whole[0], {"email": "bo@mar"}))
    assert [*left_out] == [3]
    assert combined(house, [ann, bo]) == [1, 0]
    assert take(house, start(house, party, "whole"), lines_of(*whole)) == {}
    for each in (ann, bo):
        assert story_of(house, each).count("joiner") == 1
