"""Sessions: one a browser, named by its device, and ended by whoever may."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from empty import empty_database
from practices.conftest import PASSWORD, House, send
from practices.test_staff import task_on
from upheld.database.transaction import reading
from upheld.gate.log import entries
from upheld.web import devices

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
RIGHT = {"email": "ann@marked.example", "password": PASSWORD}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """These stories are about pages; one kind of database is enough for them."""
    return empty_database(tmp_path)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
                " Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0"
            ),
            "Edge on Windows",
        ),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
                " (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
            ),
            "Safari on iPhone",
        ),
        (
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko)"
                " Chrome/141.0.0.0 Mobile Safari/537.36"
            ),
            "Chrome on Android",
        ),
        ("", devices.UNKNOWN),
        ("<script>alert(1)</script>", devices.UNKNOWN),
        ("x" * 5_000, devices.UNKNOWN),
    ],
)
def test_a_device_is_named_by_words_of_two_lists(header: str, name: str) -> None:
    """Whatever a browser says of itself, no more than its family and system is kept."""
    assert devices.name_of(header) == name


def stolen(house: House, browser: TestClient, kind: str) -> TestClient:
    """A browser with a copy of another's session."""
    thief = house.browser()
    thief.cookies.set(kind, browser.cookies[kind])
    return thief


@pytest.mark.parametrize("kind", ["staff", "agent"])
def test_signing_in_again_ends_the_old_session_at_a_desk(house: House, kind: str) -> None:
    """The id that the browser had before is dead, and another browser's session stays."""
    user, code = house.enrolled(kind=kind, party="Duns")
    elsewhere = house.signed_in(user, kind)
    browser = house.signed_in(user, kind)
    thief = stolen(house, browser, kind)
    assert thief.get(f"/{kind}").status_code == 200
    right = {"sign-in": "sam", "password": PASSWORD, "code": code.at(house.clock.now())}
    assert send(browser, f"/{kind}/sign-in", right).status_code == 303
    assert thief.get(f"/{kind}").status_code == 303
    assert elsewhere.get(f"/{kind}").status_code == 200


def test_signing_in_as_somebody_else_ends_the_session_before(house: House) -> None:
    """Whoever had the browser before is signed out of it, on the server too."""
    before = house.customer("eve@marked.example")
    house.customer()
    browser = house.signed_in(before)
    thief = stolen(house, browser, "customer")
    assert browser.post("/sign-in", data=RIGHT).status_code == 303
    assert thief.get("/me").status_code == 303


def test_a_customer_sees_their_sessions_by_device(house: House) -> None:
    """The page names browser and system, since when, and when it was last used."""
    house.customer()
    browser = house.browser()
    browser.post("/sign-in", data=RIGHT, headers={"user-agent": FIREFOX})
    page = browser.get("/me/security").text
    assert "Firefox on Linux" in page
    assert "Since " in page
    assert "last used " in page
    assert "140.0" not in page


def test_staff_end_a_customers_sessions_for_a_task_of_security(house: House) -> None:
    """With the task in hand they end, by an entry that the customer sees; else they stay."""
    person, user = house.customer(), house.staff("security")
    customer, browser = house.signed_in(person), house.signed_in(user, "staff")
    task = task_on(house, person, "security", "security")
    path = f"/staff/tasks/{task}"
    assert send(browser, f"{path}/sign-out", {}, path).status_code == 403  # not taken yet
    send(browser, f"{path}/take", {}, path)
    assert customer.get("/me").status_code == 200
    assert "Sign them out everywhere" in browser.get(path).text
    other = house.signed_in(house.staff("security", sign_in="olga"), "staff")
    assert send(other, f"{path}/sign-out", {}, path).status_code == 403
    assert customer.get("/me").status_code == 200
    assert "signed out everywhere" in send(browser, f"{path}/sign-out", {}, path).text
    assert customer.get("/me").status_code == 303
    with reading(house.provider.gate.gate.engine) as connection:
        last = entries.of_person(connection, person)[-1].entry
    assert (last.kind, last.actor, last.purpose) == ("sessions-ended", f"staff {user}", "security")


def test_no_other_task_signs_a_customer_out(house: House) -> None:
    """A task of support gives no power over sessions, though it was taken."""
    person, user = house.customer(), house.staff("support")
    customer, browser = house.signed_in(person), house.signed_in(user, "staff")
    path = f"/staff/tasks/{task_on(house, person)}"
    send(browser, f"{path}/take", {}, path)
    assert "Sign them out" not in browser.get(path).text
    assert send(browser, f"{path}/sign-out", {}, path).status_code == 403
    assert customer.get("/me").status_code == 200
