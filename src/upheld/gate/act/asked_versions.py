"""Which versions are asked about each person of an act, worked out once for each set of records.

It depends on a few records of theirs: first uses, agreements, notices, approvals. A person's row
has a sealed cover, which says how many of each kind there are and what they come to. As long as
these numbers are the same, and no such record has begun or ended meanwhile, the answer is too, and
no record is read again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.database.connection import WriteConnection
from upheld.database.seals import Cover, SealedError, latest_cover
from upheld.database.statements import query_batch
from upheld.gate.editions import bound
from upheld.gate.editions.store import Edition
from upheld.gate.evidence import records
from upheld.gate.evidence.records import Record
from upheld.policy.load import Policy
from upheld.vault.people import REGISTER

if TYPE_CHECKING:
    from upheld.gate.act.execution import ActExecution, PersonData

REMEMBERED_MAX: Final = 20_000  # people, in a process
FOREVER: Final = 1 << 62
_PARTS: Final = tuple(f"record/{kind}" for kind in bound.KINDS)
_NONE: Final = (None,) * len(_PARTS)
Tallies = tuple[tuple[int, bytes] | None, ...]


class BindingOutlook(NamedTuple):
    """The versions before the one in force that are asked about somebody, and for how long."""

    cover: object  # the bytes
    change: int  # the number of the last change that it tells of
    tallies: Tallies
    posted: tuple[Edition, ...]
    since: int
    until: int  # when a record of theirs next begins or ends
    older: tuple[Edition, ...]


def asked_versions(
    execution: ActExecution, data: PersonData, policy_of: Callable[[Edition], Policy]
) -> dict[PersonId, tuple[Edition, ...]]:
    """The versions that are asked about each person of an act; all, where records are in doubt."""
    posted = execution.context.editions
    if execution.clock_problem or REGISTER in data.changed:
        return dict.fromkeys(data.people, posted[:-1])
    result: dict[PersonId, tuple[Edition, ...]] = {}
    unknown: dict[str, Cover] = {}
    for person_id in data.people:
        if person_id in data.changed:
            result[person_id] = posted[:-1]
            continue
        try:
            older = _remembered(execution, person_id, data.covers[person_id])
        except SealedError:
            result[person_id] = posted[:-1]
            continue
        if isinstance(older, Cover):
            unknown[person_id] = older
        else:
            result[person_id] = older
    if unknown:
        result |= _worked_out(execution, data, unknown, policy_of)
    return result


def _remembered(
    execution: ActExecution, person_id: PersonId, raw: object
) -> tuple[Edition, ...] | Cover:
    """What is remembered of somebody; their cover, if that is nothing, or no longer so.

    SealedError where the cover is not as it was written.
    """
    context, connection = execution.context, execution.connection
    there = context.outlooks.get(person_id)
    if (
        there is None
        or there.posted is not context.editions
        or not there.since <= execution.time < there.until
    ):
        return latest_cover(connection, person_id, raw)
    if there.cover == raw and _is_latest(connection, person_id, there.change):
        return there.older
    cover = latest_cover(connection, person_id, raw)
    if there.tallies != _tallies(cover):
        return cover
    context.outlooks[person_id] = there._replace(cover=raw, change=cover.version)
    return there.older


def _worked_out(
    execution: ActExecution,
    data: PersonData,
    covers: Mapping[str, Cover],
    policy_of: Callable[[Edition], Policy],
) -> dict[PersonId, tuple[Edition, ...]]:
    """What is asked of some people by their records, which are remembered from then on."""
    context, at, result = execution.context, execution.time, {}
    by_owner, changed = data.records, set[str]()
    alike: dict[int, tuple[Edition, ...]] = {}  # of those who only ever used our services
    if not {*bound.KINDS} <= {*execution.template.kinds}:
        by_owner, changed = _records(execution.connection, covers)
    if len(context.outlooks) + len(covers) > REMEMBERED_MAX:
        context.outlooks.clear()
    moments = [microseconds(each.posted_at) for each in context.editions]
    for owner, cover in covers.items():
        person_id = PersonId(owner)
        if person_id in changed:
            result[person_id] = context.editions[:-1]
            continue
        mine = by_owner.get(person_id, ())
        until, key = _prospect(moments, mine, at)
        older = alike.get(key) if key is not None else None
        if older is None:
            older = bound.waiting_versions(context.editions, policy_of, mine, at)
            if key is not None:
                alike[key] = older
        result[person_id] = older
        context.outlooks[person_id] = BindingOutlook(
            data.covers[person_id],
            cover.version,
            _tallies(cover),
            context.editions,
            at,
            until,
            older,
        )
    return result


def _records(
    connection: Connection, covers: Mapping[str, Cover]
) -> tuple[dict[str, list[Record]], set[str]]:
    """The records of some people on which that hangs, and whose are not as they were written."""
    whose = [person_id for person_id, cover in covers.items() if _tallies(cover) != _NONE]
    by_owner: dict[str, list[Record]] = {}
    if not whose:
        return by_owner, set()
    (answer,) = query_batch(connection, (records.select_query(whose, bound.KINDS),))
    verified = records.verify(connection, answer)
    for each in verified.records:
        by_owner.setdefault(each.person_id, []).append(each)
    changed: set[str] = {*covers} if verified.forged else set()
    of_them = {person_id: covers[person_id] for person_id in whose}  # nothing is read of others
    changed.update(records.changed_owners(bound.KINDS, of_them, verified.tallies))
    return by_owner, changed


def _is_latest(connection: Connection, person_id: PersonId, change: int) -> bool:
    """Whether a cover of so many changes is none from before what this process wrote itself."""
    if isinstance(connection, WriteConnection) and connection.change_counts is not None:
        least: int = connection.change_counts.least(person_id)
        return change >= least
    return True


def _tallies(cover: Cover) -> Tallies:
    return tuple(map(cover.parts.get, _PARTS))


def _prospect(postings: Sequence[int], mine: Sequence[Record], at: int) -> tuple[int, int | None]:
    """When a record of somebody next begins or ends, and how many postings they have used.

    None for the number where anything but first uses counts.
    """
    until, used, plain = FOREVER, -1, True
    for each in mine:
        for moment in (each.valid_from, each.ends, each.withdrawn):
            if moment is not None and at < moment < until:
                until = moment
        if each.kind == bound.FIRST_USE:
            if each.in_force(at):
                used = max(used, each.valid_from)
        elif each.kind in bound.KINDS:
            plain = False
    return until, bisect_right(postings, used) if plain else None
