"""What is asked before an account is closed, or everything erased: what goes, what is owed."""

from __future__ import annotations

from typing import Final

from upheld.core.ids import PersonId
from upheld.gate.transaction import Transaction
from upheld.practice.citations import quote_clauses
from upheld.practice.consequences import Confirmation
from upheld.practices.rights.erasure import WAITS, Outlook, amount_owed

CLOSED: Final = "/me/privacy/policy"


def close_confirmation(transaction: Transaction, person_id: PersonId) -> Confirmation:
    """What closing an account ends, and what stays due."""
    owed = amount_owed(transaction, person_id)
    return Confirmation(
        "Close my account",
        [
            "All your services end now, and their last days are on your last bill.",
            "What you owe stays due.",
            "What we hold stays protected and is deleted when its time has run.",
            "This cannot be undone.",
            "If you come back, you sign up anew. While we hold this e-mail address, use another.",
        ],
        "/me/close",
        "Close my account",
        "/me",
        costs=_costs(owed),
        grave=True,
        quotes=quote_clauses(transaction.policy, ["acceptance", "retention"]),
        tick="I am sure",
        after=CLOSED,
    )


def erase_confirmation(outlook: Outlook) -> Confirmation:
    """What is erased, what a law keeps, and how long it can be taken back."""
    consequences = [
        "Everything we hold about you is erased for good, and with it your account.",
        f"We begin in {WAITS.days} days. Until then you can take it back.",
        "Your services end on that day, and what you used up to then is billed.",
        "What a law obliges us to keep stays.",
        "You get a certificate of what was kept, on which clause and until when.",
        "To erase one thing and keep your account, choose it under “What we hold” instead.",
    ]
    if outlook.owed:
        consequences.append(
            f"You still owe {outlook.owed}, whether it is due or not. What that invoice rests on"
            " cannot be erased before it is paid; you can pay it without an account then, at an"
            " address that we send to you. The certificate says what is kept, and until when."
        )
    return Confirmation(
        "Erase your account and everything",
        consequences,
        "/me/privacy/erase",
        "Ask for erasure",
        "/me/privacy",
        costs=_costs(outlook.owed),
        grave=True,
        quotes=outlook.quotes,
        tick="I am sure, and have a copy if I want one",
        after="/me/privacy/requests",
    )


def _costs(owed: str) -> list[tuple[str, str]]:
    return [("You owe already", owed)] if owed else []
