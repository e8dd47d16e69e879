"""Clauses in their own words: what a page quotes and links where it says why or why not."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.gate.act.request import LicenceDecision, OlderDecision
from upheld.policy.load import Policy
from upheld.policy.request import Decision

if TYPE_CHECKING:
    from upheld.gate.transaction import Transaction

VERSIONS: Final = "/privacy/versions"  # where each version that was posted is read
LICENCES: Final = "/me/privacy/licences"  # where a customer reads each licence
VERSION: Final = "version "  # before the version of a policy in the evidence of its acceptance


class Quote(NamedTuple):
    """A clause as it stands in the policy, and where.

    `version` is the number of the earlier version that it is of; 0 for the one in force. Of a
    clause of a licence, `licence` is the number of that.
    """

    id: str
    text: str
    version: int = 0
    licence: int = 0

    @property
    def page(self) -> str:
        """The page of its version, or of its licence."""
        if self.licence:
            return f"{LICENCES}/{self.licence}"
        return f"{VERSIONS}/{self.version}" if self.version else "/privacy"

    @property
    def href(self) -> str:
        """The clause's place on that page."""
        return f"{self.page}#{self.id}"


@lru_cache(maxsize=8)
def clause_ids(policy: Policy) -> frozenset[str]:
    """The ids of all clauses that stand on a policy's page."""
    return frozenset(each.id for each in policy.program.clauses)


def quote_clauses(policy: Policy, clauses: Iterable[str]) -> list[Quote]:
    """The clauses with these ids, in the order of the policy."""
    ids = set(clauses)
    return [Quote(each.id, each.text) for each in policy.program.clauses if each.id in ids]


def quote_for(transaction: Transaction, person_id: PersonId, clauses: Iterable[str]) -> list[Quote]:
    """Clauses of the version in force, or of the last one that matters for somebody and has them.

    What keeps something of theirs, or what they have a right to, may rest on a version before the
    one in force, which still matters for them.
    """
    missing = set(clauses)
    quotes = quote_clauses(transaction.policy, missing)
    missing -= {each.id for each in quotes}
    earlier = transaction.binding_versions(person_id)[:-1] if missing else ()
    for edition in reversed(earlier):
        more = quote_clauses(transaction.editions.policy(edition.digest), missing)
        quotes += [each._replace(version=edition.number) for each in more]
        missing -= {each.id for each in more}
    return quotes


def quote_decision(policy: Policy, decision: Decision, clauses: Iterable[str]) -> list[Quote]:
    """Clauses that a decision names, of the version or licence that made it.

    `policy` is the one in force.
    """
    quotes = quote_clauses(deciding_policy(policy, decision), clauses)
    if not isinstance(decision, OlderDecision):
        return quotes
    if isinstance(decision, LicenceDecision):
        return [each._replace(licence=decision.number) for each in quotes]
    return [each._replace(version=decision.number) for each in quotes]


def deciding_policy(policy: Policy, decision: Decision) -> Policy:
    """The version or licence that made a decision; `policy` is the one in force."""
    return decision.policy if isinstance(decision, OlderDecision) else policy
