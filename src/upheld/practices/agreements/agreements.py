"""Agreements with trusted partners: kept, signed by both sides, withdrawn, suspended.

One that both sides signed is a record of the register from its first day to its last; without both
signatures there is no record. Who is no trusted partner on the register can have none.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from upheld.core.company_names import company_name
from upheld.core.ids import AgreementId, RecordId, UserId
from upheld.core.reason_text import require_reason
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.contains import AGREED, PARTNER
from upheld.policy.load import Policy
from upheld.policy.vocabulary import TREE_OF
from upheld.practice import operators, parties
from upheld.practice.operators import MANAGER, User
from upheld.practices.agreements import signatures, terms
from upheld.practices.agreements.tables import partner_agreement as table
from upheld.practices.agreements.tables import partner_key
from upheld.practices.agreements.terms import AgreementError

DRAFT, SIGNED, SUSPENDED, WITHDRAWN, LAPSED = (
    "draft",
    "signed",
    "suspended",
    "withdrawn",
    "lapsed",
)
KIND: Final = parties.AGREEMENT  # of the record
YEARS_MAX: Final = timedelta(days=3660)
REASON_MAX: Final = 300  # characters of why one is withdrawn
ADDED, OUR_SIGNING, THEIR_SIGNING, ENDED, SUSPENSION, NEW_KEY = (
    "agreement.draft",
    "agreement.sign",
    "agreement.accept",
    "agreement.withdraw",
    "agreement.suspend",
    "agreement.key",
)
SENTENCES: Final = {
    ADDED: "{actor} drafted an agreement with a partner",
    OUR_SIGNING: "{actor} signed an agreement with a partner",
    THEIR_SIGNING: "{actor} took in a partner's signature of an agreement",
    ENDED: "{actor} withdrew an agreement with a partner",
    SUSPENSION: "{actor} suspended an agreement that no longer fits the policy",
    NEW_KEY: "{actor} kept a partner's key",
}


class PartnerAgreement(NamedTuple):
    """An agreement with a partner, and how far it has come."""

    agreement_id: AgreementId
    party: str
    digest: str
    state: str
    starts: datetime
    ends: datetime
    statement: str
    drafted_by: UserId
    drafted_at: datetime
    our_signature: bytes
    our_key: bytes
    signed_by: UserId
    signed_at: datetime | None
    their_signature: bytes
    their_key: bytes
    accepted_at: datetime | None
    record_id: RecordId
    reason: str
    changed_at: datetime

    @property
    def partner(self) -> str:
        """The partner's name as people read it."""
        return company_name(self.party)

    def covers_moment(self, at: datetime) -> bool:
        """Whether both sides signed it and a moment lies in its term."""
        return self.state == SIGNED and self.starts <= at < self.ends


def agreements(tables: Tables, party: str = "") -> list[PartnerAgreement]:
    """All agreements, or those of one partner, the latest first."""
    where, values = ("party = ? ", (party,)) if party else ("", ())
    rows = tables.select(table, f"{where}ORDER BY drafted DESC, agreement_id", *values)
    return [_from_row(each) for each in rows]


def find(tables: Tables, agreement_id: AgreementId) -> PartnerAgreement | None:
    """The agreement with an id; None where there is none."""
    row = tables.get(table, "agreement_id = ?", agreement_id)
    return None if row is None else _from_row(row)


def require(tables: Tables, name: str) -> PartnerAgreement:
    """The agreement with an id, or a beginning of one that no other has."""
    matches = [each for each in agreements(tables) if name and each.agreement_id.startswith(name)]
    if len(matches) != 1:
        raise AgreementError(
            "there is no such agreement" if not matches else "several agreements begin so",
            code="no-agreement",
            hint="`upheld agreement list` tells the id of each",
        )
    return matches[0]


