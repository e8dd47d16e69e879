"""Visits in blocks: many of one day together, packed by columns and sealed under the day's key.

The key of a day is derived from the keyring and a salt of that day. Once the salt is deleted the
key cannot be derived again, and neither a block nor a token of that day says anything any more.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.ids import BlockId
from upheld.database.own_tables import Tables
from upheld.gate.sealing import Sealer, SealerSource
from upheld.practices.collection.tables import visit_block, visit_day

PURPOSE: Final = "collection"
SALT_BYTES: Final = 32
TOKEN_BYTES: Final = 16
NETWORK, COOKIE, PAGE = "ip-network", "cookie-id", "page-request"
BLOCK_BYTES_MAX: Final = 1 << 28  # of a block that is opened


class PageVisit(NamedTuple):
    """A visit as it is kept; what the policy does not let us keep is empty."""

    at: int  # seconds since 1970
    route: str
    network: str = ""
    token: bytes = b""  # stands for our cookie on that day, and on no other


class _Columns(msgspec.Struct, array_like=True):
    """The visits of a block: each column as its distinct values, and which one each visit has."""

    times: list[int]
    routes: list[str]
    route_of: list[int]
    networks: list[str]
    network_of: list[int]
    tokens: list[bytes]
    token_of: list[int]


def pack(visits: Sequence[PageVisit]) -> bytes:
    """Visits as bytes."""
    times, routes, networks, tokens = zip(*visits, strict=True)
    columns = _Columns(list(times), *_distinct(routes), *_distinct(networks), *_distinct(tokens))
    return zlib.compress(msgspec.msgpack.encode(columns), 1)


def _distinct(column: Sequence[Any]) -> tuple[list[Any], list[int]]:
    values = list(dict.fromkeys(column))
    places = {value: at for at, value in enumerate(values)}
    return values, [places[each] for each in column]


def unpack(raw: bytes) -> list[PageVisit]:
    """The visits of bytes that `pack` made."""
    whole = zlib.decompressobj().decompress(raw, BLOCK_BYTES_MAX)
    each = msgspec.msgpack.decode(whole, type=_Columns)
    return [
        PageVisit(at, each.routes[route], each.networks[network], each.tokens[token])
        for at, route, network, token in zip(
            each.times, each.route_of, each.network_of, each.token_of, strict=True
        )
    ]


class DayKeys:
    """The keys of days: of their blocks, and of the tokens that stand for cookies."""

    def __init__(self, source: SealerSource, salts: dict[str, bytes]) -> None:
        self._source, self.salts = source, salts
        self._sealers: dict[tuple[str, str], Sealer] = {}

    def __repr__(self) -> str:
        return f"DayKeys({len(self.salts)} days)"

    def sealer(self, use: str, day: str) -> Sealer:
        """What seals blocks (`block`) or marks cookies (`token`) of a day."""
        sealer = self._sealers.get((use, day))
        if sealer is None:
            sealer = self._source.sealer(PURPOSE, use, day, self.salts[day].hex())
            self._sealers[use, day] = sealer
        return sealer

    def token(self, day: str, cookie: bytes) -> bytes:
        """What stands for a cookie on a day."""
        return self.sealer("token", day).mark(cookie)[:TOKEN_BYTES]

    def seal(self, day: str, block_id: BlockId, visits: Sequence[PageVisit]) -> bytes:
        """The bytes of a block."""
        return self.sealer("block", day).seal(pack(visits), day, block_id)

    def open(self, block: Any) -> list[PageVisit]:
        """The visits of a row of the table; SealError where it is not as it was written."""
        sealer = self.sealer("block", block.day)
        return unpack(sealer.unseal(block.sealed, block.day, block.block_id, what="a block"))


def days_of(tables: Tables, days: Iterable[str], *, make: bool = False) -> dict[str, bytes]:
    """The salts of some days; with `make` of all of them, those that are new at random."""
    salts: dict[str, bytes] = {}
    for day in days:
        row = tables.get(visit_day, "day = ?", day)
        if row is not None:
            salts[day] = bytes(row.salt)
        elif make:
            salts[day] = secrets.token_bytes(SALT_BYTES)
            tables.insert(visit_day, day=day, salt=salts[day])
    return salts


class SealedBlock(NamedTuple):
    """A block that is ready to be written."""

    block_id: BlockId
    day: str
    visits: int
    sealed: bytes


def seal_day(keys: DayKeys, day: str, visits: Sequence[PageVisit]) -> SealedBlock:
    """A new block of a day."""
    block_id = BlockId(secrets.token_hex(16))
    return SealedBlock(block_id, day, len(visits), keys.seal(day, block_id, visits))


def digest_of(blocks: Iterable[SealedBlock]) -> str:
    """What an entry says of the blocks that it is about."""
    whole = sha256()
    for each in blocks:
        whole.update(sha256(each.sealed).digest())
    return whole.hexdigest()


def write(
    tables: Tables,
    blocks: Iterable[SealedBlock],
    *,
    source: str,
    fields: Sequence[str],
    clauses: Sequence[str],
) -> None:
    """Write blocks."""
    tables.insert_all(
        visit_block,
        [
            {
                "block_id": each.block_id,
                "day": each.day,
                "source": source,
                "fields": " ".join(fields),
                "clauses": " ".join(clauses),
                "visits": each.visits,
                "sealed": each.sealed,
            }
            for each in blocks
        ],
    )
