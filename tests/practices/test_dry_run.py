"""A dry run says what the jobs would delete, as they then do: by kind, origin and clause."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

import pytest

from gate.versions import post, version
from practices.conftest import House
from practices.test_feeds import email_of
from practices.test_held_counts import hold
from practices.test_partner_transactions import partner, row, take
from upheld.core.ids import PersonId, UserId
from upheld.gate.act.options import StoreOptions
from upheld.gate.act.request import Refused
from upheld.gate.erasure.dry_run import deletions
from upheld.gate.erasure.holdings import holdings
from upheld.gate.erasure.retention import retire
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice import partner_transactions
from upheld.practice.stock import NOW
from upheld.practices.ads.stock import view_stock
from upheld.practices.ads.tables import ad_count
from upheld.practices.billing.usage import UsageRow, note_usage
from upheld.practices.feeds import withdrawal
from upheld.practices.feeds.stock import transaction_stock

SIGN_IN: Final[StoreOptions] = {"source": "browser", "occasion": "sign-in", "purpose": "security"}


def address(gate: Gate, person: PersonId) -> None:
    """An address is kept of somebody, for thirty days."""
    gate.store(person, {"ip-address": "192.0.2.7"}, **SIGN_IN)


def insert(transaction: Transaction, row: dict[str, object]) -> None:
    """Put down counts of a campaign and a day."""
    transaction.tables.insert(ad_count, **row)


def kinds(gate: Gate) -> dict[str, int]:
    """How many values of each kind would go now."""
    counts: dict[str, int] = {}
    for each in deletions(gate).now:
        counts[each.field] = counts.get(each.field, 0) + each.number
    return counts


def test_what_is_due_is_told_and_then_goes(house: House) -> None:
    """Values and rows of use, with origin and clause; before their time nothing, after it none."""
    gate, person = house.provider.gate.gate, house.customer()
    address(gate, person)
    for month in ("2026-01", "2026-02"):
        house.do(partial(note_usage, person_id=person, rows=[UsageRow(month, "tv", 1.0, 2.0)]))
    assert kinds(gate) == {}
    house.clock.moved += timedelta(days=40)
    gate.clock.accept()
    assert deletions(gate).now == [("ip-address", "browser", "fraud-use", NOW, 1)]
    house.clock.moved += timedelta(days=800)
    gate.clock.accept()
    assert kinds(gate) == {"ip-address": 1, "usage": 2}
    retire(gate)
    assert kinds(gate) == {}
    assert {"usage", "ip-address"}.isdisjoint(each.field for each in holdings(gate, person))


@pytest.mark.parametrize("silent", [False, True])
def test_a_hold_wins_and_one_of_which_nobody_may_speak_is_not_told(
    house: House, silent: bool
) -> None:
    """As in the run itself: what it would delete openly is told."""
    gate, person = house.provider.gate.gate, house.customer()
    address(gate, person)
    if silent:
        house.do(lambda t: t.record(person, "instrument", fact="gag-order"))
    hold(house, person)
    house.clock.moved += timedelta(days=40)
    gate.clock.accept()
    assert kinds(gate) == ({"ip-address": 1} if silent else {})
    assert retire(gate) == (1 if silent else 0)
    assert kinds(gate) == {}


def test_what_may_be_stored_no_longer_is_told_before_the_job_runs(house: House) -> None:
    """Half a year after an account was closed, though no time was set for it."""
    gate, person = house.provider.gate.gate, house.customer()
    gate.store(person, {"interests": "skiing"}, source="customer", occasion="service-use")
    services = house.do(lambda t: t.records_of([person], ["service-order"])[0])
    for each in services:
        gate.withdraw(person, each.record_id, ended=True)
    gate.record(person, "account", fact="account-closed")
    assert kinds(gate) == {}
    house.clock.moved += timedelta(days=214)
    gate.clock.accept()
    foretold = kinds(gate)
    assert foretold["interests"] == 1
    assert retire(gate) == sum(foretold.values())
    assert kinds(gate) == {}


def test_transactions_that_a_hold_keeps_do_not_go_and_those_of_others_do(house: House) -> None:
    """The number of those that would go is how many the job then deletes."""
    gate = house.provider.gate.gate
    partner(house)
    ann, email = email_of(house, "ann")
    _, other = email_of(house, "bo")
    take(house, row(email), row(email, "A2"), row(other, "B1"))
    hold(house, ann)
    house.clock.moved += timedelta(days=900)
    gate.clock.accept()
    stock = transaction_stock(gate)
    assert (stock.total, stock.goes_now, stock.goes) == (3, 1, [])
    assert partner_transactions.retire(gate) == 1
    assert transaction_stock(gate).goes_now == 0


def test_transactions_of_whom_an_older_version_binds_do_not_go_yet(house: House) -> None:
    """Nor does the job delete them; once the older one's time is over, as many go as are told."""
    gate = house.provider.gate.gate
    gate.take_first_version()
    partner(house)
    _, email = email_of(house, "ann")
    take(house, row(email), row(email, "A2"))
    house.clock.moved += timedelta(days=5)
    gate.clock.accept()
    stores = "may store transaction, payment-history, balance, usage, services\n"
    change = (stores, stores.replace("transaction, ", ""))
    assert not isinstance(post(gate, version("2026-04-01", change)), Refused)
    gate.refresh()
    ends = (house.clock.today() + timedelta(days=900)).isoformat()
    stock = transaction_stock(gate)
    assert (stock.total, stock.goes_now) == (2, 0)
    assert sum(number for month, number in stock.goes if month < ends) == 2
    assert partner_transactions.retire(gate) == 0
    house.clock.moved += timedelta(days=900)
    gate.clock.accept()
    assert transaction_stock(gate).goes_now == 2
    assert partner_transactions.retire(gate) == 2


@pytest.mark.parametrize("silent", [False, True])
def test_what_waits_for_the_end_of_a_hold_goes_with_it(house: House, silent: bool) -> None:
    """Of a feed that was taken out; while the hold may be told, no end of it is said."""
    gate = house.provider.gate.gate
    partner(house)
    ann, email = email_of(house, "ann")
    its = take(house, row(email))[0]
    if silent:
        house.do(lambda t: t.record(ann, "instrument", fact="gag-order"))
    hold(house, ann)
    house.do(lambda t: withdrawal.withdraw(t, its.feed_id, UserId("u1")))
    withdrawal.take_out(gate)
    stock = transaction_stock(gate)
    assert (stock.total, stock.goes_now, stock.goes) == (0 if silent else 1, 0, [])
    for each in house.do(lambda t: t.records_of([ann], ["hold", "instrument"])[0]):
        gate.withdraw(ann, each.record_id, ended=True)
    assert transaction_stock(gate).goes_now == (0 if silent else 1)
    assert partner_transactions.retire(gate) == (0 if silent else 1)


def test_views_of_advertisements_go_when_their_day_is_over_and_reported(house: House) -> None:
    """Counts of a day, of all campaigns; no mark of anybody is among them."""
    gate, today = house.provider.gate.gate, house.clock.today()
    for name, ago, views in (("a", 0, 3), ("b", 0, 2), ("a", 1, 4)):
        day = (today - timedelta(days=ago)).isoformat()
        row = {"campaign_id": name, "day": day, "views": views, "clicks": 1}
        house.do(partial(insert, row=row))
    stock = view_stock(gate)
    assert (stock.total, stock.goes_now) == (12, 5)
    assert stock.goes == [((today + timedelta(days=1)).isoformat()[:7], 7)]
