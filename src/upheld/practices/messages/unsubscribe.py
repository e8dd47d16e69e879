"""One click ends messages of a kind: without a sign-in or a second page, and it does nothing else.

The address carries the person's id, which says nothing, the purpose, and a MAC. To open it changes
nothing, since programs open addresses too; to send the form, or what a mail program sends by
RFC 8058, records the opt-out. Undoing it takes a sign-in: whoever was forwarded a message can end
it and do no more.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from contextlib import suppress
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act
from upheld.gate.public import VaultError
from upheld.gate.transaction import Transaction
from upheld.practice import recipient_requests
from upheld.practice.plugin import Provider

BYTES: Final = 16
MAC_BYTES: Final = 16
NO_SUCH_LINK: Final = (
    "This link does not work.",
    "Copy all of it from the message, or sign in and change it under My privacy, Choices.",
)


class UnsubscribePages:
    """Addresses that end messages of a kind, and what they do."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._sealer = provider.sealer("web", "unsubscribe")

    def address(self, person_id: PersonId, purpose: str) -> str:
        """The address for one person and one kind of message."""
        payload = bytes.fromhex(person_id) + purpose.encode()
        raw = self._sealer.mark(payload)[:MAC_BYTES] + payload
        token = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        return f"{self.provider.settings.url}/unsubscribe/{token}"

    def read(self, token: str) -> tuple[PersonId, str] | None:
        """The person and the purpose of an address; None for one that is not ours."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        mac, payload = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._sealer.mark(payload)[:MAC_BYTES]):
            return None
        return PersonId(payload[:BYTES].hex()), payload[BYTES:].decode()

    async def show(self, request: Request) -> Response:
        """Ask; nothing changes by looking."""
        target = self.read(request.path_params["token"])
        if target is None:
            return self._no_such_link(request)
        return self._page(request, target[1], done=False)

    async def send(self, request: Request) -> Response:
        """End messages of this kind."""
        target = self.read(request.path_params["token"])
        if target is None:
            return self._no_such_link(request)
        person_id, purpose = target

        def work(transaction: Transaction) -> None:
            if transaction.peek(person_id, Act(action="contact", purpose=purpose)).allowed:
                transaction.record(
                    person_id,
                    "opt-out",
                    fact="opted-out",
                    about={"purpose": [purpose]},
                    by_whom="customer",
                    how="one click in a message",
                )
                recipient_requests.opted_out(transaction, person_id, purpose)

        with suppress(VaultError):  # somebody who was erased is told the same
            await self.provider.do(work)
        return self._page(request, purpose, done=True)

    def _no_such_link(self, request: Request) -> Response:
        return self.provider.pages.error_page(request, 404, *NO_SUCH_LINK)

    def _page(self, request: Request, purpose: str, *, done: bool) -> Response:
        terms = self.provider.policy.program.vocabulary.tree("purpose")
        if purpose not in terms:
            raise HTTPException(404)
        return self.provider.pages.page(
            request, "messages/unsubscribe.html", done=done, what=terms[purpose].label
        )
