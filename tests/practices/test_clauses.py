"""The stories of the sample provider, and each of them without the clause that it rests on.

A practice's tests say in `RESTS_ON` which story rests on which clause. What all the other words of
the policy do for these stories is tried in `test_number.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

import upheld
from empty import empty_database
from practices.conftest import House
from practices.without import without
from upheld.gate.act.request import Act, Refused
from upheld.practice import credentials

Story = Callable[[House], bool]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: what is asked here is what the policy says."""
    return empty_database(tmp_path)


def _registered(house: House) -> bool:
    person = house.customer()
    return "email" not in house.do(lambda transaction: transaction.held_fields(person))


def _password(house: House) -> bool:
    person = house.customer()
    return not house.do(lambda transaction: credentials.stored_secrets(transaction, person))


def _served(house: House) -> bool:
    person = house.customer()
    return isinstance(
        house.do(lambda transaction: transaction.act(Act(action="serve"), person)), Refused
    )


# What every story begins with: somebody has registered, has a password, and is served.
RESTS_ON: dict[str, Story] = {
    "registration": _registered,
    "fraud-use": _password,
    "service": _served,
}


def lines() -> dict[str, tuple[str, Story]]:
    """What every practice's tests say: by a name, the clause and the story."""
    result = {f"everybody {name}": (name, story) for name, story in RESTS_ON.items()}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.stem != Path(__file__).stem:
            module = importlib.import_module(f"practices.{path.stem}")
            rests: dict[str, Story] = getattr(module, "RESTS_ON", {})
            result |= {f"{path.stem} {name}": (name, story) for name, story in rests.items()}
    return result


NAMES, LINES = [*lines()], [*lines().values()]


@pytest.mark.parametrize(("clause", "story"), LINES, ids=NAMES)
def test_a_story_is_refused_without_its_clause(
    open_house: Callable[[upheld.Policy], House], clause: str, story: Story
) -> None:
    """What a story does is refused when the clause that it rests on is struck."""
    assert story(open_house(without(clause)))


@pytest.mark.parametrize("story", [story for _, story in LINES], ids=NAMES)
def test_the_same_story_is_done_under_the_whole_policy(house: House, story: Story) -> None:
    """So that a story refuses because of its clause and not of something else."""
    assert not story(house)
