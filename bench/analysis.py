"""How long exact analysis takes: versions compared, findings, check, queries.

Prints a Markdown table for docs/benchmarks.md: each time, and its ratio to loading one policy of
the same size. Every comparison is of two versions in which a tenth of the clauses differ.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import policies

import upheld
from upheld.policy.analyse.compare import compare
from upheld.policy.analyse.findings import findings
from upheld.policy.analyse.query import query
from upheld.policy.analyse.review import review

SAMPLE = Path(__file__).parent.parent / "policies" / "larch-valley.md"


def best(work: Callable[[], object], repeat: int = 3) -> float:
    """The least seconds of several runs."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def row(name: str, seconds: float, loading: float, target: float) -> str:
    """One line of the table."""
    verdict = "yes" if seconds < target else "NO"
    return f"| {name} | {seconds * 1e3:,.0f} ms | {seconds / loading:.2f}× | {verdict} |"


def versions(clauses: int) -> tuple[upheld.Policy, upheld.Policy, float]:
    """Two versions of so many clauses, and the seconds that loading one takes."""
    old = policies.rules(clauses)
    new = [rule if at % 10 else rule._replace(facts=rule.facts[:1]) for at, rule in enumerate(old)]
    words = policies.vocabulary()
    loading = best(lambda: upheld.load_text(policies.markdown(old), vocabulary=words), 1)
    pair = [upheld.load_text(policies.markdown(each), vocabulary=words) for each in (old, new)]
    return pair[0], pair[1], loading


def main() -> None:
    """Print the table."""
    print(f"Measured on {os.cpu_count()} cores.\n")
    print("| work | time | against loading it | within its target |\n|---|---|---|---|")
    for clauses, target in ((25, 0.1), (1600, 20.0)):
        old, new, loading = versions(clauses)
        seconds = best(lambda: compare(old, new), 3 if clauses < 100 else 1)  # noqa: B023 - called at once
        print(row(f"compare, {clauses:,} clauses", seconds, loading, target), flush=True)
    sample = upheld.load(SAMPLE)
    loading = best(lambda: upheld.load(SAMPLE))
    print(row("findings, sample policy", best(lambda: findings(sample)), loading, 0.3))
    print(row("findings of check, sample policy", best(lambda: review(sample)), loading, 0.3))
    query_time = best(lambda: query(sample, "share payment to advertiser"))
    print(row("one query, sample policy", query_time, loading, 0.3))


if __name__ == "__main__":
    main()
