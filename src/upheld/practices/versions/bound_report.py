"""How the versions of the policy stand with everybody: the numbers of the page and of the command.

What is overdue is told by these terms: a notice that was not sent a day after the posting, or came
back, and an approval that is open for thirty days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from upheld.gate.gate import Gate
from upheld.gate.operations.bound_people import (
    APPROVAL_OPEN,
    HAS_LEFT,
    IN_DOUBT,
    NO_USE,
    NOTICE_DUE,
    NOTICE_RUNS,
    BoundPerson,
    bound_people,
)
from upheld.practices.versions import customer_decisions
from upheld.practices.versions.tables import customer_version

NOTICE_WITHIN: Final = timedelta(days=1)
APPROVAL_WITHIN: Final = timedelta(days=30)
OVERDUE: Final = "overdue"
REFUSED: Final = "refused"
REASON_WORDS: Final = {
    NOTICE_DUE: "notice is due",
    NOTICE_RUNS: "notice was sent, and its days run",
    APPROVAL_OPEN: "their approval is open",
    REFUSED: "they refused it, for good",
    NO_USE: "no use of our services since it was posted",
    HAS_LEFT: "they closed their account",
    IN_DOUBT: "their records are not as they were written",
}


class BoundReport(NamedTuple):
    """How many customers there are, how many each version binds, and what the others wait for."""

    customers: int
    by_version: dict[int, int]  # by the number of the version
    by_reason: dict[str, int]
    overdue: int


def bound_lines(gate: Gate, after: str = "") -> Iterator[BoundPerson]:
    """Every customer after one of them; who refused the version in force is not waited for."""
    where = "matter = ? AND state = ?"
    with gate.look() as tables:
        rows, _ = tables.select_intact(
            customer_version, where, customer_decisions.DECISION, customer_decisions.REFUSED
        )
    refusals = {(each.person_id, each.digest) for each in rows}
    for line in bound_people(gate, after):
        if (line.person_id, line.in_force.digest) in refusals and APPROVAL_OPEN in line.reasons:
            reasons = (REFUSED if each == APPROVAL_OPEN else each for each in line.reasons)
            yield line._replace(reasons=tuple(reasons))
        else:
            yield line


def is_overdue(line: BoundPerson, at: datetime) -> bool:
    """Whether something that the version in force waits for should be there by now."""
    posted = line.in_force.posted_at
    if NOTICE_DUE in line.reasons and (line.notice_came_back or at >= posted + NOTICE_WITHIN):
        return True
    return APPROVAL_OPEN in line.reasons and at >= posted + APPROVAL_WITHIN


def bound_report(lines: Iterable[BoundPerson], at: datetime) -> BoundReport:
    """Count some lines."""
    customers, overdue = 0, 0
    by_version: dict[int, int] = {}
    by_reason = dict.fromkeys(REASON_WORDS, 0)
    for line in lines:
        customers += 1
        by_version[line.edition.number] = by_version.get(line.edition.number, 0) + 1
        for reason in line.reasons:
            by_reason[reason] += 1
        overdue += is_overdue(line, at)
    return BoundReport(customers, dict(sorted(by_version.items())), by_reason, overdue)
