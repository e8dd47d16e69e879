"""Every version that was posted, at an address of its own, with what the next one changed.

What stands there are the bytes that were in force. What differs is worked out once for each pair.
"""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from upheld.gate.public import Edition
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.compare import compare
from upheld.policy.analyse.page import changes_table
from upheld.policy.load import Policy
from upheld.practice import terms
from upheld.practice.citations import VERSIONS
from upheld.practice.plugin import Provider

HERE = VERSIONS
FEED = "/privacy/versions.atom"
MARKDOWN = "text/markdown; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"
FOREVER = {"cache-control": "public, max-age=86400"}  # the bytes of a version never change
COMPARED_MAX = 8  # pairs of versions whose differences are kept in mind


@lru_cache(maxsize=COMPARED_MAX)
def differences(old: Policy, new: Policy) -> Markup:
    """What a version changed, side by side and in effect."""
    return Markup(changes_table(old, new, compare(old, new)))  # noqa: S704 - its texts are escaped


class VersionPages:
    """The list of versions, each version, its bytes, and the feed."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show_all(self, request: Request) -> Response:
        """All versions, the latest first, with dates and digests."""
        editions = await self.provider.do(lambda transaction: transaction.editions.all())
        return self.provider.pages.page(
            request, "versions/list.html", editions=editions[::-1], feed=FEED, here_list=HERE
        )

    async def show(self, request: Request) -> Response:
        """One version in its words, and what the next one changed."""
        number = _number(request)
        edition, policy, later, following = await self.provider.do(
            lambda transaction: _version(transaction, number)
        )
        editions = await self.provider.read(terms.versions)
        named = terms.version_named(policy.front.part_of)
        changes = Markup()
        if following is not None:
            changes = await self.provider.run_in_thread(differences, policy, following)
        return self.provider.pages.page(
            request,
            "versions/version.html",
            edition=edition,
            later=later,
            parts=_parts(policy),
            title=policy.front.policy,
            part_of=policy.front.part_of,
            terms=next((each for each in editions if each.version == named), None),
            changes=changes,
            list_page=HERE,
        )

    async def file(self, request: Request) -> Response:
        """The bytes of a version."""
        number = _number(request)
        _, policy, _, _ = await self.provider.do(lambda transaction: _version(transaction, number))
        return Response(policy.program.source.encode(), headers=FOREVER, media_type=MARKDOWN)

    async def feed(self, _request: Request) -> Response:
        """The versions as an Atom feed, the latest first."""
        editions = await self.provider.do(lambda transaction: transaction.editions.all())
        text = self.provider.pages.text(
            "versions/feed.xml",
            editions=editions[::-1],
            title=self.provider.policy.front.policy,
            url=self.provider.settings.url,
            here_list=HERE,
            here_feed=FEED,
        )
        return Response(text.encode(), media_type=ATOM)


def _number(request: Request) -> int:
    """The number of a version in an address; 404 where it is none."""
    number: str = request.path_params["number"]
    if not (number.isascii() and number.isdecimal() and len(number) < 9):
        raise HTTPException(404)
    return int(number)


def _version(
    transaction: Transaction, number: int
) -> tuple[Edition, Policy, Edition | None, Policy | None]:
    """A version and its policy, and the next ones where there are; 404 where there is none."""
    by_number = {each.number: each for each in transaction.editions.all()}
    edition, later = by_number.get(number), by_number.get(number + 1)
    if edition is None:
        raise HTTPException(404)
    following = transaction.editions.policy(later.digest) if later else None
    return edition, transaction.editions.policy(edition.digest), later, following


def _parts(policy: Policy) -> list[tuple[str, str, Markup]]:
    """What a version says, in order: the kind of each part, its clause's id, its HTML."""
    program = policy.program
    inserts: dict[int, list[Markup]] = {}
    for insert in program.inserts:
        html = Markup(insert.html)  # noqa: S704 - safe HTML, as the policy's page has it
        inserts.setdefault(insert.after, []).append(html)
    parts = [("insert", "", html) for html in inserts.get(-1, [])]
    for at, clause in enumerate(program.clauses):
        html = Markup(clause.html)  # noqa: S704 - as above
        kind = "struck" if clause.severed else clause.kind
        parts.append((kind, clause.id, html))
        parts += [("insert", "", insert) for insert in inserts.get(at, [])]
    return parts
