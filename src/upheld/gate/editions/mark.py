"""What is remembered outside the database of the version that was posted last.

It lies beside the keyring, sealed, so that a database which was put back to an earlier version, by
a restore or by a copy of its file, is not taken for the one that people were shown. It is of one
database, which its first entry tells from any other. Whoever accepts the earlier version says why.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine

from upheld.database.statements import row, to_bytes
from upheld.database.transaction import reading
from upheld.gate.editions import store
from upheld.gate.editions.store import Edition, EditionError
from upheld.policy.load import Policy
from upheld.vault.envelope import SealError, context, seal, unseal
from upheld.vault.keyfile import KeyringError, locked, read_steady, replace
from upheld.vault.keyring import Keyring

SUFFIX: Final = ".versions"
_BELONGS: Final = context("versions")
_LOG = logging.getLogger("upheld.versions")


class LastPosted(msgspec.Struct, frozen=True):
    """The version that was posted last, and the database that said so, by its first entry."""

    database: str
    number: int
    digest: str
    version: str


class VersionMark:
    """The file that belongs to a keyring."""

    def __init__(self, keyring: Keyring) -> None:
        self._key = keyring.derived("versions")
        self.path = keyring.path.with_name(keyring.path.name + SUFFIX)

    def read(self) -> LastPosted | None:
        """What is remembered; None where nothing is, EditionError where it was changed."""
        if not self.path.exists():
            return None
        raw = read_steady(self.path)
        try:
            return msgspec.json.decode(unseal(self._key, raw, _BELONGS), type=LastPosted)
        except (SealError, msgspec.MsgspecError):
            raise EditionError(
                f"{self.path} is not what this keyring wrote",
                code="version-mark",
                hint="bring it back; or look at `upheld version list`, and accept what the database"
                " says with `upheld version accept-restored`",
            ) from None

    def require(
        self, memory: LastPosted | None, connection: Connection, posted: Sequence[Edition]
    ) -> None:
        """Remember the last of the versions that a database says were posted.

        EditionError where a later one was, or another one in its place: by what was remembered
        before the database was read, so that a posting meanwhile is not taken for that.
        """
        there = self.compare(memory, connection, posted)
        current = memory is not None and (memory.database, memory.number) == (there, len(posted))
        if there and posted and not current:
            self._write(posted[-1], there, at_least=True)

    def compare(
        self, memory: LastPosted | None, connection: Connection, posted: Sequence[Edition]
    ) -> str:
        """What tells the database from others; EditionError as for `require`."""
        there = _database(connection)
        if memory is not None and memory.database == there:
            same = len(posted) >= memory.number
            if not same or posted[memory.number - 1].digest != memory.digest:
                raise _older(memory, posted)
        return there

    def differing(self, posted: Sequence[Edition]) -> LastPosted | None:
        """What is remembered, if that is not the last of what was posted."""
        try:
            memory = self.read()
        except EditionError:
            return LastPosted("", 0, "", "")
        return None if memory is None or (posted and memory.digest == posted[-1].digest) else memory

    def accept(self, connection: Connection, posted: Sequence[Edition]) -> None:
        """Take what a database says as it is."""
        if posted:
            self._write(posted[-1], _database(connection))
        else:
            self.path.unlink(missing_ok=True)

    def _write(self, edition: Edition, database: str, *, at_least: bool = False) -> None:
        """Remember a version; `at_least`: not in place of a later one that somebody else wrote."""
        last = LastPosted(database, edition.number, edition.digest, edition.version)
        try:
            with locked(self.path):
                memory = self.read() if at_least else None
                if memory is None or memory.database != database or memory.number < last.number:
                    replace(self.path, seal(self._key, msgspec.json.encode(last), _BELONGS))
        except KeyringError as error:  # it is read where nothing can be written, too
            _LOG.warning("which version was posted last is not remembered: %s", error)


def in_force(engine: Engine, keyring: Keyring) -> tuple[tuple[Edition, ...], Policy] | None:
    """The versions that were posted and the policy that is the last; None where none was.

    EditionError where the database was put back to before what is remembered of it.
    """
    mark = VersionMark(keyring)
    memory = mark.read()
    with reading(engine) as connection:
        versions = store.in_force(connection)
        mark.require(memory, connection, versions[0] if versions else ())
    return versions


def _database(connection: Connection) -> str:
    """What tells a database from others, wherever it lies; empty for one with no entry."""
    first = row(connection, "SELECT leaf FROM entry ORDER BY number LIMIT 1")
    return to_bytes(first[0]).hex() if first else ""


def _older(memory: LastPosted, posted: Sequence[Edition]) -> EditionError:
    there = f"version {posted[-1].version or posted[-1].number}" if posted else "none"
    return EditionError(
        f"version {memory.version or memory.number} of the policy was posted (digest"
        f" {memory.digest[:12]}), and the database says {there}: it is older, or another one",
        code="version-restored",
        hint="restore a later backup; or accept it: `upheld version accept-restored --because …`",
    )
