"""Guessing is slow, and shuts nobody out: attackers and owners at the same door, simulated."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from empty import empty_database
from practices.conftest import PAGE, PASSWORD, House
from practices.mail import link
from practices.test_second_factor import Ann
from upheld.practice import sign_in_attempts
from upheld.practice.endpoints import cookie_name
from upheld.web import passwords
from upheld.web.limits import SIGN_IN_ACCOUNT

EMAIL = "ann@marked.example"
RIGHT = {"email": EMAIL, "password": PASSWORD}
WRONG = {"email": EMAIL, "password": "not the right words"}
NEW = "another four plain words"
NETWORKS = ("192.0.2.66", "198.51.100.66")
EVERY = timedelta(seconds=10)


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path) -> str:
    """It is about who gets in, which is the same on every database."""
    return empty_database(tmp_path)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a password be compared and not hashed: a simulation has hundreds of guesses."""
    monkeypatch.setattr(
        passwords, "fits", lambda stored_hash, password: stored_hash == f"kept {password}"
    )
    monkeypatch.setattr(passwords, "hashed", lambda password: f"kept {password}")


def at(house: House, address: str) -> TestClient:
    """A browser in a network of its own, in which nobody was signed in yet."""
    return TestClient(house.app, headers=PAGE, follow_redirects=False, client=(address, 5))


class Attack:
    """One wrong guess every ten seconds, from two networks in turn."""

    def __init__(self, house: House, path: str = "/sign-in", form: dict[str, str] = WRONG) -> None:
        self.house, self.path, self.form = house, path, form
        self.browsers = [at(house, each) for each in NETWORKS]
        self.judged = self.made = 0

    def goes_on(self, minutes: int) -> None:
        """Guess for so long; a guess that was judged says so by its answer."""
        for _ in range(int(timedelta(minutes=minutes) / EVERY)):
            self.house.clock.moved += EVERY
            answer = self.browsers[self.made % 2].post(self.path, data=self.form)
            self.made += 1
            assert answer.status_code in (403, 429)
            self.judged += answer.status_code == 403


def test_nobody_who_guesses_shuts_the_owner_out(house: House) -> None:
    """A known device gets in at any time, a link gets a new one in, and guesses stay few."""
    house.customer()
    known_browser = at(house, "203.0.113.7")
    assert known_browser.post("/sign-in", data=RIGHT).status_code == 303
    attack = Attack(house)
    attack.goes_on(20)
    judged = attack.judged
    assert judged <= SIGN_IN_ACCOUNT.most + 20 * 60 / SIGN_IN_ACCOUNT.seconds + 1
    assert at(house, "203.0.113.8").post("/sign-in", data=RIGHT).status_code == 429, "a stranger"
    for _ in range(6):
        assert known_browser.post("/sign-in", data=RIGHT).status_code == 303
        attack.goes_on(2)
    new = at(house, "203.0.113.9")
    assert new.post("/recover", data={"email": EMAIL}).status_code == 303
    response = new.post(link(house, "accounts/recover"), data={"password": NEW})
    assert response.headers["location"] == "/sign-in?said=changed"
    attack.goes_on(5)
    assert new.post("/sign-in", data={**RIGHT, "password": NEW}).status_code == 303
    assert new.get("/me").status_code == 200
    assert attack.made > 200


def test_a_known_device_is_no_way_to_guess_quickly(house: House) -> None:
    """Its tries are counted for it alone, and one that is known for another's account is none."""
    house.customer()
    thief = at(house, "192.0.2.66")
    assert thief.post("/sign-in", data=RIGHT).status_code == 303
    statuses = [thief.post("/sign-in", data=WRONG).status_code for _ in range(30)]
    assert statuses.count(403) == 10
    assert statuses[-1] == 429
    assert at(house, "203.0.113.7").post("/sign-in", data=RIGHT).status_code == 303
    house.customer("eve@marked.example")
    eve = at(house, "203.0.113.8")
    assert eve.post("/sign-in", data={**RIGHT, "email": "eve@marked.example"}).status_code == 303
    statuses = [eve.post("/sign-in", data=WRONG).status_code for _ in range(7)]
    assert statuses == [403] * 5 + [429] * 2


def test_the_cookie_of_a_device_is_signed_and_no_session(house: House) -> None:
    """It opens nothing, cannot be made up, ends after its days, and stays when one signs out."""
    person = house.customer()
    provider = house.provider
    browser = at(house, "203.0.113.7")
    answer = browser.post("/sign-in", data=RIGHT)
    (cookie,) = [each for each in answer.headers.get_list("set-cookie") if "device" in each]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    name = sign_in_attempts.cookie_name(provider, "customer")
    value = browser.cookies[name]
    assert person not in value
    alone = at(house, "203.0.113.8")
    alone.cookies.set(name, value)
    assert alone.get("/me").status_code == 303, "it is no session"

    def known(cookie: str, kind: str = "customer", whose: str = person) -> bool:
        other = at(house, "203.0.113.9")
        other.cookies.set(name, cookie)
        request = other.build_request("GET", "/sign-in")
        scope = {"type": "http", "headers": [(b"cookie", request.headers["cookie"].encode())]}
        return sign_in_attempts.find_device(provider, Request(scope), kind, whose) is not None

    assert known(value)
    assert known(f"x.1.y~{value}")
    assert not known(value, whose=house.customer("eve@marked.example"))
    assert not known(value, kind="staff")
    word, day, mac = value.split(".")
    changed = (f"{word}x.{day}.{mac}", f"{word}.{int(day) + 1}.{mac}", f"{word}.{day}.{mac[:-1]}")
    for bad in ("", "~", "...", *changed, f"{word}.9999999999999.{mac}", f"~~~~{value}"):
        assert not known(bad), bad
    house.clock.moved = timedelta(days=sign_in_attempts.DAYS + 1)
    assert not known(value)


