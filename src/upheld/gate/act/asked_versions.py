"""Which versions are asked about each person of an act, worked out once for each set of records.

It depends on a few records of theirs: first uses, agreements, notices, approvals. A person's row
has a sealed cover, which says how many of each kind there are and what they come to. As long as
these numbers are the same, and no such record has begun or ended meanwhile, the answer is too, and
no record is read again. Of most people there are first uses at most, and the cover itself says when
the last of them was: then no record is read at all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace
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
    from upheld.gate.act.execution import ActExecution
    from upheld.gate.act.reads import PersonData

REMEMBERED_MAX: Final = 20_000  # people, in a process; of others the cover is opened each time
FOREVER: Final = 1 << 62
_PARTS: Final = tuple(map(records.part_of, bound.KINDS))
_FIRST_USE: Final = records.part_of(bound.FIRST_USE)
_OTHERS: Final = frozenset(_PARTS) - {_FIRST_USE}
Tallies = tuple[tuple[int, bytes] | None, ...]


class BindingOutlook(msgspec.Struct, frozen=True, gc=False):
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
    unclear: dict[PersonId, Cover] = {}
    of_users, outlooks = _OfUsers(posted, policy_of), execution.context.outlooks
    for person_id in data.people:
        if person_id in data.changed:
            result[person_id] = posted[:-1]
            continue
        raw = data.covers[person_id]
        try:
            cover = _remembered(execution, person_id, raw)
        except SealedError:
            result[person_id] = posted[:-1]
            continue
        if not isinstance(cover, Cover):
            result[person_id] = cover
            continue
        used = _last_use(cover, execution.time)
        if used is None:
            unclear[person_id] = cover
            continue
        older = result[person_id] = of_users.older(used)
        if len(outlooks) < REMEMBERED_MAX:
            outlooks[person_id] = _outlook(execution, raw, cover, older)
    if unclear:
        result |= _by_records(execution, data, unclear, of_users)
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
    context.outlooks[person_id] = replace(there, cover=raw, change=cover.version)
    return there.older


class _OfUsers:
    """The versions that are asked about those of whom there are first uses alone, or nothing."""

    def __init__(
        self, editions: tuple[Edition, ...], policy_of: Callable[[Edition], Policy]
    ) -> None:
        self.editions, self.policy_of = editions, policy_of
        self._moments = [microseconds(each.posted_at) for each in editions]
        self._older: dict[int, tuple[Edition, ...]] = {}  # by how many postings they have used

    def older(self, used: int) -> tuple[Edition, ...]:
        """Those of somebody who used a version for the first time at a moment; -1 for never."""
        postings = bisect_right(self._moments, used)
        older = self._older.get(postings)
        if older is None:
            older = bound.waiting_after(self.editions, self.policy_of, (), used)
            self._older[postings] = older
        return older


def _last_use(cover: Cover, at: int) -> int | None:
    """When somebody last used a version for the first time, if nothing else counts; -1 for never.

    None where their records must be read: there are others, or the cover does not say it.
    """
    parts = cover.parts
    if not _OTHERS.isdisjoint(parts):
        return None
    if _FIRST_USE not in parts:
        return -1
    moment = cover.latest.get(_FIRST_USE, FOREVER)
    return moment if moment <= at else None


def _by_records(
    execution: ActExecution,
    data: PersonData,
    covers: Mapping[PersonId, Cover],
    of_users: _OfUsers,
) -> dict[PersonId, tuple[Edition, ...]]:
    """What is asked of some people by their records, which cost most: they are remembered first."""
    context, at, result = execution.context, execution.time, {}
    by_owner, changed = data.records, set[str]()
    if not {*bound.KINDS} <= {*execution.template.kinds}:
        by_owner, changed = _records(execution.connection, covers)
    outlooks = context.outlooks
    if len(outlooks) + len(covers) > REMEMBERED_MAX:
        outlooks.clear()
    for person_id, cover in covers.items():
        if person_id in changed:
            result[person_id] = context.editions[:-1]
            continue
        mine = by_owner.get(person_id, ())
        if all(each.kind == bound.FIRST_USE for each in mine if each.kind in bound.KINDS):
            older = of_users.older(bound.last_use([each for each in mine if each.in_force(at)]))
        else:
            older = bound.waiting_versions(context.editions, of_users.policy_of, mine, at)
        result[person_id] = older
        if len(outlooks) < REMEMBERED_MAX:
            until = _next_change(mine, at)
            raw = data.covers[person_id]
            outlooks[person_id] = _outlook(execution, raw, cover, older, until)
    return result


def _outlook(
    execution: ActExecution,
    raw: object,
    cover: Cover,
    older: tuple[Edition, ...],
    until: int = FOREVER,
) -> BindingOutlook:
    tallies, posted = _tallies(cover), execution.context.editions
    return BindingOutlook(raw, cover.version, tallies, posted, execution.time, until, older)


def _records(
    connection: Connection, covers: Mapping[PersonId, Cover]
) -> tuple[dict[str, list[Record]], set[str]]:
    """The records of some people on which that hangs, and whose are not as they were written."""
    by_owner: dict[str, list[Record]] = {}
    (answer,) = query_batch(connection, (records.select_query([*covers], bound.KINDS),))
    verified = records.verify(connection, answer)
    for each in verified.records:
        by_owner.setdefault(each.person_id, []).append(each)
    changed: set[str] = {*covers} if verified.forged else set()
    changed.update(records.changed_owners(bound.KINDS, covers, verified.tallies))
    return by_owner, changed


def _is_latest(connection: Connection, person_id: PersonId, change: int) -> bool:
    """Whether a cover of so many changes is none from before what this process wrote itself."""
    if isinstance(connection, WriteConnection) and connection.change_counts is not None:
        least: int = connection.change_counts.least(person_id)
        return change >= least
    return True


def _tallies(cover: Cover) -> Tallies:
    return tuple(map(cover.parts.get, _PARTS))


def _next_change(mine: Sequence[Record], at: int) -> int:
    """When a record of somebody next begins or ends."""
    moments = (m for each in mine for m in (each.valid_from, each.ends, each.withdrawn))
    return min((each for each in moments if each is not None and each > at), default=FOREVER)
