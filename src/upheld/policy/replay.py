"""Past questions asked again: what a draft would decide otherwise than the policy in force.

A log of questions goes in, a line at a time, and counts come out: by change, by clause, with a few
examples each. Lines that say the same but for their `id` are decided once, as long as they are
remembered; what is remembered and what is reported are bounded, however long the log.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from upheld.core.dimensions import DIMENSIONS
from upheld.policy.request import Decision

if TYPE_CHECKING:
    from upheld.policy.load import Policy

EXAMPLES_MAX = 3  # examples of a change
CHANGES_MAX = 1_000  # different changes told apart; more are counted together
BAD_MAX = 10  # bad lines that are named
REMEMBERED_MAX = 65_536  # questions remembered, and
REMEMBERED_BYTES = 1 << 24  # the bytes that they were asked in, before all is forgotten

Read = Callable[[bytes | None], tuple[object, Decision | None]]
NONE = msgspec.Raw()
PLAIN_ID = re.compile(rb'"[A-Za-z0-9_.:@+/ -]*"|-?(?:0|[1-9][0-9]{0,18})')  # nothing to check in it


# A question with its members unread: enough to tell whether it was asked before.
_MEMBERS = ("action", "facts", *DIMENSIONS)
_LINE: Any = msgspec.defstruct(
    "_Line",
    [("action", msgspec.Raw), *((name, msgspec.Raw, NONE) for name in ("id", *_MEMBERS[1:]))],
    forbid_unknown_fields=True,
    gc=False,
)
_MEMBERS_OF = attrgetter(*_MEMBERS)


class ReplayExample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One question that is decided otherwise: its line, itself, and both answers in words."""

    line: int
    question: object
    before: str
    now: str


class AnswerChange(msgspec.Struct, omit_defaults=True):
    """Questions whose answer changes alike: outcome and clauses before and now."""

    before: str
    now: str
    clauses_before: tuple[str, ...]
    clauses_now: tuple[str, ...]
    count: int = 0
    examples: list[ReplayExample] = []

    def add(self, example: ReplayExample) -> None:
        """Count one more, and keep it if there are few."""
        self.count += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(example)

    @property
    def kind(self) -> str:
        """What the change means for whoever asks."""
        if self.before == self.now:
            return "same outcome on other grounds"
        if self.now == "allow":
            return "newly allowed"
        if self.before == "allow":
            return "no longer allowed"
        return "refused otherwise"

    @property
    def clauses(self) -> tuple[str, ...]:
        """The clauses behind it: cited by one answer alone, else those cited by both."""
        one = set(self.clauses_before) ^ set(self.clauses_now)
        return tuple(sorted(one or self.clauses_now))


class Bad(msgspec.Struct, frozen=True):
    """A line that could not be asked, and why."""

    line: int
    code: str
    why: str


class ReplayReport(msgspec.Struct):
    """What came of it, as data. `questions` are the lines that both could answer."""

    questions: int
    otherwise: int
    newly_allowed: int
    no_longer_allowed: int
    outcomes: dict[str, int]
    clauses: dict[str, int]
    changes: list[AnswerChange]
    bad: int
    bad_lines: list[Bad]


class Tally:
    """Counts pairs of answers; shared by replay and by a service with a shadow."""

    def __init__(self) -> None:
        self.changes: dict[tuple[object, ...], AnswerChange] = {}

    def change(self, before: Decision, now: Decision) -> AnswerChange | None:
        """The change that two answers make, not yet counted; None where they agree."""
        if (
            before.outcome == now.outcome
            and before.clauses == now.clauses
            and before.duties == now.duties
            and before.owed == now.owed
        ):
            return None
        clauses = before.clauses, now.clauses
        change = self.changes.get((before.outcome, now.outcome, *clauses))
        if change is None and len(self.changes) >= CHANGES_MAX:
            clauses = (), ()  # from here on told apart by outcome alone
            change = self.changes.get((before.outcome, now.outcome, *clauses))
        if change is None:
            change = AnswerChange(before.outcome, now.outcome, *clauses, examples=[])
            self.changes[before.outcome, now.outcome, *clauses] = change
        return change

    def sorted(self) -> list[AnswerChange]:
        """All changes, the most frequent first; those that newly allow before all others."""
        order = {"newly allowed": 0, "no longer allowed": 1, "refused otherwise": 2}
        return sorted(
            self.changes.values(),
            key=lambda c: (order.get(c.kind, 3), -c.count, c.clauses_before, c.clauses_now),
        )


