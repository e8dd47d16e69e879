"""Programs to classes and truth tables.

Leaves of a dimension that no copy of a rule tells apart form a class, with a bit set of the
copies whose scope holds it. A cell is the AND of its classes; its meaning, a table of worlds for
each clause, is made on first use and kept. Tables therefore grow with the rules that meet, not
with the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from upheld.core.errors import Fault, PolicyError
from upheld.policy.fact_space import Space, TooManyWorlds, tests_of
from upheld.policy.program import Alternative, DutyDue, FactTest, Node, Program
from upheld.policy.vocabulary import DIMENSIONS, TREE_OF, Leaves, leaves_of

CELLS_MAX = 20_000  # kept at a time
STATES_MAX = 200_000  # of the search for heavy cells and of one question


class OwedKey(NamedTuple):
    """A `must`: its clause and time, as answers show them."""

    clause: str
    amount: str
    unit: str


class Cell(NamedTuple):
    """What the policy says at a class of requests, world by world (bits of `space`)."""

    space: Space
    allow: int
    allows: dict[str, int]  # clause to the worlds in which one of its rules allows
    denies: dict[str, int]
    duties: dict[DutyDue, int]
    owed: dict[OwedKey, int]
    grants: dict[int, int]  # node to the worlds in which it decides for allow
    bases: dict[str, int]  # legal basis to the worlds in which a rule that names it allows


class Classes:
    """The leaves of one dimension, sorted by which copies hold them."""

    def __init__(self, leaves: Leaves, scopes: dict[int, int], silent: int) -> None:
        """`scopes` maps a set of leaves to the copies naming it; `silent` copies name none."""
        parts = [leaves.all]
        for mask in scopes:
            parts = [p for part in parts for p in (part & mask, part & ~mask) if p]
        parts.sort(key=lambda part: part & -part)  # whatever other rules say, examples are the same
        self.leaves = leaves
        self.masks = parts
        self.copies = []
        for part in parts:
            bits = silent
            for mask, copies in scopes.items():
                if mask & part:
                    bits |= copies
            self.copies.append(bits)
        self.of: dict[str, tuple[int, ...]] = {}

    def under(self, mask: int) -> tuple[int, ...]:
        """The copies of each class that a set of leaves touches."""
        return tuple(c for part, c in zip(self.masks, self.copies, strict=True) if part & mask)


class CompiledPolicy:
    """A program ready to answer. Its users see it unchanged; it caches the cells that it built."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.vocabulary = program.vocabulary
        self.leaves = leaves_of(program.vocabulary)
        self.copies: list[tuple[int, int, Alternative]] = []  # node, gate (-1 for its own), copy
        self.children: list[list[int]] = [[] for _ in program.nodes]
        self.masks = [self._number(n, node) for n, node in enumerate(program.nodes)]
        self.action = self._actions()
        self.classes = {d: self._classes(d) for d in DIMENSIONS}
        self.takes = {a: self.vocabulary.takes(a) for a in self.leaves["action"].names}
        self._tests = [tests_of(copy.condition) for _, _, copy in self.copies]
        self.named_words: dict[str, frozenset[str]] = {}
        for test in (test for tests in self._tests for test in tests if test.word):
            self.named_words[test.fact] = self.named_words.get(test.fact, frozenset()) | {test.word}
        self._cells: dict[int, Cell] = {}
        self.levels = self._levels()
        self.rank = dict(zip(self.levels, range(len(self.levels)), strict=True))
        self._refuse_heavy_cells()

    def _number(self, number: int, node: Node) -> tuple[int, tuple[int, ...]]:
        """Bits of a node's own copies and of those of each gate."""
        for parent in node.parents:
            self.children[parent].append(number)
        sets = []
        for gate, copies in enumerate((node.copies, *node.gates), -1):
            bits = 0
            for copy in copies:
                bits |= 1 << len(self.copies)
                self.copies.append((number, gate, copy))
            sets.append(bits)
        return sets[0], tuple(sets[1:])

    def _actions(self) -> dict[str, int]:
        copies = dict.fromkeys(self.leaves["action"].names, 0)
        for bit, (_, _, copy) in enumerate(self.copies):
            for action in copy.actions:
                copies[action] |= 1 << bit
        return copies

    def _classes(self, dimension: str) -> Classes:
        leaves = self.leaves[TREE_OF[dimension]]
        scopes: dict[int, int] = {}
        masks: dict[tuple[str, ...], int] = {}
        silent = 0
        for bit, (_, _, copy) in enumerate(self.copies):
            names = copy.scope.get(dimension)
            if names is None:
                silent |= 1 << bit
                continue
            if names not in masks:
                masks[names] = sum(leaves.mask_of_leaf(name) for name in names)
            scopes[masks[names]] = scopes.get(masks[names], 0) | 1 << bit
        return Classes(leaves, scopes, silent)

    def _levels(self) -> list[int]:
        """Nodes with parents before children."""
        waiting = [len(node.parents) for node in self.program.nodes]
        ready = [n for n, count in enumerate(waiting) if not count]
        for number in ready:
            for child in self.children[number]:
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        return ready

    def _refuse_heavy_cells(self) -> None:
        """Raise PolicyError where a cell has more facts than can be computed exactly.

        Only combinations that could still be too heavy are followed: taking a dimension into
        account can only take copies, and so facts, away.
        """
        for action, bits in self.action.items():
            states = {bits} if self._heavy(bits) else set()
            for dimension in self.takes[action]:
                classes = set(self.classes[dimension].copies)
                states = {s & c for s in states for c in classes if self._heavy(s & c)}
                if len(states) > STATES_MAX:
                    break
            if states:
                self._fail(action, min(states))

    def _heavy(self, bits: int) -> bool:
        try:
            self.space(self.tests_at(bits))
        except TooManyWorlds:
            return True
        return False

    def tests_at(self, bits: int) -> set[FactTest]:
        """The tests in the conditions of some copies."""
        tests: set[FactTest] = set()
        while bits:
            low = bits & -bits
            tests |= self._tests[low.bit_length() - 1]
            bits ^= low
        return tests

    def _fail(self, action: str, bits: int) -> None:
        facts = sorted({test.fact for test in self.tests_at(bits)})
        nodes = sorted({self.copies[b][0] for b in range(bits.bit_length()) if bits >> b & 1})
        clauses = list(dict.fromkeys(self.program.nodes[n].clause for n in nodes))
        raise PolicyError(
            [
                Fault(
                    file="policy",
                    line=self.program.nodes[nodes[0]].line,
                    column=1,
                    code="too-many-facts",
                    message=f"{len(facts)} facts decide `{action}` together: {', '.join(facts)}",
                    clause=", ".join("#" + c for c in clauses),
                    expected="at most twenty yes-or-no facts where clauses meet",
                )
            ]
        )

    def space(self, tests: Iterable[FactTest]) -> Space:
        """The space of some tests, in which proofs are worded as this policy words them."""
        return Space(tests, self.vocabulary.facts, self.named_words)

    def cell(self, bits: int) -> Cell:
        """The meaning of a cell, by the copies whose scope holds it."""
        cell = self._cells.get(bits)
        if cell is None:
            tests = self.tests_at(self.live(bits))
            cell = self.meaning(bits, self.space(tests), {})
            if len(self._cells) >= CELLS_MAX:
                self._cells.clear()
            self._cells[bits] = cell
        return cell

    def live(self, bits: int) -> int:
        """The copies of a cell whose node is reached: some parent has a copy there too."""
        live_nodes: set[int] = set()
        live_copies = 0
        for number in self._present(bits):
            node = self.program.nodes[number]
            own, gates = self.masks[number]
            if node.parents and live_nodes.isdisjoint(node.parents):
                continue
            if all(bits & gate for gate in gates):
                live_nodes.add(number)
                for mask in (own, *gates):
                    live_copies |= bits & mask
        return live_copies

    def _present(self, bits: int) -> list[int]:
        """The nodes that have a copy at a cell, parents before children."""
        here: set[int] = set()
        rest = bits
        while rest:
            low = rest & -rest
            number, gate, _ = self.copies[low.bit_length() - 1]
            if gate < 0:
                here.add(number)
            rest ^= low
        if len(here) < 2:
            return list(here)
        return sorted(here, key=self.rank.__getitem__)

    def meaning(self, bits: int, space: Space, facts: Mapping[str, object]) -> Cell:
        """Evaluate the nodes of a cell in a space; `facts` has the values of facts outside it."""
        nodes = self.program.nodes
        order = self._present(self.live(bits))
        applies = {n: self.applies(n, bits, space, facts) for n in order}
        below = {n: [c for c in self.children[n] if c in applies] for n in order}
        verdicts: dict[int, tuple[int, int, int]] = {}
        own: dict[int, int] = {}
        for n in reversed(order):
            deny, allow, lift = _union(verdicts[c] for c in below[n])
            own[n] = applies[n] & ~(deny | allow | lift)
            own_worlds = own[n]
            deny &= applies[n]
            allow &= applies[n] & ~deny
            match nodes[n].effect:
                case "deny":
                    verdicts[n] = (deny | own_worlds, allow, 0)
                case "allow":
                    verdicts[n] = (deny, allow | own_worlds, 0)
                case _:
                    verdicts[n] = (deny, allow, own_worlds)
        tops = [n for n in order if not nodes[n].parents]
        deny_worlds, allow_worlds, _ = _union(verdicts[n] for n in tops)
        allow_worlds &= ~deny_worlds
        return self._cell_of(_Walk(order, tops, below, applies, own, verdicts), space, allow_worlds)

    def applies(self, number: int, bits: int, space: Space, facts: Mapping[str, object]) -> int:
        """The worlds in which a node's own scope and condition hold at a cell."""
        own, gates = self.masks[number]
        worlds = space.all
        for mask in (own, *gates):
            some = 0
            rest = bits & mask
            while rest:
                low = rest & -rest
                some |= space.holds(self.copies[low.bit_length() - 1][2].condition, facts)
                rest ^= low
            worlds &= some
        return worlds

    def _cell_of(self, walk: _Walk, space: Space, allow_worlds: int) -> Cell:
        """Collect, from the top down, who decides, with which duties, and what is owed."""
        counts_deny = dict.fromkeys(walk.order, 0)
        counts_allow = dict.fromkeys(walk.order, 0)
        live = dict.fromkeys(walk.order, 0)
        for n in walk.tops:
            counts_deny[n], counts_allow[n], live[n] = space.all, allow_worlds, space.all
        cell = Cell(space, allow_worlds, {}, {}, {}, {}, {}, {})
        for n in walk.order:
            node = self.program.nodes[n]
            here = walk.applies[n]
            child_denies, _, _ = _union(walk.verdicts[c] for c in walk.below[n])
            for c in walk.below[n]:
                counts_deny[c] |= counts_deny[n] & here
                counts_allow[c] |= counts_allow[n] & here & ~child_denies
                live[c] |= live[n] & here
            if node.effect == "deny":
                _add(cell.denies, node.clause, walk.own[n] & counts_deny[n])
            elif node.effect == "allow":
                gives = walk.own[n] & counts_allow[n]
                _add(cell.allows, node.clause, gives)
                _add(cell.grants, n, gives)
                for duty in node.duties:
                    _add(cell.duties, duty, gives)
                for basis in node.bases:
                    _add(cell.bases, basis, gives)
            if node.verb == "must":
                exceptions = 0
                for c in walk.below[n]:
                    exceptions |= walk.applies[c]
                amount, unit = node.within or ("", "")
                _add(cell.owed, OwedKey(node.clause, amount, unit), live[n] & here & ~exceptions)
        return cell


class _Walk(NamedTuple):
    order: list[int]
    tops: list[int]
    below: dict[int, list[int]]
    applies: dict[int, int]
    own: dict[int, int]
    verdicts: dict[int, tuple[int, int, int]]


def _add(table: dict[Any, int], key: object, worlds: int) -> None:
    if worlds:
        table[key] = table.get(key, 0) | worlds


def _union(verdicts: Iterable[tuple[int, int, int]]) -> tuple[int, int, int]:
    deny = allow = lift = 0
    for d, a, each in verdicts:
        deny |= d
        allow |= a
        lift |= each
    return deny, allow, lift
