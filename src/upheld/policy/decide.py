"""Tables to decisions: names to classes, classes to a cell, facts to a key, the key to a Decision.

What a question means is worked out once and kept (a plan); from then on a decision costs a
look-up for the question, one for each fact given, and one for the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from upheld.core import observing
from upheld.core.errors import RequestError
from upheld.policy import evaluate as e
from upheld.policy.compile import STATES_MAX, CompiledPolicy
from upheld.policy.fact_space import TooManyWorlds
from upheld.policy.fact_types import fact_type, is_yes_no
from upheld.policy.fact_values import Values
from upheld.policy.nearest import nearest_clauses
from upheld.policy.program import Program
from upheld.policy.request import Checker, Decision, FactInput, FactPart, Request, error_decision
from upheld.policy.vocabulary import DIMENSIONS, TREE_OF, TREES

PLANS_MAX = 16_384  # questions kept at a time
ANSWERS_MAX = 4_096  # answers kept for one question
SLOW = (-1, -1)

Key = int | tuple[int, tuple[Any, ...], tuple[Any, ...]]  # facts as a number; parts, their rest
Cell = tuple[str, tuple[int, ...]]  # an action leaf; the leaves that stand for it, a dimension each


class QuestionPlan:
    """A prepared question: its cells, and a cache of its answers by facts."""

    def __init__(
        self, engine: Engine, actions: list[str], masks: dict[str, int], named_dimensions: set[str]
    ) -> None:
        self.engine, self.actions, self.masks, self.named_dimensions = (
            engine,
            actions,
            masks,
            named_dimensions,
        )
        self.cells = engine.cells(actions, masks, ())
        self.codes: dict[str, tuple[int, int]] = {}
        self.values: dict[str, tuple[Values, int]] = {}
        self.answers: dict[Key, Decision] = {}
        self._number()

    def _number(self) -> None:
        """Give each fact that matters a weight, so that a set of facts becomes one number."""
        compiled = self.engine.compiled
        tests: dict[str, set[Any]] = {}
        for bits, _ in self.cells:
            for test in compiled.tests_at(compiled.live(bits)):
                tests.setdefault(test.fact, set()).add(test)
        weight = 1
        for name in sorted(tests):
            values = fact_type(compiled.vocabulary.facts[name]).values(tests[name])
            self.values[name] = (values, weight)
            if values.kind.yes_no:
                self.codes[name] = (2 * weight, weight)
            else:
                self.codes[name] = SLOW
            weight *= values.count + 1

    def decide(self, facts: Mapping[str, object]) -> Decision:
        """The decision under these facts."""
        key = 0
        codes = self.codes
        for name, value in facts.items():
            pair = codes.get(name)
            if pair is None:
                if name in self.engine.idle and (value is True or value is False):
                    continue
                return self.decide_checked(facts)
            if value is True and pair is not SLOW:
                key += pair[0]
            elif value is False and pair is not SLOW:
                key += pair[1]
            else:
                return self.decide_checked(facts)
        decision = self.answers.get(key)
        return decision if decision is not None else self.remember(key, FactInput(dict(facts)))

    __call__ = decide

    def decide_checked(self, facts: Mapping[str, object]) -> Decision:
        """The decision under facts with numbers, words or parts, every one of them checked."""
        try:
            fact_input = self.engine.checker.check_facts(facts)
        except RequestError as error:
            return error_decision(error)
        number = 0
        for name, value in fact_input.values.items():
            if name in self.values:
                values, weight = self.values[name]
                number += (values.index(value) + 1) * weight
        key: Key = number
        if fact_input.parts or fact_input.rest:
            fact_input = self._parts_that_matter(fact_input)
            parts = [(p.fact, p.holds, *sorted(p.covers.items())) for p in fact_input.parts]
            key = number, tuple(parts), tuple(fact_input.rest.items())
        decision = self.answers.get(key)
        return decision if decision is not None else self.remember(key, fact_input)

    def _parts_that_matter(self, fact_input: FactInput) -> FactInput:
        """The facts without parts that cover nothing of what the question is about."""
        leaves_of = self.engine.leaves_of_question
        parts = tuple(
            part
            for part in fact_input.parts
            if part.fact in self.values
            and all(leaves_of(d, self.masks) & mask for d, mask in part.covers.items())
        )
        rest = {name: value for name, value in fact_input.rest.items() if name in self.values}
        return FactInput(fact_input.values, parts, rest)

    def telling(self, name: str, value: object) -> object:
        """What of a fact's value, which is not in parts, tells answers apart: the same for many."""
        values, _ = self.values.get(name, (None, 0))
        return (values.index(value),) if values and values.kind.accepts(value) else value

    def remember(self, key: Key, fact_input: FactInput) -> Decision:
        """Work out the answer for a key and cache it."""
        decision = self.engine.answer(self, fact_input)
        if len(self.answers) >= ANSWERS_MAX:
            self.answers.clear()
        self.answers[key] = decision
        return decision


