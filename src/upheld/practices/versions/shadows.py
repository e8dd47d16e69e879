"""A draft in the shadow of real acts for a week: a job counts what it would have decided otherwise.

It is worked out of the log after the acts, and ends by itself: after its week, once another version
is in force, or when the draft is posted or dropped. A draft is shadowed once.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.ids import DraftId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.shadow import ShadowBatch, shadow_acts
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practices.versions import drafts
from upheld.practices.versions.drafts import DraftError
from upheld.practices.versions.tables import version_shadow

WEEK: Final = timedelta(days=7)
RUNNING: Final = "running"
OVER: Final = "over"
ENTRIES: Final = 200  # of one look
LOOKS_MAX: Final = 20  # of one run of the job, so that it holds up no other job
_LIVE: Final = (drafts.OPEN, *drafts.STATES_TO_POST)
_CHANGES: Final = msgspec.json.Decoder(list[tuple[str, str, int]])


class DraftShadow(NamedTuple):
    """How far a shadow has come: its acts, and those that a draft decides otherwise, by clause."""

    draft_id: DraftId
    state: str
    started: datetime
    until: datetime
    last_entry: int
    acts: int
    otherwise: int
    changes: tuple[tuple[str, str, int], ...]  # kind of change, clause, acts


def begin_shadow(transaction: Transaction, draft_id: DraftId, by: UserId) -> DraftShadow:
    """Begin to shadow a draft that waits, against the version in force; DraftError otherwise."""
    draft = drafts.draft_of(transaction.tables, draft_id)
    user = drafts.user_of(transaction.tables, by)
    if draft.state not in _LIVE or draft.base != transaction.policy.digest:
        raise DraftError(
            "it is compared with no version that is in force",
            code="version-base",
            hint="draft it again: it is compared with the one in force now",
        )
    number = transaction.note(
        None,
        "version.shadow",
        actor=f"staff {user.user_id}",
        evidence=(draft.base, draft.digest),
    )
    at = transaction.clock.now()
    shadow = DraftShadow(draft_id, RUNNING, at, at + WEEK, number, 0, 0, ())
    if not transaction.tables.insert_new(version_shadow, **_columns(shadow)):
        raise DraftError(
            "it was shadowed already", code="version-shadow", hint="its page has the numbers"
        )
    return shadow


def end_shadow(transaction: Transaction, draft_id: DraftId, by: UserId) -> None:
    """End a shadow before its week is over; its numbers stay."""
    drafts.user_of(transaction.tables, by)
    shadow = shadow_of(transaction.tables, draft_id)
    if shadow is not None and shadow.state == RUNNING:
        _keep(transaction.tables, shadow._replace(state=OVER))


def shadow_of(tables: Tables, draft_id: DraftId) -> DraftShadow | None:
    """The shadow of a draft; None where there was none."""
    row = tables.get(version_shadow, "draft_id = ?", draft_id)
    return None if row is None else _shadow(row)


def follow_shadows(gate: Gate) -> int:
    """Ask drafts of the acts since the last look; how many acts. The job of that name."""
    count = 0
    with gate.look() as tables:
        running = [_shadow(row) for row in tables.select(version_shadow, "state = ?", RUNNING)]
    for each in running:
        for _ in range(LOOKS_MAX):
            acts = _follow(gate, each.draft_id)
            if acts is None:
                break
            count += acts
    return count


def _follow(gate: Gate, draft_id: DraftId) -> int | None:
    """One look of one shadow: how many acts; None where nothing is left to look at."""
    with gate.together() as transaction:
        shadow = shadow_of(transaction.tables, draft_id)
        if shadow is None or shadow.state != RUNNING:
            return None
        policy = _policy(transaction, draft_id)
        if policy is None:
            _keep(transaction.tables, shadow._replace(state=OVER))
            return None
        now = transaction.clock.now()
    batch = shadow_acts(gate, policy, shadow.last_entry, min(shadow.until, now), ENTRIES)
    with gate.together() as transaction:
        there = shadow_of(transaction.tables, draft_id)
        if there != shadow:  # another process, or somebody who ended it
            return None
        if batch is None:
            if now >= shadow.until:
                _keep(transaction.tables, shadow._replace(state=OVER))
            return None
        _keep(transaction.tables, _added(shadow, batch))
    return batch.acts


def _policy(transaction: Transaction, draft_id: DraftId) -> Policy | None:
    """The policy of a draft that may be shadowed still."""
    draft = next(
        (each for each in drafts.drafts(transaction.tables, *_LIVE) if each.draft_id == draft_id),
        None,
    )
    if draft is None or draft.base != transaction.policy.digest:
        return None
    return transaction.editions.policy(draft.digest)


def _added(shadow: DraftShadow, batch: ShadowBatch) -> DraftShadow:
    changes = Counter({(kind, clause): count for kind, clause, count in shadow.changes})
    changes.update(batch.changes)
    return shadow._replace(
        last_entry=batch.last_entry,
        acts=shadow.acts + batch.acts,
        otherwise=shadow.otherwise + batch.otherwise,
        changes=tuple((*key, count) for key, count in sorted(changes.items())),
    )


def _keep(tables: Tables, shadow: DraftShadow) -> None:
    columns = _columns(shadow)
    del columns["draft_id"]
    tables.update(version_shadow, columns, "draft_id = ?", shadow.draft_id)


def _columns(shadow: DraftShadow) -> dict[str, Any]:
    return {
        **shadow._asdict(),
        "started": microseconds(shadow.started),
        "until": microseconds(shadow.until),
        "changes": msgspec.json.encode(shadow.changes),
    }


def _shadow(row: Any) -> DraftShadow:
    return DraftShadow(
        row.draft_id,
        row.state,
        to_datetime(row.started),
        to_datetime(row.until),
        row.last_entry,
        row.acts,
        row.otherwise,
        tuple(_CHANGES.decode(bytes(row.changes))),
    )
