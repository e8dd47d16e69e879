"""A zero byte, which PostgreSQL takes in no text: in each address and each form it is refused."""

from __future__ import annotations

import re

import httpx2
import pytest
from starlette.testclient import TestClient

from practices.conftest import House
from practices.routes import ROLES, lines, routed

API = "/api/partner/"
PARAMETER = re.compile(r"\{\w+(?::\w+)?\}")
NOBODY = "0" * 32


@pytest.fixture
def database_url(postgres_tables_url: str) -> str:
    """PostgreSQL, since SQLite looks for a text with a zero byte as for any other."""
    return postgres_tables_url


@pytest.fixture
def browsers(house: House) -> dict[str, TestClient]:
    """Somebody's browser of each kind; whoever works at the desk has every role."""
    return {
        "anybody": house.browser(),
        "customer": house.signed_in(house.customer()),
        "staff": house.signed_in(house.staff(*ROLES), "staff"),
        "agent": house.signed_in(house.staff(kind="agent", sign_in="ed"), "agent"),
    }


def test_a_zero_byte_in_an_address_is_a_page_that_is_not_there(
    house: House, browsers: dict[str, TestClient]
) -> None:
    """In each parameter of each path, and in the query of each other: 404, to whoever asks."""
    table = lines()
    for method, path in routed(house.app):
        odd = PARAMETER.sub("%00", path)
        odd += "?a=%00" if odd == path else ""
        answer = browsers[table[f"{method} {path}"].who].request(method, odd)
        assert answer.status_code == 404, f"{method} {odd}"
        assert "There is no such page" in answer.text, odd
        assert answer.headers["content-security-policy"], odd
    problem = browsers["anybody"].get("/privacy?a=%00", headers={"accept": "application/json"})
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["status"] == 404


def test_a_zero_byte_in_a_form_is_refused_in_words(
    house: House, browsers: dict[str, TestClient]
) -> None:
    """As the name or the value of any field, also beside files, of every form."""
    table = lines()
    odd_forms: tuple[dict[str, str], ...] = ({"text": "a\x00b"}, {"\x00": "a"})
    for method, path in routed(house.app):
        line = table[f"{method} {path}"]
        if method != "POST" or line.free:  # one click, of which nothing is read
            continue
        browser, target = browsers[line.who], PARAMETER.sub(NOBODY, path)
        for odd in odd_forms:
            _refused(browser.post(target, data=odd), target)
    browser = browsers["customer"]
    _refused(browser.post("/me/help", data={"text": "\x00"}, files={"file": b"\x00"}), "/me/help")


def _refused(answer: httpx2.Response, where: str) -> None:
    if where.startswith(API):
        assert answer.status_code == 400, where
        assert "zero byte" in answer.text, where
    else:
        assert answer.status_code == 422, where
        assert "a character that is no part of any text" in answer.text, where
