"""Messages about versions to those whose own agreement asks for notice, or for their approval.

A job writes to them once a version was posted or announced, a batch of people in a transaction: the
message is queued, and a row of the version and person says so, together. So a job that is killed
goes on where it was, and nobody is written to twice about one version. Another look at the outbox
records what came of it: the days of a notice run from when it was sent, and one that came back, or
could not be sent, is none.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import to_datetime
from upheld.gate.act.request import Refused
from upheld.gate.gate import Gate
from upheld.gate.posting import effective_day
from upheld.gate.transaction import Transaction
from upheld.practice.outbox import queue
from upheld.practice.tables import outbox
from upheld.practices.versions import agreements, customer_decisions, customer_looks
from upheld.practices.versions.drafts import ANNOUNCED, drafts
from upheld.practices.versions.tables import customer_agreement, customer_version

PURPOSE: Final = "administrative-message"
BATCH: Final = 50  # people in one transaction
WAITING, SENT, UNSENT, BOUNCED = "waiting", "sent", "unsent", "bounced"  # states of a row
MATTERS: Final = {agreements.NOTICE: "notice", agreements.APPROVAL: "request"}
TEMPLATES: Final = {"notice": "versions/notice", "request": "versions/approval"}
_UNSETTLED: Final = "settled <> ? ORDER BY person_id, fact LIMIT ? OFFSET ?"
_ROW: Final = "person_id = ? AND digest = ? AND matter = ?"


class PendingVersion(NamedTuple):
    """A version that was posted or announced: its digest, its name, and the day it is about."""

    digest: str
    version: str
    day: str
    is_posted: bool


def write_about_versions(gate: Gate) -> int:
    """Queue what is to be written, and record what came of it; how many. The job of that name."""
    return _queue_all(gate) + _follow_all(gate)


def _queue_all(gate: Gate) -> int:
    count = skipped = 0
    while True:
        with gate.together() as transaction:
            pending = _pending(transaction)
            names = "".join(each.digest for each in pending)
            mark = sha256(names.encode()).hexdigest() if pending else ""
            if not mark:
                return count
            rows, changed = transaction.tables.select_intact(
                customer_agreement, _UNSETTLED, mark, BATCH, skipped
            )
            for each in rows:
                count += _write(transaction, PersonId(each.person_id), each.fact, pending)
                transaction.tables.update(
                    customer_agreement,
                    {"settled": mark},
                    "person_id = ? AND fact = ?",
                    each.person_id,
                    each.fact,
                )
        if not rows and not changed:
            return count
        skipped += BATCH if not rows else 0  # those whose rows were changed stay as they are


def _pending(transaction: Transaction) -> list[PendingVersion]:
    """The versions after the first, and those that are announced."""
    zone = transaction.clock
    posted = [
        PendingVersion(
            each.digest,
            each.version or str(each.number),
            zone.local(each.posted_at).date().isoformat(),
            is_posted=True,
        )
        for each in transaction.editions.all()[1:]
    ]
    for each in drafts(transaction.tables, ANNOUNCED):
        day = effective_day(transaction.editions.policy(each.digest))
        posted.append(
            PendingVersion(
                each.digest, each.version, day.isoformat() if day else "", is_posted=False
            )
        )
    return posted


def _write(
    transaction: Transaction, person_id: PersonId, fact: str, pending: list[PendingVersion]
) -> int:
    """Queue the messages to one person; how many."""
    transaction.lock(person_id)
    if customer_looks.has_closed(transaction, person_id) or transaction.is_erased(person_id):
        return 0
    matter = MATTERS[fact]
    unbound = {each.edition.digest for each in transaction.standings(person_id) if not each.binds}
    decided = {each.digest for each in customer_decisions.decisions(transaction, person_id)}
    count = 0
    for each in pending:
        if each.is_posted and each.digest not in unbound:
            continue
        if matter == "request" and each.digest in decided:
            continue
        if transaction.tables.get(customer_version, _ROW, person_id, each.digest, matter):
            continue
        words = {"version": each.version, "day": each.day, "posted": "yes" * each.is_posted}
        message = queue(transaction, person_id, TEMPLATES[matter], PURPOSE, words)
        was_refused = isinstance(message, Refused)
        transaction.tables.insert(
            customer_version,
            person_id=person_id,
            digest=each.digest,
            matter=matter,
            state=UNSENT if was_refused else WAITING,
            at=microseconds(transaction.clock.now()),
            message_id=None if was_refused else message,
        )
        count += not was_refused
    return count


def _follow_all(gate: Gate) -> int:
    """Record what came of messages that waited, and which of those that were sent came back."""
    with gate.look() as tables:
        waiting, _ = tables.select_intact(
            customer_version, "matter IN ('notice', 'request') AND state IN (?, ?)", WAITING, UNSENT
        )
        returned, _ = tables.select_intact(
            outbox,
            "state = ? AND template IN (?, ?)",
            BOUNCED,
            *TEMPLATES.values(),
            parts=[BOUNCED],
        )
        sent = [
            row
            for each in returned
            for row in tables.select(
                customer_version,
                "person_id = ? AND message_id = ? AND state = ?",
                each.person_id,
                each.message_id,
                SENT,
            )
        ]
    count = 0
    for each in (*waiting, *sent):
        if each.message_id:
            with gate.together() as transaction:
                count += _follow(transaction, each)
    return count


def _follow(transaction: Transaction, row: Any) -> int:
    """Record what came of one message; whether anything did."""
    person_id = PersonId(row.person_id)
    transaction.lock(person_id)
    there = transaction.tables.get(customer_version, _ROW, person_id, row.digest, row.matter)
    message = transaction.tables.get(
        outbox, "person_id = ? AND message_id = ?", person_id, row.message_id
    )
    if there is None or message is None:
        return 0
    state = {"waiting": WAITING, "sent": SENT, "bounced": BOUNCED}.get(message.state, UNSENT)
    if state == there.state or message.ended is None:
        return 0
    ended = to_datetime(message.ended)
    if row.matter == "notice":
        _settle_notice(transaction, person_id, row.digest, state, ended)
    transaction.tables.update(
        customer_version,
        {"state": state, "at": message.ended},
        _ROW,
        person_id,
        row.digest,
        row.matter,
    )
    return 1


def _settle_notice(
    transaction: Transaction, person_id: PersonId, digest: str, state: str, ended: datetime
) -> None:
    """Let the days of a notice run from when it was sent, or take it back where it came back."""
    if state == SENT:
        agreement = transaction.tables.get(
            customer_agreement, "person_id = ? AND fact = ?", person_id, agreements.NOTICE
        )
        days = agreements.DAYS if agreement is None else agreement.days
        agreements.give_notice_of(transaction, person_id, digest, ended, days)
    else:
        agreements.take_back_notice_of(transaction, person_id, digest)
