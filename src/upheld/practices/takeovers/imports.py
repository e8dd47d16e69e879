"""Accounts of another provider's archive, taken in as our policy lets them: each whole, and once.

Whatever comes in is collected from the company that hands it over and stored, and a clause of ours
must let both be done; an account of which anything is refused stays out whole. Each is decided,
stored, entered and marked as here in one transaction, beside which nobody else writes, so that
nothing that stops the import, and no other one at the same moment, takes an account in by halves or
twice, or two accounts of one address.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, UserId
from upheld.database.columns import microseconds
from upheld.gate.act.execution import Outcome
from upheld.gate.act.options import StoreOptions
from upheld.gate.act.request import Refused
from upheld.gate.erasure.must_keep import purposes
from upheld.gate.evidence.field_values import FieldValueError
from upheld.gate.evidence.provers import BIRTH_DATE, years
from upheld.gate.transaction import Transaction
from upheld.practice import operators, parties
from upheld.practice.admission import admission
from upheld.practice.form_values import find_people, today
from upheld.practice.plugin import Provider
from upheld.practices.takeovers.arrival import check_archive, open_account, read_identity
from upheld.practices.takeovers.closing import TakeoverError
from upheld.practices.takeovers.closings import require_role
from upheld.practices.takeovers.manifest import TransferArchiveError, TransferManifest, read_archive
from upheld.practices.takeovers.parcels import Parcel, ParcelChoice, read_parcel
from upheld.practices.takeovers.tables import takeover_arrival, takeover_proof

ARRIVAL: Final = "import"  # the kind of entry by which a customer is known to have come from before
REFUSED: Final = "takeover.turn-away"
PROOF_SEEN: Final = "takeover.proof"
OCCASION: Final = "other"  # nothing that the customer does
EMAIL: Final = "email"
FORBIDDING: Final = ("opt-out", "objection")  # kinds of choices that hold here too
_NO_CLAUSE: Final = "no clause lets all of it come in"
PURPOSE: Final = "takeover-proof"  # under which proofs are sealed


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
    """An account cannot come in: all that was done for it is undone."""

    def __init__(
        self, why: str, fields: Collection[str] = (), clauses: Collection[str] = ()
    ) -> None:
        super().__init__(why, code="takeover-state")
        self.why, self.fields, self.clauses = why, tuple(fields), tuple(clauses)


class ArchiveImport:
    """Takes the accounts of another provider's archive in; `company` is that provider.

    `leave_out` are fields that are not to come in, whatever the policy says.
    """

    def __init__(
        self, provider: Provider, company: str, by: UserId, leave_out: Collection[str] = ()
    ) -> None:
        self.provider, self.by = provider, by
        self.leave_out = frozenset(leave_out)
        with provider.gate.gate.together() as transaction:
            require_role(transaction.tables, by)
            self.party, self.roles = _company(transaction, company)

    def run(self, path: Path, digest: str, identity: Path) -> ImportedArchive:
        """Take in each account that may come in and is not here yet.

        All of the archive is looked through before. TransferArchiveError where it is not as its
        manifest says, is not for this key, or is here already.
        """
        digest = digest.strip().lower()
        manifest = check_archive(path, digest, identity)
        key, here = read_identity(identity), self._here(manifest)
        if here and len(here) == manifest.accounts:
            raise TransferArchiveError(
                "every account of this archive is here already",
                code="transfer-repeated",
                hint=f"it has {manifest.accounts:,}, of the digest {digest}",
            )
        outside = []
        _, accounts = read_archive(path, digest)
        for each, encrypted in zip(manifest.files, accounts, strict=True):
            if each.sha256 in here:
                continue
            parcel = open_account(encrypted, key, manifest)
            try:
                with self.provider.gate.gate.together() as transaction:
                    self._take_in(transaction, each.sha256, digest, parcel)
            except _OutError as error:
                self._turn_away(parcel, error)
                outside.append(RefusedAccount(each.name, error.why, error.fields, error.clauses))
        return ImportedArchive(len(self._here(manifest)), manifest.accounts, digest, tuple(outside))

    def _here(self, manifest: TransferManifest) -> set[str]:
        """Which accounts of an archive are here, by their digests."""
        with self.provider.gate.gate.look() as tables:
            rows = tables.select(takeover_arrival, "closing_id = ?", manifest.closing)
        return {each.account for each in rows} & {each.sha256 for each in manifest.files}

    def _take_in(
        self, transaction: Transaction, account: str, archive: str, parcel: Parcel
    ) -> None:
        """Take in one account, unless it is here; _OutError where any of it may not come in."""
        require_role(transaction.tables, self.by)
        if not transaction.tables.insert_new(
            takeover_arrival,
            closing_id=parcel.closing,
            account=account,
            archive=archive,
            at=microseconds(transaction.clock.now()),
        ):
            return
        fields = self._fields(transaction, parcel)
        values = {each: parcel.values[each][0].value for each in fields}
        self._require_newcomer(transaction, values)
        person_id = transaction.enrol()
        self._forbid(transaction, person_id, parcel.choices)
        for some in ([each for each in fields if each == BIRTH_DATE], fields):
            there = transaction.held_fields(person_id)
            new = [each for each in some if each not in there]
            self._store(transaction, person_id, new, parcel)
        sealer = transaction.person_sealers(PURPOSE, [person_id])[person_id]
        transaction.tables.insert(
            takeover_proof,
            person_id=person_id,
            closing_id=parcel.closing,
            sealed=sealer.seal(msgspec.json.encode(_proof(parcel)), parcel.closing),
        )
        transaction.note(
            person_id,
            ARRIVAL,
            actor=f"staff {self.by}",
            data=tuple(fields),
            evidence=(parcel.closing,),
        )

    def _fields(self, transaction: Transaction, parcel: Parcel) -> list[str]:
        """The fields of an account that are to come in: not what is worked out here, its number."""
        words = transaction.policy.program.vocabulary.tree("data")
        derived = self.provider.gate.gate.derived_of(parcel.values)
        fields = {each for each, rows in parcel.values.items() if rows}
        wanted = sorted(fields - self.leave_out - derived)
        if unknown := [each for each in wanted if each not in words]:
            raise _OutError("our policy has no word for some of it", unknown)
        if several := [
            each for each in wanted if each not in parcel.series and len(parcel.values[each]) > 1
        ]:
            raise _OutError("it has several values where one can be", several)
        if not wanted:
            raise _OutError("there is nothing in it")
        return wanted

    def _require_newcomer(self, transaction: Transaction, values: Mapping[str, str]) -> None:
        """_OutError for an address that somebody has here, and an age at which we serve nobody."""
        if EMAIL in values and find_people(self.provider, transaction, EMAIL, values[EMAIL]):
            raise _OutError("somebody with this address is here already", [EMAIL])
        if BIRTH_DATE in values:
            try:
                born = date.fromisoformat(values[BIRTH_DATE])
            except ValueError:
                raise _OutError("a value cannot be one of its field", [BIRTH_DATE]) from None
            decision = admission(transaction.policy).decision_at(years(born, today(self.provider)))
            if not decision.allowed:
                raise _OutError("not to be served at that age", [BIRTH_DATE], decision.clauses)

    def _forbid(
        self, transaction: Transaction, person_id: PersonId, choices: Sequence[ParcelChoice]
    ) -> None:
        """Let what somebody forbade hold here; _OutError where we have no words for it."""
        now = transaction.clock.now()
        for each in choices:
            if each.kind not in FORBIDDING or (each.ends and each.ends <= now):
                continue
            try:
                transaction.record(
                    person_id,
                    each.kind,
                    fact=each.fact,
                    about=each.about,
                    party=each.party,
                    ends=each.ends,
                    how="takeover",
                    actor=f"staff {self.by}",
                )
            except UpheldError:
                why = "our policy has no words for something that the customer forbade"
                raise _OutError(why) from None

    def _store(
        self, transaction: Transaction, person_id: PersonId, fields: Sequence[str], parcel: Parcel
    ) -> None:
        """Collect and store fields of an account; _OutError where any of them is refused."""
        if not fields:
            return
        source, plan = self._plan(transaction, person_id, fields)
        try:
            for purpose in dict.fromkeys(plan.values()):
                some = [each for each in fields if plan[each] == purpose]
                options = StoreOptions(
                    source=source, occasion=OCCASION, purpose=purpose, party=self.party
                )
                values = {e: parcel.values[e][0].value for e in some if e not in parcel.series}
                if values:
                    _require(transaction.store(person_id, values, **options))
                for field in (each for each in some if each in parcel.series):
                    rows = [each.value for each in parcel.values[field]]
                    _require(transaction.append(person_id, field, rows, **options))
        except FieldValueError:
            raise _OutError("a value cannot be one of its field", fields) from None

    def _plan(
        self, transaction: Transaction, person_id: PersonId, fields: Sequence[str]
    ) -> tuple[str, dict[str, str | None]]:
        """As what the company hands fields over, and for which purpose each may be kept.

        _OutError where some may not come in, whatever of its roles it hands them over in.
        """
        out = None
        for source in self.roles:
            refused, clauses, plan = [], dict[str, None](), dict[str, str | None]()
            for field in fields:
                for purpose in dict.fromkeys((None, *purposes(transaction.policy))):
                    collect, store = transaction.letting_in(
                        (field,), source=source, occasion=OCCASION, purpose=purpose
                    )
                    collect = msgspec.structs.replace(collect, party=self.party)
                    decisions = [transaction.peek(person_id, each) for each in (collect, store)]
                    if all(each.allowed for each in decisions):
                        plan[field] = purpose
                        break
                    clauses |= dict.fromkeys(
                        clause for each in decisions if not each.allowed for clause in each.clauses
                    )
                else:
                    refused.append(field)
            if not refused:
                return source, plan
            out = out or _OutError(_NO_CLAUSE, refused, clauses)
        raise out or _OutError("the company is nothing to us")

    def _turn_away(self, parcel: Parcel, error: _OutError) -> None:
        """Enter that an account stays out: by which clauses, and nobody's."""
        with self.provider.gate.gate.together() as transaction:
            words = transaction.policy.program.vocabulary.tree("data")
            transaction.note(
                None,
                REFUSED,
                actor=f"staff {self.by}",
                outcome="deny",
                data=tuple(each for each in error.fields if each in words),
                clauses=error.clauses,
                evidence=(parcel.closing,),
            )


