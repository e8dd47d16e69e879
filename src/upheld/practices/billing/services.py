"""Services: what somebody has, ordering a plan, ending a service, and its own password.

What was ordered and ended are rows of the series `services`; a record proves that an order is in
force, and ends with it. One plan of a service at a time: to order another ends the one before.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from upheld.core.ids import PersonId, RecordId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.carry_forward import CarriedRow, RetiringRows
from upheld.gate.transaction import Transaction
from upheld.practice import credentials
from upheld.practice.unreadable import decoding
from upheld.practices.billing import suppliers
from upheld.practices.billing.books import encode_row
from upheld.practices.billing.plans import ServicePlan
from upheld.practices.billing.tables import billed, service_order

SERVICES: Final = "services"
CUSTOMER: Final = "customer"  # who orders and ends what they have, in entries
BACK: Final = 12  # months that are still billed where nothing billed them so far
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another


class ServiceRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row of the series `services`: an order or an end; `record` is what proves the order."""

    kind: str
    service: str
    plan: str
    at: date
    record: RecordId = RecordId("")


class ServicePeriod(NamedTuple):
    """A plan that somebody has or had: from when, and until when if it ended."""

    service: str
    plan: str
    since: date
    until: date | None
    record: RecordId


def row_of(value: str) -> ServiceRow:
    """A row of the series; UnreadableValueError for anything else."""
    with decoding(SERVICES):
        return msgspec.json.decode(value, type=ServiceRow)


def service_periods(values: Iterable[str]) -> list[ServicePeriod]:
    """Every plan that somebody has or had, by the rows of the series, the oldest first."""
    return [each for each, _ in _with_rows(values)]


def _with_rows(values: Iterable[str]) -> list[tuple[ServicePeriod, list[int]]]:
    """Every plan that somebody has or had, each with the numbers of its rows in the series."""
    periods: list[tuple[ServicePeriod, list[int]]] = []
    for number, row in enumerate(map(row_of, values)):
        if row.kind == "order":
            periods.append(
                (ServicePeriod(row.service, row.plan, row.at, None, row.record), [number])
            )
            continue
        for at, (one, numbers) in enumerate(periods):
            if one.service == row.service and one.until is None:
                periods[at] = (one._replace(until=row.at), [*numbers, number])
    return periods


def carry(retiring: RetiringRows) -> list[CarriedRow]:
    """What to keep of the oldest rows: orders of plans that run, and periods not billed yet."""
    billed_so_far = billed_months(retiring.tables, retiring.person_id)
    today = retiring.at.date()
    stay = set[int]()
    for each, numbers in _with_rows([*retiring.old, *retiring.young]):
        if each.until is None or not billed_so_far.issuperset(
            _months(each.since, each.until, today)
        ):
            stay.update(number for number in numbers if number < len(retiring.old))
    return [CarriedRow(number, retiring.old[number]) for number in sorted(stay)]


def has_unbilled(tables: Tables, person_id: PersonId, at: datetime) -> bool:
    """Whether somebody had a plan in a month, the present one too, that is not billed so far.

    Days are those of the zone of `at`, which is now.
    """
    today, zone = at.date(), at.tzinfo
    orders = tables.select(service_order, "person_id = ?", person_id)
    billed_so_far = billed_months(tables, person_id)
    return any(
        not billed_so_far.issuperset(
            _months(
                to_datetime(each.began).astimezone(zone).date(),
                to_datetime(each.ended).astimezone(zone).date()
                if each.ended
                else today + timedelta(1),
                today,
            )
        )
        for each in orders
    )


def billed_months(tables: Tables, person_id: PersonId) -> set[str]:
    """The months of somebody for which nothing is to be invoiced any more."""
    rows = tables.select(billed, "person_id = ?", person_id)
    return {each.month for each in rows}


def _months(since: date, until: date, today: date) -> Iterator[str]:
    """The months in which somebody had a plan, as far back as months are still billed."""
    last = until if since == until else until - timedelta(days=1)
    months = range(max(_month(since), _month(today) - BACK), _month(last) + 1)
    return (f"{month // 12}-{month % 12 + 1:02}" for month in months)


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def current_services(
    transaction: Transaction, person_id: PersonId
) -> list[ServicePeriod] | Refused:
    """The plans that somebody has now, read for billing."""
    result = transaction.act(
        Act(action="use", data=(SERVICES,), purpose="billing"), person_id, entitled=True
    )
    if isinstance(result, Refused):
        return result
    return [
        each
        for each in service_periods(row.value for row in result.series(SERVICES))
        if not each.until
    ]


