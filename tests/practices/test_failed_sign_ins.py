"""Sign-ins at desks that fail are logged and counted, and say nothing of anybody."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from empty import empty_database
from practices.conftest import PAGE, PASSWORD, House
from upheld.api.service import ServiceSettings as Serving
from upheld.app.provider import service_of
from upheld.demo import sample_policy


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The story is about logs; one kind of database is enough for it."""
    return empty_database(tmp_path)


def test_a_failed_sign_in_is_logged_and_counted(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong password, a wrong code and an unknown name count by why; a right sign-in does not."""
    _, authenticator = house.enrolled("support", sign_in="sam-the-tall")
    browser = TestClient(
        service_of(house.provider, sample_policy(), Serving()), headers=PAGE, follow_redirects=False
    )
    caplog.set_level(logging.WARNING, logger="upheld")
    right = {"sign-in": "sam-the-tall", "password": PASSWORD}
    for form in (
        {**right, "password": "wrong words here", "code": "000000"},
        {**right, "sign-in": "nobody-at-all", "code": "000000"},
        {**right, "code": "000000"},
    ):
        assert browser.post("/staff/sign-in", data=form).status_code == 403
    code = authenticator.at(house.clock.now())
    assert browser.post("/staff/sign-in", data={**right, "code": code}).status_code == 303
    counts = browser.get("/metrics").text
    name = "upheld_desk_sign_ins_failed_total"
    assert f'{name}{{desk="staff",why="password"}} 2' in counts
    assert f'{name}{{desk="staff",why="factor"}} 1' in counts
    failed = [each for each in caplog.records if each.msg == "desk sign-in failed"]
    assert [vars(each)["facts"]["why"] for each in failed] == ["password", "password", "factor"]
    text = " ".join(str(vars(each)) for each in failed)
    assert not any(word in text for word in ("sam-the-tall", "nobody-at-all", "testclient"))
