"""What is held about me, what was done with it, and which policy binds: for me and nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from starlette.routing import Route

from ledger.logs import SIGNER
from practices import orders
from practices.bills import owing
from practices.conftest import House, send
from upheld.core.ids import PersonId
from upheld.gate.act.duties import DutyError, nothing_more
from upheld.gate.act.execution import Outcome
from upheld.gate.act.request import Act, Refused
from upheld.gate.log.checkpointer import Checkpointer
from upheld.gate.public import REGISTER
from upheld.gate.transaction import GateTransaction
from upheld.practice.events import ACCOUNT_CLOSED
from upheld.practices.legal.production import Production
from upheld.practices.rights import corrections
from upheld.practices.rights.public_values import note_public

ADDRESS = "12 Larch Lane"


def carried(house: House, *duties: str) -> None:
    """Let duties be carried out that no practice in these stories sees to."""
    for duty in duties:
        with suppress(DutyError):
            house.provider.gate.gate.context.duty_handlers.add(duty, nothing_more)


def to_agent(transaction: GateTransaction, person: PersonId) -> Outcome:
    """Give a name to an engaged agent."""
    owing(transaction, person)
    transaction.record(
        REGISTER, "engagement", party="Agents", about={"recipient": ["collection-agent"]}
    )
    share = Act(
        action="share",
        data=("name",),
        recipient="collection-agent",
        party="Agents",
        purpose="debt-collection",
        occasion="other",
    )
    return transaction.act(share, person)


def bought(transaction: GateTransaction, person: PersonId) -> Outcome:
    """Keep an invoice."""
    return owing(transaction, person)


def test_each_value_is_there_with_its_origin_and_clause_and_hidden_until_asked(
    house: House,
) -> None:
    """A customer sees every kind with occasion, clause and how long; a value only when asked."""
    person = house.customer(address=ADDRESS)
    browser = house.signed_in(person)
    page = browser.get("/me/privacy")
    assert page.status_code == 200
    assert ADDRESS not in page.text
    for text in ("Postal address", "when you register", "/privacy#registration", "7 years"):
        assert text in page.text
    assert ADDRESS in browser.get("/me/privacy?show=address").text
    assert "ann@marked.example" not in browser.get("/me/privacy?show=address").text
    assert "argon2" not in browser.get("/me/privacy?show=all").text


def test_rows_are_told_as_a_table_and_until_when(house: House) -> None:
    """A series is shown as rows, amounts as money, and its end by the clause that sets it."""
    person = house.customer()
    house.do(lambda transaction: bought(transaction, person))
    page = house.signed_in(person).get("/me/privacy?show=transaction").text
    assert "$45.90" in page
    assert "2020-0001" in page
    assert "2 years" in page


def test_to_look_is_entered_and_nobody_else_is_shown(house: House) -> None:
    """Each look is an entry of the customer's own, and another customer sees none of it."""
    ann, ben = house.customer(), house.customer("ben@marked.example", address=ADDRESS)
    house.signed_in(ben).get("/me/privacy?show=all")
    house.signed_in(ann).get("/me/privacy?show=all")
    mine = house.signed_in(ann).get("/me/privacy/received").text
    assert mine.count("You looked at") == 1
    for page in ("/me/privacy?show=all", "/me/privacy/received", "/me/privacy/choices"):
        page_text = house.signed_in(ann).get(page).text
        assert ADDRESS not in page_text
        assert ben not in page_text


def test_the_ledger_is_told_in_sentences_and_sifted(house: House) -> None:
    """Disclosures, views and refusals are sentences with their clause, a month at a time."""
    person = house.customer()

    def work(transaction: GateTransaction) -> None:
        to_agent(transaction, person)
        transaction.act(
            Act(action="view", data=("email",), actor="staff", purpose="support"), person
        )

    house.do(work)
    carried(house, "delete-on-recall")
    house.do(work)
    browser = house.signed_in(person)
    page_text = browser.get("/me/privacy/received?which=disclosures").text
    assert "We shared your name with a collection agent" in page_text
    assert "/privacy#collecting-charges" in page_text
    assert page_text.count("We shared") == 1  # the same, to the same, on the same day
    assert "This happened twice on this day" in page_text
    staff = browser.get("/me/privacy/received?which=staff").text
    assert "Our staff did not look at your e-mail address" in staff
    refused = browser.get("/me/privacy/received?which=refusals").text
    assert refused.count("did not look at your e-mail address") == 2
    assert "Nothing happened" in browser.get("/me/privacy/received?month=2020-02").text
    for wrong in ("month=2020-13", "month=x", "which=all", "month=0001-01", "month=9999-12"):
        assert browser.get(f"/me/privacy/received?{wrong}").status_code == 404


def to_court(house: House, person: PersonId, **changes: Any) -> Outcome | Production:
    """Give what an order demands, by the legal desk."""
    desk = orders.desk_of(house)
    order = orders.approved(house, desk, orders.demand(house, person, fields=("usage",), **changes))
    return orders.release(house, desk, order)


def test_what_an_order_forbids_to_tell_is_told_once_the_order_ends(house: House) -> None:
    """While a gag is in force neither it nor what rests on it appears, and afterwards it does."""
    person = house.customer()
    silence_end = house.clock.now() + timedelta(days=5)
    assert not isinstance(to_court(house, person, silence_end=silence_end), Refused)
    browser = house.signed_in(person)
    assert "court" not in browser.get("/me/privacy/received").text.lower()
    assert "instrument" not in browser.get("/me/privacy/received").text
    house.clock.moved += timedelta(days=6)
    browser = house.signed_in(person)
    assert "use of services with a court" in browser.get("/me/privacy/received").text


