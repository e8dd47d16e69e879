"""What happens to somebody while a lot is under way happens to nobody else of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from practices.closings import approved, lawyers_of, run_job, terms_of
from practices.conftest import House
from practices.test_takeover_rows import aside
from practices.test_takeovers import notices, transfers
from upheld.core.ids import PersonId
from upheld.gate.erasure.erase import erase
from upheld.gate.operations.selfcheck import selfcheck
from upheld.gate.set_aside import JobTrial
from upheld.practices.takeovers.handover import Handover
from upheld.practices.takeovers.tables import takeover_parcel

Customers = list[PersonId]


def customers(house: House, many: int) -> Customers:
    """So many of them, in the order in which they are taken."""
    return sorted(house.customer(f"c{number}@marked.example") for number in range(many))


def before_lot(monkeypatch: pytest.MonkeyPatch, number: int, happens: Callable[[], object]) -> None:
    """Let something happen once people of a lot were chosen and before the lot begins."""
    whole, left = JobTrial.some, [number]

    def some(self: JobTrial, whom: Sequence[PersonId], work: Any) -> int:
        left[0] -= 1
        if left[0] == 0:
            happens()
        return whole(self, whom, work)

    monkeypatch.setattr(JobTrial, "some", some)


def problems(house: House) -> tuple[str, ...]:
    """What is not whole."""
    gate = house.provider.gate.gate
    return selfcheck(gate.engine, gate.context.keyring).problems


def test_twenty_jobs_at_once_transfer_and_tell_everybody_once(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In lots of two, so that they meet in the middle of it."""
    for module in ("coverage", "transfers"):
        monkeypatch.setattr(f"upheld.practices.takeovers.{module}.BATCH", 2)
    people, lawyers = customers(house, 5), lawyers_of(house)
    closing_id = approved(house, lawyers, terms_of(house, lawyers)).closing_id
    with ThreadPoolExecutor(4) as many:
        list(many.map(lambda _: run_job(house), range(20)))
    run_job(house)
    assert [(len(transfers(house, e)), notices(house, e)) for e in people] == [(1, 1)] * 5
    gate = house.provider.gate.gate
    done = Handover(lawyers.closings).write(gate, closing_id, tmp_path / "all.zip", lawyers.first)
    assert done.handed == 5
    assert (aside(house), problems(house)) == (set(), ())


@pytest.mark.parametrize(
    "number", [1, 2, 3], ids=["while covered", "while transferred", "while told"]
)
def test_who_is_erased_in_the_middle_of_a_lot_is_in_no_archive_and_the_others_are(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int
) -> None:
    """Whenever that is; nothing of them waits for the successor, and nobody is set aside."""
    people, lawyers = customers(house, 3), lawyers_of(house)
    closing_id = approved(house, lawyers, terms_of(house, lawyers)).closing_id
    gate = house.provider.gate.gate
    before_lot(monkeypatch, number, lambda: erase(gate, [people[1]], now=True))
    run_job(house)
    run_job(house)
    others = [people[0], people[2]]
    assert [(len(transfers(house, e)), notices(house, e)) for e in others] == [(1, 1)] * 2
    assert notices(house, people[1]) == 0
    waiting = house.do(lambda t: t.tables.select_unchecked(takeover_parcel, ["person_id"]))
    assert sorted(each for (each,) in waiting) == others
    done = Handover(lawyers.closings).write(gate, closing_id, tmp_path / "all.zip", lawyers.first)
    assert done.handed == 2
    assert (aside(house), problems(house)) == (set(), ())


def test_a_hold_that_begins_between_two_lots_changes_nothing_of_the_transfer(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The account goes as the others do, and the hold preserves what is held here."""
    people, lawyers = customers(house, 3), lawyers_of(house)
    monkeypatch.setattr("upheld.practices.takeovers.transfers.BATCH", 1)
    closing_id = approved(house, lawyers, terms_of(house, lawyers)).closing_id

    def hold() -> None:
        house.do(lambda t: t.record(people[1], "hold", fact="legal-hold"))

    before_lot(monkeypatch, 3, hold)
    run_job(house)
    assert [(len(transfers(house, e)), notices(house, e)) for e in people] == [(1, 1)] * 3
    gate, handover = house.provider.gate.gate, Handover(lawyers.closings)
    done = handover.write(gate, closing_id, tmp_path / "all.zip", lawyers.first)
    assert done.handed == len(people)
    before = house.do(lambda t: t.held_fields(people[1]))
    erase(gate, people, now=True)
    assert house.do(lambda t: t.lock_present(people)) == [people[1]]
    assert house.do(lambda t: t.held_fields(people[1])) == before
    assert (aside(house), problems(house)) == (set(), ())
