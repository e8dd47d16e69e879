"""A policy with one thing struck or one number moved: every such policy, one after the other.

Each clause, rule, exception and member of a list is struck in turn, and each number is moved by one
step up and one down. A clause is struck as `sever` strikes it: words that it defines stay. All else
is taken out of the rule's own text. What cannot be read any more says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from upheld.core.errors import PolicyError
from upheld.policy.analyse.common_classes import CommonClasses
from upheld.policy.analyse.compare import differing_classes
from upheld.policy.analyse.sever import strike
from upheld.policy.document import Block, Document, read_document
from upheld.policy.fact_types import steps
from upheld.policy.load import Policy
from upheld.policy.parse import parse_block
from upheld.policy.program import Program
from upheld.policy.resolve import resolve
from upheld.policy.syntax import (
    All,
    DefinitionNode,
    DutyCall,
    Formula,
    Name,
    Not,
    Number,
    RuleNode,
    Some,
    Statement,
    Terms,
    Test,
    print_block,
    print_formula,
    print_rule,
)

KINDS: Final = ("clause", "rule", "exception", "member", "number")


class Mutant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A policy with one change: what it is called, of which clause, what was done, its text.

    `error` says why there is no such policy: what was struck is needed elsewhere.
    """

    id: str
    kind: str
    clause: str
    text: str
    source: str = ""
    error: str = ""
    program: Program | None = None

    @property
    def policy(self) -> Policy:
        """The policy itself."""
        if self.program is None:
            raise PolicyError([])
        return Policy(self.program)


class _Change(msgspec.Struct, frozen=True):
    """One change of a rule: its kind, its name below that of the rule, what was done, the rule."""

    kind: str
    name: str
    text: str
    rule: Statement | None


def mutants(policy: Policy) -> Iterator[Mutant]:
    """Every policy that differs from this one by one thing struck or one number moved."""
    document, _ = read_document(policy.program.source, "policy")
    if document is None:
        return
    for number, section in enumerate(document.sections):
        blocks = [(at, b) for at, b in enumerate(section.blocks) if b.kind == "rule"]
        if not blocks or not section.id or section.severed:
            continue
        name, parsed_blocks = section.id, [(at, b, parse_block(b.text)[0]) for at, b in blocks]
        statements = sum(len(each) for _, _, each in parsed_blocks)
        if policy.program.clause(name).nodes:
            whole = strike(policy, name)
            yield Mutant(
                id=f"#{name}",
                kind="clause",
                clause=name,
                text="the clause",
                source=whole.program.source,
                program=whole.program,
            )
        count = 0
        for at, block, block_statements in parsed_blocks:
            for place, statement in enumerate(block_statements):
                count += 1
                for change in _changes(statement, alone=statements == 1):
                    replaced = [
                        *block_statements[:place],
                        *([change.rule] if change.rule else []),
                        *block_statements[place + 1 :],
                    ]
                    ident = f"#{name} rule {count}{change.name and ': '}{change.name}"
                    yield _build(
                        policy,
                        document,
                        (number, at, block),
                        tuple(replaced),
                        Mutant(id=ident, kind=change.kind, clause=name, text=change.text),
                    )


def equal(policy: Policy, mutant: Mutant) -> bool:
    """Whether a mutant answers every possible question as the policy does, citations included."""
    return next(differing_classes(CommonClasses((policy, mutant.policy))), None) is None


def _build(
    policy: Policy,
    document: Document,
    where: tuple[int, int, Block],
    statements: tuple[Statement, ...],
    mutant: Mutant,
) -> Mutant:
    """A mutant with its text and program, or with what is wrong with it."""
    number, at, block = where
    text = print_block(statements)
    source = _spliced(document.source, block, text)
    section = document.sections[number]
    rows, start = [], 0
    for line in [*text.split("\n")]:
        rows.append(start)
        start += len(line) + 1
    new_block = msgspec.structs.replace(
        block, text=text, rows=tuple(rows), columns=(block.column,) * len(rows)
    )
    blocks = (*section.blocks[:at], new_block, *section.blocks[at + 1 :])
    sections = (
        *document.sections[:number],
        msgspec.structs.replace(section, blocks=blocks),
        *document.sections[number + 1 :],
    )
    new = msgspec.structs.replace(document, sections=sections, source=source)
    try:
        program = resolve(new, policy.program.vocabulary, "policy", [])
    except PolicyError as error:
        return msgspec.structs.replace(mutant, error=error.faults[0].message)
    return msgspec.structs.replace(mutant, source=source, program=program)


def _spliced(source: str, block: Block, text: str) -> str:
    """The text of a policy with one block laid out anew."""
    lines = source.split("\n")
    first, count = block.line - 1, block.text.count("\n")
    full = next((n for n, line in enumerate(block.text.split("\n")) if line), 0)
    prefix = lines[first + full][: block.columns[full] - 1]
    lines[first : first + count] = [prefix + line for line in text.splitlines()]
    return "\n".join(lines)


