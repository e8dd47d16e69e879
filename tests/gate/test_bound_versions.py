"""Which version of the policy binds somebody: the one in force, unless `bind` says otherwise."""

from __future__ import annotations

import pytest

from gate.conftest import Told, customer, later
from gate.versions import IMPROVING, NARROWER, WIDER, post, version
from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, Refused
from upheld.gate.gate import Gate
from upheld.practices.versions import agreements, customer_decisions

PURPOSE = "service-improvement"


def allowed(gate: Gate, person: PersonId, field: str = "interests") -> bool:
    """Whether a field of somebody may be used for what the versions differ in."""
    try:
        result = gate.use(person, [field], purpose=PURPOSE)
    except Refused:
        return False
    return result.decision.allowed


def use(gate: Gate, person: PersonId) -> bool:
    """Let somebody use our services, as signing in does."""
    with gate.together() as transaction:
        return transaction.note_use(person)


def binding(gate: Gate, person: PersonId) -> list[str]:
    """The versions that acts on somebody are asked of."""
    with gate.together() as transaction:
        return [each.version for each in transaction.binding_versions(person)]


def agree(gate: Gate, person: PersonId, fact: str) -> None:
    """Let somebody's own agreement ask for something when the policy changes."""
    with gate.together() as transaction:
        agreements.agree(transaction, person, fact)


def test_what_widens_waits_for_the_next_use(gate: Gate, person: PersonId) -> None:
    """Until then each act is asked of both versions, and its entry has both digests."""
    gate.take_first_version()
    first = gate.policy
    second = version("2", WIDER)
    post(gate, second)
    assert binding(gate, person) == ["2026-11-01", "2"]
    assert not allowed(gate, person)
    entry = gate.entries(person)[-1].entry
    assert (entry.policy, entry.policies, entry.kind) == (second.digest, (first.digest,), "refusal")
    assert use(gate, person)
    assert not use(gate, person)
    assert binding(gate, person) == ["2"]
    assert allowed(gate, person)
    assert gate.entries(person)[-1].entry.policies == ()
    kinds = [each.entry.action for each in gate.entries(person)]
    assert kinds.count("add first-use") == 1


def test_what_narrows_holds_at_once(gate: Gate, person: PersonId) -> None:
    """Nobody has to come back for it, and a widening before it waits on."""
    assert allowed(gate, person, "messages")
    post(gate, version("2", NARROWER))
    assert binding(gate, person) == ["2"]
    assert not allowed(gate, person, "messages")
    both = (IMPROVING, "may use activity, services, interests for service-improvement")
    post(gate, version("3", both))
    assert binding(gate, person) == ["2", "3"]
    post(gate, version("4", both, ("We may change this policy", "We can change this policy")))
    assert binding(gate, person) == ["2", "3", "4"]
    assert not allowed(gate, person)
    use(gate, person)
    assert allowed(gate, person)
    assert not allowed(gate, person, "messages")


@pytest.mark.parametrize("fact", ["agreement-needs-notice", "agreement-needs-approval"])
def test_an_agreement_asks_about_changes_and_unbinds_nothing_that_was_used_before_it(
    gate: Gate, person: PersonId, fact: str
) -> None:
    """A version that somebody had not used yet when they agreed is asked about like a later one."""
    post(gate, version("2", WIDER))
    assert use(gate, person)
    agree(gate, person, fact)
    assert binding(gate, person) == ["2"]
    assert allowed(gate, person)
    post(gate, version("3", NARROWER))
    use(gate, person)
    assert binding(gate, person) == ["2", "3"]
    other = customer(gate)
    post(gate, version("4", WIDER))
    agree(gate, other, fact)
    use(gate, other)
    assert "3" in binding(gate, other)


def test_who_is_new_is_bound_by_the_version_in_force(gate: Gate) -> None:
    """They use it as they come, and nothing before it was for them."""
    post(gate, version("2", WIDER))
    assert binding(gate, customer(gate)) == ["2"]
    assert allowed(gate, customer(gate))


