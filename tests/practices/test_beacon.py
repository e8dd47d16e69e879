"""Pages of partners: what they tell counts by the register alone, and nobody can tell whether."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

import upheld
from practices.conftest import House, send
from practices.test_collection import entries_of, visits
from practices.test_visit_pages import cookie_of, record_visits, routes, signed_in_visits
from practices.without import without
from upheld.core.errors import UpheldError
from upheld.gate.erasure.erase import erase
from upheld.practice import parties
from upheld.practices.collection import beacon_keys
from upheld.practices.collection.beacon import IMAGE, SCRIPT, BeaconPages, BeaconRecorder
from upheld.practices.collection.beacon_keys import Beacon

HOST = "shop.spruce.example"
PAGE = f"https://{HOST}/offers/4711?who=marked"


def recorder_of(house: House) -> BeaconRecorder:
    """What keeps what partners' pages tell to a provider as it is served now."""
    every = [each for one in house.provider.practices for each in one.routes]
    (image,) = [each for each in every if isinstance(each, Route) and each.path.endswith(".gif")]
    pages = cast("BeaconPages", cast("Any", image.endpoint).__self__)
    return pages.recorder


def partner_key(house: House) -> Beacon:
    """A key of the pages of a business partner."""
    house.do(lambda t: parties.add(t, "Spruce Point", "business-partner"))
    return house.do(lambda t: beacon_keys.add(t, "spruce-point", HOST, actor="staff u1"))


