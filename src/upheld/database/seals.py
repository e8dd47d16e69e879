"""The marks on rows that decide, and the covers over people's sets of them.

A row's MAC is the first half of HMAC-SHA-512 over its table's name and its whole content. A part of
the second half, which is never stored, is what the row adds to the cover of its owner: of each part
of their set how many rows there are and the sum of these. So a set can be changed row by row, and
whoever has seen any number of rows and MACs cannot put together another set of the same sum. The
cover is sealed for its owner, and counts how often it was changed, which entries tell.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.hmac import HMAC
from sqlalchemy import Connection, Engine

from upheld.core.errors import UpheldError
from upheld.core.ids import NOBODY
from upheld.database.connection import WriteConnection
from upheld.database.declared import Declaration

_OPTION: Final = "upheld_seals"
_MAC: Final = 32
_ELEMENT: Final = slice(32, 48)
_SUM_BYTES: Final = 16
_MODULUS: Final = 1 << (8 * _SUM_BYTES)
_NONCE: Final = 12
OPENED_MAX: Final = 1024  # covers that are remembered to be read
_ENCODE: Final = msgspec.msgpack.Encoder().encode


class SealedError(UpheldError):
    """A row that decides, or a person's set of such rows, that is not as it was written."""


class Cover(msgspec.Struct, array_like=True, gc=False):
    """Of one owner: how often the set was changed, and of each part its count and its sum.

    Nobody's names the tables besides whose rows are sealed in this database: see
    gate/older_databases.py. `latest` has the last moment that the rows of a part tell of, as long
    as no row joins or leaves it.
    """

    version: int
    parts: dict[str, tuple[int, bytes]]
    tables: tuple[str, ...] = ()
    latest: dict[str, int] = {}

    def tally(self, part: str) -> tuple[int, int]:
        """How many rows a part has, and their sum."""
        count_and_sum = self.parts.get(part)
        return (
            (count_and_sum[0], int.from_bytes(count_and_sum[1], "big")) if count_and_sum else (0, 0)
        )

    def copy(self) -> Cover:
        """Another one that says the same, and can be changed."""
        return Cover(self.version, {**self.parts}, self.tables, {**self.latest})

    def add(self, part: str, rows: int, element: int) -> None:
        """Count rows into a part, or out of it."""
        self.latest.pop(part, None)
        count, total = self.tally(part)
        count, total = count + rows, (total + element) % _MODULUS
        if count == total == 0:
            self.parts.pop(part, None)
        else:
            self.parts[part] = count, total.to_bytes(_SUM_BYTES, "big")


_COVER: Final = msgspec.msgpack.Decoder(Cover)


class Seals:
    """The keys of a database's rows that decide, made ready once."""

    def __init__(self, key: bytes) -> None:
        self._row = HMAC(hmac.digest(key, b"row", "sha256"), SHA512())
        self._cover = AESGCM(hmac.digest(key, b"cover", "sha256"))
        self._opened: dict[tuple[str, bytes], Cover] = {}  # so far, to be read alone

    def mark(self, name: str, content: Sequence[Any]) -> tuple[bytes, int]:
        """A row's MAC, and what it adds to its owner's cover; by the name of its table.

        Columns at the end that are empty do not count, so that a column can be added.
        """
        last = len(content)
        while content[last - 1] is None:
            last -= 1
        digest = self._row.copy()
        # No two lists of texts, numbers, bytes and nothings are the same in MessagePack.
        digest.update(_ENCODE((name, *content[:last])))
        whole = digest.finalize()
        return whole[:_MAC], int.from_bytes(whole[_ELEMENT], "big")

    def element(self, name: str, content: Sequence[Any], mac: object) -> int | None:
        """What a row that was read adds to its owner's cover; None where its MAC is not ours."""
        try:
            expected, element = self.mark(name, content)
        except (TypeError, OverflowError, ValueError, IndexError):  # a kind that we never write
            return None
        return element if type(mac) is bytes and hmac.compare_digest(expected, mac) else None

    def seal_cover(self, owner: str, cover: Cover) -> bytes:
        """A cover sealed for its owner."""
        nonce = os.urandom(_NONCE)
        raw = nonce + self._cover.encrypt(nonce, _ENCODE(cover), owner.encode())
        if owner == NOBODY:  # which the next act with proofs reads
            self._remember(owner, raw, cover.copy())
        return raw

    def open_cover(self, owner: str, raw: object) -> Cover:
        """An owner's cover; SealedError where it is none of theirs."""
        try:
            if type(raw) is bytes:
                plain = self._cover.decrypt(raw[:_NONCE], raw[_NONCE:], owner.encode())
                return _COVER.decode(plain)
        except (InvalidTag, ValueError):
            pass
        raise alteration_error(owner)

    def read_cover(self, owner: str, raw: object) -> Cover:
        """An owner's cover to read and not to change; opened once for the same bytes.

        SealedError where it is none of theirs.
        """
        if type(raw) is not bytes:
            raise alteration_error(owner)
        cover = self._opened.get((owner, raw))
        if cover is None:
            cover = self.open_cover(owner, raw)
            self._remember(owner, raw, cover)
        return cover

    def cover_to_change(self, owner: str, raw: object) -> Cover:
        """An owner's cover that may be changed; SealedError where it is none of theirs."""
        cover = self._opened.get((owner, raw)) if type(raw) is bytes else None
        return self.open_cover(owner, raw) if cover is None else cover.copy()

    def _remember(self, owner: str, raw: bytes, cover: Cover) -> None:
        """Remember a cover, which nobody changes from here on, by its own bytes."""
        if len(self._opened) >= OPENED_MAX:
            self._opened.clear()
        self._opened[owner, raw] = cover


