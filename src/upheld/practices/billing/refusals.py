"""What is said where the policy refuses: what is so, the clause that says so, and what to do."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from upheld.gate.act.request import Refused
from upheld.policy.request import Decision
from upheld.practice.citations import Quote, quote_decision
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_reason


def cited_clauses(provider: Provider, decision: Decision | None) -> list[Quote]:
    """The clauses that a decision rests on, and those that came nearest to deciding otherwise."""
    if decision is None:
        return []
    names = [*decision.clauses, *(each.clause for each in decision.nearest)]
    return quote_decision(provider.policy, decision, names)


def refusal(
    provider: Provider, request: Request, denial: Refused, what: str, do: str, back: str
) -> Response:
    """A page that says why something may not be, with what to do instead."""
    why = refusal_reason(provider.policy, denial.decision)
    decision = denial.decision
    problem = denial.why if decision is not None and denial.why != decision.why else ""
    return provider.pages.page(
        request,
        "billing/refused.html",
        status=403,
        what=what,
        do=do,
        back=back,
        why=problem or why.says,
        clauses=cited_clauses(provider, decision),
    )
