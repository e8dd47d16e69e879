"""What the page proves of itself: what each clause has decided, and what was disclosed.

Everything comes out of tables that a job keeps; no request reads the log. Pages are made again
when something in the tables has changed, which is looked for once a minute at most. Where the
tables cannot be read, or are not as they were written, the policy is shown without them.
"""

from __future__ import annotations

import calendar
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from upheld.core import observing
from upheld.core.errors import UpheldError
from upheld.gate.gate import Gate
from upheld.gate.log.silence import ORDERS, PURPOSE
from upheld.gate.operations import published_counts, watching
from upheld.gate.operations.published_counts import LatestCounts
from upheld.gate.public import Range, SealedError, write_signed
from upheld.policy.fact_space import tests_of
from upheld.policy.program import Program
from upheld.policy.words import Words
from upheld.practices.notices.stories import SENTENCES
from upheld.web import kit

if TYPE_CHECKING:
    from upheld.practices.notices.page import PolicyPages

MINUTE: Final = timedelta(minutes=1)
NOTHING: Final = LatestCounts(counts=None, last={})
MONTHS: Final = tuple(calendar.month_name)[1:]
_LOG = logging.getLogger("upheld.counts")


class DisclosureRow(NamedTuple):
    """A line of the table of disclosures, in words."""

    information: str
    recipient: str
    times: str


class ClauseProof:
    """What is shown of the counts beside one policy, in sentences."""

    def __init__(
        self,
        program: Program,
        latest: LatestCounts,
        stories: Mapping[str, str],
        public_keys: tuple[str, ...] = (),
        *,
        signed: bool = False,
    ) -> None:
        self.program, self.counts, self.signed = program, latest.counts, signed
        self.public_keys = public_keys
        self._last, self._stories = latest.last, stories
        self._decided = (
            {each.clause: each for each in latest.counts.clauses} if latest.counts else {}
        )
        self._legal = _of_legal_process(program)
        self._deciding = frozenset(published_counts.deciding(program))

    def of(self, clause: str) -> list[str]:
        """What is told of a clause, a sentence each; nothing of one that cannot decide."""
        if clause not in self._deciding:
            return []
        sentences = [self._last_time(clause), *self._often(clause)]
        if clause in self._legal:
            sentences.append(
                "Legal process is never counted here, whether there was any or not:"
                " an order may forbid us to speak of it."
            )
        if clause in self._stories:
            sentences.append(SENTENCES[self._stories[clause]])
        return sentences

    @property
    def month(self) -> str:
        """The month of the table, in words."""
        return _in_words(self.counts.month) if self.counts else ""

    @property
    def since(self) -> str:
        """The first day of the disclosures, in words."""
        return _in_words(self.counts.since) if self.counts else ""

    @property
    def disclosures(self) -> list[DisclosureRow]:
        """What was disclosed, in words, in the order of the vocabulary's labels."""
        words = Words(self.program)
        listed = self.counts.disclosures if self.counts else ()
        return sorted(
            DisclosureRow(
                _capital(words.term("data", each.information)),
                words.term("party", each.recipient),
                str(each.times),
            )
            for each in listed
        )

    def _last_time(self, clause: str) -> str:
        last = self._last.get(clause, "")
        if not last:
            return "It has decided nothing that we count in the last twelve months."
        on = "on" if len(last) > len("2026-03") else "in"
        return f"It last decided something {on} {_in_words(last)}."

    def _often(self, clause: str) -> list[str]:
        counts = self._decided.get(clause)
        if counts is None:
            return ["No month of it is over and counted yet."]
        decided, refused = _times(counts.decided), _times(counts.refused)
        return [f"In {self.month} it decided {decided}, and refused {refused}."]


class LivePages:
    """The pages that show the counts, made again when these have changed."""

    def __init__(self, gate: Gate, pages: PolicyPages, stories: Mapping[str, str]) -> None:
        self._gate, self._pages, self._stories = gate, pages, stories
        self._lock = threading.Lock()
        self._looked: datetime | None = None
        self._pages_made: dict[tuple[str, str], kit.Fixed] = {}
        self._table = b""
        self._state: tuple[LatestCounts, tuple[str, ...], bool] | None = None
        self._proof = ClauseProof(pages.program, NOTHING, stories)

    def policy(self, *, rules: bool) -> kit.Fixed:
        """The whole policy."""
        return self._page(
            "policy", str(rules), lambda: self._pages.policy_page(rules=rules, proof=self._proof)
        )

    def clause(self, name: str) -> kit.Fixed:
        """One clause."""
        return self._page("clause", name, lambda: self._pages.clause_page(name, self._proof))

    def disclosures(self) -> kit.Fixed:
        """What was disclosed."""
        return self._page("disclosures", "", lambda: self._pages.disclosures_page(self._proof))

    def table(self) -> bytes:
        """The table with its receipt, as a file; empty where none is published yet."""
        with self._lock:
            self._look()
            return self._table

    def _page(self, kind: str, which: str, make: Callable[[], str]) -> kit.Fixed:
        with self._lock:
            self._look()
            if (kind, which) not in self._pages_made:
                with observing.pause_notes():
                    self._pages_made[kind, which] = kit.Fixed(make().encode(), kit.HTML)
            return self._pages_made[kind, which]

    def _look(self) -> None:
        now = self._gate.clock.now()
        if self._looked is not None and abs(now - self._looked) < MINUTE:
            return
        self._looked = now
        try:
            latest, signed = (
                published_counts.latest(self._gate),
                published_counts.signed(self._gate),
            )
            keys = tuple(each.public_key for each in watching.logs(self._gate))
        except SealedError as error:  # which tells a table alone
            _LOG.error("the counts of clauses are not shown: %s", str(error))
            latest, signed, keys = NOTHING, None, ()
        except UpheldError as error:
            _LOG.error(
                "the counts of clauses cannot be read, and stay as they were: %s", error.code
            )
            return
        self._table = write_signed(signed) if signed else b""
        state = latest, keys, signed is not None and signed.receipt is not None
        if self._state != state:
            self._state = state
            self._proof = ClauseProof(
                self._pages.program, latest, self._stories, keys, signed=state[2]
            )
            self._pages_made.clear()


def _of_legal_process(program: Program) -> frozenset[str]:
    """The clauses with a rule of legal process: for that purpose, or by an order."""
    facts = program.vocabulary.facts
    names = set()
    for node in program.nodes:
        for copy in (*node.copies, *(each for gate in node.gates for each in gate)):
            if copy.scope.get("purpose") == (PURPOSE,) or any(
                facts[test.fact].proof in ORDERS for test in tests_of(copy.condition)
            ):
                names.add(node.clause)
    return frozenset(names)


def _times(amount: Range) -> str:
    return f"{amount} times"


def _in_words(text: str) -> str:
    """A day or a month as people say it."""
    if len(text) == len("2026-03"):
        return f"{MONTHS[int(text[5:]) - 1]} {int(text[:4])}"
    day = date.fromisoformat(text)
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
