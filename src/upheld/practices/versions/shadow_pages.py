"""The page of a draft in the shadow of real acts: numbers by clause, and nothing of anybody."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import RedirectResponse, Response

from upheld.core.ids import DraftId, UserId
from upheld.gate.transaction import Transaction
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practices.versions import shadows
from upheld.practices.versions.console_pages import (
    CONSOLE,
    DraftView,
    counsel_of,
    draft_view,
)
from upheld.practices.versions.drafts import DraftError
from upheld.practices.versions.shadows import DraftShadow


class ShadowPages:
    """The page, and the buttons by which a shadow is begun and ended."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """How far the shadow has come."""
        counsel_of(visit)
        return await self._page(visit)

    async def _page(self, visit: Visit, problem: str = "", status: int = 200) -> Response:
        draft_id = visit.request.path_params["draft"]

        def look(transaction: Transaction) -> tuple[DraftView, DraftShadow | None]:
            view = draft_view(transaction, draft_id)
            return view, shadows.shadow_of(transaction.tables, draft_id)

        view, shadow = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "versions/shadow.html",
            status=status,
            view=view,
            shadow=shadow,
            problem=problem,
            here_draft=f"{CONSOLE}/{draft_id}",
        )

    async def begin(self, visit: Visit) -> Response:
        """Begin the week."""
        return await self._change(visit, shadows.begin_shadow)

    async def end(self, visit: Visit) -> Response:
        """End it now."""
        return await self._change(visit, shadows.end_shadow)

    async def _change(
        self, visit: Visit, work: Callable[[Transaction, DraftId, UserId], object]
    ) -> Response:
        by, draft_id = counsel_of(visit).user_id, visit.request.path_params["draft"]

        def step(transaction: Transaction) -> None:
            draft_view(transaction, draft_id)
            work(transaction, draft_id, by)

        try:
            await self.provider.do(step)
        except DraftError as error:
            return await self._page(visit, error.in_sentences(), 409)
        return RedirectResponse(f"{CONSOLE}/{draft_id}/shadow", 303)
