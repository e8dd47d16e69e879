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


class Raw(msgspec.Struct):
    """A rule or exception as it stands, with what it belongs to and what it reaches."""

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
        raws: list[Raw],
        report: Callable[[int, Block], Report],
    ) -> None:
        self.document, self.names, self.raws, self.report = document, names, raws, report
        self.numbers: dict[Key, int] = {}
        self.parents: list[list[int]] = []
        self.queue: list[Key] = []

    def severed(self, raw: int) -> bool:
        """Whether a rule stands in a severed clause."""
        return self.document.sections[self.raws[raw].section].severed

    def build(self) -> list[p.Node]:
        """All nodes, each after those that first named it."""
        for index, raw in enumerate(self.raws):
            if not raw.node.is_exception:
                self.place(index, named=False, gates=(), parent=None)
        for key in self.queue:  # grows while it is walked
            index, named, _ = key
            number = self.numbers[key]
            below = named or "actor" in self.raws[index].dimensions
            for child in self.raws[index].children:
                self.place(child, named=below, gates=(), parent=number)
            if len(self.queue) > NODES_MAX:
                raw = self.raws[index]
                self.report(raw.section, raw.block)(
                    raw.node.offset,
                    "too-large",
                    "exceptions multiply beyond measure",
                    f"at most {NODES_MAX} of them",
                    "",
                )
                break
        return [self.node(key, tuple(self.parents[self.numbers[key]])) for key in self.queue]

    def place(
        self, index: int, *, named: bool, gates: tuple[tuple[int, bool], ...], parent: int | None
    ) -> None:
        """Put a rule where it stands or, if it is severed, its exceptions in its place."""
        raw = self.raws[index]
        if self.severed(index):
            below = named or "actor" in raw.dimensions
            for child in raw.children:
                if self.severed(child) or self.raws[child].node.verb:
                    self.place(child, named=below, gates=(*gates, (index, named)), parent=parent)
            return
        if gates and not raw.node.verb:
            return  # a lift goes with what it lifted
        key = (index, named, gates)
        if key not in self.numbers:
            self.numbers[key] = len(self.parents)
            self.parents.append([])
            self.queue.append(key)
        if parent is not None and parent not in self.parents[self.numbers[key]]:
            self.parents[self.numbers[key]].append(parent)

    def node(self, key: Key, parents: tuple[int, ...]) -> p.Node:
        """One node with its copies, as the back ends read it."""
        index, named, gates = key
        raw = self.raws[index]
        node = raw.node
        say = self.report(raw.section, raw.block)
        return p.Node(
            clause=self.document.sections[raw.section].id,
            verb=node.verb,
            effect=EFFECT[node.verb],
            copies=self.copies(index, actor_named=named),
            parents=parents,
            gates=tuple(self.copies(g, actor_named=n) for g, n in gates),
            within=(decimal(node.within.value), node.within.unit) if node.within else None,
            duties=self.names.duties(node.duties, say),
            line=raw.block.place(node.offset)[0],
            bases=self.names.bases(node.bases, say),
        )

    def copies(self, index: int, *, actor_named: bool) -> tuple[p.Copy, ...]:
        """A rule as one copy for each combination of defined terms; the actor said or supposed."""
        raw = self.raws[index]
        supposed = None
        if EFFECT[raw.node.verb] == "allow" and not actor_named and "actor" not in raw.options:
            supposed = self.names.under("party", "provider")
        found = []
        options = [[(d, *option) for option in each] for d, each in raw.options.items()]
        total = 1
        for each in options:
            total *= len(each)
        if total > COPIES_MAX:
            self.report(raw.section, raw.block)(
                raw.node.offset,
                "too-many-facts",
                f"this rule names definitions in {total} combinations",
                f"at most {COPIES_MAX}; split the rule",
                "",
            )
            return ()
        for choice in product(*options):
            scope = {d: self._ordered(d, leaves) for d, leaves, _ in choice}
            condition = both(raw.condition, *(condition for _, _, condition in choice))
            acting = [a for a in sorted(raw.actions) if "actor" in self.names.takes(a)]
            still = [a for a in sorted(raw.actions) if "actor" not in self.names.takes(a)]
            if supposed is None:
                found.append(p.Copy(tuple(sorted(raw.actions)), scope, condition))
                continue
            if still:
                found.append(p.Copy(tuple(still), scope, condition))
            if acting:
                who = {"actor": self._ordered("actor", supposed)}
                found.append(p.Copy(tuple(acting), scope | who, condition))
        return tuple(found)

    def _ordered(self, dimension: str, leaves: frozenset[str]) -> tuple[str, ...]:
        return tuple(n for n in self.names.leaves[TREE_OF[dimension]].names if n in leaves)
