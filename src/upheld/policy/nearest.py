"""What came closest: clauses that would have allowed a denied cell, and what each lacked."""

from __future__ import annotations

from collections.abc import Mapping

from upheld.policy.compile import Compiled
from upheld.policy.evaluate import Case, case
from upheld.policy.request import Nearest
from upheld.policy.vocabulary import TREE_OF

NEAREST_MAX = 5
TRIES_MAX = 40  # copies looked at for one dimension


def nearest_clauses(
    compiled: Compiled,
    denied: Case,
    action: str,
    pieces: Mapping[str, int],
    known: Mapping[str, object],
) -> tuple[Nearest, ...]:
    """Clauses that would allow the cell, had a fact or one dimension been otherwise.

    `pieces` has, for each dimension of the action, the leaves that the cell stands for. At most
    five, those lacking least first.
    """
    found: dict[str, tuple[str, ...]] = {}
    for clause, lacks in [*_facts(compiled, denied), *_dimensions(compiled, action, pieces, known)]:
        if clause not in found or len(lacks) < len(found[clause]):
            found[clause] = lacks
    ranked = sorted(found.items(), key=lambda each: (len(each[1]), each))
    return tuple(Nearest(clause, lacks) for clause, lacks in ranked[:NEAREST_MAX])


def _facts(compiled: Compiled, denied: Case) -> list[tuple[str, tuple[str, ...]]]:
    """Clauses whose scope holds the cell and that other facts would let allow."""
    space = denied.cell.space
    found = []
    for number, worlds in denied.cell.givers.items():
        clause = compiled.program.nodes[number].clause
        best: tuple[str, ...] | None = None
        for words in space.proofs(worlds, {})[:64]:
            lacks = tuple(w for w in words if not _holds(w, denied))
            if lacks and (best is None or len(lacks) < len(best)):
                best = lacks
        if best:
            found.append((clause, best))
    return found


def _holds(words: str, denied: Case) -> bool:
    """Whether a literal holds in every world that agrees with what is known."""
    space = denied.cell.space
    name = words.removeprefix("not ").split(" ")[0]
    at = space.place[name]
    values = space.values[at]
    if name not in denied.known:
        return False
    actual = values.index(denied.known[name])
    for subset in values.subsets():
        if values.literals(subset) == [words]:
            return bool(subset >> actual & 1)
    return False


def _dimensions(
    compiled: Compiled, action: str, pieces: Mapping[str, int], known: Mapping[str, object]
) -> list[tuple[str, tuple[str, ...]]]:
    """Clauses that would allow with one dimension said otherwise."""
    here = {d: _bits(compiled, d, mask) for d, mask in pieces.items()}
    found: list[tuple[str, tuple[str, ...]]] = []
    for dimension in pieces:
        others = compiled.action[action]
        for d, bits in here.items():
            if d != dimension:
                others &= bits
        rest, tries = others & ~here[dimension], 0
        while rest and tries < TRIES_MAX:
            low = rest & -rest
            rest ^= low
            number, gate, _ = compiled.copies[low.bit_length() - 1]
            if gate < 0 and compiled.program.nodes[number].effect == "allow":
                tries += 1
                if leaf := _otherwise(compiled, dimension, low, others, number, known):
                    found.append((compiled.program.nodes[number].clause, (f"{dimension}: {leaf}",)))
    return found


def _bits(compiled: Compiled, dimension: str, mask: int) -> int:
    """The copies that hold a leaf of the set."""
    return compiled.classes[dimension].under(mask & -mask)[0]


def _otherwise(
    compiled: Compiled,
    dimension: str,
    low: int,
    others: int,
    number: int,
    known: Mapping[str, object],
) -> str:
    """A leaf of the dimension at which the node would allow, or an empty string."""
    classes = compiled.classes[dimension]
    for part, bits in zip(classes.masks, classes.copies, strict=True):
        if bits & low:
            there = case(compiled, others & bits, known)
            if there.cell.givers.get(number, 0) & there.cube:
                return compiled.leaves[TREE_OF[dimension]].of(part & -part)[0]
    return ""
