"""Rules as trees: what a rule block says, word by word, before any word has a meaning.

Each node knows its offset in the block. `print_block` lays a block out in the one way that
`upheld fmt` uses, and what it prints parses to the same tree.
"""

from __future__ import annotations

from fractions import Fraction

import msgspec

from upheld.policy.vocabulary import SINGULAR

SINGLE = {many: one for one, many in SINGULAR.items()}


class Name(msgspec.Struct, frozen=True):
    """A word and where it stands; equal by word alone."""

    word: str
    offset: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Name) and self.word == other.word

    def __hash__(self) -> int:
        return hash(self.word)


class Number(msgspec.Struct, frozen=True):
    """A decimal number as written, with its unit or an empty string."""

    text: str
    unit: str = ""

    @property
    def value(self) -> Fraction:
        """The exact value, in the unit written."""
        return Fraction(self.text)


class Terms(msgspec.Struct, frozen=True):
    """A list of terms, or `any`, or `any but` a list."""

    names: tuple[Name, ...] = ()
    any: bool = False


class Test(msgspec.Struct, frozen=True, tag=True):
    """A fact alone, compared with a number, or equal to one of its words."""

    fact: Name
    comparison: str = ""  # "", "is" or one of < <= = >= >
    number: Number | None = None
    word: Name | None = None


class Not(msgspec.Struct, frozen=True, tag=True):
    """The contrary of a formula."""

    formula: Formula


class All(msgspec.Struct, frozen=True, tag=True):
    """Formulas joined by `and`."""

    formulas: tuple[Formula, ...]


class Some(msgspec.Struct, frozen=True, tag=True):
    """Formulas joined by `or`."""

    formulas: tuple[Formula, ...]


Formula = Test | Not | All | Some


class DutyCall(msgspec.Struct, frozen=True):
    """A duty, with its number where it has one."""

    name: Name
    number: Number | None = None


class RuleNode(msgspec.Struct, frozen=True, kw_only=True):
    """A rule or an exception. `verb` is may, may not, must, or empty for an exception that lifts.

    In an exception without actions `first` may be actions or data; resolving tells.
    `ids` are the clauses that an `except #id` belongs to; `is_exception` is set for both kinds.
    """

    verb: str
    offset: int
    is_exception: bool = False
    ids: tuple[Name, ...] = ()
    first: tuple[Name, ...] = ()
    data: Terms | None = None
    scope: tuple[tuple[str, Terms], ...] = ()  # preposition, terms; in the order written
    condition: Formula | None = None
    within: Number | None = None
    duties: tuple[DutyCall, ...] = ()
    bases: tuple[Name, ...] = ()
    exceptions: tuple[RuleNode, ...] = ()


class DefinitionNode(msgspec.Struct, frozen=True, kw_only=True):
    """`define term as term, … when …`."""

    name: Name
    terms: tuple[Name, ...]
    offset: int
    condition: Formula | None = None


class FactNode(msgspec.Struct, frozen=True, kw_only=True):
    """A fact of an example: that it holds or not, for a part or as a whole, or its value."""

    fact: Name
    holds: bool = True
    number: Number | None = None
    word: Name | None = None
    part: tuple[tuple[str, Terms], ...] | None = None  # dimension or preposition, terms


class ExampleNode(msgspec.Struct, frozen=True, kw_only=True):
    """A question with the answer that counsel expects: yes, no or ask."""

    answer: str
    action: Name
    offset: int
    data: Terms | None = None
    scope: tuple[tuple[str, Terms], ...] = ()
    facts: tuple[FactNode, ...] = ()
    duties: tuple[DutyCall, ...] = ()  # that a yes must carry


Statement = RuleNode | DefinitionNode


def print_terms(terms: Terms) -> str:
    """`a, b`, `any` or `any but a, b`."""
    names = ", ".join(name.word for name in terms.names)
    if not terms.any:
        return names
    return f"any but {names}" if names else "any"


def print_number(number: Number) -> str:
    """`10`, `1 day` or `30 days`."""
    unit = SINGLE.get(number.unit, number.unit) if number.text == "1" else number.unit
    return f"{number.text} {unit}".rstrip()