def tell(browser: TestClient, key: str, referer: str = PAGE, **query: str) -> bytes:
    """What a browser that looks at a partner's page gets for its image."""
    headers = {"referer": referer} if referer else {}
    answer = browser.get(f"/beacon/{key}.gif", params=query, headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    return answer.content


def test_a_page_of_a_partner_counts_reduced_with_an_entry_by_its_clause(house: House) -> None:
    """Its host and its path without ids and query; no address, and the entry names the company."""
    its, recorder = partner_key(house), recorder_of(house)
    tell(house.browser(), its.key)
    tell(house.browser(), its.key, f"https://{HOST}/", page="/prices")
    assert visits(house) == []
    assert recorder.keep() == 2
    some = visits(house)
    assert routes(some) == [f"{HOST}/offers/*", f"{HOST}/prices"]
    assert {(each.network, each.token) for each in some} == {("", b"")}
    (entry,) = entries_of(house)
    assert (entry.source, entry.occasion) == ("business-partner spruce-point", "partner-visit")
    assert entry.clauses == ("partner-pages", "visits")
    assert "record" in entry.duties
    page = house.signed_in(house.staff("privacy"), "staff").get("/staff/visits").text
    assert f"{HOST}</td>" in page
    page += (
        house.signed_in(house.staff("manager", sign_in="mo"), "staff")
        .get("/staff/holdings?of=visits")
        .text
    )
    assert 'href="/privacy#partner-pages"' in page
    assert "/prices" not in page


def test_who_may_not_tell_gets_the_same_bytes_and_nothing_is_written(house: House) -> None:
    """An unknown key, another host, no page, a HEAD; and a company that left the register."""
    its, recorder, browser = partner_key(house), recorder_of(house), house.browser()
    odd = ("", "https://shop.spruce.example.evil.example/", "http://[", "file:///x", "about:blank")
    answers = {tell(browser, its.key, page) for page in odd}
    answers |= {tell(browser, key) for key in ("0" * 32, "x", its.key.upper(), "\u0661" * 32)}
    browser.head(f"/beacon/{its.key}.gif", headers={"referer": PAGE})
    script = {browser.get(f"/beacon/{key}.js").content for key in (its.key, "nobody")}
    assert recorder.keep() == 0
    house.do(lambda t: parties.end(t, "spruce-point"))
    answers |= {tell(browser, its.key)}
    assert recorder.keep() == 0
    assert (answers, script) == ({IMAGE}, {SCRIPT})
    assert max(len(IMAGE), len(SCRIPT)) < 1_000
    assert (visits(house), entries_of(house)) == ([], [])


def test_a_key_that_is_revoked_while_visits_wait_lets_none_in(house: House) -> None:
    """What counts is decided when it is written."""
    its, recorder = partner_key(house), recorder_of(house)
    tell(house.browser(), its.key)
    house.do(lambda t: beacon_keys.revoke(t, its.key, actor="staff u1", stolen=False))
    assert recorder.keep() == 0
    with pytest.raises(UpheldError) as caught:
        house.do(lambda t: beacon_keys.revoke(t, its.key, actor="staff u1", stolen=False))
    assert caught.value.code == "beacon-state"


@pytest.mark.parametrize("clause", ["partner-pages", "visits"])
def test_without_its_clause_nothing_of_a_partners_page_is_written(
    open_house: Callable[[upheld.Policy], House], clause: str
) -> None:
    """Neither where nobody may tell us, nor where nothing of it may be stored."""
    house = open_house(without(clause))
    its, recorder = partner_key(house), recorder_of(house)
    tell(house.browser(), its.key)
    assert recorder.keep() == 0
    assert (visits(house), entries_of(house)) == ([], [])


def seen_on_a_partners_page(house: House) -> tuple[Beacon, Any, TestClient]:
    """Somebody whose browser sent our cookie from a partner's page of our site."""
    ours = record_visits(house)
    its, recorder = partner_key(house), recorder_of(house)
    person, browser = signed_in_visits(house, ours, "ann@marked.example")
    tell(browser, its.key)
    signal = house.browser()
    signal.cookies.set("visitor", cookie_of(browser))
    signal.headers["sec-gpc"] = "1"
    tell(signal, its.key, f"https://{HOST}/secret")
    assert recorder.keep() == 2
    return its, person, browser


def test_a_customer_sees_it_beside_their_visits_and_a_stolen_key_is_marked(house: House) -> None:
    """With the company; once a manager says that the key was stolen, that it may not be theirs."""
    its, _, browser = seen_on_a_partners_page(house)
    page = browser.get("/me/privacy/visits").text
    assert f"{HOST}/offers/*</strong>, a page of Spruce Point, which told us, once" in page
    assert "/secret" not in page
    assert "was stolen" not in page
    manager = house.signed_in(house.staff("manager", sign_in="mo"), "staff")
    path = f"/staff/visits/beacons/{its.key}/revoke"
    assert send(manager, path, {"stolen": "yes"}, "/staff/visits").status_code == 303
    assert send(manager, path, {"stolen": "yes"}, "/staff/visits").status_code == 409
    assert "was stolen: it may not have been you" in browser.get("/me/privacy/visits").text
    assert ">Stolen" in manager.get("/staff/visits").text
    tell(browser, its.key)
    assert recorder_of(house).keep() == 0


def test_erasing_somebody_takes_what_partners_told_of_them(house: House) -> None:
    """What came without their cookie stays, since it is nobody's."""
    _, person, _ = seen_on_a_partners_page(house)
    erase(house.provider.gate.gate, [person])
    assert routes(visits(house)) == [f"{HOST}/secret"]


def test_without_the_clause_of_cookies_ours_is_not_read(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """The visit is kept as nobody's."""
    house = open_house(without("cookies"))
    its, recorder, browser = partner_key(house), recorder_of(house), house.browser()
    browser.cookies.set("visitor", "a-cookie-of-before")
    tell(browser, its.key)
    assert recorder.keep() == 1
    assert [each.token for each in visits(house)] == [b""]


def test_a_key_is_for_a_partner_of_the_register_and_a_host(house: House) -> None:
    """Neither a company that is something else to us nor what is no host gets one."""
    house.do(lambda t: parties.add(t, "Fjord Mail", "supplier"))
    for party, host, code in (
        ("fjord-mail", HOST, "beacon-party"),
        ("spruce-point", "https://x.example", "beacon-host"),
        ("spruce-point", "x", "beacon-host"),
        ("spruce-point", "x.example\n", "beacon-party"),
    ):
        with pytest.raises(UpheldError) as caught:
            house.do(partial(beacon_keys.add, party=party, host=host, actor="staff u1"))
        assert caught.value.code == code


def test_anybody_reads_who_may_tell_us_and_how_long_it_stays(house: House) -> None:
    """As the policy in force lets it; a company that left the register is not there any more."""
    partner_key(house)
    page = house.browser().get("/about").text
    assert f"Spruce Point: pages of {HOST}" in page
    assert "14 months" in page
    assert 'href="/privacy#partner-pages"' in page
    house.do(lambda t: parties.end(t, "spruce-point"))
    assert HOST not in house.browser().get("/about").text


def test_without_the_clause_of_visits_the_page_says_that_nothing_comes_in(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """And what the desk sees of what was there goes at the job's next run."""
    house = open_house(without("visits"))
    partner_key(house)
    assert HOST not in house.browser().get("/about").text
    assert "Visits of our own pages" not in house.browser().get("/about").text
