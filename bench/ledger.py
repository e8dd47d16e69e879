"""How fast the ledger proves, verifies and exports, against the bare work that cannot be avoided.

Verifying is compared with decoding every entry and hashing it into the tree, and nothing else.
Prints Markdown for docs/benchmarks.md. `--leaves N` sets the size of the log that is proven from.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from upheld.ledger import entries, tree
from upheld.ledger.checkpoint import Checkpoint, sign_checkpoint
from upheld.ledger.entries import Entry
from upheld.ledger.note import LOG
from upheld.ledger.signers import FileSigner
from upheld.ledger.tiles import DISCLOSED, WIDTH, TileReader, TileWriter
from upheld.ledger.verify import prove, verify_export

SIGNER = FileSigner("bench.example/acts", LOG, bytes(32))
PROOFS = 2_000
TRIES = 3


def entry(number: int) -> Entry:
    """An entry of usual length."""
    return Entry(
        kind="act",
        id=f"{number:026}",
        time="2026-11-24T10:00:00.000000Z",
        policy="a" * 64,
        action="share",
        outcome="allow",
        clauses=("partners", "confidential"),
        data=("email", "postal-address"),
        recipient="trusted-partner",
        actor="billing",
        purpose="offers",
        evidence=(f"agreement-{number % 97}", f"consent-{number}"),
        duties=("record",),
        person=f"{number:064x}",
    )


def publish(writer: TileWriter) -> None:
    """Write what is left and the checkpoint."""
    state = Checkpoint(SIGNER.name, writer.size, writer.root())
    writer.publish(sign_checkpoint(state, SIGNER))


def weight(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def export(folder: Path, count: int) -> None:
    """Export so many entries with all that belongs to them; print the rate."""
    ready = []
    for number in range(count):
        salt, raw = entries.new_salt(), entries.encode(entry(number))
        ready.append((entries.commitment(salt, raw), entries.to_line(number, salt, raw)))
    start = time.perf_counter()
    writer = TileWriter(folder)
    for commitment, line in ready:
        writer.append(commitment, line)
    publish(writer)
    took = time.perf_counter() - start
    rate = weight(folder) / took / 1e6
    print(f"| export, {count:,} entries, synced | {rate:.0f} MB a second | 50 MB a second |")


class Line(msgspec.Struct):
    """A line of an export."""

    entry: msgspec.Raw
    index: int
    salt: str


def bare(folder: Path, count: int) -> bytes:
    """Decode every line and hash it into the tree: what no verifier can do without."""
    decoder = msgspec.json.Decoder(Line)
    frontier = tree.Frontier()
    reader = TileReader(folder, count)
    for bundle in range((count + WIDTH - 1) // WIDTH):
        row = []
        for line in reader.read(DISCLOSED, bundle)[1].splitlines():
            disclosed = decoder.decode(line)
            commitment = sha256(b64decode(disclosed.salt) + disclosed.entry).digest()
            row.append(sha256(b"\x00" + commitment).digest())
        frontier.append(tree.root_of(row))
    return frontier.root()


def verify(folder: Path, count: int) -> None:
    """Print the time of verifying an export against that of decoding and hashing."""
    ratios, times = [], []
    for _ in range(TRIES):
        start = time.perf_counter()
        bare(folder, count)
        middle = time.perf_counter()
        if not verify_export(folder, SIGNER.key).ok:
            sys.exit("the export does not verify")
        end = time.perf_counter()
        ratios.append((end - middle) / (middle - start))
        times.append(count / (end - middle))
    print(
        f"| verify all of it, {max(times):,.0f} entries a second "
        f"| {statistics.median(ratios):.2f}× decoding and hashing alone | 1.5× |"
    )


def leaves(count: int) -> Iterator[bytes]:
    """Commitments that nobody needs to open."""
    return (number.to_bytes(32, "big") for number in range(count))


def proofs(folder: Path, count: int) -> None:
    """Print the time of a proof out of the tiles of a large log, made and verified."""
    start = time.perf_counter()
    writer = TileWriter(folder)
    for commitment in leaves(count):
        writer.append(commitment)
    publish(writer)
    print(
        f"| append to tiles, {count:,} commitments "
        f"| {count / (time.perf_counter() - start):,.0f} a second | |"
    )
    root = TileReader(folder, count).subtree(0, count)
    times = []
    for index in random.Random(1).sample(range(count), PROOFS):  # noqa: S311 - to choose, not to hide
        start = time.perf_counter()
        proof = tree.inclusion_proof(index, count, TileReader(folder, count).subtree)
        times.append(time.perf_counter() - start)
        tree.verify_inclusion(tree.leaf_hash(index.to_bytes(32, "big")), index, count, proof, root)
    times.sort()
    print(
        f"| an inclusion proof from {count:,} "
        f"| median {times[PROOFS // 2] * 1e3:.2f} ms, p99 {times[PROOFS * 99 // 100] * 1e3:.2f} ms "
        f"| 1 ms |"
    )


def receipts(folder: Path, count: int) -> None:
    """Print the time of a whole receipt, made, verified and signed over."""
    times = []
    for index in random.Random(2).sample(range(count), 200):  # noqa: S311 - to choose, not to hide
        start = time.perf_counter()
        prove(folder, index, SIGNER.key)
        times.append(time.perf_counter() - start)
    print(f"| a receipt, verified before it is given | {statistics.median(times) * 1e3:.2f} ms | |")


def main() -> None:
    """Measure all, in a folder that is removed afterwards."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--entries", type=int, default=100_000)
    options.add_argument("--leaves", type=int, default=10_000_000)
    options.add_argument("--folder", type=Path, default=None, help="on which disk")
    chosen = options.parse_args()
    print(f"Measured on {os.cpu_count()} cores.\n\n| work | measured | target |\n|---|---|---|")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        export(folder / "entries", chosen.entries)
        verify(folder / "entries", chosen.entries)
        receipts(folder / "entries", chosen.entries)
        proofs(folder / "leaves", chosen.leaves)


if __name__ == "__main__":
    main()
