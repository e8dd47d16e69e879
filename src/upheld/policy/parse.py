"""Rule text to syntax, by recursive descent; every mistake of a block in one run.

The grammar is section 2 of the language reference. After a mistake the parser goes on at the
next rule, so that a block with three mistakes reports three.
"""

from __future__ import annotations

from typing import NoReturn

from msgspec.structs import replace

from upheld.core.errors import nearest
from upheld.policy.syntax import (
    All,
    DefinitionNode,
    DutyCall,
    ExampleNode,
    FactNode,
    Formula,
    Name,
    Not,
    Number,
    RuleNode,
    Some,
    Statement,
    Terms,
    Test,
)
from upheld.policy.tokens import tokens
from upheld.policy.vocabulary import KEYWORDS, PREPOSITIONS, SINGULAR, UNITS

DIGITS_MAX = 30  # of a number; more is a slip, and unbounded numbers would be unbounded work
TAILS = ("when", "unless", "within", "with", "because")
DEPTH_MAX = 60  # of brackets and `not`, so that a hostile formula cannot exhaust the stack


class Mistake(Exception):  # noqa: N818 - caught inside this module and its caller, shown to nobody
    """A syntax mistake at an offset of the block."""

    def __init__(
        self, offset: int, message: str, expected: str = "", near: str = "", code: str = "syntax"
    ) -> None:
        super().__init__(message)
        self.offset, self.message, self.expected, self.near, self.code = (
            offset,
            message,
            expected,
            near,
            code,
        )


