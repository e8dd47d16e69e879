"""The console: nothing without a task, every look entered, and who is let go sees nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from empty import empty_database
from practices.conftest import PASSWORD, House, send
from upheld.core.ids import PersonId, TaskId, UserId
from upheld.database.own_tables import Tables
from upheld.database.transaction import reading
from upheld.gate.act.request import Act, Refused
from upheld.gate.log import entries
from upheld.gate.log.entries import StoredEntry
from upheld.gate.operations.jobs import LEASE
from upheld.gate.operations.lease import Lease
from upheld.practice import tasks
from upheld.practices.staff import people

MAIL = "ann@marked.example"
CASES = (
    "",
    "   ",
    "x" * 5_000,
    "<script>alert(1)</script>",
    "🐘" * 30,
    "\u202eabc",
    "a\x00b",
    "-1",
)


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path) -> str:
    """The stories of the console are told once; other tests run on both databases."""
    return empty_database(tmp_path)


def task_on(
    house: House, person: PersonId, purpose: str = "support", role: str = "support"
) -> TaskId:
    """A task that waits; its id."""
    return house.do(
        lambda transaction: tasks.open_task(
            transaction, person, "ticket", purpose, role=role, about="trouble"
        )
    )


def take_task(
    house: House, *roles: str, purpose: str = "support"
) -> tuple[TestClient, PersonId, TaskId, UserId]:
    """Somebody at the console who took a task: their browser, ids of person, task and user."""
    person, user = house.customer(), house.staff(*(roles or ("support",)))
    task = task_on(house, person, purpose, (roles or ("support",))[0])
    browser = house.signed_in(user, "staff")
    path = f"/staff/tasks/{task}"
    assert send(browser, f"{path}/take", {}, path).status_code == 303
    return browser, person, task, user


def reveal(browser: TestClient, task: str, *fields: str) -> httpx2.Response:
    """Tick some fields on the page of a task, and show them."""
    path = f"/staff/tasks/{task}"
    return send(browser, f"{path}/reveal", {"field": list(fields)}, path)


def ledger_entries(house: House, person: PersonId) -> list[StoredEntry]:
    """What the ledger tells of a person."""
    with reading(house.provider.gate.gate.engine) as connection:
        return entries.of_person(connection, person)


def test_values_are_masked_until_revealed_and_each_look_is_entered(house: House) -> None:
    """The page of a task has no value; each field shown is an act that the customer sees."""
    browser, person, task, user = take_task(house)
    page = browser.get(f"/staff/tasks/{task}")
    assert MAIL not in page.text
    assert "Ann Marked" not in page.text
    assert "••••••" in page.text
    before = len(ledger_entries(house, person))
    page_shown = reveal(browser, task, "email", "phone")
    assert (page_shown.status_code, page_shown.headers["cache-control"]) == (200, "no-store")
    assert MAIL in page_shown.text
    assert "Nothing is held." in page_shown.text
    looks = [line.entry for line in ledger_entries(house, person)[before:]]
    assert [(each.kind, each.action, each.data, each.actor, each.purpose) for each in looks] == [
        ("act", "view", (field,), f"staff {user}", "support") for field in ("email", "phone")
    ]
    assert "the customer sees it" in page_shown.text


def test_a_field_that_is_not_for_the_purpose_says_by_which_clause(house: House) -> None:
    """What the role or the policy leaves out stands with its clause, and asking is refused."""
    browser, person, task, _ = take_task(house)
    page = browser.get(f"/staff/tasks/{task}").text
    barred = page[page.index("Not for this purpose") :]
    assert "Birth date" in barred or "birth date" in barred
    assert 'href="/privacy#staff"' in barred
    assert 'href="/privacy#passwords"' in barred
    before = len(ledger_entries(house, person))
    answer = reveal(browser, task, "birth-date", "credentials", "mail-content")
    assert answer.status_code == 403
    assert "1990-02-01" not in answer.text
    assert "argon2" not in answer.text
    assert [line.entry.kind for line in ledger_entries(house, person)[before:]] == ["refusal"] * 3


def test_without_a_task_there_is_nothing(house: House) -> None:
    """Another role's task is not there, and a task that nobody took shows nothing."""
    person, curious = house.customer(), house.staff("support")
    task, other = task_on(house, person), task_on(house, person, "billing", "billing")
    browser = house.signed_in(curious, "staff")
    assert MAIL not in browser.get(f"/staff/tasks/{task}").text
    assert reveal(browser, task, "email").status_code == 403
    assert browser.get(f"/staff/tasks/{other}").status_code == 404
    assert browser.get("/staff/tasks/" + "0" * 32).status_code == 404
    for more in ("take", "reveal", "leave"):
        path = f"/staff/tasks/{other}/{more}"
        assert send(browser, path, {"field": "email"}, "/staff").status_code == 404
    assert person not in browser.get("/staff").text


