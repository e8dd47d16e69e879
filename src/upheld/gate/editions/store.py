"""The versions that were posted, and their bytes, in the database: what every process obeys.

The last one posted is in force. Each transaction of a gate asks whether that is still the one by
which it decides: one number, read together with what is read anyway. A copy is found by its digest
and believed by its mark; it is loaded once a process, and a bounded number of them is kept in mind.
"""

from __future__ import annotations

import threading
import zlib
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine

from upheld.core.errors import PolicyError, UpheldError
from upheld.core.ids import EntryNumber, UserId
from upheld.database import rows as database
from upheld.database.statements import Query, row, to_datetime
from upheld.database.transaction import reading
from upheld.gate.editions.tables import licence, policy_copy, posted_version
from upheld.policy.load import Policy, pack, unpack
from upheld.policy.program import Program, digest_of

NEWEST: Final[Query] = ("SELECT coalesce(max(number), 0) FROM posted_version", ())
LOADED_MAX: Final = 16  # versions that a process has in mind


class EditionError(UpheldError):
    """A version that cannot be posted, or whose copy cannot be read."""


class Edition(NamedTuple):
    """A version that was posted. `entry` is the number of the entry that says so."""

    number: int
    digest: str
    version: str
    posted_at: datetime
    entry: EntryNumber
    widens: bool
    drafted_by: UserId
    approved_by: UserId


class _Loaded:
    """Policies by digest, the ones that were asked for last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._policies: dict[str, Policy] = {}

    def get(self, digest: str) -> Policy | None:
        with self._lock:
            policy = self._policies.pop(digest, None)
            if policy is not None:
                self._policies[digest] = policy
            return policy

    def put(self, policy: Policy) -> None:
        with self._lock:
            self._policies[policy.digest] = policy
            while len(self._policies) > LOADED_MAX:
                del self._policies[next(iter(self._policies))]


_LOADED: Final = _Loaded()


def newest(connection: Connection) -> int:
    """The number of the version in force; 0 where none was posted."""
    (number,) = row(connection, NEWEST[0]) or (0,)
    return int(number)


def was_posted(engine: Engine) -> bool:
    """Whether a database says that a version was posted; whoever opens it checks that."""
    with reading(engine) as connection:
        return newest(connection) > 0


def editions(connection: Connection) -> list[Edition]:
    """All versions that were posted, the first one first; SealedError where a row was changed."""
    return [
        Edition(
            each.number,
            each.digest,
            each.version,
            to_datetime(each.posted),
            each.entry,
            each.widens,
            each.drafted_by,
            each.approved_by,
        )
        for each in sorted(
            database.select(connection, posted_version), key=lambda each: each.number
        )
    ]


def in_force(connection: Connection) -> tuple[tuple[Edition, ...], Policy] | None:
    """The versions that were posted and the policy that is the last; None where none was."""
    posted = tuple(editions(connection))
    return (posted, policy_of(connection, posted[-1].digest)) if posted else None


class PolicyFinder:
    """The policy by which each entry was decided, in one transaction.

    That is the one in force where the entry's own was never posted, as before there were versions.
    """

    def __init__(self, connection: Connection, now: Policy) -> None:
        self._connection, self._now = connection, now
        self._posted: dict[str, int] | None = None

    def number(self, digest: str) -> int | None:
        """The number of the version with a digest; None where none was posted."""
        if self._posted is None:
            self._posted = {each.digest: each.number for each in editions(self._connection)}
        return self._posted.get(digest)

    def find(self, digest: str) -> Policy:
        """The policy with a digest, or the one in force."""
        if digest == self._now.digest or self.number(digest) is None:
            return self._now
        return policy_of(self._connection, digest)


def keep_copy(connection: Connection, policy: Policy) -> None:
    """Keep the bytes of a policy, if they are not there yet."""
    compiled = zlib.compress(pack(policy))
    database.insert_new(connection, policy_copy, digest=policy.digest, compiled=compiled)


def delete_copy(connection: Connection, digest: str) -> None:
    """Delete the bytes of a draft; those of a version that was posted stay, or of a licence."""
    others = [each.digest for each in database.select(connection, licence)]
    if digest not in others and all(each.digest != digest for each in editions(connection)):
        database.delete(connection, policy_copy, "digest = ?", digest)


def in_mind(digest: str) -> Policy | None:
    """The policy with a digest, if this process has it in mind."""
    return _LOADED.get(digest)


def policy_of(connection: Connection, digest: str) -> Policy:
    """The policy with a digest; EditionError where its copy is not there or is another's."""
    policy = _LOADED.get(digest)
    if policy is None:
        policy = read_copy(connection, digest)
        _LOADED.put(policy)
    return policy


def read_copy(connection: Connection, digest: str) -> Policy:
    """The policy with a digest out of the database, whatever is in mind; EditionError as above."""
    return Policy(read_program(connection, digest))


def read_program(connection: Connection, digest: str) -> Program:
    """What the copy with a digest holds; EditionError where its bytes do not give that digest."""
    stored = database.get(connection, policy_copy, "digest = ?", digest)
    if stored is None:
        raise EditionError(
            f"the database has no copy of the policy {digest[:12]}",
            code="version-copy",
            hint="restore it from a backup",
        )
    try:
        program = unpack(zlib.decompress(stored.compiled), f"policy {digest[:12]}")
    except (zlib.error, PolicyError):
        raise EditionError(
            f"the copy of the policy {digest[:12]} cannot be read",
            code="version-copy",
            hint="restore it from a backup",
        ) from None
    # What the copy says of itself is not enough: its digest is worked out of its texts.
    if not program.digest == digest == digest_of(program.source, program.vocabulary):
        raise EditionError(
            f"the copy of the policy {digest[:12]} is another one's",
            code="version-copy",
            hint="restore it from a backup",
        )
    return program
