"""A draft beside the policy in force: both decide, one answers, and what differs is counted.

The draft's answers go nowhere but into counts: by change and clause, with a few examples that hold
the words of a question and the names of its facts, never a value. They are kept in a file, written
whole at most twice a second and at the end, and go on where the file was left as long as policy and
draft are the same. Whatever goes wrong with a draft, the policy in force answers.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from upheld.api import messages as m
from upheld.api.authzen import AuthZen
from upheld.api.live import Live
from upheld.api.logs import event
from upheld.api.metrics import Metrics
from upheld.core.dimensions import DATA, dimension_values
from upheld.core.errors import RequestError, UpheldError
from upheld.policy.load import Policy
from upheld.policy.replay import AnswerChange, ReplayExample, Tally
from upheld.policy.request import Decision

TOTAL = "upheld_shadow_total"


class ShadowState(msgspec.Struct):
    """What the file holds."""

    policy: str
    draft: str
    decisions: int
    changes: list[AnswerChange]


class Shadow:
    """A draft that decides beside a policy; `path` is its file, `report` where counts are kept."""

    def __init__(self, path: Path, report: Path | None, metrics: Metrics) -> None:
        self.live: Live[AuthZen] = Live(path, AuthZen)
        self.report, self.metrics = report, metrics
        self.lock = threading.Lock()
        self.tally, self.decisions = Tally(), 0
        self.of = ("", self.live.now.policy.digest)
        self.dirty = False

    def begin(self, policy: Policy) -> None:
        """Compare with this policy from now on; counts of the same pair go on."""
        with self.lock:
            self._turn(policy.digest, self.live.now.policy.digest)

    def _turn(self, policy: str, draft: str) -> None:
        """Begin the counts of a pair, or go on where its file was left."""
        if self.of == (policy, draft):
            return
        if self.dirty:
            self._write()
        self.of, self.tally, self.decisions = (policy, draft), Tally(), 0
        if self.report is None or not self.report.exists():
            return
        try:
            state = msgspec.json.decode(self.report.read_bytes(), type=ShadowState)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            raise UpheldError(
                f"{self.report} holds no differences of a shadow",
                code="shadow-report",
                hint="name another file, or move this one away",
            ) from None
        if (state.policy, state.draft) == self.of:
            self.decisions = state.decisions
            for each in state.changes:
                key = each.before, each.now, each.clauses_before, each.clauses_now
                self.tally.changes[key] = each

    def see(self, policy: Policy, message: m.EvaluationRequest, decision: Decision) -> None:
        """Ask the draft what the policy has just decided, and count the difference."""
        try:
            now = self.live.now
            theirs, why = None, ""
            try:
                theirs = now.policy.decide(now.built.question(message), message.context.facts)
            except RequestError as error:
                why = error.code
            with self.lock:
                self._turn(policy.digest, now.policy.digest)
                self.decisions += 1
                self.dirty = True
                if theirs is None:
                    self.metrics.count(TOTAL, result="cannot be asked")
                    event("shadow cannot be asked", logging.WARNING, code=why)
                    return
                change = self.tally.change(decision, theirs)
                self.metrics.count(TOTAL, result=change.kind if change else "same")
                if change is not None:
                    line = {
                        "action": message.action.name,
                        "subject": message.subject.id,
                        "resource": message.resource.id,
                        **_words(message),
                        "facts": sorted(message.context.facts),
                    }
                    change.add(
                        ReplayExample(self.decisions, line, decision.outcome, theirs.outcome)
                    )
        except Exception:
            logging.getLogger("upheld").exception("the shadow failed")
            self.metrics.count(TOTAL, result="failed")

    def look(self, policy: Policy, *, changed: bool) -> None:
        """Keep what was counted; first load the draft again if it `changed` and that is wanted."""
        if changed:
            self.live.look()
        with self.lock:
            self._turn(policy.digest, self.live.now.policy.digest)
            if self.dirty:
                self._write()

    def _write(self) -> None:
        """Replace the file whole; one that cannot be written is told, and tried again later."""
        if self.report is None:
            self.dirty = False
            return
        state = ShadowState(*self.of, self.decisions, self.tally.sorted())
        name = ""
        try:
            handle, name = tempfile.mkstemp(dir=self.report.resolve().parent, prefix=".shadow.")
            with os.fdopen(handle, "wb") as out:
                out.write(msgspec.json.format(msgspec.json.encode(state), indent=1) + b"\n")
                out.flush()
                os.fsync(out.fileno())
            Path(name).replace(self.report)
            self.dirty = False
        except OSError as error:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            event("shadow not kept", logging.ERROR, why=error.strerror or "")


def _words(message: m.EvaluationRequest) -> Mapping[str, Any]:
    return dimension_values(message.context, DATA, "recipient")
