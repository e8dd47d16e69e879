"""Messages to be sent: a practice says to whom, by which template and for which purpose.

Writing to somebody is an act: the policy decides it for the purpose, and a refusal is given back.
What is queued names person and template alone. The practice `messages` sends it, once.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

import msgspec

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice.tables import outbox

WAITING: Final = "waiting"  # the state of a message that is to be sent


def queue(
    transaction: Transaction,
    person_id: PersonId,
    template: str,
    purpose: str,
    words: Mapping[str, str] | None = None,
) -> str | Refused:
    """Queue a message to a person, if the policy lets us write for this purpose; its id.

    `template` is `PRACTICE/NAME`; `words` are ids, dates and amounts that say which thing it is
    about, never what it says of anybody.
    """
    message = secrets.token_hex(16)
    result = _queue(transaction, person_id, message, template, purpose, words or {})
    return result if isinstance(result, Refused) else message


def queue_once(
    transaction: Transaction,
    person_id: PersonId,
    template: str,
    purpose: str,
    words: Mapping[str, str],
    *,
    key: str,
) -> bool:
    """Queue a message unless one with this key was queued to the person before; whether it was."""
    message = transaction.sealer("outbox-key").mark_of(person_id, template, key).hex()[:32]
    where = "person_id = ? AND message_id = ?"
    if transaction.tables.select_unchecked(outbox, ["message_id"], where, person_id, message):
        return False
    result = _queue(transaction, person_id, message, template, purpose, words)
    return not isinstance(result, Refused)


def _queue(
    transaction: Transaction,
    person_id: PersonId,
    message: str,
    template: str,
    purpose: str,
    words: Mapping[str, str],
) -> Refused | None:
    """Ask whether we may write to a person, and put the message down; the refusal."""
    result = transaction.act(Act(action="contact", purpose=purpose), person_id)
    if isinstance(result, Refused):
        return result
    at = microseconds(transaction.clock.now())
    transaction.tables.insert(
        outbox,
        person_id=person_id,
        message_id=message,
        template=template,
        purpose=purpose,
        words=msgspec.json.encode(dict(words)).decode(),
        entry=result.entry,
        made=at,
        due=at,
        tries=0,
        state=WAITING,
        trouble="",
    )
    return None


def cancel(transaction: Transaction, person_id: PersonId, template: str = "") -> None:
    """Delete a person's unsent messages: all, or those of one template."""
    where = "person_id = ? AND state = 'waiting' AND (? = '' OR template = ?)"
    transaction.tables.purge(outbox, where, person_id, template, template)
