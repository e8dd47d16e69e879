"""Articles, for tests of several kinds."""

from __future__ import annotations

from practices.conftest import House
from upheld.core.ids import ArticleId
from upheld.practice.bands import Criteria
from upheld.practices.articles import articles


def article_in(house: House, title: str = "News", criteria: Criteria | None = None) -> ArticleId:
    """An article that is shown; for everybody, unless it is for a group."""
    its = house.do(
        lambda t: articles.write(
            t, title, "First <b>things</b>.\n\nThen others.", criteria or {}, actor="staff mo"
        )
    )
    return its.article_id
