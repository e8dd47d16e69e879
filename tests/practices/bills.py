"""People who owe money, companies that are engaged, jobs run at once: for stories of billing."""

from __future__ import annotations

import json
import secrets
from datetime import date, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from empty import empty_database
from practices.conftest import House, send
from upheld.core.ids import PersonId, RecordId
from upheld.database import rows as database
from upheld.gate.act.execution import Outcome
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import GateTransaction
from upheld.practice import tasks
from upheld.practices.accounts.tables import account
from upheld.practices.billing import books, services, usage
from upheld.practices.billing.plans import catalogue
from upheld.vault.people import REGISTER

AGENT, PROCESSOR = "harbour-collections", "sandbox-payments"
AGENT_NAME = "Harbour Collections"  # as people read it
PLANS = catalogue()


def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database: SQLite's, unless a test asks for each kind."""
    if getattr(request, "param", "sqlite") == "postgresql":
        url: str = request.getfixturevalue("postgres_tables_url")
        return url
    return empty_database(tmp_path)


def engage(house: House, party: str, recipient: str) -> RecordId:
    """Engage a company; the record's id."""
    return house.do(
        lambda transaction: transaction.record(
            REGISTER, "engagement", party=party, about={"recipient": [recipient]}
        )
    )


def job(house: House, name: str) -> int:
    """Run a job of billing now."""
    jobs = {job.name: job for each in house.provider.practices for job in each.jobs}
    return jobs[name].run(house.provider.gate.gate)


def later(house: House, days: int) -> None:
    """Let days pass, each looked at by the clock, so that it sees no jump."""
    house.clock.moved += timedelta(days=days)


def order(house: House, person: PersonId, *plans: str) -> None:
    """Order some plans."""

    def work(transaction: GateTransaction) -> None:
        for plan in plans:
            assert services.order(transaction, person, PLANS[plan]) is None

    house.do(work)


def owing(transaction: GateTransaction, person: PersonId) -> Outcome:
    """Keep an invoice of $45.90 that was due long ago, as if one had been made then."""
    row = {
        "kind": "invoice",
        "number": "2020-0001",
        "date": "2020-01-01",
        "due": "2020-01-15",
        "cents": 4590,
        "lines": [{"text": "DSL", "cents": 4590}],
    }
    return transaction.append(
        person, "transaction", [json.dumps(row)], source="customer", occasion="service-use"
    )


def invoiced(house: House, person: PersonId, plan: str = "dsl-10") -> str:
    """Order a plan and let the month pass until it is invoiced; the invoice's number."""
    order(house, person, plan)
    later(house, 32)
    assert job(house, "invoices") >= 1
    return history(house, person).invoices[-1].number


def overdue(house: House, person: PersonId) -> str:
    """An invoice that nobody pays until a task about it is open; the task's id."""
    invoiced(house, person)
    for days in (15, 8, 14, 8):
        later(house, days)
        job(house, "due invoices")
    open_tasks = house.do(lambda transaction: open_debts(transaction, person))
    assert len(open_tasks) == 1
    return open_tasks[0]


def open_debts(transaction: GateTransaction, person: PersonId) -> list[str]:
    """The open tasks about a person's debts."""
    result = tasks.open_tasks_on(transaction.tables, person)
    return [each.task_id for each in result if each.kind == "debt"]


def history(house: House, person: PersonId) -> books.History:
    """What was invoiced and paid, read for billing."""
    act = Act(action="use", data=("payment-history",), purpose="billing")
    result = house.do(lambda transaction: transaction.act(act, person))
    assert not isinstance(result, Refused)
    return books.history_of(result["payment-history"] if result.values else None)


def make_holder(transaction: GateTransaction, person: PersonId, holder: PersonId) -> None:
    """Let somebody pay for an account from the beginning, without an entry."""
    database.update(transaction.connection, account, {"holder": holder}, "person_id = ?", person)


def used(house: House, person: PersonId, months: dict[str, float], service: str = "dsl") -> None:
    """Note what somebody used."""
    rows = [usage.UsageRow(month, service, amount, amount * 2) for month, amount in months.items()]
    assert house.do(lambda transaction: usage.note_usage(transaction, person, rows)) is None


def staff(house: House, *, role: str = "billing") -> TestClient:
    """A member of staff at their desk."""
    name = f"sam-{secrets.token_hex(4)}"
    return house.signed_in(_user(house, "staff", name, roles=(role,)), "staff")


def agent(house: House, party: str = AGENT) -> TestClient:
    """Somebody of a company of agents."""
    name = f"for-{secrets.token_hex(4)}"
    return house.signed_in(_user(house, "agent", name, party=party), "agent")


def _user(
    house: House, kind: str, name: str, *, roles: tuple[str, ...] = (), party: str = ""
) -> str:
    return house.staff(*roles, kind=kind, sign_in=name, party=party)


def card_page(browser: TestClient) -> str:
    """The address of the processor's page to which somebody is led who gives a card."""
    return str(send(browser, "/me/payment/card", {}).headers["location"])


def with_card(house: House, person: PersonId, number: str = "4242 4242 4242 4242") -> TestClient:
    """The browser of a customer who has given a card and kept it."""
    browser = house.signed_in(person)
    page = card_page(browser)
    answer = browser.post(page, data={"number": number, "expiry": "12/49"})
    assert answer.status_code == 303, answer.text
    back = answer.headers["location"]
    assert send(browser, back, {}).status_code == 303
    return browser


def today(house: House) -> date:
    """The day of the house's clock."""
    return house.clock.now().date()
