"""Visits of our own pages: noted behind the page, with our cookie where we may, tied and erased."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, cast

import msgspec
import pytest
from starlette.testclient import TestClient

import upheld
from practices.conftest import START, House, send
from practices.test_collection import entries_of, visits
from practices.without import without
from upheld.app.provider import provider_app
from upheld.gate.erasure.erase import erase
from upheld.practices.collection import erasing
from upheld.practices.collection import practice as collection
from upheld.practices.collection import recorder as recording
from upheld.practices.collection.blocks import PageVisit
from upheld.practices.collection.recorder import VisitRecorder
from upheld.practices.collection.retention import retire
from upheld.practices.collection.tables import visit_tie
from upheld.practices.collection.ties import cookies_of
from upheld.practices.collection.untying import UNTIED

SET = re.compile(r"visitor=([\w-]{20,}); Max-Age=(\d+); Path=/; HttpOnly; SameSite=Lax")


def record_visits(house: House) -> VisitRecorder:
    """Let a provider record the visits of its pages, as its settings say; what records them."""
    provider = house.provider
    provider.settings = msgspec.structs.replace(provider.settings, record_visits=True)
    mine = collection.practice(provider)
    provider.practices = [mine if each.name == mine.name else each for each in provider.practices]
    house.app = provider_app(provider, house.policy)
    wrapper = cast("partial[Any]", mine.wrappers[0])
    return cast("VisitRecorder", wrapper.keywords["recorder"])


def routes(some: list[PageVisit]) -> list[str]:
    """Which pages visits were of."""
    return sorted(each.route for each in some)


def cookie_of(browser: TestClient) -> str:
    """Our cookie in a browser; empty where it has none."""
    return browser.cookies.get("visitor") or ""


def test_a_page_is_noted_with_a_cookie_of_ours_and_kept_later(house: House) -> None:
    """Two pages of one browser have one token, and what is no page for visitors is not noted."""
    recorder, browser = record_visits(house), house.browser()
    answer = browser.get("/privacy?from=marked")
    match = SET.search(answer.headers["set-cookie"])
    assert match
    assert 390 * 86_400 < int(match[2]) <= 400 * 86_400
    assert "set-cookie" not in browser.get("/about").headers
    for path in ("/nothing-there", "/staff/sign-in", "/privacy.json", "/health"):
        assert "visitor" not in browser.get(path).headers.get("set-cookie", "")
    browser.head("/privacy")
    assert visits(house) == []
    assert recorder.keep() == 2
    some = visits(house)
    assert routes(some) == ["/about", "/privacy"]
    assert len({each.token for each in some}) == 1
    assert some[0].token != b""
    (entry,) = entries_of(house)
    assert (entry.clauses, entry.batch.count) == (("visits",), 2)


def test_where_no_clause_lets_us_no_cookie_is_set_and_nothing_noted(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """Without the clause of visits nothing is noted; without that of cookies, the page alone."""
    house = open_house(without("visits"))
    recorder, browser = record_visits(house), house.browser()
    assert "set-cookie" not in browser.get("/privacy").headers
    assert recorder.keep() == 0
    other = open_house(without("cookies"))
    recorder, browser = record_visits(other), other.browser()
    browser.cookies.set("visitor", "a-cookie-of-before")
    assert "set-cookie" not in browser.get("/privacy").headers
    assert recorder.keep() == 1
    assert [each.token for each in visits(other)] == [b""]


def test_a_browser_with_a_privacy_signal_gets_no_cookie(house: House) -> None:
    """Its visit is kept without a token, so that nothing can be chosen by it."""
    recorder, browser = record_visits(house), house.browser()
    browser.headers["sec-gpc"] = "1"
    browser.cookies.set("visitor", "a-cookie-of-before")
    assert "set-cookie" not in browser.get("/privacy").headers
    assert recorder.keep() == 1
    assert [each.token for each in visits(house)] == [b""]


def test_no_page_waits_and_what_is_too_much_is_dropped_and_counted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the database fails or too many wait, pages are answered, and the loss is counted."""
    counts: list[str] = []
    monkeypatch.setattr(recording, "WAITING_MAX", 2)
    house.provider.count = lambda name, **_: counts.append(name)
    recorder, browser = record_visits(house), house.browser()
    assert [browser.get("/privacy").status_code for _ in range(3)] == [200] * 3
    assert counts == [recording.DROPPED]

    def full(*_: object) -> None:
        raise upheld.UpheldError("the disk is full", code="full", hint="")

    monkeypatch.setattr(recorder._intake, "keep", full)
    assert recorder.keep() == 0
    assert counts == [recording.DROPPED] * 3


