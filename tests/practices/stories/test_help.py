"""Help: a customer writes, whoever took the ticket reads and answers, and nobody else does."""

from __future__ import annotations

from practices.conftest import House
from practices.test_help import PAGE, ask, mails, post, take


def test_a_question_is_used_to_help_and_answered_by_whoever_took_it(house: House) -> None:
    """It is read at the desk, answered by a message of ours, and both stand in the account."""
    customer, _, ticket = ask(house)
    staff, _ = take(house, ticket)
    assert "My line drops" in staff.get(f"/staff/help/{ticket}").text
    assert post(staff, ticket, "note", note="An old line.") == 303
    assert post(staff, ticket, "write", text="Turn it off and on.") == 303
    assert len(mails(house)) == 1
    assert "Turn it off and on." in customer.get(f"{PAGE}/{ticket}").text