def test_somebody_elses_task_and_a_closed_one_show_nothing(house: House) -> None:
    """Only whoever took a task sees anything, and only until it is closed or put back."""
    browser, _, task, _ = take_task(house)
    other = house.signed_in(house.staff("support", sign_in="olga"), "staff")
    assert "Somebody else works on it" in other.get(f"/staff/tasks/{task}").text
    assert reveal(other, task, "email").status_code == 403
    path = f"/staff/tasks/{task}"
    assert send(other, f"{path}/leave", {"how": "done"}, "/staff").status_code == 403
    assert send(browser, f"{path}/leave", {"how": "back"}, path).status_code == 303
    assert reveal(browser, task, "email").status_code == 403
    assert send(other, f"{path}/take", {}, path).status_code == 303
    assert reveal(other, task, "email").status_code == 200
    assert send(other, f"{path}/leave", {"how": "done"}, path).status_code == 303
    assert "It is closed" in other.get(path).text
    assert reveal(other, task, "email").status_code == 403


def test_a_task_proves_nothing_for_another_purpose_or_user(house: House) -> None:
    """The record of a task holds for its own purpose, its fields and whoever took it."""
    _, person, _, user = take_task(house)

    def looks(purpose: str, field: str, party: str) -> bool:
        act = Act(action="view", data=(field,), actor="staff", party=party, purpose=purpose)
        return not isinstance(house.do(lambda transaction: transaction.act(act, person)), Refused)

    assert looks("support", "email", user)
    assert not looks("billing", "email", user)
    assert not looks("support", "birth-date", user)
    assert not looks("support", "email", "0" * 32)


def test_a_task_proves_nothing_that_the_role_no_longer_covers(house: House) -> None:
    """Whoever took a task under a wider role is refused what it lost, and has to take it anew."""
    person, user = house.customer(), house.staff("support")
    task = task_on(house, person)
    house.do(lambda transaction: tasks.take(transaction, task, user, ("email", "birth-date")))
    browser = house.signed_in(user, "staff")
    assert reveal(browser, task, "email").status_code == 200
    answer = reveal(browser, task, "birth-date")
    assert (answer.status_code, "1990-02-01" in answer.text) == (403, False)
    assert ledger_entries(house, person)[-1].entry.kind == "refusal"
    assert "Take this task" in browser.get(f"/staff/tasks/{task}").text


def test_a_task_of_another_practice_leads_to_its_own_page(house: House) -> None:
    """A kind of task that has a desk of its own says where that is."""
    person, user = house.customer(), house.staff("billing")
    task = house.do(
        lambda transaction: tasks.open_task(
            transaction, person, "debt", "debt-collection", role="billing"
        )
    )
    browser, path = house.signed_in(user, "staff"), f"/staff/tasks/{task}"
    assert send(browser, f"{path}/take", {}, path).status_code == 303
    assert f'href="/staff/debts/{task}"' in browser.get(path).text


@pytest.mark.parametrize(
    ("kind", "purpose"),
    [
        ("guardian-check", "service-provision"),
        ("correction", "rights-request"),
    ],
)
def test_what_other_practices_put_into_a_queue_can_be_taken(
    house: House, kind: str, purpose: str
) -> None:
    """Each task of a guardian's or a correction's has a role that covers its purpose."""
    person, user = house.customer(), house.staff("accounts")
    task = house.do(
        lambda transaction: tasks.open_task(transaction, person, kind, purpose, role="accounts")
    )
    browser, path = house.signed_in(user, "staff"), f"/staff/tasks/{task}"
    assert send(browser, f"{path}/take", {}, path).status_code == 303
    assert "Show what is ticked" in browser.get(path).text


def test_a_role_that_covers_nothing_cannot_take_a_task(house: House) -> None:
    """A record about no kind of data would cover all of them, so none is made."""
    person, user = house.customer(), house.staff("manager")
    task = task_on(house, person, "support", "manager")
    browser = house.signed_in(user, "staff")
    path = f"/staff/tasks/{task}"
    assert "covers no kind of data" in browser.get(path).text
    assert send(browser, f"{path}/take", {}, "/staff").status_code == 303
    with pytest.raises(tasks.TaskError, match="covers nothing"):
        house.do(lambda transaction: tasks.take(transaction, task, user, ()))
    assert reveal(browser, task, "email").status_code == 403


