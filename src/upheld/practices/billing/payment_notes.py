"""Notes on the entries of payments in a customer's account: the amount, and for which invoice.

No entry holds an amount. The row of a payment does, and it came in at the moment at which the entry
that stored it says. Where that could be another row, nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from upheld.gate.act.request import ActResult
from upheld.gate.log.receipts import AccountLine
from upheld.policy.english import word_list
from upheld.practice.entry_notes import EntryNotes
from upheld.practices.billing import books
from upheld.practices.billing.books import Payment
from upheld.web.pages import money

_AT_ONCE: Final = timedelta(seconds=1)  # between an entry and the row that it is about


def _notes(events: Sequence[Sequence[AccountLine]], look: ActResult) -> list[str]:
    values = look.series(books.TRANSACTION)
    payments = [
        (value.at, row) for value in values if isinstance(row := books.row_of(value.value), Payment)
    ]
    texts = []
    for lines in events:
        times = [each.at for each in lines if _stores_row(each)]
        rows = [
            row for at, row in payments if any(abs(at - stored) <= _AT_ONCE for stored in times)
        ]
        texts.append(_text(rows[0]) if len(rows) == 1 else "")
    return texts


def _stores_row(line: AccountLine) -> bool:
    return line.entry.action == "store" and books.TRANSACTION in line.entry.data


def _text(payment: Payment) -> str:
    if payment.cents < 0:
        return f"You got {money(-payment.cents)} back."
    numbers = [number for number, _ in payment.settles]
    invoices = "invoice" if len(numbers) == 1 else "invoices"
    what = f" for {invoices} {word_list(numbers, 'and')}" if numbers else " ahead"
    return f"You paid {money(payment.cents)}{what}."


PAYMENT_NOTES: Final = EntryNotes(frozenset({"payment"}), (books.TRANSACTION,), _notes)
