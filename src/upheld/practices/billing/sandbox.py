"""The sandbox of a payment processor: its own pages and its own records; no money moves.

It stands in for a company outside. Only its page takes a card's number, of the test cards alone,
and hands out a token. A charge is made once for its key. What it keeps of a card is sealed, and is
deleted after an hour.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

import msgspec
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.database.columns import microseconds
from upheld.practice.cards import Card, ChargeResult
from upheld.practice.plugin import Provider
from upheld.practices.billing.tables import sandbox_card, sandbox_charge
from upheld.web.forms import EMPTY, Field, Filled, read

TEST_CARDS: Final = {
    "4242424242424242": ("Visa", True),
    "5555555555554444": ("Mastercard", True),
    "4000000000000002": ("Visa", False),
}
CARD_LIFETIME: Final = timedelta(hours=1)
_DECLINES: Final = "declines-"


def number(value: str) -> str:
    """The number of a test card."""
    digits = value.replace(" ", "").replace("-", "")
    if digits not in TEST_CARDS:
        raise ValueError("This sandbox takes the test cards alone. Take 4242 4242 4242 4242.")
    return digits


def expiry(value: str) -> str:
    """The month until which a card may be used, as 2029-12."""
    month, _, year = value.replace(" ", "").partition("/")
    if not (month.isascii() and year.isascii() and month.isdecimal() and year.isdecimal()):
        raise ValueError("Write month and year as 12/29.")
    if not (1 <= int(month) <= 12 and len(year) == 2):
        raise ValueError("Write month and year as 12/29.")
    return f"20{year}-{int(month):02}"


FIELDS: Final = (
    Field(
        "number",
        "Card number",
        hint="4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined.",
        autocomplete="off",
        length_max=30,
        check=number,
    ),
    Field(
        "expiry",
        "Good through",
        hint="Month and year, such as 12/29.",
        autocomplete="off",
        length_max=7,
        check=expiry,
    ),
)


class Sandbox:
    """A payment processor of which nothing is real. Made once, by billing."""

    party = "sandbox-payments"
    origin = ""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._gate = provider.gate.gate
        self._sealer = provider.sealer("sandbox")

    def card_page(self, reference: str, back: str) -> str:
        """The address of its page for a card."""
        now = self._provider.now()
        with self._gate.together() as transaction:
            transaction.tables.purge(sandbox_card, "made < ?", microseconds(now - CARD_LIFETIME))
            transaction.tables.insert(
                sandbox_card, reference=reference, back=back, made=microseconds(now)
            )
        return f"/sandbox/card/{reference}"

    def card(self, reference: str) -> Card | None:
        """The card that somebody gave on that page."""
        with self._gate.look() as tables:
            row = tables.get(sandbox_card, "reference = ?", reference)
        if row is None or row.sealed is None:
            return None
        plain = self._sealer.unseal(row.sealed, "card", reference)
        return msgspec.json.decode(plain, type=Card)

    def charge(self, token: str, cents: int, key: str) -> ChargeResult:
        """Take nothing from a card, once for each key."""
        del cents
        state = "declined" if token.startswith(_DECLINES) else "paid"
        with self._gate.together() as transaction:
            transaction.tables.insert_new(
                sandbox_charge, key=key, reference=secrets.token_hex(6), state=state
            )
        result = self.charge_result(key)
        assert result is not None  # noqa: S101 - it stands there now
        return result

    def charge_result(self, key: str) -> ChargeResult | None:
        """What came of a charge."""
        with self._gate.look() as tables:
            row = tables.get(sandbox_charge, "key = ?", key)
        return None if row is None else ChargeResult(row.state == "paid", row.reference)

    async def show(self, request: Request, _: FormData, filled: Filled = EMPTY) -> Response:
        """Its page for a card."""
        await self._back(request)
        return self._provider.pages.page(
            request,
            "billing/sandbox.html",
            status=200 if filled.ok else 422,
            fields=FIELDS,
            filled=filled,
        )

    async def send(self, request: Request, form: FormData) -> Response:
        """Take a card, and lead back with it."""
        reference, back = await self._back(request)
        filled = read(FIELDS, form)
        if not filled.ok:
            return await self.show(request, form, filled)
        digits = filled.values["number"]
        brand, pays = TEST_CARDS[digits]
        token = ("" if pays else _DECLINES) + "tok-" + secrets.token_hex(12)
        card = Card(token, digits[-4:], brand, filled.values["expiry"])
        sealed = self._sealer.seal(msgspec.json.encode(card), "card", reference)

        def keep() -> None:
            with self._gate.together() as transaction:
                transaction.tables.update(
                    sandbox_card, {"sealed": sealed}, "reference = ?", reference
                )

        await self._provider.run_in_thread(keep)
        return RedirectResponse(back, 303)

    async def _back(self, request: Request) -> tuple[str, str]:
        """The reference of a page, and where it leads back to; 404 where it is over."""
        reference = request.path_params["reference"]
        row = await self._provider.read(
            lambda tables: tables.get(sandbox_card, "reference = ?", reference)
        )
        if row is None:
            raise HTTPException(404)
        return reference, str(row.back)
