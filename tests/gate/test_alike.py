"""Crowds: what is worked out once for those who are alike is what each would get alone."""

from __future__ import annotations

import gc
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from gate.conftest import customer
from upheld.core.garbage import no_search
from upheld.core.ids import PersonId
from upheld.gate.act import reads
from upheld.gate.act.execution import Chooses
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.gate import Gate
from upheld.policy.request import Decision

FIELDS: Final = ("birth-date", "gender", "zip")
USE: Final = Act(action="use", data=FIELDS, purpose="advertising")
ACTS: Final = (
    USE,
    Act(action="show-ad", data=FIELDS, occasion="service-use"),
    Act(action="infer", data=("segment",), actor="advertiser", occasion="ad-view"),
    Act(action="use", data=("zip",), purpose="personalisation"),
)
BORN: Final = ("1990-02-01", "1990-02-02", "1961-12-31", "2016-05-05", "")


def _crowd(gate: Gate, size: int = 24) -> list[PersonId]:
    """People of some birth dates, of whom some opted out, and some of these changed their mind."""
    chance = random.Random(25)  # noqa: S311 - the same in each run
    people = []
    for _ in range(size):
        person = gate.enrol()
        born = chance.choice(BORN)
        words = {"gender": chance.choice(["female", "male"]), "zip": "98225"}
        with gate.together() as transaction:
            transaction.bring(person, words | ({"birth-date": born} if born else {}))
        if chance.random() < 0.3:
            kind = chance.choice(["opt-out", "signal"])
            fact = {"opt-out": "advertising-opt-out", "signal": "privacy-signal"}[kind]
            now, day = gate.context.clock.now(), timedelta(days=1)
            begins, ends = chance.choice(
                [(now, None), (now - day, now - day / 2), (now + day, None)]
            )
            record = gate.record(person, kind, fact=fact, valid_from=begins, ends=ends)
            if chance.random() < 0.3:
                gate.withdraw(person, record)
        people.append(person)
    return people


def _grounds_of(decision: Decision) -> tuple[Any, ...]:
    return decision.outcome, decision.clauses, decision.duties, decision.code


@pytest.mark.parametrize("least", [3, 100])
def test_a_crowd_is_decided_on_as_each_of_it_alone(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    """Acts that are asked together, one that is done, and the values that it hands out."""
    monkeypatch.setattr(reads, "CROWD", least)
    people = _crowd(gate)
    with gate.together() as transaction:
        alone = {each: [transaction.peek(each, act) for act in ACTS] for each in people}
        together = transaction.peek_acts(people, ACTS)
        assert {each: [*map(_grounds_of, some)] for each, some in together.items()} == {
            each: [*map(_grounds_of, some)] for each, some in alone.items()
        }
        assert len({_grounds_of(some[0]) for some in alone.values()}) > 2
        outcomes = transaction.sweep(USE, people)
        allowed = [each for each in people if alone[each][0].allowed]
        assert [each for each in people if isinstance(outcomes[each], ActResult)] == allowed
        both = transaction.sweep(USE, people, only_if=(USE, ACTS[-1]))
        assert [*both] == [e for e in people if alone[e][0].allowed and alone[e][-1].allowed]
        assert transaction.sweep(USE, people, only_if=ACTS) == {}  # no group is kept here
        for each in allowed:
            one, many = transaction.act(USE, each), both[each]
            assert isinstance(one, ActResult)
            assert isinstance(many, ActResult)
            assert one.values == many.values


def test_of_each_age_a_crowd_is_decided_on_as_each_of_it_alone(gate: Gate) -> None:
    """From birth to thirty, also on the day before a birthday, with an opt-out and without."""
    today, people = gate.context.clock.now().date(), []
    birthdays = [today.replace(year=today.year - age, day=1) for age in range(31)]
    for born in [*birthdays, *(each + timedelta(days=27) for each in birthdays[10:25])]:
        if born > today:
            continue
        person = gate.enrol()
        with gate.together() as transaction:
            transaction.bring(person, {"birth-date": born.isoformat(), "zip": "98225"})
        people.append(person)
        if born.year % 3 == 0:
            gate.record(person, "opt-out", fact="advertising-opt-out")
    acts = (*ACTS, *(replace(each, partial=True) for each in ACTS[:2]))
    with gate.together() as transaction:
        together = transaction.peek_acts(people, acts)
        for each in people:
            alone = [_grounds_of(transaction.peek(each, act)) for act in acts]
            assert [*map(_grounds_of, together[each])] == alone


def test_those_whose_records_say_the_same_are_entered_each_with_their_own_evidence(
    gate: Gate,
) -> None:
    """They are decided on at once, and no record of another's stands in somebody's entry."""
    people = [customer(gate) for _ in range(3)]
    records = [gate.record(e, "opt-out", fact="advertising-opt-out") for e in people]
    for person, record in zip(people, records, strict=True):
        gate.withdraw(person, record)
    for person, record in zip(people, records, strict=True):
        with gate.together() as transaction:
            outcomes = transaction.sweep(USE, people, only_if=USE, chooses=_only(person))
        assert [*outcomes] == [person]
        evidence = gate.entries(person)[-1].entry.evidence
        assert {*records} & {*evidence} == {record}


def _only(own: PersonId) -> Chooses:
    return lambda each, _: each == own


def test_who_chooses_is_given_each_persons_own_decisions(gate: Gate) -> None:
    """One for each act that is asked about, in their order."""
    people, answers = _crowd(gate, 9), {}

    def chooses(person_id: PersonId, decisions: Sequence[Decision]) -> bool:
        answers[person_id] = [*map(_grounds_of, decisions)]
        return person_id in people[:2] and decisions[0].allowed

    with gate.together() as transaction:
        outcomes = transaction.sweep(USE, people, only_if=ACTS, chooses=chooses)
        assert {*outcomes} <= {*people[:2]}
        assert answers == {
            e: [_grounds_of(transaction.peek(e, act)) for act in ACTS] for e in people
        }


def test_whose_records_somebody_changed_is_refused_and_nobody_else(gate: Gate) -> None:
    """An opt-out that was deleted behind our back does not make its person like the others."""
    people = [customer(gate) for _ in range(4)]
    gate.record(people[1], "opt-out", fact="advertising-opt-out")
    with gate.engine.begin() as connection:
        statement = text("DELETE FROM record WHERE person_id = :person AND kind = 'opt-out'")
        assert connection.execute(statement, {"person": people[1]}).rowcount == 1
    with gate.together() as transaction:
        outcomes = transaction.sweep(USE, people, entitled=True)
    refused = {each: its.why for each, its in outcomes.items() if isinstance(its, Refused)}
    assert refused == {people[1]: "forged-record"}


def test_nothing_is_searched_for_until_the_last_of_several_works_ends() -> None:
    """Python searches again as it did, also where a work fails, and not where it never did."""
    assert gc.isenabled()
    with no_search():
        with no_search():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), no_search():
        raise KeyError
    assert gc.isenabled()
    gc.disable()
    try:
        with no_search():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
