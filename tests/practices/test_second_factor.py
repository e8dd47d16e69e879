"""A customer's second factor: set up by themselves, asked for at sign-in, removed by a code."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from empty import empty_database
from practices.conftest import PASSWORD, House, send
from practices.mail import link, waiting
from practices.test_enrolling import offer_of
from practices.test_once import AT_ONCE, at_once, unlimited
from practices.test_staff import task_on
from upheld.database.statements import row, rows
from upheld.database.transaction import reading
from upheld.gate.log import entries
from upheld.practices.accounts.authenticator import CODES

HERE = "/me/security/authenticator"
RIGHT = {"email": "ann@marked.example", "password": PASSWORD}
NEW = "another four plain words"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """These stories are about pages; one kind of database is enough for them."""
    return empty_database(tmp_path)


class Ann:
    """A customer with a second factor, her authenticator and her recovery codes."""

    def __init__(self, house: House) -> None:
        self.house, self.person = house, house.customer()
        self.browser = house.signed_in(self.person)
        sealed, self.shows = offer_of(self.browser.get(HERE).text)
        form = {"offer": sealed, "code": self.code()}
        self.page = send(self.browser, HERE, form).text
        self.codes = re.findall(r"\b[A-Z2-9]{4}(?:-[A-Z2-9]{4}){5}\b", self.page)
        house.clock.moved += timedelta(minutes=1)  # so that the next code is another one

    def code(self) -> str:
        """What her authenticator shows now."""
        return self.shows.at(self.house.clock.now())

    def half(self) -> TestClient:
        """A browser in which the right password was given."""
        browser = self.house.browser()
        answer = browser.post("/sign-in", params={"destination": "security"}, data=RIGHT)
        assert answer.headers["location"] == "/sign-in/code?destination=security"
        return browser

    def answer(self, browser: TestClient, code: str) -> httpx2.Response:
        """What a code at the second step leads to."""
        return browser.post(
            "/sign-in/code", params={"destination": "security"}, data={"code": code}
        )


def test_the_password_alone_opens_nothing(house: House) -> None:
    """After it the code is asked for, and only then the page that was wanted is shown."""
    ann = Ann(house)
    assert "<svg" not in ann.browser.get(HERE).text
    browser = ann.half()
    assert browser.get("/me").status_code == 303
    assert browser.get("/sign-in/code").status_code == 200
    assert ann.answer(browser, "000000").status_code == 403
    assert browser.get("/me").status_code == 303
    right = ann.answer(browser, ann.code())
    assert (right.status_code, right.headers["location"]) == (303, "/me/security")
    assert browser.get("/me").status_code == 200
    assert "Since " in browser.get("/me/security").text
    assert ann.answer(ann.half(), ann.code()).status_code == 403  # it was used


def test_setting_up_needs_a_code_and_ends_other_sessions(house: House) -> None:
    """A wrong code, or what was offered to another session, sets nothing up; the right one does."""
    person = house.customer()
    browser, elsewhere = house.signed_in(person), house.signed_in(person)
    sealed, shows = offer_of(browser.get(HERE).text)
    foreign, other = offer_of(elsewhere.get(HERE).text)
    at = house.clock.now()
    for form in (
        {"offer": sealed, "code": "000000"},
        {"offer": foreign, "code": other.at(at)},
        {"offer": "x", "code": shows.at(at)},
        {"offer": sealed, "code": ""},
    ):
        assert send(browser, HERE, form).status_code == 422
    assert elsewhere.get("/me").status_code == 200
    assert send(browser, HERE, {"offer": sealed, "code": shows.at(at)}).status_code == 200
    assert elsewhere.get("/me").status_code == 303
    assert [template for _, template in waiting(house)] == ["accounts/factor"]


def test_recovery_codes_are_too_long_to_be_guessed_from_a_hash(house: House) -> None:
    """Each has 112 bits and more, all differ, and none stands in the database as it is."""
    ann = Ann(house)
    assert len({*ann.codes}) == CODES
    assert all(math.log2(32) * len(code.replace("-", "")) >= 112 for code in ann.codes)
    table_content = house.do(
        lambda transaction: rows(transaction.connection, "SELECT code_hash FROM recovery_code")
    )
    plain = [code.replace("-", "").encode() for code in ann.codes]
    assert not [each for (each,) in table_content for code in plain if code in bytes(each)]


def test_a_recovery_code_signs_in_once(house: House) -> None:
    """Ten are shown once and kept as hashes; one that was used, or made up, does nothing."""
    ann = Ann(house)
    assert len(ann.codes) == 10
    assert ann.codes[0] not in ann.browser.get(HERE).text
    text = ann.codes[3].lower().replace("-", " ")
    assert ann.answer(ann.half(), text).status_code == 303
    assert ann.answer(ann.half(), text).status_code == 403
    assert ann.answer(ann.half(), "AAAA-BBBB-CCCC-DDDD").status_code == 403
    assert ann.answer(ann.half(), ann.codes[4]).status_code == 303
    with reading(house.provider.gate.gate.engine) as connection:
        kinds = [line.entry.kind for line in entries.of_person(connection, ann.person)]
    assert kinds.count("recovery-code") == 2
    assert house.do(
        lambda transaction: row(transaction.connection, "SELECT count(*) FROM recovery_code")
    ) == (8,)


def test_twenty_with_one_code_are_one(house: House) -> None:
    """One recovery code, sent twenty times at once, begins one session."""
    ann = Ann(house)
    browsers = [ann.half() for _ in range(AT_ONCE)]
    unlimited(house)
    forms = [{"code": ann.codes[0]}] * AT_ONCE
    assert at_once(house, "/sign-in/code", forms, browsers) == {303: 1, 403: AT_ONCE - 1}


def test_codes_are_guessed_slowly(house: House) -> None:
    """After five wrong ones the right one waits too; whoever has no half session asks nothing."""
    ann = Ann(house)
    answers = [ann.answer(ann.half(), "000000").status_code for _ in range(3)]
    browser = ann.half()
    answers += [ann.answer(browser, "000000").status_code for _ in range(3)]
    assert answers == [403] * 5 + [429]
    assert ann.answer(house.browser(), ann.code()).headers["location"] == "/sign-in"


def test_the_second_step_is_open_for_ten_minutes(house: House) -> None:
    """Later, or after staff signed her out, the right code alone is of no use."""
    ann = Ann(house)
    late = ann.half()
    house.clock.moved += timedelta(minutes=11)
    assert ann.answer(late, ann.code()).headers["location"] == "/sign-in"
    ended, user = ann.half(), house.staff("security")
    task = task_on(house, ann.person, "security", "security")
    desk, path = house.signed_in(user, "staff"), f"/staff/tasks/{task}"
    send(desk, f"{path}/take", {}, path)
    assert send(desk, f"{path}/sign-out", {}, path).status_code == 200
    assert ann.answer(ended, ann.code()).headers["location"] == "/sign-in"


def test_a_reset_link_does_not_switch_it_off(house: House) -> None:
    """Whoever reads the mail and chooses another password is asked for the code all the same."""
    ann = Ann(house)
    house.browser().post("/recover", data=RIGHT)
    path = link(house, "accounts/recover")
    assert house.browser().post(path, data={"password": NEW}).status_code == 303
    answer = house.browser().post("/sign-in", data={**RIGHT, "password": NEW})
    assert answer.headers["location"] == "/sign-in/code"
    assert ann.person


def test_it_is_removed_by_a_fresh_password_and_a_code(house: House) -> None:
    """A stale session gives the password first, and a wrong code removes nothing."""
    ann = Ann(house)
    wrong = send(ann.browser, HERE, {"what": "remove", "code": "000000"})
    assert wrong.status_code == 403
    other = send(ann.browser, HERE, {"what": "codes", "code": ann.codes[0]}).text
    assert ann.answer(ann.half(), ann.codes[1]).status_code == 403  # those until now are over
    assert ann.codes[1] not in other
    house.clock.moved += timedelta(minutes=6)
    stale = send(ann.browser, HERE, {"what": "remove", "code": ann.code()}, "/me/security")
    assert stale.headers["location"] == "/sign-in/again?destination=authenticator"
    send(ann.browser, "/sign-in/again?destination=authenticator", {"password": PASSWORD})
    assert send(ann.browser, HERE, {"what": "remove", "code": ann.code()}).status_code == 303
    assert house.browser().post("/sign-in", data=RIGHT).headers["location"] == "/me"
    remaining_rows = house.do(
        lambda transaction: row(transaction.connection, "SELECT count(*) FROM recovery_code")
    )
    assert remaining_rows == (0,)
