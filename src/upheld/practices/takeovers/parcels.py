"""An account as it goes to the successor: one line of JSON, which nobody but the successor reads.

In it stand the values, each with when it came in, from where and by which clause; what the customer
allowed and forbade; the version of the policy and the entry under which it went. Passwords and what
an authority demanded are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from upheld.core.ids import ClosingId, EntryNumber
from upheld.database.columns import microseconds
from upheld.database.own_tables import to_datetime
from upheld.gate.act.request import ActResult
from upheld.gate.evidence.records import Record
from upheld.gate.transaction import Transaction
from upheld.practice.own_rows import OwnRow, OwnRows

FORMAT: Final = "upheld-account-1"
PASSWORDS: Final = "credentials"  # which open nothing at the successor's
ACCOUNT_ID: Final = "account-id"
CHOICES: Final = ("consent", "opt-out", "objection", "guardian-consent", "programme-consent")
"""The kinds of records that travel along: what somebody allowed, and what they forbade."""


class ParcelValue(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value, or a row of a series: when it came in, from whom, on which occasion, by what."""

    value: str
    at: datetime
    source: str = ""
    occasion: str = ""
    clause: str = ""
    public_source: str = ""


class ParcelChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody allowed or forbade, as long as that is in force."""

    kind: str
    fact: str
    about: dict[str, tuple[str, ...]]
    since: datetime
    ends: datetime | None = None
    party: str = ""
    text_sha256: str = ""  # of what was shown when it was given


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """An account as a whole."""

    format: str = FORMAT
    closing: ClosingId
    account: str
    entry: EntryNumber
    policy: str
    values: dict[str, tuple[ParcelValue, ...]]
    series: tuple[str, ...]  # the fields among them that have rows, not one value
    choices: tuple[ParcelChoice, ...]
    # Fields that the policy does not let go, and those of which practices let some stay.
    kept_back: tuple[str, ...]
    rows: dict[str, tuple[ParcelValue, ...]] = {}  # what practices keep apart from the values

    @property
    def fields(self) -> set[str]:
        """The kinds of data of which something is in it."""
        return {field for its in (self.values, self.rows) for field, some in its.items() if some}


_PARCEL: Final = msgspec.json.Decoder(Parcel)


def fields_of(transaction: Transaction, kinds: Iterable[str]) -> tuple[str, ...]:
    """What a transfer takes of an account: its number and all kinds that we hold, but passwords."""
    words = transaction.policy.program.vocabulary.tree("data")
    fields = {ACCOUNT_ID, *kinds} - {PASSWORDS}
    return tuple(sorted(each for each in fields if each in words))


def parcel_of(
    transaction: Transaction,
    closing_id: ClosingId,
    result: ActResult,
    shapes: Mapping[str, str],
    records: Sequence[Record],
    own: OwnRows | None = None,
) -> bytes:
    """An account in its line of JSON, from what its transfer gave, and records of choices.

    `shapes` is how each field is held, and `own` what practices keep in tables of their own.
    """
    values = {
        field: tuple(
            ParcelValue(
                each.value,
                to_datetime(each.stored_at),
                each.origin.origin,
                each.origin.occasion,
                each.origin.clause,
                each.origin.public_source or "",
            )
            for each in result.series(field)
        )
        for field in result.values
    }
    account = values.get(ACCOUNT_ID, ())
    rows = _rows_that_go(transaction, own, result.refused) if own else {}
    stays = {*own.rows} - {*rows} | own.stay if own else ()
    parcel = Parcel(
        closing=closing_id,
        account=account[-1].value if account else "",
        entry=result.entry,
        policy=transaction.policy.digest,
        values=values,
        series=tuple(sorted(each for each in values if shapes.get(each) == "series")),
        choices=_choices(records, microseconds(transaction.clock.now())),
        kept_back=tuple(sorted({*result.refused, *stays})) if stays else result.refused,
        rows=rows,
    )
    return msgspec.json.encode(parcel)


def _rows_that_go(
    transaction: Transaction, own: OwnRows, refused: Sequence[str]
) -> dict[str, tuple[ParcelValue, ...]]:
    """The rows of practices of those kinds that the act was about and the policy lets go."""
    let_go = {*fields_of(transaction, own.rows)} - {*refused}
    return {
        field: tuple(map(_row, own.rows[field])) for field in sorted(own.rows) if field in let_go
    }


def _row(its: OwnRow) -> ParcelValue:
    return ParcelValue(its.value, its.at, its.source, its.occasion, its.clause)


def _choices(records: Sequence[Record], at: int) -> tuple[ParcelChoice, ...]:
    return tuple(
        ParcelChoice(
            kind=each.kind,
            fact=each.fact,
            about=each.about,
            since=to_datetime(each.valid_from),
            ends=None if each.ends is None else to_datetime(each.ends),
            party=each.party,
            text_sha256=each.text_digest,
        )
        for each in records
        if each.in_force(at)
    )


def read_parcel(line: bytes) -> Parcel:
    """An account out of its line; msgspec.MsgspecError for anything else."""
    return _PARCEL.decode(line)


def proof_of(parcel: Parcel) -> Parcel:
    """What of an account is kept as evidence: all but its values."""
    values, rows = (
        {
            field: tuple(msgspec.structs.replace(each, value="") for each in some)
            for field, some in its.items()
        }
        for its in (parcel.values, parcel.rows)
    )
    return msgspec.structs.replace(parcel, values=values, rows=rows)
