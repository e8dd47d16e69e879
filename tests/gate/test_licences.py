"""Licences: an act on what a partner told us is done where the policy and the licence allow it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache

import pytest

import upheld
from gate.conftest import Told, customer, later
from gate.versions import WIDER, post_version
from upheld.core.clock import Clock
from upheld.core.ids import PersonId, UserId
from upheld.database import rows as database
from upheld.database.seals import SealedError
from upheld.database.transaction import reading, writing
from upheld.gate.act.duties import nothing_more
from upheld.gate.act.execution import ActExecution
from upheld.gate.act.request import Act, ActResult, LicenceDecision, Refused
from upheld.gate.editions import store
from upheld.gate.editions.licences import Licence
from upheld.gate.editions.store import EditionError
from upheld.gate.editions.tables import policy_copy
from upheld.gate.erasure.retention import retire
from upheld.gate.erasure.storing_rules import StoringRules
from upheld.gate.gate import Gate
from upheld.gate.operations.edition_checks import licence_problems
from upheld.policy.load import load_text
from upheld.policy.request import Request
from upheld.vault import opened_ahead
from upheld.vault.envelope import SealError

PARTNER = "spruce-point"
HEAD = "---\npolicy: Licence\nprovider: Spruce Point\nversion: {version}\n---\n\n"
LETTING_IN = (
    (
        "may combine occupation, interests, industry from business-partner"
        " when registered-partner with record"
    ),
    (
        "may store occupation, interests, industry"
        " when not account-closed and not erasure-requested and not erased"
        " with encryption, delete-after 6 months"
    ),
)
CHOOSING = "may use occupation, interests for personalisation unless erased or objected"
ADVERTISING = (
    "may use occupation, industry for advertising"
    " unless advertising-opt-out or privacy-signal or erased or objected"
)
REPORTING = (
    "may use interests for reporting with minimum-group 60, privacy-budget"
    " unless erased or objected"
)


@lru_cache
def licence(*rules: str, version: str = "1") -> upheld.Policy:
    """A licence of some rules, each in a clause of its own."""
    clauses = [
        f"Clause {number}. {{#licence-{number}}}\n\n```rule\n{rule}\n```\n"
        for number, rule in enumerate((*LETTING_IN, *rules), 1)
    ]
    return load_text(HEAD.format(version=version) + "\n".join(clauses))


def register(gate: Gate, policy: upheld.Policy, days_ago: float | None = None) -> Licence:
    """Register a licence of the partner."""
    with gate.together() as transaction:
        now = transaction.clock.now()
        return transaction.licences.register(
            policy,
            party=PARTNER,
            source="business-partner",
            by=UserId("u1"),
            base=gate.policy.digest,
            since=None if days_ago is None else now - timedelta(days=days_ago),
        )


def end(gate: Gate, number: int) -> None:
    """End a licence."""
    with gate.together() as transaction:
        transaction.licences.end(number, source="business-partner", by=UserId("u1"))


def combine(gate: Gate, person: PersonId, **values: str) -> ActResult | Refused:
    """Combine what the partner knows with what is held of somebody."""
    with gate.together() as transaction:
        return transaction.combine(person, values, source="business-partner", party=PARTNER)


def partners_customer(gate: Gate) -> PersonId:
    """A customer of whom the partner told us something, and who told us something themselves."""
    person = customer(gate)
    assert isinstance(combine(gate, person, occupation="joiner", interests="boats"), ActResult)
    gate.store(person, {"industry": "timber"}, source="customer", occasion="registration")
    return person


@pytest.fixture(name="partner", autouse=True)
def _partner(gate: Gate) -> None:
    """The partner is on the register; the duties of reports have somebody who meets them."""
    for duty in ("minimum-group", "privacy-budget"):
        gate.context.duty_handlers.add(duty, nothing_more)
    gate.record(
        PersonId(""),
        "partner-register",
        fact="registered-partner",
        party=PARTNER,
        about={"source": ["business-partner"]},
    )


def act(field: str, purpose: str, *, partial: bool = False) -> Act:
    """The act of using a field for a purpose."""
    return Act(action="use", data=(field,), purpose=purpose, partial=partial)


def test_what_the_licence_forbids_is_refused_and_cites_its_clause(gate: Gate) -> None:
    """What the customer told us themselves is under no licence, nor is another partner's value."""
    register(gate, licence(CHOOSING))
    ann = partners_customer(gate)
    assert gate.use(ann, ["occupation"], purpose="personalisation")["occupation"] == "joiner"
    with pytest.raises(Refused):
        gate.use(ann, ["occupation"], purpose="advertising")
    assert gate.use(ann, ["industry"], purpose="advertising")["industry"] == "timber"
    decision = gate.peek("use", ann, ["occupation"], purpose="advertising")
    assert isinstance(decision, LicenceDecision)
    assert (decision.outcome, decision.party) == ("deny", PARTNER)
    entry = gate.entries(ann)[-2].entry
    assert (entry.kind, entry.policies) == ("refusal", (licence(CHOOSING).digest,))
    assert entry.problem == "licence 1"


