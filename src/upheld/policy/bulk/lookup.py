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
from upheld.policy.bulk.decision_table import DecisionTable, Function
from upheld.policy.bulk.partial_knowledge import BITS_MAX, FactColumn, product_of
from upheld.policy.decide import Engine
from upheld.policy.fact_space import Box, Space
from upheld.policy.fact_types import fact_type
from upheld.policy.program import FactTest
from upheld.policy.vocabulary import DIMENSIONS, TREE_OF

KEYS_MAX = 1 << 22  # of all groups together
APART_MAX = 1 << 17  # up to here each word is a group of its own, so that codes are keys
IMPLICANTS_MAX = 8  # in which a function allows; with more the answers are looked up

State = frozenset[tuple[int, tuple[str, ...]]]  # the copies at a cell, and what its action takes
Implicant = tuple[tuple[str, int], ...]  # facts with what must be known of each: its value from 1
ImplicantTable = list[list[Implicant | None]]


class KeyAxis(NamedTuple):
    """A dimension that rows say. Group 0 is that of a row which leaves it out."""

    dimension: str
    words: tuple[str, ...]  # every word that a row may say, in the order of its code
    groups: tuple[int, ...]  # the group of each word, from 1
    masks: tuple[int, ...]  # the leaves of each group, from group 1


