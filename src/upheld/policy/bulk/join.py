"""Rows joined with what the policy says at their words, and what is known of them tested there.

The words of a row are one number, its key. Where whole numbers of two bytes stand for words they
make up the key as they are, so that a number that stands for no word leads nowhere. A key leads to
the few implicants under which the row is allowed, each a test of bits, or to a function and on to
its answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from upheld.policy.bulk.columns import BoundQuestion
from upheld.policy.bulk.lookup import Implicant, ImplicantTable, KeyAxis
from upheld.policy.bulk.partial_knowledge import product_of

ANSWER_COLUMNS = ("outcome", "allowed", "clause")
STEP_COLUMNS = (*ANSWER_COLUMNS, "next")  # of an answer: what it is, or the function that goes on
IMPOSSIBLE_KEY = -(1 << 40)  # added for what cannot be asked: the key is then in no table
KEY_BITS = 62
NARROW = 2  # bytes of the numbers that make up a key as they are
RARE_MAX = 16  # functions with more implicants than others, which stand in the query itself


def sum_of(parts: Sequence[Any]) -> Any:
    """All of them added; 0 for none."""
    return reduce(lambda one, other: one + other, parts) if parts else ibis.literal(0, "int64")


def has_bad_value(question: BoundQuestion, table: ir.Table) -> Any:
    """Whether a row has a value that its fact cannot have; None where no row can."""
    tests = []
    for name, column in question.facts.items():
        kind = question.lookup.slots[name].values.kind
        if (is_bad := kind.bad_value(table[column])) is not None:
            tests.append(is_bad)
    return reduce(lambda one, other: one | other, tests) if tests else None


def join_answers(question: BoundQuestion, table: ir.Table, names: Mapping[str, str]) -> ir.Table:
    """Rows joined with what the policy says at their key, and where needed with the answer."""
    columns = table.columns
    lookup = question.lookup
    table, at, keys = (
        _key_by_term(question, table) if lookup.apart else _key_by_class(question, table)
    )
    wrong = has_bad_value(question, table)
    at = at if wrong is None else ibis.ifelse(wrong, ibis.null("int64"), at)
    table = table.mutate(upheld_key=at)
    if question.masks is None:
        table = table.mutate(
            **{
                f"upheld_known{word}": sum_of(
                    [
                        slot.values.digit(table[question.facts[name]]) << slot.shift
                        for name, slot in lookup.slots.items()
                        if slot.word == word
                    ]
                )
                for word in range(lookup.words)
            }
        )
    packed = question.masks is not None or lookup.words == 1
    implicants = lookup.implicants() if "allowed" in names and packed else None
    slots = implicants is None or len(names) > 1
    first_functions, next_functions, answers = _tables(question, implicants, keys, slots=slots)
    carried = table.columns
    # The key's table first, so that each row meets it once; its key is its own, so no row doubles.
    table = table.left_join(first_functions, table.upheld_key == first_functions.upheld_at)
    if implicants is not None:
        table = table.mutate(upheld_one_way=_matches_implicant(question, table, implicants))
        carried = [*carried, "upheld_one_way"]
    for step in range(lookup.depth if slots else 0):
        if step:
            table = table.select(*carried, *(f"upheld_{what}" for what in STEP_COLUMNS))
            table = table.rename(
                {f"upheld_before_{what}": f"upheld_{what}" for what in STEP_COLUMNS}
            )
            table = table.left_join(
                next_functions, table.upheld_before_next == next_functions.upheld_function
            )
        table = _join_answer(question, table, answers)
        if step:
            both = {
                what: (table[f"upheld_before_{what}"], table[f"upheld_{what}"])
                for what in ANSWER_COLUMNS
            }
            table = table.mutate(
                **{f"upheld_{what}": before.coalesce(now) for what, (before, now) in both.items()}
            )
    absent = {"outcome": "error", "allowed": False, "clause": ""}
    answer_columns = {
        name: table.upheld_one_way
        if what == "allowed" and implicants is not None
        else table[f"upheld_{what}"].fill_null(absent[what])
        for what, name in names.items()
    }
    return table.select(*columns, **answer_columns)


def _join_answer(question: BoundQuestion, table: ir.Table, answers: ir.Table) -> ir.Table:
    """Rows with the answer of the function that each was joined with."""
    index: Any = table.upheld_base
    for slot in range(_width(question)):
        index = index + _slot_digit(question, table, slot) * table[f"upheld_weight{slot}"]
    table = table.mutate(upheld_index=index)
    return table.left_join(answers, table.upheld_index == answers.upheld_answer)


def _width(question: BoundQuestion) -> int:
    """How many facts a function has at most."""
    return max((len(function.weights) for function in question.lookup.functions), default=0)


def _inline(implicants: ImplicantTable) -> tuple[int, list[int]]:
    """How many implicants stand in the table of keys, and the functions that have more of them."""
    counts = [sum(implicant is not None for implicant in each) for each in implicants]
    width = 1
    while len(rare := [at for at, count in enumerate(counts) if count > width]) > RARE_MAX:
        width += 1
    return width, rare


def _matches_implicant(question: BoundQuestion, table: ir.Table, implicants: ImplicantTable) -> Any:
    """Whether what is known of a row matches one of the implicants of its function."""
    width, rare = _inline(implicants)
    matches = _some(
        [
            _matches(
                question, table, table[f"upheld_care{implicant}"], table[f"upheld_value{implicant}"]
            )
            for implicant in range(width)
        ]
    )
    if rare:
        number, is_rare = table.upheld_care0, table.upheld_value0 < 0
        rare_matches = [
            (
                at,
                _some(
                    [
                        _matches(question, table, *_care_and_value(question, implicant))
                        for implicant in implicants[function]
                        if implicant
                    ]
                ),
            )
            for at, function in enumerate(rare)
        ]
        matches = ibis.ifelse(is_rare, number.cases(*rare_matches, else_=False), matches)
    return matches.fill_null(False)


def _some(parts: Sequence[Any]) -> Any:
    return reduce(lambda one, other: one | other, parts)


def _matches(question: BoundQuestion, table: ir.Table, care: Any, value: Any) -> Any:
    """Whether the bits that are looked at are what they must be."""
    if question.masks is None:
        return (table.upheld_known0 & care) == value
    true_bits = table[question.masks.true].cast("int64")
    if question.masks.known_bits is None:
        return (true_bits & care) == value
    known_bits = table[question.masks.known_bits].cast("int64").fill_null(0)
    no = sum(
        1 << at
        for at, name in enumerate(question.masks.facts)
        if (slot := question.lookup.slots.get(name)) and slot.values.fact.absent
    )
    return ((true_bits & known_bits & care) == value) & (((known_bits | no) & care) == care)


def _care_and_value(question: BoundQuestion, implicant: Implicant) -> tuple[int, int]:
    """The bits that a implicant looks at, and what they must be."""
    care = value = 0
    for name, digit in implicant:
        if question.masks is None:
            slot = question.lookup.slots[name]
            care |= ((1 << slot.bits) - 1) << slot.shift
            value |= digit << slot.shift
        else:
            at = list(question.masks.facts).index(name)
            care |= 1 << at
            value |= (digit - 1) << at
    return care, value


class _KeyDigit(NamedTuple):
    """What one column adds to a key: how many numbers it can have, and the number of NULL."""

    spread: int
    nothing: int


def _key_by_term(question: BoundQuestion, table: ir.Table) -> tuple[ir.Table, Any, np.ndarray]:
    """Rows, their key, and the key of each group of words, where each word is its own group."""
    (block,) = question.lookup.blocks
    kinds = [table[question.dimensions[axis.dimension]].type() for axis in block.axes]
    key_digits = [
        _raw_digit(kind) or _code_digit(axis) for axis, kind in zip(block.axes, kinds, strict=True)
    ]
    while product_of(one.spread for one in key_digits) > 1 << KEY_BITS:
        widest = max(range(len(key_digits)), key=lambda at: key_digits[at].spread)
        key_digits[widest] = _code_digit(block.axes[widest])
    table = _encode_terms(
        question,
        table,
        [
            _TermCodes(axis, list(range(one.nothing)), one.nothing, -1)
            for axis, one, kind in zip(block.axes, key_digits, kinds, strict=True)
            if not kind.is_integer()
        ],
    )
    weight, weights = 1, []
    rest, keys = np.arange(len(block.keys)), np.zeros(len(block.keys), np.int64)
    for axis, one in reversed(list(zip(block.axes, key_digits, strict=True))):
        if table[question.dimensions[axis.dimension]].type().is_integer():
            table = _add_code(question, table, axis, one)
        group = rest % (len(axis.masks) + 1)
        rest //= len(axis.masks) + 1
        keys += np.where(group == 0, one.nothing, group - 1) * weight
        weights.append((f"upheld_{axis.dimension}", weight))
        weight *= one.spread
    return table, sum_of([table[name] * each for name, each in weights]), keys


def _raw_digit(kind: Any) -> _KeyDigit | None:
    """The digit of a column of small integers, used without a check; None for any other type."""
    if not kind.is_signed_integer() or kind.nbytes > NARROW:
        return None
    values = 1 << 8 * kind.nbytes
    return _KeyDigit(values + bool(kind.nullable), values // 2)


def _code_digit(axis: KeyAxis) -> _KeyDigit:
    """The digit of a column of codes: 0 upwards, -1 for an unknown word, one more for NULL."""
    return _KeyDigit(len(axis.words) + 2, len(axis.words))


def _add_code(
    question: BoundQuestion, table: ir.Table, axis: KeyAxis, key_digit: _KeyDigit
) -> ir.Table:
    """Add an int64 column `upheld_<dimension>` with the number that each row adds to its key."""
    column = table[question.dimensions[axis.dimension]]
    kind, nothing = column.type(), key_digit.nothing
    code = column.cast("int64")
    if key_digit == _code_digit(axis):
        code = ibis.ifelse(column.between(0, nothing - 1), code, -1)
        code = ibis.ifelse(column.isnull(), nothing, code) if kind.nullable else code
    elif kind.nullable:
        code = code.fill_null(nothing)
    return table.mutate(**{f"upheld_{axis.dimension}": code})


def _key_by_class(question: BoundQuestion, table: ir.Table) -> tuple[ir.Table, Any, np.ndarray]:
    """Rows, their key, and the key of each group of words, where words that are alike are a group.

    Built block by block: the state that one block leads to is a part of the key of the next.
    """
    lookup = question.lookup
    before, at = "", sum_of([])
    for number, block in enumerate(lookup.blocks):
        *weights, whole = block.strides
        table = _encode_terms(
            question,
            table,
            [
                _TermCodes(axis, [group * weight for group in axis.groups], 0, IMPOSSIBLE_KEY)
                for axis, weight in zip(block.axes, weights, strict=True)
            ],
        )
        at = sum_of([table[f"upheld_{axis.dimension}"] for axis in block.axes])
        at = at if not before else at + table[before] * whole
        if number + 1 < len(lookup.blocks):
            before = f"upheld_state{number}"
            states = ibis.memtable(
                pa.table({"upheld_from": np.arange(len(block.keys)), before: block.keys})
            )
            columns = table.columns
            table = table.mutate(upheld_key=at)
            table = table.left_join(states, table.upheld_key == states.upheld_from)
            table = table.select(*columns, before)
    return table, at, np.arange(len(lookup.blocks[-1].keys))


class _TermCodes(NamedTuple):
    """The codes of a column of words: one for each word, for NULL, and for an unknown word."""

    axis: KeyAxis
    numbers: list[int]
    nothing: int
    strange: int


def _encode_terms(
    question: BoundQuestion, table: ir.Table, columns: Sequence[_TermCodes]
) -> ir.Table:
    """Add one int64 column per dimension, `upheld_<dimension>`, with the code of each row's word.

    The code is `nothing` for NULL and `strange` for an unknown word.
    """
    columns_before, joins = table.columns, table
    for axis, numbers, _, _ in columns:
        column = question.dimensions[axis.dimension]
        whole = table[column].type().is_integer()
        words: Any = list(range(len(axis.words))) if whole else list(axis.words)
        codes = ibis.memtable(
            pa.table(
                {
                    f"upheld_word_{axis.dimension}": pa.array(
                        words, pa.int64() if whole else pa.string()
                    ),
                    f"upheld_number_{axis.dimension}": pa.array(numbers, pa.int64()),
                }
            )
        )
        joins = joins.left_join(codes, [(column, f"upheld_word_{axis.dimension}")])
    code_columns = {}
    for axis, _, nothing, strange in columns:
        number = joins[f"upheld_number_{axis.dimension}"].fill_null(strange)
        is_null = joins[question.dimensions[axis.dimension]].isnull()
        code_columns[f"upheld_{axis.dimension}"] = ibis.ifelse(is_null, nothing, number)
    return joins.select(*columns_before, **code_columns) if code_columns else table


def _slot_digit(question: BoundQuestion, table: ir.Table, slot: int) -> Any:
    """What is known of the fact that stands in a slot of a row's function."""
    shift = table[f"upheld_shift{slot}"]
    if question.masks is None:
        known_bits: Any = table.upheld_known0
        for word in range(1, question.lookup.words):
            other = table[f"upheld_known{word}"]
            known_bits = ibis.ifelse(table[f"upheld_word{slot}"] == word, other, known_bits)
        return (known_bits >> shift) & table[f"upheld_bits{slot}"]
    true_bits = table[question.masks.true].cast("int64")
    if question.masks.known_bits is None:
        return ((true_bits >> shift) & 1) + 1
    known_bits = table[question.masks.known_bits].cast("int64").fill_null(0)
    return ((known_bits >> shift) & 1) + (((true_bits & known_bits) >> shift) & 1)


