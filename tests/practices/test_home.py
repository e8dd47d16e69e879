"""The first page of a customer and of the console: how things stand, and what waits."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from practices.bills import address, history, invoiced, job, later, make_holder, order, staff, used
from practices.conftest import House, send
from upheld.core.ids import TaskId
from upheld.gate.act.request import Act
from upheld.practice import tasks
from upheld.practices.rights import erasure, requests
from upheld.web import charts


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


def figure(text: str, title: str) -> str:
    """What a page says of one figure, without its tags' insides."""
    part = text.split(f'<span class="title">{title}</span>')[1].split("</li>", maxsplit=1)[0]
    return part.split("<strong")[1]


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_home_opens_with_balance_plan_and_use(house: House) -> None:
    """What is owed with its day, the plans with their price, this month's use with its line."""
    person = house.customer()
    browser = house.signed_in(person)
    page = browser.get("/me").text
    assert "You owe nothing" in figure(page, "Balance")
    assert "No service" in figure(page, "Plan")
    invoiced(house, person)
    order(house, person, "phone")
    used(house, person, {"2026-02": 30, "2026-03": 50, "2026-04": 41})
    page = house.signed_in(person).get("/me").text
    due = history(house, person).invoices[0]
    assert f"${due.open / 100:.2f} is due on {due.due.day} {due.due:%B %Y}" in page
    assert "DSL 10, Phone" in figure(page, "Plan")
    assert "$42.40 a month" in figure(page, "Plan")
    use = figure(page, "Use in April")
    assert "41 gigabytes" in use
    assert "On average 40 gigabytes a month in the 2 months before." in use
    assert use.count('<svg class="spark"') == 1
    assert 'aria-hidden="true"' in use


def test_a_chart_of_little_use_tells_its_months_apart(house: House) -> None:
    """Bars of less than ten gigabytes say tenths, and those of more whole gigabytes."""
    person = house.customer()
    used(house, person, {"2026-02": 0.6, "2026-03": 1.3})
    used(house, person, {"2026-02": 0.6, "2026-03": 41.4}, "mail")
    page = house.signed_in(person).get("/me/usage").text
    labels = re.findall(r"<text[^>]*>([0-9.]+)</text>", page)
    assert {"0.6", "1.3", "1", "41"} <= set(labels)
    assert "41.4" not in labels


def test_what_is_overdue_is_counted_with_its_oldest_day(house: House) -> None:
    """One late invoice has its number, several their number and the day of the oldest."""
    person = house.customer()
    invoiced(house, person)
    later(house, 15)
    first = history(house, person).invoices[0]
    page = house.signed_in(person).get("/me").text
    assert f"Invoice {first.number} has been overdue since" in figure(page, "Balance")
    assert 'class="late"' in figure(page, "Balance")
    later(house, 30)
    job(house, "invoices")
    later(house, 15)
    day = f"{first.due.day} {first.due:%B %Y}"
    page = house.signed_in(person).get("/me").text
    assert f"Two invoices are overdue, the oldest since {day}." in page


def test_the_first_page_is_one_look_for_all_practices(house: House) -> None:
    """Each visit writes one entry, of all that it shows."""
    person = house.customer()
    browser = house.signed_in(person)

    def looks() -> list[tuple[str, ...]]:
        gate = house.provider.gate.gate
        return [e.entry.data for e in gate.entries(person) if e.entry.action == "view"]

    before = len(looks())
    browser.get("/me")
    after = looks()[before:]
    assert [sorted(each) for each in after] == [["name", "services", "transaction", "usage"]]


def test_whoever_is_billed_elsewhere_reads_so(house: House) -> None:
    """The figure of the balance names the holder where another pays."""
    person, holder = house.customer(), house.customer("ben@marked.example")
    house.do(lambda transaction: make_holder(transaction, person, holder))
    page = house.signed_in(person).get("/me").text
    assert "billed to the holder of your account" in figure(page, "Balance")


