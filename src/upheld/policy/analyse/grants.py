"""What an author should know of grants: stopped by a denial elsewhere, with a duty from elsewhere.

A grant is overruled where nothing but a denial of another rule keeps it from giving. It gains a
duty where another clause's grant allows the same act and carries one that it does not name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from upheld.policy.compile import Cell, CompiledPolicy
from upheld.policy.fact_types import is_yes_no
from upheld.policy.program import (
    ALWAYS,
    Condition,
    DutyDue,
    Either,
    Every,
    FactTest,
    Negation,
    Node,
    Program,
)
from upheld.policy.vocabulary import TREE_OF, Fact

CONSENT = "consent"  # the legal basis that a person gives
ASSENTS = frozenset(
    ("consent", "permission", "approval", "acceptance", "accepted", "costs", "opt-in", "agreed")
)


class Overruling(NamedTuple):
    """Where a denial elsewhere is all that stops a grant: the worlds, and the clauses that deny."""

    worlds: int
    clauses: frozenset[str]


def family(compiled: CompiledPolicy, nodes: list[int]) -> set[int]:
    """A rule with what it is an exception to and its own exceptions, all the way."""
    members, up, down = set(nodes), list(nodes), list(nodes)
    while up:
        parents = [p for p in compiled.program.nodes[up.pop()].parents if p not in members]
        members.update(parents)
        up += parents
    while down:
        children = [c for c in compiled.children[down.pop()] if c not in members]
        members.update(children)
        down += children
    return members


def overruling(
    compiled: CompiledPolicy, nodes: list[int], bits: int, cell: Cell, *, decides: bool
) -> Overruling | None:
    """The worlds of a class where nothing but a denial elsewhere stops a grant; None if none.

    With `decides`, only those where it would make a difference: no other grant allows them.
    """
    program = compiled.program.nodes
    own = family(compiled, nodes)
    elsewhere, clauses = 0, set()
    for n, (mask, _) in enumerate(compiled.masks):
        if mask & bits and program[n].effect == "deny" and n not in own:
            elsewhere |= mask
            clauses.add(program[n].clause)
    denied = 0
    for clause, worlds in cell.denies.items():
        denied |= worlds if clause in clauses else 0
    denied &= ~cell.allow
    if not denied or not elsewhere:
        return None
    free = compiled.meaning(bits & ~elsewhere, cell.space, {})
    gives = 0
    for n in nodes:
        gives |= free.grants.get(n, 0)
    if decides:
        mine = 0
        for n in nodes:
            mine |= compiled.masks[n][0]
        gives &= ~compiled.meaning(bits & ~elsewhere & ~mine, cell.space, {}).allow
    worlds = gives & denied
    by = frozenset(c for c in clauses if cell.denies.get(c, 0) & worlds)
    return Overruling(worlds, by) if worlds else None


def contradicts(compiled: CompiledPolicy, nodes: list[int], clauses: frozenset[str]) -> bool:
    """Whether one of some clauses denies the very acts, under the very condition, of a grant."""
    program = compiled.program
    mine = [_reach(program.nodes[n]) for n in nodes]
    theirs = [
        _reach(node)
        for node in program.nodes
        if node.effect == "deny" and node.clause in clauses and not node.parents
    ]
    return any(each in theirs for each in mine)


def _reach(node: Node) -> list[tuple[frozenset[str], Any, Condition]]:
    """The actions of a rule with each scope and condition, without the actor a grant supposes."""
    provider = frozenset(("provider",))
    actions_by_reach: dict[Any, set[str]] = {}
    for copy in node.copies:
        scope = {d: frozenset(leaves) for d, leaves in copy.scope.items()}
        if node.effect == "allow" and scope.get("actor") == provider:
            del scope["actor"]
        actions_by_reach.setdefault((frozenset(scope.items()), copy.condition), set()).update(
            copy.actions
        )
    return [(frozenset(actions), *reach) for reach, actions in actions_by_reach.items()]


def gained_duties(compiled: CompiledPolicy, cell: Cell) -> Iterator[tuple[str, str, DutyDue, int]]:
    """The clause of each grant that gains a duty at a class, from which clause, in which worlds."""
    nodes = compiled.program.nodes
    for n, worlds in cell.grants.items():
        own: dict[DutyDue, int] = {}
        for m, theirs in cell.grants.items():
            for duty in nodes[m].duties if nodes[m].clause == nodes[n].clause else ():
                own[duty] = own.get(duty, 0) | theirs
        for m, theirs in cell.grants.items():
            for duty in nodes[m].duties if nodes[m].clause != nodes[n].clause else ():
                if more := theirs & worlds & ~own.get(duty, 0):
                    yield nodes[n].clause, nodes[m].clause, duty, more


def without_assent(program: Program) -> Iterator[Node]:
    """Rules that stand on consent and whose condition asks for no fact that a person gives."""
    for node in program.nodes:
        if not any(program.vocabulary.under_basis(basis, CONSENT) for basis in node.bases):
            continue
        required = set(_required_facts(program, node))
        if not any(_is_assent(program.vocabulary.facts[name]) for name in required):
            yield node


def _required_facts(program: Program, node: Node) -> Iterator[str]:
    """The facts that a rule, or what it is an exception to, asks to hold."""
    for copies in (node.copies, *node.gates):
        for copy in copies:
            yield from _positive(copy.condition, holds=True)
    for parent in node.parents:
        yield from _required_facts(program, program.nodes[parent])


def _positive(condition: Condition, *, holds: bool) -> Iterator[str]:
    match condition:
        case FactTest(fact):
            if holds:
                yield fact
        case Negation(inner):
            yield from _positive(inner, holds=not holds)
        case Every(formulas) | Either(formulas):
            for each in formulas:
                yield from _positive(each, holds=holds)


def _is_assent(fact: Fact) -> bool:
    """Whether a person gives a fact, by what proves it or, where nothing is named, by its name."""
    name = fact.proof or fact.name
    return is_yes_no(fact) and any(name == word or name.endswith(f"-{word}") for word in ASSENTS)


def ends_with_definition(program: Program) -> Iterator[tuple[Node, str]]:
    """Grants that name a defined term which holds only under a condition, and the term."""
    conditional = [d for d in program.definitions.values() if d.condition != ALWAYS]
    for node in program.nodes:
        for each in conditional if node.effect == "allow" else ():
            if any(
                TREE_OF[dimension] == each.tree
                and set(leaves) == set(each.leaves)
                and set(_parts(each.condition)) <= set(_parts(copy.condition))
                for copy in node.copies
                for dimension, leaves in copy.scope.items()
            ):
                yield node, each.name


def _parts(condition: Condition) -> tuple[Condition, ...]:
    return condition.formulas if isinstance(condition, Every) else (condition,)
