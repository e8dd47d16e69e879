"""Whatever anybody sends: the answer is the same with and without an order that nobody may tell of.

One provider with everybody in it is copied. In one copy a court's orders, to preserve and to give,
are over a customer and a minor; in the other over two people whom no visitor looks at, so that the
ledger has as many entries. Then each form of each page is sent in both, as each visitor who has it,
and each command is run that reads the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import unified_diff
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

import upheld
from empty import empty_database
from practices.commands_compared import (
    APART,
    COMPARED,
    OF_PEOPLE,
    answers_of,
    commands_that_read,
)
from practices.conftest import House
from practices.routes import MARKS
from practices.twins import (
    FORMS_MIN,
    MADE_UP,
    Answer,
    Copies,
    Step,
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


def _difference(plain: Any, silent: Any) -> Any:
    """What is told otherwise: by a page, by some, or by lines that a command prints."""
    if isinstance(plain, Answer):
        return first_difference([plain], [silent])
    if isinstance(plain[0], Answer):
        return first_difference(plain, silent)
    return [*unified_diff(plain, silent, n=0)]


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


def test_each_command_that_reads_is_compared_or_an_exception_with_a_reason() -> None:
    """Of those that are given a provider's settings and that nobody signs."""
    assert commands_that_read() == COMPARED.keys() | APART.keys()
    assert COMPARED.keys().isdisjoint(APART)


def test_nothing_tells_of_an_order_that_is_silent_before_or_after_an_erasure(
    twins: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages, what commands print, and how whoever signs up anew as who was erased is answered."""
    nobody = [each for each in steps_of(twins.world, twins.paths) if each.visitor == "nobody"]
    words = dict(zip(("name", "email", "phone"), MARKS, strict=False))

    def pages(twin: Twin) -> dict[str, Answer]:
        return twin.pages(twins.paths)

    def dropped(twin: Twin) -> dict[str, Any]:
        twin.world.house.do(lambda t: t.drop(twin.world.ann, ["occupation"]))
        twin.pass_days(120)
        look = Step("POST /staff/safeguards", "manager", "/staff/safeguards", "/staff/safeguards")
        return {**answers_of(twin), look.route: twin.answers(look, {})}

    def erased(twin: Twin) -> list[str]:
        certificates = erase(
            twin.world.house.provider.gate.gate, [twin.world.ann, twin.world.child]
        )
        twin.pass_days(40)
        return [MADE_UP.sub("…", each.text()) for each in certificates]

    def of_people(twin: Twin) -> dict[str, list[str]]:
        return answers_of(twin, *OF_PEOPLE)

    for turn, work in enumerate([pages, dropped, erased, pages, of_people]):
        plain, silent = in_both(turn, monkeypatch, twins.both, work)
        assert [each for each in plain if each not in silent] == []
        if isinstance(plain, dict) and isinstance(silent, dict):
            other = [name for name in plain if plain[name] != silent[name]]
            assert [(name, _difference(plain[name], silent[name])) for name in other] == []
        else:
            assert plain == silent
    for number, step in enumerate(nobody):
        work_again = partial(Twin.answers, step=step, words=words)
        plain_answers, silent_answers = in_both(number, monkeypatch, twins.both, work_again)
        assert first_difference(plain_answers, silent_answers) is None, step
