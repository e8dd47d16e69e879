"""A draft of the policy asked by the form that the public page has, for those who work on drafts.

The answers are the draft's, and decide nothing: what is in force stays what it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from upheld.core.ids import DraftId
from upheld.policy.load import Policy
from upheld.practice.endpoints import Visit, require_sign_in
from upheld.practice.plugin import Provider
from upheld.practices.notices.page import Links, PolicyPages
from upheld.practices.notices.questions import RejectedQuestion
from upheld.practices.versions.console_pages import (
    CONSOLE,
    DRAFT_QUESTIONS,
    DraftView,
    counsel_of,
    draft_view,
)
from upheld.web.pages import Pages

DRAFTS_MAX: Final = 4  # whose forms are kept in mind


class DraftLinks(Links):
    """Addresses of a draft: its form is here, and its clauses stand in its redline."""

    def __init__(self, draft_id: DraftId) -> None:
        super().__init__(files=False)
        self.ask = f"{DRAFT_QUESTIONS}/{draft_id}"
        self.page = f"{CONSOLE}/{draft_id}/redline"


@lru_cache(maxsize=DRAFTS_MAX)
def draft_pages(policy: Policy, pages: Pages, draft_id: DraftId) -> PolicyPages:
    """What answers questions to a draft, worked out once."""
    result = PolicyPages(policy, pages)
    result.links = DraftLinks(draft_id)
    return result


class DraftQuestions:
    """The page on which a draft is asked."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def ask(self, visit: Visit) -> Response:
        """The form, and the draft's answer to the question in the address."""
        counsel_of(visit)
        draft_id = visit.request.path_params["draft"]
        view: DraftView = await self.provider.do(
            lambda transaction: draft_view(transaction, draft_id)
        )
        if view.policy is None:
            raise HTTPException(404)
        pairs = visit.request.query_params.multi_items()
        status, words = await self.provider.run_in_thread(
            _answer, draft_pages(view.policy, self.provider.pages, draft_id), pairs
        )
        return self.provider.pages.page(
            visit.request, "notices/draft.html", status=status, draft=view.draft, **words
        )


def _answer(pages: PolicyPages, pairs: list[tuple[str, str]]) -> tuple[int, dict[str, Any]]:
    """The status of the page of a question, and its words."""
    if not pairs:
        return 200, {**pages.frame_words, **pages.ask_words()}
    try:
        question = pages.answerer.read(pairs)
        words = pages.ask_words(question, pages.answerer.answer(question))
    except RejectedQuestion as error:
        refused = {"what": error.what, "remedy": error.remedy, "address": error.address}
        return 400, {**pages.frame_words, **pages.ask_words(refused=refused)}
    return 200, {**pages.frame_words, **words}


def draft_routes(provider: Provider) -> list[BaseRoute]:
    """The route of the questions to a draft."""
    endpoint = require_sign_in(provider, "staff", DraftQuestions(provider).ask)
    return [Route(f"{DRAFT_QUESTIONS}/{{draft}}", endpoint, methods=["GET"])]
