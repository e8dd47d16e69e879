"""Who cares for whom: what a guardian said yes to, as records that prove it, each for itself.

Permission, supervision and the costs are three records on the minor: dated, by whom, with the text
that was shown. Each can be withdrawn and given again. The policy says what follows.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

from upheld.core.ids import PersonId, RecordId
from upheld.database.columns import BEGINNING, microseconds
from upheld.database.own_tables import Place, Tables
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.provers import years
from upheld.gate.transaction import Transaction
from upheld.practice import invitations, outbox, tasks
from upheld.practice.events import GUARDIAN_REVOKED, PAYER_CHANGES
from upheld.practice.invitations import Invitation
from upheld.practice.plugin import Provider
from upheld.practice.unreadable import decoding
from upheld.practices.guardians.tables import care as table
from upheld.practices.guardians.tables import identity_check
from upheld.web import sessions

CHECK: Final = "guardian-check"
ROLE: Final = "accounts"
PERMISSION: Final = (
    "I am a parent or guardian of the person who invited me, and I give them permission to use the"
    " services."
)
COSTS: Final = "I accept the costs of what they use. The bills come to me."
SUPERVISION: Final = (
    "I supervise their account: I look after what they do with it. They see each time that I look."
)
KINDS: Final = {  # what a guardian says, and the record that proves it
    "permission": ("guardian-consent", PERMISSION),
    "costs": ("guardian-costs", COSTS),
    "supervision": ("guardian-link", SUPERVISION),
}
GUARDIAN: Final = "guardian"  # in entries without an id, which would outlive them there
TEXT_DIGEST: Final = sha256("\n".join(text for _, text in KINDS.values()).encode()).hexdigest()


class Care(NamedTuple):
    """That somebody is cared for, by whom, and since when."""

    person_id: PersonId
    guardian_id: PersonId
    started_at: datetime
    ended: datetime | None


class GuardianConsent(NamedTuple):
    """One consent of a guardian: the id of the record in force, if any, and its dates."""

    record_id: RecordId | None
    since: datetime | None
    withdrawn: datetime | None


def care_of(tables: Tables, person_id: PersonId) -> Care | None:
    """Who cares for somebody, unless they came of age."""
    row = tables.get(table, "person_id = ? AND ended IS NULL", person_id)
    return None if row is None else _care(row)


def guardian_of(tables: Tables, person_id: PersonId) -> PersonId | None:
    """In whose care somebody is; None where they are in nobody's."""
    care = care_of(tables, person_id)
    return None if care is None else care.guardian_id


def cares(tables: Tables, guardian_id: PersonId) -> list[Care]:
    """Whom somebody cares for, in the order in which they came."""
    where = "guardian_id = ? AND ended IS NULL ORDER BY started_at"
    rows = tables.select(table, where, guardian_id)
    return [_care(each) for each in rows]


def wards_of(tables: Tables, guardian_id: PersonId) -> list[PersonId]:
    """Who is in somebody's care."""
    return [each.person_id for each in cares(tables, guardian_id)]


def some_cares(tables: Tables, after: Place, most: int) -> tuple[list[Care], Place | None]:
    """At most `most` people in care, by id, and where to go on after them (None at the end)."""
    some, last = tables.batch(table, "ended IS NULL", (), after, most)
    return [_care(each) for each in some], last


def _care(row: Any) -> Care:
    person, guardian, start, end = row
    return Care(person, guardian, _moment(start), _moment(end) if end else None)


def _moment(instant: int) -> datetime:
    return BEGINNING + timedelta(microseconds=instant)


def consents_for(transaction: Transaction, person_id: PersonId) -> dict[str, GuardianConsent]:
    """The consents of a guardian for somebody, by kind of `KINDS`; the latest of each."""
    kinds = {kind: what for what, (kind, _) in KINDS.items()}
    records, _ = transaction.records_of([person_id], list(kinds))
    now = microseconds(transaction.clock.now())
    consents = {what: GuardianConsent(None, None, None) for what in KINDS}
    for each in records:  # the oldest first
        live = each.in_force(now)
        end = each.withdrawn if each.withdrawn is not None else each.ends
        consents[kinds[each.kind]] = GuardianConsent(
            each.record_id if live else None,
            _moment(each.valid_from),
            None if live or end is None else _moment(end),
        )
    return consents


