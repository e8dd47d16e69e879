"""The Merkle tree of RFC 6962, section 2.1, and the verification of its proofs as in RFC 9162.

Pure: hashes in, hashes out. Proofs are made out of a function that gives the hash of a range of
leaves, so that the same code serves a list in memory and tiles on a disk. What is wrong with a
proof is said by its name: an index or a size that cannot be, too few or too many hashes, a root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

from upheld.core.errors import UpheldError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()

Subtree = Callable[[int, int], bytes]
"""The root over leaves `start` to `end` (without it); asked only for what a proof needs."""


class ProofError(UpheldError):
    """A proof that proves nothing, or that could not be made; the message says what is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="proof", hint="ask for the proof again; keep this one")


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf; its prefix keeps a leaf from being taken for a node."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that only grows: its size, and the roots of its whole subtrees from left to right."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more leaf."""
        size = self.size
        while size & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            size >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root as the tree stands now."""
        return fold(self.peaks)


def fold(peaks: Sequence[bytes]) -> bytes:
    """The root over whole subtrees of falling size, bagged from the right."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over hashes of leaves; level by level, which is the fastest for a whole tile."""
    row = list(leaves)
    while len(row) > 1:
        above = [sha256(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row) - 1, 2)]
        row = above + row[-1:] if len(row) & 1 else above
    return row[0] if row else EMPTY_ROOT


def split(size: int) -> int:
    """The largest power of two below a size: where its left subtree ends."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The hashes that lead from a leaf to the root over the first `size` leaves."""
    if not 0 <= index < size:
        raise ProofError(f"got index {index}, want one below the tree's size, {size}")
    proof, start, end = [], 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start = middle
    return proof[::-1]


def consistency_proof(first: int, second: int, subtree: Subtree) -> list[bytes]:
    """The hashes that show a tree of size `first` to be the beginning of one of size `second`."""
    if not 0 < first <= second:
        raise ProofError(f"got sizes {first} and {second}, want 0 < first ≤ second")
    proof, start, end = [], 0, second
    while end != first:
        middle = start + split(end - start)
        if first <= middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start = middle
    if start:
        proof.append(subtree(start, end))
    return proof[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Refuse, with ProofError, unless the leaf is at this index of the tree with this root."""
    if not 0 <= index < size:
        raise ProofError(f"got index {index}, want one below the tree's size, {size}")
    _whole(leaf, root, *proof)
    node = leaf
    for each, left in _climb(index, size - 1, proof):
        node = node_hash(each, node) if left else node_hash(node, each)
    if node != root:
        raise ProofError(f"the proof leads to root {node.hex()}, want {root.hex()}")


def verify_consistency(
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> None:
    """Refuse, with ProofError, unless the first tree is the beginning of the second.

    An empty tree is refused: it is the beginning of all, so that nothing would be proven.
    """
    if not 0 < first <= second:
        raise ProofError(f"got sizes {first} and {second}, want 0 < first ≤ second")
    _whole(first_root, second_root, *proof)
    if first == second and first_root != second_root:
        raise ProofError("two trees of one size have different roots")
    # A first tree that is one whole subtree is where the path begins, and is left out of the proof.
    path = list(proof) if first & (first - 1) and first < second else [first_root, *proof]
    if not path:
        raise ProofError("the proof has too few hashes")
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for each, left in _climb(node, last if first < second else 0, path[1:]):
        old = node_hash(each, old) if left else old
        new = node_hash(each, new) if left else node_hash(new, each)
    if old != first_root:
        raise ProofError("the proof does not lead to the first tree's root")
    if new != second_root:
        raise ProofError("the proof does not lead to the second tree's root")


def _climb(node: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each hash of a proof, and whether it stands to the left; `last` is the row's last node."""
    for each in proof:
        if last == 0:
            raise ProofError("the proof has too many hashes")
        left = bool(node & 1) or node == last
        while left and not node & 1 and node:  # a node without a neighbour moves up as it is
            node, last = node >> 1, last >> 1
        yield each, left
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the proof has too few hashes")


def _whole(*hashes: bytes) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofError(f"a hash has not {HASH_BYTES} bytes")
