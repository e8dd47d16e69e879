"""Visits in blocks: many of one day together, packed by columns and sealed under the day's key.

The key of a day is derived from the keyring and a salt of that day. Once the salt is deleted the
key cannot be derived again, and neither a block nor a token of that day says anything any more.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.errors import UpheldError
from upheld.core.ids import BlockId, PersonId
from upheld.database.own_tables import Tables, placeholders
from upheld.gate.public import SealedError
from upheld.gate.sealing import Sealer, SealerSource
from upheld.practices.collection.tables import COUNTED, visit_block, visit_day

PURPOSE: Final = "collection"
SALT_BYTES: Final = 32
TOKEN_BYTES: Final = 16
BITS_MAX: Final = 16  # of tokens, by which the blocks of a day are told apart
BITS_AT_ONCE: Final = 500  # beginnings in one query
NETWORK, COOKIE, PAGE = "ip-network", "cookie-id", "page-request"
BLOCK_BYTES_MAX: Final = 1 << 28  # of a block that is opened


class DayKeyError(UpheldError):
    """A day whose key was changed or taken away: nothing is taken in of it."""


class PageVisit(NamedTuple):
    """A visit as it is kept; what the policy does not let us keep is empty."""

    at: int  # seconds since 1970
    route: str
    network: str = ""
    token: bytes = b""  # stands for our cookie on that day, and on no other


class VisitColumns(msgspec.Struct, array_like=True):
    """The visits of a block: each column as its distinct values, and which one each visit has."""

    times: list[int]
    routes: list[str]
    route_of: list[int]
    networks: list[str]
    network_of: list[int]
    tokens: list[bytes]
    token_of: list[int]

    def visits(self) -> list[PageVisit]:
        """The visits one by one."""
        return [
            PageVisit(at, self.routes[route], self.networks[network], self.tokens[token])
            for at, route, network, token in zip(
                self.times, self.route_of, self.network_of, self.token_of, strict=True
            )
        ]

    def without(self, tokens: Collection[bytes]) -> VisitColumns:
        """The visits that came with none of some tokens, without the values of the others."""
        gone = {at for at, each in enumerate(self.tokens) if each in tokens}
        return self._only([at for at, token in enumerate(self.token_of) if token not in gone])

    def under(self, others: Mapping[bytes, Sequence[tuple[int, bytes]]]) -> VisitColumns:
        """The visits that came with some tokens before a time, with another token in its place.

        `others` says before when, in seconds since 1970, the earliest first, and which.
        """
        pairs = [
            (at, new)
            for at, (time, token) in enumerate(zip(self.times, self.token_of, strict=True))
            for new in [_first_after(others.get(self.tokens[token], ()), time)]
            if new
        ]
        columns = self._only([at for at, _ in pairs])
        columns.tokens, columns.token_of = _distinct([new for _, new in pairs])
        return columns

    def without_routes(self) -> VisitColumns:
        """The visits without which page each was of."""
        return msgspec.structs.replace(self, routes=[""], route_of=[0] * len(self.times))

    def _only(self, stay: list[int]) -> VisitColumns:
        """The visits at some places, without the values of the others."""
        routes, route_of = _still(self.routes, self.route_of, stay)
        networks, network_of = _still(self.networks, self.network_of, stay)
        others, token_of = _still(self.tokens, self.token_of, stay)
        times = [self.times[at] for at in stay]
        return VisitColumns(times, routes, route_of, networks, network_of, others, token_of)


def _first_after(others: Sequence[tuple[int, bytes]], time: int) -> bytes:
    return next((token for end, token in others if time < end), b"")


def _still(values: list[Any], value_of: list[int], stay: list[int]) -> tuple[list[Any], list[int]]:
    """A column of those visits that stay."""
    mine = [value_of[at] for at in stay]
    used = list(dict.fromkeys(mine))
    if len(used) == len(values):
        return values, mine
    places = {value: at for at, value in enumerate(used)}
    return [values[each] for each in used], [places[each] for each in mine]


def columns_of(visits: Sequence[PageVisit]) -> VisitColumns:
    """Visits by columns."""
    times, routes, networks, tokens = zip(*visits, strict=True)
    return VisitColumns(list(times), *_distinct(routes), *_distinct(networks), *_distinct(tokens))


def pack(columns: VisitColumns) -> bytes:
    """Columns as bytes: tokens first and by themselves, so that they are looked for quickly."""
    rest = msgspec.structs.replace(columns, tokens=[])
    encode = msgspec.msgpack.encode
    # Tokens look like chance: to compress them would win nothing.
    return zlib.compress(encode(columns.tokens), 0) + zlib.compress(encode(rest), 1)


def _distinct(column: Sequence[Any]) -> tuple[list[Any], list[int]]:
    values = list(dict.fromkeys(column))
    places = {value: at for at, value in enumerate(values)}
    return values, [places[each] for each in column]


def unpack(raw: bytes) -> VisitColumns:
    """The columns of bytes that `pack` made, or an earlier upheld, which had all in one."""
    first, rest = _inflate(raw)
    if not rest:
        return msgspec.msgpack.decode(first, type=VisitColumns)
    columns = msgspec.msgpack.decode(_inflate(rest)[0], type=VisitColumns)
    columns.tokens = msgspec.msgpack.decode(first, type=list[bytes])
    return columns


def tokens_in(raw: bytes) -> list[bytes]:
    """The distinct tokens of bytes that `pack` made."""
    first, rest = _inflate(raw)
    return msgspec.msgpack.decode(first, type=list[bytes]) if rest else unpack(raw).tokens


def _inflate(raw: bytes) -> tuple[bytes, bytes]:
    """What was compressed first, and the bytes after it."""
    inflating = zlib.decompressobj()
    return inflating.decompress(raw, BLOCK_BYTES_MAX), inflating.unused_data


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

    def token_in_doubt(self, day: str, person_id: PersonId, token: bytes) -> bytes:
        """What stands for a token where its visits are kept in case they are somebody's.

        It is found by whoever knows whose they may be, and their cookie, and by nobody else.
        """
        return self.sealer("in doubt", day).mark_of(person_id, token)[:TOKEN_BYTES]

    def seal(self, day: str, block_id: BlockId, columns: VisitColumns) -> bytes:
        """The bytes of a block."""
        return self.sealer("block", day).seal(pack(columns), day, block_id)

    def open(self, block: Any) -> list[PageVisit]:
        """The visits of a row of the table; SealError where it is not as it was written."""
        return self.columns(block).visits()

    def columns(self, block: Any) -> VisitColumns:
        """The visits of a row by columns, as `open`."""
        return unpack(self._unseal(block))

    def tokens_in(self, block: Any) -> list[bytes]:
        """The distinct tokens of a row's visits, as `open`; nothing else of it is read."""
        return tokens_in(self._unseal(block))

    def _unseal(self, block: Any) -> bytes:
        sealer = self.sealer("block", block.day)
        return sealer.unseal(block.sealed, block.day, block.block_id, what="a block")


