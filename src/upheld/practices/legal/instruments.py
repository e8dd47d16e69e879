"""Instruments of the legal desk: opened, checked by counsel, approved by a second person, ended.

Once approved, an instrument is a record of each person whom it names, for exactly its fields, its
recipient and its term: the policy decides by it what may be released. One that forbids to tell is
another record, kept first, so that no page of theirs shows either before the silence is over.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from upheld.core.ids import InstrumentId, PersonId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice import operators, party_keys
from upheld.practice.operators import User
from upheld.practice.plugin import Provider
from upheld.practices.legal import reviews
from upheld.practices.legal.accounts import accounts_by_name
from upheld.practices.legal.demands import (
    DETERMINATION,
    INFORMAL,
    OUR_OWN,
    PERSONS_MAX,
    PRESERVATION,
    Demand,
    LegalError,
    check_belief,
    check_document,
    check_finding,
    check_reach,
    check_times,
    order_beside,
    with_names,
)
from upheld.practices.legal.instrument import (
    APPROVED,
    CHECKED,
    ENDED,
    NAMED,
    OPEN,
    REFUSED,
    Instrument,
    NamedPerson,
    Review,
    actor_of,
    prove,
    records_by,
)
from upheld.practices.legal.reach import NamedPeople, reach_of
from upheld.practices.legal.staff import (
    COUNSEL,
    OFFICER,
    note,
    own_account,
    require_role,
)
from upheld.practices.legal.tables import legal_document, legal_instrument, legal_reach

_ONE: Final = "instrument_id = ?"


class _Sealed(msgspec.Struct, frozen=True):
    """What of an instrument is sealed, since it may name people."""

    issuer: str
    reference: str
    fields: tuple[str, ...]
    document: str  # its SHA-256; empty where there is none
    ground: str = ""
    belief: str = ""
    key: str = ""  # the public key of age to which a production is encrypted
    finding: str = ""  # what somebody else found of an emergency
    unreadable: tuple[str, ...] = ()  # kinds of data of which the last release lacks something
    keeps: tuple[str, ...] = ()  # kinds that an order to preserve keeps, if not all
    earlier_reviews: tuple[Review, ...] = ()
    preserved_by: InstrumentId | None = None  # the order to preserve opened beside it
    released_by: tuple[UserId, ...] = ()  # since the last review
    missing: tuple[str, ...] = ()  # accounts of which it has nothing, as their rows were changed


class Instruments:
    """The instruments of a running provider."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._sealer = provider.sealer("legal")

    def all(self, tables: Tables) -> list[Instrument]:
        """Every instrument, the latest first; those whose rows were changed are left out."""
        rows, _ = tables.select_authentic(
            legal_instrument, "1 = 1 ORDER BY opened DESC, instrument_id"
        )
        return [self._from_row(each) for each in rows]

    def find(self, tables: Tables, instrument_id: InstrumentId) -> Instrument | None:
        """The instrument with an id; None where there is none."""
        row = tables.get(legal_instrument, _ONE, instrument_id)
        return None if row is None else self._from_row(row)

    def require(self, tables: Tables, instrument_id: InstrumentId) -> Instrument:
        """The instrument with an id; LegalError where there is none."""
        instrument = self.find(tables, instrument_id)
        if instrument is None:
            raise LegalError(
                "there is no such instrument",
                code="legal-instrument",
                hint="`upheld legal list` has all of them",
            )
        return instrument

    def reach(self, tables: Tables, instrument_id: InstrumentId) -> NamedPeople:
        """Whom an instrument names, and what of that was changed."""
        return reach_of(tables, self._sealer, instrument_id)

    def people(self, tables: Tables, instrument_id: InstrumentId) -> list[NamedPerson]:
        """Whom an instrument names and who is still here, in the order of their accounts."""
        return self.reach(tables, instrument_id).people

    def document(self, tables: Tables, instrument: Instrument) -> bytes:
        """The document of an instrument as it came in; empty where there is none."""
        row = tables.get(legal_document, _ONE, instrument.instrument_id)
        if row is None:
            return b""
        return self._sealer.unseal(row.sealed, "document", instrument.instrument_id)

    def open(
        self, transaction: Transaction, demand: Demand, document: bytes, by: UserId
    ) -> Instrument:
        """Open an instrument that came in; a request without force is recorded and refused.

        One that `preserves` what it names opens an order to preserve beside it, which is checked
        and approved for itself. LegalError for what has no reach, no term, or is no document.
        """
        user = require_role(transaction.tables, by)
        if demand.kind == DETERMINATION and OFFICER not in user.roles:
            raise LegalError(
                "a legal officer makes a determination", code="legal-role", hint="ask one of them"
            )
        demand, is_informal = with_names(demand), demand.kind == INFORMAL
        now = transaction.clock.now()
        whom = {} if is_informal else self._whom(transaction, demand, user)
        if not is_informal:
            check_reach(transaction.policy, demand)
            check_belief(transaction.policy, demand)
            check_times(demand, now)
        check_document(document, is_required=demand.kind not in (INFORMAL, *OUR_OWN))
        instrument_id = self._add(transaction, demand, document, user, whom)
        instrument = self.require(transaction.tables, instrument_id)
        if not instrument.is_emergency:
            return instrument
        return self._put_in_force(transaction, instrument, user, "legal.emergency")

    def check(
        self, transaction: Transaction, instrument_id: InstrumentId, by: UserId
    ) -> Instrument:
        """Counsel finds an instrument valid, and its reach as it is written down.

        LegalError for what is approved without that.
        """
        instrument, user = self._require_next(transaction, instrument_id, by, OPEN)
        if COUNSEL not in user.roles:
            raise LegalError(
                "counsel checks an instrument", code="legal-role", hint="ask your counsel"
            )
        if instrument.state_before_approval != CHECKED:
            raise LegalError(
                f"a {instrument.kind} is approved without a check",
                code="legal-state",
                hint="let somebody approve it who did not make it",
            )
        at = microseconds(transaction.clock.now())
        changes = {"state": CHECKED, "checked": at, "checked_by": user.user_id}
        return self.change(transaction, instrument, "legal.check", user, changes)

    def set_key(
        self, transaction: Transaction, instrument_id: InstrumentId, key: str, by: UserId
    ) -> Instrument:
        """Let all that is released from now on be encrypted to this public key of age.

        Counsel enters it, and where somebody's safety is under threat the officer too. It is kept
        with the instrument and not in the register, which others than the legal desk read.
        PartyKeyError for a text that is no key.
        """
        instrument, user = self._require_next(
            transaction, instrument_id, by, OPEN, CHECKED, APPROVED
        )
        if not instrument.is_released:
            raise LegalError(
                "nothing is released under it",
                code="legal-state",
                hint="an order to preserve needs no key",
            )
        if COUNSEL not in user.roles and not instrument.is_emergency:
            raise LegalError(
                "counsel enters the key of whoever receives it",
                code="legal-role",
                hint="ask your counsel",
            )
        changes = self.seal_again(instrument, key=party_keys.require_key(key))
        return self.change(transaction, instrument, "legal.key", user, changes)

    def refuse(
        self, transaction: Transaction, instrument_id: InstrumentId, by: UserId
    ) -> Instrument:
        """Refuse an instrument that nobody has approved yet: nothing is released under it."""
        instrument, user = self._require_next(transaction, instrument_id, by, OPEN, CHECKED)
        at = microseconds(transaction.clock.now())
        changes = {"state": REFUSED, "settled": at, "settled_by": user.user_id}
        return self.change(transaction, instrument, "legal.refuse", user, changes)

    def approve(
        self, transaction: Transaction, instrument_id: InstrumentId, by: UserId
    ) -> Instrument:
        """Approve, as a second person, what counsel checked: from now on it proves, for its term.

        LegalError for whoever opened or checked it, and once it has lapsed.
        """
        instrument, user = self._require_next(transaction, instrument_id, by, OPEN, CHECKED)
        if instrument.state != instrument.state_before_approval:
            raise LegalError(
                "counsel has not checked it", code="legal-state", hint="ask your counsel to do so"
            )
        if not instrument.may_be_approved_by(user.user_id):
            raise LegalError(
                "whoever opened or checked an instrument does not approve it",
                code="legal-second-person",
                hint="let somebody else of the legal desk do it",
            )
        if instrument.has_lapsed(transaction.clock.now()):
            raise LegalError(
                "it has lapsed", code="legal-period", hint="only a new instrument reaches further"
            )
        return self._put_in_force(transaction, instrument, user, "legal.approve")

    def _put_in_force(
        self, transaction: Transaction, instrument: Instrument, user: User, kind: str
    ) -> Instrument:
        """Let an instrument prove from now on; `kind` is that of the entry."""
        now = transaction.clock.now()
        for each in self.people(transaction.tables, instrument.instrument_id):
            prove(transaction, instrument, each, user, now)
        changes = {"state": APPROVED, "settled": microseconds(now), "settled_by": user.user_id}
        return self.change(transaction, instrument, kind, user, changes)

    def review(
        self, transaction: Transaction, instrument_id: InstrumentId, finding: str, by: UserId
    ) -> Instrument | Refused:
        """Review, as somebody else, what was released in an emergency: the policy owes it.

        `finding` says whether it had to be, and why; it is sealed with the instrument.
        LegalError for whoever made the determination; the refusal where the policy has none of it.
        """
        instrument, user = self.lock(transaction, instrument_id, by)
        if not instrument.waits_for_review:
            raise LegalError(
                "nothing of it waits for a review",
                code="legal-state",
                hint="look at it once more: somebody else may have been first",
            )
        if not instrument.may_be_reviewed_by(user.user_id):
            raise LegalError(
                "whoever made a determination, or released under it, does not review it",
                code="legal-second-person",
                hint="let somebody else of the legal desk do it",
            )
        for each in self.reach(transaction.tables, instrument_id).person_ids:
            outcome = reviews.settle(transaction, instrument_id, each, user)
            if outcome is not None:
                return outcome
        at = microseconds(transaction.clock.now())
        changes = {
            "reviewed": at,
            "reviewed_by": user.user_id,
            **self.seal_again(instrument, finding=check_finding(finding)),
        }
        return self.change(transaction, instrument, "legal.review", user, changes)

    def end(self, transaction: Transaction, instrument_id: InstrumentId, by: UserId) -> Instrument:
        """End an instrument before it lapses, as when it is set aside: it proves nothing more.

        That it forbids to tell stays as long as it said.
        """
        instrument, user = self._require_next(transaction, instrument_id, by, APPROVED)
        reach = self.reach(transaction.tables, instrument_id)
        records = [(each.person_id, each.record_id) for each in reach.people]
        for each in reach.changed:
            records += records_by(transaction, each.person_id, instrument_id)
        for person_id, record_id in records:
            if record_id is not None:
                transaction.withdraw(person_id, record_id, ended=True, actor=actor_of(user))
        at = microseconds(transaction.clock.now())
        changes = {"state": ENDED, "ended": at, "ended_by": user.user_id}
        return self.change(transaction, instrument, "legal.end", user, changes)

    def change(
        self,
        transaction: Transaction,
        instrument: Instrument,
        kind: str,
        user: User,
        changes: dict[str, Any],
    ) -> Instrument:
        """Change an instrument with an entry of who did so; what it is then."""
        instrument_id = instrument.instrument_id
        transaction.tables.update(legal_instrument, changes, _ONE, instrument_id)
        note(transaction, kind, instrument_id, user)
        return self.require(transaction.tables, instrument_id)

    def lock(
        self, transaction: Transaction, instrument_id: InstrumentId, by: UserId
    ) -> tuple[Instrument, User]:
        """An instrument and whoever handles it, with all whom it names locked.

        And whom the order beside it names. LegalError for an account of their own or a relative's.
        """
        user = require_role(transaction.tables, by)
        reach = self.reach(transaction.tables, instrument_id)
        instrument = self.require(transaction.tables, instrument_id)
        beside = instrument.preserved_by and self.reach(transaction.tables, instrument.preserved_by)
        people = [*reach.people, *(beside.people if beside else ())]
        for each in sorted({each.person_id for each in people}):
            transaction.lock(each)
        transaction.lock_present([each.person_id for each in reach.changed])
        for each in reach.person_ids:
            if operators.is_left_to_others(transaction.tables, user.user_id, each):
                raise own_account()
        return self.require(transaction.tables, instrument_id), user

    def _require_next(
        self, transaction: Transaction, instrument_id: InstrumentId, by: UserId, *states: str
    ) -> tuple[Instrument, User]:
        instrument, user = self.lock(transaction, instrument_id, by)
        if instrument.state not in states:
            raise LegalError(
                f"this instrument is {instrument.state}",
                code="legal-state",
                hint="look at it once more: somebody else may have been first",
            )
        return instrument, user

    def _whom(self, transaction: Transaction, demand: Demand, user: User) -> dict[PersonId, str]:
        """The customers of the accounts that an instrument names, with the account of each.

        LegalError for nobody's, and where whoever opens it may handle none of theirs.
        """
        if not 0 < len(demand.accounts) <= PERSONS_MAX:
            raise LegalError(
                f"an instrument names 1 to {PERSONS_MAX} accounts",
                code="legal-reach",
                hint="one that names nobody reaches nothing; split one that names more",
                field="accounts",
            )
        whom: dict[PersonId, str] = {}
        for account, people in self.find_accounts(transaction, demand.accounts).items():
            for each in people:
                if operators.is_left_to_others(transaction.tables, user.user_id, each):
                    raise own_account()
                whom.setdefault(each, account)
        return whom

    def find_accounts(
        self, transaction: Transaction, names: Sequence[str]
    ) -> dict[str, list[PersonId]]:
        """The people of the accounts that are named, by number; LegalError as accounts_by_name."""
        return accounts_by_name(self.provider, self._sealer, transaction, names)

    def _add(
        self,
        transaction: Transaction,
        demand: Demand,
        document: bytes,
        user: User,
        whom: Mapping[PersonId, str],
    ) -> InstrumentId:
        """Write down an instrument, its document and whom it names, and what goes with it; its id.

        That is the order to preserve what it names, where one is wanted.
        """
        order, tables = order_beside(transaction.policy, demand), transaction.tables
        is_order = demand.kind == PRESERVATION
        body = _Sealed(
            demand.issuer,
            demand.reference,
            demand.fields,
            sha256(document).hexdigest() if document else "",
            demand.ground,
            demand.belief,
            keeps=transaction.stored_fields(demand.fields if is_order else ()),
            preserved_by=order and self._add(transaction, order, document, user, whom),
        )
        at = microseconds(transaction.clock.now())
        instrument_id = self._insert(tables, demand, body, user, len({*whom.values()}), at)
        if document:
            sealed = self._sealer.seal(document, "document", instrument_id)
            tables.insert(legal_document, instrument_id=instrument_id, sealed=sealed)
        for person_id, account in whom.items():
            self.name(tables, instrument_id, person_id, account)
        note(transaction, "legal.open", instrument_id, user)
        return instrument_id

    def name(
        self, tables: Tables, instrument_id: InstrumentId, person_id: PersonId, account: str
    ) -> None:
        """Write down that an instrument names somebody, and by which account."""
        tables.insert(
            legal_reach,
            person_id=person_id,
            instrument_id=instrument_id,
            state=NAMED,
            notice="",
            sealed=self._sealer.seal(account.encode(), person_id, instrument_id),
        )

    def _insert(
        self, tables: Tables, demand: Demand, body: _Sealed, user: User, persons: int, at: int
    ) -> InstrumentId:
        """Write down an instrument that was just opened, at a time in microseconds; its id."""
        is_informal = demand.kind == INFORMAL
        instrument_id = InstrumentId(secrets.token_hex(16))
        times = (demand.starts, demand.ends, demand.period_start, demand.period_end)
        starts, ends, period_start, period_end = (each and microseconds(each) for each in times)
        tables.insert(
            legal_instrument,
            instrument_id=instrument_id,
            kind=demand.kind,
            state=REFUSED if is_informal else OPEN,
            recipient=demand.recipient,
            persons=persons,
            starts=starts,
            ends=ends,
            period_start=period_start,
            period_end=period_end,
            deadline=demand.deadline and microseconds(demand.deadline),
            silence_end=demand.silence_end and microseconds(demand.silence_end),
            opened=at,
            opened_by=user.user_id,
            checked_by="",
            settled=at if is_informal else None,
            settled_by=user.user_id if is_informal else "",
            ended_by="",
            releases=0,
            digest="",
            reviewed=None,
            reviewed_by=None,
            sealed=self._sealer.seal(msgspec.json.encode(body), instrument_id),
        )
        return instrument_id

    def seal_again(self, instrument: Instrument, **changes: Any) -> dict[str, bytes]:
        """The column of what is sealed of an instrument, with some of it changed."""
        values = {name: getattr(instrument, name) for name in _Sealed.__struct_fields__}
        body = msgspec.json.encode(_Sealed(**{**values, **changes}))
        return {"sealed": self._sealer.seal(body, instrument.instrument_id)}

    def _from_row(self, row: Any) -> Instrument:
        raw = self._sealer.unseal(row.sealed, row.instrument_id)
        values: dict[str, Any] = msgspec.structs.asdict(msgspec.json.decode(raw, type=_Sealed))
        for name in Instrument._fields:
            if name not in values:
                value = getattr(row, name)
                is_moment = name in _TIMES and value is not None
                values[name] = to_datetime(value) if is_moment else value
        return Instrument(**values)


_TIMES: Final = frozenset(
    {
        *("starts", "ends", "period_start", "period_end", "deadline", "silence_end"),
        *("opened", "checked", "settled", "ended", "released", "reviewed"),
    }
)
