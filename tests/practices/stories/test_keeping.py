"""What is kept, for how long and for what: after an account was closed, and after an erasure."""

from __future__ import annotations

from datetime import timedelta

import pytest

from practices.bills import (
    AGENT,
    agent,
    engage,
    history,
    invoiced,
    job,
    later,
    open_debts,
    staff,
    used,
)
from practices.conftest import House, send
from practices.mail import deliver
from practices.test_debt import WHO, hand_over
from practices.test_debts_outlive import debtor, erased, page_of
from practices.test_erasure_thread import asks, open_task
from practices.test_payment import typed_amount
from practices.test_request_desk import post, take
from practices.test_staff import reveal, task_on
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.retention import retire


def remaining_fields(house: House, person: PersonId) -> set[str]:
    """The kinds of data that are kept of somebody, after the nightly job."""
    retire(house.provider.gate.gate)
    found = house.do(
        lambda transaction: rows(
            transaction.connection, "SELECT field FROM value WHERE person_id = ?", person
        )
    )
    return {field for (field,) in found}


def close_account(house: House) -> PersonId:
    """Somebody who had a service, used it and closed their account."""
    person = house.customer(**WHO)
    invoiced(house, person)
    used(house, person, {"2026-03": 2.5})
    browser = house.signed_in(person)
    assert send(browser, "/me/close", {"sure": "yes"}).status_code == 303
    shown = browser.get("/me/privacy?show=all").text
    assert "Kept" in shown
    return person


def pass_months(house: House, months: int) -> None:
    """Let months pass, as far as the clock is believed."""
    house.clock.moved += timedelta(days=31 * months)
    house.do(lambda transaction: transaction.accept_clock(house.clock.now()))


def test_an_account_that_was_closed_goes_in_steps(house: House) -> None:
    """Six months on, only what invoices rest on is left; after seven years nothing is."""
    person = close_account(house)
    before = remaining_fields(house, person)
    assert {"interests", "transaction", "usage", "name"} <= before
    pass_months(house, 7)
    after = remaining_fields(house, person)
    assert {"transaction", "name", "email"} <= after
    assert not {"interests", "occupation", "usage", "credentials"} & after
    pass_months(house, 80)
    assert remaining_fields(house, person) == set()


def test_what_the_law_holds_us_to_keep_stays_after_an_account_was_closed(house: House) -> None:
    """While a hold is in force nothing of theirs goes; once it ends, all goes that would have."""
    person = close_account(house)
    hold = house.do(lambda transaction: transaction.record(person, "hold", fact="legal-hold"))
    pass_months(house, 7)
    assert {"interests", "transaction", "name"} <= remaining_fields(house, person)
    house.do(lambda transaction: transaction.withdraw(person, hold, ended=True))
    assert "interests" not in remaining_fields(house, person)


def test_what_the_law_holds_us_to_keep_outlives_an_erasure(house: House) -> None:
    """Whoever asks to be erased is told so, and what is held is kept until the hold ends."""
    person = house.customer(**WHO)
    hold = house.do(lambda transaction: transaction.record(person, "hold", fact="legal-hold"))
    assert "Erase" in house.signed_in(person).get("/me/privacy/erase").text
    erased(house, person)
    assert {"interests", "name"} <= remaining_fields(house, person)
    house.do(lambda transaction: transaction.withdraw(person, hold, ended=True))
    assert remaining_fields(house, person) == set()


def test_whoever_asked_to_be_erased_writes_to_us_about_their_requests_alone(house: House) -> None:
    """The privacy desk answers them; a question for help is not taken in, and all of it goes."""
    person, own = asks(house)
    customer = house.signed_in(person)
    assert "<textarea" not in customer.get("/me/help").text
    question = send(customer, "/me/help", {"topic": "trouble", "text": "My line drops."}, own)
    assert question.status_code == 403
    assert send(customer, f"{own}/reply", {"text": "My mail too?"}, own).status_code == 303
    task = open_task(house, person)
    assert post(take(house, task, "privacy")[0], task, "write", text="Yes.") == 303
    assert "Yes." in customer.get(own).text
    erase(house.provider.gate.gate, [person])
    assert remaining_fields(house, person) == set()