def part_of(table: Declaration, content: Sequence[Any]) -> str:
    """The part of its owner's set that a row counts in."""
    return table.name if table.part is None else f"{table.name}/{content[table.part]}"


def owner_of(table: Declaration, content: Sequence[Any]) -> str:
    """Whose set a row counts in."""
    return NOBODY if table.owner is None else content[table.owner]


Tallies = dict[tuple[str, str], tuple[int, int]]  # of an owner's part: how many rows, and their sum


def tally_rows(
    table: Declaration, rows_with_elements: Iterable[tuple[Sequence[Any], int]]
) -> Tallies:
    """What some rows with their elements come to."""
    tallies: Tallies = {}
    for content, element in rows_with_elements:
        at = owner_of(table, content), part_of(table, content)
        count, total = tallies.get(at, (0, 0))
        tallies[at] = count + 1, sum_with(total, element)
    return tallies


def sum_with(total: int, element: int) -> int:
    """A sum of what rows add, with one more."""
    return (total + element) % _MODULUS


def alteration_error(owner: str, what: str = "") -> SealedError:
    """What is told of a set that is not as it was written."""
    whose = f"of person {owner}" if owner else "that is nobody's"
    subject = f"a row of `{what}` {whose}" if what else f"what is kept {whose}"
    return SealedError(
        f"{subject} was changed, added, put back or taken away by somebody else",
        code="changed-row",
        hint="see `upheld admin selfcheck`, and who can write to the database",
    )


def latest_cover(
    connection: Connection, owner: str, raw: object, *, to_change: bool = False
) -> Cover:
    """An owner's cover as it is now; SealedError where it is none of theirs, or an old one.

    Only one that was asked for `to_change` may be changed.
    Whoever writes has their turn, and sees what was written last; what this process wrote itself
    it remembers, so that rows and cover put back together, as both once were, do not pass here.
    """
    seals: Seals = getattr(connection, "seals", None) or seals_of(connection)
    link = connection if isinstance(connection, WriteConnection) else None
    if link is not None and not to_change and raw:
        waits = link.counted_once is not None and owner in link.counted_once.waiting
        if waits or link.raw_covers.get(owner) == raw:
            mine: Cover = link.memory[owner]  # which this transaction read or wrote, or will
            return mine
    cover = seals.cover_to_change(owner, raw) if to_change else seals.read_cover(owner, raw)
    if link is not None and link.change_counts is not None:
        least: int = link.change_counts.least(owner)
        if cover.version < least:
            raise alteration_error(owner)
    return cover


def set_row_key(engine: Engine, key: bytes) -> None:
    """Let rows that decide be read and written on a database, by a key of its keyring."""
    if engine.get_execution_options().get(_OPTION) is None:
        engine.update_execution_options(**{_OPTION: Seals(key)})


def seals_of(connection: Connection) -> Seals:
    """The keys of a connection's database; SealedError where it was opened without a keyring."""
    if type(connection) is WriteConnection and connection.seals is not None:
        ready: Seals = connection.seals
        return ready
    seals: Seals | None = connection.engine.get_execution_options().get(_OPTION)
    if seals is None:
        raise SealedError(
            "the database was opened without its keyring",
            code="no-keyring",
            hint="name the keyring",
        )
    if type(connection) is WriteConnection:
        connection.seals = seals
    return seals
