"""The same answer for every row of a table, as an expression that composes with any query.

`screen` adds three columns to an Ibis table: outcome, allowed and clause. Where the question is the
same for every row, `allowed` is a small boolean over the fact columns; where rows say words too,
they are joined with a table of what the policy says, and what is known of a row's facts picks the
answer there. NULL is a fact that is not known, or a dimension that is left out. A row with an
unknown word, or a value that a fact cannot have, is refused with the outcome `error`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from upheld.core.errors import RequestError
from upheld.policy.answers import Slot
from upheld.policy.columns import Bound, Masks, Question, bind, codes
from upheld.policy.load import NO_FACTS, Policy
from upheld.policy.lookup import Axis, Ways
from upheld.policy.worlds import Space, TooManyWorlds

__all__ = ["Masks", "codes", "screen", "tally", "where"]

TOLD = ("outcome", "allowed", "clause")
SAID = (*TOLD, "next")  # of an answer: what it is, or the function that goes on
OUTCOMES = ("allow", "deny", "needs-proof", "error")
GATHER_MAX = 1 << 12  # answers that stand in the query itself; more are joined
NEVER = -(1 << 40)  # a part of a key for what cannot be asked: the key is then in no table


def screen(  # noqa: PLR0913 - what can be said of a question and of a table
    policy: Policy,
    table: ir.Table,
    question: Question = None,
    facts: Mapping[str, object] = NO_FACTS,
    *,
    columns: Mapping[str, str] | None = None,
    masks: Masks | None = None,
    prefix: str = "",
    tell: Sequence[str] = TOLD,
) -> ir.Table:
    """The table with `outcome`, `allowed` and `clause` (several with commas) for each row.

    `facts` hold for every row; `columns` maps a dimension or fact to a column of another name;
    `prefix` stands before the names of the columns, and `tell` says which of the three are wanted:
    `allowed` alone costs least. RequestError for a question that cannot
    be asked, a column that is missing, of a wrong type or of a name that is taken.
    """
    if not tell or set(tell) - set(TOLD):
        raise RequestError(f"rows are told {', '.join(TOLD)}", code="wrong-column",
                           hint="name some of these")  # fmt: skip
    names = {name: prefix + name for name in TOLD if name in tell}
    if taken := [name for name in names.values() if name in table.columns]:
        raise RequestError(
            f"the table has a column `{taken[0]}` already", code="wrong-column",
            hint="choose a prefix for the new columns",
        )  # fmt: skip
    bound = bind(policy, table, question, facts, columns or {}, masks)
    function = bound.lookup.functions[bound.lookup.begins[0]] if not bound.dimensions else None
    if not function or bound.masks or bound.lookup.depth > 1 or len(function.answers) > GATHER_MAX:
        return _joined(bound, table, names)
    answers = [bound.lookup.answers[at] for at in function.answers]
    try:
        allowed = _allowed(bound, table) if answers != [("error", ())] else ibis.literal(False)
    except TooManyWorlds:  # for one condition
        return _joined(bound, table, names)
    at = _sum([_digit(table[bound.facts[name]], bound.lookup.slots[name]) * weight
               for name, weight in function.weights])  # fmt: skip
    bad = _bad(bound, table)

    def pick(told: Sequence[str], otherwise: str) -> ir.Value:
        found = (
            ibis.literal(told[0])
            if len(set(told)) == 1
            else ibis.array(list(told))[at.cast("int32")]
        )
        return found if bad is None else ibis.ifelse(bad, otherwise, found)

    made = {
        "outcome": lambda: pick([answer[0] for answer in answers], "error"),
        "allowed": lambda: allowed,
        "clause": lambda: pick([", ".join(answer[1]) for answer in answers], ""),
    }
    return table.mutate(**{name: made[what]() for what, name in names.items()})


def tally(
    policy: Policy,
    table: ir.Table,
    questions: Sequence[Question],
    *,
    columns: Mapping[str, str] | None = None,
) -> list[dict[str, int]]:
    """How many rows get which outcome, for each of several questions, in one pass over the table.

    Raises RequestError as `screen`.
    """
    if not questions:
        return []
    for number, question in enumerate(questions):
        prefix = f"upheld_{number}_"
        table = screen(policy, table, question, columns=columns, prefix=prefix, tell=["outcome"])
    found = table.aggregate(**{
        f"{outcome}_{number}": (table[f"upheld_{number}_outcome"] == outcome).sum()
        for number in range(len(questions)) for outcome in OUTCOMES
    }).to_pyarrow().to_pylist()[0]  # fmt: skip
    return [
        {outcome: found[f"{outcome}_{number}"] or 0 for outcome in OUTCOMES}
        for number in range(len(questions))
    ]


def where(
    policy: Policy,
    question: Question,
    facts: Mapping[str, object] = NO_FACTS,
    *,
    columns: Mapping[str, str] | None = None,
) -> Callable[[ir.Table], ir.BooleanValue]:
    """A condition for `table.filter(…)`: the rows for which the answer is allow in every world.

    The question must be the same for every row. Applied to a table, RequestError as `screen`, and
    where more facts decide together than one condition can tell.
    """

    def condition(table: ir.Table) -> ir.BooleanValue:
        bound = bind(policy, table, question, facts, columns or {}, None, dimensions=())
        try:
            return _allowed(bound, table)
        except TooManyWorlds as error:
            raise RequestError(str(error), code="too-large", hint=error.hint) from None

    return condition


def _sum(parts: Sequence[Any]) -> Any:
    return reduce(lambda one, other: one + other, parts) if parts else ibis.literal(0, "int64")


def _point(point: Fraction) -> int | float:
    return point.numerator if point.denominator == 1 else float(point)


def _digit(column: Any, slot: Slot) -> Any:
    """What is known of a fact: 0 for nothing, else its value counted from 1, in 64 bits.

    It is cast before anything is added: Ibis takes a sum to be wide already and leaves casts out.
    """
    fact = slot.values.fact
    if fact.kind == "boolean":
        return (column.cast("int64") + 1).fill_null(1 if fact.absent else 0)
    if fact.kind == "number":
        passed = [each.cast("int64") for point in slot.values.points
                  for each in (column >= _point(point), column > _point(point))]  # fmt: skip
        return (_sum(passed) + 1).fill_null(0)
    told = [(word, slot.values.index(word) + 1) for word in fact.words]
    return column.cases(*told, else_=0).cast("int64")


def _bad(bound: Bound, table: ir.Table) -> Any:
    """Whether some value of a row is none that its fact can have; None where that cannot be."""
    found = []
    for name, column in bound.facts.items():
        fact, value = bound.lookup.slots[name].values.fact, table[column]
        if fact.kind == "word":
            found.append(~value.isin(fact.words).fill_null(True))
        elif value.type().is_floating():
            found.append((value.isnan() | value.isinf()).fill_null(False))
    return reduce(lambda one, other: one | other, found) if found else None


def _allowed(bound: Bound, table: ir.Table) -> Any:
    """The smallest boolean over the fact columns for a question without row dimensions."""
    groups = bound.lookup.allowing()
    if groups is None:
        return ibis.literal(False)
    every = []
    for space, boxes in groups:
        ways = [frozenset(box) for box in boxes]
        if not ways:
            return ibis.literal(False)
        common = frozenset.intersection(*ways)
        every += [_literal(bound, table, space, each) for each in sorted(common)]
        rest = [way - common for way in ways]
        if all(rest):
            some = [_all([_literal(bound, table, space, each) for each in sorted(way)])
                    for way in rest]  # fmt: skip
            every.append(reduce(lambda one, other: one | other, some))
    found = _all(every).fill_null(False) if every else ibis.literal(True)
    bad = _bad(bound, table)
    return found if bad is None else found & ~bad


def _all(parts: Sequence[Any]) -> Any:
    return reduce(lambda one, other: one & other, parts)


def _literal(bound: Bound, table: ir.Table, space: Space, each: tuple[int, int]) -> Any:
    """One condition of a box: that a fact has one of some values."""
    at, subset = each
    values = space.values[at]
    column = table[bound.facts[values.fact.name]]
    if values.fact.kind == "boolean":
        if values.fact.absent:
            column = column.fill_null(False)
        return column if subset == 0b10 else ~column
    if values.fact.kind == "word":
        return column.isin([w for w in values.fact.words if subset >> values.index(w) & 1])
    low, high = (subset & -subset).bit_length() - 1, subset.bit_length() - 1
    points = [_point(point) for point in values.points]
    if low == high and low % 2:
        return column == points[low // 2]
    bounds = []
    if low:
        bounds.append(column >= points[low // 2] if low % 2 else column > points[low // 2 - 1])
    if high < values.count - 1:
        bounds.append(column <= points[high // 2] if high % 2 else column < points[high // 2])
    return _all(bounds)


def _joined(bound: Bound, table: ir.Table, names: Mapping[str, str]) -> ir.Table:
    """Rows joined with what the policy says at their key, and where needed with the answer."""
    kept = table.columns
    lookup = bound.lookup
    before, at = "", _sum([])
    for number, block in enumerate(lookup.blocks):
        *weights, whole = block.strides
        for axis, weight in zip(block.axes, weights, strict=True):
            table = _part(bound, table, axis, weight)
        at = _sum([table[f"upheld_{axis.dimension}"] for axis in block.axes])
        at = at if not before else at + table[before] * whole
        if number + 1 < len(lookup.blocks):
            before = f"upheld_state{number}"
            led = ibis.memtable(pa.table({"upheld_from": np.arange(len(block.keys)),
                                          before: block.keys}))  # fmt: skip
            kept_now = table.columns
            table = table.mutate(upheld_key=at)
            table = table.left_join(led, table.upheld_key == led.upheld_from)
            table = table.select(*kept_now, before)
    bad = _bad(bound, table)
    table = table.mutate(upheld_key=at if bad is None else ibis.ifelse(bad, NEVER, at))
    if bound.masks is None:
        table = table.mutate(**{
            f"upheld_known{word}": _sum(
                [_digit(table[bound.facts[name]], slot) << slot.shift
                 for name, slot in lookup.slots.items() if slot.word == word]
            )
            for word in range(lookup.words)
        })  # fmt: skip
    packed = bound.masks is not None or lookup.words == 1
    ways = lookup.ways() if "allowed" in names and packed else None
    slots = ways is None or len(names) > 1
    begun, further, answers = _tables(bound, ways, slots=slots)
    carried = table.columns
    # The key's table first, so that each row meets it once; its key is its own, so no row doubles.
    table = table.left_join(begun, table.upheld_key == begun.upheld_at)
    if ways is not None:
        table = table.mutate(upheld_one_way=_one_way(bound, table, len(ways[0])))
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
            table = table.mutate(**{
                f"upheld_{what}": before.coalesce(now) for what, (before, now) in both.items()
            })  # fmt: skip
    absent = {"outcome": "error", "allowed": False, "clause": ""}
    told = {
        name: table.upheld_one_way if what == "allowed" and ways is not None
        else table[f"upheld_{what}"].fill_null(absent[what])
        for what, name in names.items()
    }  # fmt: skip
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


def _one_way(bound: Bound, table: ir.Table, count: int) -> Any:
    """Whether what is known of a row agrees with one of the ways in which it is allowed."""
    found = []
    for way in range(count):
        care, value = table[f"upheld_care{way}"], table[f"upheld_value{way}"]
        if bound.masks is None:
            found.append((table.upheld_known0 & care) == value)
            continue
        true = table[bound.masks.true].cast("int64")
        if bound.masks.known is None:
            found.append((true & care) == value)
            continue
        known = table[bound.masks.known].cast("int64").fill_null(0)
        no = sum(1 << at for at, name in enumerate(bound.masks.facts)
                 if (slot := bound.lookup.slots.get(name)) and slot.values.fact.absent)  # fmt: skip
        holds = (true & known & care) == value
        found.append(holds & (((known | no) & care) == care))
    return reduce(lambda one, other: one | other, found).fill_null(False)


def _part(bound: Bound, table: ir.Table, axis: Axis, weight: int) -> ir.Table:
    """The table with one column's part of the key, of the dimension's name."""
    name, kept = f"upheld_{axis.dimension}", table.columns
    column = table[bound.dimensions[axis.dimension]]
    whole = column.type().is_integer()
    if whole and bound.lookup.apart:
        code = (column.cast("int64") + 1) * weight
        said = ibis.ifelse(column.between(0, len(axis.words) - 1), code, NEVER)
        return table.mutate(**{name: ibis.ifelse(column.isnull(), 0, said)})
    words: Any = list(range(len(axis.words))) if whole else list(axis.words)
    told = ibis.memtable(
        pa.table(
            {
                "upheld_word": pa.array(words, pa.int64() if whole else pa.string()),
                "upheld_group": pa.array([group * weight for group in axis.groups], pa.int64()),
            }
        )
    )
    table = table.left_join(told, column == told.upheld_word)
    column = table[bound.dimensions[axis.dimension]]
    part = ibis.ifelse(column.isnull(), 0, table.upheld_group.fill_null(NEVER))
    return table.select(*kept, **{name: part})


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


def _tables(bound: Bound, ways: Ways | None, *, slots: bool) -> tuple[ir.Table, ir.Table, ir.Table]:
    """The functions by key, the functions by number, and the answers of all of them."""
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
        by_function |= _ways_of(bound, ways, places)
    last = lookup.blocks[-1].keys
    keys = np.flatnonzero(last >= 0)
    of = {name: values[last[keys]] for name, values in by_function.items()}
    listed = [at for function in lookup.functions for at in function.answers]
    told = [None if at < 0 else lookup.answers[at] for at in listed]
    answers = pa.table({
        "upheld_answer": pa.array(range(len(told)), pa.int64()),
        "upheld_outcome": pa.array([each and each[0] for each in told], pa.string()),
        "upheld_allowed": pa.array([each and each[0] == "allow" for each in told], pa.bool_()),
        "upheld_clause": pa.array([each and ", ".join(each[1]) for each in told], pa.string()),
        "upheld_next": pa.array([~at if at < 0 else None for at in listed], pa.int64()),
    })  # fmt: skip
    return (ibis.memtable(pa.table({"upheld_at": keys, **of})), ibis.memtable(further),
            ibis.memtable(answers))  # fmt: skip


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


def _ways_of(bound: Bound, ways: Ways, places: Mapping[str, int]) -> dict[str, Any]:
    """For each function the bits that a way looks at, and what they must be.

    A way that is none looks at nothing and wants something.
    """
    care = np.zeros((len(ways[0]), len(ways)), dtype=np.int64)
    value = np.ones_like(care)
    for at, each in enumerate(ways):
        for number, way in enumerate(each):
            if way is None:
                continue
            looked = wanted = 0
            for name, digit in way:
                if bound.masks is None:
                    looked |= ((1 << bound.lookup.slots[name].bits) - 1) << places[name]
                    wanted |= digit << places[name]
                else:
                    looked |= 1 << places[name]
                    wanted |= (digit - 1) << places[name]
            care[number, at], value[number, at] = looked, wanted
    found = {}
    for number in range(len(care)):
        found[f"upheld_care{number}"], found[f"upheld_value{number}"] = care[number], value[number]
    return found
