"""What is mine: an account from its first form to its copy, page by page."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from functools import partial

import pytest

from practices.bills import PROCESSOR, engage, history, job, later, order, staff, used, with_card
from practices.conftest import PASSWORD, House, send
from practices.mail import deliver, link
from practices.test_debt import WHO
from practices.test_payment import pay, typed_amount
from practices.test_sign_up import GOOD, people_at
from practices.test_staff import reveal
from upheld.core.ids import PersonId, UserId
from upheld.gate.act.request import Act
from upheld.practice import parties, tasks
from upheld.practices.rights import objections, requests

EVERYTHING = {
    **GOOD,
    "phone": WHO["phone"],
    "address": WHO["address"],
    "gender": "female",
    "occupation": "gardener",
    "industry": "food",
}
CORRECTED = {"name": "Ben Other", "phone": "+1 555-010-0188", "zip": "98102"}
PAGES = (
    "/me",
    "/me/services",
    "/me/usage",
    "/me/balance",
    "/me/mail",
    "/me/privacy?show=all",
    "/me/privacy/received",
    "/me/privacy/choices",
    "/me/privacy/correct",
    "/me/privacy/erase",
)


def register(house: House) -> PersonId:
    """Somebody who signed up by the form, told everything, and confirmed their address."""
    browser = house.browser()
    assert browser.get("/sign-up").status_code == 200
    assert browser.post("/sign-up/form", data=EVERYTHING).status_code == 303
    assert browser.post(link(house, "accounts/verify")).status_code == 303
    (person,) = people_at(house)
    return person


def test_an_account_is_used_for_two_months_and_every_page_shows_it(house: House) -> None:
    """Signed up, ordered, used, invoiced, paid and written to: each page has its part of it."""
    engage(house, PROCESSOR, "payment-processor")
    person = register(house)
    browser = house.browser()
    values = {"email": GOOD["email"], "password": PASSWORD}
    assert browser.post("/sign-in", data=values).status_code == 303
    assert send(browser, "/me/services", {"plan": "dsl-10"}).status_code == 303
    later(house, 32)
    used(house, person, {"2026-03": 2.5})
    assert job(house, "invoices") >= 1
    assert deliver(house)
    paying = with_card(house, person)
    pay(paying, amount=typed_amount(history(house, person).balance))
    for page in PAGES:
        assert paying.get(page).status_code == 200, page
    shown = paying.get("/me/privacy?show=all").text
    for value in ("gardener", "food", WHO["address"], "DSL 10"):
        assert value in shown


def test_a_copy_holds_what_was_told_and_used_and_no_password(house: House) -> None:
    """The copy that somebody downloads has every kind of data but the one that is nobody's."""
    person = register(house)
    order(house, person, "dsl-10")
    later(house, 32)
    used(house, person, {"2026-03": 2.5})
    job(house, "invoices")
    answer = send(house.signed_in(person), "/me/privacy/export", {})
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    copy = json.loads(archive.read("everything.json"))
    held = {each["data"] for each in copy["held"]}
    assert held >= {"name", "occupation", "transaction", "usage", "balance", "services"}
    assert "credentials" not in held


@pytest.mark.parametrize("field", CORRECTED)
def test_what_is_wrong_is_corrected_by_its_person(house: House, field: str) -> None:
    """The new value stands in the place of the old one at once."""
    person = house.customer(**WHO)
    browser = house.signed_in(person)
    page = f"/me/privacy/correct?field={field}"
    assert send(browser, page, {"value": CORRECTED[field]}).status_code == 303
    assert CORRECTED[field] in browser.get(f"/me/privacy?show={field}").text


