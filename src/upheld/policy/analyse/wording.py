"""Classes of requests and worlds of facts in words that people use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from upheld.policy.analyse.common_classes import CommonClasses, NamesByPolicy
from upheld.policy.english import word_list
from upheld.policy.fact_space import Space, TooManyWorlds
from upheld.policy.regions import Bits, Box, Grid
from upheld.policy.sentences import Sentences
from upheld.policy.vocabulary import BASIS, TREE_OF

REGIONS_MAX = 40  # of one finding, in JSON; sentences show fewer
WAYS_SHOWN = 3
REGIONS_SHOWN = 3


class Region(msgspec.Struct, frozen=True, order=True):
    """A set of requests: an action, and for each dimension that matters the words of a set."""

    action: str
    dimensions: dict[str, tuple[str, ...]]
    text: str


class Wording:
    """Tells classes in the words of one of some policies."""

    def __init__(self, common: CommonClasses, side: int) -> None:
        self.common, self.side = common, side
        self.words = Sentences(common.sides[side].program)
        self._merged: dict[str, str] = {}

    def regions(
        self,
        by_action: Mapping[NamesByPolicy, tuple[Grid, Sequence[Bits]]],
        most: int = REGIONS_MAX,
    ) -> tuple[tuple[Region, ...], bool]:
        """Classes of some actions as few regions, with actions that agree in one region."""
        shapes: dict[tuple[tuple[str, tuple[str, ...]], ...], list[str]] = {}
        more = False
        for action, (grid, classes) in by_action.items():
            boxes, truncated = grid.boxes(classes, most)
            more = more or truncated
            for box in boxes:
                shape = tuple(self._dimensions(grid, box).items())
                shapes.setdefault(shape, []).append(action[self.side])
        regions = []
        for shape, actions in shapes.items():
            for words in self._actions(actions):
                dimensions = dict(shape)
                regions.append(Region(", ".join(words), dimensions, self.act(words, dimensions)))
        return tuple(regions[:most]), more or len(regions) > most

    def _actions(self, actions: Sequence[str]) -> list[list[str]]:
        return [self.words.fold("action", dict.fromkeys(actions))]

    def _dimensions(self, grid: Grid, box: Box) -> dict[str, tuple[str, ...]]:
        """What a box says of each dimension; one that says what leaving it out says is left out."""
        words = {}
        for axis, mask in zip(grid.axes, box, strict=True):
            whole = (1 << len(self.common.positions[axis.name])) - 1
            if mask != whole or axis.name == "actor":  # an actor left out is the provider
                leaves = self.common.leaves(self.side, axis.name, mask)
                tree = TREE_OF[axis.name]
                if axis.name == "actor" and set(leaves) == self.words.ours:
                    continue
                words[axis.name] = tuple(self.words.fold(tree, leaves))
        return words

    def act(self, actions: Sequence[str], dimensions: Mapping[str, Sequence[str]]) -> str:
        """An act as a phrase."""
        scope = {d: self.words.under_all(TREE_OF[d], w) for d, w in dimensions.items() if w}
        return self.words.act(actions, scope)

    def ways(self, ways: Sequence[Sequence[str]]) -> str:
        """Sets of facts, any one of which will do, as a phrase that starts with "when"."""
        if not ways or not ways[0]:
            return ""
        phrases = [" and ".join(self.words.literal(each) for each in way) for way in ways]
        more = f"; or in {len(phrases) - WAYS_SHOWN} more ways" if len(phrases) > WAYS_SHOWN else ""
        return "when " + "; or ".join(phrases[:WAYS_SHOWN]) + more

    def because(self, bases: Sequence[str]) -> str:
        """Legal bases as the end of a sentence; nothing where there are none."""
        text = word_list((self.words.label(BASIS, basis) for basis in bases), "and")
        return f", because of {text}" if text else ""


def together(regions: Sequence[Region], *, more: bool) -> str:
    """Regions as one phrase, the first few of them."""
    rest = len(regions) - REGIONS_SHOWN
    text = "; ".join(region.text for region in regions[:REGIONS_SHOWN])
    if rest > 0:
        text += f"; and {rest}{' or more' if more else ''} other kinds"
    return text


def ways_of(
    space: Space, worlds: int, facts: Mapping[str, object] | None = None
) -> tuple[tuple[str, ...], ...]:
    """What must hold for one of these worlds, as sets of facts; none if they are too many."""
    try:
        return tuple(space.proofs(worlds, facts or {}))
    except TooManyWorlds:
        return ()
