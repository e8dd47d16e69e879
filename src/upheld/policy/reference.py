"""The obvious evaluator: section 4 of the rule language read word for word, for comparison only.

A resolved `Program` and a question go in, the answer of section 5 comes out (all but `nearest`
and `why`). Every cell and every world is enumerated and nothing is compiled or shared with the
compiler, so that where the two differ one of them has a bug. It is slow on purpose and expects a
question that is in order: unknown words are not its business.
"""

from __future__ import annotations

import operator
from fractions import Fraction
from functools import cache
from itertools import chain, combinations, pairwise, product
from typing import TYPE_CHECKING, Any

from upheld.policy.program import Condition, DutyDue, Either, Every, FactTest, Negation
from upheld.policy.vocabulary import SMALLER, TREE_OF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from upheld.policy.program import Alternative, Program

Value = bool | Fraction | str
Cell = dict[str, str]  # "action" and each dimension that it takes, to a leaf
World = dict[str, Value]  # each unknown fact, to how it turns out
Said = tuple[str, frozenset[int]]  # allow, deny, lift or nothing, and the nodes that decide it
Owed = tuple[str, str, str]  # clause, amount, unit
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}
exact = cache(Fraction)


def reference(program: Program, question: dict[str, Any]) -> dict[str, Any]:
    """Answer a question by trying every cell in every world."""
    return _Reference(program, question).answer()


def effort(program: Program, question: dict[str, Any]) -> int:
    """Count the cells times the worlds that answering a question would try."""
    words = _Words(program)
    worlds = _Facts(program, question.get("facts", {}), words).worlds
    return len(worlds) * sum(1 for _ in words.cells(question))


