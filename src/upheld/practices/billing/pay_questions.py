"""What is asked before a payment by card: the amount, from which card, and what is open then."""

from __future__ import annotations

from upheld.core.company_names import company_name
from upheld.practice.consequences import Confirmation
from upheld.web.pages import money


def pay_confirmation(
    key: str, once: str, cents: int, open_cents: int, processor: str
) -> Confirmation:
    """What a payment takes, and what somebody still owes after it."""
    card = "the card that you gave for this payment" if once else "the card that you keep with us"
    name = company_name(processor)
    return Confirmation(
        f"Pay {money(cents)}?",
        [
            f"{money(cents)} is taken from {card}, once.",
            f"We tell {name} your name and the token of your card, and nothing else.",
            "If you paid too much or by mistake, write to us: we cannot undo it here.",
        ],
        "/me/payment",
        f"Pay {money(cents)}",
        f"/me/payment?card={once}" if once else "/me/payment",
        {"key": key, "card": once, "amount": f"{cents // 100}.{cents % 100:02}"},
        [("You pay", money(cents)), ("Your balance then", money(open_cents - cents))],
        after=f"/me/payment/done/{key}",
    )
