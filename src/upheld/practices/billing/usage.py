"""Usage: a row a month and service, summed up over the months that somebody chose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

import msgspec

from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice.unreadable import decoding
from upheld.practices.billing.books import encode_row
from upheld.web.pages import format_month

USAGE: Final = "usage"
MONTHS_MAX: Final = 36
_MONTH: Final = re.compile(r"^(20[0-9]{2})-(0[1-9]|1[0-2])$")


class UsageRow(msgspec.Struct, frozen=True):
    """A row of the series `usage`."""

    month: str
    service: str
    gigabytes: float
    hours: float


class Usage(NamedTuple):
    """What was used of a service in a month."""

    gigabytes: float
    hours: float


class UsageTable(NamedTuple):
    """Usage over some months: services, and for each month what was used of each."""

    services: tuple[str, ...]
    months: tuple[tuple[str, Mapping[str, Usage]], ...]

    def total(self, service: str) -> Usage:
        """What was used of a service in all of the months."""
        amounts = [by_service[service] for _, by_service in self.months if service in by_service]
        return Usage(sum(each.gigabytes for each in amounts), sum(each.hours for each in amounts))


def note_usage(
    transaction: Transaction, person_id: PersonId, rows: Sequence[UsageRow]
) -> Refused | None:
    """Note what somebody used, as the network counted it."""
    result = transaction.append(
        person_id,
        USAGE,
        [encode_row(row) for row in rows],
        source="customer",
        occasion="service-use",
        purpose="billing",
    )
    return result if isinstance(result, Refused) else None


def month(value: str) -> str:
    """A month as 2026-11; ValueError for anything else."""
    if not _MONTH.match(value):
        raise ValueError("Choose one of the months that are offered.")
    return value


def choices(today: date) -> list[tuple[str, str]]:
    """The months that can be chosen, the latest first, each with how people say it."""
    months = []
    for back in range(MONTHS_MAX):
        at = today.year * 12 + today.month - 1 - back
        day = date(at // 12, at % 12 + 1, 1)
        months.append((day.isoformat()[:7], format_month(day)))
    return months


def row_of(value: str) -> UsageRow:
    """A row of the series; UnreadableValueError for anything else."""
    with decoding(USAGE):
        return msgspec.json.decode(value, type=UsageRow)


def usage_table(values: Iterable[str], first: str, last: str) -> UsageTable:
    """What was used from one month to another, both counted."""
    months: dict[str, dict[str, Usage]] = {}
    for row in map(row_of, values):
        if first <= row.month <= last:
            of = months.setdefault(row.month, {})
            before = of.get(row.service, Usage(0, 0))
            of[row.service] = Usage(before.gigabytes + row.gigabytes, before.hours + row.hours)
    services = sorted({service for by_service in months.values() for service in by_service})
    return UsageTable(tuple(services), tuple(sorted(months.items())))
