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
KEPT_MAX = 65_536  # questions remembered, and
KEPT_BYTES = 1 << 24  # the bytes that they were asked in, before all is forgotten

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


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
    """One question that is decided otherwise: its line, itself, and both answers in words."""

    line: int
    question: object
    before: str
    now: str


class Change(msgspec.Struct, omit_defaults=True):
    """Questions whose answer changes alike: outcome and clauses before and now."""

    before: str
    now: str
    clauses_before: tuple[str, ...]
    clauses_now: tuple[str, ...]
    count: int = 0
    examples: list[Example] = []

    def add(self, example: Example) -> None:
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


class Report(msgspec.Struct):
    """What came of it, as data. `questions` are the lines that both could answer."""

    questions: int
    otherwise: int
    newly_allowed: int
    no_longer_allowed: int
    outcomes: dict[str, int]
    clauses: dict[str, int]
    changes: list[Change]
    bad: int
    bad_lines: list[Bad]


class Tally:
    """Counts pairs of answers; shared by replay and by a service with a shadow."""

    def __init__(self) -> None:
        self.changes: dict[tuple[object, ...], Change] = {}

    def change(self, before: Decision, now: Decision) -> Change | None:
        """The change that two answers make, not yet counted; None where they agree."""
        if (
            before.outcome == now.outcome
            and before.clauses == now.clauses
            and before.duties == now.duties
            and before.owed == now.owed
        ):
            return None
        cited = before.clauses, now.clauses
        found = self.changes.get((before.outcome, now.outcome, *cited))
        if found is None and len(self.changes) >= CHANGES_MAX:
            cited = (), ()  # from here on told apart by outcome alone
            found = self.changes.get((before.outcome, now.outcome, *cited))
        if found is None:
            found = Change(before.outcome, now.outcome, *cited, examples=[])
            self.changes[before.outcome, now.outcome, *cited] = found
        return found

    def sorted(self) -> list[Change]:
        """All changes, the most frequent first; those that newly allow before all others."""
        order = {"newly allowed": 0, "no longer allowed": 1, "refused otherwise": 2}
        return sorted(
            self.changes.values(),
            key=lambda c: (order.get(c.kind, 3), -c.count, c.clauses_before, c.clauses_now),
        )


class _Kept:
    """What is remembered of a question: its answer, the change, how often, and its colons."""

    __slots__ = ("before", "change", "colons", "count")

    def __init__(self, before: Decision, change: Change | None, colons: int) -> None:
        self.before, self.change, self.colons = before, change, colons
        self.count = 1


class Replay:
    """Asks a log of one policy, or of it and a draft. `read` turns a line into a question.

    `shown` is what an example may show of a question.
    """

    def __init__(
        self,
        policy: Policy,
        draft: Policy | None,
        read: Read,
        shown: Callable[[Any], object] = lambda question: question,
    ) -> None:
        self.policy, self.draft, self.read, self.shown = policy, draft, read, shown
        self.tally = Tally()
        self.lines = 0
        self.bad = 0
        self.bad_lines: list[Bad] = []
        self.outcomes: dict[str, int] = {}
        self.cited: dict[str, int] = {}
        self._kept: dict[tuple[bytes, ...], _Kept] = {}
        self._bytes = 0
        self._decode = msgspec.json.Decoder(_LINE).decode

    def batch(self, lines: list[bytes | None]) -> None:
        """Ask the next lines of the log."""
        decode, kept, plain_id = self._decode, self._kept, PLAIN_ID.fullmatch
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
            found = kept.get(key)
            if found is None or found.colons != colons:  # new, or with a key twice
                self._ask(line, key, colons)
                continue
            found.count += 1
            if found.change is not None:
                found.change.count += 1

    def _ask(self, line: bytes | None, key: tuple[bytes, ...] | None, colons: int = 0) -> None:
        """Ask a line that is not remembered, and remember it if it can be asked."""
        question, wrong = self.read(line)
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
            change.add(Example(self.lines, self.shown(question), before.why, now.why))
        found = _Kept(before, change, colons)
        if key is None or key in self._kept:
            self._count(found)
            return
        self._kept[key] = found
        self._bytes += len(line or b"")
        if len(self._kept) >= KEPT_MAX or self._bytes > KEPT_BYTES:
            self._forget()

    def _count(self, kept: _Kept) -> None:
        """Add what a remembered question was asked to the totals."""
        decision, count = kept.before, kept.count
        self.outcomes[decision.outcome] = self.outcomes.get(decision.outcome, 0) + count
        for clause in decision.clauses:
            self.cited[clause] = self.cited.get(clause, 0) + count

    def _forget(self) -> None:
        for kept in self._kept.values():
            self._count(kept)
        self._kept.clear()
        self._bytes = 0
        self.policy.engine.plans.clear()
        if self.draft is not None:
            self.draft.engine.plans.clear()

    def report(self) -> Report:
        """What came of the lines so far."""
        self._forget()
        changes = self.tally.sorted()
        clauses: dict[str, int] = {} if self.draft is not None else dict(self.cited)
        for change in changes:
            for clause in change.clauses:
                clauses[clause] = clauses.get(clause, 0) + change.count

        def total(kind: str) -> int:
            return sum(each.count for each in changes if each.kind == kind)

        return Report(
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


def plain(change: Change) -> dict[str, Any]:
    """A change as data, with what it means."""
    found: dict[str, Any] = msgspec.to_builtins(change)
    return {"kind": change.kind, **found}
