"""Why something may not be, in the words of the decision itself: for whoever it is about, alone.

A page that refuses knows no reason of its own. It says what the decision says: the clauses that
forbid it, or that no clause allows it and which came nearest, or what has to be proven first.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.gate.act.request import LicenceDecision, OlderDecision, Refused
from upheld.policy.english import word_list
from upheld.policy.load import Policy
from upheld.policy.prose import Prose
from upheld.policy.request import Decision
from upheld.practice.citations import Quote, deciding_policy, quote_decision
from upheld.practice.plugin import Provider

TITLE: Final = "Our policy does not let us do this"
_FORBIDDEN: Final = "Our policy says no."
_SILENT: Final = "No clause of our policy allows it, and what no clause allows we do not do."


class RefusalReason(NamedTuple):
    """Why a decision is not a yes: a sentence or two, the clauses that say so, what is missing.

    `missing` are facts by name, each of which some way to a yes lacks.
    """

    says: str
    quotes: list[Quote]
    missing: frozenset[str]


def refusal_reason(policy: Policy, decision: Decision | None) -> RefusalReason:
    """Why a decision is not a yes; without a decision, that no clause allows it."""
    if decision is None:
        return RefusalReason(_SILENT, [], frozenset())
    if isinstance(decision, LicenceDecision) and decision.outcome == "deny":
        return _licence_reason(policy, decision)
    older, deciding = _older_version(decision), deciding_policy(policy, decision)
    quote = partial(quote_decision, policy, decision)
    nearest = [each for each in decision.nearest if not any(":" in lack for lack in each.lacks)]
    ways = decision.prove or tuple(each.lacks for each in nearest)  # else another act is meant
    missing = frozenset(_fact(literal) for way in ways for literal in way)
    if decision.outcome == "needs-proof":
        says = f"Our policy allows it only if {_ways(deciding, ways)}. That is not proven."
        return RefusalReason(says + older, quote(decision.clauses), missing)
    if decision.clauses:
        return RefusalReason(_FORBIDDEN + older, quote(decision.clauses), missing)
    near = quote(each.clause for each in nearest)
    says = _SILENT
    if near:
        says += f" The nearest would allow it if {_ways(deciding, ways)}."
    return RefusalReason(says + older, near, missing)


def _licence_reason(policy: Policy, decision: LicenceDecision) -> RefusalReason:
    company = company_name(decision.party)
    says = f"Our policy would allow it. {company} told us of it, and its licence does not let us."
    return RefusalReason(says, quote_decision(policy, decision, decision.clauses), frozenset())


def _older_version(decision: Decision) -> str:
    """A sentence that says which version or licence decided, if it is not the one in force."""
    if not isinstance(decision, OlderDecision):
        return ""
    if isinstance(decision, LicenceDecision):
        company = company_name(decision.party)
        return f" So says the licence under which {company} told us of it, which we ask as well."
    name = decision.policy.front.version or decision.number
    return f" So says version {name} of our policy, which we still ask about you as well."


def refusal_page(
    provider: Provider, request: Request, refused: Refused, title: str = TITLE, note: str = ""
) -> Response:
    """The page that says that something may not be, and why; `note` is what else is so."""
    why = refusal_reason(provider.policy, refused.decision)
    return provider.pages.page(request, "refused.html", status=403, title=title, why=why, note=note)


def _ways(policy: Policy, ways: Iterable[tuple[str, ...]]) -> str:
    """Alternative sets of facts as a phrase: all of one set, or all of another."""
    prose = _prose(policy)
    phrases = [word_list((prose.literal(each) for each in way), "and") for way in ways]
    return "; or ".join(dict.fromkeys(phrases))


@lru_cache(maxsize=8)
def _prose(policy: Policy) -> Prose:
    return Prose(policy.program)


def _fact(literal: str) -> str:
    return literal.removeprefix("not ").split()[0]
