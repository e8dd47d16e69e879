"""Usage: a row a month and service, summed up over the months that somebody chose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

import msgspec

from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice.odd import decoding
from upheld.practices.billing.books import told

USAGE: Final = "usage"
MONTHS_MAX: Final = 36
_MONTH: Final = re.compile(r"^(20[0-9]{2})-(0[1-9]|1[0-2])$")


class Row(msgspec.Struct, frozen=True):
    """A row of the series `usage`."""

    month: str
    service: str
    gigabytes: float
    hours: float


class Used(NamedTuple):
    """What was used of a service in a month."""

    gigabytes: float
    hours: float


class Table(NamedTuple):
    """Usage over some months: services, and for each month what was used of each."""

    services: tuple[str, ...]
    months: tuple[tuple[str, Mapping[str, Used]], ...]

    def total(self, service: str) -> Used:
        """What was used of a service in all of the months."""
        found = [used[service] for _, used in self.months if service in used]
        return Used(sum(each.gigabytes for each in found), sum(each.hours for each in found))


def note(transaction: Transaction, person_id: str, rows: Sequence[Row]) -> Refused | None:
    """Note what somebody used, as the network counted it."""
    found = transaction.append(
        person_id,
        USAGE,
        [told(row) for row in rows],
        source="customer",
        occasion="service-use",
        purpose="billing",
    )
    return found if isinstance(found, Refused) else None


def month(value: str) -> str:
    """A month as 2026-11; ValueError for anything else."""
    if not _MONTH.match(value):
        raise ValueError("Choose one of the months that are offered.")
    return value


def choices(today: date) -> list[tuple[str, str]]:
    """The months that can be chosen, the latest first, each with how people say it."""
    found = []
    for back in range(MONTHS_MAX):
        at = today.year * 12 + today.month - 1 - back
        day = date(at // 12, at % 12 + 1, 1)
        found.append((day.isoformat()[:7], f"{day:%B %Y}"))
    return found


def row_of(value: str) -> Row:
    """A row of the series; OddValueError for anything else."""
    with decoding(USAGE):
        return msgspec.json.decode(value, type=Row)


def table(values: Iterable[str], first: str, last: str) -> Table:
    """What was used from one month to another, both counted."""
    months: dict[str, dict[str, Used]] = {}
    for row in map(row_of, values):
        if first <= row.month <= last:
            of = months.setdefault(row.month, {})
            before = of.get(row.service, Used(0, 0))
            of[row.service] = Used(before.gigabytes + row.gigabytes, before.hours + row.hours)
    services = sorted({service for used in months.values() for service in used})
    return Table(tuple(services), tuple(sorted(months.items())))
