"""The accounting of disclosures: who received what, by which clause, on which record."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

from practices import orders
from practices.conftest import House
from practices.orders import demand
from practices.test_agreements import manager, partner, signed
from practices.test_deliveries import confirm, hand_out, make, permit, supplier
from practices.test_partner_pulls import Program
from upheld.core.ids import PersonId, RecordId
from upheld.gate.transaction import Transaction
from upheld.practice import accounting, tasks
from upheld.practice.accounting import DisclosureLine, DisclosureQuery

HERE = "/staff/accounting"


def disclosures_of(house: House, query: DisclosureQuery | None = None) -> list[DisclosureLine]:
    """What was disclosed."""
    return house.do(lambda t: accounting.disclosures(t, query or DisclosureQuery()))


def lines(text: str) -> list[list[str]]:
    """The rows of a file of CSV, without its header."""
    return list(csv.reader(io.StringIO(text)))[1:]


def test_a_disclosure_is_told_with_its_clause_its_record_and_what_became_of_it(
    house: House,
) -> None:
    """It waits, then it is received; whoever withdrew meanwhile was kept back."""
    ann, bob, party = house.customer(), house.customer("bo@marked.example"), supplier(house)
    records = [permit(house, each, party) for each in (ann, bob)]
    its = make(house, party, [ann])
    (row,) = disclosures_of(house)
    assert (row.received, row.kept_back, row.delivery_id) == (0, 0, its.delivery_id)
    assert (row.party, row.entry.clauses, row.records) == (party, ("permission",), (records[0],))
    hand_out(house, its)
    confirm(house, its)
    (row,) = disclosures_of(house)
    assert (row.people, row.received, row.kept_back) == (1, 1, 0)
    assert len(row.digest) == 64
    other = make(house, party, [bob])
    house.do(lambda t: t.withdraw(bob, RecordId(records[1]), actor="customer"))
    hand_out(house, other)
    (row,) = disclosures_of(house, DisclosureQuery(bob))
    assert (row.received, row.kept_back) == (0, 1)


def test_it_is_asked_for_by_customer_company_clause_and_time(house: House) -> None:
    """What lies outside of what is asked for is not told, and what followed later still is."""
    ann, party = house.customer(), supplier(house)
    other = supplier(house, "Southern Mail")
    for each in (party, other):
        permit(house, ann, each)
        make(house, each, [ann])
    now, later = house.clock.now(), house.clock.now() + timedelta(days=1)
    assert [each.party for each in disclosures_of(house)] == [party, other]
    assert len(disclosures_of(house, DisclosureQuery(party=party))) == 1
    assert len(disclosures_of(house, DisclosureQuery(party="supplier"))) == 2
    assert disclosures_of(house, DisclosureQuery(party=party[:-1])) == []
    assert len(disclosures_of(house, DisclosureQuery(clause="permission"))) == 2
    assert disclosures_of(house, DisclosureQuery(clause="programmes")) == []
    assert disclosures_of(house, DisclosureQuery(house.customer("bo@marked.example"))) == []
    assert disclosures_of(house, DisclosureQuery(since=later)) == []
    its = house.do(lambda t: accounting.disclosures(t, DisclosureQuery(party=party)))[0]
    house.clock.moved += timedelta(days=2)
    one = make(house, party, [ann])
    hand_out(house, one)
    confirm(house, one)
    (row,) = disclosures_of(house, DisclosureQuery(party=party, until=now))
    assert row.number == its.number
    (row,) = disclosures_of(
        house, DisclosureQuery(party=party, since=later, until=house.clock.now())
    )
    assert row.received == 1


def test_what_an_order_forbids_to_tell_is_in_no_accounting_until_it_ends(house: House) -> None:
    """Neither on the desk's page nor in its file nor by its receipt; others' rows stay."""
    ann, bob = house.customer(), house.customer("bo@marked.example")
    desk = orders.desk_of(house)
    silence = house.clock.now() + timedelta(days=20)
    released = []
    for person, end in ((ann, silence), (bob, None)):
        order = orders.approved(house, desk, demand(house, person, silence_end=end))
        orders.release(house, desk, order)
        released.append(disclosures_of(house, DisclosureQuery(person)))
    assert released[0] == []
    assert released[1] != []
    shown = [each.number for each in disclosures_of(house)]
    assert shown == [each.number for each in released[1]]
    browser = house.signed_in(house.staff("privacy"), "staff")
    assert len(lines(browser.get(f"{HERE}.csv").text)) == len(shown)
    house.clock.moved += timedelta(days=22)
    assert len(disclosures_of(house)) > len(shown)
    assert disclosures_of(house, DisclosureQuery(ann)) != []


def test_a_company_reads_the_rows_of_our_own_accounting_to_the_byte(house: House) -> None:
    """Its file has the columns of ours but for the records of customers, and no other's rows."""
    ann = house.customer()
    by, party = manager(house), partner(house)
    signed(house, party, by)
    program = Program(house, party, by)
    pull = program.begin()
    assert program.page(pull, 1)[0] == 200
    assert program.page(pull, 2)[0] == 200
    beside = supplier(house)
    permit(house, ann, beside)
    make(house, beside, [ann])
    ours = house.signed_in(house.staff("privacy"), "staff").get(f"{HERE}.csv?party={party}")
    agent = house.signed_in(house.staff(kind="agent", sign_in="ed", party=party), "agent")
    theirs = agent.get("/partner/received.csv")
    many = len(accounting.SHARED_COLUMNS)
    rows = lines(theirs.text)
    assert rows == [each[:many] for each in lines(ours.text)]
    assert [each[3] for each in rows] == [party]
    assert rows[0][10] == "1"
    page = agent.get("/partner/received").text
    assert rows[0][many - 2] in page
    assert ann not in page + theirs.text
    status, answer = program.ask("/received", {})
    assert (status, answer["columns"]) == (200, list(accounting.SHARED_COLUMNS))
    assert answer["rows"] == rows
    assert program.ask("/received", {"from": "yesterday"})[0] == 422


