"""Counts for a monitoring system, in Prometheus' text form; no label names a person or caller."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

KINDS = {
    "upheld_requests_total": ("counter", "Requests by route and status."),
    "upheld_request_seconds": ("histogram", "How long requests took, by route."),
    "upheld_decisions_total": ("counter", "AuthZEN decisions by outcome."),
    "upheld_shadow_total": ("counter", "AuthZEN decisions by what a draft would change."),
    "upheld_dropped_visits_total": ("counter", "Visits that could not be recorded in time."),
    "upheld_changed_rows_total": ("counter", "Times that a changed row of the database was met."),
    "upheld_desk_sign_ins_failed_total": ("counter", "Failed sign-ins at desks, by desk and why."),
    "upheld_reloads_total": ("counter", "Changed policy files by what came of them."),
}
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
TYPE = b"text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters by name and labels. Every label's value comes from a fixed list in the program."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, Labels]] = Counter()
        self.sums: dict[str, float] = {}
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self.lock = threading.Lock()

    def gauge(self, name: str, what: str, measure: Callable[[], float]) -> None:
        """Tell a number that is measured when somebody asks for the metrics."""
        self.gauges[name] = what, measure

    def count(self, name: str, **labels: str) -> None:
        """Count one."""
        with self.lock:
            self.counts[name, tuple(labels.items())] += 1

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request and how long it took."""
        bucket = next((str(bound) for bound in BOUNDS if seconds <= bound), "+Inf")
        with self.lock:
            self.counts["upheld_requests_total", (("route", route), ("status", str(status)))] += 1
            self.counts["upheld_request_seconds", (("route", route), ("le", bucket))] += 1
            self.sums[route] = self.sums.get(route, 0.0) + seconds

    def text(self, digest: str, loaded_at: float) -> bytes:
        """All counts, with the policy in force."""
        with self.lock:
            counts, sums = dict(self.counts), dict(self.sums)
        lines = [
            "# HELP upheld_policy_info The policy in force.",
            "# TYPE upheld_policy_info gauge",
            f'upheld_policy_info{{digest="{digest}"}} 1',
            "# HELP upheld_policy_loaded_seconds When it was loaded.",
            "# TYPE upheld_policy_loaded_seconds gauge",
            f"upheld_policy_loaded_seconds {loaded_at:.3f}",
        ]
        for name, (what, measure) in self.gauges.items():
            lines += [f"# HELP {name} {what}", f"# TYPE {name} gauge", f"{name} {measure():g}"]
        for name, (kind, what) in KINDS.items():
            lines += [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
            if kind == "histogram":
                lines += _histogram(name, counts, sums)
                continue
            for (own, labels), number in sorted(counts.items()):
                if own == name:
                    lines.append(f"{name}{_labels_text(labels)} {number}")
        return ("\n".join(lines) + "\n").encode()


def _labels_text(labels: Labels) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels) + "}" if labels else ""


def _histogram(
    name: str, counts: dict[tuple[str, Labels], int], sums: dict[str, float]
) -> list[str]:
    lines = []
    for route in sorted(sums):
        total = 0
        for bound in (*map(str, BOUNDS), "+Inf"):
            total += counts.get((name, (("route", route), ("le", bound))), 0)
            lines.append(f'{name}_bucket{{route="{route}",le="{bound}"}} {total}')
        lines.append(f'{name}_sum{{route="{route}"}} {sums[route]:.6f}')
        lines.append(f'{name}_count{{route="{route}"}} {total}')
    return lines
