"""Decisions for all rows of a table, as an expression that composes with any query.

`screen` adds three columns to an Ibis table: outcome, allowed and clause. Where the question is the
same for every row, `allowed` is a small boolean over the fact columns; where rows say words too,
they are joined with a table of what the policy says, and what is known of a row's facts picks the
answer there. NULL is a fact that is not known, or a dimension that is left out. A row with an
unknown word, or a value that a fact cannot have, is refused with the outcome `error`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from typing import Any

import ibis
import ibis.expr.types as ir

from upheld.core.errors import MissingColumnsError, RequestError
from upheld.policy.bulk.columns import BoundQuestion, Masks, Question, bind, codes
from upheld.policy.bulk.join import (
    ANSWER_COLUMNS,
    has_bad_value,
    join_answers,
    sum_of,
)
from upheld.policy.fact_space import Space, TooManyWorlds
from upheld.policy.load import NO_FACTS, Policy

__all__ = ["Masks", "bindings", "codes", "screen", "tally", "where"]

OUTCOMES = ("allow", "deny", "needs-proof", "error")
GATHER_MAX = 1 << 12  # answers that stand in the query itself; more are joined


def screen(  # noqa: PLR0913 - what can be said of a question and of a table
    policy: Policy,
    table: ir.Table,
    question: Question = None,
    facts: Mapping[str, object] = NO_FACTS,
    *,
    columns: Mapping[str, str] | None = None,
    masks: Masks | None = None,
    absent: Collection[str] = (),
    prefix: str = "",
    tell: Sequence[str] = ANSWER_COLUMNS,
) -> ir.Table:
    """The table with `outcome`, `allowed` and `clause` (several with commas) for each row.

    `facts` hold for every row; `columns` maps a dimension or fact to a column of another name;
    `absent` names the facts that matter and of which no row has a record (see `bindings`);
    `prefix` stands before the names of the columns, and `tell` says which of the three are wanted:
    `allowed` alone costs least. RequestError for a question that cannot
    be asked, a column that is missing, of a wrong type or of a name that is taken.
    """
    names = new_columns(table, prefix, tell)
    binding = bind(policy, table, question, facts, columns or {}, masks, absent=absent)
    function = (
        binding.lookup.functions[binding.lookup.function_numbers[0]]
        if not binding.dimensions
        else None
    )
    if (
        not function
        or binding.masks
        or binding.lookup.depth > 1
        or len(function.answers) > GATHER_MAX
    ):
        return join_answers(binding, table, names)
    answers = [binding.lookup.answers[at] for at in function.answers]
    try:
        is_allowed = _allows(binding, table) if answers != [("error", ())] else ibis.literal(False)
    except TooManyWorlds:  # for one condition
        return join_answers(binding, table, names)
    at = sum_of(
        [
            binding.lookup.slots[name].values.digit(table[binding.facts[name]]) * weight
            for name, weight in function.weights
        ]
    )
    wrong = has_bad_value(binding, table)

    def pick(texts: Sequence[str], otherwise: str) -> ir.Value:
        text = (
            ibis.literal(texts[0])
            if len(set(texts)) == 1
            else ibis.array(list(texts))[at.cast("int32")]
        )
        return text if wrong is None else ibis.ifelse(wrong, otherwise, text)

    makers = {
        "outcome": lambda: pick([answer[0] for answer in answers], "error"),
        "allowed": lambda: is_allowed,
        "clause": lambda: pick([", ".join(answer[1]) for answer in answers], ""),
    }
    return table.mutate(**{name: makers[what]() for what, name in names.items()})


def new_columns(table: ir.Table, prefix: str, tell: Sequence[str]) -> dict[str, str]:
    """Each column to add, under its name in the table; RequestError for a name that is in use."""
    if not tell or set(tell) - set(ANSWER_COLUMNS):
        raise RequestError(
            f"rows are told {', '.join(ANSWER_COLUMNS)}",
            code="wrong-column",
            hint="name some of these",
        )
    names = {name: prefix + name for name in ANSWER_COLUMNS if name in tell}
    if clashes := [name for name in names.values() if name in table.columns]:
        raise RequestError(
            f"the table has a column `{clashes[0]}` already",
            code="wrong-column",
            hint="choose a prefix for the new columns",
        )
    return names


def tally(
    policy: Policy,
    table: ir.Table,
    questions: Sequence[Question],
    *,
    columns: Mapping[str, str] | None = None,
    absent: Collection[str] = (),
) -> list[dict[str, int]]:
    """How many rows get which outcome, for each of several questions, in one pass over the table.

    Raises RequestError as `screen`.
    """
    if not questions:
        return []
    bindings(policy, table, questions, columns=columns, absent=absent)
    for number, question in enumerate(questions):
        prefix = f"upheld_{number}_"
        table = screen(
            policy, table, question, columns=columns, absent=absent, prefix=prefix, tell=["outcome"]
        )
    counts = (
        table.aggregate(
            **{
                f"{outcome}_{number}": (table[f"upheld_{number}_outcome"] == outcome).sum()
                for number in range(len(questions))
                for outcome in OUTCOMES
            }
        )
        .to_pyarrow()
        .to_pylist()[0]
    )
    return [
        {outcome: counts[f"{outcome}_{number}"] or 0 for outcome in OUTCOMES}
        for number in range(len(questions))
    ]


def bindings(  # noqa: PLR0913 - as `screen`
    policy: Policy,
    table: ir.Table,
    questions: Sequence[Question],
    facts: Mapping[str, object] = NO_FACTS,
    *,
    columns: Mapping[str, str] | None = None,
    masks: Masks | None = None,
    absent: Collection[str] = (),
) -> dict[str, str | None]:
    """The column of each dimension and fact that matters to some questions, None for the absent.

    Raises RequestError as `screen`, which reads a table so.
    """
    columns_by_word: dict[str, str | None] = {}
    missing: dict[str, Collection[str]] = {}
    for question in questions:
        try:
            binding = bind(policy, table, question, facts, columns or {}, masks, absent=absent)
        except MissingColumnsError as error:
            missing |= dict.fromkeys(error.words, error.columns)
        else:
            columns_by_word |= {
                **binding.dimensions,
                **binding.facts,
                **dict.fromkeys(binding.absent),
            }
    if missing:
        raise MissingColumnsError(missing, next(iter(missing.values())))
    return columns_by_word


def where(
    policy: Policy,
    question: Question,
    facts: Mapping[str, object] = NO_FACTS,
    *,
    columns: Mapping[str, str] | None = None,
    absent: Collection[str] = (),
) -> Callable[[ir.Table], ir.BooleanValue]:
    """A condition for `table.filter(…)`: the rows for which the answer is allow in every world.

    The question must be the same for every row. Applied to a table, RequestError as `screen`, and
    where more facts decide together than one condition can tell.
    """

    def condition(table: ir.Table) -> ir.BooleanValue:
        binding = bind(
            policy, table, question, facts, columns or {}, None, dimensions=(), absent=absent
        )
        try:
            return _allows(binding, table)
        except TooManyWorlds as error:
            raise RequestError(str(error), code="too-large", hint=error.hint) from None

    return condition


def _allows(binding: BoundQuestion, table: ir.Table) -> Any:
    """The smallest boolean over the fact columns for a question without row dimensions."""
    groups = binding.lookup.allowing_boxes()
    if groups is None:
        return ibis.literal(False)
    every = []
    for space, boxes in groups:
        ways = [frozenset(box) for box in boxes]
        if not ways:
            return ibis.literal(False)
        common = frozenset.intersection(*ways)
        every += [_literal(binding, table, space, each) for each in sorted(common)]
        rest = [way - common for way in ways]
        if all(rest):
            some = [
                _all([_literal(binding, table, space, each) for each in sorted(way)])
                for way in rest
            ]
            every.append(reduce(lambda one, other: one | other, some))
    allows = _all(every).fill_null(False) if every else ibis.literal(True)
    wrong = has_bad_value(binding, table)
    return allows if wrong is None else allows & ~wrong


def _all(parts: Sequence[Any]) -> Any:
    return reduce(lambda one, other: one & other, parts)


def _literal(binding: BoundQuestion, table: ir.Table, space: Space, each: tuple[int, int]) -> Any:
    """One condition of a box: that a fact has one of some values."""
    at, subset = each
    values = space.values[at]
    return values.within(table[binding.facts[values.fact.name]], subset)
