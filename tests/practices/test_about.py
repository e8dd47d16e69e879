"""Who we are, the register that the policy promises, and what a privacy signal stops."""

from __future__ import annotations

import pytest

from practices.conftest import House
from upheld.gate.public import REGISTER
from upheld.practice.needs import signal_stops

SIGNAL = {"sec-gpc": "1"}
PUBLIC = ("/", "/about", "/terms", "/sign-in", "/privacy/find?q=mail", "/no-such-page")


def test_the_register_of_partners_can_be_read_by_anybody(house: House) -> None:
    """Whoever has an agreement or is engaged is named with what they are and since when."""
    house.do(
        lambda transaction: transaction.record(
            REGISTER, "engagement", party="harbour-collections", about={"recipient": ["court"]}
        )
    )
    page = house.browser().get("/about").text
    assert "Harbour Collections" in page
    assert "An engagement" in page
    assert house.provider.imprint.name in page


def test_what_a_court_demanded_is_no_part_of_the_register(house: House) -> None:
    """Only what the policy makes public is shown; an order about a party is not."""
    house.do(
        lambda transaction: transaction.record(
            REGISTER,
            "instrument",
            fact="legal-instrument",
            party="hidden-court",
            about={"recipient": ["court"], "data": ["name"]},
        )
    )
    assert "Hidden Court" not in house.browser().get("/about").text


@pytest.mark.parametrize("path", PUBLIC)
def test_a_privacy_signal_is_acknowledged_without_a_cookie(house: House, path: str) -> None:
    """The line that says what it stops is shown to whoever sends it, and to nobody else."""
    browser = house.browser()
    page = browser.get(path, headers=SIGNAL)
    assert "set-cookie" not in page.headers
    assert '<aside class="signal"' in page.text
    for words in signal_stops(house.provider.policy):
        assert words in page.text
    with_signal = browser.get("/static/style.css", headers=SIGNAL)
    without = browser.get("/static/style.css")
    assert ".signal[hidden]" in with_signal.text
    assert ".signal[hidden]" not in without.text
    assert "sec-gpc" in with_signal.headers["vary"]
    assert with_signal.headers["etag"] != without.headers["etag"]
    assert "set-cookie" not in with_signal.headers


def test_a_privacy_signal_is_said_to_stop_what_the_policy_stops(house: House) -> None:
    """What is named is allowed by the policy to some, and to nobody who sends the signal."""
    assert signal_stops(house.provider.policy) == (
        "advertisements chosen by what we know about you",
        "the use of your information for advertising",
    )