def test_what_is_kept_of_a_debtor_collects_the_debt_and_nothing_else(house: House) -> None:
    """The address to pay at, reminders, the desk for debts and the agent work; support does not."""
    person = debtor(house)
    assert "is open" in house.browser().get(page_of(house, person)).text
    for days in (15, 8, 14, 8):
        later(house, days)
        job(house, "due invoices")
        deliver(house)
    engage(house, AGENT, "collection-agent")
    (task,) = house.do(lambda transaction: open_debts(transaction, person))
    desk, page = staff(house), f"/staff/tasks/{task}"
    assert send(desk, f"{page}/take", {}, page).status_code == 303
    assert reveal(desk, task, "name", "balance").status_code == 200
    assert "e-mail address" in desk.get(f"/staff/debts/{task}").text
    assert hand_over(desk, task) == 303
    assert "Ann Marked" in agent(house).get("/agent").text
    number = history(house, person).invoices[-1].number
    receipt = {
        "number": number,
        "how": "bank transfer",
        "reference": "S-17",
        "amount": typed_amount(history(house, person).balance),
    }
    assert send(desk, "/staff/payments", receipt).status_code == 303
    assert "Ann Marked" not in agent(house).get("/agent").text


def test_a_reminder_reaches_who_closed_their_account_and_owes(house: House) -> None:
    """Nothing else is written to them any more, but about what is open they are told."""
    close_account(house)
    deliver(house)
    for days in (15, 8):
        later(house, days)
        job(house, "due invoices")
    assert any("invoice" in subject for subject in deliver(house))


def test_a_task_of_support_shows_nothing_of_whoever_was_erased(house: House) -> None:
    """Whoever worked on it before sees nothing of what is kept for the debt alone."""
    person = house.customer(**WHO)
    invoiced(house, person, "fibre-500")
    task = task_on(house, person)
    desk, page = staff(house, role="support"), f"/staff/tasks/{task}"
    assert send(desk, f"{page}/take", {}, page).status_code == 303
    assert reveal(desk, task, "name").status_code == 200
    erase(house.provider.gate.gate, [person])
    assert history(house, person).balance > 0
    assert reveal(desk, task, "name").status_code == 403


@pytest.mark.parametrize(
    ("role", "reason", "may_look"),
    [("billing", "invoice", True), ("privacy", "request", True), ("support", "trouble", False)],
)
def test_whoever_was_erased_is_found_for_what_is_kept_of_them_alone(
    house: House, role: str, reason: str, may_look: bool
) -> None:
    """By the address that is kept: for their invoice or a request, and for no help."""
    debtor(house)
    desk = staff(house, role=role)
    form = {"way": "email", "told": "ann@marked.example", "reason": reason, "recognised": "details"}
    answer = send(desk, "/staff/find", form, "/staff")
    assert (answer.status_code == 303) == may_look
    if may_look:
        page = answer.headers["location"]
        assert send(desk, f"{page}/take", {}, page).status_code == 303
        assert reveal(desk, page.rsplit("/", 1)[-1], "name").status_code == 200


def test_what_invoices_rest_on_outlives_an_erasure_after_an_account_was_closed(
    house: House,
) -> None:
    """Paid and closed, then erased: the books stay, and nothing else."""
    person = house.customer(**WHO)
    number = invoiced(house, person)
    receipt = {
        "number": number,
        "how": "cash",
        "reference": "S-18",
        "amount": typed_amount(history(house, person).balance),
    }
    assert send(staff(house), "/staff/payments", receipt).status_code == 303
    assert send(house.signed_in(person), "/me/close", {"sure": "yes"}).status_code == 303
    later(house, 40)
    assert job(house, "invoices") >= 0
    erased(house, person)
    left = remaining_fields(house, person)
    assert "transaction" in left
    assert "interests" not in left
