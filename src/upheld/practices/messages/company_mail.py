"""Sends the letters to companies of the register, and to ourselves, once each.

As with messages to customers a letter is set aside under a lease before it is handed over, so that
no two processes send it, and one that dies sends it again under the same Message-ID.
"""

from __future__ import annotations

import logging
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final

from upheld.core.mailbox import MailboxError
from upheld.database.columns import microseconds
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice import party_mail
from upheld.practice.plugin import Provider
from upheld.practice.tables import party_letter as table
from upheld.practices.messages import envelope
from upheld.practices.messages.carrier import Carrier, CarrierError
from upheld.practices.messages.delivery import BACKOFF, BATCH, LEASE

SENT: Final = "party.written"
SENTENCES: Final = {
    SENT: "{actor} wrote to a company of the register",
    party_mail.MAILBOX_CHANGED: "{actor} changed the address of a company on the register",
}
_ONE: Final = "letter_id = ? AND state = 'waiting'"


class CompanyMail:
    """Sends what is due."""

    def __init__(self, provider: Provider, by: Carrier | None) -> None:
        self.provider, self.by = provider, by

    def run(self, gate: Gate) -> int:
        """Send the letters that are due; how many. Without a mail server they wait. The job."""
        if self.by is None:
            return 0
        now, count = microseconds(gate.clock.now()), 0
        where = "state = 'waiting' AND due <= ? ORDER BY due, letter_id LIMIT ?"
        with gate.look() as tables:
            letters = tables.select(table, where, now, BATCH)
        for each in letters:
            with gate.together() as transaction:
                mail = self._lease(transaction, each, now)
            if mail is None:
                continue
            try:
                self.by.send(mail)
            except CarrierError as error:
                logging.getLogger("upheld").warning("letter not sent: %s", error)
                with gate.together() as transaction:
                    _try_later(transaction, each, final=error.final)
                if error.server:
                    break
                continue
            with gate.together() as transaction:
                _end(transaction, each, party_mail.SENT)
                transaction.note(None, SENT, id=each.letter_id)
            count += 1
        return count

    def _lease(self, transaction: Transaction, letter: Any, now: int) -> EmailMessage | None:
        """The mail of a letter that this process may send now; None where it may not."""
        due = microseconds(transaction.clock.now() + LEASE)
        where = f"{_ONE} AND due <= ?"
        if not transaction.tables.update(table, {"due": due}, where, letter.letter_id, now):
            return None
        settings, name = self.provider.settings, self.provider.imprint.name
        sender = settings.mail_from or settings.contact
        to = party_mail.find(transaction.tables, letter.party) if letter.party else settings.contact
        try:
            headers = {
                "Date": format_datetime(self.provider.now()),
                "Message-ID": f"<{letter.letter_id}@{envelope.domain_of(sender)}>",
                "Auto-Submitted": "auto-generated",
            }
            mail = envelope.new_message((name, sender), to, letter.subject, headers)
        except MailboxError:
            _end(transaction, letter, party_mail.FAILED)
            return None
        mail.set_content(f"{letter.text}\n-- \n{name}\n")
        return mail


def _try_later(transaction: Transaction, letter: Any, *, final: bool) -> None:
    if final or letter.tries >= len(BACKOFF):
        _end(transaction, letter, party_mail.FAILED)
        return
    due = microseconds(transaction.clock.now() + BACKOFF[letter.tries])
    changes = {"due": due, "tries": letter.tries + 1}
    transaction.tables.update(table, changes, _ONE, letter.letter_id)


def _end(transaction: Transaction, letter: Any, state: str) -> None:
    at = microseconds(transaction.clock.now())
    changes = {"due": None, "state": state, "ended": at}
    transaction.tables.update(table, changes, _ONE, letter.letter_id)
