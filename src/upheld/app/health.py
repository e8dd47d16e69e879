"""How a running provider is, for `/healthz`, the metrics and the console: its database, its log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy import Connection

from upheld.api.metrics import Metrics
from upheld.core.errors import UpheldError
from upheld.database.transaction import reading
from upheld.gate import findings, rounds, set_aside
from upheld.gate.operations import log_check, selfcheck_job
from upheld.practice.plugin import Provider

LASTS: Final = 1.0  # seconds for which an answer serves everybody who asks


class Health:
    """The state of one provider; looked at once a second at most, however many ask."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._until = 0.0
        self._state: dict[str, object] = {}

    def __call__(self) -> dict[str, object]:
        """`status` is `ok`, or what is wrong; `uncovered` how many entries no checkpoint covers."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._state = self._look()
                self._until = time.monotonic() + LASTS
            return self._state

    def measure(self, metrics: Metrics) -> None:
        """Let the metrics tell it too."""
        metrics.gauge(
            "upheld_log_stands",
            "1 while the log is as it was signed.",
            lambda: float(self()["status"] != "log-changed"),
        )
        metrics.gauge(
            "upheld_log_uncovered_entries",
            "Entries that no signed checkpoint covers.",
            lambda: float(str(self().get("uncovered", 0))),
        )
        metrics.gauge(
            "upheld_not_whole",
            "Things that looks through the database found changed.",
            lambda: self._counted(findings.many),
        )
        metrics.gauge(
            "upheld_set_aside",
            "People and rows that a job could not do.",
            lambda: self._counted(set_aside.many),
        )
        for name in (selfcheck_job.NAME, log_check.NAME):
            metrics.gauge(
                f"upheld_{name.replace('-', '_')}_ended_timestamp_seconds",
                "When a look through everything last came to its end; 0 if none has.",
                partial(self._counted, partial(_ended, name)),
            )

    def _counted(self, count: Callable[[Connection], float]) -> float:
        """A number out of the database; none where it cannot be asked."""
        try:
            with reading(self._provider.gate.gate.engine) as connection:
                return float(count(connection))
        except UpheldError:
            return float("nan")

    def _look(self) -> dict[str, object]:
        standing = self._provider.gate.gate.log_state
        try:
            changed, waiting = standing.look(), standing.uncovered()
        except UpheldError as error:
            return {"status": error.code}
        late = waiting is not None and waiting.late(self._provider.now())
        state: dict[str, object] = {"status": "ok"}
        if waiting is not None:
            state["uncovered"] = waiting.entries
        if changed or late:
            state["status"] = "log-changed" if changed else "log-uncovered"
        return state


def _ended(name: str, connection: Connection) -> float:
    """When a look last came to its end, in seconds since 1970."""
    ends = [
        each.ended for each in rounds.round_states(connection) if each.name == name and each.ended
    ]
    return ends[0].timestamp() if ends else 0.0
