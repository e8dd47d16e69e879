"""Services, invoices, balance and usage: what a customer has and owes, to the cent."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import strategies as st

from practices.bills import (
    address,
    history,
    invoiced,
    job,
    later,
    make_holder,
    order,
    overdue,
    today,
    used,
)
from practices.conftest import House, send
from practices.without import without
from upheld.core.ids import NOBODY, PersonId, RecordId
from upheld.database import rows as database
from upheld.database.statements import rows
from upheld.database.tables import microseconds
from upheld.gate.act.request import Act, Refused
from upheld.gate.erasure import erase
from upheld.gate.transaction import GateTransaction
from upheld.practices.billing import books, invoices, services
from upheld.practices.billing.books import Payment
from upheld.practices.billing.plans import PlansError, catalogue
from upheld.practices.billing.proration import lines_of, month_of
from upheld.practices.messages.compose import compose
from upheld.web.tables import session

DAY = timedelta(days=1)
HOSTILE = (
    "",
    "x" * 5_000,
    "<script>alert(1)</script>",
    "😀",
    "\u202edsl",
    "\x7f",
    "0",
    "dsl-10, phone",
)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


def test_services_are_ordered_changed_and_ended(house: House) -> None:
    """An order is proven by its record, another plan takes its place, and an end ends it."""
    person = house.customer()
    browser = house.signed_in(person)
    assert "no service at the moment" in browser.get("/me/services").text
    assert send(browser, "/me/services", {"plan": "dsl-10"}).status_code == 303
    assert "You have 1 service for $29.90 a month" in browser.get("/me/services").text
    send(browser, "/me/services", {"plan": "dsl-50"})
    send(browser, "/me/services", {"plan": "phone"})
    page_text = browser.get("/me/services").text
    assert "You have 2 services for $52.40 a month" in page_text
    assert "DSL 10, from" in page_text
    for service in ("dsl", "phone"):
        send(browser, "/me/services/end", {"service": service}, "/me/services")
    assert "no service at the moment" in browser.get("/me/services").text
    ends = house.do(
        lambda transaction: rows(
            transaction.connection,
            "SELECT ends FROM record WHERE kind = 'service-order' AND how = 'order'",
        )
    )
    assert len(ends) == 3
    assert all(each[0] is not None for each in ends)


def test_a_service_password_is_shown_once_after_a_fresh_sign_in(house: House) -> None:
    """It is new each time, in no other page, entered as a look, and never the one that signs in."""
    person = house.customer()
    order(house, person, "dsl-10", "phone")
    browser = house.signed_in(person)
    page = "/me/services/passwords"
    assert "Phone" not in browser.get(page).text.split("<main", 1)[1]
    page_text = [send(browser, page, {"service": "dsl"}).text for _ in range(2)]
    first, second = (re.findall(r'class="secret">([^<]+)<', text)[0] for text in page_text)
    assert first != second
    assert second not in browser.get(page).text + browser.get("/me/services").text
    looks = [k.entry for k in house.provider.gate.gate.entries(person) if k.entry.action == "view"]
    assert ("credentials",) in [each.data for each in looks]
    assert "argon2" not in "".join(page_text)
    assert send(browser, page, {"service": "phone"}).status_code == 404
    house.do(lambda transaction: _age_sessions(transaction, 10))
    response = browser.get(page)
    assert (response.status_code, response.headers["location"]) == (
        303,
        "/sign-in/again?destination=%2Fme%2Fservices%2Fpasswords",
    )


def _age_sessions(transaction: GateTransaction, minutes: int) -> None:
    past = microseconds(transaction.context.clock.now() - timedelta(minutes=minutes))
    database.update(transaction.connection, session, {"fresh": past}, "")


def test_a_password_that_could_not_be_read_is_not_written_over(
    open_house: Callable[..., House],
) -> None:
    """Where the policy lets nobody read passwords, a new one is refused and those kept stay."""
    house = open_house(without("fraud-use"))
    person = house.customer()
    order(house, person, "dsl-10")
    answer = send(house.signed_in(person), "/me/services/passwords", {"service": "dsl"})
    assert answer.status_code == 403


def test_a_month_is_invoiced_once_by_its_days(house: House) -> None:
    """The job makes one invoice a month, announced, with a message; done twice, no second."""
    person = house.customer()
    heard: list[str] = []
    house.provider.events.subscribe("invoice-made", lambda _, __, about: heard.append(about))
    number = invoiced(house, person)
    assert heard == [number]
    assert job(house, "invoices") == 0
    (account_history,) = history(house, person).invoices
    assert account_history.due == account_history.date + 14 * DAY
    queued = house.do(
        lambda transaction: rows(transaction.connection, "SELECT template, purpose FROM outbox")
    )
    assert queued == [("billing/invoice", "administrative-message")]
    later(house, 31)
    job(house, "invoices")
    assert [each.cents for each in history(house, person).invoices][1:] == [2990]
    page_shown = house.signed_in(person).get(f"/me/balance/{number}")
    assert f"Invoice {number}" in page_shown.text
    other = house.signed_in(house.customer("bea@marked.example"))
    assert other.get(f"/me/balance/{number}").status_code == 404


def test_a_job_that_did_not_run_misses_no_month(house: House) -> None:
    """After three months without it, each month has its invoice, the oldest first."""
    person = house.customer()
    order(house, person, "phone")
    later(house, 95)
    assert job(house, "invoices") in {3, 4}
    account_history = history(house, person).invoices
    assert [each.cents for each in account_history][1:3] == [1250, 1250]
    assert len({each.number for each in account_history}) == len(account_history) >= 3


@pytest.mark.parametrize(
    ("since", "until", "cents"),
    [
        (date(2026, 10, 1), None, 2990),
        (date(2026, 11, 16), None, 1495),
        (date(2026, 10, 1), date(2026, 11, 11), 996),
        (date(2026, 11, 30), None, 100),
        (date(2026, 11, 5), date(2026, 11, 5), 100),
        (date(2026, 12, 1), None, 0),
        (date(2026, 10, 1), date(2026, 11, 1), 0),
    ],
)
def test_a_part_of_a_month_costs_its_days(since: date, until: date | None, cents: int) -> None:
    """The day of the order counts, that of an end on a later day does not."""
    had = [services.ServicePeriod("dsl", "dsl-10", since, until, RecordId(""))]
    lines = lines_of(had, catalogue(), month_of(date(2026, 11, 20)))
    assert sum(line.cents for line in lines) == cents


def test_what_nobody_pays_is_announced_reminded_of_and_then_a_task(house: House) -> None:
    """On its day it is due, 7 and 21 days later it is reminded of, after 28 a task opens."""
    person = house.customer()
    heard: list[str] = []
    house.provider.events.subscribe("invoice-due", lambda _, __, about: heard.append(about))
    overdue(house, person)
    assert len(heard) == 1
    queued = house.do(
        lambda transaction: rows(
            transaction.connection, "SELECT template, words FROM outbox ORDER BY made"
        )
    )
    assert [each[0].split("/")[1] for each in queued] == ["invoice", "reminder", "reminder"]
    assert '"which":"warned"' in queued[-1][1]
    assert "has been due since" in house.signed_in(person).get("/me").text
    assert job(house, "due invoices") == 0


def test_the_balance_is_on_its_page_and_derived_alike(house: House) -> None:
    """The page, the field and the statement say the same; none of it stands in a table."""
    person = house.customer()
    number = invoiced(house, person)
    account_history = history(house, person)
    page_text = house.signed_in(person).get("/me/balance").text
    text = f"${account_history.balance // 100}.{account_history.balance % 100:02}"
    assert f"You owe {text}" in page_text
    assert number in page_text
    index = house.do(lambda transaction: rows(transaction.connection, "SELECT * FROM invoice"))
    assert account_history.balance not in [each for line in index for each in line]


@pytest.mark.parametrize(
    ("template", "texts"),
    [
        ("invoice", ["Your invoice 2026-1001", "Please pay it by 30 November 2026"]),
        ("reminder", ["Last reminder: invoice 2026-1001", "collection agent", "/me/payment"]),
    ],
)
def test_what_is_written_says_number_and_day_and_no_amount(
    house: House, template: str, texts: list[str]
) -> None:
    """The messages about invoices are whole, and lead to the account where the amount stands."""
    words = {"number": "2026-1001", "due": "2026-11-30", "which": "warned"}

    def work(transaction: GateTransaction) -> str:
        composed = compose(
            house.provider,
            transaction.tables,
            f"billing/{template}",
            NOBODY,
            "Ann",
            words,
            lambda _: True,
        )
        return composed.subject + composed.text

    value = house.do(work)
    assert all(each in value for each in texts), value
    assert "$" not in value
    assert "\n\n\n" not in value.strip()


AMOUNTS = st.integers(1, 100_000)
MOVES = st.lists(st.tuples(st.sampled_from(["invoice", "pay", "loose"]), AMOUNTS), max_size=12)


def test_usage_is_charted_beside_its_table(house: House) -> None:
    """The months that were chosen are drawn and summed up, and others are not."""
    person = house.customer()
    now = today(house)
    months = [
        f"{at // 12}-{at % 12 + 1:02}"
        for at in range(now.year * 12 + now.month - 15, now.year * 12 + now.month - 1)
    ]
    used(house, person, {month: 10.0 + at for at, month in enumerate(months)})
    browser = house.signed_in(person)
    page_text = browser.get("/me/usage").text
    assert page_text.count('class="bar-of"') == 11
    assert 'aria-label="Gigabytes of DSL by month"' in page_text
    page_text = browser.get(f"/me/usage?from={months[0]}&to={months[1]}").text
    assert page_text.count('class="bar-of"') == 2
    assert "21 gigabytes in 42 hours" in page_text
    for bad in (*HOSTILE[1:], months[0]):
        answer = browser.get("/me/usage", params={"from": months[5], "to": bad})
        assert answer.status_code == 422, bad


def test_forms_take_what_they_offer_and_nothing_else(house: House) -> None:
    """Anything else is answered by the form or by nothing there, and never kept or echoed raw."""
    person = house.customer()
    browser = house.signed_in(person)
    for bad in HOSTILE:
        answer = send(browser, "/me/services", {"plan": bad})
        assert answer.status_code == 422, bad
        assert "<script>alert" not in answer.text
        for path in ("/me/services/end", "/me/services/passwords"):
            assert send(browser, path, {"service": bad}, "/me/services").status_code == 404
    assert browser.post("/me/services", data={"plan": "phone"}).status_code == 403
    assert browser.get("/me/balance/2026-1001").status_code == 404
    assert "no service at the moment" in browser.get("/me/services").text


def test_mail_is_the_customers_own(house: House) -> None:
    """The page leads to webmail if there is one, and says what is not done with mail."""
    page_text = house.signed_in(house.customer()).get("/me/mail").text
    assert "neither read nor indexed" in page_text
    assert 'href="/privacy#mail"' in page_text


def test_a_members_use_is_billed_to_the_holder(house: House) -> None:
    """The holder of an account finds the bill in their books, and the member is told who pays."""
    holder = house.customer("holder@marked.example")
    member = house.customer("member@marked.example")
    house.do(lambda transaction: make_holder(transaction, member, holder))
    order(house, member, "dsl-10")
    later(house, 32)
    job(house, "invoices")
    assert history(house, member).invoices == ()
    assert len(history(house, holder).invoices) == 1
    assert "billed to the holder" in house.signed_in(member).get("/me/balance").text


@pytest.mark.parametrize("accepted", [True, False])
def test_a_minors_costs_need_whoever_accepted_them(house: House, *, accepted: bool) -> None:
    """Without accepted costs a minor's month is invoiced to nobody, and the refusal is entered."""
    person, minor = _minor(house, accepted=accepted)
    assert len(history(house, person).invoices) == accepted
    charges = [
        k.entry.outcome
        for k in house.provider.gate.gate.entries(minor)
        if k.entry.action == "charge"
    ]
    assert charges == (["allow"] if accepted else ["deny"])