def test_whoever_is_let_go_sees_nothing_from_then_on(house: House) -> None:
    """Their session is nobody's, their tasks wait again, and their records prove nothing."""
    browser, person, task, user = take_task(house)
    house.do(lambda transaction: people.end(transaction, user))
    assert browser.get("/staff").headers["location"] == "/staff/sign-in?destination=staff"
    act = Act(action="view", data=("email",), actor="staff", party=user, purpose="support")
    assert isinstance(house.do(lambda transaction: transaction.act(act, person)), Refused)
    with reading(house.provider.gate.gate.engine) as connection:
        result = tasks.find_task(Tables(connection), task)
    assert result is not None
    assert (result.state, result.staff_id) == ("open", None)
    again = house.signed_in(user, "staff")  # a session that was begun a moment too late
    assert again.get("/staff").status_code == 303


def test_a_customer_is_found_only_to_open_a_task(house: House) -> None:
    """Each way leads to a task that shows nothing, by an act and an entry; or says so."""
    person, user = house.customer(phone="+1 555 010 0199"), house.staff("support")
    with reading(house.provider.gate.gate.engine) as connection:
        number = connection.exec_driver_sql("SELECT number FROM account").scalar()
    browser = house.signed_in(user, "staff")
    for way, word in (("email", MAIL.upper()), ("phone", "+15550100199"), ("account", str(number))):
        before = len(ledger_entries(house, person))
        query = {"way": way, "told": word, "reason": "trouble", "recognised": "details"}
        answer = send(browser, "/staff/find", query, "/staff")
        assert answer.status_code == 303
        assert MAIL not in browser.get(answer.headers["location"]).text
        acts = [line.entry for line in ledger_entries(house, person)[before:]]
        assert [(each.kind, each.purpose) for each in acts] == [
            ("act", "support"),
            ("look-up", "support"),
            ("record", ""),  # the task is taken by who opened it
        ]
    nobody = {
        "way": "email",
        "told": "bo@marked.example",
        "reason": "trouble",
        "recognised": "details",
    }
    answer = send(browser, "/staff/find", nobody, "/staff")
    assert (answer.status_code, "Nothing was found" in answer.text) == (422, True)
    other = {"way": "email", "told": MAIL, "reason": "invoice", "recognised": "details"}
    assert send(browser, "/staff/find", other, "/staff").status_code == 422
    manager = house.signed_in(house.staff("manager", sign_in="mo"), "staff")
    assert send(manager, "/staff/find", nobody, "/staff").status_code == 403


def test_looking_up_is_limited(house: House) -> None:
    """Nobody walks through the customers: after twenty tries one has to wait."""
    browser = house.signed_in(house.staff("support"), "staff")
    query = {"way": "account", "told": "10000000", "reason": "trouble", "recognised": "details"}
    texts = [send(browser, "/staff/find", query, "/staff").text for _ in range(21)]
    assert "Nothing was found" in texts[19]
    assert "Wait a few minutes" in texts[20]


def test_ones_own_account_is_left_to_others(house: House) -> None:
    """An account that somebody named as theirs they can neither find nor take, at once."""
    browser, person, task, user = take_task(house)
    with reading(house.provider.gate.gate.engine) as connection:
        number = str(connection.exec_driver_sql("SELECT number FROM account").scalar())
    texts = [
        send(browser, "/staff/me/account", {"account": each}, "/staff/me")
        for each in (number, "12345678")
    ]
    assert {each.status_code for each in texts} == {200}
    assert "Noted." in texts[0].text
    assert re.sub(r"[0-9a-f]{64}", "", texts[0].text) == re.sub(r"[0-9a-f]{64}", "", texts[1].text)
    assert reveal(browser, task, "email").status_code == 403
    assert "your own account" in browser.get(f"/staff/tasks/{task}").text
    query = {"way": "email", "told": MAIL, "reason": "trouble", "recognised": "details"}
    answer = send(browser, "/staff/find", query, "/staff")
    assert (answer.status_code, "your own account" in answer.text) == (422, True)
    with pytest.raises(tasks.TaskError, match="your own account"):
        house.do(lambda transaction: tasks.take(transaction, task, user, ("email",)))
    other = house.signed_in(house.staff("support", sign_in="olga"), "staff")
    path = f"/staff/tasks/{task}"
    assert send(other, f"{path}/take", {}, path).status_code == 303
    assert person


