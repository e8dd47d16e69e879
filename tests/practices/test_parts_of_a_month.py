"""Parts of a month: each day costs once, and whatever the changes of plan they add up to it."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practices.bills import PLANS, address, history, job, later, make_holder, order, today
from practices.conftest import House
from sizes import size
from upheld.core.ids import PersonId, RecordId
from upheld.database import rows as database
from upheld.database.engines import open_database
from upheld.database.schema import migrate, upgrade
from upheld.database.statements import rows, run
from upheld.database.transaction import writing
from upheld.gate.erasure import erase
from upheld.gate.transaction import GateTransaction
from upheld.practices.billing import services
from upheld.practices.billing.plans import ServicePlan
from upheld.practices.billing.proration import DAY, Month, lines_of, month_of, plan_days, share
from upheld.practices.billing.services import ServicePeriod
from upheld.practices.billing.tables import invoice

MONTHS = [
    month_of(day)
    for day in (
        date(2026, 1, 9),
        date(2026, 2, 3),
        date(2028, 2, 3),
        date(2026, 4, 30),
        date(2027, 12, 31),
    )
]
BEFORE = "0014"  # the revision before invoices were found by who pays them
PRICES = st.integers(0, 100_000)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


@st.composite
def changing(draw: st.DrawFn) -> tuple[Month, list[ServicePeriod], dict[str, ServicePlan]]:
    """A service that is there all month, its plan changed as often as there are days and more."""
    month = draw(st.sampled_from(MONTHS))
    most = size("changes of plan in a month", short=28, long=62)
    days = sorted(draw(st.lists(st.integers(0, month.days - 1), max_size=most)))
    starts = [month.first - DAY, *(month.first + timedelta(days=each) for each in days)]
    ends = [*starts[1:], draw(st.sampled_from([None, month.after, month.after + DAY]))]
    plans = [draw(st.sampled_from("ab")) for _ in starts]
    cents = {"a": draw(PRICES), "b": draw(PRICES)}
    had = [
        ServicePeriod("dsl", plan, since, until, RecordId(""))
        for plan, since, until in zip(plans, starts, ends, strict=True)
    ]
    return month, had, {name: ServicePlan(name, "dsl", name, each) for name, each in cents.items()}


@given(changing())
def test_the_parts_of_a_month_add_up_to_it(
    case: tuple[Month, list[ServicePeriod], dict[str, ServicePlan]],
) -> None:
    """Each day costs once, by the plan with which it ended; with one price it is the month's."""
    month, had, plans = case
    cost = sum(line.cents for line in lines_of(had, plans, month))
    days = plan_days(had, month)["dsl"]
    assert sorted(days) == [month.first + n * DAY for n in range(month.days)]
    assert cost == sum(share(plans[plan].cents, day, day, month) for day, plan in days.items())
    same = {name: plan.__class__(name, "dsl", name, 2990) for name, plan in plans.items()}
    assert sum(line.cents for line in lines_of(had, same, month)) == 2990


@given(st.sampled_from(MONTHS), PRICES, st.data())
def test_two_parts_cost_what_they_cost_as_one(
    month: Month, cents: int, data: st.DataObject
) -> None:
    """Wherever a span of days is cut, and however often, no cent is lost or made."""
    last = data.draw(st.integers(0, month.days - 1))
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, last)), max_size=28)) - {0})
    edges = [0, *(cut for cut in cuts if cut <= last), last + 1]
    parts = [
        share(cents, month.first + a * DAY, month.first + (b - 1) * DAY, month)
        for a, b in pairwise(edges)
    ]
    assert sum(parts) == share(cents, month.first, month.first + last * DAY, month)
    assert all(part >= 0 for part in parts)
    assert share(cents, month.first, month.after - DAY, month) == cents


def test_a_service_that_is_ordered_and_ended_every_day_is_not_free() -> None:
    """Each day costs, so that nobody has a service for nothing by ending it before midnight."""
    month = month_of(date(2026, 11, 1))
    days = [month.first + n * DAY for n in range(30)]
    had = [ServicePeriod("dsl", "dsl-10", day, day, RecordId("")) for day in days]
    assert sum(line.cents for line in lines_of(had, PLANS, month)) == PLANS["dsl-10"].cents
    again = [each for each in had for _ in range(3)]
    assert sum(line.cents for line in lines_of(again, PLANS, month)) == PLANS["dsl-10"].cents


def test_days_on_which_nobody_could_be_served_cost_nothing() -> None:
    """They have a line that says so, and the other days cost what they cost anyway."""
    month = month_of(date(2026, 11, 1))
    had = [ServicePeriod("dsl", "dsl-10", date(2026, 10, 1), None, RecordId(""))]
    out = dict.fromkeys([date(2026, 11, day) for day in range(11, 21)], "suspended")
    items = [(line.text, line.cents) for line in lines_of(had, PLANS, month, out)]
    assert items == [
        ("DSL 10, 1 to 10 November 2026", 996),
        ("DSL 10, 11 to 20 November 2026, suspended", 0),
        ("DSL 10, 21 to 30 November 2026", 997),
    ]