def give(
    transaction: Transaction, care: Care, what: str, *, valid_from: datetime | None = None
) -> None:
    """Record one consent of a guardian, from now or `valid_from` on; nothing if it is in force."""
    if consents_for(transaction, care.person_id)[what].record_id:
        return
    transaction.record(
        care.person_id,
        KINDS[what][0],
        by_whom=care.guardian_id,
        how="page",
        actor=GUARDIAN,
        text=KINDS[what][1],
        valid_from=valid_from or transaction.clock.now(),
    )


def withdraw(provider: Provider, transaction: Transaction, care: Care, what: str) -> None:
    """Let a guardian take one thing back; whom the policy no longer lets us serve is signed out.

    What was used while the costs were accepted is billed first.
    """
    consent = consents_for(transaction, care.person_id)[what]
    if not consent.record_id:
        return
    if what == "costs":
        provider.events.announce(transaction, PAYER_CHANGES, care.person_id)
    transaction.withdraw(care.person_id, consent.record_id, actor=GUARDIAN)
    if not transaction.peek(care.person_id, Act(action="serve")).allowed:
        sessions.end_all(transaction.tables, "customer", care.person_id)
        provider.events.announce(transaction, GUARDIAN_REVOKED, care.person_id, consent.record_id)


def begin(transaction: Transaction, person_id: PersonId, invitation: Invitation) -> Refused | None:
    """Begin a guardian's care of somebody who signed up by their leave; Refused if it may not."""
    accepted = invitation.accepted or transaction.clock.now()
    care = Care(person_id, invitation.inviter, accepted, None)
    if invitation.text_digest != TEXT_DIGEST:  # they said yes to other words than ours of today
        return Refused(None)
    transaction.tables.insert(
        table, person_id=person_id, guardian_id=care.guardian_id, started_at=microseconds(accepted)
    )
    for what in KINDS:
        give(transaction, care, what, valid_from=accepted)
    charged = transaction.act(Act(action="charge"), person_id, entitled=True)
    return charged if isinstance(charged, Refused) else None


def end(transaction: Transaction, care: Care) -> None:
    """End a guardian's care: they see nothing any more, and nothing of it proves anything."""
    for each in consents_for(transaction, care.person_id).values():
        if each.record_id:
            transaction.withdraw(care.person_id, each.record_id, ended=True)
    ended = {"ended": microseconds(transaction.clock.now())}
    transaction.tables.update(table, ended, "person_id = ?", care.person_id)


def age(transaction: Transaction, person_id: PersonId) -> int | Refused:
    """Somebody's age in whole years, if the policy lets us check it; 0 where it is not known."""
    act = Act(action="use", data=("birth-date",), purpose="age-check")
    result = transaction.act(act, person_id, entitled=True)
    if isinstance(result, Refused):
        return result
    if "birth-date" not in result.values:
        return 0
    with decoding("birth-date"):
        return years(date.fromisoformat(result["birth-date"]), transaction.clock.today())


def is_identified(tables: Tables, person_id: PersonId) -> bool:
    """Whether we know that somebody is who they say."""
    return tables.get(identity_check, "person_id = ?", person_id) is not None


def note_identity(transaction: Transaction, person_id: PersonId, how: str) -> None:
    """Note that somebody is who they say: what waited for it goes on."""
    at = microseconds(transaction.clock.now())
    if not transaction.tables.insert_new(identity_check, person_id=person_id, how=how, at=at):
        return
    waited = invitations.acceptances_of(transaction.tables, person_id, transaction.clock.now())
    invitations.confirm(transaction, person_id)
    tasks.close_about(transaction, person_id, CHECK)
    if any(each.state == invitations.CHECKING for each in waited):
        outbox.queue(transaction, person_id, "guardians/known", "administrative-message")


def accept(transaction: Transaction, guardian_id: PersonId, invitation: Invitation) -> bool:
    """Let a guardian say yes; whether we know already that they are who they say."""
    is_checked = is_identified(transaction.tables, guardian_id)
    invitations.accept(transaction, invitation, guardian_id, TEXT_DIGEST, checked=is_checked)
    if not is_checked:
        tasks.close_about(transaction, guardian_id, CHECK)  # one look at them is enough
        tasks.open_task(
            transaction,
            guardian_id,
            CHECK,
            "service-provision",
            role=ROLE,
            about=invitation.invitation_id,
        )
    return is_checked