def require_manager(tables: Tables, user_id: UserId) -> User:
    """Whoever acts for us; AgreementError unless they work here and manage."""
    user = operators.find_user(tables, user_id)
    works_here = user is not None and user.state in (operators.ACTIVE, operators.INVITED)
    if user is None or not works_here or user.kind != "staff" or MANAGER not in user.roles:
        raise AgreementError(
            f"agreements are for the role {MANAGER}",
            code="agreement-role",
            hint="ask somebody who has it",
        )
    return user


def add(
    transaction: Transaction,
    which: str,
    text: Policy,
    *,
    by: UserId,
    until: date,
    since: date | None = None,
) -> PartnerAgreement:
    """Keep a draft of an agreement with a trusted partner, whose terms fit the policy in force."""
    user = require_manager(transaction.tables, by)
    transaction.lock(REGISTER)
    party = parties.find(transaction, which)
    require_partner(transaction, party)
    terms.require_fit(text, transaction.policy)
    starts, ends = _span(transaction, since, until)
    terms.keep(transaction.tables, text)
    agreement_id, at = AgreementId(secrets.token_hex(16)), transaction.clock.now()
    front = transaction.policy.front
    words = signatures.statement(
        agreement_id,
        provider=front.provider or front.policy,
        partner=party,
        starts=starts,
        ends=ends,
        digest=text.digest,
    )
    transaction.tables.insert(
        table,
        agreement_id=agreement_id,
        party=party,
        digest=text.digest,
        state=DRAFT,
        starts=microseconds(starts),
        ends=microseconds(ends),
        statement=words,
        drafted_by=user.user_id,
        drafted=microseconds(at),
        our_signature=b"",
        our_key=b"",
        signed_by="",
        signed=None,
        their_signature=b"",
        their_key=b"",
        accepted=None,
        record_id="",
        reason="",
        changed=microseconds(at),
    )
    _note(transaction, ADDED, text.digest, user)
    return require(transaction.tables, agreement_id)


def keep_key(transaction: Transaction, which: str, text: str, *, by: UserId) -> str:
    """Keep the public key by which a partner signs from now on; the word of the partner."""
    user = require_manager(transaction.tables, by)
    transaction.lock(REGISTER)
    party = parties.find(transaction, which)
    public = signatures.read_key(text)
    values = {
        "public": public,
        "since": microseconds(transaction.clock.now()),
        "added_by": user.user_id,
    }
    if not transaction.tables.update(partner_key, values, "party = ?", party):
        transaction.tables.insert(partner_key, party=party, **values)
    transaction.note(None, NEW_KEY, actor=_actor(user))
    return party


def key_of(tables: Tables, party: str) -> bytes:
    """The public key of a partner; empty where none was given."""
    row = tables.get(partner_key, "party = ?", party)
    return b"" if row is None else bytes(row.public)


def sign(transaction: Transaction, agreement_id: AgreementId, *, by: UserId) -> PartnerAgreement:
    """Sign an agreement for us, by a named manager and under our own key."""
    user = require_manager(transaction.tables, by)
    agreement = _locked_draft(transaction, agreement_id)
    if agreement.our_signature:
        raise _signed_already()
    signer = transaction.signer(signatures.PURPOSE)
    at = transaction.clock.now()
    _change(
        transaction,
        agreement,
        our_signature=signer.sign(agreement.statement.encode()),
        our_key=signer.public,
        signed_by=user.user_id,
        signed=microseconds(at),
    )
    _note(transaction, OUR_SIGNING, agreement.digest, user)
    return _conclude(transaction, agreement.agreement_id, _actor(user))


def accept(
    transaction: Transaction, agreement_id: AgreementId, signature: str, *, actor: str
) -> PartnerAgreement:
    """Take in the partner's signature, which must be by the key that the register has of them."""
    agreement = _locked_draft(transaction, agreement_id)
    if agreement.their_signature:
        raise _signed_already()
    raw, public = (
        signatures.read_signature(signature),
        key_of(transaction.tables, agreement.party),
    )
    if not public:
        raise AgreementError(
            "no key of this partner is kept",
            code="agreement-key",
            hint="keep their public key first",
        )
    if not signatures.is_signed(public, agreement.statement, raw):
        raise AgreementError(
            "this is not the partner's signature of this agreement",
            code="agreement-signature",
            hint="sign the statement as it is, to the last line, with the key that we have",
        )
    at = transaction.clock.now()
    _change(
        transaction, agreement, their_signature=raw, their_key=public, accepted=microseconds(at)
    )
    transaction.note(None, THEIR_SIGNING, actor=actor, evidence=(agreement.digest,))
    return _conclude(transaction, agreement.agreement_id, actor)


