"""Who is bound by which version, for the privacy desk: the same numbers as the command's."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta

import pytest

import upheld
from gate.versions import WIDER, post, version
from practices.conftest import House
from practices.test_version_console import words
from upheld.core.ids import PersonId
from upheld.database.statements import run
from upheld.database.transaction import writing
from upheld.gate.editions.store import Edition
from upheld.gate.transaction import Transaction
from upheld.policy.load import load_text
from upheld.practices.versions import agreements, bound_pages, customer_decisions
from upheld.practices.versions.bound_report import BoundReport, bound_lines, bound_report

HERE = "/staff/bound"


def report(house: House) -> BoundReport:
    """The numbers of the command."""
    return bound_report(bound_lines(house.provider.gate.gate), house.clock.now())


@pytest.fixture(name="people")
def _people(house: House) -> list[PersonId]:
    """A customer without an agreement, one with notice, and one with approval."""
    ann, ben, cy = (house.customer(f"{each}@marked.example") for each in ("ann", "ben", "cy"))

    def work(transaction: Transaction) -> None:
        agreements.agree(transaction, ben, agreements.NOTICE)
        agreements.agree(transaction, cy, agreements.APPROVAL)

    house.do(work)
    return [ann, ben, cy]


def posted(house: House, name: str = "two", *changes: tuple[str, str]) -> Edition:
    """Post a version that allows more."""
    edition = post(house.provider.gate.gate, version(name, WIDER, *changes), wider=True)
    assert isinstance(edition, Edition)
    return edition


def table(house: House, desk: str, show: str) -> list[list[str]]:
    """The rows of the table of a filter, with its head."""
    answer = house.signed_in(desk, "staff").get(f"{HERE}.csv?show={show}")
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(answer.text)))


def test_before_another_version_everybody_is_bound_by_the_first(
    house: House, people: list[PersonId]
) -> None:
    """Nobody waits, and nothing is overdue."""
    house.provider.gate.gate.take_first_version()
    assert report(house).by_version == {1: len(people)}
    page = words(house.signed_in(house.staff("privacy"), "staff").get(HERE))
    assert "Of all 3 customers" in page
    assert "Bound by version 2026-11-01 3" in page
    assert "Nobody." in page


def test_the_page_says_whom_a_version_does_not_bind_yet_and_why(
    house: House, people: list[PersonId]
) -> None:
    """The page shows each wait as it comes and goes: for a use, a notice, and an approval."""
    ann, ben, cy = people
    edition, desk = posted(house), house.staff("privacy")
    assert report(house).by_version == {1: 3}
    assert report(house).by_reason["no-use"] == 3
    assert report(house).by_reason["notice-due"] == 1
    assert report(house).by_reason["approval-open"] == 1
    for each in people:
        house.do(lambda transaction, each=each: transaction.note_use(each))  # type: ignore[misc] # mypy knows no lambda's default
    assert report(house).by_version == {1: 2, 2: 1}
    sent = house.clock.now()
    house.do(lambda transaction: agreements.give_notice(transaction, ben, edition, sent, 30))
    numbers = report(house)
    assert (numbers.by_reason["notice-due"], numbers.by_reason["notice-runs"]) == (0, 1)
    page = words(house.signed_in(desk, "staff").get(HERE))
    assert f"{ben} Version 2026-11-01" in page
    assert "its days run until 10 April 2026" in page
    assert f"{cy} Version 2026-11-01" in page
    assert "their approval is open" in page
    assert ann not in page
    only = words(house.signed_in(desk, "staff").get(f"{HERE}?show=approval-open"))
    assert cy in only
    assert ben not in only
    house.clock.moved += timedelta(days=31)
    house.provider.gate.gate.accept_clock()
    house.do(lambda transaction: customer_decisions.approve_change(transaction, cy, edition.digest))
    assert report(house).by_version == {2: 3}


def test_what_is_overdue_is_told_by_its_terms(house: House, people: list[PersonId]) -> None:
    """A notice after a day or once it came back, an approval after thirty days."""
    _, ben, _ = people
    edition = posted(house)
    assert report(house).overdue == 0
    sent = house.clock.now()
    house.do(lambda transaction: agreements.give_notice(transaction, ben, edition, sent, 30))
    house.do(lambda transaction: agreements.take_back_notice(transaction, ben, edition))
    assert report(house).overdue == 1
    page = words(house.signed_in(house.staff("privacy"), "staff").get(f"{HERE}?show=overdue"))
    assert f"{ben} Version 2026-11-01" in page
    assert "notice is due (it came back)" in page
    house.clock.moved += timedelta(days=30)
    house.provider.gate.gate.accept_clock()
    assert report(house).overdue == 2


def test_whoever_refused_for_good_is_not_waited_for(house: House, people: list[PersonId]) -> None:
    """Their approval is neither open nor overdue, and the earlier version binds them still."""
    cy = people[2]
    edition = posted(house)
    refused = customer_decisions.REFUSED
    house.do(
        lambda transaction: customer_decisions.decide(transaction, cy, edition.digest, refused)
    )
    house.clock.moved += timedelta(days=30)
    house.provider.gate.gate.accept_clock()
    numbers = report(house)
    assert (numbers.by_reason["approval-open"], numbers.by_reason["refused"]) == (0, 1)
    assert numbers.by_version == {1: 3}
    page = words(house.signed_in(house.staff("privacy"), "staff").get(f"{HERE}?show=refused"))
    assert f"{cy} Version 2026-11-01" in page
    assert "they refused it, for good" in page
    assert cy not in words(
        house.signed_in(house.staff("counsel", sign_in="olga"), "staff").get(f"{HERE}?show=overdue")
    )


@pytest.mark.parametrize("asks", [True, False])
def test_what_the_policy_does_not_ask_for_is_no_reason(
    open_house: Callable[..., House], sample: upheld.Policy, asks: bool
) -> None:
    """Without the clause on notice nobody waits for one, whatever their agreement says."""
    notice = "agreement-needs-notice and not notice-given"
    approval = "agreement-needs-approval and not change-approved"
    text = sample.program.source
    assert text.count(notice) == 1
    if not asks:
        text = text.replace(notice, approval)
    house = open_house(load_text(text))
    ben = house.customer()
    house.do(lambda transaction: agreements.agree(transaction, ben, agreements.NOTICE))
    changed = text.replace(*WIDER).replace("version: 2026-11-01", "version: two")
    changed = changed.replace("effective: 2026-11-01\n", "")
    assert isinstance(post(house.provider.gate.gate, load_text(changed), wider=True), Edition)
    assert report(house).by_reason["notice-due"] == int(asks)
    house.do(lambda transaction: transaction.note_use(ben))
    assert report(house).by_version == {1 if asks else 2: 1}


def test_the_table_runs_nowhere_and_has_what_the_page_has(
    house: House, people: list[PersonId]
) -> None:
    """A version's name that begins like a formula is text; every filter has its rows."""
    posted(house, "'=HYPERLINK(1)'")
    desk = house.staff("privacy")
    head, *rows = table(house, desk, "waiting")
    assert head == list(bound_pages.COLUMNS)
    assert sorted(row[0] for row in rows) == sorted(people)
    assert {row[2] for row in rows} == {"'=HYPERLINK(1)"}
    assert len(table(house, desk, "notice-due")) == 2
    assert len(table(house, desk, "overdue")) == 1
    answer = house.signed_in(desk, "staff").get(f"{HERE}?show=x")
    assert answer.status_code == 404


