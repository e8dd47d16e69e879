"""The balance is what was invoiced less what was paid, whatever is deleted or corrected.

The oracle is a naive sum over what a test did itself: prices by days, and payments. Nothing of it
is read from the books.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import upheld
from practices.bills import PLANS, address, history, order
from practices.conftest import House
from sizes import size
from upheld.core.ids import PersonId, RecordId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.act.request import Refused
from upheld.gate.erasure.retention import retire
from upheld.gate.evidence.carry_forward import CarriedRow, RetiringRows
from upheld.gate.operations.jobs import Job, built_in
from upheld.gate.operations.selfcheck import selfcheck
from upheld.gate.operations.selfcheck_job import NAME as SELF_CHECK
from upheld.gate.transaction import GateTransaction
from upheld.practices.billing import books, services
from upheld.practices.billing.books import Invoice, Payment, TransactionRow
from upheld.practices.billing.payments import Payments
from upheld.practices.billing.proration import lines_of, month_of
from upheld.practices.billing.services import ServicePeriod

MONTHS = size("months of a history", short=12, long=36)
DAY = timedelta(days=1)
KINDS = ("order", "end", "pay", "pay", "ahead", "drop", "correct", "bring")


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


AMOUNTS = st.integers(1, 20_000)
MOVES = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["invoice", "pay", "ahead"]), AMOUNTS),
    max_size=40,
)


def after_retirement(kept_rows: list[TransactionRow], old: int) -> list[TransactionRow]:
    """What is left of some rows when the oldest are due to go."""
    values = [books.encode_row(row) for row in kept_rows]
    with_none: object = None
    result = books.carry(RetiringRows(values[:old], values[old:], "", with_none, None))  # type: ignore[arg-type]  # which it does not use
    assert len(result) <= old
    assert all(isinstance(each, CarriedRow) for each in result)
    return books.rows_of([*(each.value for each in result), *values[old:]])


@given(MOVES)
def test_the_balance_outlives_the_rows_that_it_comes_of(moves: list[tuple[int, str, int]]) -> None:
    """In any history, what is open of each invoice and what was paid ahead stay as they were."""
    young: list[TransactionRow] = []
    all_rows: list[TransactionRow] = []
    day, amount_due = date(2026, 1, 1), 0
    for number, (days, kind, cents) in enumerate(moves):
        day += days * DAY
        before = books.history(young)
        if kind == "invoice":
            amount_due += cents
            ahead = min(before.credit, cents)
            row: TransactionRow = Invoice(
                f"2026-{number}", day, day + 14 * DAY, cents, credit=ahead
            )
        else:
            paid_cents = min(cents, before.balance) if kind == "pay" else cents
            if paid_cents <= 0:
                continue
            amount_due -= paid_cents
            row = Payment(day, paid_cents, f"r{number}", "card", before.settling(paid_cents))
        young.append(row)
        all_rows.append(row)
        old = sum(each.date < day - 60 * DAY for each in young)
        young = sorted(after_retirement(young, old), key=lambda each: each.date)
        account_history, whole = books.history(young), books.history(all_rows)
        assert account_history.balance == whole.balance == amount_due
        assert account_history.credit == whole.credit
        still = {each.number: each.open for each in account_history.invoices if each.open}
        assert still == {each.number: each.open for each in whole.invoices if each.open}
        assert books.steps(young)[-1].after == amount_due
        assert not any(each.date < day - 60 * DAY and isinstance(each, Payment) for each in young)


class Life:
    """What one customer of a random history did, by which the balance is worked out anew."""

    def __init__(self, person: PersonId) -> None:
        self.person, self.had, self.paid = person, list[ServicePeriod](), 0

    def order(self, plan: str, day: date) -> None:
        """Have another plan in place of the one of its service."""
        service = PLANS[plan].service
        if any(each.plan == plan and each.until is None for each in self.had):
            return
        self.end(service, day)
        self.had.append(ServicePeriod(service, plan, day, None, RecordId("")))

    def end(self, service: str, day: date) -> None:
        """Have a service no more."""
        self.had = [
            each._replace(until=day) if each.service == service and each.until is None else each
            for each in self.had
        ]

    def owes(self, since: date, today: date) -> int:
        """What they owe by a day: all months that are over, less all that they paid."""
        month, cents = month_of(since), 0
        while month.after <= today:
            cents += sum(line.cents for line in lines_of(self.had, PLANS, month))
            month = month_of(month.after)
        return cents - self.paid


class Histories:
    """Some customers, and nights in which everything may happen to them."""

    def __init__(self, house: House, seed: int, people: int) -> None:
        self.house, self.random = house, Random(seed)  # noqa: S311 - a history, and no secret
        self.lives = [Life(house.customer(f"c{at}@marked.example")) for at in range(people)]
        self.jobs: list[Job] = [
            each
            for each in (*built_in(house.provider.settings), *house.provider.jobs)
            if each.name not in {"outbox", "mail", "messages", "keys"}
        ]
        taking = next(each for each in self.jobs if each.name == "interrupted payments")
        self.payments: Payments = taking.run.__self__  # type: ignore[attr-defined]  # whose job it is

    @property
    def today(self) -> date:
        """The day of the house's clock."""
        return self.house.clock.now().date()

    def happen(self, life: Life) -> None:
        """Let one thing happen to somebody."""
        what = self.random.choice(
            ["order", "end", "pay", "pay", "ahead", "drop", "correct", "bring"]
        )
        getattr(self, f"_{what}")(life)

    def _order(self, life: Life) -> None:
        plan = self.random.choice(sorted(PLANS))
        life.order(plan, self.today)
        order(self.house, life.person, plan)

    def _end(self, life: Life) -> None:
        service = self.random.choice(sorted({plan.service for plan in PLANS.values()}))
        life.end(service, self.today)
        self.house.do(lambda transaction: services.end(transaction, life.person, service))

    def _book(self, life: Life, cents: int) -> None:
        if cents > 0:
            life.paid += cents
            assert (
                self.house.do(
                    lambda transaction: self.payments.book(transaction, life.person, cents, "r")
                )
                is None
            )

    def _pay(self, life: Life) -> None:
        open_ = max(history(self.house, life.person).balance, 0)
        self._book(life, self.random.choice([open_, open_, open_ // 2]))

    def _ahead(self, life: Life) -> None:
        self._book(life, self.random.randint(1, 30_000))

    def _drop(self, life: Life) -> None:
        field = self.random.choice(["services", "transaction", "usage", "interests"])
        self.house.do(lambda transaction: transaction.drop(life.person, [field]))

    def _correct(self, life: Life) -> None:
        name = f"Ann {self.random.randint(1, 99)}"
        self.house.do(
            lambda transaction: transaction.store(
                life.person,
                {"name": name},
                source="customer",
                occasion="service-use",
                entitled=True,
            )
        )

    def _bring(self, life: Life) -> None:
        del life

        def bring(transaction: GateTransaction) -> None:
            transaction.bring(
                transaction.enrol(),
                {"name": "Old", "email": f"n{self.random.randrange(10**6)}@x.example"},
            )

        self.house.do(bring)

    def night(self) -> None:
        """Let a day pass, with the jobs of its night; the self-check changes nothing: monthly."""
        self.house.clock.moved += DAY
        for each in self.jobs:
            if each.name != SELF_CHECK or self.today.day == 1:
                each.run(self.house.provider.gate.gate)


@pytest.mark.parametrize(
    "database_url",
    ["sqlite", "postgresql"][: size("databases of a history", short=1, long=2)],
    indirect=True,
)
@pytest.mark.parametrize("seed", range(size("histories of many months", short=1, long=2)))
def test_the_balance_is_a_naive_sum_in_any_history(
    seed: int, database_url: str, open_house: Callable[..., House], sample: upheld.Policy
) -> None:
    """Over months with all jobs in each night, as plans change, people pay ahead, data goes."""
    del database_url
    house = open_house(sample)
    people = size("customers in a history", short=3, long=4)
    value = Histories(house, seed, people)
    since = value.today
    for _ in range(MONTHS * 30):
        for life in value.lives:
            if value.random.random() < 0.02:
                value.happen(life)
        value.night()
        if value.today.day == 2:
            for life in value.lives:
                assert history(house, life.person).balance == life.owes(since, value.today)
    gate = house.provider.gate.gate
    assert selfcheck(gate.engine, gate.context.keyring).problems == ()


def test_the_order_of_a_running_plan_stays_and_what_ended_goes(house: House) -> None:
    """After years the plan is billed as before, and nothing says any more what was had besides."""
    person = house.customer()
    order(house, person, "dsl-10", "phone")
    house.do(lambda transaction: services.end(transaction, person, "phone"))
    jobs = {each.name: each.run for each in house.provider.jobs}
    gate = house.provider.gate.gate
    for _ in range(26):
        house.clock.moved += 31 * DAY
        jobs["invoices"](gate)
        retire(gate)
    now = house.do(lambda transaction: services.current_services(transaction, person))
    assert not isinstance(now, Refused)
    assert len(now) == 1
    with reading(gate.engine) as connection:
        remaining_rows = rows(
            connection,
            "SELECT revision FROM value WHERE person_id = ? AND field = 'services'",
            person,
        )
    assert len(remaining_rows) == 1
    assert history(house, person).invoices[-1].cents == PLANS["dsl-10"].cents
    assert "DSL 10" in house.signed_in(person).get("/me/services").text
    assert selfcheck(gate.engine, gate.context.keyring).problems == ()
