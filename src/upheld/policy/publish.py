"""A policy for other programs to read: as JSON, in the Data Privacy Vocabulary, as a table.

All three are made from the program that decides. The table of recipients asks the policy itself:
one question for each part of it that no rule tells apart, so that "never" means never.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any, Protocol

import msgspec

from upheld.core.dimensions import TABLE
from upheld.policy.english import another, word_list
from upheld.policy.program import (
    Alternative,
    Clause,
    Condition,
    Either,
    Every,
    FactTest,
    Negation,
    Program,
)
from upheld.policy.sentences import Sentences, text
from upheld.policy.vocabulary import BASIS, OTHER, TREE_OF

LOOK = "view"  # the act by which staff, a guardian or the customer sees what is stored
PURPOSES_SHOWN = WAYS_SHOWN = 2  # in a cell; the rest when it is opened
ROWS_MAX = 30
COLUMNS_MAX = 8
ABSENT_MAX = 6  # facts that no record means no to, supposed together
QUESTIONS_MAX = 4_000  # of one table; a cell that would need more says so
DPV = "https://w3id.org/dpv#"
CONTEXT = {
    "dpv": DPV,
    "pd": "https://w3id.org/dpv/pd#",
    "dct": "http://purl.org/dc/terms/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
}
HAS = {
    **{name: each.dpv for name, each in TABLE.items() if each.dpv},
    "action": "dpv:hasProcessing",
}
SUPERCLASS = {
    "data": "dpv:PersonalData",
    "purpose": "dpv:Purpose",
    "party": "dpv:LegalEntity",
    "action": "dpv:Processing",
    "occasion": "skos:Concept",
    "place": "dpv:Location",
    BASIS: "dpv:LegalBasis",
}


class AnsweringPolicy(Protocol):
    """What the table needs of a policy."""

    @property
    def program(self) -> Program:
        """The program that decides."""

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Answer a question of the rule language, section 5."""


def policy_json(program: Program) -> dict[str, Any]:
    """The policy as plain JSON: its clauses, what they mean, its rules, its words."""
    words = Sentences(program)
    return {
        "format": "upheld-policy/1",
        "digest": f"sha256:{program.digest}",
        "front": msgspec.to_builtins(program.front),
        "clauses": [_clause(words, clause) for clause in program.clauses],
        "definitions": msgspec.to_builtins(program.definitions),
        "rules": msgspec.to_builtins(program.nodes),
        "vocabulary": {
            "terms": msgspec.to_builtins(program.vocabulary.trees),
            "facts": msgspec.to_builtins(program.vocabulary.facts),
            "duties": msgspec.to_builtins(program.vocabulary.duties),
        },
    }


def _clause(words: Sentences, clause: Clause) -> dict[str, Any]:
    nodes = [words.program.nodes[index] for index in clause.nodes]
    members = {
        "id": clause.id,
        "kind": clause.kind,
        "level": clause.level,
        "text": clause.text,
        "line": clause.line,
        "note": clause.note,
        "severed": clause.severed,
        "rules": [rule.text for rule in clause.rules],
        "means": [text(pieces) for node in nodes for pieces in words.rule(node)],
        "examples": [{"answer": e.answer, "text": e.text} for e in clause.examples],
    }
    return {key: value for key, value in members.items() if value not in ("", 0, False, [])}


# The Data Privacy Vocabulary


def policy_jsonld(program: Program) -> dict[str, Any]:
    """The policy in the Data Privacy Vocabulary: a process for each clause that permits."""
    return _LinkedData(program).document()


