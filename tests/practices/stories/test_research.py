"""Content that is chosen for a customer, and rows by which services are improved."""

from __future__ import annotations

from practices.ads import crowd
from practices.articles import article_in
from practices.conftest import House
from practices.extracts import approved_extract
from practices.test_reports import used
from upheld.practices.articles import articles
from upheld.practices.extracts import extracts


def test_what_a_customer_told_and_did_chooses_their_articles(house: House) -> None:
    """By what they told of themselves and by how they use a service, each under its clause."""
    article_in(house, "Gardens", {"gender": ["women"]})
    article_in(house, "Smaller plans", {"usage": ["0"]})
    ann = house.customer(gender="female")
    used(house, ann, 0.5)
    reading = house.do(lambda t: articles.read_for(t, ann))
    assert {each.title for each in reading.chosen} == {"Gardens", "Smaller plans"}
    assert {each.clauses for each in reading.decisions.values()} == {("customising",)}


def test_services_are_improved_by_rows_that_name_nobody(house: House) -> None:
    """An analyst reads how much is used, once somebody else has said yes."""
    people = crowd(house, 50)
    for each in people:
        used(house, each, 5, "2026-01")
    analyst, manager = house.staff("analyst", sign_in="ana"), house.staff("manager", sign_in="max")
    its = approved_extract(house, analyst, manager)
    page = house.do(lambda t: extracts.open_rows(t, its.extract_id, 1, analyst))
    assert [cells for _, cells in page.rows] == [["1 to under 10 gigabytes"]] * len(people)
    assert not {name for name, _ in page.rows} & {*people}
