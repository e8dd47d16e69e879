"""Everybody brought into groups, lot by lot, by two processes: as the policy says of each alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practices.ads import WOMEN, advertiser, booked
from practices.conftest import House
from upheld.core.ids import PersonId
from upheld.gate.erasure.erase import erase
from upheld.gate.gate import Gate
from upheld.gate.transaction import GateTransaction
from upheld.practice import bands
from upheld.practices.ads import audience, segments
from upheld.practices.ads.matching import Mask
from upheld.practices.ads.tables import ad_segment
from upheld.vault import opened_ahead
from upheld.vault.opened_ahead import OpenedAhead

FIELDS: Final = ("birth-date", "gender", "zip")
NAMES: Final = itertools.count()
BROAD: Final = {**WOMEN, "zip": ["982"]}
ONE: Final = st.tuples(
    st.dates(date(1930, 1, 1), date(2026, 1, 1)) | st.none(),
    st.sampled_from(["female", "male", "other", ""]),
    st.sampled_from(["98225", "98201", "10001", ""]),
    st.sampled_from(["", "", "opt-out", "signal"]),
)
CRITERIA: Final = st.fixed_dictionaries(
    {},
    optional={
        "age-range": st.lists(
            st.sampled_from([word for word, _ in bands.options("age-range")]), min_size=1
        ),
        "gender": st.lists(st.sampled_from(["women", "men"]), min_size=1),
        "zip": st.lists(st.sampled_from(["982", "100"]), min_size=1),
    },
).filter(bool)  # what is meant for anybody is not counted


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process for few people, too, and small lots, of which one transaction reads any."""
    monkeypatch.setattr(opened_ahead, "is_worth_it", lambda _: True)
    monkeypatch.setattr(segments, "BATCH", 7)
    monkeypatch.setattr(segments, "FEW", 1_000)


def bring(transaction: GateTransaction, *words: str | date | None) -> PersonId:
    """Somebody of a birth date, a gender, an area and a choice, each of which may be missing."""
    person, (born, gender, area, choice) = transaction.enrol(), words
    words_of_each = {"birth-date": born and str(born), "gender": gender, "zip": area}
    values = {name: str(value) for name, value in words_of_each.items() if value}
    if values:
        transaction.bring(person, values)
    if choice:
        fact = {"opt-out": "advertising-opt-out", "signal": "privacy-signal"}[str(choice)]
        transaction.record(person, str(choice), fact=fact)
    return person


def a_crowd(transaction: GateTransaction, size: int = 40) -> list[PersonId]:
    """Some whom every group of theirs has, in the order of their ids."""
    return sorted(bring(transaction, "1990-02-01", "female", "98225", "") for _ in range(size))


def naively(house: House, criteria: bands.Criteria) -> int:
    """How many people are in a group by the definition: each is asked about and read alone."""

    def work(transaction: GateTransaction) -> int:
        number = 0
        for each in transaction.customers_after("", 10_000):
            fields = bands.fields_of(criteria)
            permitted = audience.permitted_each(transaction, [each], fields)
            whole = {p: g for p, g in permitted.items() if {*fields} <= g.keys()}
            masks = audience.read_masks(transaction, whole)
            number += sum(bool(m) and bands.meets(criteria, m) for m in masks.values())
        return number

    return house.do(work)


def counted(house: House, criteria: bands.Criteria) -> int:
    """How many the bitmaps that are kept say."""
    return house.do(lambda t: segments.current(t, criteria)).count(criteria)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=8
)
@given(st.lists(ONE, max_size=25), st.lists(CRITERIA, min_size=1, max_size=4))
def test_groups_have_those_whom_the_policy_lets_each_of_them_have(
    house: House,
    people: list[tuple[date | None, str, str, str]],
    some: list[dict[str, list[str]]],
) -> None:
    """Of all ages and of none, in part or not at all told, opted out or by a signal."""
    gate = house.provider.gate.gate
    house.do(lambda t: t.tables.delete(ad_segment, "word = ?", segments.WORD))
    house.do(lambda t: [bring(t, *each) for each in people])
    booked(house, advertiser(house, f"Pine {next(NAMES)}"), BROAD)
    segments.make(gate)
    for criteria in [BROAD, *some]:
        assert counted(house, criteria) == naively(house, criteria)


def between_lots(gate: Gate, at: int, work: Callable[[], object]) -> Gate:
    """A gate of which something is done before so many transactions were begun."""
    calls = itertools.count()

    def together(*ahead: OpenedAhead) -> AbstractContextManager[GateTransaction]:
        if next(calls) == at:
            work()
        return gate.together(*ahead)

    return cast("Gate", SimpleNamespace(together=together, opening_ahead=gate.opening_ahead))