def proofs(transaction: Transaction, person_id: PersonId, by: UserId) -> list[Parcel]:
    """What came along with somebody's account, without values; with an entry that they read.

    TakeoverError for whoever does not work on takeovers, for their own account or a relative's, and
    where nothing came along.
    """
    user = require_role(transaction.tables, by)
    if operators.is_left_to_others(transaction.tables, user.user_id, person_id):
        raise TakeoverError(
            "it is your own account, or a relative's",
            code="takeover-own",
            hint="let somebody else do it",
        )
    rows = transaction.tables.select(takeover_proof, "person_id = ?", person_id)
    sealer = transaction.person_sealers(PURPOSE, [person_id]).get(person_id)
    if not rows or sealer is None:
        raise TakeoverError(
            "no account of this person came from another provider",
            code="takeover",
            hint="`upheld person find` tells somebody's id",
        )
    transaction.note(person_id, PROOF_SEEN, actor=f"staff {user.user_id}")
    return [read_parcel(sealer.unseal(each.sealed, each.closing_id)) for each in rows]


def _company(transaction: Transaction, which: str) -> tuple[str, tuple[str, ...]]:
    """The word of a company, and what it is to us now; TakeoverError where it is nothing."""
    word = parties.word_of(transaction, which)
    mine = [each.role for each in parties.of_party(transaction, word) if each.in_force]
    if not mine:
        raise TakeoverError(
            "the register has no company of this name now",
            code="takeover-party",
            hint="put the other provider on it as what it is to you, such as a business partner",
        )
    return word, tuple(dict.fromkeys(mine))


def _proof(parcel: Parcel) -> Parcel:
    """What of an account is kept as evidence: all but its values."""
    values = {
        field: tuple(msgspec.structs.replace(each, value="") for each in rows)
        for field, rows in parcel.values.items()
    }
    return msgspec.structs.replace(parcel, values=values)


def _require(outcome: Outcome) -> None:
    if isinstance(outcome, Refused):
        clauses = outcome.decision.clauses if outcome.decision else ()
        raise _OutError(_NO_CLAUSE, (), clauses)