def withdraw(
    transaction: Transaction, agreement_id: AgreementId, reason: str, *, by: UserId
) -> PartnerAgreement:
    """Withdraw an agreement: it proves nothing from now on.

    AgreementError where it is over, and for a reason that nobody could read.
    """
    user = require_manager(transaction.tables, by)
    reason = require_reason(reason, REASON_MAX, _reason_error, "it needs a reason")
    transaction.lock(REGISTER)
    agreement = require(transaction.tables, agreement_id)
    if agreement.state not in (DRAFT, SIGNED, SUSPENDED):
        raise AgreementError(
            f"this agreement is {agreement.state}",
            code="agreement-state",
            hint="nothing is left to withdraw",
        )
    _note(transaction, ENDED, agreement.digest, user)
    close(transaction, agreement, WITHDRAWN, reason, _actor(user))
    return require(transaction.tables, agreement.agreement_id)


def _reason_error(sentence: str, hint: str) -> AgreementError:
    return AgreementError(sentence, code="agreement-reason", hint=hint)


def is_recorded(transaction: Transaction, agreement: PartnerAgreement) -> bool:
    """Whether the record of a signed agreement stands: it may be ended with the partner's role."""
    records, _ = transaction.records_of([REGISTER], [KIND])
    at = microseconds(max(transaction.clock.now(), agreement.starts))
    return any(each.record_id == agreement.record_id and each.in_force(at) for each in records)


def close(
    transaction: Transaction, agreement: PartnerAgreement, state: str, reason: str, actor: str
) -> None:
    """Let an agreement be over in a state; its record ends now."""
    if agreement.record_id and is_recorded(transaction, agreement):
        transaction.withdraw(REGISTER, agreement.record_id, ended=True, actor=actor)
    _change(
        transaction,
        agreement,
        state=state,
        reason=reason,
        changed=microseconds(transaction.clock.now()),
    )


def _conclude(transaction: Transaction, agreement_id: AgreementId, actor: str) -> PartnerAgreement:
    """Let an agreement that both sides signed be a record of the register."""
    agreement = require(transaction.tables, agreement_id)
    if not (agreement.our_signature and agreement.their_signature):
        return agreement
    require_partner(transaction, agreement.party)
    text = terms.load(transaction.tables, agreement.digest)
    now = transaction.clock.now()
    record_id = transaction.record(
        REGISTER,
        KIND,
        fact=AGREED,
        party=agreement.party,
        about=_about(text, transaction.policy),
        valid_from=max(now, agreement.starts),
        ends=agreement.ends,
        how=agreement.agreement_id,
        actor=actor,
    )
    _change(transaction, agreement, state=SIGNED, record_id=record_id, changed=microseconds(now))
    return require(transaction.tables, agreement_id)


def _about(text: Policy, policy: Policy) -> dict[str, list[str]]:
    """The words of the record: the data and purposes that the terms let the partner use at all."""
    per = policy.program.vocabulary.facts[AGREED].per
    data, purposes = _leaves(policy, "data"), _leaves(policy, "purpose")
    pairs = [(d, p) for d in data for p in purposes if terms.covers(text, policy, d, p)]
    words = {
        "data": list(dict.fromkeys(field for field, _ in pairs)),
        "purpose": list(dict.fromkeys(purpose for _, purpose in pairs)),
        "recipient": [PARTNER],
    }
    return {dimension: words[dimension] for dimension in per if dimension in words}


def _leaves(policy: Policy, dimension: str) -> list[str]:
    tree = policy.program.vocabulary.tree(TREE_OF[dimension])
    parents = {each.parent for each in tree.values()}
    return [word for word in tree if word not in parents]


