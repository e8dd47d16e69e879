"""Rules and exceptions to a graph of nodes, from the top down.

A severed rule is stepped over: the exceptions that decide and stand in other clauses take its
place, within its scope and condition (a gate). A lift goes with what it lifted, and so does
what belongs to the lift.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import msgspec

from upheld.policy import program as p
from upheld.policy.document import Block, Document
from upheld.policy.resolve_names import Names, Report, both, decimal
from upheld.policy.syntax import RuleNode, Terms
from upheld.policy.vocabulary import TREE_OF

COPIES_MAX = 256  # of one rule, by definitions with conditions
NODES_MAX = 50_000  # of the whole graph
EFFECT = {"may": "allow", "must": "allow", "may not": "deny", "": "lift"}
Key = tuple[int, bool, tuple[tuple[int, bool], ...]]  # rule, actor named above, gates


class RuleEntry(msgspec.Struct):
    """A rule or exception on its way to a node, with its parents, children and reach."""

    node: RuleNode
    section: int
    block: Block
    inline: bool = False
    parents: list[int] = []
    children: list[int] = []
    actions: frozenset[str] = frozenset()
    dimensions: dict[str, Terms] = {}
    options: dict[str, list[tuple[frozenset[str], p.Condition]]] = {}
    condition: p.Condition = p.ALWAYS


class Graph:
    """Nodes from the top down; exceptions to severed rules stand in their place."""

    def __init__(
        self,
        document: Document,
        names: Names,
        entries: list[RuleEntry],
        report: Callable[[int, Block], Report],
    ) -> None:
        self.document, self.names, self.entries, self.report = document, names, entries, report
        self.numbers: dict[Key, int] = {}
        self.parents: list[list[int]] = []
        self.queue: list[Key] = []

    def severed(self, entry: int) -> bool:
        """Whether a rule stands in a severed clause."""
        return self.document.sections[self.entries[entry].section].severed

    def build(self) -> list[p.Node]:
        """All nodes, each after those that first named it."""
        for index, entry in enumerate(self.entries):
            if not entry.node.is_exception:
                self.place(index, actor_named=False, gates=(), parent=None)
        for key in self.queue:  # grows while it is walked
            index, actor_named, _ = key
            number = self.numbers[key]
            below = actor_named or "actor" in self.entries[index].dimensions
            for child in self.entries[index].children:
                self.place(child, actor_named=below, gates=(), parent=number)
            if len(self.queue) > NODES_MAX:
                entry = self.entries[index]
                self.report(entry.section, entry.block)(
                    entry.node.offset,
                    "too-large",
                    "exceptions multiply beyond measure",
                    f"at most {NODES_MAX} of them",
                    "",
                )
                break
        return [self.node(key, tuple(self.parents[self.numbers[key]])) for key in self.queue]

    def place(
        self,
        index: int,
        *,
        actor_named: bool,
        gates: tuple[tuple[int, bool], ...],
        parent: int | None,
    ) -> None:
        """Put a rule where it stands or, if it is severed, its exceptions in its place."""
        entry = self.entries[index]
        if self.severed(index):
            below = actor_named or "actor" in entry.dimensions
            for child in entry.children:
                if self.severed(child) or self.entries[child].node.verb:
                    self.place(
                        child,
                        actor_named=below,
                        gates=(*gates, (index, actor_named)),
                        parent=parent,
                    )
            return
        if gates and not entry.node.verb:
            return  # a lift goes with what it lifted
        key = (index, actor_named, gates)
        if key not in self.numbers:
            self.numbers[key] = len(self.parents)
            self.parents.append([])
            self.queue.append(key)
        if parent is not None and parent not in self.parents[self.numbers[key]]:
            self.parents[self.numbers[key]].append(parent)

    def node(self, key: Key, parents: tuple[int, ...]) -> p.Node:
        """One node with its copies, as the back ends read it."""
        index, actor_named, gates = key
        entry = self.entries[index]
        node = entry.node
        say = self.report(entry.section, entry.block)
        return p.Node(
            clause=self.document.sections[entry.section].id,
            verb=node.verb,
            effect=EFFECT[node.verb],
            copies=self.copies(index, actor_named=actor_named),
            parents=parents,
            gates=tuple(self.copies(g, actor_named=n) for g, n in gates),
            within=(decimal(node.within.value), node.within.unit) if node.within else None,
            duties=self.names.duties(node.duties, say),
            line=entry.block.place(node.offset)[0],
            bases=self.names.bases(node.bases, say),
        )

    def copies(self, index: int, *, actor_named: bool) -> tuple[p.Alternative, ...]:
        """The alternatives of a rule, one for each combination of defined terms it names."""
        entry = self.entries[index]
        supposed = None
        if EFFECT[entry.node.verb] == "allow" and not actor_named and "actor" not in entry.options:
            supposed = self.names.under("party", "provider")
        copies = []
        options = [[(d, *option) for option in each] for d, each in entry.options.items()]
        total = 1
        for each in options:
            total *= len(each)
        if total > COPIES_MAX:
            self.report(entry.section, entry.block)(
                entry.node.offset,
                "too-many-facts",
                f"this rule names definitions in {total} combinations",
                f"at most {COPIES_MAX}; split the rule",
                "",
            )
            return ()
        for choice in product(*options):
            scope = {d: self._ordered(d, leaves) for d, leaves, _ in choice}
            condition = both(entry.condition, *(condition for _, _, condition in choice))
            acting = [a for a in sorted(entry.actions) if "actor" in self.names.takes(a)]
            still = [a for a in sorted(entry.actions) if "actor" not in self.names.takes(a)]
            if supposed is None:
                copies.append(p.Alternative(tuple(sorted(entry.actions)), scope, condition))
                continue
            if still:
                copies.append(p.Alternative(tuple(still), scope, condition))
            if acting:
                who = {"actor": self._ordered("actor", supposed)}
                copies.append(p.Alternative(tuple(acting), scope | who, condition))
        return tuple(copies)

    def _ordered(self, dimension: str, leaves: frozenset[str]) -> tuple[str, ...]:
        return tuple(n for n in self.names.leaves[TREE_OF[dimension]].names if n in leaves)
