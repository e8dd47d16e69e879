"""A minor and a guardian: asked, answered, looked after, taken back, and of age one day."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient

from empty import empty_database
from practices.bills import card_page
from practices.conftest import PASSWORD, START, House, send
from practices.mail import link, waiting
from practices.without import without
from upheld.core.ids import PersonId
from upheld.database.statements import row, rows
from upheld.gate.act.request import Act
from upheld.gate.log import entries
from upheld.practice import invitations, tasks
from upheld.practice.ages import OFF_FOR_MINORS
from upheld.practice.events import PAYMENT_RECEIVED
from upheld.practices.accounts import domain as accounts
from upheld.practices.guardians import domain
from upheld.practices.guardians.jobs import birthdays
from upheld.vault import blind_index

MUM = "mum@marked.example"
KID = "kim@marked.example"
YES = {"permission": "yes", "costs": "yes", "supervision": "yes", "answer": "yes"}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """These stories are about pages; one kind of database is enough for them."""
    return empty_database(tmp_path)


def born(years: int) -> str:
    """The birth date of somebody who turned so old 40 days ago."""
    day = START - timedelta(days=40)
    return day.replace(year=day.year - years, day=min(day.day, 28)).date().isoformat()


def ask_guardian(house: House) -> tuple[str, str]:
    """A minor asks: the code that they are shown, and the link that their guardian gets."""
    browser = house.browser()
    gate = browser.post("/sign-up", data={"birth-date": born(16)})
    assert gate.headers["location"] == "/sign-up/guardian"
    page_shown = browser.post("/sign-up/guardian", data={"email": MUM, "name": "Kim"})
    code = re.search(r"(?:[A-Z2-9]{4}-){4}[A-Z2-9]{4}", page_shown.text)
    assert code
    return code[0], link(house, "guardians/invited")


def identified_guardian(house: House) -> PersonId:
    """An adult customer of whom we know who they are, by a payment."""
    guardian = house.customer(MUM)
    house.do(
        lambda transaction: house.provider.events.announce(transaction, PAYMENT_RECEIVED, guardian)
    )
    return guardian


def sign_up(house: House, code: str, **more: object) -> TestClient:
    """The minor signs up by their code and confirms their address; their browser.

    `more` is what the form sends besides.
    """
    browser = house.browser()
    back = browser.post("/sign-up/continue", data={"code": code, "birth-date": born(16)})
    assert back.status_code == 200, back.text
    data = {
        "name": "Kim Marked",
        "email": KID,
        "credentials": PASSWORD,
        "birth-date": born(16),
        "accept": "yes",
        "invitation": code,
        **more,
    }
    response = browser.post("/sign-up/form", data=data)
    if response.status_code == 303:
        browser.post(link(house, "accounts/verify"))
    return browser


def kid(house: House) -> PersonId:
    """The minor's id."""
    person = house.do(lambda transaction: accounts.person_at_address(transaction, KID))
    assert person
    return person


def sign_in(browser: TestClient) -> int:
    """The minor signs in."""
    return browser.post("/sign-in", data={"email": KID, "password": PASSWORD}).status_code


def family(house: House) -> tuple[PersonId, PersonId, TestClient]:
    """A guardian and the minor in their care, and the minor's browser, signed in."""
    guardian = identified_guardian(house)
    code, path = ask_guardian(house)
    assert send(house.signed_in(guardian), path, YES).headers["location"] == (
        "/me/family?said=accepted"
    )
    browser = sign_up(house, code)
    assert sign_in(browser) == 303
    return guardian, kid(house), browser


