"""What is said where the policy refuses: what is so, the clause that says so, and what to do."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from upheld.gate.request import Refused
from upheld.policy.request import Decision
from upheld.practice.brings import Provider


class Quoted(NamedTuple):
    """A clause as it is quoted: its id and its words."""

    id: str
    text: str


def quoted(provider: Provider, decision: Decision | None) -> list[Quoted]:
    """The clauses that a decision rests on, and those that came nearest to deciding otherwise."""
    if decision is None:
        return []
    ids = dict.fromkeys([*decision.clauses, *(each.clause for each in decision.nearest)])
    clauses = {each.id: each for each in provider.gate.gate.house.policy.program.clauses}
    return [Quoted(each, clauses[each].text) for each in ids if each in clauses]


def refusal(
    provider: Provider, request: Request, refused: Refused, what: str, do: str, back: str
) -> Response:
    """A page that says why something may not be, with what to do instead."""
    return provider.pages.page(
        request, "billing/refused.html", status=403, what=what, do=do, back=back,
        why=refused.why or "The policy does not allow it now.",
        clauses=quoted(provider, refused.decision),
    )  # fmt: skip