def test_one_customer_is_accounted_for_to_whoever_took_their_request(house: House) -> None:
    """They can read who looked; nobody else's task opens it, and no row names anybody."""
    ann, party = house.customer(), supplier(house)
    permit(house, ann, party)
    make(house, party, [ann])
    sam, eve = house.staff("privacy"), house.staff("privacy", sign_in="eve")

    def take(person: PersonId) -> str:
        def work(t: Transaction) -> str:
            task = tasks.open_task(t, person, "ticket", "rights-request", role="privacy")
            tasks.take(t, task, sam, ["email"])
            return task

        return house.do(work)

    task, other = take(ann), take(house.customer("bo@marked.example"))
    browser = house.signed_in(sam, "staff")
    page = browser.get(f"{HERE}?task={task}")
    assert page.status_code == 200
    assert party in browser.get(f"{HERE}.csv?task={task}").text
    assert lines(browser.get(f"{HERE}.csv?task={other}").text) == []
    assert house.signed_in(eve, "staff").get(f"{HERE}?task={task}").status_code == 404
    assert browser.get(f"{HERE}?task=nothing").status_code == 404
    mine = house.signed_in(ann).get("/me/privacy/received").text
    assert "looked at who received something about you" in mine
    for text in (page.text, browser.get(f"{HERE}.csv?task={task}").text):
        assert ann not in text
        assert "Marked" not in text


def test_months_that_are_none_are_not_there(house: House) -> None:
    """Nor is a time that ends before it begins."""
    browser = house.signed_in(house.staff("privacy"), "staff")
    for query in ("from=2026-13", "to=x", "from=2026-03&to=2026-02", "from=9999-12", "to=0001-01"):
        assert browser.get(f"{HERE}?{query}").status_code == 404, query
    assert browser.get(f"{HERE}?from=2026-01&to=2026-12").status_code == 200
