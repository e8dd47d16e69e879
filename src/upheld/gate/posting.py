"""Posting: a version of the policy is put in force, in one act that is asked of the one before.

From the commit of that transaction on every process decides by it. What is given as `base` is the
version with which it was compared and for which it was approved: where another one was posted since
then, of two people who post at once say, nothing is posted.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from upheld.core.ids import NO_USER, UserId
from upheld.database import rows as database
from upheld.database.statements import to_datetime
from upheld.database.tables import microseconds
from upheld.gate.act.context import GateContext
from upheld.gate.act.request import Refused
from upheld.gate.editions import store
from upheld.gate.editions.store import Edition, EditionError
from upheld.gate.editions.tables import posted_version
from upheld.gate.evidence.word_uses import require_words
from upheld.gate.log import entries
from upheld.ledger.entries import Entry
from upheld.policy.load import Policy
from upheld.policy.request import Decision, Request

AMEND: Final = "amend"
NARROWING: Final = "narrowing"  # the fact that a version allows nothing more
FIRST: Final = "version.first"  # the kind of the entry for the first version


class ApprovedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version that two people want in force. `widens` says whether it allows more than `base`."""

    digest: str
    base: str
    widens: bool
    drafted_by: UserId
    approved_by: UserId


class Editions:
    """The versions of the policy, in one transaction."""

    __slots__ = ("_connection", "_context")

    def __init__(self, context: GateContext, connection: Connection) -> None:
        self._context, self._connection = context, connection

    def all(self) -> list[Edition]:
        """All versions that were posted, the first one first."""
        return store.editions(self._connection)

    def policy(self, digest: str) -> Policy:
        """The policy with a digest; EditionError where there is no copy of it."""
        return store.policy_of(self._connection, digest)

    def keep(self, policy: Policy) -> None:
        """Keep the bytes of a draft."""
        store.keep_copy(self._connection, policy)

    def drop(self, digest: str) -> None:
        """Delete the bytes of a draft, unless it was posted."""
        store.delete_copy(self._connection, digest)

    def begin(self) -> Edition | None:
        """Let the policy by which the gate decides be the first version; None where there is one.

        A database of an earlier upheld has none, nor has a new one.
        """
        if store.newest(self._connection):
            return None
        policy = self._context.policy
        store.keep_copy(self._connection, policy)
        entry = Entry(kind=FIRST, time="", policy=policy.digest, evidence=(policy.digest,))
        return self._insert(
            1,
            policy,
            entry,
            ApprovedVersion(
                digest=policy.digest, base="", widens=False, drafted_by=NO_USER, approved_by=NO_USER
            ),
        )

    def require_new(self, policy: Policy) -> None:
        """EditionError for a policy that cannot follow those that were posted, whatever day it is.

        Its version must be another one than each before, and its effective day not be over.
        """
        version = policy.front.version
        posted = self.all()
        if not posted:
            raise EditionError(
                "no version of the policy was posted yet",
                code="version-first",
                hint="`upheld admin init` takes the file of the settings as the first",
            )
        if any(each.digest == policy.digest for each in posted):
            raise EditionError(
                "these very bytes were posted before",
                code="version-posted",
                hint="give it a `version` of its own, even where an earlier text comes back",
            )
        if not version or any(each.version == version for each in posted):
            raise EditionError(
                f"version {version} was posted with other bytes"
                if version
                else "a version that is to be posted says which one it is",
                code="version-number",
                hint="write another `version` into its front matter",
            )
        if policy.front.address != self._context.policy.front.address:
            raise EditionError(
                "its `address` is another one, and people know the one that it has",
                code="version-address",
                hint="leave `address` in its front matter as it is",
            )
        if (effective := effective_day(policy)) and effective < self._today():
            raise EditionError(
                f"it says that it is effective since {effective}, which is over",
                code="version-effective",
                hint="write the day on which it is to be posted as `effective`, or a later one",
            )

    def require_words(self, policy: Policy) -> None:
        """EditionError for a policy that drops words which rows of this database use now."""
        now = self._context.policy.program.vocabulary
        require_words(self._connection, now, policy.program.vocabulary)

    def post(self, version: ApprovedVersion, *, actor: str) -> Edition | Refused:
        """Put a version in force, if the one in force lets us amend it; or a refusal.

        EditionError where it cannot follow those that were posted.
        """
        connection, context = self._connection, self._context
        policy = store.policy_of(connection, version.digest)
        posted = self.all()
        if not posted or posted[-1].digest != version.base:
            raise EditionError(
                "another version is in force than the one it was compared with",
                code="version-base",
                hint="draft it again: it is compared with the one in force now",
            )
        self._require_day(policy)
        self.require_words(policy)  # which a row that was written since the approval may use
        _, time = entries.latest(connection)
        at, problem = context.clock.look(time)
        if problem:
            raise EditionError(
                "the clock was set back, or jumped ahead",
                code="version-clock",
                hint="set it right, or accept it with `upheld admin clock`",
            )
        decision = self._may_amend(version)
        if beyond := context.duty_handlers.beyond_entry(decision.duties):
            problem = "duty " + ", ".join(beyond)
        outcome: Any = "" if decision.outcome == "error" else decision.outcome
        entry = Entry(
            kind="act" if decision.allowed and not problem else "refusal",
            time="",
            policy=context.policy.digest,
            action=AMEND,
            outcome=outcome,
            problem=problem or decision.code,
            clauses=decision.clauses,
            actor=actor,
            evidence=(version.digest,),
            duties=tuple({duty.duty: 0 for duty in decision.duties}),
        )
        if entry.kind == "refusal":
            number, _ = entries.write(connection, entry, None, to_datetime(at))
            return Refused(number, decision, problem or decision.why)
        return self._insert(posted[-1].number + 1, policy, entry, version)

    def _may_amend(self, version: ApprovedVersion) -> Decision:
        """What the policy in force says of being amended by a version."""
        policy = self._context.policy
        has_fact = NARROWING in policy.program.vocabulary.facts
        return policy.decide(Request(AMEND), {NARROWING: not version.widens} if has_fact else {})

    def _require_day(self, policy: Policy) -> None:
        effective = effective_day(policy)
        if effective and effective > self._today():
            raise EditionError(
                f"it takes effect on {effective}, and not before",
                code="version-early",
                hint="it is posted by `upheld jobs` on that day",
            )

    def _today(self) -> date:
        return self._context.clock.today()

    def _insert(
        self, number: int, policy: Policy, entry: Entry, version: ApprovedVersion
    ) -> Edition:
        connection = self._connection
        entry_number, at = entries.write(connection, entry, None, self._context.clock.now())
        edition = Edition(
            number,
            policy.digest,
            policy.front.version,
            at,
            entry_number,
            version.widens,
            version.drafted_by,
            version.approved_by,
        )
        database.insert(
            connection,
            posted_version,
            number=number,
            digest=edition.digest,
            version=edition.version,
            posted=microseconds(at),
            entry=entry_number,
            widens=edition.widens,
            drafted_by=edition.drafted_by,
            approved_by=edition.approved_by,
        )
        return edition


def effective_day(policy: Policy) -> date | None:
    """The day on which a policy says that it takes effect; None where it says none."""
    effective = policy.front.effective
    return date.fromisoformat(effective) if effective and effective != "?" else None