def days_of(tables: Tables, days: Iterable[str], *, make: bool = False) -> dict[str, bytes]:
    """The salts of some days; with `make` of all of them, those that are new at random.

    SealedError where one was changed. With `make`, DayKeyError also where one was taken away of
    which visits are kept: they would open no more, even if it were put back.
    """
    salts: dict[str, bytes] = {}
    for day in days:
        try:
            row = tables.get(visit_day, "day = ?", day)
        except SealedError:
            if make:
                raise _damaged_key(day) from None
            raise
        if row is not None:
            salts[day] = bytes(row.salt)
        elif make:
            if tables.select_unchecked(visit_block, ["day"], f"{COUNTED} AND day = ?", day):
                raise _damaged_key(day)
            salts[day] = secrets.token_bytes(SALT_BYTES)
            tables.insert(visit_day, day=day, salt=salts[day])
    return salts


def _damaged_key(day: str) -> DayKeyError:
    return DayKeyError(
        f"the key of the visits of {day} was changed or taken away by somebody else",
        code="day-key",
        hint="put its row of `visit_day` back from a backup; if there is none,"
        " `upheld collect new-key` gives the day another",
    )


class SealedBlock(NamedTuple):
    """A block that is ready to be written."""

    block_id: BlockId
    day: str
    visits: int
    sealed: bytes
    token_bits: str | None = None  # with which each of its tokens begins; None where with any


def seal_day(
    keys: DayKeys, day: str, visits: Sequence[PageVisit], token_bits: str | None = None
) -> SealedBlock:
    """A new block of a day."""
    return seal_columns(keys, day, columns_of(visits), token_bits)


def seal_columns(
    keys: DayKeys, day: str, columns: VisitColumns, token_bits: str | None = None
) -> SealedBlock:
    """A new block of a day, of visits by columns."""
    block_id = BlockId(secrets.token_hex(16))
    sealed = keys.seal(day, block_id, columns)
    return SealedBlock(block_id, day, len(columns.times), sealed, token_bits)


def bits_of(token: bytes, count: int) -> str:
    """The first bits of a token, as 0 and 1."""
    return f"{int.from_bytes(token[: BITS_MAX // 8]):0{BITS_MAX}b}"[:count]


def where_tokens_may_be(
    tables: Tables, day: str, tokens: Collection[bytes]
) -> Iterator[tuple[str, list[str]]]:
    """Conditions, with their values, for the blocks of a day that may have visits of some tokens.

    No block is of two of them.
    """
    where, values = "day = ? AND fields LIKE ?", [day, f"%{COOKIE}%"]
    yield f"{where} AND token_bits IS NULL", values
    rows = tables.select_unchecked(visit_block, ["token_bits"], where, *values)
    there = {str(bits) for (bits,) in rows if bits}
    lengths = {len(bits) for bits in there}
    mine = sorted(there & {bits_of(token, length) for token in tokens for length in lengths})
    for first in range(0, len(mine), BITS_AT_ONCE):
        some = mine[first : first + BITS_AT_ONCE]
        yield f"{where} AND token_bits IN ({placeholders(some)})", [*values, *some]


def digest_of(blocks: Iterable[SealedBlock]) -> str:
    """What an entry says of the blocks that it is about."""
    whole = sha256()
    for each in blocks:
        whole.update(sha256(each.sealed).digest())
    return whole.hexdigest()


def write(  # noqa: PLR0913 - what belongs to a block
    tables: Tables,
    blocks: Iterable[SealedBlock],
    *,
    source: str,
    fields: Sequence[str],
    clauses: Sequence[str],
    apart: bool | None = None,
    gone: int | None = None,
) -> None:
    """Write blocks; `apart` says whether what is in them is told as gone, of what a hold keeps.

    And `gone` when it was, in microseconds.
    """
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
                "token_bits": each.token_bits,
                "apart": apart,
                "gone": gone,
            }
            for each in blocks
        ],
    )
