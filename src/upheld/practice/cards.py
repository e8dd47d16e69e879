"""Cards: a token of the payment processor in place of a number, and what a processor must offer.

Somebody types their card's number on a page of the processor, and nowhere else. What comes back and
is kept in the vault is a token, with what a person knows the card by. A card that was kept this way
was verified by the processor.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import msgspec

from upheld.core.errors import UpheldError
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.transaction import Transaction
from upheld.practice.unreadable import UnreadableValueError, decoding

CARD: Final = "card"


class ProcessorError(UpheldError):
    """A payment processor that cannot be reached, or gives no answer that can be read."""


class Card(msgspec.Struct, frozen=True):
    """A card as it is known here: the value of the field `card`. `expiry` is 2029-12."""

    token: str
    last_four: str
    brand: str
    expiry: str

    @property
    def through(self) -> str:
        """Until when it is good, as it stands on a card."""
        year, _, month = self.expiry.partition("-")
        return f"{month}/{year}"

    def __repr__(self) -> str:
        return "Card(…)"

    def __str__(self) -> str:
        return f"{self.brand} ending in {self.last_four}"


class ChargeResult(NamedTuple):
    """What came of a charge: whether it was paid, and the processor's own reference."""

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
        """The card that somebody gave on that page; None as long as they have not."""

    def charge(self, token: str, cents: int, key: str) -> ChargeResult:
        """Take an amount from a card. The same key is charged once, however often it is asked."""

    def charge_result(self, key: str) -> ChargeResult | None:
        """What came of a charge that was asked for before; None where it was never made."""


def decode_card(value: str) -> Card:
    """The card that a value of the vault says; UnreadableValueError where it says none."""
    with decoding(CARD):
        return msgspec.json.decode(value, type=Card)


def usable_card(result: ActResult) -> Card | None:
    """The card that an act gave, if it gave one; what no page of a processor wrote is no card."""
    try:
        return decode_card(result[CARD]) if CARD in result.values else None
    except UnreadableValueError:
        return None


def stored_card(transaction: Transaction, person_id: str, purpose: str = "billing") -> Card | None:
    """The verified card that is kept of a person; None without one, or where the policy refuses."""
    result = transaction.act(Act(action="use", data=("card",), purpose=purpose), person_id)
    return None if isinstance(result, Refused) else usable_card(result)


def store_card(
    transaction: Transaction, person_id: str, card: Card, occasion: str = "service-use"
) -> Refused | None:
    """Keep a card of a person; the refusal, where the policy refuses."""
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