def _tables(
    question: BoundQuestion, implicants: ImplicantTable | None, keys: np.ndarray, *, slots: bool
) -> tuple[ir.Table, ir.Table, ir.Table]:
    """Three tables: the functions by key, the functions by number, and all answers.

    Without `slots` only `allowed` is asked for, and keys that never allow are left out.
    """
    lookup = question.lookup
    places = {name: slot.shift for name, slot in lookup.slots.items()}
    if question.masks is not None:
        places = {name: at for at, name in enumerate(question.masks.facts)}
    by_function: dict[str, Any] = {}
    if slots:
        by_function |= _slot_columns(question, places, _width(question))
    every = np.arange(len(lookup.functions))
    further = pa.table({"upheld_function": every, **by_function})
    if implicants is not None:
        by_function |= _implicant_columns(question, implicants)
    last = lookup.blocks[-1].keys
    is_needed = last >= 0
    if implicants is not None and not slots:
        is_needed &= np.array([each[0] is not None for each in implicants])[last]
    of = {name: values[last[is_needed]] for name, values in by_function.items()}
    numbers = [at for function in lookup.functions for at in function.answers]
    answer_rows = [None if at < 0 else lookup.answers[at] for at in numbers]
    answers = pa.table(
        {
            "upheld_answer": pa.array(range(len(answer_rows)), pa.int64()),
            "upheld_outcome": pa.array([each and each[0] for each in answer_rows], pa.string()),
            "upheld_allowed": pa.array(
                [each and each[0] == "allow" for each in answer_rows], pa.bool_()
            ),
            "upheld_clause": pa.array(
                [each and ", ".join(each[1]) for each in answer_rows], pa.string()
            ),
            "upheld_next": pa.array([~at if at < 0 else None for at in numbers], pa.int64()),
        }
    )
    return (
        ibis.memtable(pa.table({"upheld_at": keys[is_needed], **of})),
        ibis.memtable(further),
        ibis.memtable(answers),
    )


