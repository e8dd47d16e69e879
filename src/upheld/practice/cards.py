"""Cards: a token of the payment processor in place of a number, and what a processor must offer.

Somebody types their card's number on a page of the processor, and nowhere else. What comes back and
is kept in the vault is a token, with what a person knows the card by. A card that was kept this way
was verified by the processor.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import msgspec

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.transaction import Transaction
from upheld.practice.unreadable import UnreadableValueError, decoding

CARD: Final = "card"


class ProcessorError(UpheldError):
    """A payment processor that cannot be reached, or whose answer cannot be read."""


class Card(msgspec.Struct, frozen=True):
    """A payment card: the value of the field `card`. `expiry` is a year and a month: 2029-12."""

    token: str
    last_four: str
    brand: str
    expiry: str

    @property
    def through(self) -> str:
        """The month until which it is valid, as printed on a card: 12/2029."""
        year, _, month = self.expiry.partition("-")
        return f"{month}/{year}"

    def __repr__(self) -> str:
        return "Card(…)"

    def __str__(self) -> str:
        return f"{self.brand} ending in {self.last_four}"


class ChargeResult(NamedTuple):
    """The result of a charge: whether it was paid, and the processor's own reference."""

    paid: bool
    reference: str


class PaymentProcessor(Protocol):
    """A company that takes payments by card. Its calls may wait; none is made in a transaction.

    Each raises ProcessorError where no answer came. What came of a charge is then not known: it is
    asked for again under the same key, and never begun anew.
    """

    party: str  # its name in the register of engagements
    origin: str  # of its pages, such as https://cards.example; empty where they are pages of ours

    def card_page(self, reference: str, back: str) -> str:
        """The address of its page for a card, which leads back afterwards; `reference` is ours."""

    def card(self, reference: str) -> Card | None:
        """The card that somebody entered on that page; None until they have."""

    def charge(self, token: str, cents: int, key: str) -> ChargeResult:
        """Charge an amount to a card. A key is charged once, however often it is sent."""

    def charge_result(self, key: str) -> ChargeResult | None:
        """The result of an earlier charge, by its key; None where no such charge was made."""


def decode_card(value: str) -> Card:
    """Decode a stored card. Raises UnreadableValueError if the value is not one."""
    with decoding(CARD):
        return msgspec.json.decode(value, type=Card)


def usable_card(result: ActResult) -> Card | None:
    """The card among an act's values; None without one, or where it cannot be decoded."""
    try:
        return decode_card(result[CARD]) if CARD in result.values else None
    except UnreadableValueError:
        return None


def stored_card(
    transaction: Transaction, person_id: PersonId, purpose: str = "billing"
) -> Card | None:
    """A person's verified card; None without one, or where the policy refuses to use it."""
    result = transaction.act(Act(action="use", data=("card",), purpose=purpose), person_id)
    return None if isinstance(result, Refused) else usable_card(result)


def store_card(
    transaction: Transaction, person_id: PersonId, card: Card, occasion: str = "service-use"
) -> Refused | None:
    """Store a person's card. Returns the refusal where the policy refuses, else None."""
    value = msgspec.json.encode(card).decode()
    result = transaction.store(
        person_id,
        {"card": value},
        source="customer",
        occasion=occasion,
        purpose="billing",
        entitled=True,
    )
    return result if isinstance(result, Refused) else None
