"""Rows joined with what the policy says at their words, and what is known of them tested there.

The words of a row are one number, its key. Where whole numbers of two bytes stand for words they
make up the key as they are, so that a number which is no word leads nowhere. A key leads to the
few ways in which the row is allowed, each a test of bits, or to a function and on to its answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from upheld.policy.bulk.columns import Bound
from upheld.policy.bulk.lookup import Axis, Way, Ways
from upheld.policy.bulk.partial_knowledge import Slot, product_of

TOLD = ("outcome", "allowed", "clause")
SAID = (*TOLD, "next")  # of an answer: what it is, or the function that goes on
NEVER = -(1 << 40)  # a part of a key for what cannot be asked: the key is then in no table
KEY_BITS = 62
NARROW = 2  # bytes of the numbers that make up a key as they are
RARE_MAX = 16  # functions allowing in more ways than others, whose ways stand in the query itself


def sum_of(parts: Sequence[Any]) -> Any:
    """All of them added; 0 for none."""
    return reduce(lambda one, other: one + other, parts) if parts else ibis.literal(0, "int64")


def point_of(point: Fraction) -> int | float:
    """A number that a fact is compared with, as engines take it."""
    return point.numerator if point.denominator == 1 else float(point)


def digit(column: Any, slot: Slot) -> Any:
    """What is known of a fact: 0 for nothing, else its value counted from 1, in 64 bits.

    It is cast before anything is added: Ibis takes a sum to be wide already and leaves casts out.
    """
    fact = slot.values.fact
    if fact.kind == "boolean":
        return (column.cast("int32").cast("int64") + 1).fill_null(1 if fact.absent else 0)
    if fact.kind == "number":
        passed = [
            each.cast("int32").cast("int64")
            for point in slot.values.points
            for each in (column >= point_of(point), column > point_of(point))
        ]
        return (sum_of(passed) + 1).fill_null(0)
    told = [(word, slot.values.index(word) + 1) for word in fact.words]
    return column.cases(*told, else_=0).cast("int64")


def bad(bound: Bound, table: ir.Table) -> Any:
    """Whether some value of a row is none that its fact can have; None where that cannot be."""
    found = []
    for name, column in bound.facts.items():
        fact, value = bound.lookup.slots[name].values.fact, table[column]
        if fact.kind == "word":
            found.append(~value.isin(fact.words).fill_null(True))
        elif value.type().is_floating():
            found.append((value.isnan() | value.isinf()).fill_null(False))
    return reduce(lambda one, other: one | other, found) if found else None


def joined(bound: Bound, table: ir.Table, names: Mapping[str, str]) -> ir.Table:
    """Rows joined with what the policy says at their key, and where needed with the answer."""
    kept = table.columns
    lookup = bound.lookup
    table, at, keys = _apart(bound, table) if lookup.apart else _grouped(bound, table)
    wrong = bad(bound, table)
    at = at if wrong is None else ibis.ifelse(wrong, ibis.null("int64"), at)
    table = table.mutate(upheld_key=at)
    if bound.masks is None:
        table = table.mutate(
            **{
                f"upheld_known{word}": sum_of(
                    [
                        digit(table[bound.facts[name]], slot) << slot.shift
                        for name, slot in lookup.slots.items()
                        if slot.word == word
                    ]
                )
                for word in range(lookup.words)
            }
        )
    packed = bound.masks is not None or lookup.words == 1
    ways = lookup.ways() if "allowed" in names and packed else None
    slots = ways is None or len(names) > 1
    begun, further, answers = _tables(bound, ways, keys, slots=slots)
    carried = table.columns
    # The key's table first, so that each row meets it once; its key is its own, so no row doubles.
    table = table.left_join(begun, table.upheld_key == begun.upheld_at)
    if ways is not None:
        table = table.mutate(upheld_one_way=_one_way(bound, table, ways))
        carried = [*carried, "upheld_one_way"]
    for step in range(lookup.depth if slots else 0):
        if step:
            table = table.select(*carried, *(f"upheld_{what}" for what in SAID))
            table = table.rename({f"upheld_before_{what}": f"upheld_{what}" for what in SAID})
            table = table.left_join(further, table.upheld_before_next == further.upheld_function)
        table = _answered(bound, table, answers)
        if step:
            both = {
                what: (table[f"upheld_before_{what}"], table[f"upheld_{what}"]) for what in TOLD
            }
            table = table.mutate(
                **{f"upheld_{what}": before.coalesce(now) for what, (before, now) in both.items()}
            )
    absent = {"outcome": "error", "allowed": False, "clause": ""}
    told = {
        name: table.upheld_one_way
        if what == "allowed" and ways is not None
        else table[f"upheld_{what}"].fill_null(absent[what])
        for what, name in names.items()
    }
    return table.select(*kept, **told)


def _answered(bound: Bound, table: ir.Table, answers: ir.Table) -> ir.Table:
    """Rows with the answer of the function that each was joined with."""
    index: Any = table.upheld_base
    for slot in range(_width(bound)):
        index = index + _kept_digit(bound, table, slot) * table[f"upheld_weight{slot}"]
    table = table.mutate(upheld_index=index)
    return table.left_join(answers, table.upheld_index == answers.upheld_answer)


def _width(bound: Bound) -> int:
    """How many facts a function has at most."""
    return max((len(function.weights) for function in bound.lookup.functions), default=0)


def _inline(ways: Ways) -> tuple[int, list[int]]:
    """How many ways stand in the table of keys, and the functions that have more of them."""
    counts = [sum(way is not None for way in each) for each in ways]
    width = 1
    while len(rare := [at for at, count in enumerate(counts) if count > width]) > RARE_MAX:
        width += 1
    return width, rare


def _one_way(bound: Bound, table: ir.Table, ways: Ways) -> Any:
    """Whether what is known of a row agrees with one of the ways in which it is allowed."""
    width, rare = _inline(ways)
    found = _some(
        [
            _agrees(bound, table, table[f"upheld_care{way}"], table[f"upheld_value{way}"])
            for way in range(width)
        ]
    )
    if rare:
        number, marked = table.upheld_care0, table.upheld_value0 < 0
        told = [
            (
                at,
                _some([_agrees(bound, table, *_bits(bound, way)) for way in ways[function] if way]),
            )
            for at, function in enumerate(rare)
        ]
        found = ibis.ifelse(marked, number.cases(*told, else_=False), found)
    return found.fill_null(False)


def _some(parts: Sequence[Any]) -> Any:
    return reduce(lambda one, other: one | other, parts)


def _agrees(bound: Bound, table: ir.Table, care: Any, value: Any) -> Any:
    """Whether the bits that are looked at are what they must be."""
    if bound.masks is None:
        return (table.upheld_known0 & care) == value
    true = table[bound.masks.true].cast("int64")
    if bound.masks.known is None:
        return (true & care) == value
    known = table[bound.masks.known].cast("int64").fill_null(0)
    no = sum(
        1 << at
        for at, name in enumerate(bound.masks.facts)
        if (slot := bound.lookup.slots.get(name)) and slot.values.fact.absent
    )
    return ((true & known & care) == value) & (((known | no) & care) == care)


def _bits(bound: Bound, way: Way) -> tuple[int, int]:
    """The bits that a way looks at, and what they must be."""
    looked = wanted = 0
    for name, known in way:
        if bound.masks is None:
            slot = bound.lookup.slots[name]
            looked |= ((1 << slot.bits) - 1) << slot.shift
            wanted |= known << slot.shift
        else:
            at = list(bound.masks.facts).index(name)
            looked |= 1 << at
            wanted |= (known - 1) << at
    return looked, wanted


class _Said(NamedTuple):
    """What one column adds to a key: how far its number can spread, and that of no word at all."""

    spread: int
    nothing: int


def _apart(bound: Bound, table: ir.Table) -> tuple[ir.Table, Any, np.ndarray]:
    """Rows, their key, and the key of each group of words, where each word is its own group."""
    (block,) = bound.lookup.blocks
    kinds = [table[bound.dimensions[axis.dimension]].type() for axis in block.axes]
    said = [_as_it_is(kind) or _checked(axis) for axis, kind in zip(block.axes, kinds, strict=True)]
    while product_of(one.spread for one in said) > 1 << KEY_BITS:
        widest = max(range(len(said)), key=lambda at: said[at].spread)
        said[widest] = _checked(block.axes[widest])
    table = _worded(
        bound,
        table,
        [
            _Worded(axis, list(range(one.nothing)), one.nothing, -1)
            for axis, one, kind in zip(block.axes, said, kinds, strict=True)
            if not kind.is_integer()
        ],
    )
    weight, weights = 1, []
    rest, keys = np.arange(len(block.keys)), np.zeros(len(block.keys), np.int64)
    for axis, one in reversed(list(zip(block.axes, said, strict=True))):
        if table[bound.dimensions[axis.dimension]].type().is_integer():
            table = _code(bound, table, axis, one)
        group = rest % (len(axis.masks) + 1)
        rest //= len(axis.masks) + 1
        keys += np.where(group == 0, one.nothing, group - 1) * weight
        weights.append((f"upheld_{axis.dimension}", weight))
        weight *= one.spread
    return table, sum_of([table[name] * each for name, each in weights]), keys


def _as_it_is(kind: Any) -> _Said | None:
    """For numbers of so few bytes that none of them needs a check; else None."""
    if not kind.is_signed_integer() or kind.nbytes > NARROW:
        return None
    values = 1 << 8 * kind.nbytes
    return _Said(values + bool(kind.nullable), values // 2)


def _checked(axis: Axis) -> _Said:
    """For codes from 0, -1 for what is no word, and one more for nothing."""
    return _Said(len(axis.words) + 2, len(axis.words))


def _code(bound: Bound, table: ir.Table, axis: Axis, said: _Said) -> ir.Table:
    """The table with the number of what one column says, of the dimension's name."""
    column = table[bound.dimensions[axis.dimension]]
    kind, nothing = column.type(), said.nothing
    code = column.cast("int64")
    if said == _checked(axis):
        code = ibis.ifelse(column.between(0, nothing - 1), code, -1)
        code = ibis.ifelse(column.isnull(), nothing, code) if kind.nullable else code
    elif kind.nullable:
        code = code.fill_null(nothing)
    return table.mutate(**{f"upheld_{axis.dimension}": code})


