"""Whoever pays may change within a month: each day is billed once, to whoever owed it then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import upheld
from practices.bills import PLANS, address, history, job, later, order, today
from practices.conftest import House, send
from practices.test_guardians import family
from practices.test_parts_of_a_month import MONTHS, PRICES, changing, to_the_first
from upheld.core.ids import PersonId, RecordId
from upheld.gate.erasure.erase import erase
from upheld.practices.accounts import domain
from upheld.practices.billing.plans import ServicePlan
from upheld.practices.billing.proration import DAY, Month, Span, lines_of, month_of, share
from upheld.practices.billing.services import ServicePeriod
from upheld.practices.guardians.jobs import birthdays

CENTS = PLANS["dsl-10"].cents


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


@given(changing(), st.data())
def test_a_month_that_is_billed_in_parts_costs_what_it_costs_at_once(
    story: tuple[Month, list[ServicePeriod], dict[str, ServicePlan]], data: st.DataObject
) -> None:
    """Wherever a month is cut and however often plans change, no cent is lost or made."""
    month, had, plans = story
    cuts = sorted(data.draw(st.sets(st.integers(1, month.days - 1), max_size=28)))
    edges = [month.first, *(month.first + each * DAY for each in cuts), month.after]
    parts = [
        sum(line.cents for line in lines_of(had, plans, month, span=Span(first, after)))
        for first, after in pairwise(edges)
    ]
    assert sum(parts) == sum(line.cents for line in lines_of(had, plans, month))


@given(st.sampled_from(MONTHS), PRICES, st.data())
def test_free_days_and_others_add_up_however_they_are_cut(
    month: Month, cents: int, data: st.DataObject
) -> None:
    """Days that are free stay free, and the others cost their days, in one part or many."""
    days = [month.first + n * DAY for n in range(month.days)]
    free = dict.fromkeys(data.draw(st.sets(st.sampled_from(days))), "free")
    cut = data.draw(st.sampled_from(days))
    plans = {"a": ServicePlan("a", "dsl", "a", cents)}
    had = [ServicePeriod("dsl", "a", month.first - DAY, None, RecordId(""))]
    total = sum(
        line.cents
        for span in (Span(month.first, cut), Span(cut, month.after))
        for line in lines_of(had, plans, month, free, span)
    )
    assert total == sum(share(cents, day, day, month) for day in days if day not in free)


def costs(house: House, guardian: PersonId, minor: PersonId, how: str) -> None:
    """Let a guardian accept the costs on their page, or take that back."""
    answer = send(house.signed_in(guardian), f"/me/family/{minor}", {"what": "costs", "how": how})
    assert answer.status_code == 303


def to_the_minute(house: House, day: date, hour: time) -> None:
    """Let it be a time of a day, in the zone of the house's clock."""
    at = datetime.combine(day, hour, house.clock.zone)
    house.clock.moved += at - house.clock.now()


def in_the_next_month(house: House) -> tuple[PersonId, PersonId, Month]:
    """A guardian and a minor who has a plan from the first of a month on."""
    guardian, minor, _ = family(house)
    to_the_first(house)
    order(house, minor, "dsl-10")
    return guardian, minor, month_of(today(house))


def invoice_amounts(house: House, *payers: PersonId) -> list[int]:
    """The amounts of all invoices in some people's books, one person's after another's."""
    return [each.cents for payer in payers for each in history(house, payer).invoices]


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_a_guardian_who_withdraws_owes_what_was_used_before(house: House) -> None:
    """The bill comes at once, up to that day; nothing is charged for the days after it."""
    guardian, minor, month = in_the_next_month(house)
    later(house, 11)
    costs(house, guardian, minor, "withdraw")
    (bill,) = history(house, guardian).invoices
    assert bill.cents == share(CENTS, month.first, month.first + 10 * DAY, month)
    page_text = house.signed_in(guardian).get(f"/me/balance/{bill.number}").text
    assert "a minor in your care, whose costs you accepted" in page_text
    costs(house, guardian, minor, "withdraw")
    to_the_first(house)
    assert job(house, "invoices") == 1
    to_the_first(house)
    job(house, "invoices")
    assert invoice_amounts(house, guardian, minor) == [bill.cents]


def test_costs_that_are_accepted_again_are_billed_from_that_day_on(house: House) -> None:
    """The days between cost nothing, and the bill says why; the rest adds up to the cent."""
    guardian, minor, month = in_the_next_month(house)
    later(house, 9)
    costs(house, guardian, minor, "withdraw")
    later(house, 10)
    costs(house, guardian, minor, "give")
    to_the_first(house)
    job(house, "invoices")
    first, last = history(house, guardian).invoices
    assert first.cents == share(CENTS, month.first, month.first + 8 * DAY, month)
    assert last.cents == share(CENTS, month.first + 19 * DAY, month.after - DAY, month)
    assert "not charged: nobody accepted the costs" in (
        house.signed_in(guardian).get(f"/me/balance/{last.number}").text
    )


