"""How many customers each difference of a draft reaches, by its example and what is on record now.

An example is the smallest question that the draft answers otherwise, so it stands for the others of
its difference. The page looks at a bounded number of customers; the command looks at all of them.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.gate.act import reach as gate_reach
from upheld.gate.gate import Gate
from upheld.policy.analyse.compare import Change, Comparison
from upheld.policy.load import Policy
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practices.versions.console_pages import (
    CONSOLE,
    comparison_of,
    counsel_of,
    draft_view,
)

PEOPLE_MAX: Final = 2_000  # customers that a page looks at; ids are random, and so are these
CHANGES_MAX: Final = 30  # differences whose customers are counted on a page
KEPT_MAX: Final = 8  # drafts whose counts are kept in mind
KEPT_FOR: Final = timedelta(minutes=10)


class DraftReach(NamedTuple):
    """The customers that were looked at, whether these are all, and each difference's number.

    A difference that is about nobody in particular has no number.
    """

    customers: int
    complete: bool
    counts: tuple[tuple[Change, int | None], ...]


def draft_reach(
    gate: Gate, draft: Policy, comparison: Comparison, people_max: int, changes_max: int
) -> DraftReach:
    """Count whom each of the first differences reaches, over so many customers."""
    changes = comparison.changes[:changes_max]
    askable = [each for each in changes if _is_alike(each)]
    questions = [each.witness.question or {} for each in askable]
    result = gate_reach.reach(gate, draft, questions, people_max)
    by_change = {id(each): count for each, count in zip(askable, result.counts, strict=True)}
    return DraftReach(
        result.customers,
        result.complete,
        tuple((each, by_change.get(id(each))) for each in changes),
    )


def _is_alike(change: Change) -> bool:
    """Whether both versions have the words for its example."""
    witness = change.witness
    return witness.question is not None and witness.question == witness.old_question


class ReachPage:
    """The page of how many customers a draft reaches."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._one_at_a_time = asyncio.Lock()
        self._recent: dict[tuple[str, str], tuple[DraftReach, datetime]] = {}

    async def show(self, visit: Visit) -> Response:
        """Each difference with its number of customers."""
        counsel_of(visit)
        draft_id = visit.request.path_params["draft"]
        view = await self.provider.do(lambda transaction: draft_view(transaction, draft_id))
        if view.base is None or view.policy is None or not view.is_current:
            raise HTTPException(404)
        result, counted_at = await self.counted(view.base, view.policy)
        return self.provider.pages.page(
            visit.request,
            "versions/reach.html",
            view=view,
            reach=result,
            counted_at=counted_at,
            here_draft=f"{CONSOLE}/{draft_id}",
        )

    async def counted(self, base: Policy, draft: Policy) -> tuple[DraftReach, datetime]:
        """The counts of a draft, a few minutes old at most, and when they were made."""
        async with self._one_at_a_time:
            return await self._counted(base, draft)

    async def _counted(self, base: Policy, draft: Policy) -> tuple[DraftReach, datetime]:
        key, now = (base.digest, draft.digest), self.provider.now()
        recent = self._recent.get(key)
        if recent is not None and timedelta() <= now - recent[1] < KEPT_FOR:
            return recent
        comparison = await self.provider.run_in_thread(comparison_of, base, draft)
        result = await self.provider.run_in_thread(
            draft_reach, self.provider.gate.gate, draft, comparison, PEOPLE_MAX, CHANGES_MAX
        )
        if len(self._recent) >= KEPT_MAX:
            self._recent.clear()
        self._recent[key] = result, now
        return result, now