def _grouped(bound: Bound, table: ir.Table) -> tuple[ir.Table, Any, np.ndarray]:
    """The same where words are groups, block by block."""
    lookup = bound.lookup
    before, at = "", sum_of([])
    for number, block in enumerate(lookup.blocks):
        *weights, whole = block.strides
        table = _worded(
            bound,
            table,
            [
                _Worded(axis, [group * weight for group in axis.groups], 0, NEVER)
                for axis, weight in zip(block.axes, weights, strict=True)
            ],
        )
        at = sum_of([table[f"upheld_{axis.dimension}"] for axis in block.axes])
        at = at if not before else at + table[before] * whole
        if number + 1 < len(lookup.blocks):
            before = f"upheld_state{number}"
            led = ibis.memtable(
                pa.table({"upheld_from": np.arange(len(block.keys)), before: block.keys})
            )
            kept = table.columns
            table = table.mutate(upheld_key=at)
            table = table.left_join(led, table.upheld_key == led.upheld_from)
            table = table.select(*kept, before)
    return table, at, np.arange(len(lookup.blocks[-1].keys))


class _Worded(NamedTuple):
    """A column of words: a number for each word, for nothing said, and for what is no word."""

    axis: Axis
    numbers: list[int]
    nothing: int
    strange: int


def _worded(bound: Bound, table: ir.Table, columns: Sequence[_Worded]) -> ir.Table:
    """The table with the number of what each of some columns says, of the dimension's name."""
    kept, joins = table.columns, table
    for axis, numbers, _, _ in columns:
        column = bound.dimensions[axis.dimension]
        whole = table[column].type().is_integer()
        words: Any = list(range(len(axis.words))) if whole else list(axis.words)
        told = ibis.memtable(
            pa.table(
                {
                    f"upheld_word_{axis.dimension}": pa.array(
                        words, pa.int64() if whole else pa.string()
                    ),
                    f"upheld_number_{axis.dimension}": pa.array(numbers, pa.int64()),
                }
            )
        )
        joins = joins.left_join(told, [(column, f"upheld_word_{axis.dimension}")])
    found = {}
    for axis, _, nothing, strange in columns:
        number = joins[f"upheld_number_{axis.dimension}"].fill_null(strange)
        unsaid = joins[bound.dimensions[axis.dimension]].isnull()
        found[f"upheld_{axis.dimension}"] = ibis.ifelse(unsaid, nothing, number)
    return joins.select(*kept, **found) if found else table