def _changes(statement: Statement, *, alone: bool) -> Iterator[_Change]:
    """Every change of a rule or definition; one that stands alone in its clause is not struck."""
    if isinstance(statement, DefinitionNode):
        yield _Change("rule", "", f"`define {statement.name.word}`", None)
        for names, word in _without(statement.terms):
            yield _Change(
                "member",
                f"defined {word}",
                f"`{word}` of `{statement.name.word}`",
                msgspec.structs.replace(statement, terms=names),
            )
        for condition, what, kind in _conditions(statement.condition):
            yield _Change(
                kind,
                what,
                f"{what} of `{statement.name.word}`",
                msgspec.structs.replace(statement, condition=condition),
            )
        return
    if not alone:
        kind = "exception" if statement.is_exception else "rule"
        yield _Change(kind, "", f"`{_short(statement)}`", None)
    yield from _of_rule(statement)


def _of_rule(rule: RuleNode) -> Iterator[_Change]:
    """Every change inside of a rule and of the exceptions under it."""
    of_rule = f"of `{_short(rule)}`"

    def change(kind: str, name: str, **parts: object) -> _Change:
        return _Change(kind, name, f"{name} {of_rule}", msgspec.structs.replace(rule, **parts))

    what = "action" if rule.verb and not rule.is_exception else "first"
    for names, word in _without(rule.first):
        yield change("member", f"{what} {word}", first=names)
    for terms, word in _terms(rule.data or Terms()):
        yield change("member", f"data {word}", data=terms)
    for at, (preposition, each) in enumerate(rule.scope):
        for terms, word in _terms(each):
            scope = (*rule.scope[:at], (preposition, terms), *rule.scope[at + 1 :])
            yield change("member", f"{preposition} {word}", scope=scope)
    for condition, word, kind in _conditions(rule.condition):
        yield change(kind, word, condition=condition)
    for number, step in _steps(rule.within):
        yield change("number", f"within {step}", within=number)
    for at, duty in enumerate(rule.duties):
        rest = (*rule.duties[:at], *rule.duties[at + 1 :])
        yield change("member", f"with {duty.name.word}", duties=rest)
        for number, step in _steps(duty.number):
            stepped = (*rule.duties[:at], DutyCall(duty.name, number), *rule.duties[at + 1 :])
            yield change("number", f"with {duty.name.word} {step}", duties=stepped)
    for at, exception in enumerate(rule.exceptions):
        yield from _of_exception(rule, at, exception)


def _of_exception(rule: RuleNode, at: int, exception: RuleNode) -> Iterator[_Change]:
    def under(new: RuleNode | None) -> RuleNode:
        replacement = [] if new is None else [new]
        exceptions = (*rule.exceptions[:at], *replacement, *rule.exceptions[at + 1 :])
        return msgspec.structs.replace(rule, exceptions=exceptions)

    name = f"exception {at + 1}"
    yield _Change("exception", name, f"`{_short(exception)}`", under(None))
    for each in _of_rule(exception):
        new = each.rule if isinstance(each.rule, RuleNode) else None
        yield _Change(each.kind, f"{name}: {each.name}", each.text, under(new))


def _without(names: Sequence[Name]) -> Iterator[tuple[tuple[Name, ...], str]]:
    """A list of two words or more without each of them."""
    for at, name in enumerate(names if len(names) > 1 else ()):
        yield (*names[:at], *names[at + 1 :]), name.word


def _terms(terms: Terms) -> Iterator[tuple[Terms, str]]:
    """A list of terms without each; of `any but` a list even the last one may go."""
    if terms.any and len(terms.names) == 1:
        yield Terms(any=True), f"but {terms.names[0].word}"
        return
    but = "but " if terms.any else ""
    for names, word in _without(terms.names):
        yield Terms(names, any=terms.any), but + word


def _conditions(formula: Formula | None) -> Iterator[tuple[Formula, str, str]]:
    """A formula without each part of its lists, or with each number moved: what it is then."""
    match formula:
        case All(parts) | Some(parts):
            connective = type(formula)
            for at, part in enumerate(parts):
                rest = (*parts[:at], *parts[at + 1 :])
                text = print_formula(part, nested=True)
                yield (rest[0] if len(rest) == 1 else connective(rest)), f"when {text}", "member"
                for new, what, kind in _conditions(part):
                    yield connective((*parts[:at], new, *parts[at + 1 :])), what, kind
        case Not(inner):
            for new, what, kind in _conditions(inner):
                yield Not(new), what, kind
        case Test(number=Number() as number):
            for stepped, step in _steps(number):
                test = msgspec.structs.replace(formula, number=stepped)
                yield test, f"when {formula.fact.word} {formula.comparison} {step}", "number"
        case _:
            return


def _steps(number: Number | None) -> Iterator[tuple[Number, str]]:
    """A number one step up and one down."""
    if number is None:
        return
    for text in steps(number.text):
        yield Number(text, number.unit), f"{number.text} → {text}"


def _short(rule: RuleNode) -> str:
    """A rule in one line, without the exceptions under it."""
    lines = print_rule(msgspec.structs.replace(rule, exceptions=()))
    return " ".join(line.strip() for line in lines)
