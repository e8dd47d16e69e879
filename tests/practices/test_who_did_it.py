"""The accounting names who did it: the customer, a guardian, somebody of our staff, or nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from empty import empty_database
from practices.bills import engage, history, order, overdue, staff
from practices.conftest import House, send
from practices.test_guardians import family
from upheld.core.ids import PersonId
from upheld.database.transaction import reading
from upheld.gate.act.request import Act
from upheld.gate.erasure.erase import erase
from upheld.gate.log.receipts import AccountQuery, account
from upheld.gate.log.sentences import entry_sentence
from upheld.practice import outbox
from upheld.practices.accounts import domain
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery
from upheld.practices.rights import erasure


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """These stories are about entries; one kind of database is enough for them."""
    return empty_database(tmp_path)


def sentences(house: House, person: PersonId) -> list[str]:
    """What the accounting says to somebody, without the days."""
    policy = house.policy
    return [
        entry_sentence(line.entry, policy).partition(" 2026 ")[2]
        for line in house.provider.gate.gate.entries(person)
    ]


def test_a_customer_who_ends_or_changes_a_service_reads_that_they_did(house: House) -> None:
    """Ended by its page, in place of another plan, and with the whole account."""
    person = house.customer()
    order(house, person, "dsl-10", "phone")
    browser = house.signed_in(person)
    assert send(browser, "/me/services/end", {"service": "phone"}, "/me/services").is_redirect
    assert sentences(house, person).count("you ended a service") == 1
    order(house, person, "dsl-50")
    assert sentences(house, person).count("you ended a service") == 2
    assert "You ended a service." in browser.get("/me/privacy/received").text
    send(browser, "/me/close", {"sure": "yes"})
    assert sentences(house, person).count("you ended a service") > 2
    assert "your order for a service ended" not in sentences(house, person)


def test_what_ends_with_an_erasure_was_ended_by_nobody(house: House) -> None:
    """An erasure ends a service for whoever owes; they did not end it themselves."""
    person = house.customer()
    order(house, person, "dsl-10")
    erase(house.provider.gate.gate, [person], now=True)
    assert "you ended a service" not in sentences(house, person)
    assert history(house, person).balance >= 0


def test_whoever_leaves_a_household_reads_it_as_their_own_act(house: House) -> None:
    """The other reads that it was changed, and not that they did it."""
    holder, member = house.customer("hal@marked.example"), house.customer("mia@marked.example")
    house.do(
        lambda transaction: domain.set_holder(
            house.provider, transaction, member, holder, by=member
        )
    )
    send(house.signed_in(holder), "/me/household/end", {"member": member}, "/me/household")
    own, changed = (
        "you changed who pays for an account of your household",
        "the payer for an account of your household changed",
    )
    for person in (holder, member):
        assert [s for s in sentences(house, person) if s in (own, changed)] == (
            [changed, own] if person == holder else [own, changed]
        )


def test_a_guardian_who_resets_a_password_is_named_and_leaves_no_id(house: House) -> None:
    """The minor reads what their guardian did and saw; the guardian's id is in no entry of it."""
    guardian, minor, _ = family(house)
    mum = house.signed_in(guardian)
    send(mum, f"/me/family/{minor}", {"what": "password"})
    texts = sentences(house, minor)
    assert (
        "your parent or guardian reset your password, so that you could choose another"
    ) in texts
    assert any(s.startswith("your parent or guardian looked at your name") for s in texts)
    for line in house.provider.gate.gate.entries(minor):
        assert guardian not in repr(line.entry)


def test_staff_who_end_their_work_on_a_task_are_named(house: House) -> None:
    """The agent's account is taken back, and the task put back, by somebody."""
    person = house.customer()
    task = overdue(house, person)
    desk = staff(house)
    send(desk, f"/staff/debts/{task}/take", {}, "/staff/debts")
    send(desk, f"/staff/tasks/{task}/leave", {"how": "back"}, f"/staff/tasks/{task}")
    texts = " ".join(sentences(house, person))
    assert "ended their work on a task about your account" in texts


def test_what_is_done_in_the_registers_is_no_customers_act(house: House) -> None:
    """Whoever engages a company is not called a customer."""
    engage(house, "acme", "collection-agent")
    with reading(house.provider.gate.gate.engine) as connection:
        lines = list(account(connection, house.policy, AccountQuery()))
    (line,) = [each for each in lines if each.entry.action == "add engagement"][-1:]
    assert line.entry.actor == ""


def test_a_message_of_which_no_copy_may_be_kept_is_entered_as_such(house: House) -> None:
    """After erasure was asked: the page says by which clause, and nothing is refused in silence."""
    person = house.customer()
    browser = house.signed_in(person)
    assert "We keep no copies" not in browser.get("/me/messages").text
    house.do(lambda transaction: erasure.request(transaction, person))
    house.do(
        lambda transaction: outbox.queue(
            transaction, person, "accounts/factor", "administrative-message"
        )
    )
    assert not house.do(
        lambda transaction: transaction.peek(person, Act(action="store", data=("messages",)))
    ).allowed
    Delivery(house.provider, Box()).run(house.provider.gate.gate)
    texts = sentences(house, person)
    assert any("we sent you an administrative message; we kept no copy of it" in s for s in texts)
    assert not [s for s in texts if "did not store messages" in s]
    page = browser.get("/me/messages").text
    assert "We keep no copies of what we write to you from now on" in page
    assert "/privacy#erasure" in page