def _locked_draft(transaction: Transaction, agreement_id: AgreementId) -> PartnerAgreement:
    """A draft that can be signed now, with nobody else at it. AgreementError otherwise."""
    transaction.lock(REGISTER)
    agreement = require(transaction.tables, agreement_id)
    now = transaction.clock.now()
    if agreement.state != DRAFT:
        raise AgreementError(
            f"this agreement is {agreement.state}",
            code="agreement-signed" if agreement.state == SIGNED else "agreement-state",
            hint="draft another one where you need it",
        )
    if now < agreement.drafted_at or now >= agreement.ends:
        raise AgreementError(
            "it cannot be signed at this time",
            code="agreement-time",
            hint="see its last day, and the clock of this machine",
        )
    text = terms.load(transaction.tables, agreement.digest)
    terms.require_fit(text, transaction.policy)
    return agreement


def require_partner(transaction: Transaction, party: str) -> None:
    """AgreementError unless a company is a trusted partner on the register now."""
    roles = parties.roles(transaction, in_force=True)
    if not any(
        (each.party, each.role, each.kind) == (party, PARTNER, parties.PARTNERS) for each in roles
    ):
        raise AgreementError(
            f"{company_name(party)} is no trusted partner on the register",
            code="agreement-partner",
            hint=f"`upheld party add NAME --role {PARTNER}` puts them there",
        )


def _span(transaction: Transaction, since: date | None, until: date) -> tuple[datetime, datetime]:
    """From when and until when; today begins now, and the last day is part of it."""
    clock = transaction.clock
    today = clock.today()
    first = since or today
    if not today <= first <= until <= today + YEARS_MAX:
        raise AgreementError(
            "the days of the term are wrong",
            code="agreement-term",
            hint="begin today or later, and end within ten years",
        )
    starts = clock.now() if first == today else datetime.combine(first, time(), clock.zone)
    return starts, datetime.combine(until + timedelta(days=1), time(), clock.zone)


def _signed_already() -> AgreementError:
    return AgreementError(
        "this side has signed it already",
        code="agreement-signed",
        hint="see which signature is missing",
    )


def _change(transaction: Transaction, agreement: PartnerAgreement, **changes: Any) -> None:
    transaction.tables.update(table, changes, "agreement_id = ?", agreement.agreement_id)


def _note(transaction: Transaction, kind: str, digest: str, user: User) -> None:
    transaction.note(None, kind, actor=_actor(user), evidence=(digest,))


def _actor(user: User) -> str:
    return f"staff {user.user_id}"


def names(tables: Tables) -> dict[str, str]:
    """The names of those who work here, by id."""
    return {each.user_id: each.name for each in operators.all_users(tables)}


def without_text(every: Iterable[PartnerAgreement]) -> list[dict[str, object]]:
    """Agreements as plain data, for a program that reads them."""
    return [
        {
            "agreement": each.agreement_id,
            "party": each.party,
            "partner": each.partner,
            "state": each.state,
            "from": each.starts.isoformat(),
            "until": each.ends.isoformat(),
            "terms": each.digest,
            "signed_by_us": bool(each.our_signature),
            "signed_by_them": bool(each.their_signature),
            "reason": each.reason,
        }
        for each in every
    ]


def _from_row(row: Any) -> PartnerAgreement:
    return PartnerAgreement(
        row.agreement_id,
        row.party,
        row.digest,
        row.state,
        to_datetime(row.starts),
        to_datetime(row.ends),
        row.statement,
        row.drafted_by,
        to_datetime(row.drafted),
        bytes(row.our_signature),
        bytes(row.our_key),
        row.signed_by,
        None if row.signed is None else to_datetime(row.signed),
        bytes(row.their_signature),
        bytes(row.their_key),
        None if row.accepted is None else to_datetime(row.accepted),
        RecordId(row.record_id),
        row.reason,
        to_datetime(row.changed),
    )
