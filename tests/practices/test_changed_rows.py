"""Rows that somebody changes without the keys: what rests on them is refused, and staff see it."""

from __future__ import annotations

from typing import Any

import pytest

from practices.conftest import House
from upheld.core.sql import run
from upheld.core.transaction import writing

SAID = "is not as we wrote it"


def tamper(house: House, statement: str, *values: Any) -> int:
    """Change the database as somebody would who has no keys; how many rows."""
    with writing(house.provider.gate.gate.engine) as connection:
        return run(connection, statement, *values)


def alarms(house: House) -> str:
    """The first page of the console."""
    return house.signed_in(house.staff("billing", sign_in="alma"), "staff").get("/staff").text


def test_a_page_says_that_a_row_was_changed_and_staff_see_it(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """It answers 503 in words, the log and the console name the table, and nobody else is hit."""
    ann, bob = house.customer(), house.customer("bob@marked.example")
    hers, his = house.signed_in(ann), house.signed_in(bob)
    assert tamper(house, "UPDATE session SET fresh = fresh + 1 WHERE subject = ?", ann) == 1
    answer = hers.get("/me")
    assert answer.status_code == 503
    assert SAID in answer.text
    assert his.get("/me").status_code == 200
    assert "not whole: a row of `session`" in caplog.text
    assert "A row of `session`" in alarms(house)
