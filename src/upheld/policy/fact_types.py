"""The types of facts: what a fact can be, and all that the rest of upheld asks of it.

This is their one list. A type says how a vocabulary declares it, which tests a rule may make, how a
value is read from a question, a form or a table, which values tests can tell apart, and how a value
is written and said. Another type is another class here and a line of `FACT_TYPES`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

import msgspec

from upheld.policy.fact_values import OrderedValues, Values, WordValues, YesNoValues
from upheld.policy.program import FactTest
from upheld.policy.vocabulary import Fact

FAR = 10**100  # numbers beyond this compare alike; keeps hostile exponents cheap
FORM_MAX = 12  # characters of a number in a form
FORM_FAR = 1e12  # and how large one may be
NO_WORDS: frozenset[str] = frozenset()
YES_NO = {"yes": True, "no": False}  # as forms have it
BOUNDS = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}

FormValue = bool | int | float | str


class FactType(ABC):
    """A fact with what its type knows of it; what is true of the whole type stands in the class."""

    name: ClassVar[str]  # as vocabularies and errors have it
    attribute: ClassVar[str] = "type"  # of a vocabulary's entry, which makes a fact of this type
    attribute_form: ClassVar[str] = ""  # what stands there, where it is not the type's name
    nature: ClassVar[str]  # what such a fact is, after its name, for errors
    comparisons: ClassVar[frozenset[str]]  # that a rule may write after the fact
    literal: ClassVar[str] = ""  # a pattern of values in rules, where no number or word is meant
    yes_no: ClassVar[bool] = False  # holds or does not: may be in parts, absent, a bit of a mask
    has_unit: ClassVar[bool] = False
    column_type: ClassVar[str]  # of a table, as Ibis calls it
    column_words: ClassVar[str]  # what such a column holds, for errors
    text_pattern: ClassVar[str] = ""  # of values in CSV; empty where the text is the value
    text_words: ClassVar[str] = ""  # what that is, for errors

    __slots__ = ("fact",)

    def __init__(self, fact: Fact) -> None:
        self.fact = fact

    @property
    def choices(self) -> tuple[bool | str, ...]:
        """Every value, where there are so few that they can be listed; else none."""
        return ()

    @abstractmethod
    def test_form(self) -> str:
        """How a rule tests the fact, for errors."""

    @abstractmethod
    def value_form(self) -> str:
        """What a question may say of the fact, for errors."""

    def form_words(self) -> str:
        """What somebody may write into a form, for errors."""
        return self.value_form()

    @abstractmethod
    def accepts(self, value: object) -> bool:
        """Whether a question may say this value."""

    @abstractmethod
    def from_form(self, text: str) -> FormValue | None:
        """The value that somebody wrote into a form; None for what is none."""

    @abstractmethod
    def any_value(self) -> object:
        """Some value, for where it makes no difference which."""

    def stand_in(self, value: object, named_words: frozenset[str]) -> object:
        """A value for one that the fact of this name in another policy has; None without any."""
        if self.accepts(value):
            return value
        return next((each for each in self.choices if each not in named_words), None)

    @abstractmethod
    def test_of(self, value: object) -> FactTest:
        """The test that holds of this value alone."""

    @abstractmethod
    def holds(self, test: FactTest, value: object) -> bool:
        """Whether a test of the fact holds of a value."""

    @abstractmethod
    def values(self, tests: Iterable[FactTest], named_words: frozenset[str] = NO_WORDS) -> Values:
        """The values that some tests tell apart.

        `named_words` are the words of the fact that any condition of the policy names.
        """

    @abstractmethod
    def fits_column(self, kind: Any) -> bool:
        """Whether an Ibis type is that of a column which says this fact."""

    def from_text(self, column: Any) -> Any:
        """What a column of CSV says whose text was checked; NULL where it says nothing."""
        return column.cast(self.column_type)

    def bad_value(self, column: Any) -> Any:  # noqa: ARG002 - most types have none
        """Whether a row's value is none that the fact can have; None where every one can be."""
        return None


class YesNoType(FactType):
    """A fact that holds or does not."""

    name, column_type, column_words = "boolean", "boolean", "true or false"
    nature = "holds or does not; it has no value"
    comparisons = frozenset({""})
    yes_no = True
    text_pattern, text_words = "(?i)true|false", "true, false or nothing"

    __slots__ = ()

    @property
    def choices(self) -> tuple[bool | str, ...]:
        """Both values."""
        return False, True

    def test_form(self) -> str:
        """How a rule tests the fact: by its name."""
        return f"`{self.fact.name}` alone"

    def value_form(self) -> str:
        """What a question may say: parts too, where the fact has them."""
        return "true or false" + (", or a list of parts" if self.fact.per else "")

    def form_words(self) -> str:
        """What somebody may write into a form."""
        return "yes or no"

    def accepts(self, value: object) -> bool:
        """Whether it is true or false."""
        return isinstance(value, bool)

    def from_form(self, text: str) -> FormValue | None:
        """What yes or no says."""
        return YES_NO.get(text)

    def any_value(self) -> object:
        """That it does not hold."""
        return False

    def test_of(self, value: object) -> FactTest:
        """The fact alone: of false nothing but a negation holds."""
        if value is not True:
            raise ValueError(value)
        return FactTest(self.fact.name)

    def holds(self, test: FactTest, value: object) -> bool:
        """Whether the fact alone, which is the only test, holds."""
        return not test.comparison and value is True

    def values(self, tests: Iterable[FactTest], named_words: frozenset[str] = NO_WORDS) -> Values:
        """No and yes."""
        return YesNoValues(self, tests, named_words)

    def fits_column(self, kind: Any) -> bool:
        """Whether a column holds true and false."""
        return bool(kind.is_boolean())

    def from_text(self, column: Any) -> Any:
        """Whether a text says true, in letters of either case."""
        return column.lower() == "true"