class _Parser:
    def __init__(self, text: str, *, asking: bool = False) -> None:
        self.asking = asking  # a question alone, not an example with its answer
        self.tokens = tokens(text)
        self.mistakes: list[Mistake] = []
        self.at = 0
        self.depth = 0

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    @property
    def text(self) -> str:
        return self.tokens[self.at][1]

    @property
    def offset(self) -> int:
        return self.tokens[self.at][2]

    def key(self, *words: str) -> bool:
        return self.kind == "key" and self.text in words

    def mark(self, text: str) -> bool:
        return self.kind == "mark" and self.text == text

    def take(self) -> str:
        text = self.text
        self.at += self.kind != "end"
        return text

    def fail(self, expected: str, words: tuple[str, ...] = ()) -> NoReturn:
        what = f"`{self.text}`" if self.kind != "end" else "the end of the block"
        raise Mistake(
            self.offset,
            f"{what} cannot stand here",
            expected,
            nearest(self.text, words) if self.text else "",
        )

    def name(self, what: str) -> Name:
        if self.kind != "word":
            self.fail(what)
        offset = self.offset
        return Name(self.take(), offset)

    def names(self, what: str) -> tuple[Name, ...]:
        names = [self.name(what)]
        while self.mark(","):
            self.take()
            names.append(self.name(what))
        return tuple(names)

    def terms(self) -> Terms:
        if not self.key("any"):
            return Terms(self.names("a term"))
        self.take()
        if not self.key("but"):
            return Terms(any=True)
        self.take()
        return Terms(self.names("a term"), any=True)

    def number(self) -> Number:
        if self.kind != "number":
            self.fail("a number")
        if len(self.text) > DIGITS_MAX:
            raise Mistake(self.offset, "a number of too many digits", f"at most {DIGITS_MAX}")
        text = self.take()
        if self.kind == "word" and self.text in SINGULAR:
            return Number(text, SINGULAR[self.take()])
        return Number(text, self.take() if self.key(*UNITS) else "")

    def value(self) -> Number:
        """A number, or another value as a type of facts writes it."""
        if self.kind == "literal" and len(self.text) <= DIGITS_MAX:
            return Number(self.take())
        return self.number()

    def scope(self) -> tuple[tuple[str, Terms], ...]:
        terms: dict[str, Terms] = {}
        while self.key(*PREPOSITIONS):
            if self.text in terms:
                raise Mistake(
                    self.offset,
                    f"`{self.text}` stands twice in one rule",
                    "one list for each preposition",
                    code="repeated-part",
                )
            preposition = self.take()
            terms[preposition] = self.terms()
        return tuple(terms.items())

    def formula(self) -> Formula:
        first = self.negation()
        if not self.key("and", "or"):
            return first
        joint = self.text
        parts = [first]
        while self.key("and", "or"):
            if self.text != joint:
                raise Mistake(
                    self.offset,
                    "`and` and `or` are mixed",
                    "brackets that say which belong together",
                    code="mixed-and-or",
                )
            self.take()
            parts.append(self.negation())
        return All(tuple(parts)) if joint == "and" else Some(tuple(parts))

    def negation(self) -> Formula:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise Mistake(self.offset, "the formula is nested too deep", f"at most {DEPTH_MAX}")
        try:
            if self.key("not"):
                self.take()
                return Not(self.negation())
            if self.mark("("):
                self.take()
                inner = self.formula()
                if not self.mark(")"):
                    self.fail("`)`")
                self.take()
                return inner
            return self.test()
        finally:
            self.depth -= 1

    def test(self) -> Test:
        fact = self.name("a fact")
        if self.kind == "op":
            comparison = self.take()
            return Test(fact, comparison, self.value())
        if self.key("is"):
            self.take()
            return Test(fact, "is", None, self.name("a word of the fact's list"))
        return Test(fact)

    def condition(self) -> Formula:
        negative = self.take() == "unless"
        formula = self.formula()
        return Not(formula) if negative else formula

    def duties(self) -> tuple[DutyCall, ...]:
        duties = [self.duty()]
        while self.mark(","):
            self.take()
            duties.append(self.duty())
        return tuple(duties)

    def duty(self) -> DutyCall:
        name = self.name("a duty")
        return DutyCall(name, self.number() if self.kind == "number" else None)

    def rule(self, *, exception: bool) -> RuleNode:
        """A rule, or an exception from its `except` on; exceptions under it are the caller's."""
        offset = self.offset
        ids: list[Name] = []
        if exception:
            self.take()
            while self.kind == "id":
                ids.append(Name(self.text[1:], self.offset))
                self.take()
                if self.mark(","):
                    self.take()
                    if self.kind != "id":
                        self.fail("`#` and the id of a clause")
        verb = self.verb() if not exception or self.key("may", "must") else ""
        first: tuple[Name, ...] = ()
        if not exception or self.kind == "word":
            first = self.names("an action" if not exception else "an action or data")
        data = self.terms() if self.kind == "word" or self.key("any") else None
        scope = self.scope()
        condition, within, duties, bases = self.tail(verb, lifts=exception and not verb)
        if exception and not (verb or first or data or scope or condition):
            self.fail("what is excepted: a verb, words, a scope or a condition")
        if self.key(*PREPOSITIONS):
            raise Mistake(
                self.offset,
                f"`{self.text}` stands after the condition or duties",
                "the scope before them",
            )
        return RuleNode(
            verb=verb,
            offset=offset,
            is_exception=exception,
            ids=tuple(ids),
            first=first,
            data=data,
            scope=scope,
            condition=condition,
            within=within,
            duties=duties,
            bases=bases,
        )

    def verb(self) -> str:
        if not self.key("may", "must"):
            self.fail(
                "a rule: `may`, `may not`, `must`, `except` or `define`",
                ("may", "must", "except", "define"),
            )
        verb = self.take()
        if verb == "may" and self.key("not"):
            self.take()
            return "may not"
        return verb

    def tail(
        self, verb: str, *, lifts: bool
    ) -> tuple[Formula | None, Number | None, tuple[DutyCall, ...], tuple[Name, ...]]:
        condition: Formula | None = None
        within: Number | None = None
        duties: tuple[DutyCall, ...] = ()
        bases: tuple[Name, ...] = ()
        while self.key(*TAILS):
            offset, word = self.offset, self.text
            again = {"within": within, "with": duties, "because": bases}.get(word, condition)
            if again:
                raise Mistake(
                    offset,
                    f"`{word}` cannot stand here: the rule has such a part",
                    "one condition, one `within`, one `with`, one `because`",
                    code="repeated-part",
                )
            if word in ("when", "unless"):
                condition = self.condition()
            elif lifts:
                raise Mistake(
                    offset,
                    f"`{word}` cannot stand in an exception that lifts",
                    "a verb after `except`, or only a condition",
                )
            elif word == "within":
                self.take()
                if verb != "must":
                    raise Mistake(offset, "`within` belongs to `must`", code="within-without-must")
                within = self.number()
                if within.unit in ("", "percent"):
                    raise Mistake(offset, "`within` needs a time", "hours, days, months or years")
            elif word == "because":
                if verb == "may not":
                    raise Mistake(
                        offset,
                        "`because` cannot stand in a prohibition",
                        "a rule that allows: only that needs a legal basis",
                    )
                self.take()
                bases = self.names("a legal basis")
            else:
                self.take()
                duties = self.duties()
        return condition, within, duties, bases

    def definition(self) -> DefinitionNode:
        offset = self.offset
        self.take()
        name = self.name("the new term")
        if not self.key("as"):
            self.fail("`as`")
        self.take()
        terms = self.names("a term")
        condition = self.condition() if self.key("when", "unless") else None
        return DefinitionNode(name=name, terms=terms, offset=offset, condition=condition)

    def recover(self, *words: str) -> None:
        """Skip to the next word that can begin a statement."""
        self.depth = 0
        self.take()
        while self.kind != "end" and not self.key(*words):
            self.take()

    def block(self) -> tuple[Statement, ...]:
        statements: list[Statement] = []
        host = -1  # the rule that a bare `except` belongs to
        bare = True  # whether a bare `except` may stand here
        while self.kind != "end":
            offset = self.offset
            try:
                if self.key("define"):
                    statements.append(self.definition())
                    host, bare = -1, False
                    self.boundary()
                    continue
                node = self.rule(exception=self.key("except"))
                self.boundary()
            except Mistake as mistake:
                self.mistakes.append(mistake)
                self.recover("except", "may", "must", "define")
                host, bare = -1, True
                continue
            if node.is_exception and not node.ids and host >= 0:
                rule = statements[host]
                statements[host] = (
                    with_exception(rule, node) if isinstance(rule, RuleNode) else rule
                )
                continue
            if node.is_exception and not node.ids and not bare:
                self.mistakes.append(
                    Mistake(
                        offset,
                        "this `except` belongs to no rule: it follows a definition or an"
                        " `except #…`",
                        "`except #` and the id of a clause, or a block of its own",
                        code="exception-without-rule",
                    )
                )
                continue
            statements.append(node)
            host = -1 if node.is_exception else len(statements) - 1
            bare = bare and not node.ids if node.is_exception else True
        return tuple(statements)

    def boundary(self) -> None:
        if self.kind != "end" and not self.key("except", "may", "must", "define"):
            self.fail(
                "a preposition, `when`, `unless`, `within`, `with`, `because`, `except` or a new"
                " rule",
                tuple(KEYWORDS),
            )

    def examples(self) -> tuple[ExampleNode, ...]:
        examples = []
        while self.kind != "end":
            try:
                examples.append(self.example())
            except Mistake as mistake:
                self.mistakes.append(mistake)
                self.recover("yes", "no", "ask")
        return tuple(examples)

    def example(self) -> ExampleNode:
        offset = self.offset
        if not self.key("yes", "no", "ask"):
            self.fail("`yes`, `no` or `ask`", ("yes", "no", "ask"))
        answer = self.take()
        action = self.name("an action")
        data = self.terms() if self.kind == "word" or self.key("any") else None
        scope = self.scope()
        facts: list[FactNode] = []
        if self.key("given"):
            self.take()
            facts.append(self.fact_node())
            while self.mark(","):
                self.take()
                facts.append(self.fact_node())
        duties: tuple[DutyCall, ...] = ()
        if self.key("with"):
            if self.asking:
                self.fail("a preposition, `given` or the end: the answer says the duties")
            if answer != "yes":
                raise Mistake(
                    self.offset,
                    "`with` stands in an example whose answer is not `yes`",
                    "`yes`: only what is allowed has duties",
                )
            self.take()
            duties = self.duties()
        if self.kind != "end" and not self.key("yes", "no", "ask"):
            self.fail("a preposition, `given`, `with` or the next example")
        return ExampleNode(
            answer=answer,
            action=action,
            offset=offset,
            data=data,
            scope=scope,
            facts=tuple(facts),
            duties=duties,
        )

    def fact_node(self) -> FactNode:
        holds = not self.key("not")
        if not holds:
            self.take()
        fact = self.name("a fact")
        if self.kind == "op" and self.text == "=" and holds:
            self.take()
            return FactNode(fact=fact, number=self.value())
        if self.key("is") and holds:
            self.take()
            return FactNode(fact=fact, word=self.name("a word of the fact's list"))
        if not self.mark("("):
            return FactNode(fact=fact, holds=holds)
        self.take()
        part: list[tuple[str, Terms]] = []
        if self.kind == "word" or self.key("any"):
            part.append(("data", self.terms()))
        part += self.scope()
        if not self.mark(")"):
            self.fail("`)`")
        self.take()
        return FactNode(fact=fact, holds=holds, part=tuple(part))