class _LinkedData:
    """The words of a program as identifiers, collecting those that are its own."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.words = Sentences(program)
        front = program.front
        self.base = front.address if "://" in front.address else f"urn:sha256:{program.digest}"
        self.own: dict[str, dict[str, Any]] = {}

    def document(self) -> dict[str, Any]:
        """The whole as one graph."""
        processes = [p for c in self.program.clauses if (p := self.process(c))]
        front = self.program.front
        notice = {
            "@id": self.base,
            "@type": "dpv:PrivacyNotice",
            "dct:title": front.policy,
            "dct:publisher": front.provider,
            "dct:hasVersion": front.version,
            "dct:valid": front.effective,
            "dct:identifier": f"sha256:{self.program.digest}",
            "dpv:hasProcess": [{"@id": each["@id"]} for each in processes],
        }
        notice = {key: value for key, value in notice.items() if value not in ("", [])}
        return {"@context": CONTEXT, "@graph": [notice, *processes, *self.own.values()]}

    def process(self, clause: Clause) -> dict[str, Any] | None:
        """What a clause permits, or None where it permits nothing."""
        nodes = [self.program.nodes[index] for index in clause.nodes]
        copies = [copy for node in nodes if node.effect == "allow" for copy in node.copies]
        if not copies:
            return None
        process: dict[str, Any] = {
            "@id": f"{self.base}#{clause.id}",
            "@type": "dpv:Process",
            "dct:description": clause.text,
        }
        for dimension, property_ in HAS.items():
            leaves = {leaf for copy in copies for leaf in _of(copy, dimension)}
            tree = TREE_OF.get(dimension, dimension)
            if ids := [self.identify(tree, word) for word in self.words.fold(tree, leaves)]:
                process[property_] = [{"@id": each} for each in ids]
        bases = sorted({basis for node in nodes for basis in node.bases})
        if bases:
            ids = [self.identify(BASIS, basis) for basis in bases]
            process["dpv:hasLegalBasis"] = [{"@id": each} for each in ids]
        conditions = [
            text(p) for node in nodes if node.effect == "allow" for p in self.words.rule(node)
        ]
        return process | {"skos:note": conditions}

    def identify(self, tree: str, word: str) -> str:
        """The identifier of a term: that of the vocabulary shared by all, or one of our own."""
        term = self.program.vocabulary.tree(tree).get(word)
        if term and term.dpv:
            return term.dpv if ":" in term.dpv else f"dpv:{term.dpv}"
        name = f"{self.base}#{tree}/{word}"
        if name not in self.own:
            self.own[name] = {}
            above = term.parent if term else word.removesuffix("/" + OTHER)
            broader = (
                self.identify(tree, above)
                if above and above != word
                else SUPERCLASS.get(tree, "skos:Concept")
            )
            self.own[name] = {
                "@id": name,
                "@type": "skos:Concept",
                "skos:prefLabel": self.words.term(tree, word),
                "skos:broader": {"@id": broader},
            }
        return name


def _of(copy: Alternative, dimension: str) -> tuple[str, ...]:
    return copy.actions if dimension == "action" else copy.scope.get(dimension, ())


# The table of recipients


class DisclosureRoute(msgspec.Struct, frozen=True):
    """One way in which information may reach a recipient: for what, by which clauses, if what."""

    outcome: str  # allow or needs-proof
    clauses: tuple[str, ...]
    purposes: tuple[str, ...]  # labels
    prove: tuple[tuple[str, ...], ...]  # labels; any one set of them settles it


class RecipientCell(msgspec.Struct, frozen=True):
    """What the policy says of one recipient and one group of data."""

    outcome: str  # allow, needs-proof, deny; or open where it was too much to find out
    summary: str
    ways: tuple[DisclosureRoute, ...] = ()
    clauses: tuple[str, ...] = ()  # that deny, where nothing allows

    def says_as(self, other: RecipientCell) -> bool:
        """Whether another cell says the same; what is never is never by whichever clause."""
        if (self.outcome, self.summary) != (other.outcome, other.summary):
            return False
        return self.ways == other.ways and (not self.ways or self.clauses == other.clauses)


class RecipientRow(msgspec.Struct, frozen=True):
    """A recipient with a cell for each group of data."""

    name: str
    label: str
    cells: tuple[RecipientCell, ...]

    def spans(self, columns: Iterable[str]) -> list[tuple[RecipientCell, tuple[str, ...]]]:
        """The cells, those that say the same of columns side by side as one, each with its columns.

        Of cells that all say never, the clauses are listed together.
        """
        spans: list[tuple[RecipientCell, tuple[str, ...]]] = []
        for cell, column in zip(self.cells, columns, strict=True):
            last, names = spans[-1] if spans else (None, ())
            if last is not None and last.says_as(cell):
                clauses = tuple(dict.fromkeys(last.clauses + cell.clauses))
                spans[-1] = (msgspec.structs.replace(last, clauses=clauses), (*names, column))
            else:
                spans.append((cell, (column,)))
        return spans


class Recipients(msgspec.Struct, frozen=True):
    """Who can receive what."""

    columns: tuple[str, ...]
    rows: tuple[RecipientRow, ...]


def recipients_table(policy: AnsweringPolicy) -> Recipients:
    """Who can receive what: computed by asking the policy, never written by hand."""
    return _RecipientsTable(policy).table()


class _RecipientsTable:
    """Leaves that no rule tells apart stand for each other, so few questions tell everything."""

    def __init__(self, policy: AnsweringPolicy) -> None:
        self.answer = policy.answer
        self.program = policy.program
        self.words = Sentences(policy.program)
        self.questions_left = QUESTIONS_MAX
        self.answers: dict[int, dict[str, Any]] = {}
        self.bits: dict[str, dict[str, int]] = {}
        self.allowing = 0
        self.copies: list[Alternative] = []
        for node in self.program.nodes:
            for gate in (node.copies, *node.gates):
                for copy in gate:
                    if node.effect == "allow" and gate is node.copies:
                        self.allowing |= 1 << len(self.copies)
                    self.copies.append(copy)
        self.actions = {
            leaf: sum(1 << n for n, copy in enumerate(self.copies) if leaf in copy.actions)
            for leaf in self.words.leaves["action"].names
            if {"recipient", "data"} <= set(self.program.vocabulary.takes(leaf)) or self._look(leaf)
        }

    def _look(self, action: str) -> bool:
        """Whether an act shows information to its actor: who looks receives it too."""
        return action == LOOK and {"actor", "data"} <= set(self.program.vocabulary.takes(action))

    def table(self) -> Recipients:
        """The whole table."""
        columns = self._columns()
        rows = [
            RecipientRow(name, label, tuple(self._cell(leaves, data) for _, data in columns))
            for name, label, leaves in self._rows()[:ROWS_MAX]
        ]
        return Recipients(tuple(label for label, _ in columns), tuple(rows))

    def _columns(self) -> list[tuple[str, list[str]]]:
        tops = self.words.children["data"].get("", [])
        columns = []
        for top in tops:
            below = self.words.children["data"].get(top, []) if len(tops) < 3 else []
            groups = below if len(below) > 1 else [top]
            columns += [
                (self.words.term("data", g), list(self.words.under("data", g))) for g in groups
            ]
        return columns[:COLUMNS_MAX]

    def _rows(self) -> list[tuple[str, str, list[str]]]:
        """Recipients that a rule names, each without those named under it."""
        scopes = [n.scope["recipient"] for n in self.copies if "recipient" in n.scope]
        names = {word for scope in scopes for word in self.words.fold("party", scope)}
        rows: list[tuple[str, str, list[str]]] = []

        def walk(above: str) -> set[str]:
            row_leaves: set[str] = set()
            for name in self.words.children["party"].get(above, []):
                at = len(rows)
                below = walk(name)
                leaves = [leaf for leaf in self.words.under("party", name) if leaf not in below]
                ours = self.words.ours.issuperset(leaves)
                if leaves and not ours and (name in names or not above or below):
                    label = self.words.term("party", name)
                    rows.insert(at, (name, another(label) if below else label, leaves))
                    below.update(leaves)
                row_leaves |= below
            return row_leaves

        walk("")
        return [*rows, (OTHER, self.words.term("party", OTHER), [OTHER])]

    def _classes(self, dimension: str, leaves: Iterable[str]) -> dict[int, list[str]]:
        """Leaves by the copies whose scope holds them."""
        bits = self.bits.setdefault(dimension, {})
        classes: dict[int, list[str]] = {}
        for leaf in leaves:
            if leaf not in bits:
                bits[leaf] = sum(
                    1 << n
                    for n, copy in enumerate(self.copies)
                    if dimension not in copy.scope or leaf in copy.scope[dimension]
                )
            classes.setdefault(bits[leaf], []).append(leaf)
        return classes

    def _states(self, recipients: list[str], data: list[str]) -> Iterator[_State]:
        """Every kind of case that some rule could allow, with an instance and its purposes."""
        for action, bits in self.actions.items():
            here: dict[int, _State] = {bits: (bits, {"action": action}, set())}
            for dimension in self.program.vocabulary.takes(action):
                looks = recipients if self._look(action) else sorted(self.words.ours)
                limits = {"data": data, "recipient": recipients, "actor": looks}
                leaves = limits.get(dimension) or self.words.leaves[TREE_OF[dimension]].names
                classes = self._classes(dimension, leaves)
                there: dict[int, _State] = {}
                for have, (_, question, purposes) in here.items():
                    for more, members in classes.items():
                        if have & more & self.allowing:
                            mine = set(members) if dimension == "purpose" else purposes
                            instance = question | {dimension: [members[0]]}
                            old = there.setdefault(have & more, (have & more, instance, set()))
                            old[2].update(mine)
                here = there
            yield from here.values()

    def _cell(self, recipients: list[str], data: list[str]) -> RecipientCell:
        ways: dict[_RouteKey, set[str]] = {}
        denying: set[str] = set()
        for bits, question, purposes in self._states(recipients, data):
            if bits not in self.answers:
                if self.questions_left <= 0:
                    return RecipientCell("open", "it depends")
                self.questions_left -= 1
                self.answers[bits] = self._answer_with_proofs(bits, question)
            answer = self.answers[bits]
            if answer["outcome"] in ("allow", "needs-proof"):
                key = (
                    answer["outcome"],
                    tuple(answer.get("clauses", ())),
                    tuple(tuple(each) for each in answer.get("prove", ())),
                )
                ways.setdefault(key, set()).update(purposes)
            else:
                denying.update(answer.get("clauses", ()))
        if not ways:
            return RecipientCell(
                "deny", "never", (), self._ordered(denying or self._silence(recipients, data))
            )
        return self._possible([self._way(key, purposes) for key, purposes in ways.items()])

    def _answer_with_proofs(self, bits: int, question: dict[str, Any]) -> dict[str, Any]:
        """The answer, with the records that would let it be otherwise where none means no."""
        answer = self.answer(question)
        if answer["outcome"] == "allow":
            return answer
        absent = sorted(
            {
                fact
                for n, copy in enumerate(self.copies)
                if bits & self.allowing & 1 << n
                for fact in _facts(copy.condition)
                if self.program.vocabulary.facts[fact].absent
            }
        )
        prove = [list(each) for each in answer.get("prove") or ()]
        clauses = set(answer.get("clauses", ())) if prove else set()
        for facts in (some for n in (1, 2, 3) for some in combinations(absent[:ABSENT_MAX], n)):
            if self.questions_left > 0 and not any(set(each) <= set(facts) for each in prove):
                more = self._supposed(question, facts)
                new = [[*facts, *each] for each in more.get("prove") or [[]]]
                new = [each for each in new if not any(set(old) <= set(each) for old in prove)]
                if more["outcome"] in ("allow", "needs-proof") and new:
                    prove += new
                    clauses.update(more.get("clauses", ()))
        if not prove:
            return answer
        return answer | {"outcome": "needs-proof", "prove": prove, "clauses": sorted(clauses)}

    def _supposed(self, question: dict[str, Any], facts: Iterable[str]) -> dict[str, Any]:
        self.questions_left -= 1
        return self.answer(question | {"facts": dict.fromkeys(facts, True)})

    def _silence(self, recipients: list[str], data: list[str]) -> set[str]:
        """The clauses that deny where no rule could allow."""
        question = {
            "action": next(iter(self.actions), ""),
            "data": data[:1],
            "recipient": recipients[:1],
        }
        return set(self.answer(question).get("clauses", ())) if self.actions else set()

    def _way(self, key: _RouteKey, purposes: set[str]) -> DisclosureRoute:
        outcome, clauses, prove = key
        whole = len(purposes) == len(self.words.leaves["purpose"].names)
        words = [] if whole else self.words.fold("purpose", purposes)
        return DisclosureRoute(
            outcome,
            self._ordered(clauses),
            tuple(self.words.label("purpose", w) for w in words),
            tuple(tuple(self.words.literal(each) for each in every) for every in prove),
        )

    def _possible(self, ways: list[DisclosureRoute]) -> RecipientCell:
        ways.sort(key=lambda way: (way.outcome, way.clauses, way.prove))
        if free := [way for way in ways if way.outcome == "allow"]:
            purposes = list(dict.fromkeys(p for way in free for p in way.purposes))
            always = any(not way.purposes for way in free)
            return RecipientCell("allow", "yes" if always else _for(purposes), tuple(ways))
        plainest = sorted(ways, key=lambda way: (min(map(len, way.prove)), -len(way.purposes)))
        proofs = list(
            dict.fromkeys(
                word_list(every, "and") for way in plainest for every in sorted(way.prove, key=len)
            )
        )
        return RecipientCell("needs-proof", _only_if(proofs), tuple(ways))

    def _ordered(self, clauses: Iterable[str]) -> tuple[str, ...]:
        """Clauses in the order of the document."""
        ids = set(clauses)
        return tuple(clause.id for clause in self.program.clauses if clause.id in ids)


def _facts(condition: Condition) -> Iterator[str]:
    match condition:
        case FactTest(fact):
            yield fact
        case Negation(formula):
            yield from _facts(formula)
        case Every(formulas) | Either(formulas):
            for each in formulas:
                yield from _facts(each)


_RouteKey = tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]  # outcome, clauses, proofs
_State = tuple[int, dict[str, Any], set[str]]


def _for(purposes: list[str]) -> str:
    many = f"for {len(purposes)} purposes"
    return f"for {word_list(purposes)}" if len(purposes) <= PURPOSES_SHOWN else many


def _only_if(ways: list[str]) -> str:
    """The plainest ways as conditions, and how many others there are."""
    conditions, more = ways[:WAYS_SHOWN], len(ways) - WAYS_SHOWN
    others = f", or in {more} other case{'s' if more > 1 else ''}" if more > 0 else ""
    return f"only if {', or if '.join(conditions)}{others}"


__all__ = [
    "AnsweringPolicy",
    "DisclosureRoute",
    "RecipientCell",
    "RecipientRow",
    "Recipients",
    "policy_json",
    "policy_jsonld",
    "recipients_table",
]