def _kept_digit(bound: Bound, table: ir.Table, slot: int) -> Any:
    """What is known of the fact that stands in a slot of a row's function."""
    shift = table[f"upheld_shift{slot}"]
    if bound.masks is None:
        known: Any = table.upheld_known0
        for word in range(1, bound.lookup.words):
            other = table[f"upheld_known{word}"]
            known = ibis.ifelse(table[f"upheld_word{slot}"] == word, other, known)
        return (known >> shift) & table[f"upheld_bits{slot}"]
    true = table[bound.masks.true].cast("int64")
    if bound.masks.known is None:
        return ((true >> shift) & 1) + 1
    known = table[bound.masks.known].cast("int64").fill_null(0)
    return ((known >> shift) & 1) + (((true & known) >> shift) & 1)


def _tables(
    bound: Bound, ways: Ways | None, keys: np.ndarray, *, slots: bool
) -> tuple[ir.Table, ir.Table, ir.Table]:
    """The functions by key, the functions by number, and the answers of all of them.

    Where nothing but what is allowed is wanted, keys that never allow are left out.
    """
    lookup = bound.lookup
    places = {name: slot.shift for name, slot in lookup.slots.items()}
    if bound.masks is not None:
        places = {name: at for at, name in enumerate(bound.masks.facts)}
    by_function: dict[str, Any] = {}
    if slots:
        by_function |= _slots_of(bound, places, _width(bound))
    every = np.arange(len(lookup.functions))
    further = pa.table({"upheld_function": every, **by_function})
    if ways is not None:
        by_function |= _ways_of(bound, ways)
    last = lookup.blocks[-1].keys
    wanted = last >= 0
    if ways is not None and not slots:
        wanted &= np.array([each[0] is not None for each in ways])[last]
    of = {name: values[last[wanted]] for name, values in by_function.items()}
    listed = [at for function in lookup.functions for at in function.answers]
    told = [None if at < 0 else lookup.answers[at] for at in listed]
    answers = pa.table(
        {
            "upheld_answer": pa.array(range(len(told)), pa.int64()),
            "upheld_outcome": pa.array([each and each[0] for each in told], pa.string()),
            "upheld_allowed": pa.array([each and each[0] == "allow" for each in told], pa.bool_()),
            "upheld_clause": pa.array([each and ", ".join(each[1]) for each in told], pa.string()),
            "upheld_next": pa.array([~at if at < 0 else None for at in listed], pa.int64()),
        }
    )
    return (
        ibis.memtable(pa.table({"upheld_at": keys[wanted], **of})),
        ibis.memtable(further),
        ibis.memtable(answers),
    )


