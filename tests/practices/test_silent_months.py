"""Months and years of jobs: what a silent hold keeps goes openly when it would without the hold.

Two copies of a provider, in one of which a court's silent orders are over a customer, show the same
to everybody but the legal desk after each clause's time, whether the account is open or closed, and
whether or not another hold, which may be told, preserves the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

import upheld
from empty import empty_database
from practices.conftest import House, send
from practices.routes import MARKS
from practices.test_collection import visits
from practices.test_holds import Held, apart, run_jobs
from practices.twins import (
    Answer,
    Copies,
    Step,
    Twin,
    copies_of,
    first_difference,
    in_both,
    steps_of,
)
from sizes import size

KINDS = size("kinds of accounts under silent orders for years", short=1, long=4)
YEARS, UNTIL_OPEN = 1500, 800  # days
MONTHS = (7, 25, 36)
VISITORS = ("nobody", "ann", "guardian", "manager", "support")
FIELDS = ("name", "email", "page-request", "transaction")
CLOSING, PASSING = 100, 200  # seeds


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What pages tell is the same on every database."""
    return empty_database(tmp_path)


@pytest.fixture
def twins(open_days: int, house: House, sample: upheld.Policy, tmp_path: Path) -> Iterator[Copies]:
    """Two copies of a world: in the second, silent orders are over Ann and a child for years."""
    yield from copies_of(house, sample, tmp_path, days=YEARS, open_days=open_days)


def told(twin: Twin, paths: dict[str, str], nobody: list[Step]) -> dict[str, list[Answer]]:
    """What everybody but the legal desk is shown, and strangers are answered."""
    words = dict(zip(("name", "email", "phone"), MARKS, strict=False))
    pages = {name: [answer] for name, answer in twin.pages(paths, VISITORS).items()}
    return pages | {str(each): twin.answers(each, words) for each in nobody}


def entries_of(twin: Twin) -> list[tuple[object, ...]]:
    """What the log says of Ann without what rests on records, whose ids differ."""
    return [
        (each.entry.kind, each.entry.action, each.entry.data, each.entry.clauses)
        for each in twin.gate.gate.entries(twin.world.ann)
        if not each.entry.evidence
    ]


def close_account(twin: Twin) -> None:
    """Let Ann close her account."""
    send(twin.world.house.signed_in(twin.world.ann), "/me/close", {"sure": "yes"})


def require_alike(copies: Copies, monkeypatch: pytest.MonkeyPatch, turn: int) -> None:
    """AssertionError where something is told otherwise where there is a silent hold."""
    nobody = [
        each
        for each in steps_of(copies.world, copies.paths)
        if each.visitor == "nobody" and "sign" in each.route
    ]
    work = partial(told, paths=copies.paths, nobody=nobody)
    plain, silent = in_both(turn, monkeypatch, copies.both, work)
    assert plain.keys() == silent.keys()
    differing = [name for name in plain if plain[name] != silent[name]]
    assert [(n, first_difference(plain[n], silent[n])) for n in differing] == [], turn
    one, other = copies.both
    assert entries_of(one) == entries_of(other)


@pytest.mark.parametrize(
    ("closed", "open_days"),
    [
        pytest.param(True, UNTIL_OPEN, id="both"),
        pytest.param(False, 0, id="open"),
        pytest.param(True, 0, id="closed"),
        pytest.param(False, UNTIL_OPEN, id="open under both"),
    ][:KINDS],
)
def test_after_months_of_jobs_nothing_tells_of_a_silent_hold(
    twins: Copies, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    """Pages, sign-in, exports, counts and entries are alike."""
    if closed:
        in_both(CLOSING, monkeypatch, twins.both, close_account)
    for earlier, months in pairwise((0, *MONTHS)):
        work = partial(Twin.pass_days, days=(months - earlier) * 31)
        in_both(PASSING + months, monkeypatch, twins.both, work)
        require_alike(twins, monkeypatch, months)


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_what_went_openly_is_released_while_a_silent_hold_lasts_and_gone_at_its_end(
    house: House, closed: bool
) -> None:
    """Three years of jobs: what nobody is shown any more a court gets, and then nobody."""
    held = Held(house, silent=True)
    if closed:
        send(held.browser, "/me/close", {"sure": "yes"})
    run_jobs(house)
    browser = house.signed_in(held.ann)
    pages = browser.get("/me/privacy/visits").text
    assert not [page for page in held.pages if f">{page}<" in pages]
    openly = house.do(lambda t: t.held_fields(held.ann))
    text = "\n".join(held.release(*FIELDS).values())
    for mark in ("Ann Marked", "ann@marked.example", "A marked boat", *held.pages):
        assert mark in text
    which = held.order.instrument_id
    house.do(lambda t: held.desk.instruments.end(t, which, held.desk.officer))
    run_jobs(house, 1)
    assert apart(house) == []
    assert not any(each.token for each in visits(house))
    after = house.do(lambda t: t.held_fields(held.ann))
    assert {*after} - {*openly} <= {"messages"}  # who may be told of the release is told
