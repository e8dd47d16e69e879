"""Feeds: what a partner knows is combined by the clause on it, kept apart, and taken out again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from practices.conftest import House, send
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, UserId
from upheld.gate.act.request import Refused
from upheld.practice import parties
from upheld.practices.feeds import feeds, withdrawal
from upheld.practices.feeds.feeds import Feed, FeedLine

HERE = "/staff/feeds"
SPRUCE = "Spruce Point"


@pytest.fixture(name="party")
def _party(house: House) -> str:
    """A business partner of the register."""
    return house.do(lambda t: parties.add(t, SPRUCE, "business-partner")).party


def lines_of(*rows: Mapping[str, str]) -> list[FeedLine]:
    """Lines of a file, numbered as they stand in it below its header."""
    return [FeedLine(number, row) for number, row in enumerate(rows, 2)]


def start(house: House, party: str, digest: str = "d1") -> Feed:
    """Begin a feed, or find it."""
    return house.do(lambda t: feeds.start(t, party, digest, UserId("u1")))


def take(house: House, its: Feed, lines: Iterable[FeedLine]) -> dict[int, str]:
    """Take a feed in; why which line was left out."""
    gate = house.provider.gate.gate
    return {each.number: each.reason for each in feeds.take(gate, its, lines)}


def story_of(house: House, person: PersonId) -> str:
    """The page of what we hold of somebody, to themselves."""
    return house.signed_in(person).get("/me/privacy?show=all").text


def email_of(house: House, name: str) -> tuple[PersonId, str]:
    """A customer who is found by an address."""
    email = f"{name}@marked.example"
    return house.customer(email=email), email


def test_a_line_is_combined_with_the_one_customer_whom_it_finds(house: House, party: str) -> None:
    """What was held from elsewhere stays, and whoever nobody is found by is dropped."""
    ann, email = email_of(house, "ann")
    lines = lines_of(
        {"email": email.upper(), "occupation": "carpenter", "interests": "boats"},
        {"email": "nobody@marked.example", "occupation": "baker"},
        {"email": "no address", "occupation": "baker"},
        {"email": email, "zip": ""},
        {"email": email, "phone": "+1 202 555 0143", "occupation": "baker"},
    )
    reasons = take(house, start(house, party), lines)
    assert reasons == {
        3: feeds.UNMATCHED,
        4: feeds.UNREADABLE,
        5: feeds.NOTHING_NEW,
        6: feeds.UNMATCHED,
    }
    page = story_of(house, ann)
    assert "carpenter" in page
    assert f"From {SPRUCE} on" in page
    entries = [each.entry for each in house.provider.gate.gate.entries(ann)]
    (entry,) = [each for each in entries if each.action == "combine"]
    assert (entry.clauses, entry.source) == (("combining",), f"business-partner {party}")
    received = house.signed_in(ann).get("/me/privacy/received").text
    assert "combined" in received


def test_nothing_is_combined_without_the_clause_or_the_register(house: House, party: str) -> None:
    """Who is no partner now begins none; whose role ends in the middle is refused line by line."""
    ann, email = email_of(house, "ann")
    with pytest.raises(UpheldError) as caught:
        start(house, "harbour")
    assert caught.value.code == "feed-party"
    its = start(house, party)
    house.do(lambda t: parties.end(t, party))
    reasons = take(house, its, lines_of({"email": email, "occupation": "carpenter"}))
    assert reasons == {2: feeds.REFUSED}
    assert "carpenter" not in story_of(house, ann)


def test_a_feed_that_is_withdrawn_takes_its_values_along_and_nothing_else(
    house: House, party: str
) -> None:
    """What the customer changed since is theirs; the file is not taken in again."""
    ann, email = email_of(house, "ann")
    bo, other = email_of(house, "bo")
    row = {"occupation": "carpenter", "interests": "boats"}
    lines = lines_of({"email": email, **row}, {"email": other, **row})
    its = start(house, party)
    take(house, its, lines)
    own = {"occupation": "singer"}
    stored = house.do(lambda t: t.store(bo, own, source="customer", occasion="registration"))
    assert not isinstance(stored, Refused)
    desk = house.signed_in(house.staff("privacy"), "staff")
    assert "Taken in" in desk.get(HERE).text
    assert send(desk, f"{HERE}/{its.feed_id}/withdraw", {}, HERE).status_code == 303
    assert send(desk, f"{HERE}/{its.feed_id}/withdraw", {}, HERE).status_code == 409
    assert withdrawal.take_out(house.provider.gate.gate) == 3
    assert "Taken out" in desk.get(HERE).text
    assert "carpenter" not in story_of(house, ann)
    assert "boats" not in story_of(house, bo)
    assert "singer" in story_of(house, bo)
    with pytest.raises(UpheldError) as caught:
        take(house, start(house, party), lines)
    assert caught.value.code == "feed-state"


def test_of_twenty_who_withdraw_a_feed_at_once_one_does(house: House, party: str) -> None:
    """The others read that it is being taken out already."""
    its = start(house, party)

    def withdraw(_: int) -> str:
        try:
            house.do(lambda t: withdrawal.withdraw(t, its.feed_id, UserId("u1")))
        except UpheldError as error:
            return error.code
        return ""

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(withdraw, range(20))) == ["", *["feed-state"] * 19]


def test_what_a_customer_had_erased_is_not_put_back(house: House, party: str) -> None:
    """The next file of the same company says nothing new to what its customer did not want."""
    ann, email = email_of(house, "ann")
    lines = lines_of({"email": email, "occupation": "carpenter", "interests": "boats"})
    take(house, start(house, party), lines)
    house.do(lambda t: t.drop(ann, ["interests"], actor="customer"))
    newer = lines_of({"email": email, "occupation": "joiner", "interests": "boats"})
    assert take(house, start(house, party, "d2"), newer) == {}
    page = story_of(house, ann)
    assert "joiner" in page
    assert "boats" not in page
    again = lines_of({"email": email, "interests": "sailing"})
    assert take(house, start(house, party, "d3"), again) == {2: feeds.NOTHING_NEW}


def test_a_file_that_was_stopped_goes_on_where_it_was(
    house: House, party: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes it in at the same time is told; each line is combined once."""
    monkeypatch.setattr(feeds, "BATCH", 1)
    ann, email = email_of(house, "ann")
    lines = lines_of(
        {"email": email, "occupation": "carpenter"},
        {"email": "nobody@marked.example", "occupation": "baker"},
        {"email": email, "interests": "boats"},
    )
    its = start(house, party)
    gate = house.provider.gate.gate
    assert [each.number for each in islice(feeds.take(gate, its, lines), 1)] == [3]
    half = start(house, party)
    assert (half.feed_id, half.lines, half.state) == (its.feed_id, 2, feeds.OPEN)

    def go_on(_: int) -> str:
        try:
            take(house, half, lines)
        except UpheldError as error:
            return error.code
        return ""

    with ThreadPoolExecutor(8) as threads:
        assert {*threads.map(go_on, range(20))} <= {"", "feed-state"}
    whole = start(house, party)
    assert (whole.state, whole.lines, whole.people) == (feeds.DONE, 3, 2)
    acts = [each.entry.action for each in gate.entries(ann)]
    assert acts.count("combine") == 2


