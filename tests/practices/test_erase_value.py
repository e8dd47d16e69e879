"""One kind of data is erased while the account stays: what goes, what is kept, by which clause."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from practices.bills import owing
from practices.conftest import House, send
from upheld.core.ids import BackupId, PersonId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.transaction import GateTransaction
from upheld.practice import message_copies, tasks
from upheld.practices.rights import requests, value_erasure
from upheld.practices.rights.requests import RightsRequest
from upheld.vault import backups, blind_index

WHO = {
    "phone": "+1 555-010-0177",
    "address": "3 Erased Road",
    "occupation": "gardener",
    "interests": "books, films",
}


def erase(browser: TestClient, field: str) -> int:
    """Open the page of erasing something, and press its button; the status of the answer."""
    return send(browser, f"/me/privacy/erase/{field}", {}).status_code


def held(house: House, person: PersonId) -> set[str]:
    """The kinds of data that are held of somebody."""
    return set(house.do(lambda transaction: transaction.held_fields(person)))


def test_one_thing_is_erased_and_everything_else_stays(house: House) -> None:
    """The page says what goes, the value and what it was go, and a receipt says that it did."""
    person = house.customer(**WHO)
    browser = house.signed_in(person)
    page = browser.get("/me/privacy").text
    assert 'href="/me/privacy/erase/occupation"' in page
    for kept in ("email", "birth-date", "credentials"):
        assert f'href="/me/privacy/erase/{kept}"' not in page
    before = held(house, person)
    shown = browser.get("/me/privacy/erase/occupation")
    assert shown.status_code == 200
    assert "Your account and everything else stay" in shown.text
    assert "/privacy#erasure" in shown.text
    assert "No backup of ours has it" in shown.text
    answer = send(browser, "/me/privacy/erase/occupation", {})
    assert answer.status_code == 303
    assert held(house, person) == before - {"occupation"}
    result = browser.get(answer.headers["location"]).text
    assert "Erase one thing: occupation" in result
    assert re.search(r'href="/me/privacy/received/\d+"', result)
    assert "Answered on" in browser.get("/me/privacy/requests").text
    assert "You had us erase your occupation" in browser.get("/me/privacy/received").text
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    (deleted,) = [each for each in entries if each.kind == "retention"]
    assert (deleted.data, deleted.actor, len(deleted.values)) == (("occupation",), "customer", 1)
    assert [each.action for each in entries if each.kind == "act"][-1] == "answer-erasure"
    with reading(house.provider.gate.gate.engine) as connection:
        assert not rows(
            connection,
            "SELECT 1 FROM value WHERE person_id = ? AND field = ?",
            person,
            "occupation",
        )
    assert not house.do(
        lambda transaction: transaction.peek(person, requests.action("erasure"))
    ).allowed  # nothing is owed any more
    assert browser.get("/me").status_code == 200


def test_a_phone_number_that_is_erased_finds_nobody(house: House) -> None:
    """With the value goes what it was found by."""
    person = house.customer(**WHO)
    assert erase(house.signed_in(person), "phone") == 303
    with house.provider.gate.gate.together() as transaction:
        keyring = transaction.context.keyring
        assert blind_index.find(transaction.connection, keyring, "phone", WHO["phone"]) == []


@pytest.mark.parametrize("field", ["name", "phone", "address"])
def test_what_an_unpaid_invoice_rests_on_is_kept_and_the_page_names_the_clause(
    house: House, field: str
) -> None:
    """Whoever owes reads which clause keeps it and why; a form sent anyway erases nothing."""
    person = house.customer(**WHO)
    house.do(lambda transaction: owing(transaction, person))
    browser = house.signed_in(person)
    page = browser.get(f"/me/privacy/erase/{field}").text
    assert "We cannot erase it now" in page
    assert "your account with us is not settled yet" in page
    assert "/privacy#erasure" in page
    assert "Erase my" not in page
    path = f"/me/privacy/erase/{field}"
    assert send(browser, path, {}, "/me/privacy/erase").status_code == 403
    assert field in held(house, person)
    assert erase(browser, "occupation") == 303  # no invoice rests on it


def test_what_an_account_works_with_goes_with_the_account_alone(house: House) -> None:
    """Sign-in, age and what is worked out have no button, and their forms erase nothing."""
    person = house.customer(**WHO)
    house.do(lambda transaction: owing(transaction, person))
    browser = house.signed_in(person)
    before = held(house, person)
    for field in ("email", "birth-date", "credentials", "balance", "transaction"):
        path = f"/me/privacy/erase/{field}"
        page = browser.get(path)
        assert page.status_code == 200, field
        assert "Erase my" not in page.text
        assert send(browser, path, {}, "/me/privacy/erase").status_code == 403
    assert browser.get("/me/privacy/erase/gender").status_code == 404
    assert browser.get("/me/privacy/erase/no-such-word").status_code == 404
    assert held(house, person) == before


def test_messages_stay_while_our_staff_work_on_one_and_go_after(house: House) -> None:
    """A thread that somebody still answers is not erased under their hands."""
    person = house.customer(**WHO)
    browser = house.signed_in(person)
    wrong = {"value-day": "23", "value-month": "4", "value-year": "1980", "text": "The 23rd."}
    assert send(browser, "/me/privacy/correct?field=birth-date", wrong).status_code == 303
    assert "our staff still work on" in browser.get("/me/privacy/erase/messages").text
    (request,) = house.do(lambda transaction: requests.requests_of(transaction.tables, person))
    house.do(lambda transaction: requests.revoke(transaction, request))
    assert erase(browser, "messages") == 303
    assert message_copies.MESSAGES not in held(house, person)
    assert not house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))


def test_the_page_says_by_when_no_backup_has_it(house: House) -> None:
    """While there is a backup, its last day stands on the page."""
    person = house.customer(**WHO)

    def back_up(transaction: GateTransaction) -> None:
        at = transaction.clock.now()
        backups.add(transaction.connection, BackupId("1" * 32), at, at + timedelta(days=30))

    house.do(back_up)
    page = house.signed_in(person).get("/me/privacy/erase/occupation").text
    assert "none of them can be read after 10 April 2026" in page


def test_twenty_erasures_at_once_are_one(house: House) -> None:
    """However often it is asked for at the same time, it is erased and answered once."""
    person = house.customer(**WHO)
    with ThreadPoolExecutor(20) as pool:
        results = list(
            pool.map(
                lambda _: house.do(
                    lambda transaction: value_erasure.erase(transaction, person, "interests")
                ),
                range(20),
            )
        )
    assert sum(isinstance(each, RightsRequest) for each in results) == 1
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    assert [each.kind for each in entries].count("retention") == 1
    (request,) = house.do(lambda transaction: requests.requests_of(transaction.tables, person))
    assert (request.state, request.about) == (requests.FULFILLED, "interests")


def test_a_form_from_elsewhere_erases_nothing(house: House) -> None:
    """The form is refused from another origin and without its token; HEAD changes nothing."""
    person = house.customer(**WHO)
    browser = house.signed_in(person)
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    path = "/me/privacy/erase/occupation"
    assert browser.post(path, headers=foreign).status_code == 403
    assert browser.post(path).status_code == 403
    assert browser.head(path).status_code == 200
    assert "occupation" in held(house, person)


def test_everything_that_may_go_goes_one_by_one_and_every_page_still_opens(house: House) -> None:
    """An account from which all is erased that can be, still signs in, pays and reads."""
    person = house.customer(**WHO, gender="female", industry="food", zip="98101")
    browser = house.signed_in(person)
    fields = re.findall(r'href="/me/privacy/erase/([a-z-]+)"', browser.get("/me/privacy").text)
    assert {"name", "phone", "address", "occupation"} <= {*fields}
    for field in fields:
        assert erase(browser, field) == 303, field
    assert not {*fields} & held(house, person)
    for page in (
        "/me",
        "/me/balance",
        "/me/services",
        "/me/privacy?show=all",
        "/me/privacy/received",
    ):
        assert browser.get(page).status_code == 200, page
    assert send(browser, "/me/privacy/export", {}).status_code == 200
