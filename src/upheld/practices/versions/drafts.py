"""Drafts of a version: compared with the one in force, approved by a second person, posted.

Whoever drafts does not approve. What is approved are bytes, by their digest, against the version in
force: once another one is posted the approval is of no effect. Each step is an entry.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import NO_USER, DraftId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Refused
from upheld.gate.gate import Gate
from upheld.gate.posting import ApprovedVersion, effective_day
from upheld.gate.public import Edition
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.compare import Comparison
from upheld.policy.load import Policy
from upheld.practice import operators, terms
from upheld.practice.operators import MANAGER, User
from upheld.practices.versions.tables import version_draft
from upheld.web import once

OPEN: Final = "open"
APPROVED: Final = "approved"
ANNOUNCED: Final = "announced"  # approved, and posted by itself on the day it takes effect
POSTED: Final = "posted"
DROPPED: Final = "dropped"
COUNSEL: Final = "counsel"  # the role of who writes the policy; managers may do it too
ROLES: Final = (COUNSEL, MANAGER)
STATES_TO_POST: Final = (APPROVED, ANNOUNCED)
_MARK_LASTS: Final = timedelta(days=1)  # longer than two who change it at once can take


class DraftError(UpheldError):
    """A draft that cannot be made, approved, posted or dropped."""


class Draft(NamedTuple):
    """A draft of a version, and how far it has come."""

    draft_id: DraftId
    digest: str
    base: str
    version: str
    state: str
    widens: bool
    drafted_by: UserId
    drafted_at: datetime
    approved_by: UserId
    approved_at: datetime | None


def drafts(tables: Tables, *states: str) -> list[Draft]:
    """The drafts in some states, or in any, the oldest first."""
    rows = tables.select(version_draft, "ORDER BY drafted, draft_id")
    return [_draft(each) for each in rows if not states or each.state in states]


def draft_of(tables: Tables, name: str) -> Draft:
    """The draft with an id, a beginning of one that no other has, or a version's name."""
    matches = [
        each
        for each in drafts(tables)
        if name and (each.draft_id.startswith(name) or each.version == name)
    ]
    if live := [each for each in matches if each.state not in (POSTED, DROPPED)]:
        matches = live
    if len(matches) != 1:
        raise DraftError(
            "there is no draft by that name" if not matches else "several drafts are called so",
            code="version-draft",
            hint="`upheld version list` tells the id of each",
        )
    return matches[0]


def draft(transaction: Transaction, policy: Policy, comparison: Comparison, by: UserId) -> Draft:
    """Keep a draft that was compared with the version in force, by somebody who may draft."""
    user = user_of(transaction.tables, by)
    transaction.editions.require_new(policy)
    if comparison.old != transaction.policy.digest or comparison.new != policy.digest:
        raise DraftError(
            "another version is in force than the one it was compared with",
            code="version-base",
            hint="draft it again: it is compared with the one in force now",
        )
    terms.require_part_of(transaction.tables, policy.front.part_of)
    transaction.editions.require_words(policy)
    transaction.editions.keep(policy)  # whoever drafts the same bytes at once waits here
    for each in drafts(transaction.tables, OPEN, *STATES_TO_POST):
        if each.digest == policy.digest:
            raise DraftError(
                f"these very bytes are draft {each.draft_id[:8]} already",
                code="version-draft",
                hint="approve it, or drop it first",
            )
    at = transaction.clock.now()
    new = Draft(
        DraftId(secrets.token_hex(16)),
        policy.digest,
        comparison.old,
        policy.front.version,
        OPEN,
        is_wider(comparison),
        user.user_id,
        at,
        NO_USER,
        None,
    )
    columns: dict[str, Any] = new._asdict()
    del columns["drafted_at"], columns["approved_at"]
    transaction.tables.insert(version_draft, **columns, drafted=microseconds(at), approved=None)
    _note(transaction, "version.draft", new, user)
    return new


def approve(transaction: Transaction, draft_id: DraftId, by: UserId) -> Draft:
    """Approve a draft as the second person, against the version that is in force now."""
    there = _require(transaction, draft_id, OPEN)
    user = user_of(transaction.tables, by)
    if user.user_id == there.drafted_by:
        raise DraftError(
            "whoever drafts a version does not approve it",
            code="version-second-person",
            hint="let somebody else do it",
        )
    if there.base != transaction.policy.digest:
        raise DraftError(
            "another version is in force than the one it was compared with",
            code="version-base",
            hint="draft it again: it is compared with the one in force now",
        )
    transaction.editions.require_words(transaction.editions.policy(there.digest))
    at = transaction.clock.now()
    _change(transaction, there, state=APPROVED, approved_by=user.user_id, approved=microseconds(at))
    _note(transaction, "version.approve", there, user)
    return there._replace(state=APPROVED, approved_by=user.user_id, approved_at=at)