def test_home_says_who_last_looked(house: House) -> None:
    """Nobody at first; then our staff, when and at what; a refused look is none."""
    person = house.customer(phone="+43 1 234 567")
    browser = house.signed_in(person)
    assert "Nobody" in figure(browser.get("/me").text, "Who last looked")
    look = Act(action="view", data=("phone",), actor="staff", party="sam", purpose="support")
    house.do(lambda transaction: transaction.act(look, person))
    assert "Nobody" in figure(browser.get("/me").text, "Who last looked")
    task = house.do(
        lambda transaction: tasks.open_task(
            transaction, person, "ticket", "support", role="support"
        )
    )
    desk, path = staff(house, role="support"), f"/staff/tasks/{task}"
    assert send(desk, f"{path}/take", {}, path).status_code == 303
    assert send(desk, f"{path}/reveal", {"field": ["phone"]}, path).status_code == 200
    page = browser.get("/me").text
    assert "Our staff" in figure(page, "Who last looked")
    assert "On 11 March 2026: phone" in figure(page, "Who last looked")
    assert "/me/privacy/received?which=staff&amp;month=2026-03" in page


def test_an_erasure_that_is_coming_waits_on_the_first_page(house: House) -> None:
    """It says from when on, for as long as it can be taken back."""
    person = house.customer()
    browser = house.signed_in(person)
    assert "We will erase" not in browser.get("/me").text
    house.do(lambda transaction: erasure.request(transaction, person))
    assert "from 14 March 2026 on" in browser.get("/me").text
    right = house.do(lambda transaction: requests.requests_of(transaction.tables, person))[0]
    house.do(lambda transaction: requests.revoke(transaction, right))
    assert "We will erase" not in browser.get("/me").text


def test_what_is_owed_leads_to_where_it_is_worked_on(house: House) -> None:
    """The desk for requests, for whoever may open it; anybody else reads the clause."""
    person = house.customer()
    house.do(lambda transaction: erasure.request(transaction, person))
    page = staff(house, role="privacy").get("/staff").text
    part = page.split("Owed to customers")[1].split("</ul>")[0]
    assert '<a href="/staff/requests"><span class="title">Erasure: 1' in part


def waiting_task(house: House, email: str, due: datetime | None) -> TaskId:
    """A task on a new customer; its id."""
    person = house.customer(email)
    return house.do(
        lambda transaction: tasks.open_task(
            transaction, person, "ticket", "support", role="support", due=due
        )
    )


def test_the_console_opens_with_what_waits_late_first(house: House) -> None:
    """What is late stands first, then what is due next, whatever was opened before."""
    desk = staff(house, role="support")
    assert "What waits for you" not in desk.get("/staff").text
    now = house.clock.now()
    days = (None, now + timedelta(days=9), now + timedelta(days=2))
    ids = [waiting_task(house, f"p{at}@marked.example", due) for at, due in enumerate(days)]
    later(house, 5)
    page = staff(house, role="support").get("/staff").text
    assert "3 tasks, " in page
    assert '<span class="late">1 late</span>' in page
    part = page.split("What waits for you")[1].split("</ol>")[0]
    assert re.findall(r"/staff/tasks/(\w+)", part) == [ids[2], ids[1], ids[0]]


@pytest.mark.parametrize("amounts", [[], [3.0], [0.0, 0.0], [1.0, 2.0, 0.0]])
def test_a_line_is_drawn_of_two_amounts_or_more(amounts: list[float]) -> None:
    """Each amount is a point within the picture; of none or one there is no line."""
    picture = charts.spark(amounts)
    points = re.findall(r"([0-9.-]+),([0-9.-]+)", picture)
    assert len(points) == (len(amounts) if len(amounts) > 1 else 0)
    assert all(0 <= float(x) <= charts.SPARK_WIDTH for x, _ in points)
    assert all(0 <= float(y) <= charts.SPARK_HEIGHT for _, y in points)