def test_a_page_looks_at_no_more_than_it_can_bear(
    house: House, people: list[PersonId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page after page has everybody once, however few each looks at."""
    posted(house)
    monkeypatch.setattr(bound_pages, "LOOKED_MAX", 2)
    desk = house.signed_in(house.staff("privacy"), "staff")
    first = desk.get(HERE).text
    assert "Of the first 2 customers" in first
    gate, at = house.provider.gate.gate, house.clock.now()
    for most in (1, 2, 3, 4):
        monkeypatch.setattr(bound_pages, "ROWS_MAX", most)
        lines, after = [], ""
        while True:
            page = bound_pages.next_lines(gate, "waiting", after, at)
            lines += [each.person_id for each in page.lines]
            after = page.after
            if not after:
                break
        assert lines == sorted(people)


def test_whose_records_are_in_doubt_hides_nobody_else(house: House, people: list[PersonId]) -> None:
    """One whose record was taken away is told apart, and the others stand as they are."""
    _, ben, _ = people
    posted(house)
    with writing(house.provider.gate.gate.engine) as connection:
        run(
            connection,
            "DELETE FROM record WHERE person_id = ? AND kind = 'customer-agreement'",
            ben,
        )
    numbers = report(house)
    assert numbers.by_reason["in-doubt"] == 1
    assert numbers.customers == 3
    assert numbers.by_reason["approval-open"] == 1


def test_only_the_privacy_desk_counsel_and_managers_see_it(house: House) -> None:
    """Support does not, and no other role."""
    house.provider.gate.gate.take_first_version()
    for role, status in (("privacy", 200), ("counsel", 200), ("manager", 200), ("support", 403)):
        browser = house.signed_in(house.staff(role, sign_in=role), "staff")
        assert browser.get(HERE).status_code == status
        assert browser.get(f"{HERE}.csv").status_code == status
    assert house.browser().get(HERE).status_code == 303
