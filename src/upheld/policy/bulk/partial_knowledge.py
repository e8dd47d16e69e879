"""Questions about a cell's worlds, answered for all that may be known of its facts, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import NamedTuple

import numpy as np

from upheld.policy.fact_space import Space
from upheld.policy.fact_values import Values

BITS_MAX = 62  # of the number that holds what is known of the facts


class FactColumn(NamedTuple):
    """A fact that rows say: its values, and where it stands among the bits of what is known.

    These are whole numbers of at most 62 bits, as many as are needed; mostly one.
    """

    values: Values
    word: int
    shift: int
    bits: int

    @property
    def digit_count(self) -> int:
        """In how many ways the fact may be known: nothing, or one of its values."""
        return self.values.count + 1


class PartialKnowledge:
    """Answers questions about the worlds of a cell for everything that rows may say of its facts.

    Arrays have an axis for each fact that rows say: place 0 is a fact that is not known, place n
    its value n - 1.
    """

    def __init__(
        self, space: Space, slots: Mapping[str, FactColumn], fixed_facts: Mapping[str, object]
    ) -> None:
        self.space, self.slots, self.fixed_facts = space, slots, fixed_facts
        self.facts = tuple(name for name in space.names if name in slots)
        self.shape = tuple(slots[name].digit_count for name in self.facts)
        # For each digit of a fact its value in this space, which may tell fewer apart.
        self.values = {
            name: [
                values.index(slots[name].values.sample([digit]))
                for digit in range(slots[name].values.count)
            ]
            for name, values in zip(space.names, space.values, strict=True)
            if name in slots
        }

    def worlds(self, worlds: int) -> np.ndarray:
        """A set of worlds with an axis for each fact of the space."""
        size = self.space.size
        bits = np.frombuffer(worlds.to_bytes((size + 7) // 8, "little"), np.uint8)
        counts = [values.count for values in self.space.values]
        flat = np.unpackbits(bits, count=size, bitorder="little").astype(bool)
        return flat.reshape(counts[::-1]).transpose()

    def always(self, worlds: int) -> np.ndarray:
        """Whether all worlds that agree with what is known are among these."""
        return self._reduce(self.worlds(worlds), np.logical_and)

    def ever(self, worlds: int) -> np.ndarray:
        """Whether some world that agrees with what is known is among these."""
        return self._reduce(self.worlds(worlds), np.logical_or)

    def _reduce(self, table: np.ndarray, how: np.ufunc) -> np.ndarray:
        for at in range(len(self.space.names) - 1, -1, -1):
            name = self.space.names[at]
            value = self._value(at, self.fixed_facts)
            unknown = how.reduce(table, axis=at) if value is None else table.take(value, at)
            if name in self.slots:
                parts = [np.expand_dims(unknown, at), table.take(self.values[name], at)]
                table = np.concatenate(parts, axis=at)
            else:
                table = unknown
        return table

    def _value(self, at: int, facts: Mapping[str, object]) -> int | None:
        """The value of a fact where it is known, or where not to be known means no."""
        values = self.space.values[at]
        if values.fact.name in facts:
            return values.index(facts[values.fact.name])
        return values.index(False) if values.fact.absent else None

    def facts_at(self, place: int) -> dict[str, object]:
        """The facts that are known at one place of the flattened array."""
        facts = dict(self.fixed_facts)
        for name, digit in zip(self.facts, np.unravel_index(place, self.shape), strict=True):
            if digit:
                facts[name] = self.slots[name].values.sample([int(digit) - 1])
        return facts

    def residues(self, worlds: int, numbers: dict[object, int]) -> np.ndarray:
        """For each place a number of the worlds that remain of a set; equal sets have one number.

        `numbers` keeps the numbers from call to call.
        """
        shaped, residues = self.worlds(worlds), np.zeros(product_of(self.shape), np.int64)
        places = np.arange(len(residues)).reshape(self.shape)
        for pattern in product((False, True), repeat=len(self.facts)):
            is_known = dict(zip(self.facts, pattern, strict=True))
            digits = [
                np.arange(1, digit_count) if is_so else [0]
                for is_so, digit_count in zip(pattern, self.shape, strict=True)
            ]
            here = places[np.ix_(*digits)]
            rest, axes = shaped, []
            for at, name in enumerate(self.space.names):
                value = self._value(at, self.fixed_facts)
                if is_known.get(name):
                    rest = rest.take(self.values[name], at)
                    axes.append(at)
                elif value is not None:
                    rest = rest.take([value], at)
            rows = np.moveaxis(rest, axes, range(len(axes)))
            shape = rows.shape[len(axes) :]
            _, first, ids = np.unique(
                np.packbits(rows.reshape(here.size, -1), axis=1),
                axis=0,
                return_index=True,
                return_inverse=True,
            )
            names = [at for at in range(len(self.space.names)) if at not in axes]
            flat = rows.reshape(here.size, *shape)
            own = [self._residue_number(names, flat[at], numbers) for at in first.tolist()]
            residues[here.ravel()] = np.array(own)[ids.ravel()]
        return residues

    def _residue_number(
        self, names: list[int], worlds: np.ndarray, numbers: dict[object, int]
    ) -> int:
        """The number of a set of worlds, by the facts on which it depends and no others."""
        facts = []
        for axis in range(len(names) - 1, -1, -1):
            first = worlds.take([0], axis)
            if (worlds == first).all():
                worlds = first.squeeze(axis)
            else:
                values = self.space.values[names[axis]]
                facts.append((values.fact.name, values.marks))
        return numbers.setdefault((tuple(facts), worlds.tobytes()), len(numbers))


def distinct(columns: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """For each distinct column one place where it stands, and all places where it does."""
    if not columns.shape[1]:
        return
    first, *rest = columns
    _, ids = np.unique(first, return_inverse=True)
    for row in rest:
        _, ids = np.unique(ids * (row.max() + 2) + row + 1, return_inverse=True)
    order = np.argsort(ids, kind="stable")
    for where in np.split(order, np.flatnonzero(np.diff(ids[order])) + 1):
        yield int(where[0]), where


def product_of(numbers: Iterable[int]) -> int:
    """All of them multiplied; 1 for none."""
    product = 1
    for number in numbers:
        product *= number
    return product