def print_formula(formula: Formula, *, nested: bool = False) -> str:
    """A formula with the brackets that it needs and no others."""
    match formula:
        case Test(fact, "", None, None):
            return fact.word
        case Test(fact, comparison, number, word):
            right = word.word if word else print_number(number) if number else ""
            return f"{fact.word} {comparison} {right}"
        case Not(inner):
            return f"not {print_formula(inner, nested=True)}"
        case All(inner) | Some(inner):
            joint = " and " if isinstance(formula, All) else " or "
            text = joint.join(print_formula(each, nested=True) for each in inner)
            return f"({text})" if nested else text


def _scope(scope: tuple[tuple[str, Terms], ...]) -> list[str]:
    return [f"{preposition} {print_terms(terms)}" for preposition, terms in scope]


def _condition(condition: Formula | None) -> list[str]:
    match condition:
        case None:
            return []
        case Not(All() | Some() as inner):
            return [f"unless {print_formula(inner)}"]
        case _:
            return [f"when {print_formula(condition)}"]


WIDTH = 96  # columns of a rule line before its tail moves to lines of its own


def print_rule(rule: RuleNode, indent: str = "") -> list[str]:
    """The lines of a rule, its exceptions indented under it."""
    head = []
    if rule.is_exception:
        head.append("except")
        if rule.ids:
            head.append(", ".join(f"#{name.word}" for name in rule.ids))
    if rule.verb:
        head.append(rule.verb)
    if rule.first:
        head.append(", ".join(name.word for name in rule.first))
    if rule.data:
        head.append(print_terms(rule.data))
    head += _scope(rule.scope)
    tail = []
    if rule.within:
        tail.append(f"within {print_number(rule.within)}")
    tail += _condition(rule.condition)
    if rule.duties:
        tail.append(_duties(rule.duties))
    if rule.bases:
        tail.append("because " + ", ".join(name.word for name in rule.bases))
    line = indent + " ".join([*head, *tail])
    lines = [line]
    if len(line) > WIDTH and tail:
        lines = [indent + " ".join(head), *(f"{indent}  {part}" for part in tail)]
    for exception in rule.exceptions:
        lines += print_rule(exception, indent + "  ")
    return lines


def _duties(duties: tuple[DutyCall, ...]) -> str:
    return "with " + ", ".join(_duty(duty) for duty in duties)


def _duty(duty: DutyCall) -> str:
    return f"{duty.name.word} {print_number(duty.number)}" if duty.number else duty.name.word


def print_block(statements: tuple[Statement, ...]) -> str:
    """A rule block as `upheld fmt` lays it out, ending in a newline."""
    lines: list[str] = []
    for statement in statements:
        if isinstance(statement, DefinitionNode):
            names = ", ".join(name.word for name in statement.terms)
            parts = [f"define {statement.name.word} as {names}", *_condition(statement.condition)]
            lines.append(" ".join(parts))
        else:
            lines += print_rule(statement)
    return "\n".join(lines) + "\n" if lines else ""


def print_example(example: ExampleNode) -> str:
    """One example as a line."""
    parts = [f"{example.answer:<4}", example.action.word]
    if example.data:
        parts.append(print_terms(example.data))
    parts += _scope(example.scope)
    text = " ".join(parts)
    if example.facts:
        text += "  given " + ", ".join(_fact(fact) for fact in example.facts)
    if example.duties:
        text += f"  {_duties(example.duties)}"
    return text


def _fact(fact_node: FactNode) -> str:
    text = fact_node.fact.word if fact_node.holds else f"not {fact_node.fact.word}"
    if fact_node.number:
        return f"{text} = {print_number(fact_node.number)}"
    if fact_node.word:
        return f"{text} is {fact_node.word.word}"
    if fact_node.part is None:
        return text
    parts = [
        print_terms(terms) if key == "data" else f"{key} {print_terms(terms)}"
        for key, terms in fact_node.part
    ]
    return f"{text} ({' '.join(parts)})"
