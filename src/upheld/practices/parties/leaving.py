"""The page that says that one is leaving: reached by the id of a link on a page of ours.

Nothing goes along: the page that leads out tells no referrer, and the address is the one that the
policy, the Master Terms or the settings say, for everybody the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice.citations import quote_clauses
from upheld.practice.plugin import Provider
from upheld.web.outward import OUT, link_id, outward_addresses

CLAUSE = "links"


@lru_cache(maxsize=8)
def addresses_of(policy: Policy) -> tuple[str, ...]:
    """The addresses outside to which a version of the policy leads."""
    parts = [each.html for each in policy.program.clauses]
    parts += [each.html for each in policy.program.inserts]
    return tuple(address for part in parts for address in outward_addresses(part))


class LeavingPage:
    """The page, for everybody."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def _addresses(self, transaction: Transaction) -> Iterator[str]:
        """Everywhere outside where a page of ours leads."""
        yield from addresses_of(transaction.policy)
        for practice in self.provider.practices:
            if practice.outward_links is not None:
                yield from practice.outward_links(transaction)
        for edition in reversed(transaction.editions.all()):
            yield from addresses_of(transaction.editions.policy(edition.digest))

    async def show(self, request: Request) -> Response:
        """Where a link of ours leads, before it is followed; 404 for one that we do not have."""
        name = request.path_params["link"]

        def look(transaction: Transaction) -> str:
            every = self._addresses(transaction)
            return next((each for each in every if link_id(each) == name), "")

        address = await self.provider.do(look)
        if not address:
            raise HTTPException(404)
        return self.provider.pages.page(
            request,
            "parties/leaving.html",
            address=f"https:{address}" if address.startswith("//") else address,
            rel=f"{OUT} noreferrer noopener nofollow",
            quotes=quote_clauses(self.provider.policy, [CLAUSE]),
        )
