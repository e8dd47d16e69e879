"""The agreement of which the policy is a part: the version in force, and each earlier one.

`/terms` is what is in force. `/terms/versions` lists all versions with dates and digests; each has
an address of its own, with its bytes, and with what the next one changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from upheld.database.own_tables import Tables
from upheld.practice import terms
from upheld.practice.plugin import Provider
from upheld.practice.terms import TermsText
from upheld.practice.terms_changes import terms_changes
from upheld.web.outward import outward_addresses

HERE = "/terms/versions"
NUMBER_DIGITS = 9  # fewer than so many
MARKDOWN = "text/markdown; charset=utf-8"


class Agreement:
    """The terms of a provider: what its database says is in force, or the file of its settings."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def current(self, tables: Tables) -> TermsText | None:
        """What is in force; None where a provider has no terms."""
        return terms.in_force(tables, self.path)

    def digest(self, tables: Tables) -> str:
        """SHA-256 over the text, as 64 hexadecimal digits; empty where there is none."""
        there = self.current(tables)
        return there.edition.digest if there else ""

    def addresses(self, tables: Tables) -> Iterator[str]:
        """Where the links of every version lead outside."""
        posted = terms.versions(tables)
        if posted:
            texts = [terms.text_of(tables, each.digest) for each in posted]
        else:
            there = self.current(tables)
            texts = [there.text] if there else []
        for text in texts:
            yield from outward_addresses(_html(text))


class TermsPages:
    """The page of what is in force, the list of versions, and each version."""

    def __init__(self, provider: Provider, agreement: Agreement) -> None:
        self.provider, self.agreement = provider, agreement

    async def show(self, request: Request) -> Response:
        """What is in force, for everyone."""
        there = await self.provider.read(self.agreement.current)
        return self.provider.pages.page(
            request,
            "accounts/terms.html",
            body=_page(there.text) if there else Markup(),
            edition=there.edition if there else None,
            list_page=HERE,
        )

    async def show_all(self, request: Request) -> Response:
        """All versions, the latest first, with dates and digests."""
        editions = await self.provider.read(terms.versions)
        return self.provider.pages.page(
            request, "accounts/terms-versions.html", editions=editions[::-1], list_page=HERE
        )

    async def show_version(self, request: Request) -> Response:
        """One version in its words, and what the next one changed."""
        number = _number(request)
        there, following = await self.provider.read(lambda tables: _version(tables, number))
        changes = Markup()
        if following is not None:
            changes = await self.provider.run_in_thread(terms_changes, there.text, following.text)
        return self.provider.pages.page(
            request,
            "accounts/terms-version.html",
            body=_page(there.text),
            edition=there.edition,
            later=following.edition if following else None,
            changes=changes,
            list_page=HERE,
        )

    async def file(self, request: Request) -> Response:
        """The bytes of a version."""
        number = _number(request)
        there, _ = await self.provider.read(lambda tables: _version(tables, number))
        return Response(there.text.encode(), media_type=MARKDOWN)


def _number(request: Request) -> int:
    """The number of a version in an address; 404 where it is none."""
    text: str = request.path_params["number"]
    if not (text.isascii() and text.isdecimal() and len(text) < NUMBER_DIGITS):
        raise HTTPException(404)
    return int(text)


def _version(tables: Tables, number: int) -> tuple[TermsText, TermsText | None]:
    """A version, and the next one if there is; 404 where there is none of that number."""
    by_number = {each.number: each for each in terms.versions(tables)}
    edition, later = by_number.get(number), by_number.get(number + 1)
    if edition is None:
        raise HTTPException(404)
    return (
        TermsText(edition, terms.text_of(tables, edition.digest)),
        TermsText(later, terms.text_of(tables, later.digest)) if later else None,
    )


def _page(text: str) -> Markup:
    """A text as HTML: what looks like a tag in it is text."""
    return Markup(_html(text))  # noqa: S704 - rendered without raw HTML


def _html(text: str) -> str:
    html: str = _markdown().render(text)
    return html


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")