def test_before_a_guardian_says_yes_an_address_and_a_name_are_held(house: House) -> None:
    """One person: the address, and the name of who asks; after fourteen days there is nothing."""
    ask_guardian(house)
    values = house.do(
        lambda transaction: rows(transaction.connection, "SELECT person_id, field FROM value")
    )
    assert len({person for person, _ in values}) == 1
    assert sorted(field for _, field in values) == ["email", "name"]
    assert invitations.sweep(house.provider.gate.gate) == 0
    house.clock.moved = timedelta(days=14, minutes=1)
    house.do(lambda transaction: transaction.accept_clock(house.clock.now()))
    assert invitations.sweep(house.provider.gate.gate) == 1
    remaining_rows = house.do(
        lambda transaction: [
            row(transaction.connection, f"SELECT 1 FROM {table}")
            for table in ("value", "invitation", "outbox")
        ]
    )
    assert remaining_rows == [None, None, None]


@pytest.mark.parametrize("bad", ["", "x" * 5_000, "<script>", "🚀", "\u202ea@b.c", "a\x00@b.c"])
def test_no_answer_breaks_a_form(house: House, bad: str) -> None:
    """Whatever somebody types or sends as a file, the form comes again."""
    for path in ("/sign-up/guardian", "/sign-up/continue"):
        answer = house.browser().post(path, data={"email": bad, "code": bad, "birth-date": bad})
        assert answer.status_code == 422
        assert "<script>" not in answer.text
        data = {"email": ("x", b"y"), "code": ("x", b"y")}
        assert house.browser().post(path, files=dict([*data.items()][:1])).status_code == 422


def test_a_code_is_no_use_before_the_guardian_has_answered(house: House) -> None:
    """Nor is one that we never gave; nor does the form take it."""
    code, _ = ask_guardian(house)
    browser = house.browser()
    for value, status in ((code, 409), ("ABCD-" * 4 + "ABCD", 422), ("", 422), ("x" * 500, 422)):
        answer = browser.post("/sign-up/continue", data={"code": value, "birth-date": born(16)})
        assert answer.status_code == status
    form = {
        "name": "Kim",
        "email": KID,
        "credentials": PASSWORD,
        "birth-date": born(16),
        "accept": "yes",
        "invitation": code,
    }
    assert browser.post("/sign-up/form", data=form).status_code == 410


def test_a_minor_signs_up_with_a_guardian_and_is_served(house: House) -> None:
    """Three dated records, each with what was shown; the costs are the guardian's."""
    guardian, minor, browser = family(house)
    consents = house.do(lambda transaction: domain.consents_for(transaction, minor))
    assert all(each.record_id for each in consents.values())
    assert len({each.record_id for each in consents.values()}) == 3
    page_shown = house.do(
        lambda transaction: rows(
            transaction.connection,
            "SELECT kind, by_whom, how FROM record WHERE person_id = ?",
            minor,
        )
    )
    kinds = ("guardian-consent", "guardian-costs", "guardian-link")
    off = [("opt-out", "provider", OFF_FOR_MINORS)] * 2  # offers, and advertising
    assert sorted(page_shown) == [(kind, guardian, "page") for kind in kinds] + off
    texts = house.do(
        lambda transaction: [
            transaction.text_shown(minor, each.record_id)
            for each in consents.values()
            if each.record_id
        ]
    )
    assert texts == [domain.PERMISSION, domain.COSTS, domain.SUPERVISION]
    account = house.do(lambda transaction: accounts.account_of(transaction.tables, minor))
    assert account is not None
    assert account.holder == guardian
    kinds_entered = house.do(lambda transaction: entries.of_person(transaction.connection, minor))
    assert "charge" in [each.entry.action for each in kinds_entered]
    assert "Hello, Kim Marked" in browser.get("/me").text
    assert invitations.sweep(house.provider.gate.gate) == 1
    contacts = house.do(
        lambda transaction: blind_index.find(
            transaction.connection, transaction.context.keyring, "email", MUM
        )
    )
    assert contacts == [guardian]


def test_the_link_of_a_guardian_needs_an_adult_account_and_works_once(house: House) -> None:
    """Signed out it explains; each of the three is needed; a minor cannot say yes."""
    guardian = identified_guardian(house)
    _, path = ask_guardian(house)
    assert "Somebody asks for your permission" in house.browser().get(path).text
    assert house.browser().post(path, data=YES).status_code == 403
    browser = house.signed_in(guardian)
    for what in domain.KINDS:
        assert send(browser, path, {k: v for k, v in YES.items() if k != what}).status_code == 422
    young = house.customer("young@marked.example", born(17))
    assert send(house.signed_in(young), path, YES).status_code == 403
    assert send(browser, path, YES).status_code == 303
    assert browser.get(path).status_code == 410


