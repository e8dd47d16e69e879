"""The books: what is owed is the sum of the rows, whatever of them is still there."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from practices.test_billing import DAY, MOVES
from upheld.practices.billing import books
from upheld.practices.billing.books import Invoice, Payment


def _rows(moves: list[tuple[str, int]]) -> list[books.TransactionRow]:
    results: list[books.TransactionRow] = []
    day = date(2026, 1, 1)
    for at, (kind, cents) in enumerate(moves):
        if kind == "invoice":
            results.append(Invoice(f"2026-{at}", day + at * DAY, day + (at + 14) * DAY, cents))
        else:
            settles = books.history(results).settling(cents) if kind == "pay" else ()
            results.append(Payment(day + at * DAY, cents, "r", "card", settles))
    return [books.rows_of([books.encode_row(row)])[0] for row in results]


@given(MOVES)
def test_the_balance_is_the_sum_to_the_cent(moves: list[tuple[str, int]]) -> None:
    """Whatever was invoiced and paid in whichever order, the balance is one less the other."""
    rows_of = _rows(moves)
    account_history = books.history(rows_of)
    sums = {
        kind: sum(cents for k, cents in moves if (k == "invoice") is kind) for kind in (True, False)
    }
    assert account_history.balance == sums[True] - sums[False]
    assert all(0 <= each.open <= each.cents for each in account_history.invoices)
    assert account_history.credit == 0 or account_history.balance == -account_history.credit
    assert [step.after for step in books.steps(rows_of)][-1:] in ([], [account_history.balance])


@given(MOVES, st.integers(0, 12))
def test_the_balance_outlives_the_oldest_rows(moves: list[tuple[str, int]], gone: int) -> None:
    """Once old rows that were settled are deleted, what is owed of the others is as it was."""
    rows_of = _rows([move for move in moves if move[0] != "loose"])
    before = {e.number: e.open for e in books.history(rows_of).invoices}
    young = rows_of[gone:]
    account_history = {each.number: each.open for each in books.history(young).invoices}
    if not any(before[r.number] for r in rows_of[:gone] if isinstance(r, Invoice)) and not (
        books.history(rows_of).credit or books.history(rows_of[:gone]).credit
    ):
        assert account_history == {number: before[number] for number in account_history}