class ObservedQuestionPlan(QuestionPlan):
    """A question plan that notes each decision, while `upheld mutate` tries a policy's words."""

    request: Request

    def decide(self, facts: Mapping[str, object]) -> Decision:
        """The decision under these facts, noted with those of them that matter."""
        if (observer := observing.observer()) is not None:
            dimensions = {d: list(words) for d, words in self.request.dimensions().items()}
            observer.question(
                {"action": self.request.action, **dimensions}, self._facts_that_matter(facts)
            )
        return super().decide(facts)

    __call__ = decide

    def _facts_that_matter(self, facts: Mapping[str, object]) -> dict[str, object]:
        """The facts that matter; a number far from all that the policy names, as a rounder one."""
        noted_facts: dict[str, object] = {}
        for name, value in facts.items():
            if name not in self.values:
                if name not in self.engine.program.vocabulary.facts:
                    noted_facts[name] = value
                continue
            values = self.values[name][0]
            noted_facts[name] = values.rounded(value) if values.kind.accepts(value) else value
        return noted_facts


class Engine:
    """Answers every question about one program. Safe to share between threads."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.compiled = CompiledPolicy(program)
        self.checker = Checker(self._masks(), program.vocabulary.facts, self.compiled.takes)
        self.idle = {n for n, fact in program.vocabulary.facts.items() if is_yes_no(fact)}
        self.plans: dict[Request, QuestionPlan] = {}
        provider = self.checker.masks["party"].get("provider")
        self.actor = provider if provider is not None else self.compiled.leaves["party"].all

    def _masks(self) -> dict[str, dict[str, int]]:
        masks = {tree: dict(self.compiled.leaves[tree].mask) for tree in TREES}
        for name, mine in self.program.definitions.items():
            bit = self.compiled.leaves[mine.tree].bit
            masks[mine.tree][name] = sum(bit[leaf] for leaf in mine.leaves)
        for tree in TREES:  # an inner term's own leaf may be asked about by name
            for leaf, one in self.compiled.leaves[tree].bit.items():
                masks[tree].setdefault(leaf, one)
        return masks

    def decide(self, request: Request, facts: Mapping[str, object]) -> Decision:
        """The decision on a request; an `error` outcome for one that cannot be asked."""
        try:
            plan = self.plans.get(request)
        except TypeError:  # what cannot be hashed is not a word
            return error_decision(RequestError("a request holds words", code="wrong-type"))
        if plan is None:
            try:
                plan = self.plan(request)
            except RequestError as error:
                return error_decision(error)
        return plan.decide(facts)

    def plan(self, request: Request) -> QuestionPlan:
        """Work a question out; RequestError if it cannot be asked."""
        actions = self.checker.actions(request.action, self.compiled.leaves["action"].names)
        dimensions = request.dimensions()
        masks = {d: self.checker.dimension(d, words) for d, words in dimensions.items()}
        for dimension in dimensions:
            self.checker.require_dimension(dimension, actions)
        plan = QuestionPlan(self, actions, masks, set(dimensions))
        if observing.observer() is not None:
            plan = self._observed(request, actions, masks, set(dimensions))
        if len(self.plans) >= PLANS_MAX:
            self.plans.clear()
        self.plans[request] = plan
        return plan

    def _observed(
        self,
        request: Request,
        actions: list[str],
        masks: dict[str, int],
        named_dimensions: set[str],
    ) -> QuestionPlan:
        plan = ObservedQuestionPlan(self, actions, masks, named_dimensions)
        plan.request = request
        return plan

    def leaves_of_question(self, dimension: str, masks: Mapping[str, int]) -> int:
        """The leaves of a dimension that a question is about."""
        if dimension in masks:
            return masks[dimension]
        return self.actor if dimension == "actor" else self.compiled.leaves[TREE_OF[dimension]].all

    def cells(
        self, actions: list[str], masks: Mapping[str, int], parts: tuple[FactPart, ...]
    ) -> dict[tuple[int, int], Cell]:
        """The cells of a question, told apart by rules and by parts of facts.

        Keys are the copies that hold the cell and the parts that cover it, as bits; values name
        one such cell. RequestError where there are too many.
        """
        cells: dict[tuple[int, int], Cell] = {}
        every = (1 << len(parts)) - 1
        for action in actions:
            takes = self.compiled.takes[action]
            covering = every
            for at, part in enumerate(parts):
                if any(d not in takes for d in part.covers):
                    covering &= ~(1 << at)
            states: dict[tuple[int, int], tuple[int, ...]] = {
                (self.compiled.action[action], covering): ()
            }
            for dimension in takes:
                pieces = self._pieces(dimension, self.leaves_of_question(dimension, masks), parts)
                wider: dict[tuple[int, int], tuple[int, ...]] = {}
                for (bits, cover), path in states.items():
                    for leaf, piece_bits, piece_cover in pieces:
                        key = (bits & piece_bits, cover & piece_cover)
                        if key not in wider:
                            wider[key] = (*path, leaf)
                states = wider
                if len(states) > STATES_MAX:
                    raise RequestError(
                        "the question covers too much to be told exactly",
                        code="too-large",
                        hint="say more of it",
                    )
            for key, path in states.items():
                cells.setdefault(key, (action, path))
        return cells

    def _pieces(
        self, dimension: str, leaves: int, fact_parts: tuple[FactPart, ...]
    ) -> list[tuple[int, int, int]]:
        """A dimension's leaves asked about, split by class and by parts: a leaf, copies, parts."""
        classes = self.compiled.classes[dimension]
        pieces: dict[tuple[int, int], int] = {}
        masks = [part.covers.get(dimension) for part in fact_parts]
        for mask, bits in zip(classes.masks, classes.copies, strict=True):
            parts_of_class = [mask & leaves]
            for cover in masks:
                if cover is not None:
                    parts_of_class = [
                        p for piece in parts_of_class for p in (piece & cover, piece & ~cover) if p
                    ]
            for piece in parts_of_class:
                if piece:
                    cover = sum(1 << at for at, m in enumerate(masks) if m is None or m & piece)
                    pieces.setdefault((bits, cover), piece & -piece)
        return [(leaf, bits, cover) for (bits, cover), leaf in pieces.items()]

    def cases(
        self, cells: Mapping[tuple[int, int], Cell], fact_input: FactInput
    ) -> list[tuple[e.CellCase, Cell]]:
        """Each cell with the facts that are known there."""
        cases = []
        for (bits, cover), cell in cells.items():
            facts = fact_input.values
            if fact_input.rest:
                facts = dict(facts)
                for name, rest in fact_input.rest.items():
                    here = [
                        p.holds
                        for at, p in enumerate(fact_input.parts)
                        if p.fact == name and cover >> at & 1
                    ]
                    value = all(here) if here else rest
                    if value is not None:
                        facts[name] = value
            cases.append((e.case(self.compiled, bits, facts), cell))
        return cases

    def answer(self, plan: QuestionPlan, fact_input: FactInput) -> Decision:
        """Work out the answer to a question under facts that were checked."""
        try:
            cells = (
                self.cells(plan.actions, plan.masks, fact_input.parts)
                if fact_input.parts
                else plan.cells
            )
            cases = self.cases(cells, fact_input)
            return self._answer(plan, fact_input, cases)
        except TooManyWorlds as error:
            return error_decision(RequestError(str(error), code="too-large", hint=error.hint))
        except RequestError as error:
            return error_decision(error)

    def _answer(
        self, plan: QuestionPlan, fact_input: FactInput, both: list[tuple[e.CellCase, Cell]]
    ) -> Decision:
        cases = [case for case, _ in both]
        owed_acts = e.owed_acts(self.compiled, cases)
        if all(each.certain for each in cases):
            clauses = e.citations(cases, allow=True)
            decision = Decision(
                outcome="allow",
                clauses=clauses,
                duties=e.duties(cases),
                bases=e.bases(self.compiled, cases, clauses),
                owed=owed_acts,
            )
            return self.with_sentence(decision)
        proofs = None if any(each.never for each in cases) else e.proofs(self.compiled, cases)
        depends = self._depends(plan, fact_input)
        if proofs is not None:
            clauses = e.citations(cases, allow=True)
            return self.with_sentence(
                Decision(
                    outcome="needs-proof",
                    clauses=clauses,
                    owed=owed_acts,
                    kind="proof",
                    prove=proofs,
                    depends=depends,
                )
            )
        denied = [each for each in both if each[0].never] or [b for b in both if not b[0].certain]
        clauses = e.citations([case for case, _ in denied], allow=False)
        case, (action, path) = denied[0]
        pieces = dict(zip(self.compiled.takes[action], path, strict=True))
        near = nearest_clauses(
            self.compiled, case, action, pieces, {**fact_input.values, **case.facts}
        )
        return self.with_sentence(
            Decision(
                outcome="deny",
                clauses=clauses,
                kind="clause" if clauses else "silence",
                owed=owed_acts,
                depends=depends,
                nearest=near,
            )
        )

    def _depends(self, plan: QuestionPlan, fact_input: FactInput) -> dict[str, tuple[str, ...]]:
        """For each dimension left open: if some leaf would be allowed, those that would not."""
        refused_leaves = {}
        open_dimensions = [
            d
            for d in DIMENSIONS
            if d not in plan.named_dimensions
            and d != "actor"
            and all(d in self.compiled.takes[a] for a in plan.actions)
        ]
        for dimension in open_dimensions:
            leaves = self.compiled.leaves[TREE_OF[dimension]]
            good = 0
            for piece in self._alike(dimension, fact_input.parts):
                masks = {**plan.masks, dimension: piece & -piece}
                cells = self.cells(plan.actions, masks, fact_input.parts)
                if all(case.certain for case, _ in self.cases(cells, fact_input)):
                    good |= piece
            if good:
                refused_leaves[dimension] = tuple(leaves.of(leaves.all & ~good))
        return refused_leaves

    def _alike(self, dimension: str, parts: tuple[FactPart, ...]) -> list[int]:
        pieces = list(self.compiled.classes[dimension].masks)
        for part in parts:
            if (cover := part.covers.get(dimension)) is not None:
                pieces = [p for piece in pieces for p in (piece & cover, piece & ~cover) if p]
        return pieces

    def with_sentence(self, decision: Decision) -> Decision:
        """The decision with its sentence."""
        return msgspec.structs.replace(decision, why=sentence(decision))


def sentence(decision: Decision) -> str:
    """A decision as one line."""
    citation = join_words([f"#{clause}" for clause in decision.clauses], "and")
    match decision.outcome:
        case "allow":
            text = f"yes, by {citation}"
            if decision.duties:
                text += ", with " + join_words(
                    [duty_text(d.duty, d.amount, d.unit) for d in decision.duties], "and"
                )
        case "needs-proof":
            ways = [join_words(list(each), "and") for each in decision.prove]
            text = f"only if {join_words(ways, 'or')} is proven, by {citation}"
        case _:
            text = f"no, by {citation}" if citation else "no clause allows it"
    for dimension, leaves in decision.depends.items():
        text += f"; allowed at any {dimension} except {join_words(list(leaves), 'and')}: say which"
    return text


def duty_text(word: str, amount: object, unit: str) -> str:
    """A duty with its number."""
    return " ".join(str(part) for part in (word, amount, unit) if part not in (None, ""))


def join_words(words: list[str], last: str) -> str:
    """Words as a list in a sentence."""
    return f" {last} ".join(([", ".join(words[:-1])] if words[1:] else []) + words[-1:])