def _minor(house: House, *, accepted: bool) -> tuple[PersonId, PersonId]:
    guardian = house.customer("guardian@marked.example")
    born = (today(house) - timedelta(days=16 * 366)).isoformat()
    minor = house.customer("minor@marked.example", born)

    def work(transaction: GateTransaction) -> None:
        make_holder(transaction, minor, guardian)
        for kind in (
            "guardian-consent",
            "guardian-link",
            *(["guardian-costs"] if accepted else []),
        ):
            transaction.record(minor, kind)

    house.do(work)
    order(house, minor, "dsl-10")
    later(house, 32)
    job(house, "invoices")
    return guardian, minor


def test_whoever_was_erased_is_billed_no_more(house: House) -> None:
    """The jobs go on without them, what stood in tables is gone, and a debt keeps its invoices."""
    erased_person, owes = house.customer(), house.customer("owes@marked.example")
    order(house, erased_person, "phone")
    house.do(lambda transaction: services.end(transaction, erased_person, "phone"))
    order(house, owes, "dsl-10")
    later(house, 65)
    job(house, "invoices")
    later(house, 15)
    job(house, "due invoices")
    before = history(house, owes)
    assert before.balance > 0
    assert house.do(lambda transaction: _pay(transaction, erased_person)) is None
    house.do(
        lambda transaction: [
            transaction.record(each, "request", fact="erasure-requested")
            for each in (erased_person, owes)
        ]
    )
    erase.erase(house.provider.gate.gate, [erased_person, owes], now=True)
    for name in ("invoices", "due invoices", "interrupted payments"):
        job(house, name)
    remaining_rows = house.do(
        lambda transaction: rows(transaction.connection, "SELECT DISTINCT person_id FROM invoice")
    )
    assert remaining_rows == [(owes,)]
    assert history(house, owes).invoices[: len(before.invoices)] == before.invoices


