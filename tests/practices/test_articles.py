"""Articles: whom one is chosen for, by what, and how a customer turns that off."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import upheld
from practices.articles import article_in
from practices.conftest import House, send
from practices.test_reports import used
from practices.without import without
from upheld.core.ids import PersonId
from upheld.demo import sample_policy
from upheld.practice.amounts import USAGE
from upheld.practice.bands import Criteria
from upheld.practices.articles import articles
from upheld.practices.articles.articles import ArticleError

HERE = "/me/articles"
DESK = "/staff/articles"
WOMEN = {"gender": ["women"], "age-range": ["35-44"]}


def titles(house: House, person: PersonId) -> tuple[list[str], list[str]]:
    """The titles of what is chosen for somebody, and of what everybody sees."""
    reading = house.do(lambda t: articles.read_for(t, person))
    return [each.title for each in reading.chosen], [each.title for each in reading.general]


def uses(house: House, person: PersonId) -> set[tuple[str, ...]]:
    """The clauses by which something about somebody was used to choose what they see."""
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    return {each.clauses for each in entries if each.purpose == articles.PURPOSE}


def test_an_article_is_chosen_by_what_is_known_and_says_why_until_it_is_turned_off(
    house: House,
) -> None:
    """It names the group and the clause; whoever objects sees what everybody sees, at once."""
    article_id = article_in(house, "Garden tips", WOMEN)
    article_in(house, "Opening hours")
    ann = house.customer(gender="female")
    bo = house.customer("bo@marked.example", gender="male")
    browser = house.signed_in(ann)
    page = browser.get(HERE).text
    assert page.index("Chosen for you") < page.index("Garden tips") < page.index("Opening hours")
    one = browser.get(f"{HERE}/{article_id}").text
    assert "First &lt;b&gt;things&lt;/b&gt;." in one
    for words in ("Gender: women", "Age: 35 to 44", "to customise the advertising and the content"):
        assert words in one
    assert uses(house, ann) == {("customising",)}
    other = house.signed_in(bo)
    assert other.get(f"{HERE}/{article_id}").status_code == 404
    assert "Garden tips" not in other.get(HERE).text
    assert "/me/privacy/object" in page
    assert send(browser, "/me/privacy/object", {"purpose": "personalisation"}).status_code == 303
    page = browser.get(HERE).text
    assert "Garden tips" not in page
    assert "Opening hours" in page
    assert "for everybody" in page
    assert browser.get(f"{HERE}/{article_id}").status_code == 404


def test_without_the_clause_everybody_sees_the_same(open_house: Callable[..., House]) -> None:
    """Nothing about anybody is used, and no entry says so."""
    house = open_house(without("customising"))
    article_in(house, "Garden tips", WOMEN)
    article_in(house, "Opening hours")
    ann = house.customer(gender="female")
    assert titles(house, ann) == ([], ["Opening hours"])
    assert uses(house, ann) == set()
    page = house.signed_in(ann).get(HERE).text
    assert "We do not choose articles by what we know about you now" in page


def test_what_the_policy_does_not_let_us_use_chooses_nothing(
    open_house: Callable[..., House],
) -> None:
    """Where it takes one kind of data out, or minors, articles by others are still chosen."""
    text = sample_policy().read_text(encoding="utf-8")
    rule = "may use profile, activity, services for personalisation\n"
    assert text.count(rule) == 1
    limits = f"{rule}  may not use gender for personalisation\n"
    limits += "  may not use for personalisation when minor\n"
    house = open_house(upheld.load_text(text.replace(rule, limits)))
    article_in(house, "Garden tips", {"gender": ["women"]})
    article_in(house, "Reading", {"interests": ["reading"]})
    words = {"gender": "female", "interests": "books"}
    assert titles(house, house.customer(**words)) == (["Reading"], [])
    young = house.customer("kim@marked.example", born="2009-05-01", **words)
    assert titles(house, young) == ([], [])


def test_use_of_the_last_month_chooses_too(house: House) -> None:
    """By the band; whoever used nothing in it is in none."""
    article_in(house, "Save a plan", {"usage": ["0", "1"]})
    people = [house.customer(f"c{at}@marked.example") for at in range(3)]
    for person, month, gigabytes in zip(
        people, ("2026-02", "2026-02", "2026-01"), (0.5, 99, 0.5), strict=True
    ):
        used(house, person, gigabytes, month)
    assert [titles(house, each)[0] for each in people] == [["Save a plan"], [], []]
    assert "Used last month: 0 to under 10 gigabytes" in house.signed_in(people[0]).get(HERE).text


def test_a_manager_writes_and_withdraws_and_wrong_ones_are_refused(house: House) -> None:
    """No group of one's own making; one that is withdrawn is shown to nobody."""
    manager = house.signed_in(house.staff("manager"), "staff")
    form = {"title": "News ☃", "text": "One\r\n\r\nTwo", "gender": "women", "zip": "982"}
    answer = send(manager, DESK, form)
    assert answer.status_code == 303, answer.text
    (its,) = house.do(lambda t: articles.every(t.tables))
    assert its.criteria == {"gender": ["women"], "zip": ["982"]}
    assert its.paragraphs == ["One", "Two"]
    ann = house.customer(gender="female", zip="98225")
    assert titles(house, ann) == (["News ☃"], [])
    for wrong in ({"zip": "98"}, {"zip": "٣٣٣"}, {"gender": "nobody"}, {"title": " "}):
        assert send(manager, DESK, {**form, **wrong}).status_code == 422
    path = f"{DESK}/{its.article_id}/withdraw"
    assert send(manager, path, {}, page=DESK).status_code == 303
    assert send(manager, path, {}, page=DESK).status_code == 404
    assert titles(house, ann) == ([], [])
    assert "no longer shown" in manager.get(DESK).text
    groups: list[Criteria] = [
        {"name": ["Ann"]},
        {"gender": []},
        {"zip": ["98225"]},
        {"usage": ["9"]},
    ]
    for criteria in groups:
        with pytest.raises(ArticleError):
            article_in(house, "News", criteria)
    with pytest.raises(ArticleError):
        article_in(house, "N\x00")


def test_bands_that_follow_one_another_are_read_as_one() -> None:
    """In whichever order they are written; a gap stays one."""
    assert USAGE.bands([5, 4]) == ["100 gigabytes or more"]
    assert USAGE.bands([0, 2, 3, 5]) == [
        "0 to under 1 gigabytes",
        "10 to under 100 gigabytes",
        "500 gigabytes or more",
    ]
