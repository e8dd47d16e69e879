"""Termination: decided at a desk by the role, carried out on its day, answered, undone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from io import BytesIO
from zipfile import ZipFile

import pytest
from starlette.testclient import TestClient

import upheld
from practices.conftest import PASSWORD, House, send
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.erasure.erase import erase
from upheld.gate.transaction import GateTransaction
from upheld.policy.load import load_text
from upheld.practice.tables import desk_own
from upheld.practices.accounts import domain
from upheld.practices.billing import services
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery
from upheld.practices.rights import closure
from upheld.practices.terminations.decisions import Grounds, TerminationError, Terminations

DESK = "/staff/terminations"
TERM = "Pay what you owe, and be kind."
EVENTS = "Sent <b>spam</b> to\n# Zo\u00eb, twice."


def number_of(house: House, person: PersonId) -> str:
    """The account number of a customer."""
    account = house.do(lambda transaction: domain.account_of(transaction.tables, person))
    assert account is not None
    return account.number


def form(
    house: House, person: PersonId, starts: date | None = None, **changes: str
) -> dict[str, str]:
    """The form of the desk, filled in."""
    day = starts or house.clock.today()
    return {
        "account": number_of(house, person),
        "email": "ann@marked.example",
        "service": "all",
        "starts-day": str(day.day),
        "starts-month": str(day.month),
        "starts-year": str(day.year),
        "term": TERM,
        "events": EVENTS,
        **changes,
    }


def decide(house: House, staff: TestClient, person: PersonId, starts: date | None = None) -> str:
    """Decide to end all services of somebody; the id of the decision."""
    answer = send(staff, DESK, form(house, person, starts))
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].rsplit("/", 1)[-1].partition("?")[0]


def undo(staff: TestClient, termination: str, why: str = "It was their neighbour.") -> int:
    """Undo a decision; the status of the answer."""
    path = f"{DESK}/{termination}"
    return send(staff, f"{path}/undo", {"why": why}, path).status_code


def order(house: House, person: PersonId, plan: str) -> str:
    """Order a plan as a customer does; nothing where it was ordered, else the page."""
    answer = send(house.signed_in(person), "/me/services", {"plan": plan})
    return "" if answer.status_code == 303 else answer.text


def plans_of(house: House, person: PersonId) -> list[str]:
    """The plans that somebody has now."""
    now = house.do(lambda transaction: services.current_services(transaction, person))
    assert isinstance(now, list)
    return [each.plan for each in now]


def run_job(house: House) -> int:
    """Carry out what is due."""
    (job,) = [each for each in house.provider.jobs if each.name == "terminations"]
    return job.run(house.provider.gate.gate)


def state_of(staff: TestClient, termination: str) -> str:
    """The state that the page of a decision says."""
    page = staff.get(f"{DESK}/{termination}")
    assert page.status_code == 200
    return page.text.split("State: ")[1].split(".")[0]


def _token(browser: TestClient, page: str) -> str:
    """The token that the forms of a page carry."""
    return browser.get(page).text.split('name="_token" value="')[1].split('"')[0]


def test_a_decision_is_asked_about_done_written_and_answered(house: House) -> None:
    """It is confirmed first; the customer gets a mail, reads why, answers, and it is read."""
    ann = house.customer()
    order(house, ann, "dsl-10")
    user = house.staff("terms")
    staff = house.signed_in(user, "staff")
    asked = staff.post(DESK, data={"_token": _token(staff, DESK), **form(house, ann)})
    assert asked.status_code == 200
    assert "What will happen" in asked.text
    assert plans_of(house, ann) == ["dsl-10"]
    termination = decide(house, staff, ann)
    assert plans_of(house, ann) == []
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    texts = [each.get_body(("plain",)).get_content() for each in box.messages]  # type: ignore[union-attr] # each has a text
    (text,) = [each for each in texts if f"/me/terminations/{termination}" in each]
    assert "spam" not in text
    customer = house.signed_in(ann)
    assert "We decided to end all your services on 11 March 2026." in customer.get("/me").text
    path = f"/me/terminations/{termination}"
    page = customer.get(path)
    assert TERM in page.text
    assert "Sent &lt;b&gt;spam&lt;/b&gt;" in page.text
    assert send(customer, f"{path}/reply", {"text": "It was not me."}, path).status_code == 303
    assert "It was not me." in staff.get(f"{DESK}/{termination}").text
    assert (
        send(
            staff,
            f"{DESK}/{termination}/write",
            {"text": "We look again."},
            f"{DESK}/{termination}",
        ).status_code
        == 303
    )
    assert "We look again." in customer.get(path).text
    other = house.signed_in(house.staff("terms", sign_in="tom"), "staff")
    assert "It was not me." not in other.get(f"{DESK}/{termination}").text


def test_what_is_held_stays_and_the_customer_still_signs_in_and_sees_it(house: House) -> None:
    """Ending services deletes nothing and shuts nobody out of their account."""
    ann = house.customer()
    order(house, ann, "dsl-10")
    decide(house, house.signed_in(house.staff("terms"), "staff"), ann)
    answer = house.browser().post(
        "/sign-in", data={"email": "ann@marked.example", "password": PASSWORD}
    )
    assert answer.status_code == 303
    assert house.signed_in(ann).get("/me").status_code == 200
    export = send(house.signed_in(ann), "/me/privacy/export", {"format": "json"}, "/me/privacy")
    with ZipFile(BytesIO(export.content)) as archive:
        assert any(b"Ann Marked" in archive.read(name) for name in archive.namelist())
    assert house.signed_in(ann).get("/me/balance").status_code == 200


def test_the_four_states_stand_at_the_desk(house: House) -> None:
    """Planned, ended, undone, and of no effect where the policy in force does not let us."""
    ann = house.customer()
    staff = house.signed_in(house.staff("terms"), "staff")
    first = decide(house, staff, ann, house.clock.today() + timedelta(days=2))
    assert state_of(staff, first) == "planned"
    assert undo(staff, first) == 303
    assert state_of(staff, first).startswith("undone, since 11 March 2026, by Sam Desk")
    assert undo(staff, first) == 422
    second = decide(house, staff, ann)
    assert state_of(staff, second).startswith("ended, since 11 March 2026")
    listed = staff.get(DESK).text
    assert "Undone by Sam Desk" in listed
    assert "ann@marked.example" not in listed


def test_a_policy_that_does_not_let_us_ends_nothing(
    open_house: Callable[..., House], sample: upheld.Policy
) -> None:
    """Without the rule the gate refuses on the day, the state says so, and nothing is barred."""
    source = sample.program.source.replace(
        "may terminate when terms-violated with record", "may not terminate"
    )
    house = open_house(load_text(source))
    ann = house.customer()
    order(house, ann, "dsl-10")
    staff = house.signed_in(house.staff("terms"), "staff")
    termination = decide(house, staff, ann)
    assert state_of(staff, termination).startswith("no effect: the policy does not let us")
    assert plans_of(house, ann) == ["dsl-10"]
    page = house.signed_in(ann).get(f"/me/terminations/{termination}").text
    assert "Our decision has no effect" in page
    assert order(house, ann, "phone") == ""


def test_one_service_ends_and_the_others_go_on(house: House) -> None:
    """Only what was decided ends, and only that cannot be ordered."""
    ann = house.customer()
    order(house, ann, "dsl-10")
    order(house, ann, "phone")
    staff = house.signed_in(house.staff("terms"), "staff")
    assert send(staff, DESK, form(house, ann, service="dsl")).status_code == 303
    assert plans_of(house, ann) == ["phone"]
    assert "We decided to end this for you." in order(house, ann, "dsl-50")
    assert order(house, ann, "hosting") == ""


def test_a_decision_waits_for_its_day_and_one_that_is_undone_before_never_comes(
    house: House,
) -> None:
    """The job carries out what is due, once, and nothing that was undone."""
    ann = house.customer()
    order(house, ann, "dsl-10")
    staff = house.signed_in(house.staff("terms"), "staff")
    termination = decide(house, staff, ann, house.clock.today() + timedelta(days=1))
    assert run_job(house) == 0
    assert order(house, ann, "phone") == ""
    undo(staff, termination)
    house.clock.moved += timedelta(days=2)
    assert run_job(house) == 0
    assert plans_of(house, ann) == ["dsl-10", "phone"]


@pytest.mark.parametrize(
    "changes",
    [
        {"email": "bo@marked.example"},
        {"account": "1"},
        {"service": "telegraph"},
        {"starts-day": "10"},
        {"starts-year": "2028"},
        {"starts-day": "31", "starts-month": "2", "starts-year": "2027"},
        {"term": ""},
        {"events": " "},
        {"events": "x" * 5001},
    ],
)
def test_what_is_wrong_in_the_form_ends_nothing(house: House, changes: dict[str, str]) -> None:
    """Another's address, no such service, a day that is over or not there, words that lack."""
    ann = house.customer()
    house.customer("bo@marked.example")
    order(house, ann, "mail")
    staff = house.signed_in(house.staff("terms"), "staff")
    assert send(staff, DESK, {**form(house, ann), **changes}).status_code == 422
    assert plans_of(house, ann) == ["mail"]


