"""Words to meaning: terms to leaves, formulas to conditions, definitions, derived facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

from upheld.core.errors import nearest
from upheld.policy import syntax
from upheld.policy.fact_types import OrderedType, YesNoType, fact_type
from upheld.policy.parse import Mistake, parse_formula
from upheld.policy.program import (
    ALWAYS,
    Condition,
    Definition,
    DutyDue,
    Either,
    Every,
    FactTest,
    Negation,
)
from upheld.policy.syntax import All, DefinitionNode, Formula, Name, Not, Number, Some, Terms
from upheld.policy.vocabulary import (
    BASIS,
    OTHER,
    PREPOSITIONS,
    SMALLER,
    TREE_OF,
    TREES,
    Vocabulary,
    leaves_of,
    scale,
)

Report = Callable[[int, str, str, str, str], None]  # offset, code, message, expected, nearest
Option = tuple[frozenset[str], Condition]  # leaves, and the condition that a definition adds


def both(*conditions: Condition) -> Condition:
    """The conditions joined, without those that always hold."""
    parts = [each for each in conditions if each != ALWAYS]
    return parts[0] if len(parts) == 1 else Every(tuple(parts)) if parts else ALWAYS


def decimal(value: Fraction) -> str:
    """An exact decimal where there is one, else a fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    twos = value.denominator
    digits = 0
    while twos % 10 == 0 or twos % 2 == 0 or twos % 5 == 0:
        twos = twos // (10 if twos % 10 == 0 else 2 if twos % 2 == 0 else 5)
        digits += 1
    if twos != 1:
        return str(value)
    return f"{float(value):.{digits}f}" if digits <= 15 else str(value)


