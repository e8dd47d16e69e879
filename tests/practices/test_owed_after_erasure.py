"""Of whoever was erased nothing more comes to be owed that nobody can do, whatever is recorded."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from empty import empty_database
from practices.conftest import House
from practices.orders import demand, give_key, opened, release, texts
from practices.test_holds import Held, apart, run_jobs
from upheld.core.ids import PersonId
from upheld.database.transaction import reading
from upheld.gate.erasure.erase import erase
from upheld.gate.obligations import (
    mark_overdue,
    obligation_rules,
    obligations_in,
    open_due_obligations,
)
from upheld.practices.legal.demands import DETERMINATION, EMERGENCY


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The gate decides what is owed, on either database."""
    return empty_database(tmp_path)


def owed_to(house: House, *whom: PersonId) -> set[tuple[str, str]]:
    """What some people are owed, open or late: by which record, and the act."""
    with reading(house.provider.gate.gate.engine) as connection:
        mine = [each for who in whom for each in obligations_in(connection, person_id=who)]
    return {(each.basis, each.action) for each in mine if each.action}


def record(house: House, whom: PersonId, kind: str, fact: str) -> None:
    """Keep a record about somebody, whoever they are: of who is kept apart as the desk does."""
    is_apart = whom in apart(house)
    house.do(lambda t: (t.reaching_apart() if is_apart else t).record(whom, kind, fact=fact))


def proofs_of(house: House) -> list[tuple[str, str]]:
    """Each fact by which the policy may owe an act to somebody, with the kind of its proof."""
    facts = house.policy.program.vocabulary.facts
    names = {name for rule in obligation_rules(house.policy) for name in rule.facts}
    return sorted((facts[name].proof, name) for name in names if name in facts)


def test_no_record_about_somebody_erased_opens_what_nobody_can_answer(house: House) -> None:
    """Of every kind by which something is owed; what was owed before stays, and nothing is late."""
    held = Held(house, silent=False)
    house.do(lambda t: t.record(held.ann, "incident", fact="breach-found"))
    assert "notify-breach" in {action for _, action in owed_to(house, held.ann)}
    erase(held.gate, [held.ann])
    before, kinds = owed_to(house, held.ann), proofs_of(house)
    assert {kind for kind, _ in kinds} >= {"request", "incident", "transfer", "signal"}
    for kind, fact in kinds:
        record(house, held.ann, kind, fact)
        assert owed_to(house, held.ann) == before, fact
    open_due_obligations(held.gate)
    assert owed_to(house, held.ann) == before
    other = house.customer("new@owed.example")
    house.do(lambda t: t.record(other, "request", fact="access-requested"))
    assert "answer-access" in {action for _, action in owed_to(house, other)}
    which = held.order.instrument_id
    house.do(lambda t: held.desk.instruments.end(t, which, held.desk.officer))
    run_jobs(house, 1)
    assert owed_to(house, held.ann) <= before


def test_no_record_about_whom_is_kept_apart_opens_anything(house: House) -> None:
    """The legal desk keeps records of each kind about them, and no list or count has anything."""
    held = Held(house, silent=True)
    erase(held.gate, [held.ann])
    (other,) = apart(house)
    for kind, fact in proofs_of(house):
        record(house, other, kind, fact)
        open_due_obligations(held.gate)
        assert owed_to(house, other, held.ann) == set(), fact


@pytest.mark.parametrize("silent", [False, True])
def test_an_emergency_about_somebody_erased_is_released_and_reviewed(
    house: House, silent: bool
) -> None:
    """Its review is owed of whom an open hold keeps; of whom is kept apart the desk alone knows."""
    held = Held(house, silent=silent)
    erase(held.gate, [held.ann])
    now = house.clock.now()
    wanted = demand(
        house,
        kind=DETERMINATION,
        recipient="emergency-service",
        fields=("name",),
        ground=EMERGENCY,
        belief="Somebody is in danger of their life.",
        ends=now + timedelta(days=2),
    )._replace(accounts=(held.account,))
    its = opened(house, held.desk, wanted, b"")
    give_key(house, held.desk, its.instrument_id)
    assert "Ann Marked" in "\n".join(texts(release(house, held.desk, its)).values())
    whom = [held.ann, *apart(house)]
    reviews = {action for _, action in owed_to(house, *whom)}
    assert reviews == (set() if silent else {"review-disclosure"})
    which = its.instrument_id
    assert house.do(lambda t: held.desk.instruments.require(t.tables, which)).waits_for_review
    why = "It had to be, as they called us."
    house.do(lambda t: held.desk.instruments.review(t, which, why, held.desk.counsel))
    assert not house.do(lambda t: held.desk.instruments.require(t.tables, which)).waits_for_review
    house.clock.moved += timedelta(days=90)
    house.do(lambda t: t.accept_clock(house.clock.now()))
    mark_overdue(held.gate)
    assert owed_to(house, *whom) == set()