def test_plans_come_from_a_file_that_is_checked(tmp_path: Path) -> None:
    """A provider's own plans are read whole or not at all, with what is wrong in words."""
    path = tmp_path / "plans.toml"
    one = '[[plan]]\nid = "a"\nservice = "dsl"\ntitle = "A"\ncents = 100\n'
    path.write_text(one)
    assert catalogue(path)["a"].cents == 100
    for bad in (one * 2, one.replace("100", "-1"), one + "x = 1\n", "plan = 3", "[[", one[:20]):
        path.write_text(bad)
        with pytest.raises(PlansError):
            catalogue(path)


def _pay(transaction: GateTransaction, person: PersonId) -> Refused | None:
    result = invoices.history_of(transaction, person)
    assert not isinstance(result, Refused)
    payment = Payment(
        transaction.context.clock.now().date(),
        result.balance,
        "r",
        "card ··4242",
        result.settling(result.balance),
    )
    value = transaction.append(
        person,
        "transaction",
        [books.encode_row(payment)],
        source="customer",
        occasion="service-use",
    )
    return value if isinstance(value, Refused) else invoices.settle(transaction, person)


def _no_invoice(house: House) -> bool:
    person = house.customer()
    order(house, person, "dsl-10")
    later(house, 32)
    job(house, "invoices")
    index = house.do(lambda transaction: rows(transaction.connection, "SELECT state FROM billed"))
    return index == [("refused",)]


