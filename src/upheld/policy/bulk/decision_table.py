"""What is answered at some cells, for everything that may be known of the facts that rows say.

A cell is a table: what is known of its facts to what it then says, by a number; things that the
answer cannot tell apart have the same number. Cells that are asked about together are a function of
all their facts. It is written down whole where that is small enough; else a few facts are taken
first, and each thing known of them leads to another function, of the facts that still matter. Many
lead to the same, so that this tells exactly what no table could hold. Each answer is decided as
any other question is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from upheld.policy import evaluate as e
from upheld.policy.bulk.partial_knowledge import Slot, Told, distinct, product_of
from upheld.policy.compile import Compiled

ANSWERS_MAX = 1 << 20  # of all functions together; states beyond it are answered `error`
WHOLE_MAX = 1 << 16  # of a function that is written down whole
CELL_MAX = 1 << 19  # ways in which the facts of one cell may be known
STEP_MAX = 1 << 10  # of one that goes on
ROOM = ANSWERS_MAX // 2  # for functions written down whole because they are not large

Answer = tuple[str, tuple[str, ...]]  # outcome, clauses
Node = frozenset[int]  # parts that are asked about together


class Function(NamedTuple):
    """What is answered: facts with the weight of each, and an answer for each sum.

    An answer is its place, or `~n` where function n goes on.
    """

    weights: tuple[tuple[str, int], ...]
    answers: tuple[int, ...]


class TooManyAnswers(Exception):  # noqa: N818 - it says what there is too much of
    """More answers than there is room for."""


class _Kind(NamedTuple):
    """What a cell says: whether it is sure, what it cites, and one case that says it."""

    certain: bool
    never: bool
    granted: int  # the place of what it cites where all are allowed
    denied: int
    bits: int
    known: dict[str, object]


class _Part(NamedTuple):
    """A cell, or what is left of one: facts that matter, and a kind for each thing known of them.

    An axis for each fact; place 0 is a fact that is not known. A cell that is too large for that
    names itself, with what was taken of its facts so far, and is written down when it is smaller.
    """

    facts: tuple[str, ...]
    kinds: np.ndarray
    cell: int = -1
    taken: tuple[tuple[str, int], ...] = ()


class Answers:
    """The functions of some cells, and all that they answer."""

    def __init__(
        self, compiled: Compiled, known: Mapping[str, object], slots: Mapping[str, Slot]
    ) -> None:
        """`known` holds for every row; `slots` are the facts that rows say."""
        self.compiled, self.known, self.slots = compiled, known, slots
        self.functions: list[Function] = []
        self.answers: list[Answer] = []
        self._place: dict[Answer, int] = {}
        self._made: dict[Node, int] = {}
        self._listed = 0
        self._refused: int | None = None
        self._kinds: list[_Kind] = [_Kind(True, False, 0, 0, 0, {})]  # 0 counts for nothing
        self._kind: dict[tuple[int, ...], int] = {}
        self._left: dict[object, int] = {}
        self._cited: list[tuple[str, ...]] = [()]
        self._citation: dict[tuple[str, ...], int] = {(): 0}
        self._parts: list[_Part] = []
        self._part: dict[object, int] = {}
        self._by_itself: dict[int, int] = {}
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
        found: list[int] = []  # a function goes on at those made before it
        for function in self.functions:
            found.append(1 + max((found[~at] for at in function.answers if at < 0), default=0))
        return max(found, default=1)

    def _error(self) -> int:
        if self._refused is None:
            self._refused = len(self.functions)
            self.functions.append(Function((), (self._placed(("error", ())),)))
        return self._refused

    def _function(self, node: Node) -> int:
        if node in self._made:
            return self._made[node]
        use: dict[str, int] = {}
        for part in node:
            for name in self._parts[part].facts:
                use[name] = use.get(name, 0) + 1
        facts = sorted(use)
        size = product_of(self.slots[name].ways for name in facts)
        if size <= STEP_MAX or (size <= WHOLE_MAX and self._listed + size <= ROOM):
            self._room(size)
            made = self._whole(node, facts)
        else:
            made = self._stepped(node, sorted(facts, key=lambda name: (-use[name], name)))
        self._made[node] = len(self.functions)
        self.functions.append(made)
        return self._made[node]

    def _room(self, size: int) -> None:
        self._listed += size
        if self._listed > ANSWERS_MAX:
            raise TooManyAnswers

    def _stepped(self, node: Node, facts: Sequence[str]) -> Function:
        """The function that takes some of the facts and goes on."""
        size, nodes = 1, [node]
        weights: list[tuple[str, int]] = []
        for name in facts:
            count = self.slots[name].ways
            if weights and size * count > STEP_MAX:
                break
            weights.append((name, size))
            nodes = [self._known(each, name, digit) for digit in range(count) for each in nodes]
            size *= count
        self._room(size)
        return Function(tuple(weights), tuple(self._after(each) for each in nodes))

    def _after(self, node: Node) -> int:
        """The answer of what is left, or where that goes on."""
        if any(self._parts[part].facts for part in node):
            return ~self._function(node)
        return self._whole(node, ()).answers[0]

    def _known(self, node: Node, name: str, digit: int) -> Node:
        """What is left of a node when so much is known of a fact."""
        left = []
        for at in node:
            part = self._parts[at]
            if name not in part.facts:
                left.append(at)
                continue
            key = at, name, digit
            if part.cell >= 0 and key not in self._slices:
                self._slices[key] = self._cell(part.cell, (*part.taken, (name, digit)))
            if key not in self._slices:
                axis = part.facts.index(name)
                rest = part.facts[:axis] + part.facts[axis + 1 :]
                self._slices[key] = self._kept(rest, part.kinds.take(digit, axis))
            left.append(self._slices[key])
        return self._node(left)

    def _node(self, parts: Sequence[int]) -> Node:
        """Parts asked about together: beside one that is never allowed only the like count."""
        sure = {
            at
            for at in parts
            if not self._parts[at].facts and self._kinds[int(self._parts[at].kinds)].never
        }
        if not sure:
            return frozenset(parts)
        rest = {self._refusals(at) for at in set(parts) - sure}
        nothing = self._kept((), np.array(0, np.int32))
        return frozenset(sure | (rest - {nothing}))

    def _refusals(self, at: int) -> int:
        """A part without what does not refuse."""
        facts, kinds, cell, _ = self._parts[at]
        if cell >= 0:
            return at  # not written down yet
        if at not in self._nothing_else:
            never = np.array([kind.never for kind in self._kinds])
            self._nothing_else[at] = self._kept(facts, np.where(never[kinds], kinds, 0))
        return self._nothing_else[at]

    def _kept(self, facts: tuple[str, ...], kinds: np.ndarray) -> int:
        """The place of a part, without the facts on which nothing depends."""
        for axis in range(len(facts) - 1, -1, -1):
            if (kinds == kinds.take([0], axis)).all():
                kinds = kinds.take(0, axis)
                facts = facts[:axis] + facts[axis + 1 :]
        kinds = np.array(kinds, np.int32, order="C")
        key = facts, kinds.tobytes()
        if key not in self._part:
            self._part[key] = len(self._parts)
            self._parts.append(_Part(facts, kinds))
        return self._part[key]

    def _whole(self, node: Node, facts: Sequence[str]) -> Function:
        """The answers of a node for everything that may be known of its facts."""
        counts = [self.slots[name].ways for name in facts]
        weights = [product_of(counts[:at]) for at in range(len(facts))]
        every = np.arange(product_of(counts))
        digits = {
            name: every // weight % count
            for name, weight, count in zip(facts, weights, counts, strict=True)
        }
        rows = []
        for at in sorted(node):
            part = self._parts[at]
            rows.append(
                part.kinds[tuple(digits[name] for name in part.facts)]
                if part.facts
                else np.full(len(every), int(part.kinds))
            )
        answers = self._joined(np.array(rows))
        return Function(tuple(zip(facts, weights, strict=True)), tuple(answers.tolist()))

    def _joined(self, kinds: np.ndarray) -> np.ndarray:
        """The answers of parts asked about together: a row of kinds for each part.

        What makes no difference is left out before combinations are told apart.
        """
        found = np.empty(kinds.shape[1], dtype=np.int64)
        if len(kinds) == 1:  # most are alone, and a kind has one answer
            for column, where in distinct(kinds):
                found[where] = self._alone(int(kinds[0, column]))
            return found
        table = np.array([kind[:4] for kind in self._kinds])
        certain, never = (table[:, at].astype(bool)[kinds] for at in (0, 1))
        refused, allowed = never.any(axis=0), certain.all(axis=0)
        at = np.flatnonzero(refused)
        ids = np.where(never[:, at], table[:, 3][kinds[:, at]], 0)
        for column, where in distinct(ids):
            found[at[where]] = self._citing("deny", ids[:, column])
        at = np.flatnonzero(allowed & ~refused)
        ids = table[:, 2][kinds[:, at]]
        for column, where in distinct(ids):
            found[at[where]] = self._citing("allow", ids[:, column])
        at = np.flatnonzero(~refused & ~allowed)
        ids = kinds[:, at]
        for column, where in distinct(ids):
            here = [self._kinds[kind] for kind in set(ids[:, column].tolist())]
            cases = [e.case(self.compiled, kind.bits, kind.known) for kind in here]
            found[at[where]] = self._placed(e.verdict(self.compiled, cases))
        return found

    def _alone(self, kind: int) -> int:
        """The answer of one cell by itself."""
        if kind not in self._by_itself:
            said = self._kinds[kind]
            if said.certain or said.never:
                cited = self._cited[said.granted if said.certain else said.denied]
                answer = "allow" if said.certain else "deny", cited
            else:
                case = e.case(self.compiled, said.bits, said.known)
                answer = e.verdict(self.compiled, [case])
            self._by_itself[kind] = self._placed(answer)
        return self._by_itself[kind]

    def _citing(self, outcome: str, ids: np.ndarray) -> int:
        cited = {clause for at in set(ids.tolist()) for clause in self._cited[at]}
        return self._placed((outcome, tuple(sorted(cited))))

    def _placed(self, answer: Answer) -> int:
        if answer not in self._place:
            self._place[answer] = len(self.answers)
            self.answers.append(answer)
        return self._place[answer]

    def _cell(self, bits: int, taken: tuple[tuple[str, int], ...] = ()) -> int:
        """The part of a cell, where so much of its facts was taken already."""
        key = bits, taken
        if key not in self._cells:
            names = dict(taken)
            slots = {name: slot for name, slot in self.slots.items() if name not in names}
            known = dict(self.known)
            for name, digit in taken:
                if digit:
                    known[name] = self.slots[name].values.sample([digit - 1])
            cell = Told(self.compiled.cell(bits).space, slots, known)
            size = product_of(cell.shape)
            if size > CELL_MAX:
                raise TooManyAnswers
            if size > WHOLE_MAX:
                self._parts.append(_Part(cell.facts, np.zeros(1, np.int32), bits, taken))
                self._cells[key] = len(self._parts) - 1
            else:
                self._cells[key] = self._kept(cell.facts, self._said(bits, cell))
        return self._cells[key]

    def _said(self, bits: int, told: Told) -> np.ndarray:
        """What a cell says, a kind for each thing that may be known."""
        cell = self.compiled.cell(bits)
        allow, every = cell.allow, cell.space.all
        certain, never = told.always(allow), ~told.ever(allow)
        granted = self._citations(told, cell.allows, allow)
        denied = self._citations(told, cell.denies, every ^ allow)
        sure = (certain | never).ravel()
        left = np.zeros(len(sure), np.int64) if sure.all() else told.left(allow, self._left)
        kinds = np.zeros(len(sure), np.int32)
        rows = [each.astype(np.int64).ravel() for each in (certain, never, granted, denied)]
        flat = np.stack([*rows, np.where(sure, 0, left)])
        for column, where in distinct(flat):
            key = tuple(flat[:, column].tolist())
            kinds[where] = self._numbered(key, bits, told.known(column))
        return kinds.reshape(told.shape)

    def _numbered(self, key: tuple[int, ...], bits: int, known: dict[str, object]) -> int:
        if key not in self._kind:
            self._kind[key] = len(self._kinds)
            one = e.case(self.compiled, bits, known)
            granted, denied = (
                self._citation[e.citations([one], allow=allow)] for allow in (True, False)
            )
            self._kinds.append(_Kind(one.certain, one.never, granted, denied, bits, known))
        return self._kind[key]

    def _citations(self, told: Told, clauses: Mapping[str, int], worlds: int) -> np.ndarray:
        """The place of what is cited, where some clauses decide in some of the worlds."""
        found = np.zeros(told.shape, np.int64)
        if not clauses:
            return found
        names = sorted(clauses)
        some = np.stack([told.ever(clauses[name] & worlds) for name in names])
        always = np.stack([told.always(clauses[name] | ~worlds & told.space.all) for name in names])
        always &= told.ever(worlds)
        cited = np.where(always.any(axis=0), always, some).reshape(len(names), -1)
        flat = found.ravel()
        for column, where in distinct(cited.astype(np.int64)):
            one = tuple(name for name, is_so in zip(names, cited[:, column], strict=True) if is_so)
            if one not in self._citation:
                self._citation[one] = len(self._cited)
                self._cited.append(one)
            flat[where] = self._citation[one]
        return flat.reshape(told.shape)
