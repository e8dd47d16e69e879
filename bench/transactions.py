"""How many rows of a partner's file are matched, decided, entered and sealed a second, on one core.

Each row is an act of its own with its entry, so this is what acts cost. Every tenth row is of
nobody. Counted are seconds of the processor. `python bench/transactions.py [ROWS]`.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from collect import SEED, make_gate

from upheld.core.ids import UserId
from upheld.gate.gate import Gate
from upheld.practice import parties
from upheld.practices.feeds import feeds, sales
from upheld.practices.feeds.feeds import FeedLine

CUSTOMERS = 200


def enrol(gate: Gate) -> list[str]:
    """Customers with an address each; the addresses."""
    emails = [f"customer{number}@larch.example" for number in range(CUSTOMERS)]
    with gate.together() as transaction:
        parties.add(transaction, "Spruce Point", "business-partner")
        for email in emails:
            person = transaction.enrol()
            transaction.store(
                person, {"birth-date": "1990-02-01"}, source="customer", occasion="registration"
            )
            transaction.store(person, {"email": email}, source="customer", occasion="registration")
    return emails


def lines_of(gate: Gate, emails: list[str], count: int) -> Iterator[FeedLine]:
    """Rows of a partner's, of customers at random and of nobody."""
    draw = random.Random(SEED)  # noqa: S311 - made-up rows
    day = gate.clock.today().isoformat()
    for number in range(count):
        email = draw.choice(emails) if number % 10 else f"nobody{number}@larch.example"
        values = {"reference": f"R{number}", "date": day, "amount": "12.50", "currency": "USD"}
        yield FeedLine(number, {**values, "what": "A boat", "email": email})


def main() -> None:
    """Measure, and print a line."""
    count = int(sys.argv[1]) if sys.argv[1:] else 5_000
    with tempfile.TemporaryDirectory() as name:
        gate = make_gate(Path(name))
        emails = enrol(gate)
        with gate.together() as transaction:
            its = feeds.start(transaction, "spruce-point", "d", UserId("bench"), sales.TRANSACTIONS)
        start = time.process_time()
        omitted = sum(1 for _ in sales.take_transactions(gate, its, lines_of(gate, emails, count)))
        seconds = time.process_time() - start
    print(f"{count:,} rows, {omitted:,} left out: {count / seconds:,.0f} rows/s")


if __name__ == "__main__":
    main()