def test_a_guardian_can_say_no(house: House) -> None:
    """Then the code works no more, and their address goes."""
    guardian = identified_guardian(house)
    code, path = ask_guardian(house)
    send(house.signed_in(guardian), path, {"answer": "no"})
    answer = house.browser().post("/sign-up/continue", data={"code": code, "birth-date": born(16)})
    assert answer.status_code == 422
    assert invitations.sweep(house.provider.gate.gate) == 1


def test_staff_see_who_a_guardian_is_before_the_minor_goes_on(house: House) -> None:
    """Without a payment a task waits; whoever took it says yes, and a message goes out."""
    guardian = house.customer(MUM)
    code, path = ask_guardian(house)
    answer = send(house.signed_in(guardian), path, YES)
    assert answer.headers["location"] == "/me/family?said=checking"
    data = {"code": code, "birth-date": born(16)}
    assert house.browser().post("/sign-up/continue", data=data).status_code == 409
    (task,) = house.do(lambda transaction: tasks.task_queue(transaction.tables, ["accounts"]))
    assert (task.person_id, task.kind) == (guardian, "guardian-check")
    desk, other = house.signed_in(house.staff("accounts"), "staff"), house.staff(sign_in="ed")
    page = house.provider.task_page(task.kind, task.task_id)
    assert desk.get(page).status_code == 404, "it is for whoever took the task"
    send(desk, f"/staff/tasks/{task.task_id}/take", {}, f"/staff/tasks/{task.task_id}")
    assert page in desk.get(f"/staff/tasks/{task.task_id}").text
    assert house.signed_in(other, "staff").get(page).status_code == 404
    assert send(desk, page, {"answer": "yes"}).status_code == 422, "what was seen is needed"
    assert send(desk, page, {"answer": "yes", "saw": "call"}).headers["location"] == "/staff"
    ((how,),) = house.do(
        lambda transaction: rows(transaction.connection, "SELECT how FROM identity_check")
    )
    assert how == "staff call"
    assert house.do(lambda transaction: tasks.task_queue(transaction.tables, ["accounts"])) == []
    assert "guardians/known" in [template for _, template in waiting(house)]
    assert house.browser().post("/sign-up/continue", data=data).status_code == 200


def test_a_guardian_is_told_who_asks_and_both_can_compare_a_code(house: House) -> None:
    """By name and by the first group of the code, which opens nothing without the others."""
    guardian = house.customer(MUM)
    code, path = ask_guardian(house)
    page_text = house.signed_in(guardian).get(path).text
    assert "Kim" in page_text
    assert f"<strong>{code[:4]}</strong>" in page_text
    assert code[5:] not in page_text
    for part in (code[:4], f"{code[:4]}-AAAA-AAAA-AAAA-AAAA"):
        data = {"code": part, "birth-date": born(16)}
        assert house.browser().post("/sign-up/continue", data=data).status_code == 422
    for name in ("https://evil.example/x", "[x](y)", "evil.example", "a\nb", "<b>"):
        answer = house.browser().post("/sign-up/guardian", data={"email": MUM, "name": name})
        assert answer.status_code == 422


def test_a_guardian_who_owes_nothing_shows_who_they_are_by_a_card(house: House) -> None:
    """Given on the processor's page; nothing is charged, and the young person goes on."""
    guardian = house.customer(MUM)
    code, path = ask_guardian(house)
    mum = house.signed_in(guardian)
    send(mum, path, YES)
    page = card_page(mum)
    back = mum.post(page, data={"number": "4242424242424242", "expiry": "01/49"})
    assert send(mum, back.headers["location"], {}).status_code == 303
    data = {"code": code, "birth-date": born(16)}
    assert house.browser().post("/sign-up/continue", data=data).status_code == 200
    assert (
        house.do(lambda transaction: rows(transaction.connection, "SELECT * FROM payment_intent"))
        == []
    )


