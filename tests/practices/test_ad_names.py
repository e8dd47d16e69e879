"""Names of advertisers that mention a sensitive topic: two managers allow one, and no more."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from practices.ads import advertiser, booked, booking, review
from practices.conftest import House, send
from upheld.core.ids import EntryNumber, UserId
from upheld.database.transaction import reading
from upheld.gate.log.entries import after_number
from upheld.practice import parties
from upheld.practices.ads import campaigns, forbidden, names
from upheld.practices.ads.campaigns import AdError, Campaign
from upheld.practices.ads.names import NameRequest

HERE = "/staff/ads/names"
NAME, ITS_DOMAIN = "Sunrise Pharmacy", "sunrise-pharmacy.example"
UNSEEN, TURNED = "\u200b\u2060", "They sell \u202eslosarap"


def pharmacy(house: House) -> str:
    """An advertiser whose name and domain mention health; its word on the register."""
    party = advertiser(house, NAME)
    house.do(lambda t: campaigns.keep_domain(t, party, ITS_DOMAIN, actor="staff mo"))
    return party


def theirs(house: House, party: str, page: str = "parasols", **other: Any) -> Campaign:
    """A campaign that leads to their domain."""
    return booked(house, party, address=f"https://{ITS_DOMAIN}/{page}", **other)


def ask(house: House, party: str, user: str = "a" * 32, reason: str = "Parasols") -> NameRequest:
    """Ask that a name be allowed, as a manager."""
    return house.do(lambda t: names.ask(t, party, UserId(user), reason=reason))


def allow(house: House, party: str, user: str = "b" * 32, *, yes: bool = True) -> NameRequest:
    """Answer what was asked of a name, as another manager."""
    its = house.do(lambda t: names.find(t.tables, party))
    assert its
    return house.do(lambda t: names.decide(t, party, UserId(user), allow=yes, mark=its.mark))


def test_a_name_that_mentions_a_topic_waits_until_a_second_manager_has_allowed_it(
    house: House,
) -> None:
    """Whoever asked does not answer; all of it is in the ledger, with no word of the reason."""
    party = pharmacy(house)
    its = theirs(house, party)
    mo = house.signed_in(house.staff("manager", sign_in="mo"), "staff")
    max_ = house.signed_in(house.staff("manager", sign_in="max"), "staff")
    path, yes = f"/staff/ads/{its.campaign_id}", {"verdict": "approve", "reason": "Fine"}
    assert "It cannot run until two managers have allowed the name" in mo.get(path).text
    answer = send(mo, path, yes)
    assert answer.status_code == 409
    assert "nother manager has to allow the name first" in answer.text
    assert "mentions a sensitive topic" in mo.get("/staff/ads").text
    form = {"party": party, "reason": "It sells parasols, too"}
    assert send(mo, HERE, form).status_code == 303
    assert "another manager has to answer" in mo.get(HERE).text
    mark = house.do(lambda t: names.every(t.tables))[0].mark
    verdict = {"verdict": "allow", "mark": mark}
    answer = send(mo, f"{HERE}/{party}", verdict, HERE)
    assert answer.status_code == 409
    assert "omebody else decides on what one asked for" in answer.text
    assert "waits for a second person" in max_.get("/staff").text
    assert send(max_, f"{HERE}/{party}", verdict, HERE).status_code == 303
    assert "waits for a second person" not in max_.get("/staff").text
    assert send(mo, path, yes).status_code == 303
    assert house.do(lambda t: campaigns.require(t.tables, its.campaign_id)).state == "approved"
    with reading(house.provider.gate.gate.engine) as connection:
        numbered, _ = after_number(connection, EntryNumber(0), 1_000)
    entries = [each.entry for each in numbered]
    assert [e.kind for e in entries if e.id == party] == [names.ASKED, names.DECIDED]
    assert not any("parasols" in str(each) for each in entries)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("parasols", {"title": "Medicine"}),
        ("parasols", {"title": f"Parasols of {NAME}"}),
        ("parasols", {"text": "Med1c1ne"}),
        ("hiv-test", {}),
        ("sunrise-pharmacy.example", {}),
    ],
)
def test_what_an_advertisement_says_is_allowed_by_no_name(
    house: House, page: str, words: dict[str, str]
) -> None:
    """Neither its texts nor the page that it leads to, nor a domain below."""
    party = pharmacy(house)
    ask(house, party)
    allow(house, party)
    its = review(house, theirs(house, party, page, **words))
    assert (its.state, its.reason) == (campaigns.REFUSED, f"{forbidden.REFUSED}: health")
    other = booking(house, address=f"https://hiv.{ITS_DOMAIN}/parasols")
    its = house.do(lambda t: campaigns.book(t, party, other, actor="agent pat"))
    assert review(house, its).state == campaigns.REFUSED
    assert review(house, theirs(house, party)).state == campaigns.APPROVED


def _renamed(house: House, party: str) -> None:
    house.do(lambda t: parties.rename(t, party, "Sunset Pharmacy", actor="staff mo"))


def _moved(house: House, party: str) -> None:
    domain = "sunset-pharmacy.example"
    house.do(lambda t: campaigns.keep_domain(t, party, domain, actor="staff mo"))


def _taken_back(house: House, party: str) -> None:
    house.do(lambda t: names.end(t, party, UserId("a" * 32)))


@pytest.mark.parametrize("change", [_renamed, _moved, _taken_back])
def test_a_name_is_allowed_as_it_stood_until_it_is_taken_back(
    house: House, change: Callable[[House, str], None]
) -> None:
    """What runs under it is stopped then, and lets itself be resumed once it is allowed again."""
    party = pharmacy(house)
    ask(house, party)
    allow(house, party)
    its, gate = review(house, theirs(house, party)), house.provider.gate.gate
    job = forbidden.NewReviews(house.provider)
    assert (its.state, job.make(gate)) == (campaigns.APPROVED, 0)
    change(house, party)
    assert (job.make(gate), job.make(gate)) == (1, 0)
    manager = house.signed_in(house.staff("manager"), "staff")
    path = f"/staff/ads/{its.campaign_id}"
    assert send(manager, f"{path}/resume", {}, path).status_code == 409
    ask(house, party)
    allow(house, party)
    is_elsewhere = change is _moved  # its page lies on no domain of theirs any more
    answer = send(manager, f"{path}/resume", {}, path)
    assert answer.status_code == (409 if is_elsewhere else 303)
    assert job.make(gate) == 0


def test_one_answer_counts_of_twenty_and_none_of_an_older_question(house: House) -> None:
    """Nor does anybody ask of a name that mentions nothing, or twice, or without a reason."""
    party, plain = pharmacy(house), advertiser(house, "Oak Shop")
    for whose, reason in (
        (plain, "Oak"),
        ("nobody", "Oak"),
        (party, " "),
        (party, UNSEEN),
        (party, TURNED),
        (party, "x" * 201),
    ):
        with pytest.raises(AdError):
            ask(house, whose, reason=reason)
    first = ask(house, party)
    manager = house.signed_in(house.staff("manager"), "staff")
    form = {"party": party, "reason": "It sells parasols, too"}
    assert send(manager, HERE, form).status_code == 422
    with pytest.raises(AdError):
        ask(house, party, "c" * 32)

    def answer(at: int) -> bool:
        try:
            allow(house, party, f"{at:032}", yes=False)
        except AdError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(answer, range(20))) == 1
    ask(house, party)
    with pytest.raises(AdError, match="asked anew meanwhile"):
        house.do(lambda t: names.decide(t, party, UserId("b" * 32), allow=True, mark=first.mark))
    _renamed(house, party)
    with pytest.raises(AdError, match="another by now"):
        allow(house, party)
    assert allow(house, party, yes=False).state == names.REFUSED
    assert ask(house, party).name == "Sunset Pharmacy"


def test_a_reason_has_something_to_see_and_a_page_of_problems_leads_to_nothing_that_is_not_there(
    house: House,
) -> None:
    """Nor is one taken that is read in another order than it was written."""
    party = pharmacy(house)
    manager = house.signed_in(house.staff("manager"), "staff")
    for reason in (UNSEEN, TURNED):
        answer = send(manager, HERE, {"party": party, "reason": reason})
        assert answer.status_code == 422
        assert house.do(lambda t: names.every(t.tables)) == []
    first = ask(house, party)
    answer = send(manager, HERE, {"party": party, "reason": "Parasols"})
    assert answer.status_code == 422
    allow(house, party, yes=False)
    answers = [
        answer,
        send(manager, f"{HERE}/{party}", {"verdict": "allow", "mark": first.mark}, HERE),
    ]
    assert answers[1].status_code == 409
    for each in answers:
        targets = {*re.findall(r'href="#(f-[^"]*)"', each.text)}
        assert "There is a problem" in each.text
        assert targets <= {*re.findall(r'id="([^"]*)"', each.text)}


def test_a_name_mends_nothing_where_it_is_refused_or_not_of_an_advertiser(house: House) -> None:
    """The page answers no such word, and no such answer, by a 404."""
    party = pharmacy(house)
    ask(house, party)
    allow(house, party, yes=False)
    with pytest.raises(AdError, match="mentions a sensitive topic"):
        review(house, theirs(house, party))
    manager = house.signed_in(house.staff("manager"), "staff")
    assert "Not allowed" in manager.get(HERE).text
    for whose, verdict in (("nobody", "allow"), (party, "perhaps")):
        answer = send(manager, f"{HERE}/{whose}", {"verdict": verdict}, HERE)
        assert answer.status_code == 404
    assert send(manager, f"{HERE}/{party}", {"verdict": "end"}, HERE).status_code == 409
