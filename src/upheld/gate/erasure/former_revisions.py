"""Revisions of a value before the current one, which a hold preserves from the moment it begins.

Whoever corrects a value, or overwrites it, while the law has us keep it does not take away what
stood there when the hold came, nor what came in since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise, zip_longest
from typing import NamedTuple

from sqlalchemy import Connection

from upheld.database.columns import microseconds
from upheld.gate.evidence import records
from upheld.gate.evidence.reach_of_holds import began_by_field
from upheld.gate.evidence.records import Record
from upheld.policy.load import Policy
from upheld.vault import values
from upheld.vault.envelope import SealError
from upheld.vault.people import Person
from upheld.vault.values import Value

Revisions = Mapping[str, tuple[Value, ...]]  # by field, the oldest first


class FormerValues(NamedTuple):
    """The former values that holds preserve, by field, and the fields of which some do not open.

    Each with until when it was current.
    """

    by_field: Mapping[str, tuple[tuple[Value, datetime], ...]]
    damaged: frozenset[str]


def as_it_came(value: Value) -> tuple[object, ...]:
    """What two copies of a value have in common, whatever their revisions."""
    return value.value, value.origin, value.stored_at


def current_since(
    former: Revisions, current: Revisions, since: Mapping[str, int]
) -> dict[str, tuple[Value, ...]]:
    """The former revisions of each field that were current at its moment or later.

    `current` has what stands there now, which ended the last of them.
    """
    preserved = {}
    for field, revisions in former.items():
        with_current = (*revisions, *current.get(field, ()))
        if some := tuple(
            e for e, following in pairwise(with_current) if following.stored_at >= since[field]
        ):
            preserved[field] = some
    return preserved


def of_holds(
    connection: Connection,
    policy: Policy,
    person: Person,
    fields: Sequence[str],
    some: Sequence[Record],
) -> dict[str, tuple[Value, ...]]:
    """The former revisions of some fields that the holds among a person's records preserve.

    SealError where a value is not as it was written.
    """
    since = began_by_field(policy, some, fields)
    if not since:
        return {}
    former, problems = values.examine_former(connection, person, list(since))
    if problems:
        raise SealError(next(iter(problems.values())))
    current = {field: (each,) for field, each in values.read(connection, person, former).items()}
    return current_since(former, current, since)


def of_silent_holds(
    connection: Connection,
    policy: Policy,
    person: Person,
    fields: Sequence[str],
    some: Sequence[Record],
) -> dict[str, tuple[Value, ...]]:
    """The former revisions that silent holds preserve; what does not open is passed over.

    An error would tell of the hold: without it the values go whether they open or not.
    """
    since = began_by_field(policy, some, fields)
    if not since:
        return {}
    current, _ = values.examine(connection, person, list(since))
    preserved: dict[str, tuple[Value, ...]] = {}
    for field, former in values.examine_former(connection, person, list(since))[0].items():
        if field in current:
            preserved |= current_since({field: former}, current, since)
        else:  # until when the last of them was current nobody can tell
            before = current_since({field: former}, {}, since).get(field, ())
            preserved[field] = (*before, former[-1])
    return preserved


def on_hold(
    connection: Connection, policy: Policy, person: Person, fields: Sequence[str], at: datetime
) -> FormerValues:
    """The former revisions of some fields that holds in force at a moment preserve.

    Of which some do not open, one whose follower may be missing counts as current no longer than
    when it came in: none is taken for preserved that may not be. SealedError where the person's
    records are not as they were written.
    """
    mine = records.everything(connection, person.person_id)
    in_force = [each for each in mine if each.in_force(microseconds(at))]
    since = began_by_field(policy, in_force, fields)
    if not since:
        return FormerValues({}, frozenset())
    former, problems = values.examine_former(connection, person, list(since))
    current, _ = values.examine(connection, person, former)
    preserved = {}
    for field, revisions in former.items():
        some = _with_ends(revisions, current.get(field, ()), whole=field not in problems)
        if its := tuple(each for each in some if microseconds(each[1]) >= since[field]):
            preserved[field] = its
    return FormerValues(preserved, frozenset(problems))


def _with_ends(
    former: Sequence[Value], current: Sequence[Value], *, whole: bool
) -> list[tuple[Value, datetime]]:
    """Former values of a field, each with when the next one came in; `whole` if none is missing."""
    return [
        (each, following.at)
        if following is not None and (whole or following.revision == each.revision + 1)
        else (each, each.at)
        for each, following in zip_longest(former, (*former[1:], *current[:1]))
    ]
