"""Visits of our own pages wait in memory for a moment, and are then kept, many together.

No page waits for that. Where more come than can be kept in time, some are dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from datetime import date
from typing import Final, Generic, NamedTuple, TypeVar

from upheld.core.errors import UpheldError
from upheld.gate.act.request import Act
from upheld.policy.load import Policy
from upheld.practice.endpoints import cookie_name
from upheld.practice.plugin import Provider
from upheld.practices.collection.blocks import COOKIE
from upheld.practices.collection.intake import QUARTER, SIGNAL, Intake, VisitRules, rules_of
from upheld.practices.collection.log_lines import LogLine
from upheld.practices.collection.tellers import OWN
from upheld.practices.collection.ties import tie

WAITING_MAX: Final = 20_000
TOGETHER: Final = 5_000
SECONDS: Final = 1.0
DROPPED: Final = "upheld_dropped_visits_total"
SET_COOKIE: Final = Act(action="set-cookie", occasion=OWN.occasion)
REFUSED_MAX: Final = 10_000
COOKIE_DAYS_MAX: Final = 400  # no browser keeps one for longer
_DAY: Final = 86_400
_LOG = logging.getLogger("upheld")
W = TypeVar("W")


class OpenRules(NamedTuple):
    """What the policy lets us do when a page is asked for: what is kept, and with which cookie."""

    visit: VisitRules
    sets_cookie: bool
    cookie_end: str  # what follows the value where our cookie is set

    @property
    def reads_cookie(self) -> bool:
        """Whether our cookie is looked at."""
        return COOKIE in self.visit.fields


class WaitingVisit(NamedTuple):
    """A visit that waits, and the session of the customer who is signed in, if anybody is.

    It is put into the form in which it is kept by whoever keeps it, not while its page is sent.
    """

    at: int  # seconds since 1970
    address: str
    target: bytes
    cookie: str
    signal: bool
    session: str = ""

    def line(self) -> LogLine:
        """The visit as a line of a log tells of one."""
        address = self.address.encode("utf-8", "replace")
        return LogLine(self.at, address, self.target, self.cookie.encode(), self.signal)


class WaitingLine(ABC, Generic[W]):
    """What waits in memory to be kept, many together; nobody who adds to it waits."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._waiting: deque[W] = deque()
        self._task: asyncio.Task[None] | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None  # that keeps what waits, where no loop does

    def note(self, visit: W) -> None:
        """Let a visit wait to be kept; never waits itself."""
        if len(self._waiting) >= WAITING_MAX:
            self.provider.count(DROPPED)
            return
        self._waiting.append(visit)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # in a thread of a server that has none
            self._start_thread()
            return
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._keep_on())

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep_in_thread, daemon=True)
                self._thread.start()

    def _keep_in_thread(self) -> None:
        try:
            while True:
                time.sleep(SECONDS)
                self.keep()
                with self._lock:
                    if not self._waiting:
                        self._thread = None
                        return
        except BaseException:
            with self._lock:
                self._thread = None  # the next visit starts another
            raise

    async def _keep_on(self) -> None:
        while self._waiting:
            await asyncio.sleep(SECONDS)
            await asyncio.to_thread(self.keep)

    def keep(self) -> int:
        """Keep what waits; how many visits. What fails is dropped, counted, and in the log."""
        count = 0
        while self._waiting:
            some = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
            try:
                count += self.take(some)
            except UpheldError as error:
                _LOG.error("visits could not be recorded: %s", error.code)
                for _ in some:
                    self.provider.count(DROPPED)
        return count

    @abstractmethod
    def take(self, some: list[W]) -> int:
        """Keep some of what waited; how many visits."""


class VisitRecorder(WaitingLine[WaitingVisit]):
    """Takes visits of our own pages, and keeps them a moment later."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self._intake = Intake(provider.gate.gate)
        self.session_cookie = cookie_name(provider, "customer")
        # Of a policy and a quarter of an hour, by whether there is a signal.
        self._rules: tuple[Policy | None, int, dict[bool, OpenRules]] = (None, 0, {})
        self._settled: set[tuple[str, bytes]] = set()  # sessions and cookies that are done

    def rules(self, at: int, *, signal: bool) -> OpenRules:
        """What the policy in force lets us do at a moment, with a privacy signal or without."""
        policy, quarter = self.provider.gate.gate.policy, at // QUARTER
        its, its_quarter, by_signal = self._rules
        # Days begin at whole quarters of an hour, in every zone.
        if its is not policy or its_quarter != quarter:
            by_signal = {}
            self._rules = policy, quarter, by_signal
        rules = by_signal.get(signal)
        if rules is None:
            rules = by_signal[signal] = self._open_rules(signal=signal)
        return rules

    def _open_rules(self, *, signal: bool) -> OpenRules:
        questions = self.provider.gate.gate.arrival_questions
        visit = rules_of(questions, signal=signal)
        sets = questions.decide(SET_COOKIE, {SIGNAL: True} if signal else {}).allowed
        days = (self.provider.today() - date.fromisoformat(visit.oldest)).days
        end = f"; Max-Age={min(days, COOKIE_DAYS_MAX) * _DAY}; Path=/; HttpOnly; SameSite=Lax"
        secure = "; Secure" if self.provider.secure else ""
        return OpenRules(visit, sets and COOKIE in visit.fields, end + secure)

    def take(self, some: list[WaitingVisit]) -> int:
        """Keep some visits, and tie the cookies of whoever is signed in; how many visits."""
        count = self._intake.keep([each.line() for each in some]).visits
        self._tie(some)
        return count

    def _tie(self, some: list[WaitingVisit]) -> None:
        """Tie the cookies of those who are signed in to their accounts, as the policy lets us."""
        pairs = {(each.session, each.cookie.encode()) for each in some}
        new = [pair for pair in pairs - self._settled if pair[0] and pair[1]]
        if len(self._settled) > REFUSED_MAX:
            self._settled.clear()
        for session, cookie in new:
            try:
                with self.provider.gate.gate.together() as transaction:
                    tie(transaction, session, cookie)
            except UpheldError as error:  # that of the others is tied; this one is tried again
                _LOG.error("a browser could not be tied: %s", error.code)
            else:
                self._settled.add((session, cookie))


def new_cookie() -> str:
    """The value of a cookie that nobody has yet."""
    return secrets.token_urlsafe(16)