def test_a_receipt_is_given_to_its_person_and_verified_by_anybody(house: House) -> None:
    """An entry of mine has a receipt that the public page verifies, as a file and as text."""
    ann, ben = house.customer(), house.customer("ben@marked.example")
    browser, nobody = house.signed_in(ann), house.browser()
    mine, other = (house.provider.gate.gate.entries(who)[0].number for who in (ann, ben))
    path = f"/me/privacy/received/{mine}"
    assert browser.get(path).status_code == 409
    assert "no log yet" in nobody.post("/ledger/verify", data={"receipt": "{}"}).text
    Checkpointer(house.provider.gate.gate.engine, SIGNER.name, SIGNER).run()
    receipt = browser.get(path)
    assert "attachment" in receipt.headers["content-disposition"]
    assert browser.get(f"/me/privacy/received/{other}").status_code == 404
    assert browser.get(f"/me/privacy/received/{10**30}").status_code == 404
    month_page = (
        {"files": {"file": ("receipt.json", receipt.content)}},
        {"data": {"receipt": receipt.text}},
    )
    for each in month_page:
        response = nobody.post("/ledger/verify", **each)
        assert "It is in our log, and unchanged" in response.text
    changed = receipt.text.replace("person", "persom")
    for wrong in (changed, "", " ", "{}", "x" * 2_000, "\u202e\U0001f600", "<script>"):
        response = nobody.post("/ledger/verify", data={"receipt": wrong})
        assert response.status_code == 422
        assert "<script>" not in response.text
    outside = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert nobody.post("/ledger/verify", data={"receipt": "{}"}, headers=outside).status_code == 403


def test_closing_an_account_starts_the_time_after_which_things_go(house: House) -> None:
    """Whoever does not agree can stop: it is asked once more, told to others, and then counts."""
    person = house.customer(interests="hiking")
    heard: list[str] = []
    house.provider.events.subscribe(ACCOUNT_CLOSED, lambda _j, who, _a: heard.append(who))
    browser = house.signed_in(person)
    assert "Close my account" in browser.get("/me/privacy/policy").text
    assert send(browser, "/me/close", {}).status_code == 422
    closed = send(browser, "/me/close", {"sure": "yes"}).headers["location"]
    assert "You closed your account." in browser.get(closed).text
    assert send(browser, "/me/close", {"sure": "yes"}).status_code == 303
    assert heard == [person]
    assert "You closed your account" in browser.get("/me/privacy/policy").text
    store = Act(action="store", data=("interests",))
    assert house.do(lambda transaction: transaction.peek(person, store)).allowed
    house.clock.moved = timedelta(days=190)
    assert not house.do(lambda transaction: transaction.peek(person, store)).allowed


def test_nobody_sees_a_page_without_signing_in(house: House) -> None:
    """Without a session every page of mine leads to the sign-in."""
    (mine,) = [each for each in house.provider.practices if each.name == "rights"]
    for route in mine.routes:
        assert isinstance(route, Route)
        if route.path.startswith("/me") and route.methods and "GET" in route.methods:
            path = re.sub(r"\{\w+(:int)?\}", "1", route.path)
            assert house.browser().get(path).headers["location"].startswith("/sign-in"), path


def _look_refused(house: House) -> bool:
    answer = house.signed_in(house.customer()).get("/me/privacy")
    assert "No clause of our policy allows it" in answer.text or answer.status_code == 200
    return answer.status_code == 403


def _is_refused(
    act: Callable[[GateTransaction, PersonId], Outcome], *duties: str
) -> Callable[[House], bool]:
    def story(house: House) -> bool:
        carried(house, *duties)
        person = house.customer()
        return isinstance(house.do(lambda transaction: act(transaction, person)), Refused)

    return story


RESTS_ON = {
    "own-view": _look_refused,
    "transactions": _is_refused(bought),
    "collecting-charges": _is_refused(to_agent, "delete-on-recall"),
    "legal-process": lambda house: isinstance(to_court(house, house.customer()), Refused),
}


def test_an_error_keeps_the_navigation_of_whoever_is_signed_in(house: House) -> None:
    """An error has the navigation of the desk that it was met at; a stranger's has nobody's."""
    browser = house.signed_in(house.customer())
    answer = browser.post("/me/privacy/choices", data={"_token": "0"})
    assert answer.status_code == 403
    assert "This form is older than your sign-in." in answer.text
    assert answer.headers["cache-control"] == "no-store"
    stranger = house.browser().get("/nowhere")
    assert stranger.status_code == 404
    for page in (answer.text, stranger.text):
        assert page.count("<!doctype html>") == page.count('href="/terms"') == 1
    desk = house.signed_in(house.staff("privacy"), "staff")
    missing = desk.get("/staff/tasks/" + "0" * 32)
    assert missing.status_code == 404
    assert 'action="/staff/sign-out"' in missing.text
    assert 'action="/staff/sign-out"' not in stranger.text


def test_a_value_that_is_public_says_by_which_source(house: House) -> None:
    """Only the value that was held when it was recorded, and not one in its place."""
    ann = house.customer(phone="+1 425 555 0142")
    house.do(lambda t: note_public(t, ann, "phone", "Phone book 2026", actor="staff u1"))
    page = house.signed_in(ann).get("/me/privacy").text
    assert page.count("; public by Phone book 2026.") == 1
    house.clock.moved += timedelta(minutes=1)
    house.do(lambda t: corrections.correct(t, ann, "phone", "+1 425 555 0143"))
    assert "public by" not in house.signed_in(ann).get("/me/privacy").text