def _no_order(house: House) -> bool:
    person = house.customer(born="1980-05-05")
    browser = house.signed_in(person)
    answer = browser.get("/me/services")
    token = re.search(r'name="_token" value="([0-9a-f]+)"', answer.text)
    response = browser.post(
        "/me/services", data={"_token": token[1] if token else "", "plan": "phone"}
    )
    return response.status_code == 403


def _no_page(house: House) -> bool:
    browser = house.signed_in(house.customer())
    pages = ("/me/services", "/me/balance", "/me/usage", "/me/payment")
    return all(browser.get(page).status_code == 403 for page in pages)


def _no_password(house: House) -> bool:
    person = house.customer()
    house.signed_in(person)
    result = house.do(lambda transaction: services.new_password(transaction, person, "dsl"))
    return isinstance(result, Refused)


def _no_reminder(house: House) -> bool:
    overdue(house, house.customer())
    return (
        house.do(lambda transaction: rows(transaction.connection, "SELECT template FROM outbox"))
        == []
    )


def _no_charge(house: House) -> bool:
    person, _ = _minor(house, accepted=True)
    return history(house, person).invoices == ()


RESTS_ON: dict[str, Callable[[House], bool]] = {
    "transactions": _no_invoice,
    "service": _no_order,
    "own-view": _no_page,
    "necessary": _no_password,
    "service-messages": _no_reminder,
    "minor-costs": _no_charge,
}


@pytest.mark.parametrize("clause", RESTS_ON)
def test_each_clause_carries_its_story(clause: str, open_house: Callable[..., House]) -> None:
    """Without the clause, the act that rests on it is refused."""
    assert RESTS_ON[clause](open_house(without(clause)))


def test_closing_an_account_ends_every_service_and_what_rests_on_it(house: House) -> None:
    """Nothing is had any more, nobody is served by having it, and the page says since when."""
    person = house.customer()
    order(house, person, "dsl-10", "phone")
    browser = house.signed_in(person)
    assert send(browser, "/me/close", {"sure": "yes"}).status_code == 303
    assert house.do(lambda transaction: services.current_services(transaction, person)) == []
    use = Act(action="use", data=("occupation",), purpose="service-provision")
    assert not house.do(lambda transaction: transaction.peek(person, use)).allowed
    assert "closed on" in browser.get("/me").text
    assert browser.get("/me/balance").status_code == 200
    refused = send(browser, "/me/services", {"plan": "phone"})
    assert "Your account is closed." in refused.text
    assert house.do(lambda transaction: services.current_services(transaction, person)) == []