def test_withdrawing_every_evening_makes_no_day_free(house: House) -> None:
    """Whoever takes it back each evening and gives it again each morning pays the whole month."""
    guardian, minor, month = in_the_next_month(house)
    for day in range(5):
        to_the_minute(house, month.first + day * DAY, time(23, 58))
        costs(house, guardian, minor, "withdraw")
        to_the_minute(house, month.first + (day + 1) * DAY, time(0, 2))
        costs(house, guardian, minor, "give")
    to_the_first(house)
    job(house, "invoices")
    free = share(CENTS, month.first, month.first, month)  # the day on which it was taken back first
    assert CENTS - free <= sum(invoice_amounts(house, guardian, minor)) <= CENTS


def test_a_guardian_who_is_erased_owes_what_was_used_before(house: House) -> None:
    """Their debt is kept for it, and the minor, whom nobody looks after, is billed for nothing."""
    guardian, minor, month = in_the_next_month(house)
    later(house, 11)
    erase(house.provider.gate.gate, [guardian], now=True)
    assert invoice_amounts(house, guardian) == [
        share(CENTS, month.first, month.first + 10 * DAY, month)
    ]
    to_the_first(house)
    job(house, "invoices")
    assert invoice_amounts(house, minor) == []


def test_whoever_comes_of_age_pays_from_their_birthday_on(house: House) -> None:
    """What was used before stays the guardian's."""
    guardian, minor, _ = family(house)
    house.clock.moved = timedelta(days=2 * 365 - 70)
    house.do(lambda transaction: transaction.accept_clock(house.clock.now()))
    order(house, minor, "dsl-10")
    start = today(house)
    run = birthdays(house.provider)
    while not run(house.provider.gate.gate):
        later(house, 1)
    birthday = today(house)
    to_the_first(house)
    job(house, "invoices")

    def part(first: date, after: date) -> int:
        had = [ServicePeriod("dsl", "dsl-10", start, None, RecordId(""))]
        months = [month_of(start)]
        while months[-1].after < after:
            months.append(month_of(months[-1].after))
        return sum(
            line.cents
            for month in months
            for line in lines_of(
                had, PLANS, month, span=Span(max(first, month.first), min(after, month.after))
            )
        )

    assert birthday > start
    assert sum(invoice_amounts(house, guardian)) == part(start, birthday)
    assert sum(invoice_amounts(house, minor)) == part(birthday, month_of(today(house)).first)


@pytest.mark.parametrize("leaves", [True, False])
def test_a_member_is_billed_to_whoever_paid_on_each_day(house: House, *, leaves: bool) -> None:
    """Who comes into a household brings no old bill, and who leaves it leaves none behind."""
    holder, member = house.customer("hal@marked.example"), house.customer("mia@marked.example")
    before, after = (holder, member) if leaves else (member, holder)
    if leaves:
        house.do(lambda transaction: domain.set_holder(house.provider, transaction, member, holder))
    to_the_first(house)
    order(house, member, "dsl-10")
    month = month_of(today(house))
    later(house, 20)
    for _ in range(2):
        house.do(lambda transaction: domain.set_holder(house.provider, transaction, member, after))
    assert invoice_amounts(house, before) == [
        share(CENTS, month.first, month.first + 19 * DAY, month)
    ]
    to_the_first(house)
    job(house, "invoices")
    assert invoice_amounts(house, after) == [CENTS - invoice_amounts(house, before)[0]]
    to_the_first(house)
    job(house, "invoices")
    assert invoice_amounts(house, after)[1:] == [CENTS]
    assert len(invoice_amounts(house, before)) == 1


def test_a_minor_without_accepted_costs_leaves_no_household_to_be_billed(house: House) -> None:
    """To take the costs back makes nobody a payer who is under age."""
    guardian, minor, browser = family(house)
    costs(house, guardian, minor, "withdraw")
    for each in (browser, house.signed_in(guardian)):
        send(each, "/me/household/end", {"member": minor}, "/me")
        send(each, "/me/household/end", {}, "/me")
    account = house.do(lambda transaction: domain.account_of(transaction.tables, minor))
    assert account is not None
    assert account.holder == guardian


def test_the_last_evening_of_a_month_is_billed_in_any_zone(
    open_house: Callable[..., House], sample: upheld.Policy
) -> None:
    """Somebody who orders late on the last day, when it is the next month elsewhere, pays it."""
    house = open_house(sample, zone=ZoneInfo("America/Los_Angeles"))
    person = house.customer()
    month = month_of(today(house))
    to_the_minute(house, month.after - DAY, time(20))
    order(house, person, "dsl-10")
    later(house, 3)
    job(house, "invoices")
    assert invoice_amounts(house, person) == [
        share(CENTS, month.after - DAY, month.after - DAY, month)
    ]
