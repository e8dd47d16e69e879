"""Errors lead on: each shows where its reader begins, and a form announces its problem."""

from __future__ import annotations

import pytest

from practices.conftest import House, send


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("/me/nothing", "/me"),
        ("/staff/nothing", "/staff"),
        ("/agent/nothing", "/agent"),
        ("/nothing", "/sign-in"),
        ("/menu", "/sign-in"),
    ],
)
def test_a_page_that_is_not_there_leads_on(house: House, path: str, start: str) -> None:
    """The first link of the page is where its reader begins."""
    answer = house.browser().get(path)
    assert answer.status_code == 404
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    assert f'<a class="button" href="{start}">' in main


def test_a_problem_is_in_the_title_and_has_the_focus(house: House) -> None:
    """Whoever cannot see the page hears that there is a problem, before anything else of it."""
    browser = house.browser()
    good = browser.get("/sign-in").text
    page = send(browser, "/sign-in", {"email": "", "password": ""}, "/sign-in").text
    assert "<title>Error: " in page
    assert page.count("Error: ") == 1
    assert "There is a problem" in page
    assert 'tabindex="-1" autofocus id="_problems"' in page
    assert "Error: " not in good
    assert "autofocus" not in good
