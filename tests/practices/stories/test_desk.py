"""At the desk: which reason shows what of a customer, and what no reason shows."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from practices.bills import (
    AGENT,
    PROCESSOR,
    agent,
    engage,
    history,
    later,
    overdue,
    staff,
    with_card,
)
from practices.conftest import House, send
from practices.test_debt import CONFIRM, WHO, debtor, hand_over
from practices.test_payment import pay, typed_amount
from practices.test_staff import reveal
from upheld.database.transaction import reading
from upheld.gate.public import REGISTER

BARRED = "Not for this purpose"
HIDDEN = ("passwords", "mail")  # the clauses by which passwords and mail are shown to nobody


def account_number(house: House) -> str:
    """The number of the only account."""
    with reading(house.provider.gate.gate.engine) as connection:
        return str(connection.exec_driver_sql("SELECT number FROM account").scalar())


def look_up_and_take(house: House, browser: TestClient, reason: str) -> str:
    """Look the only customer up in every way for a reason, and take the task; its id."""
    ways = {
        "email": "ann@marked.example",
        "phone": WHO["phone"],
        "account": account_number(house),
    }
    pages = []
    for way, value in ways.items():
        form = {"way": way, "told": value, "reason": reason, "recognised": "details"}
        answer = send(browser, "/staff/find", form, "/staff")
        assert answer.status_code == 303, answer.text
        pages.append(answer.headers["location"])
    assert send(browser, f"{pages[0]}/take", {}, pages[0]).status_code == 303
    return str(pages[0].rsplit("/", 1)[-1])


@pytest.mark.parametrize(
    ("role", "reason", "visible", "barred_fields"),
    [
        ("support", "trouble", ("name", "email", "services", "usage"), ("birth-date", "card")),
        ("support", "question", ("name", "address"), ("usage", "interests")),
        (
            "billing",
            "invoice",
            ("name", "phone", "services", "payment-history"),
            ("usage", "occupation"),
        ),
        ("security", "takeover", ("name", "email"), ("birth-date", "interests")),
        ("privacy", "request", ("birth-date", "interests"), ()),
    ],
)
def test_a_reason_shows_what_it_needs_and_never_a_password_or_mail(
    house: House, role: str, reason: str, visible: tuple[str, ...], barred_fields: tuple[str, ...]
) -> None:
    """Each look-up opens a task; its page has what the reason is for, and says what it is not."""
    house.customer(**WHO)
    browser = staff(house, role=role)
    task = look_up_and_take(house, browser, reason)
    page = browser.get(f"/staff/tasks/{task}").text
    rest = page[page.index(BARRED) :]
    assert all(f'href="/privacy#{clause}"' in rest for clause in HIDDEN)
    for field in visible:
        assert reveal(browser, task, field).status_code == 200, field
    for field in (*barred_fields, "credentials", "mail-content"):
        assert reveal(browser, task, field).status_code == 403, field


def test_an_agent_is_told_what_collecting_needs_while_it_is_engaged(house: House) -> None:
    """Staff see what would be told; the agent sees it, and nothing once the engagement is over."""
    engaged = engage(house, AGENT, "collection-agent")
    person = house.customer(**WHO)
    task = overdue(house, person)
    desk = staff(house)
    page = f"/staff/tasks/{task}"
    assert send(desk, f"{page}/take", {}, page).status_code == 303
    assert reveal(desk, task, "name", "address", "balance").status_code == 200
    preview = desk.get(f"/staff/debts/{task}").text
    never = preview.index("What an agent is never told")
    assert preview.index("e-mail address") < never < preview.index("interests")
    assert hand_over(desk, task) == 303
    collector = agent(house)
    assert "Ann Marked" in collector.get("/agent").text
    house.do(lambda transaction: transaction.withdraw(REGISTER, engaged))
    assert "Ann Marked" not in collector.get("/agent").text


def test_a_debt_that_is_paid_is_recalled_and_its_deletion_confirmed(house: House) -> None:
    """The processor is told while it is engaged; once all is paid the agent sees nothing more."""
    person, task = debtor(house)
    assert hand_over(staff(house), task) == 303
    collector = agent(house)
    assert "Ann Marked" in collector.get("/agent").text
    pay(with_card(house, person), amount=typed_amount(history(house, person).balance))
    after = collector.get("/agent").text
    assert "Ann Marked" not in after
    assert send(collector, CONFIRM.findall(after)[0], {}, "/agent").status_code == 303
    later(house, 8)
    assert "late" not in staff(house).get("/staff/debts").text.split("<main", 1)[1]


def test_no_processor_is_told_who_is_not_engaged(house: House) -> None:
    """Without an engagement that is in force a payment by card is refused, and nothing is told."""
    engaged = engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    overdue(house, person)
    browser = with_card(house, person)
    house.do(lambda transaction: transaction.withdraw(REGISTER, engaged))
    form = browser.get("/me/payment").text
    assert form
    before = history(house, person).balance
    answer = send(browser, "/me/payment", {"key": "0" * 32, "card": "", "amount": "5"})
    assert answer.status_code in {403, 422}
    assert history(house, person).balance == before