class _RememberedQuestion:
    """What is remembered of a question: its answer, the change, its count, and its colons."""

    __slots__ = ("before", "change", "colons", "count")

    def __init__(self, before: Decision, change: AnswerChange | None, colons: int) -> None:
        self.before, self.change, self.colons = before, change, colons
        self.count = 1


class Replay:
    """Asks a log of one policy, or of it and a draft. `read_line` turns a line into a question.

    `show` gives what an example may show of a question.
    """

    def __init__(
        self,
        policy: Policy,
        draft: Policy | None,
        read_line: Read,
        show: Callable[[Any], object] = lambda question: question,
    ) -> None:
        self.policy, self.draft, self.read_line, self.show = policy, draft, read_line, show
        self.tally = Tally()
        self.lines = 0
        self.bad = 0
        self.bad_lines: list[Bad] = []
        self.outcomes: dict[str, int] = {}
        self.cited: dict[str, int] = {}
        self._remembered: dict[tuple[bytes, ...], _RememberedQuestion] = {}
        self._bytes = 0
        self._decode = msgspec.json.Decoder(_LINE).decode

    def batch(self, lines: list[bytes | None]) -> None:
        """Ask the next lines of the log."""
        decode, remembered, plain_id = self._decode, self._remembered, PLAIN_ID.fullmatch
        for line in lines:
            self.lines += 1
            try:
                m = decode(line or b"")
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self._ask(line, None)
                continue
            ident = bytes(m.id)
            if ident and not plain_id(ident):
                self._ask(line, None)
                continue
            key = tuple(map(bytes, _MEMBERS_OF(m)))
            colons = (line or b"").count(b":") - (1 + ident.count(b":") if ident else 0)
            question = remembered.get(key)
            if question is None or question.colons != colons:  # new, or with a key twice
                self._ask(line, key, colons)
                continue
            question.count += 1
            if question.change is not None:
                question.change.count += 1

    def _ask(self, line: bytes | None, key: tuple[bytes, ...] | None, colons: int = 0) -> None:
        """Ask a line that is not remembered, and remember it if it can be asked."""
        question, wrong = self.read_line(line)
        before = self.policy.ask(question) if wrong is None else wrong
        now = before
        if self.draft is not None and wrong is None:
            now = self.draft.ask(question)
        if before.outcome == now.outcome == "error":
            self.bad += 1
            if len(self.bad_lines) < BAD_MAX:
                self.bad_lines.append(Bad(self.lines, before.code, before.why))
            return
        change = self.tally.change(before, now)
        if change is not None:
            change.add(ReplayExample(self.lines, self.show(question), before.why, now.why))
        answered = _RememberedQuestion(before, change, colons)
        if key is None or key in self._remembered:
            self._count(answered)
            return
        self._remembered[key] = answered
        self._bytes += len(line or b"")
        if len(self._remembered) >= REMEMBERED_MAX or self._bytes > REMEMBERED_BYTES:
            self._forget()

    def _count(self, question: _RememberedQuestion) -> None:
        """Add what a remembered question was asked to the totals."""
        decision, count = question.before, question.count
        self.outcomes[decision.outcome] = self.outcomes.get(decision.outcome, 0) + count
        for clause in decision.clauses:
            self.cited[clause] = self.cited.get(clause, 0) + count

    def _forget(self) -> None:
        for question in self._remembered.values():
            self._count(question)
        self._remembered.clear()
        self._bytes = 0
        self.policy.engine.plans.clear()
        if self.draft is not None:
            self.draft.engine.plans.clear()

    def report(self) -> ReplayReport:
        """What came of the lines so far."""
        self._forget()
        changes = self.tally.sorted()
        clauses: dict[str, int] = {} if self.draft is not None else dict(self.cited)
        for change in changes:
            for clause in change.clauses:
                clauses[clause] = clauses.get(clause, 0) + change.count

        def total(kind: str) -> int:
            return sum(each.count for each in changes if each.kind == kind)

        return ReplayReport(
            questions=self.lines - self.bad,
            otherwise=sum(each.count for each in changes),
            newly_allowed=total("newly allowed"),
            no_longer_allowed=total("no longer allowed"),
            outcomes=dict(sorted(self.outcomes.items())),
            clauses=dict(sorted(clauses.items(), key=lambda each: (-each[1], each[0]))),
            changes=changes,
            bad=self.bad,
            bad_lines=self.bad_lines,
        )


def plain(change: AnswerChange) -> dict[str, Any]:
    """A change as data, with what it means."""
    members: dict[str, Any] = msgspec.to_builtins(change)
    return {"kind": change.kind, **members}