def order(transaction: Transaction, person_id: PersonId, plan: ServicePlan) -> Refused | None:
    """Order a plan, in place of the one that somebody has of this service; or the refusal."""
    served = transaction.act(Act(action="serve"), person_id, entitled=True)
    if isinstance(served, Refused):
        return served
    now = current_services(transaction, person_id)
    if isinstance(now, Refused):
        return now
    before = [each for each in now if each.service == plan.service]
    if any(each.plan == plan.id for each in before):
        return None
    at = transaction.clock.now()
    record = transaction.record(
        person_id, "service-order", fact="has-service", by_whom=person_id, how="order"
    )
    refusal = suppliers.engage(transaction, person_id, plan, record)
    if refusal:
        transaction.withdraw(person_id, record)
        return refusal
    today = transaction.clock.day_of(at)
    added = [_ending(each, today) for each in before]
    added.append(ServiceRow("order", plan.service, plan.id, today, record))
    refusal = _append(transaction, person_id, added)
    if refusal:
        transaction.withdraw(person_id, record)
        suppliers.release(transaction, person_id, record, "")
        return refusal
    transaction.tables.insert(
        service_order, person_id=person_id, record_id=record, began=microseconds(at)
    )
    _end_orders(transaction, person_id, before, CUSTOMER)
    return None


def end(
    transaction: Transaction, person_id: PersonId, service: str, actor: str = CUSTOMER
) -> Refused | None:
    """End a service: what rests on having it holds no longer; or the refusal.

    Entries say who ended it: the customer, unless `actor` says nobody, where that is us.
    """
    now = current_services(transaction, person_id)
    if isinstance(now, Refused):
        return now
    ending = [each for each in now if each.service == service]
    if not ending:
        return None
    today = transaction.clock.today()
    refusal = _append(transaction, person_id, [_ending(each, today) for each in ending])
    if refusal:
        return refusal
    _end_orders(transaction, person_id, ending, actor)
    return None


def end_all(
    transaction: Transaction, person_id: PersonId, _: str = "", actor: str = CUSTOMER
) -> None:
    """End everything that somebody has, as closing their account does."""
    now = current_services(transaction, person_id)
    for each in [] if isinstance(now, Refused) else now:
        end(transaction, person_id, each.service, actor)
    records, _forged = transaction.records_of([person_id], ["service-order"])
    at = microseconds(transaction.clock.now())
    for record in records:
        if record.fact == "has-service" and record.in_force(at):
            transaction.withdraw(person_id, record.record_id, ended=True, actor=actor)


def terminate(transaction: Transaction, person_id: PersonId, service: str) -> None:
    """End one service of somebody, or all of them if none is named, as our staff decided."""
    if not service:
        end_all(transaction, person_id, actor="")
    elif (refusal := end(transaction, person_id, service, actor="")) is not None:
        raise refusal


def latest_order(tables: Tables, person_id: PersonId) -> str:
    """The id of the order that somebody last made or ended; empty where there was none."""
    rows = tables.select(service_order, "person_id = ?", person_id)
    last = max(rows, key=lambda each: max(each.began, each.ended or 0), default=None)
    return "" if last is None else str(last.record_id)


def _ending(each: ServicePeriod, at: date) -> ServiceRow:
    return ServiceRow("end", each.service, each.plan, at)


def _append(
    transaction: Transaction, person_id: PersonId, added: list[ServiceRow]
) -> Refused | None:
    result = transaction.append(
        person_id,
        SERVICES,
        [encode_row(row) for row in added],
        source="customer",
        occasion="service-use",
        purpose="service-provision",
        entitled=True,
    )
    return result if isinstance(result, Refused) else None


def _end_orders(
    transaction: Transaction, person_id: PersonId, ended: list[ServicePeriod], actor: str
) -> None:
    at = microseconds(transaction.clock.now())
    for each in ended:
        if each.record:
            transaction.withdraw(person_id, each.record, ended=True, actor=actor)
            suppliers.release(transaction, person_id, each.record, actor)
            where = "person_id = ? AND record_id = ?"
            transaction.tables.update(service_order, {"ended": at}, where, person_id, each.record)


def new_password(transaction: Transaction, person_id: PersonId, service: str) -> str | Refused:
    """Give a service another password and show it, which is entered; it is never shown again."""
    secret = "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))
    refusal = credentials.change_secret(transaction, person_id, service, secret)
    if refusal:
        return refusal
    view = Act(action="view", data=("credentials",), actor="customer", purpose="service-provision")
    result = transaction.act(view, person_id, entitled=True)
    return (
        result
        if isinstance(result, Refused)
        else credentials.decode_secrets(result["credentials"])[service]
    )


def plans_with_password(
    now: Iterable[ServicePeriod], plans: Mapping[str, ServicePlan]
) -> list[ServicePlan]:
    """The plans that somebody has whose services have a password of their own."""
    return [plans[each.plan] for each in now if each.plan in plans and plans[each.plan].password]
