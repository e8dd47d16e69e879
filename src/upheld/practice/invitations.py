"""Invitations by e-mail: of a guardian by somebody under age, of an adult into a household.

Of whoever is invited nothing is held but the address, as a person of its own, with the first name
of who asks, and that for no longer than fourteen days. Somebody under age comes back by a code
that they were shown once and that is kept as a hash.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Final, NamedTuple

from upheld.core.ids import NOBODY, InvitationId, PersonId, RequestId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.evidence.trusted_time import trusted_time
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import outbox
from upheld.practice.collection_questions import collection_questions
from upheld.practice.tables import invitation as invitation_table
from upheld.web import once

GUARDIAN: Final = "guardian"
HOUSEHOLD: Final = "household"
OPEN, CHECKING, ACCEPTED, DONE = "open", "checking", "accepted", "done"
READY: Final = {GUARDIAN: ACCEPTED, HOUSEHOLD: OPEN}  # in which state somebody can come by it
LASTS: Final = timedelta(days=14)
# Nobody answers any more for what somebody said who was erased since.
_SOMEBODY: Final = "(inviter <> '' OR kind = 'guardian' AND state = 'open')"
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is taken for another
_ONE: Final = "person_id = ? AND invitation_id = ?"
_THERE: Final = "(SELECT p.person_id FROM person p WHERE p.person_id = invitation.person_id)"
_OVER: Final = (
    f"((state <> 'open' AND EXISTS {_THERE}) OR state = 'done' OR expires < ?)"
    " AND invitation_id > ? ORDER BY invitation_id LIMIT ?"
)


_NAME: Final = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+)*")  # no address can be written so


def name_of_letters(value: str) -> str:
    """A name of letters; ValueError with a sentence for anything that could be read as more."""
    if not _NAME.fullmatch(value):
        raise ValueError("Write your name with letters only.")
    return value


def may_ask_name(policy: Policy) -> bool:
    """Whether the policy lets us ask whoever invites by which name they are known."""
    request, _ = collection_questions(
        policy, "name", source="customer", occasion="visit", purpose="service-provision"
    )
    return policy.decide(request, {}).allowed


class Invitation(NamedTuple):
    """An invitation as it stands. `inviter` is who will answer for whoever signs up by it."""

    person_id: PersonId
    invitation_id: InvitationId
    kind: str
    state: str
    inviter: PersonId
    created_at: datetime
    expires: datetime
    accepted: datetime | None
    text_digest: str


def invite(
    transaction: Transaction,
    email: str,
    kind: str,
    template: str,
    *,
    inviter: str = "",
    asker: str = "",
) -> tuple[InvitationId, str] | Refused:
    """Invite an address, if the policy lets us store it and write to it: (invitation id, code).

    `asker` is the name by which whoever is invited knows who asks; it is held as the address is.
    """
    contact = transaction.enrol()
    values = {"email": email, "name": asker} if asker else {"email": email}
    result = transaction.store(
        contact,
        values,
        source="customer",
        occasion="visit",
        purpose="service-provision",
        entitled=True,
    )
    if isinstance(result, Refused):
        return result
    invitation_id = InvitationId(secrets.token_hex(16))
    words = {"compare": comparison_code(invitation_id)} if kind == GUARDIAN else None
    message = outbox.queue(transaction, contact, template, "administrative-message", words)
    if isinstance(message, Refused):
        return message
    at = transaction.clock.now()
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
    code = "-".join((comparison_code(invitation_id), *groups))
    transaction.tables.insert(
        invitation_table,
        person_id=contact,
        invitation_id=invitation_id,
        kind=kind,
        state=OPEN,
        inviter=inviter,
        made=microseconds(at),
        expires=microseconds(at + LASTS),
        text_digest="",
        code_hash=_hash(code),
    )
    return invitation_id, code


def comparison_code(of: InvitationId | RequestId) -> str:
    """The first group of a code, shown both to who invites or asks, and to who is to say yes.

    It opens nothing: the four groups after it are known to nobody but who asks.
    """
    digest = sha256(f"compared {of}".encode()).digest()
    return "".join(_LETTERS[each % len(_LETTERS)] for each in digest[:4])


def find_by_code(tables: Tables, code: str, at: datetime) -> Invitation | None:
    """The invitation with a code; None once it has expired or is done."""
    return _get(
        tables,
        f"code_hash = ? AND state <> 'done' AND expires >= ? AND {_SOMEBODY}",
        _hash(code),
        microseconds(at),
    )


def find_by_id(tables: Tables, invitation_id: InvitationId) -> Invitation | None:
    """The invitation with an id; None where there is none."""
    return _get(tables, "invitation_id = ?", invitation_id)


def find_by_contact(tables: Tables, person_id: PersonId, at: datetime) -> Invitation | None:
    """The open invitation of an address, by the person that its link names; None without one."""
    return _get(
        tables,
        f"person_id = ? AND state = 'open' AND expires >= ? AND {_SOMEBODY}",
        person_id,
        microseconds(at),
    )


def acceptances_of(tables: Tables, person_id: PersonId, at: datetime) -> list[Invitation]:
    """The invitations that somebody accepted and that nobody has used yet, oldest first."""
    where = (
        "inviter = ? AND kind = 'guardian' AND state IN ('checking', 'accepted') AND expires >= ?"
        " ORDER BY accepted"
    )
    rows = tables.select(invitation_table, where, person_id, microseconds(at))
    return [_from_row(each) for each in rows]


def accept(
    transaction: Transaction, invitation: Invitation, by: str, text_digest: str, *, checked: bool
) -> None:
    """Note who accepted an invitation, what they were shown, and whether we know who they are."""
    at = transaction.clock.now()
    changes = {
        "state": ACCEPTED if checked else CHECKING,
        "inviter": by,
        "accepted": microseconds(at),
        "expires": microseconds(at + LASTS),
        "text_digest": text_digest,
    }
    transaction.tables.update(
        invitation_table, changes, _ONE, invitation.person_id, invitation.invitation_id
    )


def confirm(transaction: Transaction, by: str) -> None:
    """Let the invitations be used that somebody accepted, now that we know who they are."""
    transaction.tables.update(
        invitation_table, {"state": ACCEPTED}, "inviter = ? AND state = 'checking'", by
    )


def redeem(transaction: Transaction, invitation: Invitation) -> Invitation | None:
    """Use an invitation up, in the transaction of whoever signs up by it; None where it is over.

    It is read anew: whoever found it before the transaction may have come second.
    """
    at = transaction.clock.now()
    where = f"invitation_id = ? AND state = ? AND expires >= ? AND {_SOMEBODY}"
    ready = _get(
        transaction.tables,
        where,
        invitation.invitation_id,
        READY[invitation.kind],
        microseconds(at),
    )
    if ready is None or not once.spend(
        transaction.tables, "invitation", ready.invitation_id, ready.expires
    ):
        return None
    finish(transaction, ready)
    return ready


def finish(transaction: Transaction, invitation: Invitation) -> None:
    """Note that somebody signed up by an invitation, or that it was declined."""
    transaction.tables.update(
        invitation_table, {"state": DONE}, _ONE, invitation.person_id, invitation.invitation_id
    )


def sweep(gate: Gate, most: int = 100) -> int:
    """Erase the addresses of invitations that were answered or have expired. Returns how many.

    What somebody else changed is set aside, so that nobody is erased for a row that names them.
    """
    at = microseconds(trusted_time(gate))
    count, last = 0, ""
    with trial_of(gate, "invitations") as trial:
        while True:
            with gate.together() as transaction:
                rows = transaction.tables.select_unchecked(
                    invitation_table, ["invitation_id", _THERE], _OVER, at, last, most
                )
            for invitation_id, contact in rows:
                last = invitation_id
                work = partial(_sweep_one, gate, invitation_id, contact or NOBODY, at)
                count += trial.one(work, contact or NOBODY, invitation_id) or 0
            if len(rows) < most:
                return count


def _sweep_one(gate: Gate, invitation_id: InvitationId, contact: PersonId, at: int) -> int:
    """Erase the address of one invitation, and delete the invitation where it is over."""
    where = "invitation_id = ?"
    with gate.together() as transaction:
        invitation = transaction.tables.get(invitation_table, where, invitation_id)
    if invitation is None:
        return 0  # another process was faster
    if contact:
        erase(gate, [invitation.person_id])  # as the row says that was checked
    if invitation.state == DONE or invitation.expires < at:
        with gate.together() as transaction:
            transaction.tables.delete(invitation_table, where, invitation_id)
    return 1


def _get(tables: Tables, where: str, *values: Any) -> Invitation | None:
    row = tables.get(invitation_table, where, *values)
    return None if row is None else _from_row(row)


def _from_row(row: Any) -> Invitation:
    """The invitation of a verified row."""
    accepted = None if row.accepted is None else to_datetime(row.accepted)
    return Invitation(
        row.person_id,
        row.invitation_id,
        row.kind,
        row.state,
        row.inviter,
        to_datetime(row.made),
        to_datetime(row.expires),
        accepted,
        row.text_digest,
    )


def _hash(code: str) -> bytes:
    plain = "".join(each for each in code.upper() if each in _LETTERS)
    return sha256(plain.encode()).digest()
