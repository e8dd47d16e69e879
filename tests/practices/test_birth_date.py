"""A birth date is asked in three fields wherever it is asked, and a mistake leads to its field."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest

from empty import empty_database
from practices.conftest import House, send
from practices.test_request_desk import RIGHT, ask, post, take
from practices.test_sign_up import GOOD, people_at
from upheld.practice import tasks
from upheld.web.date_fields import PARTS, divided

CORRECT = "/me/privacy/correct?field=birth-date"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Forms are alike on each kind of database."""
    return empty_database(tmp_path)


def parts(iso: str, name: str = "birth-date") -> dict[str, str]:
    """What a form sends of a date."""
    return divided(name, iso)


def invalid(answer: httpx2.Response) -> list[str]:
    """The fields that a page marks as wrong."""
    return re.findall(r'<input id="f-([\w-]+)"[^>]*aria-invalid="true"', answer.text)


def test_the_fields_are_one_group_that_browsers_can_fill_in(house: House) -> None:
    """A group with a legend, a label for each field, and what a browser fills in by."""
    page = house.browser().get("/sign-up").text
    group = page.partition("<fieldset")[2].partition("</fieldset>")[0]
    assert "<legend>Your birth date</legend>" in group
    for part in PARTS:
        assert f'<label for="f-birth-date-{part}">{part.capitalize()}</label>' in group
        assert f'autocomplete="bday-{part}"' in group
    assert 'type="date"' not in page


@pytest.mark.parametrize(
    ("born", "wrong"),
    [
        (("29", "2", "1990"), ["day"]),
        (("31", "4", "1990"), ["day"]),
        (("1", "13", "1990"), ["month"]),
        (("1", "1", "90"), ["year"]),
        (("1", "1", "2999"), ["year"]),
        (("", "4", ""), ["day", "year"]),
    ],
)
def test_a_mistake_leads_to_its_field_and_what_was_typed_stays(
    house: House, born: tuple[str, str, str], wrong: list[str]
) -> None:
    """The list of problems links to the first field that is wrong, and only such are marked."""
    form = {f"birth-date-{part}": text for part, text in zip(PARTS, born, strict=True)}
    answer = house.browser().post("/sign-up", data=form)
    assert answer.status_code == 422
    assert f'href="#f-birth-date-{wrong[0]}"' in answer.text
    assert invalid(answer) == [f"birth-date-{part}" for part in wrong]
    for name, text in form.items():
        assert re.search(rf'name="{name}"[^>]* value="{text}"', answer.text)


def test_the_age_decides_by_the_three_fields(house: House) -> None:
    """An adult goes on with the date in the form, a minor to their guardian, a child not at all."""
    adult = house.browser().post("/sign-up", data=parts("1988-03-04"))
    assert adult.status_code == 200
    for part, text in (("day", "04"), ("month", "03"), ("year", "1988")):
        assert re.search(rf'name="birth-date-{part}"[^>]* value="{text}"', adult.text)
    minor = house.browser().post("/sign-up", data=parts("2010-01-02"))
    assert minor.headers["location"] == "/sign-up/guardian"
    assert house.browser().post("/sign-up", data=parts("2020-01-02")).status_code == 403


def test_who_signs_up_by_three_fields_is_stored_with_their_birth_date(house: House) -> None:
    """The date is one value, as it is from anywhere else."""
    form = {name: value for name, value in GOOD.items() if name != "birth-date"}
    form |= {"birth-date-day": "٤", "birth-date-month": "mar", "birth-date-year": "1988"}
    assert house.browser().post("/sign-up/form", data=form).status_code == 303
    (person,) = people_at(house)
    values = house.signed_in(person).get("/me/privacy?show=birth-date").text
    assert "4 March 1988" in values


def test_whoever_comes_back_with_a_code_types_three_fields(house: House) -> None:
    """The page of a minor's code asks alike, and answers alike."""
    browser = house.browser()
    assert "<legend>Your birth date</legend>" in browser.get("/sign-up/continue").text
    answer = browser.post("/sign-up/continue", data={"code": "x", **parts("2010-02-30")})
    assert answer.status_code == 422
    assert invalid(answer) == ["birth-date-day"]


def test_the_right_date_is_asked_for_in_a_correction_and_staff_store_it(house: House) -> None:
    """The customer types the date that is right, staff read it in words, and type three too."""
    person = house.customer(born="1990-02-22")
    browser = house.signed_in(person)
    assert "<legend>The right birth date</legend>" in browser.get(CORRECT).text
    for wrong in ("1990-02-30", "2999-01-01"):
        assert send(browser, CORRECT, parts(wrong, "value")).status_code == 422
    assert send(browser, CORRECT, parts("1990-02-23", "value")).status_code == 303
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    desk, _ = take(house, task.task_id)
    page = desk.get(f"/staff/requests/{task.task_id}").text
    assert "The right birth date is 23 February 1990." in page
    assert 'autocomplete="off"' in page
    assert post(desk, task.task_id, "change", **parts("1990-02-31", "value")) == 422
    assert post(desk, task.task_id, "change", **parts("1990-02-23", "value")) == 303
    assert "23 February 1990" in browser.get("/me/privacy?show=birth-date").text


def test_a_correction_says_why_beside_the_date(house: House) -> None:
    """What helps to check it follows the date, and stands nowhere else."""
    customer, _, task = ask(house)
    desk, _ = take(house, task)
    page = desk.get(f"/staff/requests/{task}").text
    assert "The right birth date is 23 February 1990." in page
    assert "It is the 23rd &amp; not the 22nd." in page
    assert RIGHT not in customer.get("/me/privacy/requests").text
