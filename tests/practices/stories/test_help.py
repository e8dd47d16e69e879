"""Help: a customer writes, whoever took the ticket reads and answers, and nobody else does."""

from __future__ import annotations

from practices.conftest import House, send
from practices.test_help import PAGE, ask, mails, post, take
from upheld.core.ids import TaskId
from upheld.practices.rights import closure


def test_a_question_is_used_to_help_and_answered_by_whoever_took_it(house: House) -> None:
    """It is read at the desk, answered by a message of ours, and both stand in the account."""
    customer, _, ticket = ask(house)
    staff, _ = take(house, ticket)
    assert "My line drops" in staff.get(f"/staff/help/{ticket}").text
    assert post(staff, ticket, "note", note="An old line.") == 303
    assert post(staff, ticket, "write", text="Turn it off and on.") == 303
    assert len(mails(house)) == 1
    assert "Turn it off and on." in customer.get(f"{PAGE}/{ticket}").text


def test_who_closed_their_account_asks_and_is_written_to_about_that_alone(house: House) -> None:
    """Their question is answered, and a mail says so, also where it was closed at once."""
    ann = house.customer()
    house.do(lambda transaction: closure.close(transaction, house.provider.events, ann))
    customer = house.signed_in(ann)
    answer = send(customer, PAGE, {"topic": "invoice", "text": "Where is my last bill?"})
    assert answer.status_code == 303, answer.text
    ticket = TaskId(answer.headers["location"].split("/")[-1].partition("?")[0])
    staff, _ = take(house, ticket)
    assert post(staff, ticket, "write", text="It is under Bills.") == 303
    assert post(staff, ticket, "close") == 303
    assert len(mails(house)) == 1
    assert "It is under Bills." in customer.get(f"{PAGE}/{ticket}").text
