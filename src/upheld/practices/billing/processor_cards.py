"""Cards that are given on the processor's page: led there, and found again by whom they belong to.

A reference carries a mark that ties it to the person whom we led there, so that a card is theirs
alone: nobody else keeps it, pays with it, or sees it.
"""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.practice.cards import Card, PaymentProcessor, ProcessorError
from upheld.practice.plugin import Provider
from upheld.web import kit
from upheld.web.kit import Refusal

_AWAY: Final = (
    "Our payment processor cannot be reached at the moment.",
    "Nothing was changed. Try again in some minutes.",
)
_REFERENCE: Final = re.compile(r"^[0-9a-f]{64}$")


class ProcessorCards:
    """The cards that people give on the page of one processor."""

    def __init__(self, provider: Provider, processor: PaymentProcessor) -> None:
        self.provider, self.processor = provider, processor
        self._sealer = provider.sealer("card-page")

    def offer(self, request: Request, back: str, *, keeps: bool) -> Response:
        """The page with the button to the processor's page; `back` is the address to return to.

        Showing it starts nothing with the processor. `keeps` says that the card can be stored.
        """
        response = self.provider.pages.page(
            request,
            "billing/give-card.html",
            processor=self.processor.party,
            back=back,
            keeps=keeps,
        )
        response.headers[kit.CSP] = kit.security_policy(self.processor.origin)
        return response

    async def begin(self, person_id: PersonId, back: str) -> Response:
        """Begin a page with the processor, which leads to `back` with a reference after it."""
        some = secrets.token_hex(16)
        reference = some + self._mark(person_id, some)
        base = self.provider.settings.url.rstrip("/")
        address = f"{base}{back}{reference}"
        try:
            there = await self.provider.run_in_thread(self.processor.card_page, reference, address)
        except ProcessorError:
            raise Refusal(503, *_AWAY) from None
        return RedirectResponse(there, 303)

    async def card(self, person_id: PersonId, reference: str) -> Card:
        """The card that this person gave on the processor's page; 404 if that is over."""
        if not _REFERENCE.match(reference):
            raise HTTPException(404)
        mark = self._mark(person_id, reference[:32])
        if not hmac.compare_digest(mark, reference[32:]):
            raise HTTPException(404)
        card = await self.provider.run_in_thread(self.processor.card, reference)
        if card is None:
            raise HTTPException(404)
        return card

    def _mark(self, person_id: PersonId, some: str) -> str:
        """What ties a page for a card to the person whom we led there."""
        text = f"{person_id} {some}".encode()
        return self._sealer.mark(text).hex()[:32]