class _Words:
    """The leaves under a word and the dimensions of an action, looked up the long way."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def under(self, tree: str, word: str) -> set[str]:
        """List the leaves that a word means; a defined one whatever its condition."""
        definition = self.program.definitions.get(word)
        if definition is not None and definition.tree == tree:
            return set(definition.leaves)
        terms = self.program.vocabulary.trees[tree].values()
        children = [term.name for term in terms if term.parent == word]
        if not children:
            return {word}
        return {f"{word}/other"}.union(*(self.under(tree, child) for child in children))

    def whole(self, tree: str) -> set[str]:
        """List every leaf of a tree other than that of actions."""
        terms = self.program.vocabulary.trees[tree].values()
        return {"other"}.union(*(self.under(tree, term.name) for term in terms))

    def takes(self, action: str) -> tuple[str, ...]:
        """List the dimensions of an action leaf: its own, or those of the nearest word above."""
        term = self.program.vocabulary.trees["action"][action.removesuffix("/other")]
        if term.takes is not None or not term.parent:
            return term.takes or ()
        return self.takes(term.parent)

    def meant(self, dimension: str, said: str | Sequence[str]) -> set[str]:
        """List the leaves that a term or a list of terms of a question means."""
        words = [said] if isinstance(said, str) else said
        return set().union(*(self.under(TREE_OF[dimension], word) for word in words))

    def cells(self, question: dict[str, Any]) -> Iterator[Cell]:
        """Take one leaf in each dimension, in every way that the question stands for."""
        for action in sorted(self.under("action", question["action"])):
            takes = self.takes(action)
            leaves = [sorted(self.of(dimension, question)) for dimension in takes]
            for each in product(*leaves):
                yield {"action": action, **dict(zip(takes, each, strict=True))}

    def of(self, dimension: str, question: dict[str, Any]) -> set[str]:
        """List what a question says of a dimension, or what leaving it out stands for."""
        if dimension in question:
            return self.meant(dimension, question[dimension])
        if dimension == "actor" and "provider" in self.program.vocabulary.trees["party"]:
            return self.under("party", "provider")
        return self.whole(TREE_OF[dimension])


class _Facts:
    """What is given, cell by cell, and every way in which the rest can turn out."""

    def __init__(self, program: Program, given: dict[str, Any], words: _Words) -> None:
        self.facts = program.vocabulary.facts
        self.words = words
        self.given = {name: value for name, value in given.items() if value != []}
        self.tests: dict[str, list[FactTest]] = {}
        for node in program.nodes:
            for copy in chain(node.copies, *node.gates):
                for test in _tests(copy.condition):
                    self.tests.setdefault(test.fact, []).append(test)
        self.regions = {name: self.ways(name) for name in self.tests if self.unknown(name)}
        self.worlds: list[World] = [
            dict(zip(self.regions, values, strict=True))
            for values in product(*self.regions.values())
        ]

    def unknown(self, name: str) -> bool:
        """Tell whether a fact may be unknown at some cell."""
        if self.facts[name].absent:
            return False
        given = self.given.get(name)
        return given is None or (isinstance(given, list) and not any("rest" in p for p in given))

    def mentioned(self, name: str) -> list[Fraction]:
        """List the numbers that conditions compare a fact with, in order."""
        return sorted({exact(test.number) for test in self.tests[name] if test.number})

    def ways(self, name: str) -> list[Value]:
        """List values of a fact, one for each way in which conditions can tell them apart."""
        fact = self.facts[name]
        if fact.kind == "boolean":
            return [False, True]
        if fact.kind == "word":
            named = {test.word for test in self.tests[name]}
            rest = [word for word in fact.words if word not in named]
            return [*(word for word in fact.words if word in named), *rest[:1]]
        points = self.mentioned(name)
        between = [(low + high) / 2 for low, high in pairwise(points)]
        return sorted([points[0] - 1, *points, *between, points[-1] + 1])

    def known(self, cell: Cell) -> World:
        """Collect the facts that are settled at a cell."""
        found: World = {}
        for name in self.tests:
            value = self.at(name, cell)
            if value is not None:
                found[name] = value
        return found

    def at(self, name: str, cell: Cell) -> Value | None:
        """Find what is given of a fact at a cell, or None."""
        absent = False if self.facts[name].absent else None
        given = self.given.get(name)
        if given is None:
            return absent
        if not isinstance(given, list):
            number = self.facts[name].kind == "number"
            return Fraction(str(given)) if number else given
        rest = [bool(part["rest"]) for part in given if "rest" in part]
        covering = [
            part.get("holds", True)
            for part in given
            if "rest" not in part and self.covers(part, cell)
        ]
        if covering:
            return all(covering)
        return rest[0] if rest else absent

    def covers(self, part: dict[str, Any], cell: Cell) -> bool:
        """Tell whether a part of a fact covers a cell."""
        return all(
            cell.get(dimension) in self.words.meant(dimension, said)
            for dimension, said in part.items()
            if dimension != "holds"
        )


class _Reference:
    """One question to one policy."""

    def __init__(self, program: Program, question: dict[str, Any]) -> None:
        self.nodes = program.nodes
        self.question = question
        self.words = _Words(program)
        self.facts = _Facts(program, question.get("facts", {}), self.words)
        self.exceptions: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for parent in node.parents:
                self.exceptions[parent].append(index)
        self.cells = list(self.words.cells(question))
        self.applying = [self.at(cell) for cell in self.cells]  # by cell, then by world
        self.said = {each: self.says(each) for each in set(chain(*self.applying))}
        self.table = [[self.said[each] for each in row] for row in self.applying]

    def at(self, cell: Cell) -> list[frozenset[int]]:
        """List, for each world, the nodes whose own scope and condition hold at a cell."""
        here = {}  # for each node in reach, groups of conditions; one of each group must hold
        for index, node in enumerate(self.nodes):
            groups = [
                [copy.condition for copy in copies if _contains(copy, cell)]
                for copies in (node.copies, *node.gates)
            ]
            if all(groups):
                here[index] = groups
        known = self.facts.known(cell)
        rows = []
        for world in self.facts.worlds:
            facts = {**world, **known}
            rows.append(
                frozenset(
                    index
                    for index, groups in here.items()
                    if all(any(_holds(each, facts) for each in group) for group in groups)
                )
            )
        return rows

    def verdict(self, index: int, applying: frozenset[int]) -> Said:
        """Find what a rule says where these apply (steps 1 to 4), and which nodes decide it."""
        if index not in applying:
            return "", frozenset()
        said = [self.verdict(each, applying) for each in self.exceptions[index]]
        for effect in ("deny", "allow"):
            if deciding := [nodes for what, nodes in said if what == effect]:
                return effect, frozenset().union(*deciding)
        if any(what == "lift" for what, _ in said):
            return "", frozenset()
        return self.nodes[index].effect, frozenset({index})

    def says(self, applying: frozenset[int]) -> Said:
        """Find what all say: denied if any denies, else allowed if any allows, else denied."""
        top = [i for i, node in enumerate(self.nodes) if not node.parents]
        said = [self.verdict(index, applying) for index in top]
        for effect in ("deny", "allow"):
            if deciding := [nodes for what, nodes in said if what == effect]:
                return effect, frozenset().union(*deciding)
        return "deny", frozenset()

    def owes(self, applying: frozenset[int]) -> set[Owed]:
        """List each `must` that applies with all above it and no exception of it."""
        found = set()
        for index, node in enumerate(self.nodes):
            excepted = any(each in applying for each in self.exceptions[index])
            if node.verb == "must" and not excepted and self.reached(index, applying):
                found.add((node.clause, *(node.within or ("", ""))))
        return found

    def reached(self, index: int, applying: frozenset[int]) -> bool:
        """Tell whether a node applies, and the nodes above it along some way to the top."""
        parents = self.nodes[index].parents
        return index in applying and (
            not parents or any(self.reached(each, applying) for each in parents)
        )

    def answer(self) -> dict[str, Any]:
        """Put the answer together, as JSON shows it."""
        columns = zip(*self.table, strict=True)  # by world
        allowed = [all(what == "allow" for what, _ in column) for column in columns]
        found: dict[str, Any] = {"clauses": [], "duties": [], "owed": self.owed(), "prove": []}
        if all(allowed):
            clauses = self.cited("allow", self.table)
            found |= {
                "outcome": "allow",
                "clauses": clauses,
                "duties": self.duties(),
                "bases": self.bases(clauses),
                "kind": "",
            }
        elif any(allowed):
            found |= {
                "outcome": "needs-proof",
                "clauses": self.cited("allow", self.table),
                "prove": _prove(self.facts, allowed),
                "kind": "proof",
            }
        else:
            never = [row for row in self.table if all(each[0] == "deny" for each in row)]
            some = [row for row in self.table if any(each[0] == "deny" for each in row)]
            clauses = self.cited("deny", never or some)
            found |= {
                "outcome": "deny",
                "clauses": clauses,
                "kind": "clause" if clauses else "silence",
            }
        return found | {"depends": {} if all(allowed) else self.depends()}

    def cited(self, effect: str, rows: Iterable[list[Said]]) -> list[str]:
        """List the clauses that give an answer in all of its worlds or, if none does, in some."""
        found: set[str] = set()
        for row in rows:
            deciding = [nodes for what, nodes in row if what == effect]
            by_world = [{self.nodes[index].clause for index in nodes} for nodes in deciding]
            if by_world:
                found |= set.intersection(*by_world) or set.union(*by_world)
        return sorted(found)

    def duties(self) -> list[dict[str, Any]]:
        """List the duties of every node that allows a cell in some world."""
        deciding = frozenset().union(*(nodes for row in self.table for _, nodes in row))
        due: set[DutyDue] = {duty for index in deciding for duty in self.nodes[index].duties}
        return [{"duty": duty.duty, **_amount(duty.amount, duty.unit)} for duty in sorted(due)]

    def bases(self, clauses: list[str]) -> list[str]:
        """List the legal bases of each node of these clauses that allows a cell in some world."""
        deciding = frozenset().union(*(nodes for row in self.table for _, nodes in row))
        cited = [self.nodes[index] for index in deciding if self.nodes[index].clause in clauses]
        return sorted({basis for node in cited for basis in node.bases})

    def owed(self) -> list[dict[str, Any]]:
        """List what is owed in some world at some cell, and whether it is so in each."""
        by_world = [
            set().union(*(self.owes(each) for each in column))
            for column in zip(*self.applying, strict=True)
        ]
        found = []
        for owed in sorted(set().union(*by_world)):
            certain = {"certain": True} if all(owed in each for each in by_world) else {}
            found.append({"clause": owed[0], **_amount(*owed[1:]), **certain})
        return found

    def depends(self) -> dict[str, list[str]]:
        """List dimensions left out where saying one leaf allows, with the leaves that do not."""
        found = {}
        taken = set.intersection(*(set(cell) for cell in self.cells)) - {"action", "actor"}
        for dimension in sorted(taken - self.question.keys()):
            refused = {
                cell[dimension]
                for cell, row in zip(self.cells, self.table, strict=True)
                if any(what == "deny" for what, _ in row)
            }
            if refused != self.words.whole(TREE_OF[dimension]):
                found[dimension] = sorted(refused)
        return found


def _amount(amount: str, unit: str) -> dict[str, Any]:
    if not amount:
        return {}
    value = exact(amount)
    number = int(value) if value.denominator == 1 else float(value)
    return {"amount": number, "unit": unit} if unit else {"amount": number}


def _contains(copy: Alternative, cell: Cell) -> bool:
    """Whether a copy's scope has a cell in it; what a cell's action does not take is no limit."""
    return cell["action"] in copy.actions and all(
        dimension not in cell or cell[dimension] in leaves
        for dimension, leaves in copy.scope.items()
    )


def _tests(condition: Condition) -> Iterator[FactTest]:
    match condition:
        case FactTest():
            yield condition
        case Negation(formula):
            yield from _tests(formula)
        case Every(formulas) | Either(formulas):
            for each in formulas:
                yield from _tests(each)


def _holds(condition: Condition, facts: World) -> bool:
    match condition:
        case FactTest(fact, comparison, number, word):
            value = facts[fact]
            if word:
                return value == word
            return COMPARE[comparison](value, exact(number)) if number else value is True
        case Negation(formula):
            return not _holds(formula, facts)
        case Every(formulas):
            return all(_holds(each, facts) for each in formulas)
        case Either(formulas):
            return any(_holds(each, facts) for each in formulas)


# What would settle it: boxes of worlds, a set of values for each unknown fact, that hold only
# worlds which allow and could not be larger in any one fact.


def _prove(facts: _Facts, allowed: list[bool]) -> list[list[str]]:
    """List the smallest sets of facts any one of which settles a question as allow."""
    good = {tuple(world.values()) for world, yes in zip(facts.worlds, allowed, strict=True) if yes}
    names = list(facts.regions)
    # A fact that never matters stays open in every largest box; leaving it out only saves time.
    choices = [_choices(facts, name, good, at) for at, name in enumerate(names)]
    inside = {box for box in product(*choices) if all(world in good for world in product(*box))}
    found = []
    for box in inside:
        larger = (
            (*box[:at], more, *box[at + 1 :])
            for at, values in enumerate(box)
            for more in choices[at]
            if set(values) < set(more)
        )
        if not any(each in inside for each in larger):
            literals = [_literals(facts, n, v) for n, v in zip(names, box, strict=True)]
            found.append(sorted(chain(*literals)))
    return sorted(found, key=lambda each: (len(each), each))


def _choices(
    facts: _Facts, name: str, good: set[tuple[Value, ...]], at: int
) -> list[tuple[Value, ...]]:
    """List the sets of values of a fact that literals can say."""
    values = facts.regions[name]
    whole = tuple(values)
    if all((*world[:at], v, *world[at + 1 :]) in good for world in good for v in values):
        return [whole]
    kind = facts.facts[name].kind
    if kind == "boolean":
        return [(False,), (True,), whole]
    if kind == "number":
        ends = combinations(range(len(values) + 1), 2)
        return [whole[low:high] for low, high in ends]
    named = {test.word for test in facts.tests[name]}
    sets = chain.from_iterable(combinations(values, n) for n in range(1, len(values) + 1))
    rest = {each for each in values if each not in named}  # the words that nothing mentions, as one
    return [each for each in sets if len(each) == 1 or rest <= set(each)]


def _literals(facts: _Facts, name: str, chosen: tuple[Value, ...]) -> list[str]:
    """Say a set of values of a fact as words."""
    fact, values = facts.facts[name], facts.regions[name]
    if len(chosen) == len(values):
        return []
    if fact.kind == "boolean":
        return [name if chosen[0] else f"not {name}"]
    if fact.kind == "word":
        named = {test.word for test in facts.tests[name]}
        if len(chosen) == 1 and chosen[0] in named:
            return [f"{name} is {chosen[0]}"]
        return [f"not {name} is {each}" for each in values if each in named - set(chosen)]
    points = set(facts.mentioned(name))
    low, high = values.index(chosen[0]), values.index(chosen[-1])
    if low == high and values[low] in points:
        return [f"{name} = {_number(values[low], fact.unit)}"]
    found = []
    if low > 0:
        sign, point = (">=", values[low]) if values[low] in points else (">", values[low - 1])
        found.append(f"{name} {sign} {_number(point, fact.unit)}")
    if high < len(values) - 1:
        sign, point = ("<=", values[high]) if values[high] in points else ("<", values[high + 1])
        found.append(f"{name} {sign} {_number(point, fact.unit)}")
    return found


def _number(value: Value, unit: str) -> str:
    """Say a number in the fact's unit, or in the smaller one where it would not be whole."""
    number = Fraction(value)
    if number.denominator == 1:
        return str(number)
    if unit in SMALLER:
        smaller, many = SMALLER[unit]
        return f"{_decimal(number * many)} {smaller}"
    return _decimal(number)


def _decimal(number: Fraction) -> str:
    return str(number) if number.denominator == 1 else str(float(number))
