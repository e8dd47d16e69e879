"""Messages received: each with why it came, by which clause, and whether it can be switched off."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice.endpoints import Visit
from upheld.practice.message_copies import ADMINISTRATIVE, MESSAGES, NOTE, MessageCopy, copy_of
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_reason


class MessagePages:
    """The pages of messages received."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def _copies(self, visit: Visit) -> list[MessageCopy] | Refused:
        def read(transaction: Transaction) -> list[MessageCopy] | Refused:
            act = Act(
                action="view", data=("messages",), actor="customer", purpose="service-provision"
            )
            result = transaction.act(act, visit.subject, entitled=True)
            if isinstance(result, Refused):
                return result
            copies = [copy_of(each.value) for each in reversed(result.series(MESSAGES))]
            return [each for each in copies if each.author != NOTE]  # that was sent to nobody

        return await self.provider.attempt(read)

    def _label(self, purpose: str) -> str:
        terms = self.provider.policy.program.vocabulary.tree("purpose")
        return terms[purpose].label if purpose in terms else purpose

    async def list_page(self, visit: Visit) -> Response:
        """All messages, the latest first."""
        result = await self._copies(visit)
        keeping = await self.provider.do(
            lambda transaction: transaction.may_store(visit.subject, MESSAGES, ADMINISTRATIVE)
        )
        return self.provider.pages.page(
            visit.request,
            "messages/list.html",
            label=self._label,
            why_not=None if keeping.allowed else refusal_reason(self.provider.policy, keeping),
            copies=[] if isinstance(result, Refused) else result,
            refused=result if isinstance(result, Refused) else None,
        )

    async def one(self, visit: Visit) -> Response:
        """One message."""
        result = await self._copies(visit)
        message_id = visit.request.path_params["message"]
        copies = [] if isinstance(result, Refused) else result
        copy = next((each for each in copies if each.message == message_id), None)
        if copy is None:
            raise HTTPException(404)
        purpose = copy.purpose

        def ends(transaction: Transaction) -> bool:
            decision = transaction.peek(visit.subject, Act(action="contact", purpose=purpose))
            return any(duty.duty == "opt-out-offered" for duty in decision.duties)

        return self.provider.pages.page(
            visit.request,
            "messages/one.html",
            copy=copy,
            label=self._label(purpose),
            optional=await self.provider.do(ends),
        )
