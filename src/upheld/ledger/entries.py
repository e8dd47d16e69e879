"""What an entry of the ledger says, its one encoding, and the commitment that stands in the tree.

An entry is JSON in canonical form: UTF-8, keys sorted, no space, no number but whole ones up to
2^53 - 1, and nothing for what is empty; RFC 8785 gives the same bytes. The tree holds
SHA-256(salt ‖ entry), never the entry: without the salt nobody can tell whether an entry that they
guess is in the log. A salt has 24 random bytes, which base64 writes without a spare bit.

Categories and ids stand in an entry, values never. What is about a person alone is sealed elsewhere
under that person's key; `person` is the digest of what was sealed, which outlives the key.
"""

from __future__ import annotations

import os
from base64 import b64encode
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from upheld.core.dimensions import EntryDimensions
from upheld.core.errors import UpheldError

SALT_BYTES: Final = 24
SECOND: Final = 1_000_000  # microseconds
ENTRY_BYTES_MAX: Final = 1024 * 1024

Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Time = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z(?!\n)$",
        description="a moment in UTC, to the microsecond",
    ),
]
Digest = Annotated[
    str,
    Meta(pattern=r"^([0-9a-f]{64})?(?!\n)$", description="a SHA-256 in hexadecimal, or none"),
]
Words = tuple[str, ...]


class EntryError(UpheldError, ValueError):
    """Bytes that are no entry, or an entry that cannot be written."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="entry", hint="see entry.schema.json in upheld/ledger")


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Many acts of one decision in one entry: how many, from when to when, and their rows."""

    count: Count
    first: Time
    last: Time
    rows: Digest


class Entry(
    EntryDimensions,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    cache_hash=True,
    gc=False,  # words alone are in it, so that none can be part of a cycle
):
    """One act, as the ledger tells it; what is empty is left out.

    `problem` says what refused an act that the policy would have allowed, or could not decide;
    `after` is the id of the entry that this one completes (an intent that was carried out);
    `violation` says how an act came to happen that no clause allowed; `values` are digests of the
    sealed values that were read or written; `previous` is the last checkpoint of the log before a
    restore, in a new log's first entry; `policies` are digests of earlier versions of the policy
    that were asked besides, because the one in force does not bind somebody yet, and of
    licences of what others told us.
    """

    kind: Annotated[str, Meta(pattern=r"^[a-z]+([.-][a-z]+)*(?!\n)$")]
    time: Time
    id: str = ""
    policy: str = ""
    policies: Words = ()
    action: str = ""
    outcome: Literal["allow", "deny", "needs-proof", ""] = ""
    problem: str = ""
    clauses: Words = ()
    data: Words = ()
    evidence: Words = ()
    duties: Words = ()
    values: tuple[Digest, ...] = ()
    person: Digest = ""
    after: str = ""
    batch: Batch | None = None
    violation: str = ""
    previous: str = ""


_NOBODY: Final = "0" * 64
_PERSON: Final = b'"person":"'
_LONG_AGO: Final = "2000-01-01T00:00:00.000000Z"
_TIME: Final = b'"time":"'
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DECODER: Final = msgspec.json.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    """The canonical bytes of an entry."""
    try:
        raw = _ENCODER.encode(entry)
    except UnicodeEncodeError:
        raise EntryError("an entry's text is not Unicode") from None
    decode(raw)  # a struct is not checked when it is made; what is written must be readable
    return raw


@lru_cache(maxsize=1024)
def _around(entry: Entry) -> tuple[bytes, bytes, bytes]:
    """The canonical bytes of an entry before, between and after its person and its time."""
    raw = encode(msgspec.structs.replace(entry, person=_NOBODY, time=_LONG_AGO))
    before, _, rest = raw.partition(_PERSON)  # within a text these quotation marks are escaped
    between, _, rest = rest[len(_NOBODY) :].partition(_TIME)
    return before + _PERSON, between + _TIME, rest[len(_LONG_AGO) :]


def encode_at(entry: Entry, time: str, *, person: str = "", batch: Batch | None = None) -> bytes:
    """The canonical bytes of an entry with its time (a `stamp`), and `person` or `batch`.

    What many entries have in common is checked and encoded once: all but these, and but for what it
    rests on and the digests of its values.
    """
    if entry.evidence or entry.values:
        _around(msgspec.structs.replace(entry, evidence=(), values=()))
        return _whole(msgspec.structs.replace(entry, time=time, person=person, batch=batch))
    before, between, after = _around(entry)
    if person:
        return b"".join((before, person.encode(), between, time.encode(), after))
    return _ENCODER.encode(msgspec.structs.replace(entry, time=time, batch=batch))


def _whole(entry: Entry) -> bytes:
    """The bytes of an entry that is checked but for what it rests on and its values' digests."""
    try:
        msgspec.convert((entry.evidence, entry.values), tuple[Words, tuple[Digest, ...]])
        raw = _ENCODER.encode(entry)
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise EntryError(
            "what an entry rests on is not text, or a digest is not a digest"
        ) from None
    if len(raw) > ENTRY_BYTES_MAX:
        raise EntryError(f"an entry has {len(raw)} bytes, want at most {ENTRY_BYTES_MAX}")
    return raw


def decode(raw: bytes) -> Entry:
    """The entry in canonical bytes; EntryError for any other bytes."""
    if len(raw) > ENTRY_BYTES_MAX:
        raise EntryError(f"an entry has {len(raw)} bytes, want at most {ENTRY_BYTES_MAX}")
    try:
        entry = _DECODER.decode(raw)
        same = _ENCODER.encode(entry) == raw
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EntryError(f"an entry cannot be read: {error}") from None
    if not same:
        raise EntryError("an entry is not in canonical form")
    return entry


def stamp(moment: datetime) -> str:
    """A moment as an entry writes it; it must say its zone."""
    if moment.tzinfo is None:
        raise EntryError("a moment has no time zone")
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds")[:26] + "Z"


def stamped(at: int) -> str:
    """A moment as an entry writes it, given as whole microseconds since 1970 in UTC."""
    # Added up, because to format a number costs several times as much.
    return _second(at // SECOND) + str(SECOND + at % SECOND)[1:] + "Z"


@lru_cache(maxsize=64)  # many acts are of one second
def _second(seconds: int) -> str:
    """A second, up to the point after it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "."


def new_salt() -> bytes:
    """A fresh salt from the operating system."""
    return os.urandom(SALT_BYTES)


def commitment(salt: bytes, raw: bytes) -> bytes:
    """The commitment to an entry's canonical bytes: what the tree holds as a leaf's data."""
    if len(salt) != SALT_BYTES:
        # Of a fixed length, so that no byte can be moved between salt and entry.
        raise EntryError(f"a salt has {len(salt)} bytes, want {SALT_BYTES}")
    return sha256(salt + raw).digest()


def to_line(index: int, salt: bytes, raw: bytes) -> bytes:
    """An entry with its place and its salt, as a line of an export for auditors."""
    return b'{"entry":%b,"index":%d,"salt":"%b"}' % (raw, index, b64encode(salt))


def schema() -> dict[str, object]:
    """The JSON Schema of an entry, as it is published in entry.schema.json."""
    plain: dict[str, object] = msgspec.to_builtins(msgspec.json.schema(Entry))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **plain}
