"""The resolved policy: what every back end reads, names only, nothing left to look up.

A `Program` is plain frozen data (it serialises to MessagePack and JSON as it is). Nodes form a
graph: top-level rules, and exceptions that may have several parents. A node says what it decides
for the part of each parent that it covers; compile and reference give it its meaning.
"""

from __future__ import annotations

import hashlib

import msgspec

from upheld.policy.vocabulary import Vocabulary


def digest_of(source: str, vocabulary: Vocabulary) -> str:
    """SHA-256 over the policy's text and each text of its vocabulary, each with its length."""
    sha = hashlib.sha256()
    for text in (source, *vocabulary.sources):
        entry = text.encode()
        sha.update(len(entry).to_bytes(8, "big") + entry)
    return sha.hexdigest()


class FactTest(msgspec.Struct, frozen=True, tag="test"):
    """A boolean fact (comparison empty), a comparison with a number, or `is` a word.

    `number` is an exact fraction as text ("18", "1/2") in the fact's own unit.
    """

    fact: str
    comparison: str = ""
    number: str = ""
    word: str = ""


class Negation(msgspec.Struct, frozen=True, tag="not"):
    """The contrary."""

    formula: Condition


class Every(msgspec.Struct, frozen=True, tag="all"):
    """True when all parts are; with no part, always."""

    formulas: tuple[Condition, ...] = ()


class Either(msgspec.Struct, frozen=True, tag="some"):
    """True when some part is; with no part, never."""

    formulas: tuple[Condition, ...] = ()


Condition = FactTest | Negation | Every | Either
ALWAYS = Every()


class Alternative(msgspec.Struct, frozen=True):
    """One alternative of a rule, a scope with a condition; the rule applies where any one does.

    `actions` are names of action leaves. `scope` maps a dimension to the names of leaves; a
    dimension left out holds for all leaves.
    """

    actions: tuple[str, ...]
    scope: dict[str, tuple[str, ...]]
    condition: Condition = ALWAYS


class DutyDue(msgspec.Struct, frozen=True, omit_defaults=True, order=True):
    """A duty with its number; `amount` is a decimal as text, empty where there is none."""

    duty: str
    amount: str = ""
    unit: str = ""


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule or exception. It applies where one of its copies does and every gate lets through.

    `effect` is allow, deny or lift. `parents` are indices of nodes; empty for a top-level rule.
    `gates` are sets of copies of severed rules in whose place this node stands: one copy of each
    gate must apply too. A `must` allows, and is owed `within` (amount, unit) or at once. `bases`
    are the legal bases on which a rule that allows stands; they decide nothing.
    """

    clause: str
    verb: str  # may, may not, must, or empty for a bare `except`
    effect: str
    copies: tuple[Alternative, ...]
    parents: tuple[int, ...] = ()
    gates: tuple[tuple[Alternative, ...], ...] = ()
    within: tuple[str, str] | None = None
    duties: tuple[DutyDue, ...] = ()
    line: int = 0
    bases: tuple[str, ...] = ()


class Definition(msgspec.Struct, frozen=True):
    """A term of the policy's own: the tree it belongs to, its leaves, its condition."""

    name: str
    tree: str
    terms: tuple[str, ...]
    leaves: tuple[str, ...]
    condition: Condition
    clause: str


class ExampleQuestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question as data: dimension to list of terms, facts to values; as in JSON."""

    action: str
    dimensions: dict[str, tuple[str, ...]]
    facts: dict[str, object] = {}


class Example(msgspec.Struct, frozen=True):
    """An example of the document: the expected outcome (allow, deny, needs-proof), resolved.

    `duties` are those that the answer must carry; it may carry others.
    """

    answer: str
    question: ExampleQuestion
    text: str
    line: int
    duties: tuple[DutyDue, ...] = ()


class RuleText(msgspec.Struct, frozen=True):
    """A rule or definition as printed by `fmt`, for pages and explanations."""

    text: str
    line: int


class Clause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A clause of prose. `kind` is heading, paragraph or item; `level` the heading's level.

    `id` may be empty (a heading or note without one). `text` is the prose as plain text, `html`
    its inline HTML. `container` is the path of nesting, `parent` the id or index of the clause
    that introduces the list in which it stands (-1 if none).
    """

    id: str
    kind: str
    text: str
    html: str
    line: int
    level: int = 0
    depth: int = 0  # nesting in lists and quotations
    ordered: bool = False  # an item of a numbered list
    quoted: bool = False
    note: bool = False
    severed: bool = False
    covered: bool = True
    heading: int = -1  # index of the heading clause under which it stands
    parent: int = -1  # index of the clause that introduces its list
    rules: tuple[RuleText, ...] = ()
    examples: tuple[Example, ...] = ()
    nodes: tuple[int, ...] = ()


class Insert(msgspec.Struct, frozen=True):
    """What stands in the document besides clauses (a table, a code block), as safe HTML."""

    html: str
    after: int  # index of the clause after which it stands
    line: int = 0
    text: str = ""  # its words, plain
    introduced_by: int = -1  # index of the clause that it follows directly, or -1


class Front(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The front matter of a policy."""

    policy: str
    provider: str = ""
    version: str = ""
    effective: str = ""
    part_of: str = ""
    address: str = ""
    vocabulary: str = "provider"


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A policy with every name resolved. `digest` is SHA-256 over the file and its vocabulary."""

    front: Front
    digest: str
    source: str
    vocabulary: Vocabulary
    clauses: tuple[Clause, ...]
    inserts: tuple[Insert, ...]
    definitions: dict[str, Definition]
    nodes: tuple[Node, ...]
    derived: dict[str, Condition] = {}

    def clause(self, name: str) -> Clause:
        """The clause of an id; KeyError if there is none."""
        for clause in self.clauses:
            if clause.id == name:
                return clause
        raise KeyError(name)
