"""The books of a person: invoices and payments, what is still owed of each, and what is due.

Pure: rows of the vault in, amounts of whole cents out. A payment says which invoices it settled,
and an invoice how much of it was paid ahead. What no row says goes to the oldest invoice that is
open. More than was owed stays as credit. When the oldest rows go, what is open stays, and one row
brings forward what the others amounted to: neither the balance nor what is open of an invoice
changes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from upheld.gate.evidence.carry_forward import CarriedRow, RetiringRows
from upheld.gate.evidence.derived_fields import SourceFields
from upheld.practice.unreadable import decoding

TRANSACTION: Final = "transaction"


class InvoiceLine(msgspec.Struct, frozen=True):
    """A line of an invoice."""

    text: str
    cents: int


class Invoice(msgspec.Struct, frozen=True, tag_field="kind", tag="invoice", omit_defaults=True):
    """A row of an invoice; `due` is the last day on which it is paid in time.

    `account` is whose use it is for where that is somebody else's, and `why` why it is billed here:
    for a `minor`, or for a member of the `household`.
    """

    number: str
    date: dt.date
    due: dt.date
    cents: int
    lines: tuple[InvoiceLine, ...] = ()
    account: str = ""
    why: str = ""
    credit: int = 0  # how much of it was paid ahead, when it was made


class Payment(msgspec.Struct, frozen=True, tag_field="kind", tag="payment", omit_defaults=True):
    """A row of a payment; `settles` are numbers of invoices, each with its share in cents."""

    date: dt.date
    cents: int
    reference: str
    method: str
    settles: tuple[tuple[str, int], ...] = ()


class BroughtForward(
    msgspec.Struct, frozen=True, tag_field="kind", tag="forward", omit_defaults=True
):
    """Totals of rows that were deleted: credit, and what they settled of invoices still kept."""

    date: dt.date
    cents: int
    settles: tuple[tuple[str, int], ...] = ()


TransactionRow = Invoice | Payment | BroughtForward
_ROW: Final = msgspec.json.Decoder(TransactionRow)


def rows_of(texts: Iterable[str]) -> list[TransactionRow]:
    """The rows of the series `transaction`, oldest first; else UnreadableValueError."""
    return [row_of(each) for each in texts]


def row_of(value: str) -> TransactionRow:
    """A row of the series; UnreadableValueError for anything else."""
    with decoding(TRANSACTION):
        row: TransactionRow = _ROW.decode(value)
    return row


class OpenInvoice(msgspec.Struct, frozen=True):
    """An invoice, and how much of it is still to be paid."""

    number: str
    date: dt.date
    due: dt.date
    cents: int
    open: int


class PaymentSummary(msgspec.Struct, frozen=True):
    """A payment, without its reference."""

    date: dt.date
    cents: int
    method: str


class History(msgspec.Struct, frozen=True):
    """What was invoiced and paid: the field `payment-history`. `credit` is what was paid ahead."""

    invoices: tuple[OpenInvoice, ...] = ()
    payments: tuple[PaymentSummary, ...] = ()
    credit: int = 0

    @property
    def balance(self) -> int:
        """What is owed in all; less than nothing where more was paid."""
        return sum(each.open for each in self.invoices) - self.credit

    @property
    def settled(self) -> bool:
        """Whether nobody owes anybody anything: no invoice is open, and nothing was paid ahead."""
        return not self.credit and not any(each.open for each in self.invoices)

    def due(self, today: dt.date) -> int:
        """What is owed of invoices that are due by a day."""
        return sum(each.open for each in self.invoices if each.due <= today)

    def open_of(self, number: str) -> int:
        """What is owed of an invoice."""
        return sum(each.open for each in self.invoices if each.number == number)

    def settling(self, cents: int, first: str = "") -> tuple[tuple[str, int], ...]:
        """What a payment would settle: the invoice that it names, then the oldest that are open."""
        shares = []
        for each in sorted(self.invoices, key=lambda each: each.number != first):
            share = min(each.open, cents)
            if share > 0:
                shares.append((each.number, share))
                cents -= share
        return tuple(shares)


def history(rows: Sequence[TransactionRow]) -> History:
    """What is open of each invoice, and what was paid ahead."""
    invoices = [row for row in rows if isinstance(row, Invoice)]
    payments = [row for row in rows if isinstance(row, Payment)]
    open_amounts, credit = _open_amounts(rows)
    for row in invoices:
        share = min(open_amounts[row.number], credit)
        if share > 0:
            open_amounts[row.number] -= share
            credit -= share
    return History(
        tuple(
            OpenInvoice(row.number, row.date, row.due, row.cents, open_amounts[row.number])
            for row in invoices
        ),
        tuple(PaymentSummary(row.date, row.cents, row.method) for row in payments),
        credit,
    )


def _open_amounts(rows: Sequence[TransactionRow]) -> tuple[dict[str, int], int]:
    """The open cents of each invoice and the cents paid ahead, as the rows note them."""
    amounts = {row.number: row.cents - row.credit for row in rows if isinstance(row, Invoice)}
    credit = 0
    for row in rows:
        if isinstance(row, Invoice):
            credit -= row.credit
            continue
        credit += row.cents
        for number, share in row.settles:
            if isinstance(row, Payment):
                credit -= share
            if number in amounts:  # else it was settled long ago, and both are over
                amounts[number] -= share
    return amounts, credit


def carry(retiring: RetiringRows) -> list[CarriedRow]:
    """What to keep of the oldest rows: open invoices, and one row with the totals of the rest."""
    old, young = rows_of(retiring.old), rows_of(retiring.young)
    open_amounts, credit = _open_amounts([*old, *young])
    stay = [
        at for at, row in enumerate(old) if isinstance(row, Invoice) and open_amounts[row.number]
    ]
    after, rest = _open_amounts([*(old[at] for at in stay), *young])
    settles = tuple(
        (number, share - open_amounts[number])
        for number, share in after.items()
        if share != open_amounts[number]
    )
    result = [CarriedRow(at, retiring.old[at]) for at in stay]
    if credit == rest and not settles:
        return result
    last = max(at for at in range(len(old)) if at not in stay)
    forward = BroughtForward(old[last].date, credit - rest, settles)
    return sorted([*result, CarriedRow(last, encode_row(forward))])


class AccountStep(NamedTuple):
    """A line of an account: a row, and what was owed after it."""

    row: TransactionRow
    after: int


def steps(rows: Sequence[TransactionRow]) -> list[AccountStep]:
    """Each row with the balance after it, the oldest first; the last one has the balance."""
    return [AccountStep(row, history(rows[: at + 1]).balance) for at, row in enumerate(rows)]


def _transaction_rows(reading: SourceFields) -> list[TransactionRow]:
    return rows_of(each.value for each in reading(TRANSACTION))


def derive_balance(reading: SourceFields) -> str | None:
    """The field `balance`: whole cents; nothing where nothing was ever invoiced or paid."""
    rows = _transaction_rows(reading)
    return str(history(rows).balance) if rows else None


def derive_history(reading: SourceFields) -> str | None:
    """The field `payment-history`, as JSON."""
    rows = _transaction_rows(reading)
    return msgspec.json.encode(history(rows)).decode() if rows else None


def encode_row(row: msgspec.Struct) -> str:
    """A row as JSON, as the vault stores it."""
    return msgspec.json.encode(row).decode()


def history_of(value: str | None) -> History:
    """What the field `payment-history` says; empty where there is none."""
    return History() if value is None else msgspec.json.decode(value, type=History)
