"""The wrong variants of a right proof, each by its name, and trees in the obvious way.

Goes in: a right inclusion or consistency proof. Comes out: everything that a verifier must refuse.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

EMPTY = sha256(b"").digest()
VECTORS = Path(__file__).with_name("vectors")
REFERENCE = json.loads((VECTORS / "rfc6962.json").read_text())
LEAVES = [sha256(b"\x00" + bytes.fromhex(each)).digest() for each in REFERENCE["leaves"]]
ROOTS = [bytes.fromhex(each) for each in REFERENCE["roots"]]


@dataclass(frozen=True)
class Inclusion:
    """A claim that a leaf is in a tree."""

    leaf: bytes
    index: int
    size: int
    proof: tuple[bytes, ...]
    root: bytes


@dataclass(frozen=True)
class Consistency:
    """A claim that a tree is the beginning of another."""

    first: int
    second: int
    proof: tuple[bytes, ...]
    first_root: bytes
    second_root: bytes


def mth(leaves: list[bytes]) -> bytes:
    """The root over hashes of leaves, as RFC 6962 defines it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY
    at = 1
    while at * 2 < len(leaves):
        at *= 2
    return sha256(b"\x01" + mth(leaves[:at]) + mth(leaves[at:])).digest()


def flipped(raw: bytes, at: int = 4) -> bytes:
    """Bytes with one bit turned over."""
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def proofs(proof: tuple[bytes, ...]) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    """The wrong lists of hashes, by name."""
    other = sha256(b"other").digest()
    yield "trailing hash", (*proof, other)
    yield "trailing empty root", (*proof, EMPTY)
    yield "trailing empty hash", (*proof, b"")
    yield "preceding hash", (other, *proof)
    yield "preceding empty hash", (b"", *proof)
    if not proof:
        return
    yield "no hashes", ()
    yield "truncated", proof[:-1]
    yield "without its first", proof[1:]
    yield "last twice", (*proof, proof[-1])
    yield "cut last hash", (*proof[:-1], proof[-1][:-1])
    yield "trailing byte", (*proof[:-1], proof[-1] + b"\x00")
    for at, each in enumerate(proof):
        yield f"bit of hash {at}", (*proof[:at], flipped(each), *proof[at + 1 :])
    if len(proof) > 1:
        yield "backwards", proof[::-1]


def wrong_inclusions(right: Inclusion) -> Iterator[tuple[str, Inclusion]]:
    """Every wrong variant of a claim that a leaf is in a tree."""
    index, size = right.index, right.size
    for name, proof in proofs(right.proof):
        yield name, replace(right, proof=proof)
    for name, other in (
        ("index off by one up", index + 1),
        ("index off by one down", index - 1),
        ("index is the size", size),
        ("index twice", 2 * index + 1),
        ("index of another bit", index ^ 2),
        ("index far away", index + 2**64),
    ):
        yield name, replace(right, index=other)
    for name, other in (
        ("size 0", 0),
        ("size is the index", index),
        ("size of half", size // 2),
        ("size of twice", 2 * size),
        ("size below 0", -size),
    ):
        yield name, replace(right, size=other)
    yield (
        "swapped root",
        replace(right, leaf=right.root, root=right.leaf)
        if size > 1
        else replace(right, root=EMPTY),
    )
    yield "empty root", replace(right, root=EMPTY)
    yield "no root", replace(right, root=b"")
    yield "no leaf", replace(right, leaf=b"")
    yield "bit of the root", replace(right, root=flipped(right.root))
    yield "bit of the leaf", replace(right, leaf=flipped(right.leaf))
    yield "trailing byte of the root", replace(right, root=right.root + b"\x00")
    yield "root for the leaf", replace(right, leaf=right.root, root=flipped(right.root))


def wrong_consistencies(right: Consistency) -> Iterator[tuple[str, Consistency]]:
    """Every wrong variant of a claim that a tree is the beginning of another."""
    first, second = right.first, right.second
    for name, proof in proofs(right.proof):
        yield name, replace(right, proof=proof)
    yield "size 0", replace(right, first=0)
    yield "size 0, empty root", replace(right, first=0, first_root=EMPTY)
    yield "size 0, empty root, no hashes", replace(right, first=0, first_root=EMPTY, proof=())
    yield "both sizes 0", Consistency(0, 0, (), EMPTY, EMPTY)
    yield "first off by one down", replace(right, first=first - 1)
    yield "second is below first", replace(right, second=first - 1)
    yield "sizes below 0", replace(right, first=-first, second=-second)
    yield "empty root first", replace(right, first_root=EMPTY)
    yield "empty root second", replace(right, second_root=EMPTY)
    yield "no first root", replace(right, first_root=b"")
    yield "bit of the first root", replace(right, first_root=flipped(right.first_root))
    yield "bit of the second root", replace(right, second_root=flipped(right.second_root))
    if first == second:
        return
    yield "first off by one up", replace(right, first=first + 1)
    yield "swapped sizes", replace(right, first=second, second=first)
    yield (
        "swapped roots",
        replace(right, first_root=right.second_root, second_root=right.first_root),
    )
    yield "one root for both", replace(right, first_root=right.second_root)
    yield "first root for both", replace(right, second_root=right.first_root)
    yield "same sizes", replace(right, second=first)
