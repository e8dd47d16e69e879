"""Clauses in their own words: what a page quotes and links where it says why or why not."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from upheld.policy.load import Policy

VERSIONS: Final = "/privacy/versions"  # where each version that was posted is read
VERSION: Final = "version "  # before the version of a policy in the evidence of its acceptance


class Quote(NamedTuple):
    """A clause as it stands in the policy, and where."""

    id: str
    text: str

    @property
    def href(self) -> str:
        """The clause's place on the policy's page."""
        return f"/privacy#{self.id}"


@lru_cache(maxsize=8)
def clause_ids(policy: Policy) -> frozenset[str]:
    """The ids of all clauses that stand on a policy's page."""
    return frozenset(each.id for each in policy.program.clauses)


def quote_clauses(policy: Policy, clauses: Iterable[str]) -> list[Quote]:
    """The clauses with these ids, in the order of the policy."""
    ids = set(clauses)
    return [Quote(each.id, each.text) for each in policy.program.clauses if each.id in ids]
