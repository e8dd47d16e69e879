"""Names to program: every rule attached to what it belongs to, every mistake at once.

The road: parse the blocks, take up definitions, attach exceptions (in the rule, in the list, by
`#id`), refuse circles, then build the graph of nodes from the top down, so that a severed
rule can be stepped over and its exceptions stand in its place.
"""

from __future__ import annotations

from collections.abc import Iterator

from upheld.core.errors import Fault, PolicyError, nearest
from upheld.policy import program as p
from upheld.policy.document import Block, Document
from upheld.policy.graph import Graph, RuleEntry
from upheld.policy.parse import parse_block, parse_examples
from upheld.policy.questions import question_of
from upheld.policy.resolve_names import Names, Report
from upheld.policy.syntax import (
    DefinitionNode,
    ExampleNode,
    Statement,
    Terms,
    print_block,
    print_example,
)
from upheld.policy.vocabulary import Vocabulary


class Resolver:
    """One document and one vocabulary on their way to a Program."""

    def __init__(self, document: Document, vocabulary: Vocabulary, file: str) -> None:
        self.document, self.vocabulary, self.file = document, vocabulary, file
        self.names = Names(vocabulary)
        self.faults: list[Fault] = []
        self.entries: list[RuleEntry] = []
        self.of_section: dict[int, list[int]] = {}
        self.texts: dict[int, list[p.RuleText]] = {}
        self.examples: list[tuple[int, Block, ExampleNode]] = []
        self.ids = {s.id: i for i, s in enumerate(document.sections) if s.id}

    def report(self, section: int, block: Block) -> Report:
        """A function that files a fault at an offset of a block."""

        def say(offset: int, code: str, message: str, expected: str, near: str) -> None:
            line, column = block.place(offset)
            self.faults.append(
                Fault(
                    file=self.file,
                    line=line,
                    column=column,
                    code=code,
                    message=message,
                    clause=self.heading(section),
                    expected=expected,
                    nearest=near,
                )
            )

        return say

    def heading(self, section: int) -> str:
        """The heading under which a section stands, for errors."""
        at = self.document.sections[section]
        return self.document.sections[at.heading].text if at.heading >= 0 else at.id

    def run(self) -> p.Program:
        """The program, or PolicyError with every mistake of the document."""
        self.names.derive(self._vocabulary_fault)
        blocks = list(self._parse())
        for section, block, statements in blocks:
            for each in statements:
                if isinstance(each, DefinitionNode):
                    clause = self.document.sections[section].id
                    self.names.define(each, clause, self.report(section, block))
        for section, block, statements in blocks:
            self._collect(section, block, statements)
        for index in range(len(self.entries)):
            self._attach(index)
        self._refuse_circles()
        if not self.faults:
            for index in self._downwards():
                self._reach(index)
        if self.faults:
            raise PolicyError(self.faults)
        nodes = Graph(self.document, self.names, self.entries, self.report).build()
        clauses = self._clauses(nodes)
        if self.faults:
            raise PolicyError(self.faults)
        return p.Program(
            front=self.document.front,
            digest=p.digest_of(self.document.source, self.vocabulary),
            source=self.document.source,
            vocabulary=self.vocabulary,
            clauses=clauses,
            inserts=self.document.inserts,
            definitions=self.names.definitions,
            nodes=tuple(nodes),
            derived=self.names.derived,
        )

    def _vocabulary_fault(self, _fact: str, message: str) -> None:
        self.faults.append(
            Fault(
                file=self.document.front.vocabulary,
                line=1,
                column=1,
                code="vocabulary",
                message=message,
            )
        )

    def _parse(self) -> Iterator[tuple[int, Block, tuple[Statement, ...]]]:
        for number, section in enumerate(self.document.sections):
            for block in section.blocks:
                say = self.report(number, block)
                if block.kind == "example":
                    examples, mistakes = parse_examples(block.text)
                    self.examples += [(number, block, each) for each in examples]
                else:
                    statements, mistakes = parse_block(block.text)
                    for each in statements:
                        text = print_block((each,)).rstrip()
                        line = block.place(each.offset)[0]
                        self.texts.setdefault(number, []).append(p.RuleText(text, line))
                    yield number, block, statements
                for m in mistakes:
                    say(m.offset, m.code, m.message, m.expected, m.near)

    def _collect(self, section: int, block: Block, statements: tuple[Statement, ...]) -> None:
        for each in statements:
            if isinstance(each, DefinitionNode):
                continue
            host = self._add_entry(RuleEntry(each, section, block))
            for exception in each.exceptions:
                inner = self._add_entry(RuleEntry(exception, section, block, inline=True))
                self._join(inner, host)

    def _add_entry(self, entry: RuleEntry) -> int:
        say = self.report(entry.section, entry.block)
        node = entry.node
        index = len(self.entries)
        self.entries.append(entry)
        if not entry.inline:
            self.of_section.setdefault(entry.section, []).append(index)
        entry.condition = self.names.condition(node.condition, say)
        data, actions = node.data, node.first
        if node.is_exception and node.first:
            kinds = self._kinds(entry)
            if len(kinds) > 1:
                actions = ()
            elif kinds == {True}:
                if data is not None:
                    say(node.offset, "syntax", "two lists of data in one exception", "one list", "")
                data, actions = Terms(node.first), ()
        entry.dimensions = self.names.dimensions(data, node.scope)
        entry.options = {d: self.names.options(d, t, say) for d, t in entry.dimensions.items()}
        entry.actions = self.names.actions(actions, say)
        for name in actions:
            self._takes(entry, name.word, name.offset)
        self.names.duties(node.duties, say)
        self.names.bases(node.bases, say)
        return index

    def _kinds(self, entry: RuleEntry) -> set[bool]:
        """Whether the first list of an exception is data, or actions, or (a slip) both."""
        kinds = {
            self.names.is_data(name.word)
            for name in entry.node.first
            if self.names.is_data(name.word) or self.names.under("action", name.word)
        }
        if len(kinds) > 1:
            self.report(entry.section, entry.block)(
                entry.node.first[0].offset,
                "syntax",
                "actions and data stand in one list",
                "actions, then data, without a comma between the two lists",
                "",
            )
        return kinds

    def _takes(self, entry: RuleEntry, action: str, offset: int) -> None:
        for leaf in sorted(self.names.under("action", action) or ()):
            for dimension in entry.dimensions:
                if dimension not in self.names.takes(leaf):
                    takes = ", ".join(self.names.takes(leaf)) or "nothing"
                    self.report(entry.section, entry.block)(
                        offset,
                        "wrong-dimension",
                        f"`{action}` does not take {dimension}",
                        f"of the dimensions, `{leaf}` takes {takes}",
                        "",
                    )
                    return

    def _join(self, child: int, parent: int) -> None:
        if parent not in self.entries[child].parents:
            self.entries[child].parents = [*self.entries[child].parents, parent]
            self.entries[parent].children = [*self.entries[parent].children, child]

    def _attach(self, index: int) -> None:
        entry = self.entries[index]
        if not entry.node.is_exception or entry.inline:
            return
        say = self.report(entry.section, entry.block)
        if entry.node.ids:
            for name in entry.node.ids:
                target = self.ids.get(name.word)
                rules = self.of_section.get(target, []) if target is not None else []
                if target is None:
                    say(
                        name.offset,
                        "unknown-clause",
                        f"no clause has the id `{name.word}`",
                        "the id of a clause with rules",
                        nearest(name.word, self.ids),
                    )
                elif not rules:
                    say(
                        name.offset,
                        "exception-without-rule",
                        f"`#{name.word}` has no rule",
                        "a clause with rules",
                        "",
                    )
                for parent in rules:
                    self._join(index, parent)
            return
        rules = self._introducing(entry.section)
        if not rules:
            say(
                entry.node.offset,
                "exception-without-rule",
                "this `except` belongs to no rule",
                "a rule before it, a list introduced by a clause with rules, or `except #id`",
                "",
            )
        for parent in rules:
            self._join(index, parent)

    def _introducing(self, section: int) -> list[int]:
        """The rules of the clause that introduces the list in which a section stands."""
        at = self.document.sections[section]
        while at.in_item and at.introduced_by >= 0:
            if rules := self.of_section.get(at.introduced_by):
                return rules
            at = self.document.sections[at.introduced_by]
        return []

    def _refuse_circles(self) -> None:
        state: dict[int, int] = {}
        for start in range(len(self.entries)):
            stack = [(start, iter(self.entries[start].children))]
            if state.setdefault(start, 1) == 2:
                continue
            while stack:
                index, children = stack[-1]
                child = next(children, None)
                if child is None:
                    state[index] = 2
                    stack.pop()
                elif state.get(child) == 1:
                    entry = self.entries[child]
                    self.report(entry.section, entry.block)(
                        entry.node.offset,
                        "exception-cycle",
                        "this exception belongs to itself, in a circle",
                        "an exception to something else",
                        "",
                    )
                elif child not in state:
                    state[child] = 1
                    stack.append((child, iter(self.entries[child].children)))

    def _downwards(self) -> list[int]:
        """All rules and exceptions, parents before children."""
        waiting = [len(entry.parents) for entry in self.entries]
        ready = [i for i, n in enumerate(waiting) if not n]
        for index in ready:
            for child in self.entries[index].children:
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        return ready

    def _reach(self, index: int) -> None:
        """What actions an exception reaches, and whether it can meet what it belongs to."""
        entry = self.entries[index]
        if not entry.node.is_exception:
            return
        say = self.report(entry.section, entry.block)
        own = entry.actions
        actions_reached: set[str] = set()
        sections_met: set[int] = set()
        dimensions = set(entry.dimensions)
        for parent in entry.parents:
            above = self.entries[parent]
            actions = {
                a
                for a in (own & above.actions if own else above.actions)
                if dimensions <= set(self.names.takes(a))
            }
            if actions and self._data_meets(entry, above):
                sections_met.add(above.section)
            actions_reached |= actions
        entry.actions = frozenset(actions_reached)
        missed = {self.entries[parent].section for parent in entry.parents} - sections_met
        if missed or not actions_reached:
            what = ", ".join("#" + self.document.sections[s].id for s in sorted(missed))
            say(
                entry.node.offset,
                "exception-cannot-meet",
                f"this exception meets nothing of what it belongs to ({what})",
                "actions and data that the rule speaks of",
                "",
            )

    def _data_meets(self, entry: RuleEntry, above: RuleEntry) -> bool:
        if "data" not in entry.options or "data" not in above.options:
            return True
        mine = frozenset().union(*(leaves for leaves, _ in entry.options["data"]))
        theirs = frozenset().union(*(leaves for leaves, _ in above.options["data"]))
        return bool(mine & theirs)

    def _clauses(self, nodes: list[p.Node]) -> tuple[p.Clause, ...]:
        mine: dict[str, list[int]] = {}
        for number, node in enumerate(nodes):
            mine.setdefault(node.clause, []).append(number)
        examples: dict[int, list[p.Example]] = {}
        for section, block, example in self.examples:
            if (resolved := self._example(section, block, example)) is not None:
                examples.setdefault(section, []).append(resolved)
        is_covered = self._coverage()
        return tuple(
            p.Clause(
                id=s.id,
                kind=s.kind,
                text=s.text,
                html=s.html,
                line=s.line,
                level=s.level,
                depth=s.depth,
                ordered=s.ordered,
                quoted=s.quoted,
                note=s.note,
                severed=s.severed,
                covered=is_covered[i],
                heading=s.heading,
                parent=s.introduced_by,
                rules=tuple(self.texts.get(i, ())),
                examples=tuple(examples.get(i, ())),
                nodes=tuple(mine.get(s.id, ())) if s.id else (),
            )
            for i, s in enumerate(self.document.sections)
        )

    def _coverage(self) -> list[bool]:
        sections = self.document.sections
        flags = [s.kind == "heading" or s.note or i in self.texts for i, s in enumerate(sections)]
        for i, s in enumerate(sections):
            above = s.introduced_by
            while i in self.texts and above >= 0:
                flags[above] = True
                above = sections[above].introduced_by
        return flags

    def _example(self, section: int, block: Block, node: ExampleNode) -> p.Example | None:
        before = len(self.faults)
        say = self.report(section, block)
        question = question_of(node, self.names, say)
        duties = self.names.duties(node.duties, say)
        if len(self.faults) > before:
            return None
        answer = {"yes": "allow", "no": "deny", "ask": "needs-proof"}[node.answer]
        line = block.place(node.offset)[0]
        return p.Example(answer, question, print_example(node), line, duties)


def resolve(
    document: Document, vocabulary: Vocabulary, file: str, faults: list[Fault]
) -> p.Program:
    """The program of a document; raises PolicyError with these and all further faults."""
    resolver = Resolver(document, vocabulary, file)
    resolver.faults += faults
    return resolver.run()