def post(transaction: Transaction, draft_id: DraftId, by: UserId) -> Edition | Draft | Refused:
    """Put an approved draft in force, or announce it for the day on which it takes effect."""
    there = _require(transaction, draft_id, *STATES_TO_POST)
    user = user_of(transaction.tables, by)
    policy = transaction.editions.policy(there.digest)
    day = effective_day(policy)
    if day is not None and day > transaction.clock.today():
        transaction.editions.require_words(policy)
        if there.state == APPROVED:
            _change(transaction, there, state=ANNOUNCED)
            _note(transaction, "version.announce", there, user)
        return there._replace(state=ANNOUNCED)
    return _post(transaction, there, f"staff {user.user_id}")


def drop(transaction: Transaction, draft_id: DraftId, by: UserId) -> Draft:
    """Give a draft up."""
    there = _require(transaction, draft_id, OPEN, *STATES_TO_POST)
    user = user_of(transaction.tables, by)
    _change(transaction, there, state=DROPPED)
    transaction.editions.drop(there.digest)
    _note(transaction, "version.drop", there, user)
    return there._replace(state=DROPPED)


def post_announced(gate: Gate) -> int:
    """Post what was announced and whose day has come; how many. The job of that name."""
    count = 0
    with gate.look() as tables:
        waiting = drafts(tables, ANNOUNCED)
    for each in waiting:
        with gate.together() as transaction:
            there = next(
                (d for d in drafts(transaction.tables, ANNOUNCED) if d.draft_id == each.draft_id),
                None,
            )
            if there is None:
                continue
            day = effective_day(transaction.editions.policy(there.digest))
            if day is None or day <= transaction.clock.today():
                count += isinstance(_post(transaction, there, "provider"), Edition)
    gate.refresh()
    return count


def is_wider(comparison: Comparison) -> bool:
    """Whether a version allows anything more, with fewer duties, or owes less."""
    return bool(comparison.widening) or any(c.kind == "not-owed" for c in comparison.changes)


def _post(transaction: Transaction, there: Draft, actor: str) -> Edition | Refused:
    posted = transaction.editions.post(
        ApprovedVersion(
            digest=there.digest,
            base=there.base,
            widens=there.widens,
            drafted_by=there.drafted_by,
            approved_by=there.approved_by,
        ),
        actor=actor,
    )
    if not isinstance(posted, Refused):
        _change(transaction, there, state=POSTED)
    return posted


def user_of(tables: Tables, user_id: UserId) -> User:
    """Whoever does it; DraftError unless they work here and their role lets them."""
    user = operators.find_active_user(tables, user_id)
    if user is None or user.kind != "staff" or not {*ROLES} & {*user.roles}:
        raise DraftError(
            f"versions of the policy are for the roles {' and '.join(ROLES)}",
            code="version-role",
            hint="ask somebody who has one of them",
        )
    return user


def _require(transaction: Transaction, draft_id: DraftId, *states: str) -> Draft:
    """The draft as it is in this transaction; DraftError where it is in another state."""
    there = draft_of(transaction.tables, draft_id)
    if there.state not in states:
        hint = "a second person approves it first" if there.state == OPEN else ""
        raise DraftError(
            f"this draft is {there.state}",
            code="version-state",
            hint=hint or "nothing is left to do",
        )
    return there


def _change(transaction: Transaction, there: Draft, **changes: object) -> None:
    """Let a draft leave the state in which it was read: of several who try at once, one does."""
    until = transaction.clock.now() + _MARK_LASTS
    if not once.spend(
        transaction.tables, "version-draft", f"{there.draft_id} {there.state}", until
    ):
        raise DraftError(
            f"this draft is no longer {there.state}",
            code="version-state",
            hint="see how it stands now",
        )
    transaction.tables.update(version_draft, changes, "draft_id = ?", there.draft_id)


def _note(transaction: Transaction, kind: str, there: Draft, user: User) -> None:
    actor = f"staff {user.user_id}"
    transaction.note(None, kind, actor=actor, evidence=(there.base, there.digest))


def _draft(row: Any) -> Draft:
    approved_at = None if row.approved is None else to_datetime(row.approved)
    return Draft(
        row.draft_id,
        row.digest,
        row.base,
        row.version,
        row.state,
        row.widens,
        row.drafted_by,
        to_datetime(row.drafted),
        row.approved_by,
        approved_at,
    )