def test_an_act_that_takes_what_it_gets_goes_without_those_fields(gate: Gate) -> None:
    """With one field that is left it is allowed, with none it is refused by the licence."""
    register(gate, licence(CHOOSING))
    ann = partners_customer(gate)
    both = gate.use(ann, ["occupation", "industry"], purpose="advertising", partial=True)
    assert (tuple(both.values), both.refused) == (("industry",), ("occupation",))
    with gate.together() as transaction:
        none = transaction.act(act("occupation", "advertising", partial=True), ann, entitled=True)
    assert isinstance(none, Refused)
    assert isinstance(none.decision, LicenceDecision)


def test_many_people_are_each_asked_of_their_own_values(gate: Gate) -> None:
    """In sweeps, one by one and before the act alike; of whom it is not combined it is allowed."""
    register(gate, licence(CHOOSING))
    ann, bo = partners_customer(gate), customer(gate)
    gate.store(bo, {"occupation": "baker"}, source="customer", occasion="registration")
    wish = act("occupation", "advertising")
    outcomes = gate.sweep("use", [ann, bo], ["occupation"], purpose="advertising")
    assert [isinstance(outcomes[each], Refused) for each in (ann, bo)] == [True, False]
    with gate.together() as transaction:
        each = transaction.act_each(wish, [ann, bo])
        peeked = transaction.peek_each([ann, bo], wish)
        then = transaction.peek_then(ann, wish, [transaction.clock.now()])
    assert [isinstance(each[one], Refused) for one in (ann, bo)] == [True, False]
    assert [peeked[one].allowed for one in (ann, bo)] == [False, True]
    assert [one.allowed for one in then] == [False]


