"""Logs to test with: keys and salts that are always the same, entries, and whole exports."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from upheld.ledger import entries
from upheld.ledger.entries import SALT_BYTES, Entry
from upheld.ledger.export import export_lines
from upheld.ledger.note import LOG, WITNESS
from upheld.ledger.signers import FileSigner

ORIGIN = "larch.example/acts"
SIGNER = FileSigner(ORIGIN, LOG, bytes(range(32)))
OTHER = FileSigner(ORIGIN, LOG, bytes(range(1, 33)))
COSIGNER = FileSigner("witness.example/w1", WITNESS, bytes(range(2, 34)))
MOMENT = 1_790_000_000


def entry(number: int) -> Entry:
    """An entry that no other number has."""
    return Entry(
        kind="act",
        id=f"act-{number}",
        time="2026-11-24T10:00:00.000000Z",
        action="share",
        outcome="allow",
        clauses=("partners",),
        data=("email",),
        recipient="partner",
    )


def salt(number: int) -> bytes:
    """The salt of an entry, in tests always the same."""
    return sha256(b"salt %d" % number).digest()[:SALT_BYTES]


def line(number: int) -> bytes:
    """An entry with its salt, as a file of entries has it."""
    raw = json.loads(entries.encode(entry(number)))
    told = {"entry": raw, "salt": b64encode(salt(number)).decode()}
    return json.dumps(told).encode() + b"\n"


def export(folder: Path, numbers: Iterable[int]) -> Path:
    """A signed export of the entries with these numbers."""
    export_lines([line(number) for number in numbers], folder, ORIGIN, SIGNER)
    return folder
