"""Every answer that the rows of a table can get, worked out beforehand as a few numbers.

A row says words (of the dimensions that are columns) and facts. Words that no rule tells apart are
one group, so the groups of all columns together are a number, the row's key; the key leads to a
function of a few facts; and what is known of these facts is one number more, which leads to the
answer. Each answer is decided as any other question is. Nothing here knows of tables: `bulk` turns
these numbers into expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from upheld.core.errors import RequestError
from upheld.policy import evaluate as e
from upheld.policy.bulk.decision_table import Answers, Function
from upheld.policy.bulk.partial_knowledge import BITS_MAX, Slot, product_of
from upheld.policy.decide import Engine
from upheld.policy.fact_space import Box, Space, Values
from upheld.policy.program import FactTest
from upheld.policy.vocabulary import DIMENSIONS, TREE_OF

KEYS_MAX = 1 << 22  # of all groups together
APART_MAX = 1 << 17  # up to here each word is a group of its own, so that codes are keys
WAYS_MAX = 8  # in which a function allows; with more the answers are looked up

State = frozenset[tuple[int, tuple[str, ...]]]  # the copies at a cell, and what its action takes
Way = tuple[tuple[str, int], ...]  # facts with what must be known of each: its value from 1
Ways = list[list[Way | None]]


class Axis(NamedTuple):
    """A dimension that rows say. Group 0 is that of a row which leaves it out."""

    dimension: str
    words: tuple[str, ...]  # every word that a row may say, in the order of its code
    groups: tuple[int, ...]  # the group of each word, from 1
    masks: tuple[int, ...]  # the leaves of each group, from group 1


class Block(NamedTuple):
    """Some of the axes, and where their groups lead, after what the blocks before led to.

    The first axis weighs most, and what came before more than it. -1 is a question that cannot be
    asked; the last block leads to the places of states, and mostly it is the only one.
    """

    axes: list[Axis]
    keys: np.ndarray

    @property
    def strides(self) -> list[int]:
        """What the group of each axis weighs, then what came before."""
        counts = [len(axis.masks) + 1 for axis in self.axes]
        return [product_of(counts[at + 1 :]) for at in range(len(counts))] + [product_of(counts)]


def words_of(engine: Engine, dimension: str) -> tuple[str, ...]:
    """Every word of a dimension (or of `action`); its place is its code in a table of numbers."""
    return tuple(sorted(engine.checker.masks[_tree(dimension)]))


def _tree(dimension: str) -> str:
    return "action" if dimension == "action" else TREE_OF[dimension]


class Lookup:
    """The answers to a question whose `rows` (dimensions, `action` first) and facts rows say.

    `asked` maps the other dimensions to the leaves asked about; `known` holds for every row. Raises
    RequestError where there is more to be told apart than a table can hold.
    """

    def __init__(  # noqa: PLR0913 - what can be said of a question and of rows
        self,
        engine: Engine,
        actions: Sequence[str],
        asked: Mapping[str, int],
        rows: Sequence[str],
        *,
        facts: Iterable[str],
        known: Mapping[str, object],
        said: Iterable[str] = (),
    ) -> None:
        """`said` are the dimensions that every row says; the others may be left out by a row."""
        self._said = set(said)
        self.engine, self.compiled, self.known = engine, engine.compiled, known
        self._asked, self._rows = asked, rows
        sizes = [len(words_of(engine, d)) + 1 for d in rows]
        self.apart = product_of(sizes) <= APART_MAX
        self.axes = [self._axis(d) for d in rows]
        self.blocks, self.states = self._walk(actions)
        self.slots = self._slots(set(facts))
        self._mattering: dict[int, frozenset[str]] = {}
        answered = self._answered()
        self.functions, self.answers = answered.functions, answered.answers
        self.depth = answered.depth()

    def _axis(self, dimension: str) -> Axis:
        """The words of a dimension in groups that every rule treats alike."""
        masks = self.engine.checker.masks[_tree(dimension)]
        words = words_of(self.engine, dimension)
        groups: dict[object, int] = {}
        found, leaves = [], []
        for word in words:
            key = word if self.apart else self._alike(dimension, masks[word])
            if key not in groups:
                groups[key] = len(groups) + 1
                leaves.append(masks[word])
            found.append(groups[key])
        return Axis(dimension, words, tuple(found), tuple(leaves))

    def _alike(self, dimension: str, mask: int) -> object:
        if dimension == "action":
            return self._actions(mask)
        return frozenset(self.compiled.classes[dimension].under(mask))

    def _actions(self, mask: int) -> State:
        names = self.compiled.leaves["action"].names
        chosen = [name for bit, name in enumerate(names) if mask >> bit & 1]
        return self._begin(chosen)

    def _begin(self, actions: Iterable[str]) -> State:
        compiled = self.compiled
        return frozenset((compiled.action[a], tuple(compiled.takes[a])) for a in actions)

    def _walk(self, actions: Sequence[str]) -> tuple[list[Block], list[frozenset[int]]]:
        """The blocks that lead from what a row says to the place of its state."""
        axes = list(self.axes)
        every = self.compiled.leaves["action"]
        taken: list[Axis] = []
        if axes and axes[0].dimension == "action":
            taken.append(axes.pop(0))
            begun = [self._begin(every.names), *(self._actions(mask) for mask in taken[0].masks)]
            begun[0] = frozenset()  # a row without an action asks nothing
        else:
            begun = [self._begin(actions)]
        states: list[State | None] = [self._fixed(state) or None for state in begun]
        keys, blocks = np.arange(len(states)), []
        for axis in axes:
            count = len(axis.masks) + 1
            if len(keys) * count > KEYS_MAX:
                blocks.append(Block(taken, keys))
                keys, taken = np.arange(len(states)), []
            if len(keys) * count > KEYS_MAX:
                raise _too_large("the columns tell too many questions apart")
            keys, states = self._across(keys, states, axis)
            taken.append(axis)
        ends: dict[frozenset[int], int] = {}
        place = [
            -1 if state is None else ends.setdefault(frozenset(b for b, _ in state), len(ends))
            for state in states
        ]
        return [*blocks, Block(taken, np.array(place)[keys])], list(ends)

    def _fixed(self, state: State) -> State:
        """A state narrowed by the dimensions that no row says."""
        for dimension in DIMENSIONS:
            if dimension not in self._rows:
                mask = self._asked.get(dimension)
                narrowed = self._narrow(state, dimension, mask)
                if narrowed is None:
                    return frozenset()
                state = narrowed
        return state

    def _across(
        self, keys: np.ndarray, states: list[State | None], axis: Axis
    ) -> tuple[np.ndarray, list[State | None]]:
        """Keys and states with one column more."""
        places: dict[State | None, int] = {}
        table = np.empty((len(states), len(axis.masks) + 1), dtype=np.int64)
        for row, state in enumerate(states):
            for group in range(len(axis.masks) + 1):
                mask = axis.masks[group - 1] if group else None
                never = mask is None and axis.dimension in self._said
                reached = (
                    None if never or state is None else self._narrow(state, axis.dimension, mask)
                )
                table[row, group] = places.setdefault(reached, len(places))
        return table[keys].ravel(), list(places)

    def _narrow(self, state: State, dimension: str, mask: int | None) -> State | None:
        """A state narrowed by one dimension; None where an action does not take what is said."""
        if mask is not None and any(dimension not in takes for _, takes in state):
            return None
        if mask is None:
            mask = self.engine.leaves_asked(dimension, {})
        pieces = set(self.compiled.classes[dimension].under(mask))
        return frozenset(
            (bits & piece, takes)
            for bits, takes in state
            for piece in (pieces if dimension in takes else (bits,))
        )

    def _slots(self, facts: set[str]) -> dict[str, Slot]:
        """A place among the bits for each fact that rows say and that matters somewhere."""
        tests: dict[str, set[FactTest]] = {}
        for bits in {bits for state in self.states for bits in state}:
            for test in self.compiled.tests_at(self.compiled.live(bits)):
                if test.fact in facts:
                    tests.setdefault(test.fact, set()).add(test)
        found, word, shift = {}, 0, 0
        for name in sorted(tests):
            values = Values(self.compiled.vocabulary.facts[name], tests[name])
            bits = values.count.bit_length()
            if shift + bits > BITS_MAX:
                word, shift = word + 1, 0
            found[name] = Slot(values, word, shift, bits)
            shift += bits
        return found

    def mattering(self) -> set[str]:
        """The facts on which some answer to the question rests, whoever says them."""
        tests = self.compiled.tests_at
        bits = {bits for state in self.states for bits in state}
        return {test.fact for each in bits for test in tests(self.compiled.live(each))}

    @property
    def words(self) -> int:
        """How many whole numbers hold what is known of a row's facts."""
        return max((slot.word + 1 for slot in self.slots.values()), default=1)

    def _answered(self) -> Answers:
        """The function of each state, to whose number its keys lead from now on.

        Where room runs out it is the largest that go without.
        """
        made = Answers(self.compiled, self.known, self.slots)
        sizes = []
        for state in self.states:
            found: set[str] = set()
            for bits in state:
                found |= self._facts(bits)
            sizes.append(product_of(self.slots[name].ways for name in found))
        self.begins = np.full(len(self.states) + 1, -1)  # the last is for what cannot be asked
        for at in sorted(range(len(sizes)), key=sizes.__getitem__):
            self.begins[at] = made.function(self.states[at])
        last = self.blocks[-1]
        self.blocks[-1] = last._replace(keys=self.begins[last.keys])
        return made

    def _facts(self, bits: int) -> frozenset[str]:
        """The facts that rows say and that matter at a cell."""
        if bits not in self._mattering:
            tests = self.compiled.tests_at(self.compiled.live(bits))
            self._mattering[bits] = frozenset(t.fact for t in tests) & self.slots.keys()
        return self._mattering[bits]

    def ways(self) -> Ways | None:
        """For each function every least thing to know with which it allows, None to fill up.

        To know more never turns an allowance into a refusal, so that a row is allowed exactly if
        what is known of it agrees with one of these. None where a function has more than WAYS_MAX,
        or goes on at another.
        """
        allows = np.array([outcome == "allow" for outcome, _ in self.answers])
        found: list[list[Way | None]] = []
        some: list[bool] = []  # for each function whether it ever allows
        for function in self.functions:
            on = [~at for at in function.answers if at < 0]
            last = np.array([at for at in function.answers if at >= 0], np.int64)
            some.append(bool(allows[last].any()) or any(some[at] for at in on))
            ways = [] if on or not some[-1] else self._least(function, allows[last])
            if len(ways) > WAYS_MAX or (on and some[-1]):
                return None
            found.append(list(ways))
        width = max([1, *map(len, found)])
        return [[*each, *[None] * (width - len(each))] for each in found]

    def _least(self, function: Function, allowed: np.ndarray) -> list[Way]:
        """The least of what may be known with which a function allows."""
        facts = [self.slots[name].values for name, _ in function.weights]
        shaped = allowed.reshape([values.count + 1 for values in reversed(facts)])
        for place, values in enumerate(reversed(facts)):
            if values.fact.absent:  # such a fact is known of every row: 0 is “either way”
                along = np.moveaxis(shaped, place, 0)
                along[0] = along[1:].all(axis=0)
        allowed = shaped.ravel()
        at = np.flatnonzero(allowed)
        least = np.ones(len(at), dtype=bool)
        digits = []
        for (_, weight), values in zip(function.weights, facts, strict=True):
            digit = at // weight % (values.count + 1)
            least &= (digit == 0) | ~allowed[at - digit * weight]
            digits.append(digit)
        names = [name for name, _ in function.weights]
        return [
            tuple(
                (name, int(digit[each]))
                for name, digit in zip(names, digits, strict=True)
                if digit[each]
            )
            for each in np.flatnonzero(least)[: WAYS_MAX + 1]
        ]

    def allowing(self) -> list[tuple[Space, list[Box]]] | None:
        """Where the one state of a question without row dimensions allows, as largest boxes.

        A list of conditions all of which must hold; each a space with boxes, one of which must.
        None where nothing allows. Boxes that rest on facts which no row says are left out.
        """
        (state,) = self.states
        facts = self.compiled.vocabulary.facts
        cases = []
        for bits in sorted(state):
            cell = self.compiled.cell(bits)
            here = {
                name: self.known.get(name, False)
                for name in cell.space.names
                if name not in self.slots and (name in self.known or facts[name].absent)
            }
            cases.append(e.Case(bits, cell, here, cell.space.given(here)))
        groups = e.groups(self.compiled, [case for case in cases if not case.certain])
        if groups is None:
            return None
        found = []
        for space, wanted in groups:
            boxes = [
                box
                for box in space.boxes(wanted)
                if all(space.names[at] in self.slots for at, _ in box)
            ]
            found.append((space, boxes))
        return found


def _too_large(what: str) -> RequestError:
    return RequestError(
        what, code="too-large", hint="say more in the question, or give fewer columns"
    )