@pytest.mark.parametrize("kind", ["staff", "agent"])
def test_signing_in_takes_password_and_a_code_that_works_once(house: House, kind: str) -> None:
    """The right three lead to the desk; the same code again, or before, does not."""
    _, code = house.enrolled(kind=kind, party="Duns")

    def tried(password: str = PASSWORD, *, name: str = "Sam", ahead: int = 0) -> httpx2.Response:
        at = house.clock.now() + timedelta(seconds=30 * ahead)
        return send(
            house.browser(),
            f"/{kind}/sign-in",
            {"sign-in": name, "password": password, "code": code.at(at)},
        )

    wrong = tried("another long password")
    assert (wrong.status_code, PASSWORD in wrong.text) == (403, False)
    right = tried()  # the code was not used up by whoever did not know the password
    assert (right.status_code, right.headers["location"]) == (303, f"/{kind}")
    assert kind in right.headers["set-cookie"]
    assert tried().status_code == 403
    assert tried(ahead=1).status_code == 303
    assert tried(ahead=-1).status_code == 403
    unknown = tried(name="nobody", ahead=1)
    assert unknown.status_code == 403
    assert unknown.text.replace("nobody", "Sam") == wrong.text


def test_too_many_tries_lock_a_name_out_for_a_while(house: House) -> None:
    """After five tries, for a name that is there or not, only all that is right at once helps."""
    _, code = house.enrolled()
    for name in ("sam", "nobody"):
        tries = [
            send(
                house.browser(),
                "/staff/sign-in",
                {"sign-in": name, "password": "wrong words here", "code": "000000"},
            )
            for _ in range(6)
        ]
        assert [each.status_code for each in tries] == [403] * 5 + [429]
    right = {"sign-in": "sam", "password": PASSWORD, "code": code.at(house.clock.now())}
    for wrong in ({"password": "wrong words here"}, {"code": "000000"}):
        assert send(house.browser(), "/staff/sign-in", {**right, **wrong}).status_code == 429
    assert send(house.browser(), "/staff/sign-in", right).status_code == 303


def test_a_cookie_of_one_kind_opens_no_other_desk(house: House) -> None:
    """A customer's session, or an agent's, is nobody's at the console, and the other way round."""
    person, user = house.customer(), house.staff("support")
    agent = house.staff(kind="agent", sign_in="duns", party="Duns")
    for subject, kind in ((person, "customer"), (agent, "agent")):
        browser = house.signed_in(subject, kind)
        browser.cookies.set("staff", browser.cookies[kind])
        assert browser.get("/staff").status_code == 303
    browser = house.signed_in(agent, "staff")  # as if somebody had written into the database
    assert browser.get("/staff").status_code == 303
    browser = house.signed_in(user, "staff")
    browser.cookies.set("customer", browser.cookies["staff"])
    assert browser.get("/me").status_code == 303


def test_only_managers_manage_and_only_with_a_fresh_password(house: House) -> None:
    """Others get 403; a session whose password is some minutes old has to give it again."""
    other = house.signed_in(house.staff("support", "billing", "privacy"), "staff")
    for path in ("/staff/people", "/staff/safeguards"):
        assert other.get(path).status_code == 403
        assert send(other, path, {"name": "x"}, "/staff/me").status_code == 403
    manager = house.staff("manager", sign_in="mo")
    house.clock.moved = timedelta(minutes=-6)
    stale = house.signed_in(manager, "staff")
    house.clock.moved = timedelta()
    assert stale.get("/staff/people").headers["location"] == "/staff/sign-in?destination=people"
    answer = send(stale, "/staff/people", {"name": "Eve", "sign-in": "eve"}, "/staff/me")
    assert answer.headers["location"] == "/staff/sign-in?destination=people"
    assert stale.get("/staff/safeguards").status_code == 200
    ended = send(house.signed_in(manager, "staff"), f"/staff/people/{manager}/end", {}, "/staff/me")
    assert ended.status_code == 403


def test_the_safeguards_say_what_is_on_and_what_is_not_whole(house: House) -> None:
    """Looking through finds what was changed, and tells no value."""
    house.customer()
    browser = house.signed_in(house.staff("manager"), "staff")
    page = browser.get("/staff/safeguards").text
    assert "Encrypted at rest: on" in page
    assert "Ledger signed: off" in page
    assert "Jobs: off" in page
    assert Lease(house.provider.gate.gate.engine, LEASE).hold()
    assert "Jobs: on" in browser.get("/staff/safeguards").text
    assert "Everything is whole." in send(browser, "/staff/safeguards", {}).text
    house.do(
        lambda transaction: transaction.connection.exec_driver_sql("UPDATE value SET revision = 9")
    )
    result = send(browser, "/staff/safeguards", {}).text
    assert "not whole" in result
    assert MAIL not in result