class OrderedType(FactType):
    """A fact whose values lie on a line, so that rules compare them with points of it.

    A point is an exact fraction, in the unit of the fact where it has one. Between any two points
    there are others.
    """

    comparisons = frozenset({"<", "<=", "=", ">=", ">"})

    __slots__ = ()

    @abstractmethod
    def point(self, text: str) -> Fraction:
        """The point that a rule writes; ValueError for what is none."""

    @abstractmethod
    def point_text(self, point: Fraction) -> str:
        """A point as a rule writes it."""

    @abstractmethod
    def exact(self, value: object) -> Fraction:
        """The point of a value that was accepted."""

    @abstractmethod
    def value_at(self, point: Fraction) -> object:
        """The value at a point, exactly."""

    @abstractmethod
    def steps(self, text: str) -> Iterator[str]:
        """What a rule writes, one step up and one step down."""

    def column_point(self, point: Fraction) -> Any:
        """A point as a column is compared with it."""
        return self.value_at(point)

    def phrase(self, label: str, comparison: str, text: str, unit: str) -> str:
        """What a comparison with a point, as a rule writes it, says in a sentence."""
        from upheld.policy.english import comparison_phrase  # noqa: PLC0415 - decisions need no English

        return comparison_phrase(label, comparison, text, unit)

    def schema(self, comparison: str, text: str) -> dict[str, Any]:
        """The JSON schema of the values that compare so; words where there is none."""
        return {"description": f"{self.fact.name} {comparison} {text}"}

    def any_value(self) -> object:
        """The value at nought."""
        return self.value_at(Fraction(0))

    def test_of(self, value: object) -> FactTest:
        """That it is equal to this value."""
        return FactTest(self.fact.name, "=", number=str(self.exact(value)))

    def holds(self, test: FactTest, value: object) -> bool:
        """Whether a comparison holds of a value."""
        number, point = self.exact(value), Fraction(test.number)
        return {
            "<": number < point,
            "<=": number <= point,
            "=": number == point,
            ">=": number >= point,
            ">": number > point,
        }[test.comparison]

    def values(self, tests: Iterable[FactTest], named_words: frozenset[str] = NO_WORDS) -> Values:
        """The points with which tests compare, and the gaps between them."""
        return OrderedValues(self, tests, named_words)


class NumberType(OrderedType):
    """A number, in a unit where the vocabulary names one."""

    name, column_type, column_words = "number", "float64", "numbers"
    nature = "is a number"
    has_unit = True
    text_pattern, text_words = "-?[0-9]+([.][0-9]+)?", "a number such as 12 or 0.5, or nothing"

    __slots__ = ()

    def test_form(self) -> str:
        """How a rule tests the fact."""
        return f"a comparison, as in `{self.fact.name} >= 1`"

    def value_form(self) -> str:
        """What a question may say."""
        return "a number"

    def accepts(self, value: object) -> bool:
        """Whether it is a finite number."""
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, Fraction)):
            return False
        return not isinstance(value, (float, Decimal)) or Decimal(value).is_finite()

    def from_form(self, text: str) -> FormValue | None:
        """A number that is not longer than people write them."""
        if len(text) > FORM_MAX:
            return None
        try:
            if text.lstrip("-").isdecimal():
                return int(text)
            value = float(text)
        except ValueError:
            return None
        return value if abs(value) < FORM_FAR else None  # NaN is not either

    def point(self, text: str) -> Fraction:
        """The number as it is written."""
        return Fraction(text)

    def point_text(self, point: Fraction) -> str:
        """A decimal where it is one."""
        return number_text(point)

    def exact(self, value: object) -> Fraction:
        """The exact decimal that was written; those very far away compare alike."""
        if isinstance(value, int):
            return Fraction(max(-FAR, min(FAR, value)))
        if isinstance(value, Fraction):
            return value
        number = value if isinstance(value, Decimal) else Decimal(repr(value))
        if number and number.adjusted() >= 100:
            return Fraction(FAR if number > 0 else -FAR)
        if number and number.adjusted() <= -100:
            return Fraction(1 if number > 0 else -1, FAR)
        return Fraction(number)

    def value_at(self, point: Fraction) -> object:
        """The number itself."""
        return point

    def steps(self, text: str) -> Iterator[str]:
        """A step of the last digit that is written; not below nought."""
        digits = len(text.partition(".")[2])
        for step in (1, -1):
            value = Fraction(text) + Fraction(step, 10**digits)
            if value >= 0:
                whole, rest = divmod(value * 10**digits, 10**digits)
                yield f"{whole}.{int(rest):0{digits}d}" if digits else f"{whole}"

    def column_point(self, point: Fraction) -> Any:
        """A whole number, or a float: engines take no fractions."""
        return plain(point)

    def schema(self, comparison: str, text: str) -> dict[str, Any]:
        """The bound that a comparison sets, or the one number that is equal."""
        if "/" in text or " " in text:  # no decimal, or in another unit: words have to do
            return super().schema(comparison, text)
        number = msgspec.json.decode(text)
        if comparison == "=":
            return {"const": number}
        return {"type": "number", BOUNDS[comparison]: number}

    def fits_column(self, kind: Any) -> bool:
        """Whether a column holds numbers; Ibis takes true and false for some."""
        return bool(kind.is_numeric() and not kind.is_boolean())

    def bad_value(self, column: Any) -> Any:
        """Whether a row's value is infinite or none: floats alone can be."""
        if column.type().is_floating():
            return (column.isnan() | column.isinf()).fill_null(False)
        return None


