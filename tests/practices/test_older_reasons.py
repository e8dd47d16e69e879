"""Where an earlier version of the policy decided, pages quote its clause and not one in force."""

from __future__ import annotations

import pytest

from gate.conftest import customer
from gate.versions import IMPROVING, WIDER, post, version
from practices.conftest import House
from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, OlderDecision, Refused
from upheld.gate.gate import Gate
from upheld.policy.request import Decision
from upheld.practice.reasons import RefusalReason, refusal_reason

BARRED = (IMPROVING, f"{IMPROVING}\n  may not use interests for service-improvement")
RENAMED = ("{#improving}", "{#bettering}")
ACT = Act(action="use", data=("interests",), purpose="service-improvement")


def refusal(gate: Gate, person: PersonId) -> Decision:
    """The decision by which an act on somebody is refused, as its entry has it too."""
    with gate.together() as transaction:
        outcome = transaction.act(ACT, person, entitled=True)
        peeked = transaction.peek(person, ACT)
    assert isinstance(outcome, Refused)
    assert outcome.decision is not None
    assert outcome.decision == peeked
    return outcome.decision


def reason(gate: Gate, decision: Decision) -> RefusalReason:
    """What a page says of a decision."""
    return refusal_reason(gate.policy, decision)


@pytest.fixture(name="gate")
def _gate(house: House) -> Gate:
    gate = house.provider.gate.gate
    gate.context = gate.context.under(version("1", BARRED))
    gate.take_first_version()
    return gate


def test_a_refusal_by_an_earlier_version_quotes_its_clause(gate: Gate) -> None:
    """It is linked where that version is read, though the one in force has no such clause."""
    person = customer(gate)
    before = reason(gate, refusal(gate, person))
    assert [(each.id, each.href) for each in before.quotes] == [("improving", "/privacy#improving")]
    assert "version" not in before.says
    post(gate, version("2", WIDER, RENAMED))
    decision = refusal(gate, person)
    assert isinstance(decision, OlderDecision)
    assert (decision.number, decision.policy.front.version) == (1, "1")
    now = reason(gate, decision)
    (quote,) = now.quotes
    assert quote.text == before.quotes[0].text
    assert quote.href == "/privacy/versions/1#improving"
    assert now.says == (
        "Our policy says no. So says version 1 of our policy, which we still ask about you as well."
    )


def test_the_place_that_is_linked_is_there(house: House, gate: Gate) -> None:
    """The page of the earlier version has the clause by its id, which the one in force has not."""
    person = customer(gate)
    post(gate, version("2", WIDER, RENAMED))
    (quote,) = reason(gate, refusal(gate, person)).quotes
    page, _, place = quote.href.partition("#")
    assert f'id="{place}"' in house.browser().get(page).text
    assert all(each.id != place for each in gate.policy.program.clauses)


def test_a_refusal_by_the_version_in_force_quotes_that_one(gate: Gate) -> None:
    """Where both versions refuse, it is the one in force that is cited."""
    person = customer(gate)
    more = "may use activity, services, messages, phone for service-improvement"
    barred = (IMPROVING, f"{more}\n  may not use interests for service-improvement")
    post(gate, version("2", barred))
    with gate.together() as transaction:
        assert len(transaction.binding_versions(person)) == 2
    decision = refusal(gate, person)
    assert not isinstance(decision, OlderDecision)
    (quote,) = reason(gate, decision).quotes
    assert quote.href == "/privacy#improving"


def test_who_may_not_know_why_is_told_nothing_of_versions(gate: Gate) -> None:
    """A refusal for whoever is not entitled to its reason has no decision, of whichever version."""
    person = customer(gate)
    post(gate, version("2", WIDER, RENAMED))
    with gate.together() as transaction:
        outcome = transaction.act(ACT, person)
    assert isinstance(outcome, Refused)
    assert outcome.decision is None