def with_exception(rule: RuleNode, exception: RuleNode) -> RuleNode:
    """The rule with one more exception of its own."""
    return replace(rule, exceptions=(*rule.exceptions, exception))


def parse_block(text: str) -> tuple[tuple[Statement, ...], list[Mistake]]:
    """The statements of a rule block and the mistakes in it."""
    parser = _Parser(text)
    return parser.block(), parser.mistakes


def parse_examples(text: str) -> tuple[tuple[ExampleNode, ...], list[Mistake]]:
    """The examples of an example block and the mistakes in it."""
    parser = _Parser(text)
    return parser.examples(), parser.mistakes


def parse_formula(text: str) -> tuple[Formula | None, list[Mistake]]:
    """A formula alone, as a derived fact states it."""
    parser = _Parser(text)
    try:
        formula = parser.formula()
        if parser.kind != "end":
            parser.fail("the end of the formula")
    except Mistake as mistake:
        return None, [mistake]
    return formula, []


def parse_question(text: str) -> tuple[ExampleNode | None, list[Mistake]]:
    """`share email to trusted-partner for offers given permission`, as a person types it."""
    parser = _Parser("ask " + text, asking=True)
    try:
        question = parser.example()
        if parser.kind != "end":
            parser.fail("the end of the question")
    except Mistake as mistake:
        return None, [mistake]
    return question, []
