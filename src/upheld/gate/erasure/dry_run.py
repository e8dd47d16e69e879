"""What the job `retention` would delete now, and when the rest is due; nothing is deleted.

It is asked of everybody as the job asks it: what is due, what the policy in force lets us store no
longer, and what a clause says must be deleted. A hold keeps what it keeps; one of which nobody may
speak is not told, and so what it keeps goes here as it goes openly. Nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.database.statements import placeholders, rows
from upheld.database.tables import microseconds
from upheld.database.transaction import reading
from upheld.gate.erasure.owed_deletions import fields_to_delete
from upheld.gate.erasure.retention import TOGETHER, storing_rules
from upheld.gate.erasure.value_counts import NOW, ends_of_kept, month_of
from upheld.gate.evidence.trusted_time import trusted_time
from upheld.gate.obligations import DELETE, GRACE
from upheld.gate.set_aside import is_everybodys
from upheld.vault import people
from upheld.vault.people import ACTIVE

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

_ENDS = (
    "SELECT i.person_id, e.at, MIN(i.due) AS due FROM item i JOIN entry e ON e.number = i.entry"
    " WHERE i.kind = 'delete' AND i.state IN ('open', 'late')"
    " AND i.person_id IN ({0}) GROUP BY i.person_id, e.at"
)
_VALUES = (
    "SELECT v.person_id, v.at, v.field, v.origin, v.clause, v.current, d.due FROM value v"  # noqa: S608 - our own words
    f" LEFT JOIN ({_ENDS}) d ON d.person_id = v.person_id AND d.at = v.at"
    " WHERE v.person_id IN ({0})"
)
_KEPT = (
    "SELECT i.person_id, i.due, e.body FROM item i JOIN entry e ON e.number = i.entry"
    " WHERE i.kind = 'delete' AND i.state IN ('open', 'late') AND i.due IS NOT NULL"
    " AND i.person_id IN ({0})"
)
_OWED = (
    "SELECT person_id, clause FROM item WHERE kind = 'owed' AND action = ?"
    " AND state IN ('open', 'late') AND due <= ? AND person_id IN ({0})"
)


class ValueDeletion(NamedTuple):
    """How many values of a kind go, from one origin and by one clause: in a month, or NOW."""

    field: str
    origin: str
    clause: str
    goes: str
    number: int


class _Row(NamedTuple):
    """A row of a value: whose, stored when, of which kind, and when an item has it deleted."""

    whose: PersonId
    at: int
    field: str
    origin: str
    clause: str
    current: bool
    due: int | None


class Deletions(NamedTuple):
    """The values that go; those with no set end, or that a hold keeps longer, are not among them.

    Of so many people it is not known, since something of theirs does not open, and the job would
    set them aside.
    """

    values: list[ValueDeletion]
    set_aside: int

    @property
    def now(self) -> list[ValueDeletion]:
        """Those that the job would delete now."""
        return [each for each in self.values if each.goes == NOW]


def deletions(gate: Gate) -> Deletions:
    """What the job would delete now. ClockError while the clock is in doubt, as the job says."""
    trusted_time(gate)
    counts, failed = Counter[tuple[str, str, str, str]](), 0
    for some in _batches(gate):
        lots = [some]
        while lots:
            lot = lots.pop()
            try:
                counts.update(_of_some(gate, lot))
            except UpheldError as error:
                if is_everybodys(error):
                    raise
                if len(lot) == 1:
                    failed += 1
                else:
                    lots += [[each] for each in lot]
    return Deletions([ValueDeletion(*key, count) for key, count in sorted(counts.items())], failed)


def _batches(gate: Gate) -> Iterator[list[PersonId]]:
    statement = (
        "SELECT person_id FROM person WHERE state = ? AND person_id > ? ORDER BY person_id LIMIT ?"
    )
    last = ""
    while True:
        with reading(gate.engine) as connection:
            some = [
                PersonId(each) for (each,) in rows(connection, statement, ACTIVE, last, TOGETHER)
            ]
        if not some:
            return
        yield some
        last = some[-1]


def _of_some(gate: Gate, some: Sequence[PersonId]) -> Counter[tuple[str, str, str, str]]:
    """What goes of some people, by kind, origin, clause and when."""
    context, counts = gate.context, Counter[tuple[str, str, str, str]]()
    now = context.clock.now()
    at = microseconds(now)
    with reading(gate.engine) as connection:
        opened = people.open_people_in_any_state(connection, context.keyring, some)
        rules = storing_rules(context, connection, opened, ACTIVE)
        left = context.erasure_hooks.left(Tables(connection), some, now)
        owed = _owed(gate, connection, some, microseconds(now + GRACE))
        places = placeholders(some)
        ends = ends_of_kept(rows(connection, _KEPT.format(places), *some))
        there = [_Row(*each) for each in rows(connection, _VALUES.format(places), *some, *some)]
        for each in there:
            its, whose, field = rules.get(each.whose), each.whose, each.field
            stays = its is None or field in its.kept
            dues = [x for x in (each.due, ends.get((whose, field))) if x is not None]
            due = min(map(int, dues), default=None)
            if due is not None and due <= at and stays:
                due = None
            denied = its is not None and field in its.denied and whose not in left
            if each.current and not stays and (denied or field in owed.get(whose, ())):
                due = at  # former ones that are not due by themselves go with it
            if due is not None:
                goes = NOW if due <= at else month_of(due)
                counts[field, each.origin, each.clause, goes] += 1
    return counts


def _owed(
    gate: Gate, connection: Connection, some: Sequence[PersonId], at: int
) -> dict[PersonId, set[str]]:
    """The fields of some people that a clause says must be deleted by now."""
    fields: dict[PersonId, set[str]] = {}
    statement = _OWED.format(placeholders(some))
    for whose, clause in rows(connection, statement, DELETE, at, *some):
        person_id = PersonId(whose)
        its = fields_to_delete(gate.context, connection, person_id, clause) or ()
        fields.setdefault(person_id, set()).update(its)
    return fields