class Names:
    """The vocabulary and the policy's definitions, with every look-up that a rule needs."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.leaves = leaves_of(vocabulary)
        self.definitions: dict[str, Definition] = {}
        self.derived: dict[str, Condition] = {}

    def under(self, tree: str, word: str) -> frozenset[str] | None:
        """The leaves that a word of a tree (or a definition) means; None if it is no such word."""
        mine = self.definitions.get(word)
        if mine is not None and mine.tree == tree:
            return frozenset(mine.leaves)
        mask = self.leaves[tree].mask.get(word)
        return None if mask is None else frozenset(self.leaves[tree].of(mask))

    def words(self, tree: str) -> list[str]:
        """The words of a tree that a rule may use."""
        mine = [name for name, each in self.definitions.items() if each.tree == tree]
        return [*self.vocabulary.tree(tree), *mine]

    def is_data(self, word: str) -> bool:
        """Whether a word is data rather than an action."""
        return self.under("data", word) is not None

    def term(self, tree: str, name: Name, report: Report) -> frozenset[str]:
        """The leaves of a term; an unknown one is reported and means nothing."""
        leaves = self.under(tree, name.word) if "/" not in name.word else None
        if leaves is None:
            what = "the tree of " + (
                "parties" if tree == "party" else tree + "s" * (tree != "data")
            )
            elsewhere = [t for t in TREES if self.under(t, name.word) is not None]
            hint = f"; it is a word of {elsewhere[0]}" if elsewhere else ""
            report(
                name.offset,
                "unknown-word",
                f"`{name.word}` is not a word of {what}{hint}",
                f"a word of {what}",
                nearest(name.word, self.words(tree)),
            )
        return leaves or frozenset()

    def options(self, dimension: str, terms: Terms, report: Report) -> list[Option]:
        """The alternatives that a list states: one for all plain terms, one a definition."""
        tree = TREE_OF[dimension]
        if terms.any:
            excluded = [self.term(tree, name, report) for name in terms.names]
            return [(frozenset(self.leaves[tree].names).difference(*excluded), ALWAYS)]
        plain: set[str] = set()
        options: list[Option] = []
        for name in terms.names:
            leaves = self.term(tree, name, report)
            mine = self.definitions.get(name.word)
            if mine is not None and mine.tree == tree and mine.condition != ALWAYS:
                options.append((leaves, mine.condition))
            else:
                plain |= leaves
        return [(frozenset(plain), ALWAYS), *options] if plain or not options else options

    def actions(self, names: Iterable[Name], report: Report) -> frozenset[str]:
        """The action leaves under some actions."""
        leaves: set[str] = set()
        for name in names:
            leaves |= self.term("action", name, report)
        return frozenset(leaves)

    def takes(self, leaf: str) -> tuple[str, ...]:
        """The dimensions that an action leaf takes."""
        return self.vocabulary.takes(leaf)

    def condition(self, formula: Formula | None, report: Report) -> Condition:
        """A formula over facts as a condition over facts that are not derived."""
        match formula:
            case None:
                return ALWAYS
            case Not(inner):
                return Negation(self.condition(inner, report))
            case All(inner):
                return Every(tuple(self.condition(each, report) for each in inner))
            case Some(inner):
                return Either(tuple(self.condition(each, report) for each in inner))
            case syntax.Test():
                return self.test(formula, report)

    def test(self, test: syntax.Test, report: Report) -> Condition:
        """One test of a fact, checked against what the fact is."""
        name, at = test.fact.word, test.fact.offset
        fact = self.vocabulary.facts.get(name)
        if fact is None:
            report(
                at,
                "unknown-word",
                f"`{name}` is not a fact",
                "a fact of the vocabulary",
                nearest(name, self.vocabulary.facts),
            )
            return ALWAYS
        kind = YesNoType(fact) if fact.derived else fact_type(fact)
        if test.comparison not in kind.comparisons:
            report(at, "wrong-type", f"`{name}` {kind.nature}", kind.test_form(), "")
            return ALWAYS
        if fact.derived:
            return self.derived.get(name, FactTest(name))
        if isinstance(kind, OrderedType) and test.number:
            value = self.point(kind, test.number, at, report)
            return FactTest(name, test.comparison, number=str(value))
        if test.word is None:
            return FactTest(name)
        if not kind.accepts(test.word.word):
            report(
                test.word.offset,
                "unknown-word",
                f"`{test.word.word}` is not a word of `{name}`",
                ", ".join(fact.words),
                nearest(test.word.word, fact.words),
            )
            return ALWAYS
        return kind.test_of(test.word.word)

    def point(self, kind: OrderedType, number: Number, at: int, report: Report) -> Fraction:
        """What a fact is compared with, in the fact's own unit."""
        name, unit = kind.fact.name, kind.fact.unit
        try:
            point = kind.point(number.text)
        except ValueError:
            report(at, "wrong-type", f"`{name}` {kind.nature}", kind.test_form(), "")
            return Fraction(0)
        if not number.unit or number.unit == unit:
            return point
        value = scale(point, number.unit, unit) if unit else None
        if value is None:
            fits = (
                [
                    unit,
                    *(
                        u
                        for u in (*SMALLER, "hours", "months")
                        if scale(Fraction(1), u, unit) and u != unit
                    ),
                ]
                if unit
                else ["a number without a unit"]
            )
            report(
                at, "wrong-unit", f"`{name}` does not count in {number.unit}", " or ".join(fits), ""
            )
            return point
        return value

    def duties(self, calls: Iterable[syntax.DutyCall], report: Report) -> tuple[DutyDue, ...]:
        """The duties of a rule."""
        duties = []
        for call in calls:
            if call.name.word not in self.vocabulary.duties:
                report(
                    call.name.offset,
                    "unknown-word",
                    f"`{call.name.word}` is not a duty",
                    "a duty of the vocabulary",
                    nearest(call.name.word, self.vocabulary.duties),
                )
                continue
            amount = decimal(call.number.value) if call.number else ""
            duties.append(DutyDue(call.name.word, amount, call.number.unit if call.number else ""))
        return tuple(duties)

    def bases(self, names: Iterable[Name], report: Report) -> tuple[str, ...]:
        """The legal bases of a rule, each once, in the order of the alphabet."""
        terms = self.vocabulary.tree(BASIS)
        bases = set()
        for name in names:
            if name.word in terms:
                bases.add(name.word)
                continue
            report(
                name.offset,
                "unknown-word",
                f"`{name.word}` is not a legal basis",
                "a word of the tree `basis`" + ("" if terms else ", which the vocabulary lacks"),
                nearest(name.word, terms),
            )
        return tuple(sorted(bases))

    def dimensions(
        self, data: Terms | None, scope: tuple[tuple[str, Terms], ...]
    ) -> dict[str, Terms]:
        """The dimensions that a rule names."""
        dimensions = {PREPOSITIONS[preposition]: terms for preposition, terms in scope}
        return {"data": data, **dimensions} if data else dimensions

    def derive(self, complain: Callable[[str, str], None]) -> None:
        """Resolve every derived fact; `complain(fact, message)` takes what is wrong."""
        formulas: dict[str, Formula] = {}
        for fact in self.vocabulary.facts.values():
            if fact.derived:
                formula, mistakes = parse_formula(fact.formula)
                for mistake in mistakes:
                    complain(fact.name, f"`is` of `{fact.name}`: {mistake.message}")
                if formula is not None:
                    formulas[fact.name] = formula
        conditions: dict[str, Condition] = {}
        for name in formulas:
            self._derive(name, formulas, conditions, [], complain)
        self.derived = conditions

    def _derive(
        self,
        name: str,
        formulas: dict[str, Formula],
        conditions: dict[str, Condition],
        path: list[str],
        complain: Callable[[str, str], None],
    ) -> None:
        if name in conditions:
            return
        if name in path:
            complain(name, f"`{name}` is derived from itself: {' → '.join([*path, name])}")
            conditions[name] = ALWAYS
            return
        for fact in sorted(facts_of(formulas[name])):
            if fact in formulas:
                self._derive(fact, formulas, conditions, [*path, name], complain)
        self.derived = conditions

        def report(_offset: int, _code: str, message: str, expected: str, _near: str) -> None:
            complain(name, f"`is` of `{name}`: {message}; expected {expected}")

        conditions.setdefault(name, self.condition(formulas[name], report))

    def define(self, node: DefinitionNode, clause: str, report: Report) -> None:
        """Add a definition, or report why it is not a valid one."""
        word = node.name.word
        names = [name for name in node.terms if name.word != OTHER]
        fits = [
            t
            for t in TREES
            if t != "action" and all(name.word in self.vocabulary.tree(t) for name in names)
        ]
        if not names:
            report(
                node.terms[0].offset,
                "ambiguous-words",
                "`other` alone is of every tree",
                "words of one tree beside it",
                "",
            )
            return
        if len(fits) > 1:
            report(
                names[0].offset,
                "ambiguous-words",
                "these words fit the trees of " + " and ".join(fits),
                "words that only one tree has",
                "",
            )
            return
        if not fits:
            self._unfit(node, report)
            return
        tree = fits[0]
        if word in self.definitions or word in self.vocabulary.tree(tree) or word == OTHER:
            report(
                node.name.offset, "definition", f"`{word}` has a meaning already", "a new word", ""
            )
            return
        if tree == "data" and word in self.vocabulary.tree("action"):
            report(
                node.name.offset,
                "definition",
                f"`{word}` is an action and cannot be data too",
                "a new word",
                "",
            )
            return
        leaves: set[str] = set()
        for name in node.terms:
            leaves |= self.term(tree, name, report)
        ordered = tuple(each for each in self.leaves[tree].names if each in leaves)
        self.definitions[word] = Definition(
            word,
            tree,
            tuple(n.word for n in node.terms),
            ordered,
            self.condition(node.condition, report),
            clause,
        )

    def _unfit(self, node: DefinitionNode, report: Report) -> None:
        for name in node.terms:
            if name.word == OTHER:
                continue
            trees = [t for t in TREES if name.word in self.vocabulary.tree(t) and t != "action"]
            if name.word == node.name.word or name.word in self.definitions:
                report(
                    name.offset,
                    "definition",
                    f"`{name.word}` is itself defined",
                    "words of the vocabulary, not of other definitions",
                    "",
                )
                return
            if not trees:
                every = [word for t in TREES for word in self.vocabulary.tree(t)]
                report(
                    name.offset,
                    "unknown-word",
                    f"`{name.word}` is not a word of the vocabulary",
                    "words of one tree",
                    nearest(name.word, every),
                )
                return
        report(
            node.terms[0].offset,
            "definition",
            "these words are not of one tree",
            f"words of one tree: {', '.join(each for each in TREES if each != 'action')}",
            "",
        )


def facts_of(formula: Formula) -> set[str]:
    """The names of the facts in a formula."""
    match formula:
        case syntax.Test(fact):
            return {fact.word}
        case Not(inner):
            return facts_of(inner)
        case All(inner) | Some(inner):
            return set().union(*map(facts_of, inner))


__all__ = ["Mistake", "Names", "both", "decimal"]