def _slot_columns(question: BoundQuestion, places: Mapping[str, int], width: int) -> dict[str, Any]:
    """Columns by function: where its answers begin, and the place and weight of each fact."""
    functions, slots = question.lookup.functions, question.lookup.slots
    base = np.zeros(len(functions), dtype=np.int64)
    shift = np.zeros((width, len(base)), dtype=np.int32)
    word = np.zeros_like(shift)
    bits, weight = np.zeros_like(shift, dtype=np.int64), np.zeros_like(shift, dtype=np.int64)
    size = 0
    for at, function in enumerate(functions):
        base[at], size = size, size + len(function.answers)
        for slot, (name, each) in enumerate(function.weights):
            shift[slot, at], weight[slot, at] = places[name], each
            bits[slot, at], word[slot, at] = (1 << slots[name].bits) - 1, slots[name].word
    columns = {"upheld_base": base}
    for slot in range(width):
        columns[f"upheld_shift{slot}"], columns[f"upheld_weight{slot}"] = shift[slot], weight[slot]
        if question.masks is None:
            columns[f"upheld_bits{slot}"], columns[f"upheld_word{slot}"] = bits[slot], word[slot]
    return columns


def _implicant_columns(question: BoundQuestion, implicants: ImplicantTable) -> dict[str, Any]:
    """Columns by function: the bits that each of its implicants looks at, and their values.

    Unused slots have care 0 and value 1, which never match. A function with more implicants than
    fit has its index among such functions as the first care, marked by the first value, -1.
    """
    width, rare = _inline(implicants)
    care = np.zeros((width, len(implicants)), dtype=np.int64)
    value = np.ones_like(care)
    for at, each in enumerate(implicants):
        for number, implicant in enumerate(each[:width]):
            if implicant is not None:
                care[number, at], value[number, at] = _care_and_value(question, implicant)
    care[0, rare], value[0, rare] = range(len(rare)), -1
    columns = {}
    for number in range(width):
        columns[f"upheld_care{number}"], columns[f"upheld_value{number}"] = (
            care[number],
            value[number],
        )
    return columns