def test_an_agreement_with_notice_holds_a_version_back_until_its_days_have_run(
    gate: Gate, person: PersonId, clock: Told
) -> None:
    """Thirty days after the sending, and not by one that bounced."""
    agree(gate, person, agreements.NOTICE)
    post(gate, version("2", WIDER))
    use(gate, person)
    assert not allowed(gate, person)
    with gate.together() as transaction:
        edition = agreements.edition_named(transaction, "2")
        agreements.give_notice(transaction, person, edition, gate.clock.now(), 30)
    later(gate, clock, 29)
    assert not allowed(gate, person)
    later(gate, clock, 2)
    assert allowed(gate, person)
    with gate.together() as transaction:
        assert agreements.take_back_notice(transaction, person, edition) == 1
    assert not allowed(gate, person)
    with gate.together() as transaction:
        assert agreements.end_agreements(transaction, person) == 1
    assert allowed(gate, person)


def test_an_agreement_with_approval_holds_each_version_back_until_it_is_approved(
    gate: Gate, person: PersonId
) -> None:
    """The approval of one version is none of the next."""
    agree(gate, person, agreements.APPROVAL)
    post(gate, version("2", WIDER))
    use(gate, person)
    assert not allowed(gate, person)
    with gate.together() as transaction:
        edition = agreements.edition_named(transaction, "2")
        customer_decisions.approve_change(transaction, person, edition.digest)
    assert allowed(gate, person)
    post(gate, version("3", NARROWER))
    use(gate, person)
    assert binding(gate, person) == ["2", "3"]
    assert not allowed(gate, person)


def test_one_act_on_many_people_decides_each_under_their_own_version(gate: Gate) -> None:
    """Of three, one has used our services since, one has not, and one is new."""
    waits, comes = customer(gate), customer(gate)
    post(gate, version("2", WIDER))
    use(gate, comes)
    new = customer(gate)
    outcomes = gate.sweep("use", [waits, comes, new], ["interests"], purpose=PURPOSE)
    assert [isinstance(each, Refused) for each in outcomes.values()] == [True, False, False]
    waiting, others = (gate.entries(each)[-1].entry for each in (waits, comes))
    assert len(waiting.policies) == 1
    assert others.policies == ()


def test_the_duties_of_all_versions_are_united(gate: Gate, person: PersonId) -> None:
    """What one of them wants is done, and clauses of both are cited."""
    first = (IMPROVING, f"{IMPROVING}\n  with record")
    gate.context = gate.context.under(version("1", first))
    gate.take_first_version()
    second = (IMPROVING, f"{IMPROVING}\n  with only-fields-needed")
    post(gate, version("2", second))
    assert binding(gate, person) == ["1", "2"]
    result = gate.use(person, ["messages"], purpose=PURPOSE)
    assert {each.duty for each in result.decision.duties} == {"record", "only-fields-needed"}


@pytest.mark.parametrize(
    ("clause", "stays"),
    [
        ("continued-use", ["2"]),
        ("binding", ["1", "2"]),
    ],
)
def test_taking_a_clause_of_binding_out_changes_exactly_that(
    gate: Gate, person: PersonId, clause: str, stays: list[str]
) -> None:
    """Without the one, everybody is bound at once; without the other, nobody ever is."""
    struck = (f"{{#{clause}}}", f"{{#{clause} .severed}}")
    gate.context = gate.context.under(version("1", struck))
    gate.take_first_version()
    post(gate, version("2", struck, WIDER))
    assert binding(gate, person) == stays
    assert use(gate, person)
    assert binding(gate, person) == (["2"] if clause == "continued-use" else ["1", "2"])


def test_an_act_that_takes_what_it_gets_gets_what_every_version_allows(
    gate: Gate, person: PersonId
) -> None:
    """Of two fields, the one that the version before allows too."""
    post(gate, version("2", WIDER))
    partial = Act(action="use", data=("interests", "messages"), purpose=PURPOSE, partial=True)
    with gate.together() as transaction:
        outcome = transaction.act(partial, person)
    assert not isinstance(outcome, Refused)
    assert outcome.refused == ("interests",)