@pytest.mark.parametrize("what", ["permission", "supervision"])
def test_access_ends_at_once_when_either_is_taken_back(house: House, what: str) -> None:
    """The minor is out and cannot come in; given again, they can."""
    guardian, minor, browser = family(house)
    page = f"/me/family/{minor}"
    mum = house.signed_in(guardian)
    send(mum, page, {"what": what, "how": "withdraw"})
    assert browser.get("/me").status_code == 303
    response = browser.post("/sign-in", data={"email": KID, "password": PASSWORD})
    assert response.status_code == 403
    assert "parent or guardian" in response.text
    assert "/privacy#minors" in response.text
    assert (
        house.do(lambda transaction: transaction.peek(minor, Act(action="serve"))).outcome == "deny"
    )
    assert "You see nothing at the moment" in mum.get(page).text
    send(mum, page, {"what": what, "how": "give"})
    assert sign_in(browser) == 303


def test_without_the_costs_nothing_more_is_charged(house: House) -> None:
    """The costs are a fact of their own: access stays, charging stops."""
    guardian, minor, browser = family(house)
    send(house.signed_in(guardian), f"/me/family/{minor}", {"what": "costs", "how": "withdraw"})
    assert browser.get("/me").status_code == 200
    assert not house.do(lambda transaction: transaction.peek(minor, Act(action="charge"))).allowed


def test_a_guardian_sees_the_account_and_the_minor_sees_each_look(house: House) -> None:
    """Services, use as totals, subjects of messages; no password, no text; entered and told."""
    guardian, minor, browser = family(house)

    def used(transaction: object) -> None:
        del transaction
        data = {"month": "2026-10", "service": "fibre", "gigabytes": 2.5, "hours": 7}
        for more in ({}, {"month": "2026-11"}):
            result = house.provider.gate.gate
            with result.together() as j:
                j.record(minor, "service-order", fact="has-service")
                j.append(
                    minor,
                    "usage",
                    [msgspec.json.encode({**data, **more}).decode()],
                    source="customer",
                    occasion="service-use",
                )
                j.append(
                    minor,
                    "messages",
                    [
                        msgspec.json.encode(
                            {
                                "at": "2026-11-02T10:00:00+00:00",
                                "purpose": "newsletter",
                                "subject": "Fibre is here",
                                "text": "SECRET TEXT",
                                "message": "1" * 32,
                                "clause": "newsletter",
                            }
                        ).decode()
                    ],
                    source="customer",
                    occasion="service-use",
                )

    used(None)
    page = house.signed_in(guardian).get(f"/me/family/{minor}").text
    assert "Kim Marked" in page
    assert re.search(r"Fibre.*5\.0.*14", page, re.DOTALL)
    assert "Fibre is here" in page
    assert "SECRET TEXT" not in page
    assert "argon2" not in page
    mine = browser.get("/me/family").text
    assert "name, account number, services and plans" in mine
    assert "Your guardian looked at your account" in browser.get("/me").text


def test_a_guardian_resets_a_password_and_never_learns_one(house: House) -> None:
    """The old one works no more, and a link goes to the minor, not to the guardian."""
    guardian, minor, browser = family(house)
    send(house.signed_in(guardian), f"/me/family/{minor}", {"what": "password"})
    assert browser.get("/me").status_code == 303
    assert sign_in(browser) == 403
    assert (minor, "guardians/reset") in waiting(house)
    path = link(house, "guardians/reset")
    assert browser.post(path, data={"password": "another four plain words"}).status_code == 303
    other = house.browser()
    answer = other.post("/sign-in", data={"email": KID, "password": "another four plain words"})
    assert answer.status_code == 303