class WordType(FactType):
    """One word of a list that the vocabulary has."""

    name, column_type, column_words = "word", "string", "words"
    attribute, attribute_form = "one-of", "[words]"
    nature = "is one word of a list"
    comparisons = frozenset({"is"})

    __slots__ = ()

    @property
    def choices(self) -> tuple[bool | str, ...]:
        """The words."""
        return self.fact.words

    def test_form(self) -> str:
        """How a rule tests the fact."""
        return f"`{self.fact.name} is` and one of " + ", ".join(self.fact.words)

    def value_form(self) -> str:
        """What a question may say."""
        return "one of " + ", ".join(self.fact.words)

    def form_words(self) -> str:
        """What somebody may write into a form."""
        from upheld.policy.english import word_list  # noqa: PLC0415 - decisions need no English

        return word_list(self.fact.words)

    def accepts(self, value: object) -> bool:
        """Whether it is a word of the list."""
        return isinstance(value, str) and value in self.fact.words

    def from_form(self, text: str) -> FormValue | None:
        """A word of the list."""
        return text if text in self.fact.words else None

    def any_value(self) -> object:
        """The first word."""
        return self.fact.words[0]

    def test_of(self, value: object) -> FactTest:
        """That it is this word."""
        return FactTest(self.fact.name, "is", word=str(value))

    def holds(self, test: FactTest, value: object) -> bool:
        """Whether it is the word of the test."""
        return value == test.word

    def values(self, tests: Iterable[FactTest], named_words: frozenset[str] = NO_WORDS) -> Values:
        """The words that tests name, and the others as one."""
        return WordValues(self, tests, named_words)

    def fits_column(self, kind: Any) -> bool:
        """Whether a column holds words."""
        return bool(kind.is_string())

    def bad_value(self, column: Any) -> Any:
        """Whether a row's word is none of the list."""
        return ~column.isin(self.fact.words).fill_null(True)


FACT_TYPES: dict[str, type[FactType]] = {
    each.name: each for each in (YesNoType, NumberType, WordType)
}
DEFAULT = YesNoType.name  # of a fact whose entry says nothing of a type


def fact_type(fact: Fact) -> FactType:
    """A fact with its type; KeyError for a derived one, which has no value of its own."""
    return FACT_TYPES[fact.kind](fact)


def ordered_type(fact: Fact) -> OrderedType:
    """A fact that is compared, with its type; a number where the vocabulary says otherwise."""
    kind = FACT_TYPES.get(fact.kind, NumberType)(fact)
    return kind if isinstance(kind, OrderedType) else NumberType(fact)


def is_yes_no(fact: Fact) -> bool:
    """Whether a fact holds or does not, and is no formula over others."""
    return not fact.derived and FACT_TYPES[fact.kind].yes_no


def literals() -> tuple[str, ...]:
    """The patterns of values that rules write and that are neither numbers nor words."""
    return tuple(each.literal for each in FACT_TYPES.values() if each.literal)


def steps(text: str) -> Iterator[str]:
    """A number or another value of a rule, one step up and one step down."""
    fact = Fact("")
    for each in FACT_TYPES.values():
        if each.literal and re.fullmatch(each.literal, text) and issubclass(each, OrderedType):
            return each(fact).steps(text)
    return NumberType(fact).steps(text)


def number_text(value: Fraction) -> str:
    """A number as people write it: a decimal where it is one."""
    if value.denominator == 1:
        return str(value.numerator)
    text = format(Decimal(value.numerator) / Decimal(value.denominator), "f")
    return text if Fraction(text) == value else str(value)


def plain(value: object) -> Any:
    """A value as JSON shows it."""
    if not isinstance(value, Fraction):
        return value
    return value.numerator if value.denominator == 1 else float(value)


def plain_facts(facts: Mapping[str, object]) -> dict[str, object]:
    """Facts as JSON shows them."""
    return {name: plain(value) for name, value in facts.items()}
