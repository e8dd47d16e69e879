"""What each clause on advertising does: what is otherwise without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

import upheld
from empty import empty_database
from practices.ads import BORN, ENOUGH, WOMEN, advertiser, booked, crowd, exactly, review
from practices.conftest import House
from practices.programmes import text_of
from practices.without import without
from upheld.core.ids import PersonId
from upheld.demo import sample_policy
from upheld.practices.ads import audience
from upheld.practices.ads.campaigns import BookingError

PROFILE: Final = {"gender": "female", "interests": "gardening", "born": BORN}
GROUP, ANYBODY = "Oak chairs", "Pine tables"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: what is asked here is what the policy says."""
    return empty_database(tmp_path)


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    exactly(monkeypatch)


def ann_of(house: House) -> PersonId:
    """Ann, for whom there is an advertisement of her group, and one for anybody."""
    ann = house.customer(**PROFILE)
    crowd(house, ENOUGH)
    party = advertiser(house)
    review(house, booked(house, party, title=ANYBODY))
    review(house, booked(house, party, WOMEN, title=GROUP))
    return ann


def seen_first(house: House, ann: PersonId, **headers: str) -> str:
    """The title of the advertisement that somebody sees first."""
    page = house.signed_in(ann).get("/me", headers=headers).text
    return next((each for each in (GROUP, ANYBODY) if each in page), "")


def opt_out(house: House, ann: PersonId) -> None:
    """Say no at once."""
    house.do(lambda t: t.record(ann, "opt-out", fact="advertising-opt-out"))


@pytest.mark.parametrize("clause", ["targeted-ads", "customising"])
def test_without_what_lets_us_choose_advertisements_go_to_anybody(
    open_house: Callable[..., House], clause: str
) -> None:
    """None for a group can be booked, and whoever would be in one sees what is for anybody."""
    house = open_house(without(clause))
    party, ann = advertiser(house), house.customer(**PROFILE)
    with pytest.raises(BookingError):
        booked(house, party, WOMEN, title=GROUP)
    review(house, booked(house, party, title=ANYBODY))
    assert seen_first(house, ann) == ANYBODY
    page = house.signed_in(ann).get("/me/ads").text
    assert "We do not choose advertisements by what we know about you now." in page


def silent_on(clause: str) -> upheld.Policy:
    """The sample policy without a clause, and without what two others say of the same."""
    text = sample_policy().read_text(encoding="utf-8").replace(f"{{#{clause}}}", "{#c .severed}")
    return upheld.load_text(text.replace("unless advertising-opt-out or privacy-signal", ""))


@pytest.mark.parametrize("clause", ["advertising-opt-out", "privacy-signal"])
@pytest.mark.parametrize(("policy", "expected"), [(without, ANYBODY), (silent_on, GROUP)])
def test_a_no_is_obeyed_at_once_by_three_clauses(
    open_house: Callable[..., House],
    clause: str,
    policy: Callable[[str], upheld.Policy],
    expected: str,
) -> None:
    """Those that let us choose say it as well, so that one struck changes nothing; all do."""
    house = open_house(policy(clause))
    ann = ann_of(house)
    if clause == "advertising-opt-out":
        assert seen_first(house, ann) == GROUP
        opt_out(house, ann)
        assert seen_first(house, ann) == expected
    else:
        assert seen_first(house, ann, **{"sec-gpc": "1"}) == expected


SENTENCES: Final = {
    "ad-assumption": "you accept that its advertiser may suppose so, and nothing more",
    "advertisers": "learn nothing about you from us",
}


@pytest.mark.parametrize("clause", [*SENTENCES])
@pytest.mark.parametrize("is_struck", [False, True])
def test_a_clause_that_is_struck_is_promised_to_nobody(
    open_house: Callable[..., House], clause: str, *, is_struck: bool
) -> None:
    """Where it stands, it is read before the click; the advertiser hears of nobody either way."""
    house = open_house(without(clause) if is_struck else upheld.load(sample_policy()))
    browser = house.signed_in(ann_of(house))
    page = browser.get("/me").text
    href = page.partition('href="/me/ads/')[2].partition('"')[0]
    why = text_of(browser.get(f"/me/ads/{href}").text)
    assert (SENTENCES[clause] in why) is not is_struck
    answer = browser.get(f"/me/ads/{href}/go")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["location"] == "https://shop.example/spades"


@pytest.mark.parametrize("is_struck", [False, True])
def test_the_clause_on_children_says_no_and_no_band_holds_one_without_it(
    open_house: Callable[..., House], *, is_struck: bool
) -> None:
    """So nothing is meant for a child by their profile under either policy."""
    house = open_house(without("children") if is_struck else upheld.load(sample_policy()))
    (child,) = crowd(house, 1, born="2016-02-01")
    answers = house.do(lambda t: audience.decisions(t, child, ("gender",)))
    said = {clause for each in answers[:2] for clause in each.clauses}
    assert ("children" in said) is not is_struck
    masks = house.do(lambda t: audience.read_masks(t, {child: {"birth-date": 50}}))
    assert not masks.get(child)