def test_a_permission_is_offered_for_whom_and_what_the_policy_lets_it_decide(house: House) -> None:
    """Suppliers and partners can be chosen, advertisers not; neither can a programme."""
    browser = house.signed_in(house.customer(**WHO))
    roles = ("supplier", "trusted-partner", "business-partner", "legal-adviser", "advertiser")
    for role in roles:
        house.do(partial(parties.add, name="Fjord Mail", role=role))
    form = browser.get("/me/privacy/choices").text
    for word in roles[:-1]:
        assert f'value="{word} fjord-mail"' in form
    for word in (
        "advertiser fjord-mail",
        "advertiser",
        "ad-server",
        "programme",
        "partner-marketing",
    ):
        assert f'value="{word}"' not in form


def test_a_birth_date_is_corrected_by_staff_who_see_who_asks(house: House) -> None:
    """What access rests on waits for the desk; once the value is stored it is answered."""
    person = house.customer(**WHO)
    browser, page = house.signed_in(person), "/me/privacy/correct?field=birth-date"
    assert send(browser, page, {"value": "1991-02-01"}).status_code == 303
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    desk, case = staff(house, role="accounts"), f"/staff/tasks/{task.task_id}"
    assert send(desk, f"{case}/take", {}, case).status_code == 303
    assert reveal(desk, task.task_id, "name", "birth-date", "messages").status_code == 200
    page = f"/staff/requests/{task.task_id}"
    assert send(desk, f"{page}/change", {"value": "1991-02-01"}, page).status_code == 303
    assert "Answered on" in browser.get("/me/privacy/requests").text


def test_mail_that_came_with_somebody_is_shown_to_them_alone(house: House) -> None:
    """What was brought over from before is theirs to read, and nothing that the desk sees."""
    person = house.customer()
    house.do(lambda transaction: transaction.bring(person, {"mail-content": "Dear Ann Marked"}))
    page = house.signed_in(person).get("/me/privacy?show=mail-content").text
    assert "Dear Ann Marked" in page


@pytest.mark.parametrize(
    "purpose", ["personalisation", "service-improvement", "research", "reporting"]
)
def test_what_somebody_objects_to_stops_until_the_desk_says_why_it_goes_on(
    house: House, purpose: str
) -> None:
    """It stops when they ask, an answer is owed in thirty days, and one that refuses ends it."""
    person = house.customer(**WHO)
    browser, page = house.signed_in(person), "/me/privacy/object"
    use = Act(action="use", data=("services",), purpose=purpose)

    def stopped() -> bool:
        return "objection" in house.do(lambda transaction: transaction.peek(person, use)).clauses

    def owed() -> bool:
        answer = requests.action("objection")
        return house.do(lambda transaction: transaction.peek(person, answer)).allowed

    assert (stopped(), owed()) == (False, False)
    assert send(browser, page, {"purpose": purpose, "text": "I mind."}).status_code == 303
    assert (stopped(), owed()) == (True, True)
    (request,) = house.do(lambda transaction: requests.requests_of(transaction.tables, person))
    assert request.due == request.received + timedelta(days=30)
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    desk, case = staff(house, role="privacy"), f"/staff/tasks/{task.task_id}"
    assert send(desk, f"{case}/take", {}, case).status_code == 303
    page = f"/staff/requests/{task.task_id}"
    assert "I mind." in desk.get(page).text
    assert send(desk, f"{page}/refuse", {"reason": "We must."}, page).status_code == 303
    assert (stopped(), owed()) == (False, False)


def test_content_is_chosen_until_somebody_objects(house: House) -> None:
    """What somebody has may choose what they see; once they object and are right it may not."""
    person = house.customer(**WHO)
    use = Act(action="use", data=("services",), purpose="personalisation")

    def may() -> bool:
        return house.do(lambda transaction: transaction.peek(person, use)).allowed

    assert may()
    request = house.do(
        lambda transaction: objections.object_to(
            house.provider, transaction, person, "personalisation", ""
        )
    )
    assert isinstance(request, requests.RightsRequest)
    house.do(lambda transaction: objections.uphold(transaction, request, UserId("1" * 32)))
    assert not may()
