"""What is answered at some cells, for everything that may be known of the facts that rows say.

A cell is a table: what is known of its facts to what it then says, by a number; things that the
answer cannot tell apart have the same number. Cells that are asked about together are a function of
all their facts. It is written down whole where that is small enough; else a few facts are digits
first, and each thing known of them leads to another function, of the facts that still matter. Many
lead to the same, so that this tells exactly what no table could hold. Each answer is decided as
any other question is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from upheld.policy import evaluate as e
from upheld.policy.bulk.partial_knowledge import FactColumn, PartialKnowledge, distinct, product_of
from upheld.policy.compile import CompiledPolicy

ANSWERS_MAX = 1 << 20  # of all functions together; states beyond it are answered `error`
WHOLE_MAX = 1 << 16  # of a function that is written down whole
CELL_MAX = 1 << 19  # ways in which the facts of one cell may be known
STEP_MAX = 1 << 10  # of one that goes on
ROOM = ANSWERS_MAX // 2  # for functions written down whole because they are not large

Answer = tuple[str, tuple[str, ...]]  # outcome, clauses
NodeSet = frozenset[int]  # parts that are asked about together


class Function(NamedTuple):
    """What is answered: facts with the weight of each, and an answer for each sum.

    An answer is its place, or `~n` where function n goes on.
    """

    weights: tuple[tuple[str, int], ...]
    answers: tuple[int, ...]


class TooManyAnswers(Exception):  # noqa: N818 - it says what there is too much of
    """More answers than there is room for."""


class _CellOutcome(NamedTuple):
    """An outcome that cells can have, and one case that has it, for deciding it in full.

    `certain`: allowed in every world; `never`: allowed in none. Citations are numbers of sets of
    clauses: one if all are allowed, another if it is denied.
    """

    certain: bool
    never: bool
    grant_citation: int  # the place of what it cites where all are allowed
    denial_citation: int
    bits: int
    facts: dict[str, object]


class _Subfunction(NamedTuple):
    """A cell, or what remains of one: facts that matter, and an outcome for all they may be.

    `kinds` has an axis for each fact, with place 0 for a fact that is not known, and holds numbers
    of outcomes. A cell that is too large for that has its number in `cell` and the digits that are
    fixed so far in `digits`; it is tabulated once it is smaller.
    """

    facts: tuple[str, ...]
    kinds: np.ndarray
    cell: int = -1
    digits: tuple[tuple[str, int], ...] = ()


class DecisionTable:
    """The functions that answer for some cells, and all answers that they give."""

    def __init__(
        self,
        compiled: CompiledPolicy,
        fixed_facts: Mapping[str, object],
        slots: Mapping[str, FactColumn],
    ) -> None:
        """`fixed_facts` hold for every row; `slots` are the facts that rows say."""
        self.compiled, self.fixed_facts, self.slots = compiled, fixed_facts, slots
        self.functions: list[Function] = []
        self.answers: list[Answer] = []
        self._place: dict[Answer, int] = {}
        self._function_of: dict[NodeSet, int] = {}
        self._size = 0
        self._error_function: int | None = None
        self._outcomes: list[_CellOutcome] = [
            _CellOutcome(True, False, 0, 0, 0, {})
        ]  # 0 counts for nothing
        self._outcome_by_key: dict[tuple[int, ...], int] = {}
        self._residues: dict[object, int] = {}
        self._citation_sets: list[tuple[str, ...]] = [()]
        self._citation: dict[tuple[str, ...], int] = {(): 0}
        self._subfunctions: list[_Subfunction] = []
        self._subfunction_by_key: dict[object, int] = {}
        self._answer_by_outcome: dict[int, int] = {}
        self._cells: dict[tuple[int, tuple[tuple[str, int], ...]], int] = {}
        self._slices: dict[tuple[int, str, int], int] = {}
        self._nothing_else: dict[int, int] = {}

    def function(self, state: Iterable[int]) -> int:
        """The number of the function of some cells; with no room left, of one that says `error`."""
        try:
            return self._function(self._node([self._cell(bits) for bits in state]))
        except TooManyAnswers:
            return self._error()

    def depth(self) -> int:
        """How many functions follow one another at most."""
        depths: list[int] = []  # a function goes on at those made before it
        for function in self.functions:
            depths.append(1 + max((depths[~at] for at in function.answers if at < 0), default=0))
        return max(depths, default=1)

    def _error(self) -> int:
        if self._error_function is None:
            self._error_function = len(self.functions)
            self.functions.append(Function((), (self._answer_number(("error", ())),)))
        return self._error_function

    def _function(self, node: NodeSet) -> int:
        if node in self._function_of:
            return self._function_of[node]
        use: dict[str, int] = {}
        for part in node:
            for name in self._subfunctions[part].facts:
                use[name] = use.get(name, 0) + 1
        facts = sorted(use)
        size = product_of(self.slots[name].digit_count for name in facts)
        if size <= STEP_MAX or (size <= WHOLE_MAX and self._size + size <= ROOM):
            self._room(size)
            function = self._tabulate(node, facts)
        else:
            function = self._branch(node, sorted(facts, key=lambda name: (-use[name], name)))
        self._function_of[node] = len(self.functions)
        self.functions.append(function)
        return self._function_of[node]

    def _room(self, size: int) -> None:
        self._size += size
        if self._size > ANSWERS_MAX:
            raise TooManyAnswers

    def _branch(self, node: NodeSet, facts: Sequence[str]) -> Function:
        """A function of the first few facts, which goes on at other functions."""
        size, nodes = 1, [node]
        weights: list[tuple[str, int]] = []
        for name in facts:
            count = self.slots[name].digit_count
            if weights and size * count > STEP_MAX:
                break
            weights.append((name, size))
            nodes = [self._restrict(each, name, digit) for digit in range(count) for each in nodes]
            size *= count
        self._room(size)
        return Function(tuple(weights), tuple(self._after(each) for each in nodes))

    def _after(self, node: NodeSet) -> int:
        """The number of a node's answer, or `~n` where function n goes on."""
        if any(self._subfunctions[part].facts for part in node):
            return ~self._function(node)
        return self._tabulate(node, ()).answers[0]

    def _restrict(self, node: NodeSet, name: str, digit: int) -> NodeSet:
        """What remains of a node once the digit of one fact is fixed."""
        parts = []
        for at in node:
            part = self._subfunctions[at]
            if name not in part.facts:
                parts.append(at)
                continue
            key = at, name, digit
            if part.cell >= 0 and key not in self._slices:
                self._slices[key] = self._cell(part.cell, (*part.digits, (name, digit)))
            if key not in self._slices:
                axis = part.facts.index(name)
                rest = part.facts[:axis] + part.facts[axis + 1 :]
                self._slices[key] = self._intern(rest, part.kinds.take(digit, axis))
            parts.append(self._slices[key])
        return self._node(parts)

    def _node(self, parts: Sequence[int]) -> NodeSet:
        """A set of parts asked about together; beside one never allowed, only refusals matter."""
        sure = {
            at
            for at in parts
            if not self._subfunctions[at].facts
            and self._outcomes[int(self._subfunctions[at].kinds)].never
        }
        if not sure:
            return frozenset(parts)
        rest = {self._refusals(at) for at in set(parts) - sure}
        nothing = self._intern((), np.array(0, np.int32))
        return frozenset(sure | (rest - {nothing}))

    def _refusals(self, at: int) -> int:
        """A part with every outcome but refusals set to 0, which counts for nothing."""
        facts, kinds, cell, _ = self._subfunctions[at]
        if cell >= 0:
            return at  # not written down yet
        if at not in self._nothing_else:
            never = np.array([kind.never for kind in self._outcomes])
            self._nothing_else[at] = self._intern(facts, np.where(never[kinds], kinds, 0))
        return self._nothing_else[at]

    def _intern(self, facts: tuple[str, ...], kinds: np.ndarray) -> int:
        """The number of a part, equal parts having one, without facts on which nothing depends."""
        for axis in range(len(facts) - 1, -1, -1):
            if (kinds == kinds.take([0], axis)).all():
                kinds = kinds.take(0, axis)
                facts = facts[:axis] + facts[axis + 1 :]
        kinds = np.array(kinds, np.int32, order="C")
        key = facts, kinds.tobytes()
        if key not in self._subfunction_by_key:
            self._subfunction_by_key[key] = len(self._subfunctions)
            self._subfunctions.append(_Subfunction(facts, kinds))
        return self._subfunction_by_key[key]

    def _tabulate(self, node: NodeSet, facts: Sequence[str]) -> Function:
        """The answers of a node for everything that may be known of its facts."""
        counts = [self.slots[name].digit_count for name in facts]
        weights = [product_of(counts[:at]) for at in range(len(facts))]
        every = np.arange(product_of(counts))
        digits = {
            name: every // weight % count
            for name, weight, count in zip(facts, weights, counts, strict=True)
        }
        rows = []
        for at in sorted(node):
            part = self._subfunctions[at]
            rows.append(
                part.kinds[tuple(digits[name] for name in part.facts)]
                if part.facts
                else np.full(len(every), int(part.kinds))
            )
        answers = self._combine(np.array(rows))
        return Function(tuple(zip(facts, weights, strict=True)), tuple(answers.tolist()))

    def _combine(self, kinds: np.ndarray) -> np.ndarray:
        """The answers of parts asked about together; `kinds` has a row of outcomes for each part.

        What makes no difference is left out before combinations are told apart.
        """
        answers = np.empty(kinds.shape[1], dtype=np.int64)
        if len(kinds) == 1:  # most are alone, and a kind has one answer
            for column, where in distinct(kinds):
                answers[where] = self._single_outcome(int(kinds[0, column]))
            return answers
        table = np.array([kind[:4] for kind in self._outcomes])
        certain, never = (table[:, at].astype(bool)[kinds] for at in (0, 1))
        denies, allows = never.any(axis=0), certain.all(axis=0)
        at = np.flatnonzero(denies)
        ids = np.where(never[:, at], table[:, 3][kinds[:, at]], 0)
        for column, where in distinct(ids):
            answers[at[where]] = self._cite("deny", ids[:, column])
        at = np.flatnonzero(allows & ~denies)
        ids = table[:, 2][kinds[:, at]]
        for column, where in distinct(ids):
            answers[at[where]] = self._cite("allow", ids[:, column])
        at = np.flatnonzero(~denies & ~allows)
        ids = kinds[:, at]
        for column, where in distinct(ids):
            here = [self._outcomes[kind] for kind in set(ids[:, column].tolist())]
            cases = [e.case(self.compiled, kind.bits, kind.facts) for kind in here]
            answers[at[where]] = self._answer_number(e.verdict(self.compiled, cases))
        return answers

    def _single_outcome(self, kind: int) -> int:
        """The answer of one cell by itself."""
        if kind not in self._answer_by_outcome:
            outcome = self._outcomes[kind]
            if outcome.certain or outcome.never:
                citation = self._citation_sets[
                    outcome.grant_citation if outcome.certain else outcome.denial_citation
                ]
                answer = "allow" if outcome.certain else "deny", citation
            else:
                case = e.case(self.compiled, outcome.bits, outcome.facts)
                answer = e.verdict(self.compiled, [case])
            self._answer_by_outcome[kind] = self._answer_number(answer)
        return self._answer_by_outcome[kind]

    def _cite(self, outcome: str, ids: np.ndarray) -> int:
        clauses = {clause for at in set(ids.tolist()) for clause in self._citation_sets[at]}
        return self._answer_number((outcome, tuple(sorted(clauses))))

    def _answer_number(self, answer: Answer) -> int:
        if answer not in self._place:
            self._place[answer] = len(self.answers)
            self.answers.append(answer)
        return self._place[answer]

    def _cell(self, bits: int, digits: tuple[tuple[str, int], ...] = ()) -> int:
        """The number of the part for a cell with some digits fixed."""
        key = bits, digits
        if key not in self._cells:
            names = dict(digits)
            slots = {name: slot for name, slot in self.slots.items() if name not in names}
            facts = dict(self.fixed_facts)
            for name, digit in digits:
                if digit:
                    facts[name] = self.slots[name].values.sample([digit - 1])
            cell = PartialKnowledge(self.compiled.cell(bits).space, slots, facts)
            size = product_of(cell.shape)
            if size > CELL_MAX:
                raise TooManyAnswers
            if size > WHOLE_MAX:
                self._subfunctions.append(
                    _Subfunction(cell.facts, np.zeros(1, np.int32), bits, digits)
                )
                self._cells[key] = len(self._subfunctions) - 1
            else:
                self._cells[key] = self._intern(cell.facts, self._cell_outcomes(bits, cell))
        return self._cells[key]

    def _cell_outcomes(self, bits: int, knowledge: PartialKnowledge) -> np.ndarray:
        """The outcomes of a cell for everything that may be known, with an axis for each fact."""
        cell = self.compiled.cell(bits)
        allow, every = cell.allow, cell.space.all
        certain, never = knowledge.always(allow), ~knowledge.ever(allow)
        grant_citations = self._citations(knowledge, cell.allows, allow)
        denial_citations = self._citations(knowledge, cell.denies, every ^ allow)
        sure = (certain | never).ravel()
        residues = (
            np.zeros(len(sure), np.int64)
            if sure.all()
            else knowledge.residues(allow, self._residues)
        )
        kinds = np.zeros(len(sure), np.int32)
        rows = [
            each.astype(np.int64).ravel()
            for each in (certain, never, grant_citations, denial_citations)
        ]
        flat = np.stack([*rows, np.where(sure, 0, residues)])
        for column, where in distinct(flat):
            key = tuple(flat[:, column].tolist())
            kinds[where] = self._outcome_number(key, bits, knowledge.facts_at(column))
        return kinds.reshape(knowledge.shape)

    def _outcome_number(self, key: tuple[int, ...], bits: int, facts: dict[str, object]) -> int:
        if key not in self._outcome_by_key:
            self._outcome_by_key[key] = len(self._outcomes)
            one = e.case(self.compiled, bits, facts)
            grant_citation, denial_citation = (
                self._citation[e.citations([one], allow=allow)] for allow in (True, False)
            )
            self._outcomes.append(
                _CellOutcome(one.certain, one.never, grant_citation, denial_citation, bits, facts)
            )
        return self._outcome_by_key[key]

    def _citations(
        self, knowledge: PartialKnowledge, clauses: Mapping[str, int], worlds: int
    ) -> np.ndarray:
        """The number of the set of clauses cited, where clauses decide in some of the worlds."""
        numbers = np.zeros(knowledge.shape, np.int64)
        if not clauses:
            return numbers
        names = sorted(clauses)
        some = np.stack([knowledge.ever(clauses[name] & worlds) for name in names])
        always = np.stack(
            [knowledge.always(clauses[name] | ~worlds & knowledge.space.all) for name in names]
        )
        always &= knowledge.ever(worlds)
        citing = np.where(always.any(axis=0), always, some).reshape(len(names), -1)
        flat = numbers.ravel()
        for column, where in distinct(citing.astype(np.int64)):
            one = tuple(name for name, is_so in zip(names, citing[:, column], strict=True) if is_so)
            if one not in self._citation:
                self._citation[one] = len(self._citation_sets)
                self._citation_sets.append(one)
            flat[where] = self._citation[one]
        return flat.reshape(knowledge.shape)
