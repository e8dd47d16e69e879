"""Notices of transfers that are written by lots are those that would be written one by one."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from empty import empty_database
from practices.closings import approved, lawyers_of, run_job, terms_of
from practices.conftest import House, houses
from practices.test_takeover_rows import aside, without_keys
from practices.test_takeovers import notices
from upheld.database.errors import DatabaseError, database_error
from upheld.demo import sample_policy
from upheld.policy.load import load_text
from upheld.practice import outbox
from upheld.practice.tables import outbox as mails_waiting
from upheld.practices.takeovers import transfers
from upheld.practices.takeovers.coverage import Coverage
from upheld.practices.takeovers.tables import takeover_account

NAMES = ("ann", "bo", "cy")
RULES = (
    "may not contact for administrative-message when advertising-opt-out",
    "may not notify-transfer when advertising-opt-out",
    "may not store messages for administrative-message when advertising-opt-out",
)


def after(folder: Path, rule: str) -> list[Any]:
    """What became of the notices of three people, of whom the one in the middle opted out."""
    folder.mkdir()
    text = Path(sample_policy()).read_text(encoding="utf-8")
    head, mark, tail = text.partition("We may combine what we hold about you with what")
    its = load_text(f"{head}Opted out. {{#no-word}}\n\n```rule\n{rule}\n```\n\n{mark}{tail}")
    with contextmanager(houses)(empty_database(folder), folder) as opening:
        house = opening(its)
        people = [house.customer(f"{each}@marked.example") for each in NAMES]
        house.do(lambda t: t.record(people[1], "opt-out", fact="advertising-opt-out"))
        lawyers = lawyers_of(house)
        approved(house, lawyers, terms_of(house, lawyers))
        run_job(house)
        run_job(house)
        return [of(house, each) for each in people]


def of(house: House, person: Any) -> list[Any]:
    """What there is of somebody's notice: its state, entries, letters, mails, and what is owed."""

    def look(transaction: Any) -> list[Any]:
        (row,) = transaction.tables.select(takeover_account, "person_id = ?", person)
        mails = transaction.tables.select(mails_waiting, "person_id = ?", person)
        owed = transaction.obligations.owed(["transfer-notice"])
        return [
            row.notice,
            [each.template for each in mails].count(transfers.NEWS),
            [each.person_id for each in owed].count(person),
        ]

    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    told = [(e.action, e.outcome) for e in entries if e.action in {"contact", "notify-transfer"}]
    letters = sum(e.action == "store" and e.data == ("messages",) for e in entries)
    return [*house.do(look), notices(house, person), sorted(told), letters]


@pytest.mark.parametrize("rule", RULES)
def test_who_may_not_be_told_keeps_nobody_else_of_the_lot_from_their_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    """Whatever forbids it: they are barred as they would be alone, and the others told once."""
    together = after(tmp_path / "together", rule)
    monkeypatch.setattr(transfers, "BATCH", 1)
    assert together == after(tmp_path / "alone", rule)
    assert [each[0] for each in together] == ["sent", "refused", "sent"]
    assert [each[1] for each in together] == [1, 0, 1]


def test_a_notice_that_cannot_be_written_costs_the_others_of_its_lot_nothing(house: House) -> None:
    """Somebody's row was changed without the keys: they are set aside, the others told once."""
    people = [house.customer(f"{each}@marked.example") for each in NAMES]
    lawyers = lawyers_of(house)
    closing_id = approved(house, lawyers, terms_of(house, lawyers)).closing_id
    closing = house.do(lambda t: lawyers.closings.require(t.tables, closing_id))
    gate, job = house.provider.gate.gate, transfers.Transfers(lawyers.closings)
    Coverage(lawyers.closings).cover(gate, closing)
    closing = house.do(lambda t: lawyers.closings.require(t.tables, closing_id))
    assert job.move(gate, closing) == len(people)
    assert without_keys(
        house, "UPDATE takeover_account SET entry = 7 WHERE person_id = ?", people[1]
    )
    assert job.notify(gate, closing) == len(people) - 1
    assert [notices(house, each) for each in people] == [1, 0, 1]
    assert aside(house) == {people[1]}


def test_a_full_disk_in_the_middle_of_a_lot_leaves_no_notice_of_it_and_the_next_run_writes_each(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Letters, mails and what is owed are of one transaction."""
    people = [house.customer(f"{each}@marked.example") for each in NAMES]
    lawyers = lawyers_of(house)
    approved(house, lawyers, terms_of(house, lawyers))
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "queue_each", _full)
        with pytest.raises(DatabaseError):
            run_job(house)
    assert [of(house, each)[:2] for each in people] == [["owed", 0]] * len(people)
    assert [of(house, each)[-1] for each in people] == [0] * len(people)
    run_job(house)
    run_job(house)
    assert [of(house, each)[:2] for each in people] == [["sent", 1]] * len(people)
    assert [notices(house, each) for each in people] == [1] * len(people)


def _full(*_: object, **__: object) -> None:
    raise database_error("disk-full")