@pytest.mark.parametrize("killed", [False, True])
def test_whoever_opts_out_or_changes_before_their_lot_is_in_no_group_as_they_were(
    house: House, killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though they were opened ahead; also where the other process was killed in the same moment."""
    gate, people = house.provider.gate.gate, house.do(a_crowd)
    booked(house, advertiser(house), BROAD)
    opened: list[OpenedAhead] = []
    real = Gate.opening_ahead

    def opening(*each: Any) -> OpenedAhead:
        opened.append(real(*each))
        return opened[-1]

    monkeypatch.setattr(Gate, "opening_ahead", opening)

    def change() -> None:
        def work(transaction: GateTransaction) -> None:
            transaction.record(people[-1], "opt-out", fact="advertising-opt-out")
            transaction.bring(people[-2], {"gender": "male"})
            transaction.bring(people[-3], {"birth-date": "2016-02-01"})

        house.do(work)
        erase(gate, [people[-4]], now=True)
        house.do(lambda t: t.tables.insert(ad_segment, **bitmaps))
        if killed and opened[-1].helper is not None:
            opened[-1].helper.kill()

    bitmaps: dict[str, object] = {}

    def begin() -> None:
        (row,) = house.do(lambda t: t.tables.select(ad_segment))
        bitmaps.update(word=row.word, made_at=row.made_at, sealed=b"")
        change()

    assert segments.make(between_lots(gate, 2, begin)) == len(people) - 3
    assert counted(house, BROAD) == len(people) - 4 == naively(house, BROAD)


def opt_out(transaction: GateTransaction, person: PersonId) -> None:
    """Turn advertisements by what is known of somebody off."""
    transaction.record(person, "opt-out", fact="advertising-opt-out")


def signal(transaction: GateTransaction, person: PersonId) -> None:
    """A browser says no for somebody."""
    transaction.record(person, "signal", fact="privacy-signal")


def grow_young(transaction: GateTransaction, person: PersonId) -> None:
    """Correct the birth date to that of a child."""
    transaction.bring(person, {"birth-date": "2016-02-01"})


def opt_in_again(transaction: GateTransaction, person: PersonId) -> None:
    """Say no, and take it back."""
    record = transaction.record(person, "opt-out", fact="advertising-opt-out")
    transaction.withdraw(person, record)


@pytest.mark.parametrize(
    ("change", "fewer"), [(opt_out, 1), (signal, 1), (grow_young, 1), (opt_in_again, 0)]
)
def test_whoever_says_no_after_their_lot_was_read_is_in_no_count_from_then_on(
    house: House, change: Callable[[GateTransaction, PersonId], None], fewer: int
) -> None:
    """While the others are brought in, or afterwards; whoever comes new is in it."""
    gate, people = house.provider.gate.gate, house.do(a_crowd)
    booked(house, advertiser(house), BROAD)
    during = between_lots(gate, 4, lambda: house.do(lambda t: change(t, people[0])))
    assert segments.make(during) == len(people)
    assert counted(house, BROAD) == len(people) - fewer == naively(house, BROAD)
    house.do(lambda t: change(t, people[-1]))
    assert counted(house, BROAD) == len(people) - 2 * fewer == naively(house, BROAD)
    house.do(lambda t: a_crowd(t, 3))
    assert counted(house, BROAD) == len(people) + 3 - 2 * fewer == naively(house, BROAD)


def test_only_the_lots_in_which_somebody_changed_are_read_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each once, since what was read anew is kept for whoever counts next."""
    gate, people = house.provider.gate.gate, house.do(a_crowd)
    booked(house, advertiser(house), BROAD)
    segments.make(gate)
    lots: list[int] = []
    real = audience.read_crowd

    def reading(
        transaction: GateTransaction, crowd: Sequence[PersonId], *rest: Any
    ) -> Iterator[tuple[Sequence[str], Mask]]:
        lots.append(len(crowd))
        return real(transaction, crowd, *rest)

    monkeypatch.setattr(audience, "read_crowd", reading)
    house.do(lambda t: opt_out(t, people[10]))
    assert [counted(house, BROAD) for _ in range(3)] == [len(people) - 1] * 3
    assert lots == [segments.BATCH]
    house.clock.moved += timedelta(minutes=61)  # it lasts no longer for having been read anew
    assert counted(house, BROAD) == len(people) - 1
    assert sum(lots) == segments.BATCH + len(people)


def test_bitmaps_that_were_made_under_two_policies_or_on_two_days_are_not_kept(
    house: House,
) -> None:
    """Another day begins between two lots: what was decided before it is of no use."""
    gate = house.provider.gate.gate
    people = house.do(a_crowd)
    booked(house, advertiser(house), BROAD)

    def pass_on() -> None:
        house.clock.moved += timedelta(days=1)

    assert segments.make(between_lots(gate, 3, pass_on)) == 0
    assert house.do(lambda t: t.tables.select(ad_segment)) == []
    assert segments.make(gate) == len(people) == counted(house, BROAD)


def test_twenty_jobs_at_once_leave_one_whole_row_of_bitmaps(house: House) -> None:
    """One of them makes it, whom the others leave to it."""
    gate, people = house.provider.gate.gate, house.do(a_crowd)
    booked(house, advertiser(house), BROAD)
    with ThreadPoolExecutor(20) as pool:
        numbers = [each.result() for each in [pool.submit(segments.make, gate) for _ in range(20)]]
    assert sorted(numbers) == [0] * 19 + [len(people)]
    (row,) = house.do(lambda t: t.tables.select(ad_segment))
    assert row.sealed
    assert counted(house, BROAD) == len(people) == naively(house, BROAD)


def test_a_job_that_is_killed_between_two_lots_leaves_nothing_half_done(house: House) -> None:
    """Its row is empty, so that nothing is counted on it; once that is old, a job begins anew."""
    gate, people = house.provider.gate.gate, house.do(a_crowd)
    booked(house, advertiser(house), BROAD)

    class KilledError(BaseException):
        """As a process that is gone: nothing is tidied up in the database."""

    def kill() -> None:
        raise KilledError

    with pytest.raises(KilledError):
        segments.make(between_lots(gate, 4, kill))
    (row,) = house.do(lambda t: t.tables.select(ad_segment))
    assert row.sealed == b""
    assert house.do(segments._standing) is None
    assert segments.make(gate) == 0
    house.clock.moved += segments.SILENT
    assert segments.make(gate) == len(people) == counted(house, BROAD)
