"""What a partner's program tells us that our customers bought from it.

The answer says of a row whether it can be read, and nothing else: whether somebody is a customer of
ours is not for a partner to learn. A row that is sent again is taken once, by its reference.

Once the company has registered a key of its programs, they sign what they send: whoever got hold of
a token alone tells us nothing in the company's name, and nobody on the way changes a row.
"""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from upheld.core.ids import FeedId
from upheld.gate.transaction import Transaction
from upheld.practice import parties, partner_rows, partner_transactions, program_keys
from upheld.practices.agreements import assertions
from upheld.practices.agreements.clients import PartnerClient
from upheld.practices.agreements.partner_api import AnswerError, Form, PartnerApi, json_answer

ROWS_MAX: Final = 50
SIGNATURE: Final = "upheld-signature"  # the header with what signs the body
_ROWS: Final = msgspec.json.Decoder(list[dict[str, str]])


class PartnerSales:
    """The answer to rows of transactions."""

    def __init__(self, api: PartnerApi) -> None:
        self.api = api

    async def transactions(self, request: Request, form: Form) -> Response:
        """Take rows in, as far as the policy lets us; which of them cannot be read, and why."""
        body = await request.body()

        def work(transaction: Transaction) -> dict[str, object]:
            client = self.api.client(transaction, request)
            self._require_signature(transaction, client, request, body)
            rows = _rows(form)
            if client.party not in parties.in_role(transaction, partner_transactions.PARTNER):
                raise AnswerError(
                    403,
                    "feed-party",
                    "your company is no business partner of ours now",
                    "ask us to put it on our register",
                )
            wrong: list[dict[str, object]] = []
            readable = []
            reader = partner_rows.RowReader(transaction.clock.today())
            for number, values in enumerate(rows, 1):
                try:
                    reader.read(values)
                except ValueError as error:
                    wrong.append({"row": number, "why": str(error)})
                    continue
                readable.append(values)
            program = FeedId(client.client_id)
            partner_transactions.take(transaction, client.party, readable, program)
            return {"received": len(rows), "unreadable": wrong}

        return json_answer(await self.api.provider.do(work))

    def _require_signature(
        self, transaction: Transaction, client: PartnerClient, request: Request, body: bytes
    ) -> None:
        """Refuse a body that its program should have signed, or that is not signed as it says."""
        text = request.headers.get(SIGNATURE)
        if text is None and not program_keys.find(transaction.tables, client.party):
            return
        audience = self.api.audience("transactions")
        signer = assertions.prove(transaction, text or "", audience, body)
        if isinstance(signer, PartnerClient):
            if signer.client_id == client.client_id:
                return
            signer = "`iss` and `sub` are the id of the program whose token this is"
        raise AnswerError(
            401, "invalid_signature", signer, f"sign the body, and send that as {SIGNATURE}"
        )


def _rows(form: Form) -> list[dict[str, str]]:
    try:
        rows = _ROWS.decode(form.get("rows", ""))
    except (msgspec.DecodeError, RecursionError):
        rows = []
    if not 0 < len(rows) <= ROWS_MAX:
        raise AnswerError(
            422,
            "rows",
            "these are no rows",
            f"send rows=[{{…}}], a JSON list of at most {ROWS_MAX} objects of texts",
        )
    return rows