def test_another_password_signs_out_elsewhere(house: House) -> None:
    """A stolen session is worth nothing once its owner took another password."""
    user, code = house.enrolled("support")
    stolen, browser = house.signed_in(user, "staff"), house.signed_in(user, "staff")
    for old, new in (
        ("wrong words here", "six other plain words"),
        (PASSWORD, "short"),
        (PASSWORD, "password123"),
    ):
        answer = send(browser, "/staff/me/password", {"old": old, "new": new}, "/staff/me")
        assert answer.status_code == 422
    data = {"old": PASSWORD, "new": "six other plain words here"}
    assert send(browser, "/staff/me/password", data, "/staff/me").status_code == 200
    assert browser.get("/staff").status_code == 200
    assert stolen.get("/staff").status_code == 303
    right = {"sign-in": "sam", "password": data["new"], "code": code.at(house.clock.now())}
    assert send(house.browser(), "/staff/sign-in", right).status_code == 303


def test_bad_input_gets_the_form_again_and_never_an_error(house: House) -> None:
    """Every form takes odd texts without an error; replayed or foreign tokens do nothing."""
    browser = house.signed_in(house.staff("support", "manager"), "staff")
    forms = {
        "/staff/sign-in": ("sign-in", "password", "code"),
        "/agent/sign-in": ("sign-in", "password", "code"),
        "/staff/find": ("way", "told", "reason"),
        "/staff/people": ("name", "sign-in", "roles", "company"),
        "/staff/people/roles": ("colleague", "new-roles"),
        "/staff/people/requests/x": ("answer",),
        "/staff/authenticator": ("old", "old-code", "code", "offer"),
        "/staff/me/account": ("account",),
        "/staff/me/password": ("old", "new"),
    }
    for path, names in forms.items():
        for name in names:
            for odd in CASES:
                answer = send(browser, path, {name: odd}, "/staff/me")
                assert answer.status_code in (200, 422), (path, name, odd)
                assert "<script>alert" not in answer.text
        foreign = browser.post(path, data={"_token": "0" * 64})
        assert foreign.status_code == (422 if "sign-in" in path else 403)
    user = house.signed_in(house.staff("support", sign_in="olga"), "staff")
    match = re.search(r'name="_token" value="([0-9a-f]+)"', user.get("/staff").text)
    assert match
    replayed = {"_token": match[1], "account": "1"}
    assert browser.post("/staff/me/account", data=replayed).status_code == 403
    assert (
        send(browser, "/staff/tasks/x/reveal", {"field": "nonsense"}, "/staff").status_code == 422
    )


def is_look_refused(house: House) -> bool:
    """A member of staff with a task looks at a customer's address; whether it was refused."""
    browser, _, task, _ = take_task(house)
    return reveal(browser, task, "email").status_code == 403


def refused_look_up(house: House) -> bool:
    """A member of staff looks a customer up for a ticket; whether it was refused."""
    house.customer()
    browser = house.signed_in(house.staff("support"), "staff")
    query = {"way": "email", "told": MAIL, "reason": "trouble", "recognised": "details"}
    return send(browser, "/staff/find", query, "/staff").status_code != 303


RESTS_ON: dict[str, Callable[[House], bool]] = {
    "staff": is_look_refused,
    "support-use": refused_look_up,
}


def test_the_console_speaks_of_a_customer_and_not_to_one(house: House) -> None:
    """Purposes and data that the policy words to a customer are worded for those who serve them."""
    person, user = house.customer(), house.staff("support", "accounts", "privacy")
    purposes = ("service-provision", "rights-request", "age-check")
    task, *_ = [task_on(house, person, each) for each in purposes]
    browser = house.signed_in(user, "staff")
    for path in ("/staff", f"/staff/tasks/{task}"):
        text = re.sub(r"<[^>]+>", " ", browser.get(path).text)
        assert "roviding services they asked for" in text
        assert "nswering their requests" in text
        assert "messages between them and us" in text
        assert "ho they are" in text
        wrong = (
            "services you asked",
            "answering your",
            "your age",
            "between you and",
            "you told us",
        )
        assert not [each for each in wrong if each in text]