def test_nobody_without_the_role_nor_a_relative_decides(house: House) -> None:
    """A manager is refused, and so is whoever has said that the account is a relative's."""
    ann = house.customer()
    manager = house.signed_in(house.staff("manager", sign_in="max"), "staff")
    assert manager.get(DESK).status_code == 403
    answer = manager.post(DESK, data={"_token": _token(manager, "/staff"), **form(house, ann)})
    assert answer.status_code == 403
    user = house.staff("terms")
    house.do(lambda transaction: transaction.tables.insert(desk_own, person_id=ann, user_id=user))
    staff = house.signed_in(user, "staff")
    answer = send(staff, DESK, form(house, ann))
    assert answer.status_code == 422
    assert "a relative&#39;s" in answer.text


def test_other_customers_see_and_answer_nothing_of_it(house: House) -> None:
    """A decision about somebody else is not there, nor is one that does not exist."""
    ann, bo = house.customer(), house.customer("bo@marked.example")
    termination = decide(house, house.signed_in(house.staff("terms"), "staff"), ann)
    browser = house.signed_in(bo)
    assert browser.get(f"/me/terminations/{termination}").status_code == 404
    token = _token(browser, "/me")
    for each in (termination, "0" * 32):
        path = f"/me/terminations/{each}/reply"
        assert browser.post(path, data={"_token": token, "text": "x"}).status_code == 404


