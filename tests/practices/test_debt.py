"""One debt: from its due date to its recall, and who sees what of it on the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from practices.bills import (
    AGENT,
    AGENT_NAME,
    PROCESSOR,
    address,
    agent,
    engage,
    history,
    later,
    overdue,
    staff,
    with_card,
)
from practices.conftest import House, send
from practices.test_payment import pay, typed_amount
from practices.without import without
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.gate.public import REGISTER
from upheld.practices.billing import debts

WHO = {
    "phone": "+1 555-010-0177",
    "address": "7 Marked Lane",
    "interests": "marked-interest",
    "zip": "00077",
    "occupation": "marked-occupation",
}
CONFIRM = re.compile(r'action="(/agent/debts/[0-9a-f]+/confirm)"')


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


def debtor(house: House) -> tuple[PersonId, str]:
    """A customer whose debt waits for somebody, with an agent engaged; and the task."""
    engage(house, AGENT, "collection-agent")
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer(**WHO)
    return person, overdue(house, person)


def hand_over(desk: TestClient, task: str) -> int:
    """Take the task and hand the account over; the answer's status."""
    page = f"/staff/debts/{task}"
    send(desk, f"{page}/take", {}, page)
    return send(desk, f"{page}/hand-over", {"party": AGENT}, page).status_code


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_one_debt_from_its_task_to_its_recall(house: House) -> None:
    """Handed over, seen by the agent in part, paid, recalled at once, deletion confirmed."""
    person, task = debtor(house)
    desk, page = staff(house), f"/staff/debts/{task}"
    assert "Take the task" in desk.get(page).text
    assert "marked" not in desk.get(page).text.lower()
    send(desk, f"{page}/take", {}, page)
    case_page = desk.get(page).text
    assert "Hand it to an agent" in case_page
    assert case_page.index("e-mail address") < case_page.index("What an agent is never told")
    assert case_page.index("interests") > case_page.index("What an agent is never told")
    assert hand_over(desk, task) == 303
    collector = agent(house)
    page_text = collector.get("/agent").text
    for value in ("Ann Marked", "ann@marked.example", WHO["phone"], WHO["address"]):
        assert value in page_text
    amount_due = history(house, person).balance
    assert f"${typed_amount(amount_due)}" in page_text
    for value in (WHO["interests"], WHO["zip"], WHO["occupation"], "1990"):
        # As a word: the digits of a customer's number, say, are chance.
        assert not re.search(rf"\b{re.escape(value)}\b", page_text.split("<footer", 1)[0])
    browser = with_card(house, person)
    assert f"{AGENT_NAME} collects what you owe" in browser.get("/me").text
    pay(browser, amount=typed_amount(amount_due))
    assert AGENT_NAME not in browser.get("/me").text
    after = collector.get("/agent").text
    assert "Ann Marked" not in after
    assert "Delete everything that you were told" in after
    assert send(collector, CONFIRM.findall(after)[0], {}, "/agent").status_code == 303
    assert "Delete everything" not in collector.get("/agent").text
    assert "Deletion confirmed on" in desk.get("/staff/debts").text
    acts = [line.entry for line in house.provider.gate.gate.entries(person)]
    shares = [entry for entry in acts if entry.recipient == f"collection-agent {AGENT}"]
    assert [entry.kind for entry in shares] == ["act", "act", "recall", "deletion"]
    assert {entry.data for entry in shares if entry.kind == "act"} == {debts.FIELDS}
    assert {entry.clauses for entry in shares if entry.kind == "act"} == {("collecting-charges",)}
    items = house.do(
        lambda transaction: rows(
            transaction.connection, "SELECT state FROM item WHERE kind = 'delete-on-recall'"
        )
    )
    assert items == [("done",)]
    steps = house.do(lambda transaction: rows(transaction.connection, "SELECT state FROM task"))
    assert steps == [("done",)]


def test_a_part_that_is_paid_recalls_nothing(house: House) -> None:
    """As long as anything is due the agent has the account, with what is still owed."""
    person, task = debtor(house)
    hand_over(staff(house), task)
    pay(with_card(house, person), amount="5")
    page_text = agent(house).get("/agent").text
    assert f"${typed_amount(history(house, person).balance)}" in page_text