def test_nobody_else_sees_a_minor(house: House) -> None:
    """Another customer, and the minor as if they were a guardian: there is nobody there."""
    _, minor, browser = family(house)
    stranger = house.signed_in(house.customer("eve@marked.example"))
    for each in (stranger, browser):
        for child in (minor, "0" * 32, "x"):
            assert each.get(f"/me/family/{child}").status_code == 404
            data = {"what": "permission", "how": "withdraw"}
            assert send(each, f"/me/family/{child}", data, "/me").status_code == 404
    assert browser.get("/me").status_code == 200


def test_on_the_eighteenth_birthday_it_is_theirs_alone(house: House) -> None:
    """A job ends the guardian's access; at the next sign-in the terms are accepted anew."""
    guardian, minor, _ = family(house)
    run = birthdays(house.provider)
    assert run(house.provider.gate.gate) == 0
    house.clock.moved = timedelta(days=2 * 366)
    house.do(lambda transaction: transaction.accept_clock(house.clock.now()))
    assert run(house.provider.gate.gate) == 1
    assert run(house.provider.gate.gate) == 0
    assert house.signed_in(guardian).get(f"/me/family/{minor}").status_code == 404
    account = house.do(lambda transaction: accounts.account_of(transaction.tables, minor))
    assert account is not None
    assert (account.holder, account.policy_digest) == (minor, "")
    browser = house.browser()
    answer = browser.post("/sign-in", data={"email": KID, "password": PASSWORD})
    assert answer.headers["location"] == "/me/acceptance"
    assert "You are of age now" in browser.get("/me").text
    assert send(browser, "/me/acceptance", {}).status_code == 422
    assert send(browser, "/me/acceptance", {"accept": "yes"}).status_code == 303
    account = house.do(lambda transaction: accounts.account_of(transaction.tables, minor))
    assert account is not None
    assert account.policy_digest == house.policy.digest


def _no_yes(house: House) -> bool:
    """Whether a guardian cannot say yes."""
    guardian = identified_guardian(house)
    _, path = ask_guardian(house)
    return send(house.signed_in(guardian), path, YES).status_code == 403


def _no_asking(house: House) -> bool:
    """Whether a guardian cannot even be asked."""
    data = {"email": MUM, "name": "Kim"}
    return house.browser().post("/sign-up/guardian", data=data).status_code == 403


def _no_minor(house: House) -> bool:
    """Whether a minor cannot sign up although a guardian said yes."""
    guardian = identified_guardian(house)
    invited_by = house.do(
        lambda transaction: invitations.invite(transaction, MUM, "guardian", "guardians/invited")
    )
    assert isinstance(invited_by, tuple)
    invitation = house.do(
        lambda transaction: invitations.find_by_id(transaction.tables, invited_by[0])
    )
    assert invitation is not None
    house.do(lambda transaction: domain.accept(transaction, guardian, invitation))
    data = {
        "name": "Kim Marked",
        "email": KID,
        "credentials": PASSWORD,
        "birth-date": born(16),
        "accept": "yes",
        "invitation": invited_by[1],
    }
    is_refused = house.browser().post("/sign-up/form", data=data).status_code == 403
    found = house.do(lambda transaction: accounts.person_at_address(transaction, KID))
    return is_refused and found is None


def _no_view(house: House) -> bool:
    """Whether a guardian sees nothing of a minor."""
    guardian, minor, _ = family(house)
    return (
        "You see nothing at the moment" in house.signed_in(guardian).get(f"/me/family/{minor}").text
    )


RESTS_ON: dict[str, Callable[[House], bool]] = {
    "invitations": _no_asking,
    "service-messages": _no_asking,
    "checks-use": _no_yes,
    "minors": _no_minor,
    "minor-costs": _no_minor,
    "guardian-view": _no_view,
}


@pytest.mark.parametrize("clause", RESTS_ON)
def test_without_its_clause_no_guardian_is_of_use(
    open_house: Callable[..., House], clause: str
) -> None:
    """Take the clause away, and what rests on it is refused."""
    assert RESTS_ON[clause](open_house(without(clause)))
