"""What is public by a source that we recorded is not confidential, value by value."""

from __future__ import annotations

from functools import partial

from practices.conftest import House
from upheld.core.ids import PersonId
from upheld.gate.act.request import Act
from upheld.policy.request import Decision
from upheld.practices.rights.public_values import note_public


def sharing(house: House, person: PersonId, field: str, purpose: str) -> Decision:
    """What the policy says of giving a value to a business partner."""
    act = Act(
        action="share",
        data=(field,),
        recipient="business-partner",
        purpose=purpose,
        occasion="other",
    )
    return house.do(lambda t: t.peek(person, act))


def test_a_value_that_is_public_by_its_source_may_be_given(house: House) -> None:
    """The name and what people are reached by, for a service and in a legal matter; no other."""
    ann = house.customer(phone="+1 425 555 0142")
    source = "Larch Valley phone book, 2026"
    for field in ("name", "phone"):
        assert not sharing(house, ann, field, "service-provision").allowed
        house.do(partial(note_public, person_id=ann, field=field, source=source, actor="staff u1"))
        for purpose in ("service-provision", "legal"):
            decision = sharing(house, ann, field, purpose)
            assert decision.clauses == ("public-information",)
            assert "record" in {each.duty for each in decision.duties}
    assert not sharing(house, ann, "name", "offers").allowed
    assert not sharing(house, ann, "birth-date", "service-provision").allowed