def in_care(house: House) -> tuple[PersonId, PersonId, RecordId]:
    """A guardian, a minor of theirs, and the record of the permission that they gave."""
    guardian = house.customer("guardian@marked.example")
    born = (today(house) - timedelta(days=16 * 366)).isoformat()
    minor = house.customer("minor@marked.example", born)

    def work(transaction: GateTransaction) -> RecordId:
        make_holder(transaction, minor, guardian)
        for kind in ("guardian-link", "guardian-costs"):
            transaction.record(minor, kind)
        return transaction.record(minor, "guardian-consent")

    return guardian, minor, house.do(work)


def to_the_first(house: House) -> None:
    """Let the days pass until the first of the next month."""
    later(house, (month_of(today(house)).after - today(house)).days)


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_a_suspended_minor_is_billed_for_the_days_before(house: House) -> None:
    """The guardian's bill says whose use it is and why, and what cost nothing since when."""
    guardian, minor, consent = in_care(house)
    to_the_first(house)
    order(house, minor, "dsl-10")
    month = month_of(today(house))
    later(house, 10)
    house.do(lambda transaction: transaction.withdraw(minor, consent))
    later(house, month.days - 10)
    job(house, "invoices")
    (bill,) = history(house, guardian).invoices
    assert bill.cents == share(2990, month.first, month.first + 9 * DAY, month)
    page_text = house.signed_in(guardian).get(f"/me/balance/{bill.number}").text
    assert "suspended" in page_text
    assert "a minor in your care, whose costs you accepted" in page_text
    number = house.do(
        lambda transaction: rows(
            transaction.connection, "SELECT number FROM account WHERE person_id = ?", minor
        )
    )[0][0]
    assert number in page_text
    assert number in house.signed_in(guardian).get("/me/balance").text
    to_the_first(house)
    job(house, "invoices")
    assert len(history(house, guardian).invoices) == 1


def test_what_the_books_gave_out_stays_theirs(house: House) -> None:
    """A child's erasure takes nothing from the guardian's books, and no number comes twice."""
    guardian, minor, _ = in_care(house)
    other = house.customer("other@marked.example")
    order(house, minor, "dsl-10")
    to_the_first(house)
    job(house, "invoices")
    before = history(house, guardian)
    assert len(before.invoices) == 1
    house.do(lambda transaction: services.end_all(transaction, minor))
    erase.erase(house.provider.gate.gate, [minor], now=True)
    assert history(house, guardian) == before
    later(house, 16)
    assert job(house, "due invoices") == 1
    assert "has been due since" in house.signed_in(guardian).get("/me").text
    order(house, other, "phone")
    to_the_first(house)
    job(house, "invoices")
    assert history(house, other).invoices[0].number > before.invoices[0].number


def test_a_number_of_somebody_erased_is_never_given_out_again(house: House) -> None:
    """The last invoice of a year goes with its person, and the next has the number after it."""
    first, second = house.customer(), house.customer("bea@marked.example")
    order(house, first, "phone")
    to_the_first(house)
    job(house, "invoices")
    erased_number = history(house, first).invoices[0].number
    house.do(
        lambda transaction: database.delete(transaction.connection, invoice, "person_id = ?", first)
    )
    order(house, second, "phone")
    to_the_first(house)
    job(house, "invoices")
    assert history(house, second).invoices[0].number > erased_number


@pytest.mark.parametrize("empty_database_url", ["sqlite", "postgresql"], indirect=True)
def test_invoices_of_before_are_brought_over(empty_database_url: str) -> None:
    """Who pays has the invoice, who used has the month, and the numbers go on."""
    engine = open_database(empty_database_url)
    with writing(engine) as connection:
        upgrade(connection, BEFORE)
        for value in (
            ("child", "2026-01", "guardian", "2026-1002", 5, "due"),
            ("guardian", "2026-01", "guardian", "2026-1001", 5, "paid"),
            ("child", "2026-02", "guardian", None, None, "refused"),
            ("other", "2026-02", "other", None, None, "none"),
            ("child", "2025-12", "", "2025-1003", 5, "due"),
        ):
            run(connection, "INSERT INTO invoice VALUES (?, ?, ?, ?, ?, ?)", *value)
    migrate(engine)
    with writing(engine) as connection:
        assert rows(
            connection,
            "SELECT person_id, number, used_by, month, due, state FROM invoice ORDER BY number",
        ) == [
            ("guardian", "2026-1001", "guardian", "2026-01", 5, "paid"),
            ("guardian", "2026-1002", "child", "2026-01", 5, "due"),
        ]
        assert rows(connection, "SELECT person_id, month, state FROM billed ORDER BY 1, 2") == [
            ("child", "2025-12", "made"),
            ("child", "2026-01", "made"),
            ("child", "2026-02", "refused"),
            ("guardian", "2026-01", "made"),
            ("other", "2026-02", "none"),
        ]
        assert rows(connection, "SELECT year, last FROM invoice_number ORDER BY 1") == [
            (2025, 1003),
            (2026, 1002),
        ]
    engine.dispose()