def test_nobody_else_sees_an_account(house: House) -> None:
    """Another company, a customer and staff without the role or the task get nothing of it."""
    person, task = debtor(house)
    desk, page = staff(house), f"/staff/debts/{task}"
    assert hand_over(desk, task) == 303
    other = agent(house, "other-collections")
    assert "no account is handed to it" in other.get("/agent").text
    (debt,) = house.do(lambda transaction: debts.of_person(transaction, person))
    house.do(lambda transaction: debts.recall(transaction, person))
    confirm = f"/agent/debts/{debt.debt_id}/confirm"
    assert send(other, confirm, {}, "/agent").status_code == 404
    assert send(staff(house, role="support"), page, {}, "/staff/debts").status_code in {403, 405}
    assert staff(house, role="support").get(page).status_code == 403
    customer = house.signed_in(person)
    for path in ("/agent", page, "/staff/debts"):
        assert customer.get(path).status_code == 303
    assert send(customer, f"{page}/recall", {}, "/me").status_code == 403


def test_a_colleague_without_the_task_hands_nothing_over(house: House) -> None:
    """Whoever did not take the task is told so, and cannot take it from somebody."""
    _, task = debtor(house)
    desk, page = staff(house), f"/staff/debts/{task}"
    colleague = house.signed_in("0" * 32, "staff")
    assert colleague.get(page).status_code == 303
    assert send(desk, f"{page}/hand-over", {"party": AGENT}, page).status_code == 403
    send(desk, f"{page}/take", {}, page)
    second = staff(house)
    assert "A colleague has this task" in second.get(page).text
    assert send(second, f"{page}/take", {}, "/staff/debts").status_code in {403, 409}
    assert send(second, f"{page}/hand-over", {"party": AGENT}, page).status_code == 403


def test_it_is_refused_once_the_engagement_is_over(house: House) -> None:
    """The agent sees no account from that moment on, and none can be handed over."""
    engaged = engage(house, AGENT, "collection-agent")
    person = house.customer(**WHO)
    task = overdue(house, person)
    desk = staff(house)
    assert hand_over(desk, task) == 303
    house.do(lambda transaction: transaction.withdraw(REGISTER, engaged))
    page_text = agent(house).get("/agent").text
    assert "You may not see this account now" in page_text
    assert "Ann Marked" not in page_text
    house.do(lambda transaction: debts.recall(transaction, person))
    assert "No collection agent is engaged" in desk.get(f"/staff/debts/{task}").text


def test_a_confirmation_that_does_not_come_is_late(house: House) -> None:
    """Staff and the agent are told so a week after the recall."""
    _, task = debtor(house)
    desk = staff(house)
    hand_over(desk, task)
    page = f"/staff/debts/{task}"
    assert send(desk, f"{page}/recall", {}, page).status_code == 303
    assert "late" not in desk.get("/staff/debts").text.split("<main", 1)[1]
    later(house, 8)
    desk, collector = staff(house), agent(house)
    assert "confirmation overdue since" in desk.get("/staff/debts").text
    assert "This is late" in collector.get("/agent").text


def test_handing_over_takes_those_who_are_engaged_and_nobody_else(house: House) -> None:
    """Any other name is answered by the form again, and a task that is not there by nothing."""
    _, task = debtor(house)
    desk, page = staff(house), f"/staff/debts/{task}"
    send(desk, f"{page}/take", {}, page)
    for bad in ("", "x" * 5_000, "<script>alert(1)</script>", "😀", "\u202e", PROCESSOR, "a\x00b"):
        answer = send(desk, f"{page}/hand-over", {"party": bad}, page)
        assert answer.status_code == 422, bad
        assert "<script>alert" not in answer.text
    assert desk.post(f"{page}/hand-over", data={"party": AGENT}).status_code == 403
    assert desk.get("/staff/debts/nothing").status_code == 404
    assert hand_over(desk, task) == 303
    assert send(desk, f"{page}/hand-over", {"party": AGENT}, page).status_code == 422


def _not_handed_over(house: House) -> bool:
    person, task = debtor(house)
    page, desk = f"/staff/debts/{task}", staff(house)
    send(desk, f"{page}/take", {}, page)
    is_refused = "It may not be handed over now" in desk.get(page).text
    status = send(desk, f"{page}/hand-over", {"party": AGENT}, page).status_code
    return (
        is_refused
        and status == 403
        and not house.do(lambda transaction: debts.of_person(transaction, person))
    )


RESTS_ON: dict[str, Callable[[House], bool]] = {"collecting-charges": _not_handed_over}


@pytest.mark.parametrize("clause", RESTS_ON)
def test_each_clause_carries_its_story(clause: str, open_house: Callable[..., House]) -> None:
    """Without the clause, the act that rests on it is refused."""
    assert RESTS_ON[clause](open_house(without(clause)))
