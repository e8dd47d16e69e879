"""Exact sets of requests: cells merged where no rule tells them apart, and given back as boxes.

A `Grid` walks the dimensions of an action one by one. A state is what is left of each policy's
copies, as bits; cells with the same state at the end are one class, however many they are. The
steps are kept, so that any set of classes can be told again as few boxes (a set of positions in
each dimension), the way a reduced decision diagram tells it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from upheld.core.errors import UpheldError

STATES_MAX = 100_000  # classes of one action while it is walked
Bits = tuple[int, ...]  # what is left of each policy's copies
Box = tuple[int, ...]  # a set of positions in each dimension


class TooManyClasses(UpheldError):  # noqa: N818 - it says what there is too much of
    """More classes of requests than can be computed exactly."""

    def __init__(self, dimension: str) -> None:
        super().__init__(
            f"more than {STATES_MAX:,} classes of requests differ by `{dimension}`",
            code="too-large",
            hint="split the policy, or ask about less",
        )


class Axis(NamedTuple):
    """One dimension: its positions in pieces that no copy tells apart, each with its copies."""

    name: str
    pieces: tuple[tuple[int, Bits], ...]


def axis(name: str, positions: Iterable[tuple[int, Bits]]) -> Axis:
    """An axis from positions (as bits) and their copies; those alike become one piece."""
    masks: dict[Bits, int] = {}
    for mask, bits in positions:
        masks[bits] = masks.get(bits, 0) | mask
    return Axis(name, tuple((mask, bits) for bits, mask in masks.items()))


class Grid:
    """All cells over some axes, in classes."""

    def __init__(self, start: Bits, axes: Sequence[Axis]) -> None:
        self.axes = tuple(axes)
        self.start = start
        self.steps: list[dict[Bits, dict[Bits, int]]] = []  # state to those before it, by what
        states: Iterable[Bits] = (start,)
        for each in self.axes:
            wider: dict[Bits, dict[Bits, int]] = {}
            for state in states:
                for mask, bits in each.pieces:
                    key = tuple(a & b for a, b in zip(state, bits, strict=True))
                    before = wider.setdefault(key, {})
                    before[state] = before.get(state, 0) | mask
                if len(wider) > STATES_MAX:
                    raise TooManyClasses(each.name)
            self.steps.append(wider)
            states = wider
        self.classes: tuple[Bits, ...] = tuple(states)

    def first(self, state: Bits) -> Box:
        """One cell of a class: a single position in each dimension."""
        positions = []
        for step in reversed(self.steps):
            state, mask = next(iter(step[state].items()))
            positions.append(mask & -mask)
        return tuple(reversed(positions))

    def boxes(self, classes: Collection[Bits], most: int) -> tuple[list[Box], bool]:
        """At most so many disjoint boxes that make up some classes; whether there are more."""
        boxes = list(islice(self._walk(*self._diagram(classes)), most + 1))
        return boxes[:most], len(boxes) > most

    def _diagram(self, classes: Collection[Bits]) -> tuple[list[dict[Edges, int]], int]:
        """The reduced diagram of some classes: for each level its nodes, and the top node."""
        states: set[Bits] = set(classes)
        layers = [states]
        for step in reversed(self.steps):
            states = {before for state in states for before in step[state]}
            layers.append(states)
        layers.reverse()
        number = dict.fromkeys(layers[-1], 0)
        levels: list[dict[Edges, int]] = []
        for at in range(len(self.steps) - 1, -1, -1):
            edges: dict[Bits, dict[int, int]] = {state: {} for state in layers[at]}
            for state in layers[at + 1]:
                child = number[state]
                for before, mask in self.steps[at][state].items():
                    edges[before][child] = edges[before].get(child, 0) | mask
            nodes: dict[Edges, int] = {}
            number = {
                state: nodes.setdefault(tuple(sorted(out.items())), len(nodes))
                for state, out in edges.items()
            }
            levels.append(nodes)
        levels.reverse()
        return levels, number.get(self.start, -1)

    def _walk(self, levels: list[dict[Edges, int]], top: int) -> Iterator[Box]:
        tables = [{number: edges for edges, number in nodes.items()} for nodes in levels]
        if top < 0:
            return
        stack: list[tuple[int, int, Box]] = [(0, top, ())]
        while stack:
            depth, node, path = stack.pop()
            if depth == len(tables):
                yield path
                continue
            for child, mask in reversed(tables[depth][node]):
                stack.append((depth + 1, child, (*path, mask)))


Edges = tuple[tuple[int, int], ...]  # child node and the positions that lead there
