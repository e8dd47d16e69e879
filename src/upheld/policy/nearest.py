"""What came closest: clauses that would have allowed a denied cell, and what each lacked."""

from __future__ import annotations

from collections.abc import Mapping

from upheld.policy.compile import CompiledPolicy
from upheld.policy.evaluate import CellCase, case
from upheld.policy.request import Nearest
from upheld.policy.vocabulary import TREE_OF

NEAREST_MAX = 5
TRIES_MAX = 40  # copies looked at for one dimension


def nearest_clauses(
    compiled: CompiledPolicy,
    denied: CellCase,
    action: str,
    pieces: Mapping[str, int],
    facts: Mapping[str, object],
) -> tuple[Nearest, ...]:
    """Clauses that would allow the cell, had a fact or one dimension been otherwise.

    `pieces` has, for each dimension of the action, the leaves that the cell stands for. At most
    five, those lacking least first.
    """
    lacks_by_clause: dict[str, tuple[str, ...]] = {}
    for clause, lacks in [*_facts(compiled, denied), *_dimensions(compiled, action, pieces, facts)]:
        if clause not in lacks_by_clause or len(lacks) < len(lacks_by_clause[clause]):
            lacks_by_clause[clause] = lacks
    ranked = sorted(lacks_by_clause.items(), key=lambda each: (len(each[1]), each))
    return tuple(Nearest(clause, lacks) for clause, lacks in ranked[:NEAREST_MAX])


def _facts(compiled: CompiledPolicy, denied: CellCase) -> list[tuple[str, tuple[str, ...]]]:
    """Clauses whose scope holds the cell and that other facts would let allow."""
    space = denied.cell.space
    clauses = []
    for number, worlds in denied.cell.grants.items():
        clause = compiled.program.nodes[number].clause
        best: tuple[str, ...] | None = None
        for words in space.proofs(worlds, {})[:64]:
            lacks = tuple(w for w in words if not _holds(w, denied))
            if lacks and (best is None or len(lacks) < len(best)):
                best = lacks
        if best:
            clauses.append((clause, best))
    return clauses


def _holds(words: str, denied: CellCase) -> bool:
    """Whether a literal holds in every world that agrees with what is known."""
    space = denied.cell.space
    name = words.removeprefix("not ").split(" ")[0]
    at = space.place[name]
    values = space.values[at]
    if name not in denied.facts:
        return False
    actual = values.index(denied.facts[name])
    for subset in values.subsets():
        if values.literals(subset) == [words]:
            return bool(subset >> actual & 1)
    return False


def _dimensions(
    compiled: CompiledPolicy, action: str, pieces: Mapping[str, int], facts: Mapping[str, object]
) -> list[tuple[str, tuple[str, ...]]]:
    """Clauses that would allow if one dimension had another term."""
    here = {d: _bits(compiled, d, mask) for d, mask in pieces.items()}
    clauses: list[tuple[str, tuple[str, ...]]] = []
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
                if leaf := _otherwise(compiled, dimension, low, others, number, facts):
                    clauses.append(
                        (compiled.program.nodes[number].clause, (f"{dimension}: {leaf}",))
                    )
    return clauses


def _bits(compiled: CompiledPolicy, dimension: str, mask: int) -> int:
    """The copies that hold a leaf of the set."""
    return compiled.classes[dimension].under(mask & -mask)[0]


def _otherwise(
    compiled: CompiledPolicy,
    dimension: str,
    low: int,
    others: int,
    number: int,
    facts: Mapping[str, object],
) -> str:
    """A leaf of the dimension at which the node would allow, or an empty string."""
    classes = compiled.classes[dimension]
    for part, bits in zip(classes.masks, classes.copies, strict=True):
        if bits & low:
            there = case(compiled, others & bits, facts)
            if there.cell.grants.get(number, 0) & there.cube:
                return compiled.leaves[TREE_OF[dimension]].of(part & -part)[0]
    return ""
