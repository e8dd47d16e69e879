"""Sends what waits in the outbox, once each, as long as the policy still lets us.

A row says person and template. When it is due, the acts are asked again (somebody may have opted
out meanwhile), address and name are read through the gate, and the row is set aside until a lease
is over; then, outside of any transaction, the message is handed to the mail server under its own
Message-ID; then a second transaction notes that it was sent, and keeps a copy in the account. A
process that is killed in between leaves a row whose lease runs out: it is sent again under the same
Message-ID, which is how a mail server tells that it is the same.

Each row fails alone: whatever goes wrong with one is noted on it, it is tried again ever less often
and in the end set aside for staff, and the others go out.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from email.message import EmailMessage
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core import observing
from upheld.core.errors import UpheldError
from upheld.core.ids import EntryNumber, MessageId, PersonId
from upheld.core.mailbox import MailboxError
from upheld.database.columns import microseconds
from upheld.database.own_tables import Change
from upheld.gate.act.request import Act, Refused
from upheld.gate.gate import Gate
from upheld.gate.log.sentences import UNCOPIED
from upheld.gate.public import SealedError
from upheld.gate.transaction import Transaction
from upheld.practice.message_copies import MessageCopy
from upheld.practice.outbox import WAITING
from upheld.practice.plugin import Provider
from upheld.practice.tables import outbox
from upheld.practices.messages.carrier import Carrier, CarrierError
from upheld.practices.messages.compose import TemplateError, blocks, compose, mail
from upheld.practices.messages.unsubscribe import UnsubscribePages

LEASE: Final = timedelta(minutes=5)
BACKOFF: Final = tuple(timedelta(minutes=each) for each in (1, 5, 15, 30, 60, 120, 240, 480, 960))
BATCH: Final = 50  # messages in one run
SENT, FAILED, BOUNCED = "sent", "failed", "bounced"  # states of a row
OPTIONAL: Final = "opt-out-offered"  # the duty of what may be unsubscribed
_DUE: Final = "state = 'waiting' AND due <= ? ORDER BY due LIMIT ? OFFSET ?"
_KEY: Final = "person_id = ? AND message_id = ? AND state = 'waiting'"
_WORDS: Final = msgspec.json.Decoder(dict[str, str])


class WaitingMessage(NamedTuple):
    """A message of the outbox that is due."""

    person_id: PersonId
    message_id: MessageId
    template: str
    purpose: str
    words: str  # as JSON
    entry: EntryNumber
    tries: int


class OutgoingMessage(NamedTuple):
    """A message that may be sent now, and its copy."""

    mail: EmailMessage
    copy: MessageCopy


class Delivery:
    """Sends what is due."""

    def __init__(self, provider: Provider, by: Carrier | None) -> None:
        self.provider, self.by = provider, by
        self.unsubscribing = UnsubscribePages(provider)

    def run(self, gate: Gate) -> int:
        """Send what is due; how many were sent. Without a mail server everything waits."""
        if self.by is None:
            return 0
        count = 0
        for each in self._due(gate):
            try:
                count += self._deliver(gate, self.by, each)
            except CarrierError as error:
                self._note_failure(gate, each, str(error), final=error.final)
                if error.server:  # the others would fare no better, and lose a try
                    break
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one row, the others go out
                self._note_failure(
                    gate, each, _trouble_of(error), final=isinstance(error, MailboxError)
                )
        return count

    def _due(self, gate: Gate) -> list[WaitingMessage]:
        """The messages that are due; those of people whose rows were changed are skipped."""
        now, after = microseconds(gate.clock.now()), 0
        with gate.look() as tables:
            while True:
                rows, forged = tables.select_intact(
                    outbox, _DUE, now, BATCH, after, parts=[WAITING]
                )
                if rows or not forged:
                    break
                after += BATCH
        return [
            WaitingMessage(
                each.person_id,
                each.message_id,
                each.template,
                each.purpose,
                each.words,
                each.entry,
                each.tries,
            )
            for each in rows
        ]

    def _deliver(self, gate: Gate, by: Carrier, message: WaitingMessage) -> int:
        with gate.together() as transaction:
            ready = self._prepare(transaction, message)
        if ready is None:
            return 0
        by.send(ready.mail)
        if (observer := observing.observer()) is not None:
            observer.note("message", message.template, observing.digest(ready.copy.text))
        try:
            with gate.together() as transaction:
                self._note_sent(transaction, message, ready)
        except Exception as error:  # noqa: BLE001 - it went out: to send it once more would mend nothing
            trouble = f"sent, but not noted in full: {_trouble_of(error)}"
            logging.getLogger("upheld").warning("message %s", trouble)
            with gate.together() as transaction:
                self._end(transaction, message, SENT, trouble)
        return 1

    def _note_failure(
        self, gate: Gate, message: WaitingMessage, trouble: str, *, final: bool
    ) -> None:
        """Note why a message failed and when to try again; set it aside where that is useless."""
        logging.getLogger("upheld").warning("message not sent: %s", trouble)
        try:
            with gate.together() as transaction:
                self._try_later(transaction, message, trouble, final=final)
        except SealedError as error:  # it stays as it is
            self.provider.report_changed_row(error)
        except UpheldError:  # nothing can be noted of who it is for: the row alone says it then
            with gate.together() as transaction:
                self._end(transaction, message, FAILED, trouble)

    def _prepare(self, transaction: Transaction, message: WaitingMessage) -> OutgoingMessage | None:
        """Build a message and lease its row; None if refused, or if another process has it."""
        provider, person, purpose = self.provider, message.person_id, message.purpose
        now = transaction.clock.now()
        changes: dict[str, Change] = {
            "due": microseconds(now + LEASE),
            "tries": lambda before: before.tries + 1,
        }
        where = f"{_KEY} AND due <= ?"
        if not transaction.tables.update(
            outbox, changes, where, person, message.message_id, microseconds(now), parts=[WAITING]
        ):
            return None  # another process has it
        allowed: dict[str, Any] = {}
        for each in dict.fromkeys([purpose, *blocks(provider, message.template)]):
            result = transaction.act(Act(action="contact", purpose=each), person)
            if not isinstance(result, Refused):
                allowed[each] = result
        use = Act(action="use", data=("email", "name"), purpose=purpose, partial=True)
        values = transaction.act(use, person)
        if purpose not in allowed or isinstance(values, Refused) or "email" not in values.values:
            self._end(transaction, message, "refused")
            return None
        decision = allowed[purpose].decision
        name = values["name"] if "name" in values.values else ""
        composed = compose(
            provider,
            transaction.tables,
            message.template,
            person,
            name,
            _WORDS.decode(message.words),
            lambda each: each in allowed,
        )
        optional = any(duty.duty == OPTIONAL for duty in decision.duties)
        address = self.unsubscribing.address(person, purpose) if optional else ""
        copy = MessageCopy(
            at=now.isoformat(timespec="seconds"),
            purpose=purpose,
            subject=composed.subject,
            text=composed.copy,
            message=message.message_id,
            clause=", ".join(decision.clauses),
        )
        return OutgoingMessage(
            mail(
                provider,
                composed,
                to=values["email"],
                message_id=message.message_id,
                unsubscribe=address,
            ),
            copy,
        )

    def _note_sent(
        self, transaction: Transaction, message: WaitingMessage, ready: OutgoingMessage
    ) -> None:
        """Enter that a message was sent, and keep a copy, or enter that none may be kept."""
        person, purpose = message.person_id, message.purpose
        copied = transaction.may_store(person, "messages", purpose).allowed
        if copied:
            copy = msgspec.json.encode(ready.copy).decode()
            copied = not isinstance(
                transaction.append(
                    person, "messages", [copy], source="provider", occasion="other", purpose=purpose
                ),
                Refused,
            )
        transaction.note(
            person,
            "sent",
            action="contact",
            purpose=purpose,
            clauses=tuple(ready.copy.clause.split(", ")),
            after=str(message.entry),
            id=message.message_id,
            problem="" if copied else UNCOPIED,
        )
        self._end(transaction, message, SENT)

    def _try_later(
        self, transaction: Transaction, message: WaitingMessage, trouble: str, *, final: bool
    ) -> None:
        if final or message.tries >= len(BACKOFF):
            transaction.note(
                message.person_id,
                "unsent",
                action="contact",
                purpose=message.purpose,
                after=str(message.entry),
                id=message.message_id,
            )
            self._end(transaction, message, FAILED, trouble)
            return
        due = transaction.clock.now() + BACKOFF[message.tries]
        _change(
            transaction, message, due=microseconds(due), tries=message.tries + 1, trouble=trouble
        )

    def _end(
        self, transaction: Transaction, message: WaitingMessage, state: str, trouble: str = ""
    ) -> None:
        ended = microseconds(transaction.clock.now())
        _change(transaction, message, due=None, state=state, trouble=trouble, ended=ended)


def _change(transaction: Transaction, message: WaitingMessage, **changes: Any) -> None:
    transaction.tables.update(
        outbox, changes, _KEY, message.person_id, message.message_id, parts=[WAITING]
    )


def _trouble_of(error: Exception) -> str:
    """Why a message failed, in words that hold no personal value."""
    if isinstance(error, MailboxError | TemplateError):
        return str(error)
    return f"the message could not be made ({getattr(error, 'code', type(error).__name__)})"
