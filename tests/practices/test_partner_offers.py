"""What a partner offers, written by us: to whom the policy allows, once, and nothing leaves."""

from __future__ import annotations

import pytest

from practices.conftest import House
from practices.mail import deliver, waiting
from practices.test_agreements import PARTY, manager, partner, signed
from practices.test_partner_pulls import some
from upheld.practice import deliveries, parties
from upheld.practices.agreements import offers
from upheld.practices.agreements.offers import OfferRun
from upheld.practices.agreements.terms import AgreementError
from upheld.practices.rights import choices

TEXT = "Two months <b>for</b> one\n\n# Until the end of June"


def test_an_offer_is_written_once_to_whom_we_may_write_and_nothing_leaves(house: House) -> None:
    """Another run with the same text writes to whoever came since; the partner gets nothing."""
    people, by = some(house), manager(house)
    one = signed(house, partner(house), by)
    gate = house.provider.gate.gate
    house.do(lambda t: choices.opt(t, people[0], choices.OFFERS, "offers", out=True))
    done = offers.write(gate, PARTY, "Two for one", TEXT, by=by)
    assert done.people == 2
    assert {"name", "email"} <= {*done.fields}
    assert {who for who, _ in waiting(house)} == {*people[1:]}
    assert deliver(house) == ["Two for one"] * 2
    late = house.customer("dee@marked.example")
    assert offers.write(gate, PARTY, "Two for one", TEXT, by=by) == OfferRun(1, done.fields)
    assert waiting(house) == [(late, offers.TEMPLATE)]
    assert house.do(lambda t: deliveries.latest(t.tables)) == []
    desk = house.signed_in(by, "staff").get(f"/staff/agreements/{one.agreement_id}").text
    assert "it gets of each customer to whom we may write: name, account number" in desk
    page = house.signed_in(people[1]).get("/me/messages").text
    assert "Two for one" in page


@pytest.mark.parametrize(
    ("which", "subject", "text", "code"),
    [
        (PARTY, "", TEXT, "agreement-offer"),
        (PARTY, "Two", " \n", "agreement-offer"),
        (PARTY, "Two", "x" * 5_001, "agreement-offer"),
        ("Quay", "Two", TEXT, "agreement-partner"),
    ],
)
def test_what_is_no_offer_of_a_partner_is_written_to_nobody(
    house: House, which: str, subject: str, text: str, code: str
) -> None:
    """Without words, and for a company that is no trusted partner."""
    some(house)
    by = manager(house)
    partner(house)
    house.do(lambda t: parties.add(t, "Quay", "supplier"))
    with pytest.raises(AgreementError) as error:
        offers.write(house.provider.gate.gate, which, subject, text, by=by)
    assert error.value.code == code
    assert waiting(house) == []