def test_a_column_that_is_no_kind_of_data_is_named_with_the_nearest_one(house: House) -> None:
    """Nor does a partner tell us who somebody is, or how old."""
    with pytest.raises(UpheldError, match="`ocupation`") as caught:
        feeds.require_columns(house.policy, ["email", "ocupation"])
    assert "--map ocupation=occupation" in caught.value.hint
    for columns in (["occupation"], ["email", "birth-date"], ["email", "balance"]):
        with pytest.raises(UpheldError) as caught:
            feeds.require_columns(house.policy, columns)
        assert caught.value.code == "feed-column"


def test_the_page_of_feeds_tells_of_no_line_whether_it_is_of_a_customer(
    house: House, party: str
) -> None:
    """A file of one line reads the same whoever is in it."""
    _, email = email_of(house, "ann")
    desk = house.signed_in(house.staff("manager"), "staff")
    told = set()
    for digest, whose in (("d1", email), ("d2", "nobody@marked.example")):
        its = start(house, party, digest)
        take(house, its, lines_of({"email": whose, "occupation": "baker"}))
        page = desk.get(HERE).text
        assert 'data-label="Lines"' not in page  # an exact number would undo the rounding
        first = page[page.index("<tbody>") : page.index("</tr>", page.index("<tbody>"))]
        cells = re.findall(r'<td data-label="(Taken in|Left out)">(.*?)</td>', first)
        told.add(tuple(cells))
    assert told == {
        (
            ("Taken in", "Fewer than 10 customers"),
            ("Left out", "Fewer than 10 for any reason"),
        )
    }
