"""Trusted partners: what goes to one under an agreement that both sides signed, and no more."""

from __future__ import annotations

from practices.conftest import House
from practices.test_agreements import PARTY, is_shared, manager, partner, share, signed
from upheld.gate.act.request import ActResult
from upheld.practices.agreements import agreements

FIELDS = ("name", "email", "services")


def test_a_partner_gets_what_the_agreement_names_from_signing_to_withdrawal(house: House) -> None:
    """Before both signatures nothing goes out; then each kind for each purpose; then nothing."""
    person, by = house.customer(), manager(house)
    party = partner(house)
    assert not is_shared(house, person)
    one = signed(house, party, by)
    for field in FIELDS:
        for purpose in ("offers", "newsletter", "support"):
            answer = share(house, person, PARTY, field, purpose)
            assert isinstance(answer, ActResult), (field, purpose, answer.why)
            duties = [each.duty for each in answer.decision.duties]
            assert sorted(duties) == ["confidentiality", "no-onward-sharing", "record"]
    assert not is_shared(house, person, field="interests")
    assert not is_shared(house, person, purpose="partner-marketing")
    house.do(lambda t: agreements.withdraw(t, one.agreement_id, "We parted", by=by))
    assert not is_shared(house, person)
