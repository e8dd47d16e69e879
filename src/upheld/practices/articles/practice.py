"""What the practice of articles brings."""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.needs import Need
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.articles import articles
from upheld.practices.articles.pages import DESK, HERE, ArticleDesk, ArticlePages

NEEDS: Final = (
    Need("articles chosen by what we know about you", f"use interests for {articles.PURPOSE}"),
)


def practice(provider: Provider) -> Practice:
    """Articles: written by staff, chosen for customers as far as the policy lets us."""
    pages, desk = ArticlePages(provider), ArticleDesk(provider)

    def route(kind: str, method: str, path: str, handler: Handler) -> Route:
        endpoint = require_sign_in(provider, kind, handler, fresh=kind == "staff")
        return Route(path, endpoint, methods=[method])

    return Practice(
        "articles",
        actions=("use",),
        routes=[
            route("customer", "GET", HERE, pages.show),
            route("customer", "GET", f"{HERE}/{{article}}", pages.show_one),
            route("staff", "GET", DESK, desk.show),
            route("staff", "POST", DESK, desk.write),
            route("staff", "POST", f"{DESK}/{{article}}/withdraw", desk.withdraw),
        ],
        menu=[
            MenuEntry("customer", "Articles", HERE, "News and help, and why you see it", 71),
            MenuEntry("staff", "Articles", DESK, "What customers read", 95, roles=(MANAGER,)),
        ],
        entry_sentences=articles.SENTENCES,
    )
