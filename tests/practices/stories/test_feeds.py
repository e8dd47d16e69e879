"""What a partner on the register knows is combined with what we hold, as the clause on it says."""

from __future__ import annotations

from practices.conftest import House
from upheld.core.ids import UserId
from upheld.practice import parties
from upheld.practices.feeds import feeds
from upheld.practices.feeds.feeds import FeedLine


def test_what_a_partner_knows_is_combined_and_says_from_whom(house: House) -> None:
    """With an entry by the clause; once the company is off the register, nothing is."""
    ann, gate = house.customer(), house.provider.gate.gate
    party = house.do(lambda t: parties.add(t, "Spruce Point", "business-partner")).party
    its = house.do(lambda t: feeds.start(t, party, "d1", UserId("u1")))
    row = {"email": "ann@marked.example", "occupation": "carpenter"}
    assert list(feeds.take(gate, its, [FeedLine(2, row)])) == []
    entries = [each.entry for each in gate.entries(ann)]
    (entry,) = [each for each in entries if each.action == "combine"]
    assert entry.clauses == ("combining",)
    assert "record" in entry.duties
    page = house.signed_in(ann).get("/me/privacy?show=all").text
    assert "carpenter" in page
    assert "From Spruce Point on" in page
    its = house.do(lambda t: feeds.start(t, party, "d2", UserId("u1")))
    house.do(lambda t: parties.end(t, party))
    row = {"email": "ann@marked.example", "industry": "boats"}
    (left_out,) = feeds.take(gate, its, [FeedLine(2, row)])
    assert left_out.reason == feeds.REFUSED