def test_a_browser_remembers_some_people_who_share_it(house: House) -> None:
    """Each of four is known again; the oldest of five is forgotten."""
    people = [f"p{each}@marked.example" for each in range(5)]
    whose = [house.customer(each) for each in people]
    browser = at(house, "203.0.113.7")
    for email in people:
        assert browser.post("/sign-in", data={**RIGHT, "email": email}).status_code == 303
    value = browser.cookies[sign_in_attempts.cookie_name(house.provider, "customer")]
    assert len(value.split("~")) == sign_in_attempts.DEVICES
    scope = {"type": "http", "headers": [(b"cookie", f"device-customer={value}".encode())]}
    request = Request(scope)
    result = [
        sign_in_attempts.find_device(house.provider, request, "customer", each) for each in whose
    ]
    assert [each is not None for each in result] == [False, True, True, True, True]


def test_networks_of_a_subscriber_are_one_stranger(house: House) -> None:
    """Who has a /64 has one network's tries, however many addresses they take."""
    value = [
        at(house, f"2001:db8::{each:x}")
        .post("/sign-in", data={**WRONG, "email": f"x{each}@marked.example"})
        .status_code
        for each in range(35)
    ]
    assert value == [403] * 30 + [429] * 5
    other = at(house, "2001:db8:1::1").post("/sign-in", data=WRONG)
    assert other.status_code == 403


def test_staff_get_in_by_a_right_code_however_many_guess(house: House) -> None:
    """A right one-time password beside the right password passes; either alone does not."""
    _, authenticator = house.enrolled("support")
    wrong = {"sign-in": "sam", "password": "not the right words", "code": "000000"}
    attack = Attack(house, "/staff/sign-in", wrong)
    attack.goes_on(15)
    assert attack.judged < 20

    def tries(browser: TestClient, password: str, code: str) -> int:
        form = {"sign-in": "sam", "password": password, "code": code}
        return browser.post("/staff/sign-in", data=form).status_code

    def code() -> str:
        return authenticator.at(house.clock.now())

    stranger = at(house, "203.0.113.7")
    assert tries(stranger, PASSWORD, "000000") == 429
    assert tries(stranger, "not the right words", code()) == 429
    assert tries(stranger, PASSWORD, code()) == 303
    attack.goes_on(5)
    assert tries(stranger, PASSWORD, code()) == 303, "from now on their device is known"
    assert cookie_name(house.provider, "staff") in stranger.cookies


def test_a_customer_gets_in_by_a_right_code_however_many_guess(house: House) -> None:
    """On a new device the page asks for the second factor beside the password, and both pass."""
    mine = Ann(house)
    attack = Attack(house, form={**WRONG, "email": EMAIL})
    attack.goes_on(15)
    stranger = at(house, "203.0.113.7")

    def tries(password: str, code: str) -> int:
        form = {"email": EMAIL, "password": password, "code": code}
        return stranger.post("/sign-in", data=form).status_code

    page = stranger.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
    assert page.status_code == 429
    assert 'name="code"' in page.text
    assert tries(PASSWORD, "000000") == 429
    assert tries("not the right words", mine.code()) == 429
    code = mine.code()
    assert tries(PASSWORD, code) == 303
    assert stranger.get("/me").status_code == 200
    other = at(house, "203.0.113.8")
    attack.goes_on(15)
    again = {"email": EMAIL, "password": PASSWORD, "code": code}
    assert other.post("/sign-in", data=again).status_code == 429, "a code works once"


@pytest.mark.parametrize("kind", ["customer", "staff"])
def test_codes_cannot_be_guessed_by_whoever_slows_an_account_first(house: House, kind: str) -> None:
    """Past the account's limit few codes are judged, from however many networks they come."""
    if kind == "customer":
        path, shows = "/sign-in", Ann(house).shows
        form = {"email": EMAIL, "password": PASSWORD, "code": "000000"}
    else:
        path, (_, shows) = "/staff/sign-in", house.enrolled("support")
        form = {"sign-in": "sam", "password": PASSWORD, "code": "000000"}
    attack = Attack(house, path, {**form, "password": "not the right words"})
    attack.goes_on(15)
    for network in range(20):
        thief = at(house, f"192.0.2.{network + 100}")
        assert thief.post(path, data=form).status_code == 429
    right = {**form, "code": shows.at(house.clock.now())}
    assert at(house, "198.51.100.9").post(path, data=right).status_code == 429
