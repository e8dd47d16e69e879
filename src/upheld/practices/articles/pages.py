"""Articles: customers read them, with why each was chosen; managers write and withdraw them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.ids import ArticleId
from upheld.gate.transaction import Transaction
from upheld.practice import bands
from upheld.practice.amounts import USAGE
from upheld.practice.citations import Quote, quote_decision
from upheld.practice.consequences import Banner, redirect_with_banner, short_reference
from upheld.practice.endpoints import Visit
from upheld.practice.needs import can_ever
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import Provider
from upheld.practices.articles import articles
from upheld.practices.articles.articles import Article, ArticleError, Reading
from upheld.web.forms import EMPTY, Field, Filled, read

HERE: Final = "/me/articles"
DESK: Final = "/staff/articles"
FIELDS: Final = (
    Field("title", "Title", length_max=articles.TITLE_MAX),
    Field("text", "Text", "textarea", length_max=articles.TEXT_MAX),
    *(
        Field(
            each,
            "Used last month" if each == USAGE.field else bands.DIMENSIONS[each]["label"],
            "checks",
            required=False,
            options=articles.options(each),
            hint="Anybody, if you choose none.",
            length_max=500,
        )
        for each in (*bands.DIMENSIONS, USAGE.field)
    ),
    Field(
        bands.AREA,
        "Area",
        required=False,
        length_max=bands.AREA_DIGITS,
        hint="The first three digits of a zip code; anywhere, if you leave it out.",
    ),
)
CRITERIA: Final = tuple(each.name for each in FIELDS[2:])


class ShownArticle(NamedTuple):
    """An article as its reader sees it: why it was chosen, and the clauses that let us."""

    its: Article
    criteria: list[str]
    quotes: list[Quote]


class ArticlePages:
    """The pages of customers."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """What was chosen for them, and what everybody sees."""

        def look(transaction: Transaction) -> dict[str, Any]:
            reading = articles.read_for(transaction, visit.subject)
            decisions = reading.decisions.values()
            return {
                "chosen": [self._explained(reading, each) for each in reading.chosen],
                "general": reading.general,
                "may_choose": any(each.allowed for each in decisions),
                "is_asked": bool(decisions),
            }

        words = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request, "articles/list.html", may_turn_off=self._may_turn_off(), **words
        )

    async def show_one(self, visit: Visit) -> Response:
        """One article, and why they see it; 404 for one that they are not shown."""

        def look(transaction: Transaction) -> ShownArticle | None:
            reading = articles.read_for(transaction, visit.subject)
            for each in (*reading.chosen, *reading.general):
                if each.article_id == visit.request.path_params["article"]:
                    return self._explained(reading, each)
            return None

        article = await self.provider.do(look)
        if article is None:
            raise HTTPException(404)
        return self.provider.pages.page(
            visit.request,
            "articles/article.html",
            shown=article,
            may_turn_off=self._may_turn_off(),
        )

    def _explained(self, reading: Reading, its: Article) -> ShownArticle:
        quotes: dict[str, Quote] = {}
        for field in its.fields:
            decision = reading.decisions[field]
            for each in quote_decision(self.provider.policy, decision, decision.clauses):
                quotes.setdefault(each.id, each)
        return ShownArticle(its, articles.describe(its.criteria), list(quotes.values()))

    def _may_turn_off(self) -> bool:
        """Whether the policy stops it for whoever objects."""
        question = f"use interests for {articles.PURPOSE}"
        policy = self.provider.policy
        return can_ever(policy, question) and not can_ever(policy, f"{question} given objected")


class ArticleDesk:
    """The pages of managers."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Every article, and the form to write one."""
        _manager(visit)
        rows = await self.provider.read(articles.every)
        return self.provider.pages.page(
            visit.request,
            "articles/desk.html",
            status=status,
            rows=[(each, articles.describe(each.criteria)) for each in rows],
            fields=FIELDS,
            filled=filled,
        )

    async def write(self, visit: Visit) -> Response:
        """Write an article."""
        actor, filled = _manager(visit), read(FIELDS, visit.form)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        values = filled.values
        criteria = {each: values[each].split(", ") for each in CRITERIA if values.get(each)}

        def work(transaction: Transaction) -> Article:
            return articles.write(
                transaction, values["title"], values["text"], criteria, actor=actor
            )

        try:
            its = await self.provider.do(work)
        except ArticleError as error:
            return await self.show(visit, filled.wrong("title", error.in_sentences()), 422)
        banner = Banner("It is shown from now on.", short_reference(its.article_id))
        return redirect_with_banner(self.provider, visit.session, DESK, banner)

    async def withdraw(self, visit: Visit) -> Response:
        """Show an article no more."""
        actor, article_id = _manager(visit), ArticleId(visit.request.path_params["article"])
        try:
            await self.provider.do(lambda t: articles.withdraw(t, article_id, actor=actor))
        except ArticleError:
            raise HTTPException(404) from None
        banner = Banner("It is no longer shown.", short_reference(article_id))
        return redirect_with_banner(self.provider, visit.session, DESK, banner)


def _manager(visit: Visit) -> str:
    """Whoever manages, as an entry names them; 403 for everybody else."""
    if visit.user is None or MANAGER not in visit.user.roles:
        raise HTTPException(403)
    return f"staff {visit.user.user_id}"