def test_of_many_at_once_one_decides_and_one_undoes(house: House) -> None:
    """The same decision sent by several people at once is made once, and undone once."""
    ann = house.customer()
    user = house.staff("terms")
    terminations = Terminations(house.provider)
    starts = house.clock.now() + timedelta(days=1)
    grounds = Grounds("", starts, TERM, EVENTS)

    def attempt(work: Callable[[GateTransaction], object]) -> str:
        try:
            house.do(work)
        except TerminationError as error:
            return error.code
        return ""

    def all_decide(_: int) -> str:
        return attempt(lambda transaction: terminations.decide(transaction, ann, grounds, user))

    with ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(all_decide, range(20)))
    assert sorted(codes) == ["", *["termination-repeated"] * 19]
    (decision,) = house.do(lambda transaction: terminations.all(transaction.tables))
    house.clock.moved += timedelta(days=1, hours=1)

    def all_undo(_: int) -> str:
        name = decision.termination_id
        return attempt(lambda transaction: terminations.undo(transaction, name, "No.", user))

    with ThreadPoolExecutor(20) as pool:
        carried_out = pool.submit(run_job, house)
        codes = list(pool.map(all_undo, range(20)))
        assert carried_out.result() in (0, 1)
    assert sorted(codes) == ["", *["termination-state"] * 19]


def test_who_closed_their_account_since_answers_and_the_decision_is_undone(house: House) -> None:
    """A mail says so where they asked; their account stays closed, and the page says both."""
    ann, bo = house.customer(), house.customer("bo@marked.example")
    staff = house.signed_in(house.staff("terms"), "staff")
    for person, email, replies in (
        (ann, "ann@marked.example", True),
        (bo, "bo@marked.example", False),
    ):
        answer = send(staff, DESK, form(house, person, email=email))
        termination = answer.headers["location"].rsplit("/", 1)[-1].partition("?")[0]
        house.do(lambda one, who=person: closure.close(one, house.provider.events, who))  # type: ignore[misc] # the loop's own
        customer, path = house.signed_in(person), f"/me/terminations/{termination}"
        if replies:
            sent = send(customer, f"{path}/reply", {"text": "It was not me."}, path)
            assert sent.status_code == 303
        Delivery(house.provider, Box()).run(house.provider.gate.gate)
        question = staff.post(
            f"{DESK}/{termination}/undo",
            data={"_token": _token(staff, DESK), "why": "It was their neighbour."},
        ).text
        assert "it stays closed" in question
        assert ("lets us send them no mail" in question) is not replies
        assert undo(staff, termination) == 303
        assert state_of(staff, termination).startswith("undone")
        page = customer.get(path).text
        assert "Your account stays closed." in page
        assert "It was their neighbour." in page
        box = Box()
        Delivery(house.provider, box).run(house.provider.gate.gate)
        assert len(box.messages) == (1 if replies else 0)


def test_an_erased_customer_leaves_nothing_of_it(house: House) -> None:
    """With their erasure the decision goes, and its task waits for nobody."""
    ann = house.customer()
    user = house.staff("terms")
    termination = decide(house, house.signed_in(user, "staff"), ann)
    gate = house.provider.gate.gate
    erase(gate, [ann], now=True)
    with reading(gate.engine) as connection:
        assert not rows(connection, "SELECT 1 FROM termination")
    page = house.signed_in(user, "staff").get(f"{DESK}/{termination}")
    assert page.status_code == 404
