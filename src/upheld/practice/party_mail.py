"""Mail to companies of the register, at the address that each gave us, and to ourselves.

A letter is written in the transaction of what it is about and holds nothing of anybody: ids, kinds
of data and days. The practice `messages` sends it. Whoever has no address there gets none.
"""

from __future__ import annotations

import secrets
from typing import Final

from upheld.core.errors import UpheldError
from upheld.core.ids import MessageId
from upheld.core.mailbox import canonical
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice.tables import party_letter, party_mailbox

MAILBOX_CHANGED: Final = "party.mailbox"  # a kind of entries
OURSELVES: Final = ""  # in the place of a company: the settings' `contact`
WAITING, SENT, FAILED = "waiting", "sent", "failed"  # states of a letter


class PartyMailError(UpheldError):
    """A text that is no address to which mail could go."""


def find(tables: Tables, party: str) -> str:
    """The address of a company; empty where it has none."""
    row = tables.get(party_mailbox, "party = ?", party)
    return row.address if row is not None else ""


def put(transaction: Transaction, party: str, address: str, *, actor: str = "") -> None:
    """Let mail to a company go to this address from now on; to none where it is empty."""
    transaction.lock(REGISTER)
    if address:
        try:
            address = canonical(address.strip())
        except ValueError as error:
            raise PartyMailError(
                "this is no address of mail", code="party-mail", hint=str(error)
            ) from None
    transaction.tables.delete(party_mailbox, "party = ?", party)
    if address:
        at = microseconds(transaction.clock.now())
        transaction.tables.insert(party_mailbox, party=party, address=address, added=at)
    transaction.note(None, MAILBOX_CHANGED, actor=actor)


def write(
    transaction: Transaction,
    party: str,
    subject: str,
    text: str,
    letter_id: MessageId = MessageId(""),  # noqa: B008 - a text
) -> bool:
    """Write to a company, once under an id where one is given; whether there is a letter more."""
    if party != OURSELVES and not find(transaction.tables, party):
        return False
    at = microseconds(transaction.clock.now())
    return transaction.tables.insert_new(
        party_letter,
        letter_id=letter_id or secrets.token_hex(16),
        party=party,
        subject=subject,
        text=text,
        made=at,
        due=at,
        tries=0,
        state=WAITING,
    )
