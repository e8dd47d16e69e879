"""People with books, plans, payments and closed accounts are decided on together as each alone."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any, Final

import pytest

from practices.bills import order, owing
from practices.conftest import House
from upheld.core.ids import PersonId
from upheld.database.seals import SealedError
from upheld.database.statements import run
from upheld.database.transaction import writing
from upheld.gate.act.execution import ActExecution
from upheld.gate.act.request import Act, ActResult
from upheld.gate.transaction import GateTransaction
from upheld.practice import parties
from upheld.practices.billing.tables import payment_intent

STORE: Final = Act(action="store", data=("transaction",))
ACTS: Final = (
    STORE,
    Act(action="store", data=("occupation",)),
    Act(action="use", data=("zip",), purpose="debt-collection"),
    Act(
        action="collect",
        data=("transaction",),
        source="business-partner",
        occasion="partner-transaction",
        party="spruce-point",
    ),
)
CLOSED: Final = (1, 100, 170, 185, 186, 220, 250, 1000)  # days ago


def _books(house: House, person: PersonId, chance: random.Random) -> None:
    """Something that somebody may have, or nothing."""
    now = house.provider.gate.gate.context.clock.now()
    kind = chance.choice(["", "owes", "paid", "plan", "paying", "was paying"])

    def work(transaction: GateTransaction) -> None:
        if kind in {"owes", "paid"}:
            owing(transaction, person)
        if kind == "paid":
            row = {"kind": "payment", "date": "2020-01-10", "cents": 4590, "reference": "r"}
            row |= {"method": "card", "settles": [["2020-0001", 4590]]}
            rows = [json.dumps(row)]
            transaction.append(
                person, "transaction", rows, source="customer", occasion="service-use"
            )
        if kind in {"paying", "was paying"}:
            transaction.tables.insert(
                payment_intent,
                person_id=person,
                key="k",
                state="begun" if kind == "paying" else "paid",
                record_id="",
                entry=1,
                made=1,
            )
        if chance.random() < 0.5:
            began = now - timedelta(days=chance.choice(CLOSED))
            transaction.record(person, "account", fact="account-closed", valid_from=began)
        if chance.random() < 0.4:
            transaction.record(person, "request", fact="erasure-requested")
        if chance.random() < 0.3:
            transaction.record(person, "hold", fact="legal-hold")

    if kind == "plan":
        order(house, person, "dsl-10")
    house.do(work)


@pytest.fixture(name="crowd")
def _crowd(house: House) -> list[PersonId]:
    chance = random.Random(24)  # noqa: S311 - the same in each run
    people = [house.customer(f"c{number}@marked.example") for number in range(40)]
    for person in people:
        _books(house, person, chance)
    house.do(lambda t: parties.add(t, "Spruce Point", "business-partner"))
    return people


def _grounds(decision: Any) -> tuple[Any, ...]:
    return decision.outcome, decision.clauses, decision.duties, decision.owed, decision.code


def test_a_crowd_with_accounts_is_decided_on_as_each_of_it_alone(
    house: House, crowd: list[PersonId]
) -> None:
    """What is owed, since when an account is closed, and what a law has us keep."""

    def work(transaction: GateTransaction) -> None:
        alone = {e: [_grounds(transaction.peek(e, act)) for act in ACTS] for e in crowd}
        together = transaction.peek_acts(crowd, ACTS)
        assert {e: [*map(_grounds, some)] for e, some in together.items()} == alone
        assert len({some[0] for some in alone.values()}) > 3
        for act in ACTS:  # each for itself, too
            each_alone = transaction.peek_acts(crowd, [act])
            at = ACTS.index(act)
            assert {e: _grounds(some[0]) for e, some in each_alone.items()} == {
                e: some[at] for e, some in alone.items()
            }
        outcomes = transaction.sweep(ACTS[-1], crowd, only_if=STORE)
        assert [*outcomes] == [e for e in crowd if alone[e][0][0] == "allow"]
        assert all(isinstance(each, ActResult) for each in outcomes.values())

    house.do(work)


def test_few_of_a_crowd_are_asked_about_one_by_one(
    house: House, crowd: list[PersonId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of whom the same is proven are decided once, also where each has a plan or a bill."""
    crowd.extend(house.customer(f"d{number}@marked.example") for number in range(20))
    asked: list[PersonId] = []
    real = ActExecution.peek

    def counting(self: ActExecution, person_id: PersonId, data: Any = None) -> Any:
        asked.append(person_id)
        return real(self, person_id, data)

    monkeypatch.setattr(ActExecution, "peek", counting)
    house.do(lambda t: t.peek_acts(crowd, [ACTS[0], ACTS[-1]]))
    assert len(set(asked)) < len(crowd) * 2 / 3


@pytest.mark.parametrize(
    "statement", ["UPDATE payment_intent SET made = 2", "DELETE FROM payment_intent"]
)
def test_a_payment_that_somebody_changed_or_took_away_is_found_in_a_crowd(
    house: House, crowd: list[PersonId], statement: str
) -> None:
    """As it is where they are asked about alone."""
    person = house.customer("last@marked.example")
    house.do(
        lambda t: t.tables.insert(
            payment_intent,
            person_id=person,
            key="k",
            state="begun",
            record_id="",
            entry=1,
            made=1,
        )
    )
    with writing(house.provider.gate.gate.engine) as connection:
        run(connection, f"{statement} WHERE person_id = ?", person)
    for people in ([person], [*crowd[:2], person]):
        with pytest.raises(SealedError), house.provider.gate.gate.together() as transaction:
            transaction.peek_acts(people, [STORE])
