"""Accounts of another provider's archive, taken in as our policy lets them: each whole, and once.

Whatever comes in is collected from the company that hands it over and stored, and a clause of ours
must let both be done; an account of which anything is refused stays out whole. Some hundred are
decided, stored, entered and marked as here in one transaction, beside which nobody else writes, so
that nothing that stops the import, and no other one at the same moment, takes an account in by
halves or twice, or two accounts of one address. Those that may not come in are turned away, and the
others of their lot are then taken in without them. Of several with one address each is decided
on by itself, once those before it are in or out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from upheld.core.errors import UpheldError
from upheld.core.garbage import no_search
from upheld.core.ids import PersonId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import placeholders
from upheld.gate.act.execution import Outcome
from upheld.gate.act.options import StoreOptions
from upheld.gate.act.request import Refused
from upheld.gate.evidence.field_values import KINDS, FieldValueError
from upheld.gate.evidence.provers import BIRTH_DATE, years
from upheld.gate.transaction import Transaction
from upheld.practice.admission import admission
from upheld.practice.form_values import canonical, today
from upheld.practice.plugin import Provider
from upheld.practices.takeovers.arrival import check_archive, open_accounts
from upheld.practices.takeovers.closings import require_role
from upheld.practices.takeovers.entry_plans import (
    OCCASION,
    EntryPlan,
    EntryPlans,
    NoPlan,
    company_of,
)
from upheld.practices.takeovers.manifest import TransferArchiveError, TransferManifest, read_archive
from upheld.practices.takeovers.parcels import Parcel, ParcelChoice, proof_of
from upheld.practices.takeovers.proofs import PURPOSE
from upheld.practices.takeovers.row_arrival import RowArrival
from upheld.practices.takeovers.tables import takeover_arrival, takeover_proof

ARRIVAL: Final = "import"  # the kind of entry by which a customer is known to have come from before
REFUSED: Final = "takeover.turn-away"
BATCH: Final = 200  # accounts in one transaction
EMAIL: Final = "email"
FORBIDDING: Final = ("opt-out", "objection")  # kinds of choices that hold here too
_NO_CLAUSE: Final = "no clause lets all of it come in"
_NO_VALUE: Final = "a value cannot be one of its field"
NO_WORDS: Final = (
    "wrong-record",
    "unknown-term",
    "empty-list",
)  # why a record cannot say something


class RefusedAccount(NamedTuple):
    """An account that stays out: its file in the archive, why, the fields and clauses of that."""

    file: str
    why: str
    fields: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()


class ImportedArchive(NamedTuple):
    """What came of an archive: how many of its accounts are here, its digest, and who stays out."""

    accounts: int
    of: int
    digest: str
    refused: tuple[RefusedAccount, ...]


class _OutError(UpheldError):
    """Accounts cannot come in: all that was done in their transaction is undone.

    `whose` are these accounts, each with why; empty where that is known of none by itself.
    """

    def __init__(self, whose: Mapping[str, _Reason] | None = None) -> None:
        super().__init__("accounts cannot come in", code="takeover-state")
        self.whose = whose or {}


class _Reason(NamedTuple):
    """Why an account stays out, and the fields and clauses of that."""

    why: str
    fields: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()


class _Account(NamedTuple):
    """An account that waits to come in: its file, the digest of that, and what is in it."""

    file: str
    digest: str
    parcel: Parcel


class _Newcomer(NamedTuple):
    """An account that may come in as far as it says itself, its fields, and their one person."""

    account: _Account
    fields: tuple[str, ...]
    person_id: PersonId = PersonId("")


class ArchiveImport:
    """Takes the accounts of another provider's archive in; `company` is that provider.

    `leave_out` are fields that are not to come in, whatever the policy says.
    """

    def __init__(
        self, provider: Provider, company: str, by: UserId, leave_out: Collection[str] = ()
    ) -> None:
        self.provider, self.by, self.company = provider, by, company
        self.leave_out = frozenset(leave_out)
        self.party, self.plans = "", EntryPlans("", ())
        self.rows = RowArrival(provider.practices)
        with provider.gate.gate.together() as transaction:
            self._require(transaction)

    def run(self, path: Path, digest: str, identity: Path) -> ImportedArchive:
        """Take in each account that may come in and is not here yet.

        All of the archive is looked through before. TransferArchiveError where it is not as its
        manifest says, is not for this key, or is here already.
        """
        digest = digest.strip().lower()
        manifest = check_archive(path, digest, identity)
        here = self._here(manifest)
        if here and len(here) == manifest.accounts:
            raise TransferArchiveError(
                "every account of this archive is here already",
                code="transfer-repeated",
                hint=f"it has {manifest.accounts:,}, of the digest {digest}",
            )
        outside: dict[str, _Reason] = {}
        _, encrypted = read_archive(path, digest)
        files = [each for each in manifest.files if each.sha256 not in here]
        new = (
            raw
            for each, raw in zip(manifest.files, encrypted, strict=True)
            if each.sha256 not in here
        )
        accounts = (
            _Account(each.name, each.sha256, parcel)
            for each, parcel in zip(files, open_accounts(new, identity, manifest), strict=True)
        )
        while some := [*islice(accounts, BATCH)]:
            outside |= self._take_in_lot(some, digest)
        return ImportedArchive(
            len(self._here(manifest)),
            manifest.accounts,
            digest,
            tuple(RefusedAccount(file, *reason) for file, reason in sorted(outside.items())),
        )

    def _require(self, transaction: Transaction) -> None:
        """TakeoverError unless we may take in, and the company is on the register now."""
        require_role(transaction.tables, self.by)
        self.party, roles = company_of(transaction, self.company)
        if roles != self.plans.roles:
            self.plans = EntryPlans(self.party, roles)

    def _here(self, manifest: TransferManifest) -> set[str]:
        """Which accounts of an archive are here, by their digests."""
        with self.provider.gate.gate.look() as tables:
            rows = tables.select(takeover_arrival, "closing_id = ?", manifest.closing)
        return {each.account for each in rows} & {each.sha256 for each in manifest.files}

    def _take_in_lot(self, some: Sequence[_Account], archive: str) -> dict[str, _Reason]:
        """Take some accounts in together, but for those that stay out: why, by their files."""
        outside: dict[str, _Reason] = {}
        others, later = self._apart(some)
        while others:
            try:
                gate = self.provider.gate.gate
                with no_search(), gate.together() as transaction, transaction.counted_once():
                    self._take_in(transaction, others, archive)
                    others = []
            except _OutError as error:
                if not error.whose:  # of each alone it is known
                    outside |= self._take_in_each(others, archive)
                    break
                with self.provider.gate.gate.together() as transaction:
                    for each in others:
                        if each.digest in error.whose:
                            outside[each.file] = error.whose[each.digest]
                            self._turn_away(transaction, each, outside[each.file])
                others = [each for each in others if each.digest not in error.whose]
        return outside | self._take_in_each(later, archive)

    def _apart(self, some: Sequence[_Account]) -> tuple[list[_Account], list[_Account]]:
        """Some accounts, and those among them whose e-mail address one before them has."""
        first, later, addresses = list[_Account](), list[_Account](), set[str]()
        for each in some:
            spellings = self._spellings(each.parcel)
            (later if spellings & addresses else first).append(each)
            addresses |= spellings
        return first, later

    def _take_in_each(self, some: Sequence[_Account], archive: str) -> dict[str, _Reason]:
        """Take each of some accounts in by itself; why some of them stay out."""
        outside: dict[str, _Reason] = {}
        for each in some:
            outside |= self._take_in_lot([each], archive)
        return outside

    def _take_in(self, transaction: Transaction, some: Sequence[_Account], archive: str) -> None:
        """Take in some accounts, but those that are here; _OutError where any may not come in."""
        self._require(transaction)
        some = self._mark_here(transaction, some, archive)
        newcomers = self._newcomers(transaction, some)
        newcomers = [each._replace(person_id=transaction.enrol()) for each in newcomers]
        self._forbid(transaction, newcomers)
        self._store(transaction, newcomers, {BIRTH_DATE})
        self._store(transaction, newcomers, None)
        whose = [each.person_id for each in newcomers]
        sealers = transaction.person_sealers(PURPOSE, whose) if whose else {}
        transaction.tables.insert_all(
            takeover_proof,
            [
                {
                    "person_id": each.person_id,
                    "closing_id": each.account.parcel.closing,
                    "sealed": sealers[each.person_id].seal(
                        msgspec.json.encode(proof_of(each.account.parcel)),
                        each.account.parcel.closing,
                    ),
                }
                for each in newcomers
            ],
        )
        for each in newcomers:
            transaction.note(
                each.person_id,
                ARRIVAL,
                actor=f"staff {self.by}",
                data=each.fields,
                evidence=(each.account.parcel.closing,),
            )

    @staticmethod
    def _mark_here(
        transaction: Transaction, some: Sequence[_Account], archive: str
    ) -> list[_Account]:
        """Note of some accounts of one closing that they are here; those that were not before."""
        closing_id = some[0].parcel.closing
        where = f"closing_id = ? AND account IN ({placeholders(some)})"
        digests = [each.digest for each in some]
        rows = transaction.tables.select(takeover_arrival, where, closing_id, *digests)
        here = {each.account for each in rows}
        new = [each for each in some if each.digest not in here]
        at = microseconds(transaction.clock.now())
        transaction.tables.insert_all(
            takeover_arrival,
            [
                {"closing_id": closing_id, "account": each.digest, "archive": archive, "at": at}
                for each in new
            ],
        )
        return new

    def _newcomers(self, transaction: Transaction, some: Sequence[_Account]) -> list[_Newcomer]:
        """The fields of each of some accounts that are to come in.

        _OutError with those of whom something cannot be: a word or value that we do not have, an
        address that somebody has here, an age at which we serve nobody.
        """
        newcomers, outside = [], dict[str, _Reason]()
        addresses = self._addresses(transaction, some)
        for each in some:
            answer = self._fields(transaction, each.parcel)
            if not isinstance(answer, _Reason):
                reason = self._refuse_newcomer(transaction, each.parcel, answer, addresses)
                if reason is None:
                    newcomers.append(_Newcomer(each, answer))
                    continue
                answer = reason
            outside[each.digest] = answer
        if outside:
            raise _OutError(outside)
        return newcomers

    def _addresses(self, transaction: Transaction, some: Sequence[_Account]) -> set[str]:
        """The e-mail addresses of some accounts, in any spelling, that somebody has here."""
        spellings = {s for each in some for s in self._spellings(each.parcel)}
        found_by = transaction.find_each(EMAIL, sorted(spellings)) if spellings else {}
        return {address for address, whose in found_by.items() if whose}

    def _spellings(self, parcel: Parcel) -> set[str]:
        """The e-mail address of an account, as it is written and as it is kept, to find by."""
        if EMAIL in self.leave_out or not parcel.values.get(EMAIL):
            return set()
        address = parcel.values[EMAIL][0].value
        spellings = {address}
        with suppress(ValueError):  # as one that was kept before values were checked
            spellings.add(canonical(self.provider, EMAIL, address))
        return {Transaction.search_form(EMAIL, each) for each in spellings}

    def _fields(self, transaction: Transaction, parcel: Parcel) -> tuple[str, ...] | _Reason:
        """The fields of an account that are to come in: not what is worked out here, its number."""
        words = transaction.policy.engine.compiled.leaves["data"].bit  # no group of fields
        derived = self.provider.gate.gate.derived_of(parcel.fields)
        wanted = tuple(sorted(parcel.fields - self.leave_out - derived))
        if unknown := tuple(each for each in wanted if each not in words):
            return _Reason("our policy has no word for some of it", unknown)
        if several := tuple(each for each in wanted if self.rows.has_too_many(parcel, each)):
            return _Reason("it has several values where one can be", several)
        return wanted or _Reason("there is nothing in it")

    def _refuse_newcomer(
        self,
        transaction: Transaction,
        parcel: Parcel,
        fields: Sequence[str],
        addresses: set[str],
    ) -> _Reason | None:
        """Why an account cannot be a newcomer's; `addresses` are those that somebody has here."""
        if self._spellings(parcel) & addresses:
            return _Reason("somebody with this address is here already", (EMAIL,))
        for field in fields:
            try:
                self.rows.check(transaction, parcel, field)
                if field in KINDS and not self.rows.is_series(parcel, field):
                    canonical(self.provider, field, parcel.values[field][0].value)
            except ValueError:
                return _Reason(_NO_VALUE, (field,))
        if BIRTH_DATE in fields and not self.rows.is_series(parcel, BIRTH_DATE):
            born = date.fromisoformat(parcel.values[BIRTH_DATE][0].value)
            age = years(born, today(self.provider))
            decision = admission(transaction.policy).decision_at(age)
            if not decision.allowed:
                return _Reason("not to be served at that age", (BIRTH_DATE,), decision.clauses)
        return None

    def _forbid(self, transaction: Transaction, newcomers: Sequence[_Newcomer]) -> None:
        """Let what some people forbade hold here; _OutError where we have no words for it."""
        now = transaction.clock.now()
        alike: dict[bytes, tuple[ParcelChoice, list[_Newcomer]]] = {}
        for each in newcomers:
            for choice in each.account.parcel.choices:
                if choice.kind in FORBIDDING and not (choice.ends and choice.ends <= now):
                    same = msgspec.structs.replace(choice, since=now, text_sha256="")
                    key = msgspec.json.encode(same, order="deterministic")
                    whose = alike.setdefault(key, (choice, []))[1]
                    if not whose or whose[-1] is not each:
                        whose.append(each)
        for choice, whose in alike.values():
            try:
                transaction.record_each(
                    [each.person_id for each in whose],
                    choice.kind,
                    fact=choice.fact,
                    about=choice.about,
                    party=choice.party,
                    ends=choice.ends,
                    how="takeover",
                    actor=f"staff {self.by}",
                )
            except UpheldError as error:
                if error.code not in NO_WORDS:
                    raise
                reason = _Reason("our policy has no words for something that the customer forbade")
                raise _OutError({each.account.digest: reason for each in whose}) from None

    def _store(
        self, transaction: Transaction, newcomers: Sequence[_Newcomer], only: set[str] | None
    ) -> None:
        """Collect and store fields of accounts that are not held yet, `only` some, or all.

        _OutError with those of whom anything is refused.
        """
        if not newcomers:
            return
        there = transaction.held_fields_each([each.person_id for each in newcomers])
        alike: dict[tuple[str, ...], list[_Newcomer]] = {}
        for each in newcomers:
            fields = tuple(
                f
                for f in each.fields
                if f not in there[each.person_id] and (only is None or f in only)
            )
            alike.setdefault(fields, []).append(each)
        outside: dict[str, _Reason] = {}
        for fields, some in alike.items():
            if fields:
                by_id = {each.person_id: each for each in some}
                planned: dict[EntryPlan, list[_Newcomer]] = {}
                plans = self.plans.of_each(transaction, list(by_id), fields)
                for person_id, plan in plans.items():
                    if isinstance(plan, NoPlan):
                        reason = _Reason(_NO_CLAUSE, plan.fields, plan.clauses)
                        outside[by_id[person_id].account.digest] = reason
                    else:
                        planned.setdefault(plan, []).append(by_id[person_id])
                for plan, whose in planned.items():
                    if not outside:
                        self._store_by(transaction, plan, whose)
        if outside:
            raise _OutError(outside)

    def _store_by(
        self, transaction: Transaction, plan: EntryPlan, whose: Sequence[_Newcomer]
    ) -> None:
        """Store some people's fields as a plan says; _OutError where any is refused."""
        try:
            for purpose, fields in plan.groups().items():
                options = StoreOptions(
                    source=plan.source, occasion=OCCASION, purpose=purpose, party=self.party
                )
                values: dict[tuple[str, ...], dict[PersonId, dict[str, str]]] = {}
                series: dict[str, dict[PersonId, list[str]]] = {}
                for each in whose:
                    parcel = each.account.parcel
                    one = tuple(f for f in fields if not self.rows.is_series(parcel, f))
                    values.setdefault(one, {})[each.person_id] = {
                        f: parcel.values[f][0].value for f in one
                    }
                    for field in (f for f in fields if f not in one):
                        if rows := self.rows.for_vault(parcel, field):
                            series.setdefault(field, {})[each.person_id] = rows
                for field, its in series.items():
                    _require(whose, transaction.append_each(its, field, **options))
                for one, mine in values.items():
                    if one:
                        _require(whose, transaction.store_each(mine, **options))
                parcels = {each.person_id: each.account.parcel for each in whose}
                for field in fields:
                    _require(whose, self.rows.keep(transaction, parcels, field, options))
        except FieldValueError:
            if len(whose) > 1:
                raise _OutError from None
            fields = [field for field, _ in plan.purposes]
            reason = _Reason(_NO_VALUE, tuple(fields))
            raise _OutError({whose[0].account.digest: reason}) from None

    def _turn_away(self, transaction: Transaction, account: _Account, reason: _Reason) -> None:
        """Enter that an account stays out: by which clauses, and nobody's."""
        words = transaction.policy.program.vocabulary.tree("data")
        transaction.note(
            None,
            REFUSED,
            actor=f"staff {self.by}",
            outcome="deny",
            data=tuple(each for each in reason.fields if each in words),
            clauses=reason.clauses,
            evidence=(account.parcel.closing,),
        )


def _require(whose: Sequence[_Newcomer], outcomes: Mapping[PersonId, Outcome]) -> None:
    """_OutError with those of some people of whom something was refused."""
    outside: dict[str, _Reason] = {}
    for each in whose:
        outcome = outcomes.get(each.person_id)
        if isinstance(outcome, Refused):
            clauses = outcome.decision.clauses if outcome.decision else ()
            outside[each.account.digest] = _Reason(_NO_CLAUSE, (), clauses)
    if outside:
        raise _OutError(outside)
