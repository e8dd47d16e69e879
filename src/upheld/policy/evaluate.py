"""From the cells of a request and what is known to the parts of an answer.

A request is allowed if every cell is. Cell by cell that needs no more than masks; only where
each cell alone could be allowed are the cells looked at together, split into groups that share
no unknown fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from upheld.policy import request as r
from upheld.policy.compile import Cell, CompiledPolicy, OwedKey
from upheld.policy.fact_space import PROOFS_MAX, Space, TooManyWorlds, tests_of
from upheld.policy.fact_types import fact_type
from upheld.policy.program import DutyDue


class CellCase(NamedTuple):
    """One cell with what is known there: the copies that hold it, its meaning, the facts."""

    bits: int
    cell: Cell
    facts: Mapping[str, object]
    cube: int  # the worlds of the cell's space that agree with what is known

    @property
    def certain(self) -> bool:
        """Allowed in every world."""
        return self.cell.allow & self.cube == self.cube

    @property
    def never(self) -> bool:
        """Allowed in no world."""
        return not self.cell.allow & self.cube


def case(compiled: CompiledPolicy, bits: int, facts: Mapping[str, object]) -> CellCase:
    """A cell with what is known there; facts whose absence means no are known to be false."""
    cell = compiled.cell(bits)
    vocabulary = compiled.vocabulary.facts
    here = {n: facts.get(n, False) for n in cell.space.names if n in facts or vocabulary[n].absent}
    return CellCase(bits, cell, here, cell.space.worlds_matching(here))


def citations(cases: Iterable[CellCase], *, allow: bool) -> tuple[str, ...]:
    """The clauses that decide: in all worlds with that answer or, if there are none, in some."""
    clauses: set[str] = set()
    for each in cases:
        worlds = each.cube & (each.cell.allow if allow else ~each.cell.allow)
        table = each.cell.allows if allow else each.cell.denies
        always = [clause for clause, w in table.items() if worlds and w & worlds == worlds]
        clauses.update(always or [clause for clause, w in table.items() if w & worlds])
    return tuple(sorted(clauses))


def amount(text: str) -> int | float | None:
    """A number as an answer shows it."""
    if not text:
        return None
    return int(text) if "." not in text and "/" not in text else float(text)


def duties(cases: Iterable[CellCase]) -> tuple[r.Duty, ...]:
    """The duties of every rule that allows one of the cells in some world."""
    duties_due: set[DutyDue] = set()
    for each in cases:
        duties_due.update(duty for duty, worlds in each.cell.duties.items() if worlds & each.cube)
    return tuple(r.Duty(d.duty, amount(d.amount), d.unit) for d in sorted(duties_due))


def bases(
    compiled: CompiledPolicy, cases: Iterable[CellCase], clauses: tuple[str, ...]
) -> tuple[str, ...]:
    """The legal bases of the rules of some clauses that allow one of the cells in some world."""
    nodes = compiled.program.nodes
    legal_bases = {
        basis
        for each in cases
        for n, worlds in each.cell.grants.items()
        if worlds & each.cube and nodes[n].bases and nodes[n].clause in clauses
        for basis in nodes[n].bases
    }
    return tuple(sorted(legal_bases))


def owed_acts(compiled: CompiledPolicy, cases: Sequence[CellCase]) -> tuple[r.OwedAct, ...]:
    """Every `must` that is owed at one of the cells in some world."""
    where: dict[OwedKey, list[CellCase]] = {}
    for each in cases:
        for key, worlds in each.cell.owed.items():
            if worlds & each.cube:
                where.setdefault(key, []).append(each)
    acts = []
    for key, here in sorted(where.items()):
        sure = any(each.cell.owed[key] & each.cube == each.cube for each in here)
        if not sure and len(here) > 1:
            try:
                space = _space(compiled, here)
                worlds_owed = 0
                for each in here:
                    worlds_owed |= compiled.meaning(each.bits, space, each.facts).owed.get(key, 0)
                sure = worlds_owed == space.all
            except TooManyWorlds:
                sure = False
        acts.append(r.OwedAct(key.clause, amount(key.amount), key.unit, sure))
    return tuple(acts)


def _space(
    compiled: CompiledPolicy, cases: Iterable[CellCase], only: frozenset[str] | None = None
) -> Space:
    """The space of what is unknown in some cases."""
    tests = set()
    for each in cases:
        rest = compiled.live(each.bits)
        while rest:
            low = rest & -rest
            condition = compiled.copies[low.bit_length() - 1][2].condition
            tests |= {
                t
                for t in tests_of(condition)
                if t.fact not in each.facts and (only is None or t.fact in only)
            }
            rest ^= low
    return compiled.space(tests)


def support(each: CellCase) -> frozenset[str]:
    """The unknown facts on which the answer at a cell depends."""
    space, allow = each.cell.space, each.cell.allow & each.cube
    return frozenset(
        name
        for at, name in enumerate(space.names)
        if name not in each.facts and depends_on(space, allow, at)
    )


def depends_on(space: Space, worlds: int, at: int) -> bool:
    """Whether a set of worlds is another for some value of the fact at a place."""
    first, stride = worlds & space.worlds(at, 0), space.strides[at]
    return any(
        (worlds & space.worlds(at, value)) >> (value * stride) != first
        for value in range(1, space.values[at].count)
    )


def proofs(
    compiled: CompiledPolicy, cases: Sequence[CellCase]
) -> tuple[tuple[str, ...], ...] | None:
    """What to prove so that all cells are allowed; None where no world allows all of them.

    Raises TooManyWorlds where the facts are too many to tell.
    """
    open_cases = [each for each in cases if not each.certain]
    if len(open_cases) == 1:
        cell, facts, cube = open_cases[0].cell, open_cases[0].facts, open_cases[0].cube
        return tuple(cell.space.proofs(cell.allow & cube, facts))
    spaces = groups(compiled, open_cases)
    if spaces is None:
        return None
    alternative_proofs = [space.proofs(joint, {}) for space, joint in spaces]
    total = 1
    for alternatives in alternative_proofs:
        total *= len(alternatives)
        if total > PROOFS_MAX:
            raise TooManyWorlds(name for space, _ in spaces for name in space.names)
    sets = {
        tuple(sorted(word for part in choice for word in part))
        for choice in product(*alternative_proofs)
    }
    return tuple(sorted(sets, key=lambda each: (len(each), each)))


def groups(compiled: CompiledPolicy, cases: Sequence[CellCase]) -> list[tuple[Space, int]] | None:
    """Where all of some cases are allowed: spaces that share no fact, with their worlds.

    None where no world allows all of them; TooManyWorlds where the facts are too many to tell.
    """
    apart: list[tuple[frozenset[str], list[CellCase]]] = []
    for each in cases:
        facts, members = support(each), [each]
        others = []
        for theirs, mates in apart:
            if theirs & facts:
                facts, members = facts | theirs, mates + members
            else:
                others.append((theirs, mates))
        apart = [*others, (facts, members)]
    spaces = []
    for facts, members in apart:
        space = _space(compiled, members, facts)
        joint = space.all
        for each in members:
            joint &= _allow_in(compiled, each, space)
        if not joint:
            return None
        spaces.append((space, joint))
    return spaces


def verdict(compiled: CompiledPolicy, cases: Sequence[CellCase]) -> tuple[str, tuple[str, ...]]:
    """The outcome of a request over its cells, and the clauses that decide; nothing else of it."""
    if all(each.certain for each in cases):
        return "allow", citations(cases, allow=True)
    open_cases = [each for each in cases if not each.certain]
    never = [each for each in open_cases if each.never]
    if not never:
        try:
            if _provable(compiled, open_cases):
                return "needs-proof", citations(cases, allow=True)
        except TooManyWorlds:
            return "error", ()
    return "deny", citations(never or open_cases, allow=False)


def _provable(compiled: CompiledPolicy, open_cases: Sequence[CellCase]) -> bool:
    """Whether some world allows all cells; TooManyWorlds where `proofs` would raise it."""
    if len(open_cases) == 1:
        spaces: list[Space] | None = [open_cases[0].cell.space]
    else:
        joint = groups(compiled, open_cases)
        spaces = None if joint is None else [space for space, _ in joint]
    if spaces is None:
        return False
    facts = open_cases[0].facts if len(open_cases) == 1 else {}
    most = 1
    for space in spaces:
        for name, values in zip(space.names, space.values, strict=True):
            most *= 1 if name in facts else len(values.subsets())
    return most <= PROOFS_MAX or proofs(compiled, open_cases) is not None


def _allow_in(compiled: CompiledPolicy, each: CellCase, space: Space) -> int:
    """Where a case is allowed, in a space that holds all unknown facts on which that depends."""
    facts = compiled.vocabulary.facts
    values = dict(each.facts)
    for name in each.cell.space.names:
        if name not in values and name not in space.place:
            values[name] = fact_type(facts[name]).any_value()
    return compiled.meaning(each.bits, space, values).allow