class KeyBlock(NamedTuple):
    """Some of the axes, and where their groups lead, after what the blocks before led to.

    The first axis weighs most, and what came before more than it. -1 is a question that cannot be
    asked; the last block leads to the places of states, and mostly it is the only one.
    """

    axes: list[KeyAxis]
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

    `masks` maps the other dimensions to the leaves asked about; `fixed_facts` hold for every row.
    Raises RequestError where there is more to be told apart than a table can hold.
    """

    def __init__(  # noqa: PLR0913 - what can be said of a question and of rows
        self,
        engine: Engine,
        actions: Sequence[str],
        masks: Mapping[str, int],
        rows: Sequence[str],
        *,
        facts: Iterable[str],
        fixed_facts: Mapping[str, object],
        always: Iterable[str] = (),
    ) -> None:
        """`always` are the dimensions that every row says; a row may leave out the others."""
        self._always = set(always)
        self.engine, self.compiled, self.fixed_facts = engine, engine.compiled, fixed_facts
        self._masks, self._rows = masks, rows
        sizes = [len(words_of(engine, d)) + 1 for d in rows]
        self.apart = product_of(sizes) <= APART_MAX
        self.axes = [self._axis(d) for d in rows]
        self.blocks, self.states = self._build_blocks(actions)
        self.slots = self._slots(set(facts))
        self._mattering: dict[int, frozenset[str]] = {}
        table = self._decide_all()
        self.functions, self.answers = table.functions, table.answers
        self.depth = table.depth()

    def _axis(self, dimension: str) -> KeyAxis:
        """The words of a dimension in groups that every rule treats alike."""
        masks = self.engine.checker.masks[_tree(dimension)]
        words = words_of(self.engine, dimension)
        groups: dict[object, int] = {}
        group_numbers, leaves = [], []
        for word in words:
            key = word if self.apart else self._alike(dimension, masks[word])
            if key not in groups:
                groups[key] = len(groups) + 1
                leaves.append(masks[word])
            group_numbers.append(groups[key])
        return KeyAxis(dimension, words, tuple(group_numbers), tuple(leaves))

    def _alike(self, dimension: str, mask: int) -> object:
        if dimension == "action":
            return self._actions(mask)
        return frozenset(self.compiled.classes[dimension].under(mask))

    def _actions(self, mask: int) -> State:
        names = self.compiled.leaves["action"].names
        actions = [name for bit, name in enumerate(names) if mask >> bit & 1]
        return self._begin(actions)

    def _begin(self, actions: Iterable[str]) -> State:
        compiled = self.compiled
        return frozenset((compiled.action[a], tuple(compiled.takes[a])) for a in actions)

    def _build_blocks(self, actions: Sequence[str]) -> tuple[list[KeyBlock], list[frozenset[int]]]:
        """The blocks that lead from what a row says to the place of its state."""
        axes = list(self.axes)
        every = self.compiled.leaves["action"]
        block_axes: list[KeyAxis] = []
        if axes and axes[0].dimension == "action":
            block_axes.append(axes.pop(0))
            starts = [
                self._begin(every.names),
                *(self._actions(mask) for mask in block_axes[0].masks),
            ]
            starts[0] = frozenset()  # a row without an action asks nothing
        else:
            starts = [self._begin(actions)]
        states: list[State | None] = [self._restrict_fixed(state) or None for state in starts]
        keys, blocks = np.arange(len(states)), []
        for axis in axes:
            count = len(axis.masks) + 1
            if len(keys) * count > KEYS_MAX:
                blocks.append(KeyBlock(block_axes, keys))
                keys, block_axes = np.arange(len(states)), []
            if len(keys) * count > KEYS_MAX:
                raise _too_large("the columns tell too many questions apart")
            keys, states = self._add_axis(keys, states, axis)
            block_axes.append(axis)
        ends: dict[frozenset[int], int] = {}
        place = [
            -1 if state is None else ends.setdefault(frozenset(b for b, _ in state), len(ends))
            for state in states
        ]
        return [*blocks, KeyBlock(block_axes, np.array(place)[keys])], list(ends)

    def _restrict_fixed(self, state: State) -> State:
        """A state narrowed by the dimensions that no row says."""
        for dimension in DIMENSIONS:
            if dimension not in self._rows:
                mask = self._masks.get(dimension)
                restricted = self._restrict(state, dimension, mask)
                if restricted is None:
                    return frozenset()
                state = restricted
        return state

    def _add_axis(
        self, keys: np.ndarray, states: list[State | None], axis: KeyAxis
    ) -> tuple[np.ndarray, list[State | None]]:
        """Add one column to keys and states."""
        places: dict[State | None, int] = {}
        table = np.empty((len(states), len(axis.masks) + 1), dtype=np.int64)
        for row, state in enumerate(states):
            for group in range(len(axis.masks) + 1):
                mask = axis.masks[group - 1] if group else None
                never = mask is None and axis.dimension in self._always
                next_state = (
                    None if never or state is None else self._restrict(state, axis.dimension, mask)
                )
                table[row, group] = places.setdefault(next_state, len(places))
        return table[keys].ravel(), list(places)

    def _restrict(self, state: State, dimension: str, mask: int | None) -> State | None:
        """A state narrowed by one dimension; None where an action does not take the dimension."""
        if mask is not None and any(dimension not in takes for _, takes in state):
            return None
        if mask is None:
            mask = self.engine.leaves_of_question(dimension, {})
        pieces = set(self.compiled.classes[dimension].under(mask))
        return frozenset(
            (bits & piece, takes)
            for bits, takes in state
            for piece in (pieces if dimension in takes else (bits,))
        )

    def _slots(self, facts: set[str]) -> dict[str, FactColumn]:
        """A place among the bits for each fact that rows say and that matters somewhere."""
        tests: dict[str, set[FactTest]] = {}
        for bits in {bits for state in self.states for bits in state}:
            for test in self.compiled.tests_at(self.compiled.live(bits)):
                if test.fact in facts:
                    tests.setdefault(test.fact, set()).add(test)
        slots, word, shift = {}, 0, 0
        for name in sorted(tests):
            values = fact_type(self.compiled.vocabulary.facts[name]).values(tests[name])
            bits = values.count.bit_length()
            if shift + bits > BITS_MAX:
                word, shift = word + 1, 0
            slots[name] = FactColumn(values, word, shift, bits)
            shift += bits
        return slots

    def deciding_facts(self) -> set[str]:
        """The facts on which some answer to the question rests, whoever says them."""
        tests = self.compiled.tests_at
        bits = {bits for state in self.states for bits in state}
        return {test.fact for each in bits for test in tests(self.compiled.live(each))}

    @property
    def words(self) -> int:
        """How many whole numbers hold what is known of a row's facts."""
        return max((slot.word + 1 for slot in self.slots.values()), default=1)

    def _decide_all(self) -> DecisionTable:
        """Build the function of each state, and let the keys lead to its number from now on.

        The smallest are built first: where room runs out, the largest answer `error`.
        """
        table = DecisionTable(self.compiled, self.fixed_facts, self.slots)
        sizes = []
        for state in self.states:
            facts: set[str] = set()
            for bits in state:
                facts |= self._facts(bits)
            sizes.append(product_of(self.slots[name].digit_count for name in facts))
        self.function_numbers = np.full(
            len(self.states) + 1, -1
        )  # the last is for what cannot be asked
        for at in sorted(range(len(sizes)), key=sizes.__getitem__):
            self.function_numbers[at] = table.function(self.states[at])
        last = self.blocks[-1]
        self.blocks[-1] = last._replace(keys=self.function_numbers[last.keys])
        return table

    def _facts(self, bits: int) -> frozenset[str]:
        """The facts that rows say and that matter at a cell."""
        if bits not in self._mattering:
            tests = self.compiled.tests_at(self.compiled.live(bits))
            self._mattering[bits] = frozenset(t.fact for t in tests) & self.slots.keys()
        return self._mattering[bits]

    def implicants(self) -> ImplicantTable | None:
        """The prime implicants of each function, all lists of one length, filled up with None.

        To know more never turns an allowance into a refusal, so a row is allowed exactly if what
        is known of it matches one of these. None where a function has more than IMPLICANTS_MAX,
        or goes on at another.
        """
        allows = np.array([outcome == "allow" for outcome, _ in self.answers])
        implicants: list[list[Implicant | None]] = []
        some: list[bool] = []  # for each function whether it ever allows
        for function in self.functions:
            on = [~at for at in function.answers if at < 0]
            last = np.array([at for at in function.answers if at >= 0], np.int64)
            some.append(bool(allows[last].any()) or any(some[at] for at in on))
            minimal = [] if on or not some[-1] else self._minimal(function, allows[last])
            if len(minimal) > IMPLICANTS_MAX or (on and some[-1]):
                return None
            implicants.append(list(minimal))
        width = max([1, *map(len, implicants)])
        return [[*each, *[None] * (width - len(each))] for each in implicants]

    def _minimal(self, function: Function, allows: np.ndarray) -> list[Implicant]:
        """The prime implicants of a function: the least that must be known for it to allow."""
        facts = [self.slots[name].values for name, _ in function.weights]
        shaped = allows.reshape([values.count + 1 for values in reversed(facts)])
        for place, values in enumerate(reversed(facts)):
            if values.fact.absent:  # such a fact is known of every row: 0 is “either way”
                along = np.moveaxis(shaped, place, 0)
                along[0] = along[1:].all(axis=0)
        allows = shaped.ravel()
        at = np.flatnonzero(allows)
        least = np.ones(len(at), dtype=bool)
        digits = []
        for (_, weight), values in zip(function.weights, facts, strict=True):
            digit = at // weight % (values.count + 1)
            least &= (digit == 0) | ~allows[at - digit * weight]
            digits.append(digit)
        names = [name for name, _ in function.weights]
        return [
            tuple(
                (name, int(digit[each]))
                for name, digit in zip(names, digits, strict=True)
                if digit[each]
            )
            for each in np.flatnonzero(least)[: IMPLICANTS_MAX + 1]
        ]

    def allowing_boxes(self) -> list[tuple[Space, list[Box]]] | None:
        """Where a question without row dimensions is allowed, as largest boxes.

        A list of conditions all of which must hold; each a space with boxes, one of which must.
        None where nothing allows. Boxes that rest on facts which no row says are left out.
        """
        (state,) = self.states
        facts = self.compiled.vocabulary.facts
        cases = []
        for bits in sorted(state):
            cell = self.compiled.cell(bits)
            here = {
                name: self.fixed_facts.get(name, False)
                for name in cell.space.names
                if name not in self.slots and (name in self.fixed_facts or facts[name].absent)
            }
            cases.append(e.CellCase(bits, cell, here, cell.space.worlds_matching(here)))
        groups = e.groups(self.compiled, [case for case in cases if not case.certain])
        if groups is None:
            return None
        conditions = []
        for space, worlds in groups:
            boxes = [
                box
                for box in space.boxes(worlds)
                if all(space.names[at] in self.slots for at, _ in box)
            ]
            conditions.append((space, boxes))
        return conditions


def _too_large(what: str) -> RequestError:
    return RequestError(
        what, code="too-large", hint="say more in the question, or give fewer columns"
    )
