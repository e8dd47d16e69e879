"""Messages to be sent: a practice says to whom, by which template and for which purpose.

Writing to somebody is an act: the policy decides it for the purpose, and a refusal is given back.
What is queued names person and template alone. The practice `messages` sends it, once.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
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
    refusals = _queue_each(transaction, {person_id: message}, template, purpose, words or {})
    return refusals.get(person_id, message)


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
    return not _queue_each(transaction, {person_id: message}, template, purpose, words)


def queue_each(
    transaction: Transaction, people: Sequence[PersonId], template: str, purpose: str
) -> dict[PersonId, str | Refused]:
    """Do for some people what `queue` does for one, each with an entry of their own."""
    messages = {each: secrets.token_hex(16) for each in people}
    refusals = _queue_each(transaction, messages, template, purpose, {})
    return {**messages, **refusals}


def _queue_each(
    transaction: Transaction,
    messages: Mapping[PersonId, str],
    template: str,
    purpose: str,
    words: Mapping[str, str],
) -> dict[PersonId, Refused]:
    """Ask whether we may write to each of some people, and put the messages down; the refusals."""
    outcomes = transaction.act_each(Act(action="contact", purpose=purpose), list(messages))
    refusals = {each: its for each, its in outcomes.items() if isinstance(its, Refused)}
    at = microseconds(transaction.clock.now())
    transaction.tables.insert_all(
        outbox,
        [
            {
                "person_id": person_id,
                "message_id": messages[person_id],
                "template": template,
                "purpose": purpose,
                "words": msgspec.json.encode(dict(words)).decode(),
                "entry": outcome.entry,
                "made": at,
                "due": at,
                "tries": 0,
                "state": WAITING,
                "trouble": "",
            }
            for person_id, outcome in outcomes.items()
            if person_id not in refusals
        ],
    )
    return refusals


def cancel(transaction: Transaction, person_id: PersonId, template: str = "") -> None:
    """Delete a person's unsent messages: all, or those of one template."""
    where = "person_id = ? AND state = 'waiting' AND (? = '' OR template = ?)"
    transaction.tables.purge(outbox, where, person_id, template, template)
