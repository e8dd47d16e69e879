"""The agreement of which the policy is a part: shown as a page, named by its digest."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from upheld.practice.plugin import Provider


class Agreement:
    """The provider's master agreement, a Markdown file, read each time that it is asked for."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._markdown = MarkdownIt("commonmark", {"html": False}).enable("table")

    def text(self) -> str:
        """The text; empty where a provider has none."""
        return self.path.read_text(encoding="utf-8") if self.path else ""

    def digest(self) -> str:
        """SHA-256 over the text, as 64 hexadecimal digits; empty where there is none."""
        text = self.text()
        return sha256(text.encode()).hexdigest() if text else ""

    def page(self) -> Markup:
        """The text as HTML: what looks like a tag in it is text."""
        return Markup(self._markdown.render(self.text()))  # noqa: S704 - rendered without raw HTML


class TermsPage:
    """The page of the agreement."""

    def __init__(self, provider: Provider, agreement: Agreement) -> None:
        self.provider, self.agreement = provider, agreement

    async def show(self, request: Request) -> Response:
        """The agreement, for everyone."""
        return self.provider.pages.page(
            request,
            "accounts/terms.html",
            body=self.agreement.page(),
            digest=self.agreement.digest(),
        )
