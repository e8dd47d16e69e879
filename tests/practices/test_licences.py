"""Licences of feeds at the desk, and what customers read of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from practices.conftest import TOKEN, House, send
from practices.test_feeds import SPRUCE, email_of, lines_of, start, story_of, take
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, UserId
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.practice import parties
from upheld.practice.reasons import refusal_reason
from upheld.practices.feeds import licences
from upheld.practices.feeds.licence_desk import HERE, MINE

STARTING = """---
policy: What Spruce Point lets us do
provider: Larch Valley Internet
version: 1
---

We may add it to what we hold, and keep it for six months. {#adding}

```rule
may combine occupation, interests from business-partner when registered-partner with record
may store occupation, interests
  when not account-closed and not erasure-requested and not erased
  with encryption, delete-after 6 months
```

We may choose by it what somebody sees, and nothing else. {#choosing}

```rule
may use occupation, interests for personalisation unless erased or objected
```
"""
WIDER = f"{STARTING}\nAnd sell it. {{#selling}}\n\n```rule\nmay sell occupation\n```\n"
ADVERTISING = Act(action="use", data=("occupation",), purpose="advertising")


@pytest.fixture(name="party")
def _party(house: House) -> str:
    """A business partner of the register."""
    return house.do(lambda t: parties.add(t, SPRUCE, "business-partner")).party


def register(house: House, party: str, text: str = STARTING) -> int:
    """Register a licence; its number."""
    document = licences.read(text.encode(), house.policy)
    licences.require_narrower(house.policy, document)
    base = house.policy.digest
    its = house.do(lambda t: licences.register(t, document, party, UserId("u1"), base=base))
    return its.number


def under_licence(house: House, party: str) -> PersonId:
    """A customer of whom a partner under a licence told us what they do."""
    register(house, party)
    ann, email = email_of(house, "ann")
    assert (
        take(house, start(house, party), lines_of({"email": email, "occupation": "joiner"})) == {}
    )
    return ann


def test_the_privacy_desk_registers_a_licence_and_ends_it(house: House, party: str) -> None:
    """Managers read it, and whoever else works there does not."""
    desk = house.signed_in(house.staff("privacy"), "staff")
    assert "No licence is registered" in desk.get(HERE).text
    answer = send(desk, HERE, {"party": party, "text": STARTING}, HERE)
    assert answer.status_code == 303
    assert "We may choose by it what somebody sees" in desk.get(f"{HERE}/1").text
    assert "In force" in desk.get(HERE).text
    manager = house.signed_in(house.staff("manager", sign_in="mia"), "staff")
    assert "Register a licence" not in manager.get(HERE).text
    assert "End it" not in manager.get(f"{HERE}/1").text
    assert send(manager, f"{HERE}/1/end", {}, HERE).status_code == 403
    assert send(desk, f"{HERE}/1/end", {}, f"{HERE}/1").status_code == 303
    assert "In force" not in desk.get(HERE).text
    assert send(desk, f"{HERE}/1/end", {}, f"{HERE}/1").status_code == 409


@pytest.mark.parametrize(
    ("form", "reads"),
    [
        ({"text": WIDER}, "It would allow: newly allowed: sell your occupation"),
        ({"text": ""}, "Nothing was sent"),
        ({"text": "no policy"}, "Line 1:"),
        ({"text": STARTING.replace("may use", "may eat")}, "Line "),
        ({"text": STARTING.replace("version: 1", "vocabulary: other.toml")}, "another vocabulary"),
        ({"text": STARTING, "since": "tomorrow"}, "Write the day like"),
        ({"text": STARTING, "since": "2999-01-01"}, "does not begin in the future"),
        ({"text": STARTING, "party": "harbour"}, "as a business partner now"),
        ({"text": "\ud7ff<b>*_\n" * 40}, "Line "),
    ],
)
def test_what_is_no_licence_is_not_registered(
    house: House, party: str, form: dict[str, str], reads: str
) -> None:
    """The page says why, and has what was sent."""
    desk = house.signed_in(house.staff("privacy"), "staff")
    answer = send(desk, HERE, {"party": party, **form}, HERE)
    assert answer.status_code in {409, 422}
    assert reads in answer.text
    assert "<b>" not in answer.text
    assert house.do(lambda t: t.licences.all()) == ()


def test_a_licence_as_a_file_is_read_in_place_of_the_text(house: House, party: str) -> None:
    """Nobody but our own page may send it."""
    desk = house.signed_in(house.staff("privacy"), "staff")
    match = TOKEN.search(desk.get(HERE).text)
    assert match
    files = {"file": ("licence.md", STARTING.encode(), "text/markdown")}
    form = {"_token": match[1], "party": party}
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://other.example"}
    assert desk.post(HERE, data=form, files=files, headers=foreign).status_code == 403
    assert desk.post(HERE, data=form, files=files).status_code == 303
    assert desk.head(f"{HERE}/1").status_code == 200


def test_of_twenty_who_register_at_once_each_licence_has_a_number(house: House, party: str) -> None:
    """One of them lasts; the others have ended when the next began."""
    with ThreadPoolExecutor(8) as threads:
        numbers = sorted(threads.map(lambda _: register(house, party), range(20)))
    assert numbers == list(range(1, 21))
    all_ = house.do(lambda t: t.licences.all())
    assert [each.number for each in all_ if each.until is None] == [20]


def test_a_customer_reads_the_licence_of_what_was_told_of_them(house: House, party: str) -> None:
    """Where what is held stands, until when it is kept by it, and what its rules mean."""
    ann = under_licence(house, party)
    page = story_of(house, ann)
    assert "joiner" in page
    assert f'href="{MINE}/1"' in page
    assert "Kept for 6 months" in page
    own = house.signed_in(ann).get(f"{MINE}/1").text
    assert f"What {SPRUCE} lets us do" in own
    assert "We may choose by it what somebody sees, and nothing else." in own
    for other in ("2", "0", "-1", "1x", "٣", "9" * 40):
        assert house.signed_in(ann).get(f"{MINE}/{other}").status_code == 404


def test_why_says_the_licence_where_it_is_what_refuses(house: House, party: str) -> None:
    """In the reason of a page, and where the customer reads what was done and refused."""
    ann = under_licence(house, party)
    outcome = house.do(lambda t: t.act(ADVERTISING, ann, entitled=True))
    assert isinstance(outcome, Refused)
    why = refusal_reason(house.policy, outcome.decision)
    assert f"{SPRUCE} told us of it, and its licence does not let us" in why.says
    received = house.signed_in(ann).get("/me/privacy/received?show=all").text
    assert "the licence of whoever told us of it does not allow it" in received


def test_whoever_exercises_a_right_is_asked_of_no_licence(house: House, party: str) -> None:
    """They read it, correct it and have it deleted."""
    ann = under_licence(house, party)
    own = {"occupation": "singer"}
    stored = house.do(lambda t: t.store(ann, own, source="customer", occasion="registration"))
    assert isinstance(stored, ActResult)
    assert isinstance(house.do(lambda t: t.act(ADVERTISING, ann)), ActResult)
    assert f'href="{MINE}/1"' not in story_of(house, ann)
    assert house.do(lambda t: t.drop(ann, ["occupation"], actor="customer")) == ("occupation",)


def test_a_licence_that_allows_more_is_refused_with_what_it_would_allow(house: House) -> None:
    """The error has the sentences of the comparison."""
    document = licences.read(WIDER.encode(), house.policy)
    with pytest.raises(UpheldError, match="sell your occupation") as caught:
        licences.require_narrower(house.policy, document)
    assert caught.value.code == "licence-wider"