def _slots_of(bound: Bound, places: Mapping[str, int], width: int) -> dict[str, Any]:
    """For each function where its answers begin, and where its facts stand with what weight."""
    functions, slots = bound.lookup.functions, bound.lookup.slots
    base = np.zeros(len(functions), dtype=np.int64)
    shift = np.zeros((width, len(base)), dtype=np.int32)
    word = np.zeros_like(shift)
    bits, weight = np.zeros_like(shift, dtype=np.int64), np.zeros_like(shift, dtype=np.int64)
    listed = 0
    for at, function in enumerate(functions):
        base[at], listed = listed, listed + len(function.answers)
        for slot, (name, each) in enumerate(function.weights):
            shift[slot, at], weight[slot, at] = places[name], each
            bits[slot, at], word[slot, at] = (1 << slots[name].bits) - 1, slots[name].word
    found = {"upheld_base": base}
    for slot in range(width):
        found[f"upheld_shift{slot}"], found[f"upheld_weight{slot}"] = shift[slot], weight[slot]
        if bound.masks is None:
            found[f"upheld_bits{slot}"], found[f"upheld_word{slot}"] = bits[slot], word[slot]
    return found


def _ways_of(bound: Bound, ways: Ways) -> dict[str, Any]:
    """For each function the bits that a way looks at, and what they must be.

    A way that is none looks at nothing and wants something. A function with more ways than stand
    here has its number among those instead, and wants less than nothing.
    """
    width, rare = _inline(ways)
    care = np.zeros((width, len(ways)), dtype=np.int64)
    value = np.ones_like(care)
    for at, each in enumerate(ways):
        for number, way in enumerate(each[:width]):
            if way is not None:
                care[number, at], value[number, at] = _bits(bound, way)
    care[0, rare], value[0, rare] = range(len(rare)), -1
    found = {}
    for number in range(width):
        found[f"upheld_care{number}"], found[f"upheld_value{number}"] = care[number], value[number]
    return found