def signed_in_visits(house: House, recorder: VisitRecorder, email: str) -> tuple[Any, TestClient]:
    """Somebody who visits, signs in, and visits again; and their browser."""
    person, visitor = house.customer(email), house.browser()
    visitor.get("/privacy")
    house.clock.moved += timedelta(seconds=1)  # pages of one second are in no order
    browser = house.signed_in(person)
    browser.cookies.set("visitor", cookie_of(visitor))
    browser.get("/about")
    recorder.keep()
    return person, browser


def ties(house: House, person: str) -> int:
    """How many cookies are tied to somebody."""
    return len(
        house.do(lambda transaction: transaction.tables.select(visit_tie, "person_id = ?", person))
    )


def test_at_sign_in_a_cookie_is_tied_once_with_an_entry(house: House) -> None:
    """By the clause that lets us, once for a cookie, and where the customer reads it."""
    recorder = record_visits(house)
    person, browser = signed_in_visits(house, recorder, "ann@marked.example")
    browser.get("/privacy")
    recorder.keep()
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    (combined,) = [each for each in entries if each.action == "combine"]
    assert (combined.kind, combined.clauses) == ("act", ("signed-in",))
    assert ties(house, person) == 1
    assert "combined" in browser.get("/me/privacy/received").text


def test_without_the_clause_no_cookie_is_tied(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """What is seen of a visit stays nobody's."""
    house = open_house(without("signed-in"))
    person, _ = signed_in_visits(house, record_visits(house), "ann@marked.example")
    assert ties(house, person) == 0
    assert len(visits(house)) == 2


def test_erasing_somebody_takes_their_visits_and_nobody_elses(house: House) -> None:
    """Those before and after the sign-in go from every block, and those of others stay."""
    recorder = record_visits(house)
    ann, _ = signed_in_visits(house, recorder, "ann@marked.example")
    signed_in_visits(house, recorder, "bo@marked.example")
    house.browser().get("/privacy")
    recorder.keep()
    tokens = {each.token for each in visits(house)}
    erase(house.provider.gate.gate, [ann])
    assert len(visits(house)) == 3
    assert len({each.token for each in visits(house)}) == len(tokens) - 1
    assert ties(house, ann) == 0


def test_what_the_law_holds_stays_when_its_time_is_over_and_nothing_else(house: House) -> None:
    """The visits of whoever is on hold outlive erasure and retention until the hold ends."""
    recorder = record_visits(house)
    ann, _ = signed_in_visits(house, recorder, "ann@marked.example")
    signed_in_visits(house, recorder, "bo@marked.example")
    gate = house.provider.gate.gate
    hold = gate.record(ann, "hold", fact="legal-hold")
    erase(gate, [ann])
    assert len(visits(house)) == 4
    house.clock.moved += START.replace(year=2028) - START
    retire(gate)
    assert len(visits(house)) == 2
    assert retire(gate) == 0
    gate.withdraw(ann, hold, ended=True)
    house.clock.moved += timedelta(days=1)
    retire(gate)
    assert visits(house) == []


def test_a_customer_sees_their_visits_by_day_and_page_and_nobody_elses(house: House) -> None:
    """Each page in words, of the last days, with an entry of the look; no day that is none."""
    recorder = record_visits(house)
    ann, browser = signed_in_visits(house, recorder, "ann@marked.example")
    _, other = signed_in_visits(house, recorder, "bo@marked.example")
    other.get("/ledger/verify")
    recorder.keep()
    page = browser.get("/me/privacy/visits")
    assert re.search(r"You opened <strong[^>]*>/about</strong> once, at ", page.text)
    assert "/privacy</strong> once" in page.text
    assert "/ledger/verify</strong>" not in page.text
    assert "We keep no visit from before" in page.text
    looks = [each.entry for each in house.provider.gate.gate.entries(ann)]
    assert [each.data for each in looks if "page-request" in each.data and each.action == "view"]
    earlier = browser.get(f"/me/privacy/visits?before={START:%Y-%m-%d}").text
    assert "nothing of yours in these days" in earlier
    for text in ("2026-02-30", "x", "2026-03-1\u0660"):
        assert browser.get("/me/privacy/visits", params={"before": text}).status_code == 404


def test_older_days_are_a_week_at_a_time(house: House) -> None:
    """The page leads to the days before its last, and back."""
    recorder = record_visits(house)
    person, browser = signed_in_visits(house, recorder, "ann@marked.example")
    cookie = cookie_of(browser)
    for _ in range(7):
        house.clock.moved += timedelta(days=1)
        later = house.browser()
        later.cookies.set("visitor", cookie)
        later.get("/privacy")
        recorder.keep()
    mine = house.signed_in(person)
    first = mine.get("/me/privacy/visits").text
    assert first.count("You opened") == 7
    match = re.search(r'href="(/me/privacy/visits\?before=[\d-]+)"', first)
    assert match
    second = mine.get(match[1]).text
    assert second.count("You opened") == 2
    assert "Earlier days" not in second


def test_a_browser_in_which_two_people_signed_in_shows_neither_its_visits(house: House) -> None:
    """Whose they are nobody can tell."""
    recorder = record_visits(house)
    _, browser = signed_in_visits(house, recorder, "ann@marked.example")
    bo = house.signed_in(house.customer("bo@marked.example"))
    bo.cookies.set("visitor", cookie_of(browser))
    bo.get("/about")
    recorder.keep()
    for mine in (browser, bo):
        assert "You opened" not in mine.get("/me/privacy/visits").text


def untie_path(page: str) -> str:
    """Where a page of visits says that its one browser is untied."""
    (path,) = re.findall(r'action="(/me/privacy/visits/browsers/[0-9a-f]+/untie)"', page)
    assert isinstance(path, str)
    return path


def test_a_customer_unties_a_browser_and_its_visits_go(house: House) -> None:
    """It is not tied to them again, in this session or the next, and others can untie nothing."""
    recorder = record_visits(house)
    ann, browser = signed_in_visits(house, recorder, "ann@marked.example")
    bo, other = signed_in_visits(house, recorder, "bo@marked.example")
    path = untie_path(browser.get("/me/privacy/visits").text)
    recorder.keep()
    assert send(other, path, {}, "/me/privacy/visits").status_code == 404
    asked = browser.post(path, data={"_token": ""})
    assert asked.status_code != 303
    assert send(browser, path, {}, "/me/privacy/visits").status_code == 303
    assert send(browser, path, {}, "/me/privacy/visits").status_code == 404
    recorder.keep()
    again = house.signed_in(ann)
    again.cookies.set("visitor", cookie_of(browser))
    again.get("/about")
    recorder.keep()
    page = browser.get("/me/privacy/visits").text
    assert "You opened" not in page
    assert "There is none." in page
    assert house.do(lambda t: cookies_of(t, [ann])) == {}
    assert len(house.do(lambda t: cookies_of(t, [bo]))) == 1
    assert "You opened" in other.get("/me/privacy/visits").text
    entries = [each.entry.kind for each in house.provider.gate.gate.entries(ann)]
    assert entries.count(UNTIED) == 1
    assert "untied a browser" in browser.get("/me/privacy/received?show=all").text
    erase(house.provider.gate.gate, [ann])
    assert ties(house, ann) == 0


def test_whoever_unties_a_shared_browser_leaves_the_others_nothing_to_see(house: House) -> None:
    """Its visits stay nobody's, and the other person does not see them as theirs."""
    recorder = record_visits(house)
    ann, browser = signed_in_visits(house, recorder, "ann@marked.example")
    bo = house.signed_in(house.customer("bo@marked.example"))
    bo.cookies.set("visitor", cookie_of(browser))
    bo.get("/about")
    recorder.keep()
    before = len(visits(house))
    path = untie_path(browser.get("/me/privacy/visits").text)
    send(browser, path, {}, "/me/privacy/visits")
    assert len(visits(house)) == before
    entries = [each.entry for each in house.provider.gate.gate.entries(ann)]
    assert [each.data for each in entries if each.kind == UNTIED] == [("cookie-id",)]
    assert house.do(lambda t: cookies_of(t, [ann])) == {}
    assert "You opened" not in bo.get("/me/privacy/visits").text


def test_what_the_law_holds_is_not_untied(house: House) -> None:
    """Its customer is told, and all stays as it was."""
    recorder = record_visits(house)
    ann, browser = signed_in_visits(house, recorder, "ann@marked.example")
    house.provider.gate.gate.record(ann, "hold", fact="legal-hold")
    path = untie_path(browser.get("/me/privacy/visits").text)
    answer = send(browser, path, {}, "/me/privacy/visits")
    assert "The law keeps us" in browser.get(answer.headers["location"]).text
    assert len(house.do(lambda t: cookies_of(t, [ann]))) == 1


def test_of_a_hold_that_nobody_may_speak_of_whoever_unties_is_told_nothing(house: House) -> None:
    """The browser is untied as ever, its visits stay, and the desk reads no number of holds."""
    recorder = record_visits(house)
    ann, browser = signed_in_visits(house, recorder, "ann@marked.example")
    manager = house.signed_in(house.staff("manager"), "staff")
    before, page = len(visits(house)), manager.get("/staff/visits").text
    for fact, kind in (("gag-order", "instrument"), ("legal-hold", "hold")):
        house.provider.gate.gate.record(ann, kind, fact=fact)
    assert manager.get("/staff/visits").text == page
    path = untie_path(browser.get("/me/privacy/visits").text)
    answer = send(browser, path, {}, "/me/privacy/visits")
    after = browser.get(answer.headers["location"]).text
    assert "The law keeps us" not in after
    assert "There is none." in after
    assert len(visits(house)) >= before
    erase(house.provider.gate.gate, [ann])
    assert len(visits(house)) >= before


def test_a_hold_that_comes_while_a_browser_is_untied_keeps_its_visits(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is untied then, and its customer is told."""
    recorder = record_visits(house)
    ann, browser = signed_in_visits(house, recorder, "ann@marked.example")
    path, before = untie_path(browser.get("/me/privacy/visits").text), len(visits(house))
    real = erasing._blocks_with

    def meanwhile(*arguments: Any) -> Any:
        house.provider.gate.gate.record(ann, "hold", fact="legal-hold")
        return real(*arguments)

    monkeypatch.setattr(erasing, "_blocks_with", meanwhile)
    answer = send(browser, path, {}, "/me/privacy/visits")
    assert "The law keeps us" in browser.get(answer.headers["location"]).text
    assert len(visits(house)) == before
    assert len(house.do(lambda t: cookies_of(t, [ann]))) == 1


def test_after_signing_out_nothing_is_tied_beyond_the_cookie(house: House) -> None:
    """Neither the same browser with another cookie nor one without any, from the same address."""
    recorder = record_visits(house)
    ann, browser = signed_in_visits(house, recorder, "ann@marked.example")
    mine = house.do(lambda t: cookies_of(t, [ann]))
    assert send(browser, "/sign-out", {}, "/me").status_code == 303
    browser.cookies.delete("visitor")
    for _ in range(2):
        browser.get("/about")
    plain = house.browser()
    plain.get("/privacy")
    recorder.keep()
    assert house.do(lambda t: cookies_of(t, [ann])) == mine
    assert len({each.token for each in visits(house)}) == 3
