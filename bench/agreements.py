"""How long an agreement with a partner is compared with the policy, and asked in an act after that.

Prints a Markdown table for docs/benchmarks.md; nothing of the comparison is kept between the runs.
"""

from __future__ import annotations

import os
from pathlib import Path

from analysis import best

import upheld
from upheld.policy.analyse.contains import contains
from upheld.policy.analyse.draft import agreement
from upheld.practices.agreements import terms

SAMPLE = Path(__file__).parent.parent / "policies" / "larch-valley.md"
TARGET_SECONDS = 0.15
AGAIN_TIMES = 10_000


def main() -> None:
    """Print the table."""
    print(f"Measured on {os.cpu_count()} cores.\n")
    policy = upheld.load(SAMPLE)
    text = agreement(policy, "Northern Mail").encode()
    signed = terms.read_terms(text, policy)

    def ask_again() -> None:
        for _ in range(AGAIN_TIMES):
            terms.compare(signed, policy)
            terms.covers(signed, policy, "email", "offers")

    seconds = best(lambda: contains(signed, policy), 5)
    verdict = "yes" if seconds < TARGET_SECONDS else "NO"
    print("| work | time | within its target |\n|---|---|---|")
    print(f"| agreement beside the sample policy | {seconds * 1e3:,.0f} ms | {verdict} |")
    reading = best(lambda: terms.read_terms(text, policy))
    print(f"| reading it strictly | {reading * 1e3:,.0f} ms | |")
    again = best(ask_again) / AGAIN_TIMES
    print(f"| asked again in an act | {again * 1e6:,.1f} µs | |")


if __name__ == "__main__":
    main()
