"""Whatever anybody sends: the answer is the same with and without an order that nobody may tell of.

One provider with everybody in it is copied. In one copy a court's orders, to preserve and to give,
are over a customer and a minor; in the other over two people whom no visitor looks at, so that the
ledger has as many entries. Then each form of each page is sent in both, as each visitor who has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

import upheld
from empty import empty_database
from practices.conftest import House
from practices.routes import MARKS
from practices.twins import (
    FORMS_MIN,
    MADE_UP,
    Answer,
    Copies,
    Twin,
    copies_of,
    first_difference,
    in_both,
    steps_of,
)
from upheld.gate.erasure.erase import erase


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What pages tell is the same on every database."""
    return empty_database(tmp_path)


@pytest.fixture
def twins(house: House, sample: upheld.Policy, tmp_path: Path) -> Iterator[Copies]:
    """Two copies of a world: in the second, orders are over Ann and a child."""
    yield from copies_of(house, sample, tmp_path)


def test_no_answer_to_what_anybody_sends_tells_of_an_order_that_is_silent(
    twins: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status, headers and body of each, and of what follows."""
    statuses, differing = Counter[int](), list[Any]()
    for number, step in enumerate(steps_of(twins.world, twins.paths)):
        work = partial(Twin.answers, step=step, words={})
        plain, silent = in_both(number, monkeypatch, twins.both, work)
        if silent != plain:
            differing.append((step, first_difference(plain, silent)))
        statuses[plain[-1].status] += 1
    assert differing == []
    assert statuses[HTTPStatus.OK] > FORMS_MIN, statuses


def test_no_page_tells_of_an_order_that_is_silent_before_or_after_an_erasure(
    twins: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody's pages are the same, whoever signs up anew as who was erased is answered so."""
    nobody = [each for each in steps_of(twins.world, twins.paths) if each.visitor == "nobody"]
    words = dict(zip(("name", "email", "phone"), MARKS, strict=False))

    def pages(twin: Twin) -> dict[str, Answer]:
        return twin.pages(twins.paths)

    def erased(twin: Twin) -> list[str]:
        certificates = erase(
            twin.world.house.provider.gate.gate, [twin.world.ann, twin.world.child]
        )
        twin.pass_days(40)
        return [MADE_UP.sub("…", each.text()) for each in certificates]

    for turn, work in enumerate([pages, erased, pages]):
        plain, silent = in_both(turn, monkeypatch, twins.both, work)
        assert [each for each in plain if each not in silent] == []
        if isinstance(plain, dict) and isinstance(silent, dict):
            other = {name: [plain[name]] for name in plain if plain[name] != silent[name]}
            assert [(n, first_difference(one, [silent[n]])) for n, one in other.items()] == []
        else:
            assert plain == silent
    for number, step in enumerate(nobody):
        work_again = partial(Twin.answers, step=step, words=words)
        plain_answers, silent_answers = in_both(number, monkeypatch, twins.both, work_again)
        assert first_difference(plain_answers, silent_answers) is None, step