def test_a_licence_is_asked_about_whoever_is_opened_ahead(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second process opens their values; which licence they are under is asked all the same."""
    monkeypatch.setattr(opened_ahead, "is_worth_it", lambda _: True)
    register(gate, licence(CHOOSING))
    ann, bo = partners_customer(gate), customer(gate)
    gate.store(bo, {"occupation": "joiner"}, source="customer", occasion="registration")
    wish = act("occupation", "advertising")
    with gate.opening_ahead((wish,)) as ahead, gate.together(ahead) as transaction:
        ahead.wait("", 2)
        outcomes = transaction.sweep(wish, sorted([ann, bo]), only_if=(wish,))
    assert [each for each, its in outcomes.items() if isinstance(its, ActResult)] == [bo]


def test_what_the_customer_has_a_right_to_is_asked_of_no_licence(gate: Gate) -> None:
    """They see it and have a copy; what they say instead is theirs, and so what is erased."""
    register(gate, licence(CHOOSING))
    ann = partners_customer(gate)
    gate.record(ann, "session", fact="signed-in")
    seen = gate.view(ann, ["occupation"], actor="customer", purpose="rights-request")
    assert seen["occupation"] == "joiner"
    copy = gate.share(
        ann, ["occupation"], recipient="customer", purpose="rights-request", occasion="other"
    )
    assert copy["occupation"] == "joiner"
    gate.store(ann, {"occupation": "singer"}, source="customer", occasion="registration")
    assert gate.use(ann, ["occupation"], purpose="advertising")["occupation"] == "singer"
    assert gate.drop(ann, ["interests"]) == ("interests",)


def test_what_a_court_demands_is_asked_of_no_licence(gate: Gate) -> None:
    """It goes by the policy's own clause, to whom the order names; to nobody without one."""
    register(gate, licence(CHOOSING))
    ann = partners_customer(gate)
    for duty in ("only-what-is-demanded", "notice-to-customer"):
        gate.context.duty_handlers.add(duty, nothing_more)

    def goes() -> bool:
        with suppress(Refused):
            gate.share(
                ann, ["occupation"], recipient="court", purpose="legal-process", occasion="other"
            )
            return True
        return False

    assert not goes()
    about = {"data": ["occupation"], "recipient": ["court"]}
    gate.record(ann, "instrument", fact="legal-instrument", about=about)
    assert goes()


def test_a_licence_that_cannot_be_read_keeps_nobody_else_waiting(
    gate: Gate, clock: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is over of others goes; of whom it covers nothing goes on a doubt."""
    its = register(gate, licence(CHOOSING))
    ann, bo = partners_customer(gate), customer(gate)
    with writing(gate.engine) as connection:
        database.delete(connection, policy_copy, "digest = ?", its.digest)
    monkeypatch.setattr(store, "policy_of", store.read_copy)  # as a process that just began
    other = Gate(gate.engine, gate.policy, gate.context.keyring, clock)
    with reading(gate.engine) as connection:
        rules = StoringRules(other.context, connection, [ann, bo], ["interests"])
    assert (rules.problem(ann), rules.problem(bo)) == ("version-copy", "")


def test_a_value_stays_under_the_licence_under_which_it_came(gate: Gate, clock: Told) -> None:
    """When that has ended too; what comes then is under none, or under the next one."""
    first = register(gate, licence(CHOOSING))
    ann = partners_customer(gate)
    later(gate, clock, 1)
    end(gate, first.number)
    assert not gate.peek("use", ann, ["occupation"], purpose="advertising").allowed
    assert isinstance(combine(gate, ann, industry="boatbuilding"), ActResult)
    assert gate.peek("use", ann, ["industry"], purpose="advertising").allowed
    later(gate, clock, 1)
    register(gate, licence(ADVERTISING, version="2"))
    bo = partners_customer(gate)
    assert gate.peek("use", bo, ["occupation"], purpose="advertising").allowed
    assert not gate.peek("use", bo, ["occupation"], purpose="personalisation").allowed
    assert gate.peek("use", ann, ["occupation"], purpose="personalisation").allowed
    with pytest.raises(EditionError):
        end(gate, first.number)


def test_a_licence_since_a_day_before_holds_of_what_came_since(gate: Gate, clock: Told) -> None:
    """What came under another one meanwhile is under both: nothing is ever loosened."""
    register(gate, licence(CHOOSING))
    ann = partners_customer(gate)
    later(gate, clock, 1)
    register(gate, licence(ADVERTISING, version="2"), days_ago=5)
    for purpose in ("advertising", "personalisation"):
        assert not gate.peek("use", ann, ["occupation"], purpose=purpose).allowed
    with pytest.raises(EditionError):
        register(gate, licence(version="3"), days_ago=-1)


def test_no_later_version_of_the_policy_lets_do_what_the_licence_does_not(
    gate: Gate, clock: Told
) -> None:
    """Nor the licence what a later version forbids."""
    register(gate, licence(CHOOSING))
    ann = partners_customer(gate)
    post_version(gate, "2", WIDER)
    later(gate, clock, 1)
    bo = partners_customer(gate)
    for each in (ann, bo):
        assert not gate.peek("use", each, ["interests"], purpose="service-improvement").allowed
        assert gate.peek("use", each, ["interests"], purpose="personalisation").allowed
    words = "may use profile, activity, services for personalisation"
    post_version(gate, "3", WIDER, (words, "may use activity, services for personalisation"))
    for each in (ann, bo):
        assert not gate.peek("use", each, ["interests"], purpose="personalisation").allowed


def test_nothing_comes_in_that_the_licence_does_not_let_be_combined_or_stored(gate: Gate) -> None:
    """The refusal is an entry, and nothing of it is stored."""
    register(gate, licence(CHOOSING))
    ann = customer(gate)
    refused = combine(gate, ann, gender="female")
    assert isinstance(refused, Refused)
    with gate.together() as transaction:
        assert "gender" not in transaction.held_fields(ann)


def test_what_came_in_is_kept_for_the_shorter_of_both_times(gate: Gate, clock: Told) -> None:
    """The licence says six months, the policy none: what the customer said stays."""
    register(gate, licence(CHOOSING))
    ann = partners_customer(gate)
    with gate.together() as transaction:
        decision = transaction.may_store(ann, "occupation")
        own = transaction.may_store(ann, "industry")
    assert any(each.duty == "delete-after" for each in decision.duties)
    assert not any(each.duty == "delete-after" for each in own.duties)
    later(gate, clock, 200)
    retire(gate)
    with gate.together() as transaction:
        fields = set(transaction.held_fields(ann))
    assert "industry" in fields
    assert not fields & {"occupation", "interests"}


def test_what_a_licence_since_before_does_not_let_be_kept_goes(gate: Gate) -> None:
    """The job that asks whether each field may still be stored asks the licence too."""
    ann = partners_customer(gate)
    none = load_text(
        HEAD.format(version="9")
        + "We may add it. {#adding}\n\n```rule\n"
        + LETTING_IN[0].replace("occupation, ", "")
        + "\nmay store interests, industry when not account-closed and not erasure-requested"
        " and not erased with encryption\n```\n"
    )
    register(gate, none, days_ago=1)
    retire(gate)
    with gate.together() as transaction:
        fields = set(transaction.held_fields(ann))
    assert {"interests", "industry"} <= fields
    assert "occupation" not in fields


@pytest.mark.parametrize(("days_ago", "goes"), [(100, False), (200, True)])
def test_what_came_in_before_a_licence_is_kept_for_its_time_from_then_on(
    gate: Gate, clock: Told, days_ago: int, goes: bool
) -> None:
    """Six months from when it came in: what is past that goes when the job runs next."""
    ann = partners_customer(gate)
    later(gate, clock, days_ago)
    register(gate, licence(CHOOSING), days_ago=days_ago + 1)
    bo = partners_customer(gate)
    retire(gate)
    with gate.together() as transaction:
        fields, bos = ({*transaction.held_fields(each)} for each in (ann, bo))
    assert {"occupation", "interests", "industry"} <= bos
    assert "industry" in fields
    assert ("occupation" not in fields, "interests" not in fields) == (goes, goes)
    if goes:
        last = [each.entry for each in gate.entries(ann) if each.entry.kind == "retention"][-1]
        assert last.policies == (licence(CHOOSING).digest,)
    else:
        later(gate, clock, 90)
        retire(gate)
        with gate.together() as transaction:
            assert "occupation" not in transaction.held_fields(ann)
            assert "occupation" in transaction.held_fields(bo)


def test_what_came_in_before_the_day_of_a_licence_has_no_time_by_it(
    gate: Gate, clock: Told
) -> None:
    """Nor has what a customer told us themselves since."""
    ann = partners_customer(gate)
    bo = customer(gate)
    later(gate, clock, 300)
    gate.store(bo, {"occupation": "joiner"}, source="customer", occasion="registration")
    register(gate, licence(CHOOSING), days_ago=299)
    later(gate, clock, 300)
    retire(gate)
    with gate.together() as transaction:
        assert "occupation" in transaction.held_fields(ann)
        assert "occupation" in transaction.held_fields(bo)


def test_what_the_law_keeps_outlasts_the_time_of_a_later_licence(gate: Gate, clock: Told) -> None:
    """And goes by it once the hold has ended."""
    ann = partners_customer(gate)
    later(gate, clock, 200)
    hold = gate.record(ann, "hold", fact="legal-hold")
    register(gate, licence(CHOOSING), days_ago=201)
    retire(gate)
    with gate.together() as transaction:
        assert "occupation" in transaction.held_fields(ann)
    gate.withdraw(ann, hold)
    retire(gate)
    with gate.together() as transaction:
        assert "occupation" not in transaction.held_fields(ann)


def test_a_row_of_a_licence_that_somebody_changed_stops_such_acts(gate: Gate) -> None:
    """So does one that somebody took away; other acts go on."""
    register(gate, licence(CHOOSING))
    ann = partners_customer(gate)
    for statement in ("UPDATE licence SET until = since", "DELETE FROM licence"):
        with writing(gate.engine) as connection:
            connection.exec_driver_sql(statement)
        with pytest.raises(SealedError):
            gate.use(ann, ["occupation"], purpose="advertising")
        assert gate.use(ann, ["industry"], purpose="advertising")["industry"] == "timber"


def test_a_copy_of_a_licence_that_somebody_changed_is_found(gate: Gate) -> None:
    """By whoever looks whether all is whole."""
    its = register(gate, licence(CHOOSING))
    with writing(gate.engine) as connection:
        assert [*licence_problems(connection)] == []
        database.delete(connection, policy_copy, "digest = ?", its.digest)
        (problem,) = licence_problems(connection)
    assert problem.startswith("licence 1: the database has no copy")


def test_a_value_whose_origin_somebody_changed_is_not_handed_out(gate: Gate) -> None:
    """That it was told by a partner is bound to it, and so is when."""
    register(gate, licence(CHOOSING))
    ann = partners_customer(gate)
    for change in ("occasion = 'registration'", "origin = 'harbour'", "at = at - 1000000"):
        with writing(gate.engine) as connection:
            connection.exec_driver_sql(f"UPDATE value SET {change} WHERE field = 'occupation'")
        with pytest.raises(SealError):
            gate.use(ann, ["occupation"], purpose="advertising")


def test_another_process_obeys_a_licence_at_once(gate: Gate, clock: Clock) -> None:
    """Nothing is kept in mind that is not there any more, or was not before."""
    other = Gate(gate.engine, gate.policy, gate.context.keyring, clock)
    ann = partners_customer(gate)
    assert other.peek("use", ann, ["occupation"], purpose="advertising").allowed
    its = register(gate, licence(CHOOSING), days_ago=1)
    assert not other.peek("use", ann, ["occupation"], purpose="advertising").allowed
    end(gate, its.number)
    assert not other.peek("use", ann, ["occupation"], purpose="advertising").allowed


def test_a_licence_that_was_compared_with_another_version_is_not_registered(gate: Gate) -> None:
    """It is compared anew with the one in force."""
    base = gate.policy.digest
    post_version(gate, "2", WIDER)
    with gate.together() as transaction, pytest.raises(EditionError):
        transaction.licences.register(
            licence(), party=PARTNER, source="business-partner", by=UserId("u1"), base=base
        )


RULES = (CHOOSING, ADVERTISING, REPORTING)
PURPOSES = ("advertising", "personalisation", "reporting", "research", "service-improvement")
FIELDS = ("occupation", "interests", "industry", "gender")


def _facts(gate: Gate, wish: Act, person: PersonId, its: upheld.Policy) -> dict[str, object]:
    """What is known of somebody by the facts of the policy and a licence."""
    names = sorted({*its.program.vocabulary.facts})
    with gate.writing() as connection:
        execution = ActExecution(gate.context, connection, wish, entitled=True)
        proven, _ = execution.prove([person], names)
    return proven[person][0]


@pytest.mark.parametrize("seed", range(4))
def test_a_decision_is_the_strictest_of_policy_and_licence(gate: Gate, seed: int) -> None:
    """Field by field, for any licence and any act: asked of both alone, as a naive reading says."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    its = licence(*(each for each in RULES if draw.random() < 0.6), version=str(seed))
    ann, bo = partners_customer(gate), customer(gate)
    gate.store(bo, {"occupation": "baker"}, source="customer", occasion="registration")
    if draw.random() < 0.5:
        gate.record(ann, "opt-out", fact="advertising-opt-out")
    register(gate, its, days_ago=1)
    for person, combined in ((ann, {"occupation", "interests"}), (bo, set[str]())):
        for purpose in PURPOSES:
            for number in range(1, len(FIELDS) + 1):
                fields = tuple(draw.sample(FIELDS, number))
                wish = Act(action="use", data=fields, purpose=purpose)
                facts = _facts(gate, wish, person, its)
                under = [each for each in fields if each in combined]
                alone = gate.policy.decide(_request(wish, fields), facts)
                also = its.decide(_request(wish, under), facts) if under else alone
                decision = gate.peek("use", person, fields, purpose=purpose)
                assert decision.allowed == (alone.allowed and also.allowed)
                if decision.allowed:
                    assert {*decision.duties} == {*alone.duties, *also.duties}
                _check_partial(gate, person, wish, its, combined)


def _check_partial(
    gate: Gate, person: PersonId, wish: Act, its: upheld.Policy, combined: set[str]
) -> None:
    """An act that takes what it gets has the fields that both allow, and no other."""
    facts = _facts(gate, wish, person, its)
    expected = {
        field
        for field in wish.data
        if gate.policy.decide(_request(wish, [field]), facts).allowed
        and (field not in combined or its.decide(_request(wish, [field]), facts).allowed)
    }
    with gate.writing() as connection:
        partial = Act(action="use", data=wish.data, purpose=wish.purpose, partial=True)
        execution = ActExecution(gate.context, connection, partial, entitled=True)
        judgement = execution.judge(person, execution.load([person]))
    assert (set(judgement.fields) if judgement.decision.allowed else set()) == expected


def _request(wish: Act, fields: Sequence[str]) -> Request:
    return Request(wish.action, data=tuple(fields), purpose=wish.purpose)
