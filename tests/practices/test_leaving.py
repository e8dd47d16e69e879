"""Links out: each leads to the page that says so, and no page has one that misses it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import upheld
from empty import empty_database
from practices.conftest import House
from upheld.app.policy import policy_pages
from upheld.demo import sample_policy
from upheld.practice import parties
from upheld.web.outward import link_id, outward_addresses, through_leaving_page

INSIDE = re.compile(r'href="(/[^"#]*)"')
OUTSIDE = re.compile(r'<a\b[^>]*href="(?:[a-z][a-z0-9+.-]*:)?//[^>]*>', re.IGNORECASE)
NO_PAGES = ("/static/", "/sandbox/", "/policy.", "/privacy/ask", "/privacy/find")
POLICY_LINK = "https://regulator.example/complain?a=1&b=2"
TERMS_LINK = "HTTPS://Union.example/rates"
WEBMAIL = "https://webmail.example/"


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path) -> str:
    """What is asked here is the same on every database."""
    return empty_database(tmp_path)


@pytest.fixture
def linking(open_house: Callable[..., House], tmp_path: Path) -> House:
    """A provider whose policy, terms and settings all lead out."""
    text = Path(sample_policy()).read_text(encoding="utf-8")
    spot = "write or call."
    assert spot in text
    policy_file = tmp_path / "linking.md"
    policy_file.write_text(text.replace(spot, f"write, call or [complain]({POLICY_LINK})."))
    house = open_house(upheld.load(policy_file))
    settings = house.provider.settings
    assert settings.agreement is not None
    settings.agreement.write_text(f"# Master Terms\n\nSee [the rates]({TERMS_LINK}).\n")
    house.provider.pages.env.globals["imprint"] = house.provider.imprint._replace(webmail=WEBMAIL)
    house.provider.imprint = house.provider.imprint._replace(webmail=WEBMAIL)
    return house


def _promises(house: House) -> bool:
    house.provider.imprint = house.provider.imprint._replace(webmail=WEBMAIL)
    page = house.browser().get(f"/leaving/{link_id(WEBMAIL)}").text
    return "we can promise nothing about what others do" not in page


RESTS_ON = {"links": _promises}


def crawl(browser: TestClient, start: str) -> dict[str, str]:
    """Every page that somebody comes to by links, but answers to questions and what is no page."""
    pages: dict[str, str] = {}
    ahead = [start]
    while ahead:
        path = ahead.pop()
        if path in pages or path.startswith(NO_PAGES):
            continue
        answer = browser.get(path, follow_redirects=True)
        is_page = answer.headers["content-type"].startswith("text/html")
        pages[path] = answer.text if is_page else ""
        ahead += [html.unescape(each) for each in INSIDE.findall(pages[path])]
    return pages


def test_no_page_leads_out_but_the_one_that_says_so(linking: House) -> None:
    """As nobody, a customer, a manager and a partner: no link leads out, each is named first."""
    party = linking.do(lambda t: parties.add(t, "Fjord Mail", "trusted-partner")).party
    visitors = {
        "/": linking.browser(),
        "/me": linking.signed_in(linking.customer()),
        "/staff": linking.signed_in(linking.staff("manager"), "staff"),
        "/agent": linking.signed_in(
            linking.staff(kind="agent", sign_in="ed", party=party), "agent"
        ),
    }
    leaving: dict[str, str] = {}
    for start, browser in visitors.items():
        for path, text in crawl(browser, start).items():
            if path.startswith("/leaving/"):
                leaving[path] = text
            else:
                assert OUTSIDE.findall(text) == [], path
    addresses = {POLICY_LINK, TERMS_LINK, WEBMAIL}
    assert {html.unescape(_target(each)) for each in leaving.values()} == addresses


def _target(page: str) -> str:
    match = re.search(r'<a class="button" href="([^"]*)" rel="([^"]*)"', page)
    assert match
    assert {"noreferrer", "noopener", "external"} <= {*match[2].split()}
    return match[1]


def test_the_page_says_that_one_leaves_and_lets_nothing_go_along(linking: House) -> None:
    """It quotes the policy, tells no referrer, sets no cookie, and is the same for everybody."""
    browser = linking.signed_in(linking.customer())
    page = browser.get(f"/leaving/{link_id(POLICY_LINK)}")
    assert page.status_code == 200
    assert page.headers["referrer-policy"] in {"no-referrer", "same-origin"}
    assert "set-cookie" not in page.headers
    assert "we can promise nothing about what others do" in page.text
    assert html.unescape(_target(page.text)) == POLICY_LINK
    stranger = linking.browser().get(f"/leaving/{link_id(POLICY_LINK)}")
    assert stranger.headers["referrer-policy"] == "no-referrer"
    assert html.unescape(_target(stranger.text)) == POLICY_LINK


@pytest.mark.parametrize(
    "path",
    [
        f"/leaving/{link_id('https://evil.example/')}",
        "/leaving/https:%2F%2Fevil.example%2F",
        "/leaving/?to=https://evil.example/",
        f"/leaving/{'0' * 16}?address=https://evil.example/",
        "/leaving/%00",
        f"/leaving/{link_id('')}",
    ],
)
def test_no_address_from_outside_is_ever_led_to(linking: House, path: str) -> None:
    """Only what stands on a page of ours can be left for, whatever somebody puts in the address."""
    answer = linking.browser().get(path)
    assert answer.status_code == 404
    assert 'href="https://evil' not in answer.text
    assert linking.browser().head(path).status_code == 404


def test_a_link_of_no_version_of_ours_leads_nowhere(
    linking: House, open_house: Callable[..., House], sample: upheld.Policy
) -> None:
    """Under a policy without the link its id is no page, though another policy had it."""
    del linking
    answer = open_house(sample).browser().get(f"/leaving/{link_id(POLICY_LINK)}")
    assert answer.status_code == 404


def test_links_are_led_through_whatever_their_form() -> None:
    """Protocols in capitals, addresses without one and attributes before them: all but our own."""
    page = (
        '<a href="//a.example/x">a</a> <a class="b" HREF="HTTP://b.example/?q=1&amp;r=2" rel="n">b'
        '</a> <a href="https://we.example/me">we</a> <a href="https://we.example.evil/">not</a>'
        ' <a href="/privacy">in</a> <a href="mailto:a@b.example">mail</a>'
        ' <a href="https://out.example/" rel="external noreferrer">out</a>'
    )
    result = through_leaving_page(page, "https://we.example/")
    assert outward_addresses(result) == ["https://we.example/me", "https://out.example/"]
    assert result.count('"/leaving/') == 3
    assert f"/leaving/{link_id('HTTP://b.example/?q=1&r=2')}" in result


def test_a_policy_that_stands_alone_keeps_its_links(linking: House) -> None:
    """Where there is no page about leaving, as in files for another server, links stay."""
    text = policy_pages(linking.policy, files=True).policy_page()
    assert html.escape(POLICY_LINK) in text
