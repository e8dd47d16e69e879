"""The columns of a table that say a question: found by name, checked by type, bound to a look-up.

A column is found by the name of a dimension or fact, with `-` or `_`, or under the name that the
caller gives. A dimension that the question says already is not looked for. Each fact on which an
answer rests has its column, or is given for every row, or is said to be absent: a column that was
overlooked because of its spelling would otherwise count as "no record", which often allows.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import ibis.expr.types as ir

from upheld.core.errors import MissingColumnsError, RequestError, nearest
from upheld.policy.bulk.lookup import Lookup, words_of
from upheld.policy.bulk.partial_knowledge import BITS_MAX, FactColumn
from upheld.policy.fact_types import is_yes_no
from upheld.policy.load import Policy
from upheld.policy.request import Request, Words
from upheld.policy.vocabulary import DIMENSIONS

Question = Request | Mapping[str, Words] | None


class Masks(NamedTuple):
    """Facts as bits of whole numbers: fact 0 is the lowest bit of the column `true`.

    A fact whose bit in the column `known_bits` is off is unknown; without it all are known.
    """

    facts: Sequence[str]
    true: str
    known_bits: str | None = None


class BoundQuestion(NamedTuple):
    """A question bound to the columns of a table."""

    lookup: Lookup
    dimensions: dict[str, str]  # each dimension that rows say, and its column
    facts: dict[str, str]
    masks: Masks | None
    absent: tuple[str, ...] = ()  # facts and dimensions that no row says


def codes(policy: Policy, dimension: str) -> dict[str, int]:
    """The number of each word of a dimension (or of `action`), for tables with small integers.

    The numbers are good for policies with the same vocabulary and definitions.
    """
    return {word: at for at, word in enumerate(words_of(policy.engine, dimension))}


def bind(  # noqa: PLR0913, PLR0917 - as `screen`, whose work it begins
    policy: Policy,
    table: ir.Table,
    question: Question,
    facts: Mapping[str, object],
    columns: Mapping[str, str],
    bit_masks: Masks | None,
    dimensions: Sequence[str] = ("action", *DIMENSIONS),
    absent: Collection[str] = (),
) -> BoundQuestion:
    """Find the columns of a question and work out every answer.

    `absent` names the facts of which no row has a record and, where rows say the action, the
    dimensions that no row says. RequestError for whatever else has neither a column nor a value.
    """
    engine = policy.engine
    terms = _terms(question)
    masks = {d: engine.checker.dimension(d, words) for d, words in terms.items() if d != "action"}
    names = engine.compiled.leaves["action"].names
    actions = engine.checker.actions(terms["action"], names) if "action" in terms else []
    for dimension in masks:
        engine.checker.require_dimension(dimension, actions or ())
    fact_input = engine.checker.check_facts(facts)
    if fact_input.parts or fact_input.rest:
        raise RequestError(
            "a fact that holds for all rows is one value, not parts",
            code="wrong-type",
            hint="give what differs from row to row as a column",
        )
    finder = _Finder(table, columns, engine.checker.facts, frozenset(absent))
    dimension_columns = {
        d: column
        for d in dimensions
        if d not in terms
        and all(d == "action" or d in engine.compiled.takes[a] for a in actions)
        and (column := finder.column(d)) is not None
    }
    if not actions and "action" not in dimension_columns:
        raise RequestError(
            "nothing says the action",
            code="missing-column",
            hint="ask a question, or give a column `action`",
        )
    finder.unused({*dimension_columns, *terms})
    fact_places = (
        _bits(bit_masks, engine.checker.facts, table)
        if bit_masks
        else finder.facts(fact_input.values)
    )
    always = [d for d, column in dimension_columns.items() if not table[column].type().nullable]
    lookup = Lookup(
        engine,
        actions,
        masks,
        list(dimension_columns),
        facts=fact_places,
        fixed_facts=fact_input.values,
        always=always,
    )
    for dimension, column in dimension_columns.items():
        _require_type(table, column, dimension, string=True, whole=True)
    fact_columns = {name: fact_places[name] for name in lookup.slots} if not bit_masks else {}
    needed_words = {*lookup.deciding_facts(), *_left_out(dimension_columns, masks, dimensions)}
    unbound = finder.accounted(needed_words, {*fact_places, *fact_input.values, *dimension_columns})
    for name, column in fact_columns.items():
        _require_fact_type(table, column, lookup.slots[name])
    return BoundQuestion(lookup, dimension_columns, fact_columns, bit_masks, unbound)


def _left_out(
    rows: Mapping[str, str], masks: Mapping[str, int], dimensions: Sequence[str]
) -> list[str]:
    """The dimensions that a whole table leaves out; a question in words says what it means."""
    if "action" not in rows:
        return []
    return [d for d in dimensions if d not in rows and d not in masks]


def _terms(question: Question) -> dict[str, Words]:
    if question is None:
        return {}
    if isinstance(question, Request):
        return {"action": question.action, **question.dimensions()}
    if strange := [word for word in question if word not in ("action", *DIMENSIONS)]:
        raise RequestError(
            f"a question has no `{strange[0]}`",
            code="bad-line",
            hint="it has action, " + ", ".join(DIMENSIONS),
        )
    return dict(question)


class _Finder:
    """Finds the columns of dimensions and facts by name, or by what the caller said."""

    def __init__(
        self,
        table: ir.Table,
        columns: Mapping[str, str],
        facts: Mapping[str, Any],
        absent: frozenset[str],
    ) -> None:
        self.table, self.column_names, self.vocabulary_facts, self.absent = (
            table,
            columns,
            facts,
            absent,
        )
        for word in sorted(absent):
            self._fits_absent(word)
        for word, column in columns.items():
            if column not in table.columns:
                near = nearest(column, table.columns)
                raise RequestError(
                    f"the table has no column `{column}`, named for `{word}`",
                    code="missing-column",
                    hint=f"did you mean `{near}`?" if near else "",
                )

    def _fits_absent(self, word: str) -> None:
        """RequestError for an absent word that is not a fact or dimension, or that has a column."""
        if word not in DIMENSIONS and (
            word not in self.vocabulary_facts or self.vocabulary_facts[word].derived
        ):
            near = nearest(word, [*self.vocabulary_facts, *DIMENSIONS])
            raise RequestError(
                f"`{word}`, said to be absent, is not a fact or a dimension",
                code="unknown-fact",
                hint=f"did you mean `{near}`?" if near else "",
            )
        if (column := self.column(word)) is not None:
            raise RequestError(
                f"`{word}` is said to be absent, and the table has a column `{column}` for it",
                code="wrong-column",
                hint="leave one of the two out",
            )

    def accounted(self, words: set[str], answered_words: set[str]) -> tuple[str, ...]:
        """The words without an answer, all declared absent; RequestError for one overlooked."""
        bare = {_bare(word): word for word in words}
        for column in self.table.columns:
            word = bare.get(_bare(column), "")
            if word and column not in {word, word.replace("-", "_"), *self.column_names.values()}:
                raise RequestError(
                    f"the column `{column}` is not `{word.replace('-', '_')}`, and looks like it",
                    code="wrong-column",
                    hint=f"rename it, or name it as the column of `{word}`",
                )
        unbound = sorted(words - answered_words)
        if overlooked := [word for word in unbound if word not in self.absent]:
            raise MissingColumnsError(overlooked, self._free())
        return tuple(unbound)

    def _free(self) -> list[str]:
        """The columns that were not named for anything, and whose names mean nothing here."""
        reserved = {*self.column_names.values(), *DIMENSIONS, "action"}
        return [
            name
            for name in self.table.columns
            if name not in reserved and name.replace("_", "-") not in self.vocabulary_facts
        ]

    def column(self, word: str) -> str | None:
        """The column of a word, if there is one."""
        if word in self.column_names:
            return self.column_names[word]
        both = [n for n in dict.fromkeys((word, word.replace("-", "_"))) if n in self.table.columns]
        if len(both) > 1:
            raise RequestError(
                f"`{both[0]}` and `{both[1]}` are both columns",
                code="wrong-column",
                hint="say which is meant",
            )
        return both[0] if both else None

    def facts(self, values: Mapping[str, object]) -> dict[str, str]:
        """The columns of facts, but for facts that have one value for every row."""
        return {
            name: column
            for name, fact in self.vocabulary_facts.items()
            if not fact.derived and name not in values and (column := self.column(name)) is not None
        }

    def unused(self, words: set[str]) -> None:
        """RequestError for a column named for a word that the question does not use."""
        for word in self.column_names:
            if word not in words and (
                word not in self.vocabulary_facts or self.vocabulary_facts[word].derived
            ):
                near = nearest(word, [*self.vocabulary_facts, *DIMENSIONS])
                raise RequestError(
                    f"`{word}` is not a fact or a dimension that rows could say here",
                    code="unknown-fact",
                    hint=f"did you mean `{near}`?" if near else "",
                )


def _bare(name: str) -> str:
    """A name without what the eye overlooks: case, spaces, marks and invisible characters."""
    name_folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(each for each in name_folded if each.isalnum())


def _bits(masks: Masks, facts: Mapping[str, Any], table: ir.Table) -> dict[str, str]:
    """The facts of masks, checked."""
    for name in masks.facts:
        if name not in facts or not is_yes_no(facts[name]):
            raise RequestError(
                f"`{name}` is not a fact that holds or does not",
                code="unknown-fact",
                hint="a mask holds such facts alone",
            )
    if len(masks.facts) > BITS_MAX or len(set(masks.facts)) != len(masks.facts):
        raise RequestError(
            f"a mask holds at most {BITS_MAX} facts, each once",
            code="too-large",
            hint="name a fact once, and give the others columns of their own",
        )
    for column in filter(None, (masks.true, masks.known_bits)):
        if column not in table.columns:
            raise RequestError(
                f"the table has no column `{column}`",
                code="missing-column",
                hint="name one of " + ", ".join(map(str, table.columns)),
            )
        _require_type(table, column, "facts", whole=True)
    return dict.fromkeys(masks.facts, "")


def _require_type(
    table: ir.Table, column: str, what: str, *, string: bool = False, whole: bool = False
) -> None:
    kind = table[column].type()
    if not (string and kind.is_string()) and not (whole and kind.is_integer()):
        expected = " or ".join(
            [*(["words"] if string else []), *(["whole numbers"] if whole else [])]
        )
        raise _wrong_type(column, what, str(kind), expected)


def _require_fact_type(table: ir.Table, column: str, slot: FactColumn) -> None:
    own, kind = slot.values.kind, table[column].type()
    if not own.fits_column(kind):
        raise _wrong_type(column, own.fact.name, str(kind), own.column_words)


def _wrong_type(column: str, what: str, kind: str, expected: str) -> RequestError:
    return RequestError(
        f"the column `{column}`, for `{what}`, holds {kind}",
        code="wrong-type",
        hint=f"expected {expected}",
    )
