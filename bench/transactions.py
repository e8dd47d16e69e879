"""How many rows of a partner's file are matched, decided, entered and sealed a second, on one core.

Rows that come together are decided once a customer and entered together; beside it, by turns, each
row is taken in alone. Rows are of customers of whom there are few, of a quarter as many as there
are rows, and of as many. Every tenth row is of nobody, and every second one of the others has the
number of a telephone beside the address. Where rows were read before, as a second process does
it, only what is left is counted. Then come lines of a feed: of nobody, with nothing new, and with
one value each that is combined, stored and entered. Counted are seconds of the processor.
`python bench/transactions.py [ROWS]`.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from collect import SEED, make_gate

from upheld.core.ids import UserId
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice import parties, partner_transactions
from upheld.practices.feeds import feeds, sales
from upheld.practices.feeds.feeds import Feed, FeedLine

FEW = 200
LOT = 250  # customers who are enrolled at once
TENTH = 10
ROUNDS = 3
ALONE = 200  # rows that are taken in one by one, in each round


def phone_of(number: int) -> str:
    """The telephone of a customer by their number."""
    return f"+1 {503 + number // 10_000} 555 {number % 10_000:04d}"


def enrol(gate: Gate, count: int) -> list[str]:
    """Customers with an address and a telephone each; the addresses."""
    emails = [f"customer{number}@larch.example" for number in range(count)]
    for first in range(0, count, LOT):
        with gate.together() as transaction:
            for number, email in enumerate(emails[first : first + LOT], first):
                person, phone = transaction.enrol(), phone_of(number)
                for values in ({"birth-date": "1990-02-01"}, {"email": email}, {"phone": phone}):
                    transaction.store(person, values, source="customer", occasion="registration")
    with gate.together() as transaction:
        parties.add(transaction, "Spruce Point", "business-partner")
    return emails


def lines_of(gate: Gate, emails: list[str], count: int, name: str) -> Iterator[FeedLine]:
    """Rows of a partner's, of customers at random and of nobody."""
    draw = random.Random(SEED)  # noqa: S311 - made-up rows
    day = gate.clock.today().isoformat()
    for number in range(count):
        who = draw.randrange(len(emails))
        whose = {"email": emails[who], **({"phone": phone_of(who)} if number % 2 else {})}
        if number % 10 == 0:
            whose = {"email": f"nobody{number}@larch.example"}
        values = {"reference": f"{name}-{number}", "date": day, "amount": "12.50"}
        yield FeedLine(number, {**values, "currency": "USD", "what": "A boat", **whose})


def one_by_one(transaction: Transaction, its: Feed, lines: Sequence[FeedLine]) -> list[str]:
    """Take each row in as an act of its own."""
    return [
        partner_transactions.take(transaction, its.party, [each.values], its.feed_id)[0]
        for each in lines
    ]


def rate(gate: Gate, emails: list[str], count: int, name: str, *, alone: bool) -> float:
    """How many rows of a file are taken in a second."""
    with gate.together() as transaction:
        its = feeds.start(transaction, "spruce-point", name, UserId("bench"), sales.TRANSACTIONS)
    lines = list(lines_of(gate, emails, count, name))
    start = time.process_time()
    if alone:
        omitted = sum(1 for _ in feeds.take_lots(gate, its, lines, one_by_one))
    else:
        omitted = sum(1 for _ in sales.take_transactions(gate, its, sales.read_lines(lines)))
    took = time.process_time() - start
    if omitted != count // 10:
        raise SystemExit("other rows are left out than those of nobody")
    return count / took


def rate_beside(
    gate: Gate, emails: list[str], count: int, name: str, *, by_customer: bool = False
) -> float:
    """How many rows of a file are taken in a second, by a process that does not read them."""
    with gate.together() as transaction:
        its = feeds.start(transaction, "spruce-point", name, UserId("bench"), sales.TRANSACTIONS)
    lines = list(sales.read_lines(lines_of(gate, emails, count, name)))
    if by_customer:
        lines.sort(key=lambda each: each.whose[0])
    start = time.process_time()
    feeds.exhaust(sales.take_transactions(gate, its, lines))
    return count / (time.process_time() - start)


def rate_of_feed(gate: Gate, rows: list[dict[str, str]], name: str) -> float:
    """How many lines of a feed are taken in, or left out, in a second."""
    with gate.together() as transaction:
        its = feeds.start(transaction, "spruce-point", name, UserId("bench"))
    lines = [FeedLine(number, row) for number, row in enumerate(rows, 2)]
    start = time.process_time()
    feeds.exhaust(feeds.take(gate, its, lines))
    return len(lines) / (time.process_time() - start)


def feed_rates(gate: Gate, emails: list[str]) -> None:
    """Print how fast the lines of a feed are, by what comes of them."""
    rows = [{"email": email, "occupation": "carpenter"} for email in emails]
    print(f"combined: {rate_of_feed(gate, rows, 'new'):,.0f} lines/s;", end=" ")
    rows = [{"email": email, "interests": ""} for email in emails]
    print(f"nothing new: {rate_of_feed(gate, rows, 'old'):,.0f} lines/s;", end=" ")
    rows = [{"email": f"no{n}@larch.example", "interests": "boats"} for n in range(20_000)]
    print(f"of nobody: {rate_of_feed(gate, rows, 'none'):,.0f} lines/s", flush=True)


def orders(count: int) -> None:
    """Print how fast rows are in the order of a file, and customer by customer."""
    with tempfile.TemporaryDirectory() as name:
        gate = make_gate(Path(name))
        emails = enrol(gate, count // TENTH)
        rate(gate, emails, ALONE, "warm", alone=False)
        whole, sales.LOT = sales.LOT, count // TENTH
        pairs = [
            (
                rate_beside(gate, emails, count, f"by{number}", by_customer=True),
                rate_beside(gate, emails, count, f"file{number}"),
            )
            for number in range(ROUNDS)
        ]
    sales.LOT = whole
    ordered, plain = (median(each) for each in zip(*pairs, strict=True))
    print(f"{len(emails):,} customers, read before: {ordered:,.0f} rows/s by customer,", end=" ")
    times = median(a / b for a, b in pairs)
    print(f"{plain:,.0f}/s in the order of the file; {times:.1f} times", flush=True)


def main() -> None:
    """Measure, and print a line for each crowd of customers, and one for feeds."""
    count = int(sys.argv[1]) if sys.argv[1:] else 5_000
    orders(max(count, ALONE))
    for customers in (FEW, count // 4, count):
        with tempfile.TemporaryDirectory() as name:
            gate = make_gate(Path(name))
            emails = enrol(gate, customers)
            rate(gate, emails, ALONE, "warm", alone=False)
            pairs = [
                (
                    rate(gate, emails, count, f"lot{number}", alone=False),
                    rate(gate, emails, ALONE, f"row{number}", alone=True),
                )
                for number in range(ROUNDS)
            ]
            beside = median(rate_beside(gate, emails, count, f"read{n}") for n in range(ROUNDS))
            if customers == count:
                feed_rates(gate, emails)
        lots, rows = (median(each) for each in zip(*pairs, strict=True))
        print(f"{customers:,} customers: {lots:,.0f} rows/s, one by one {rows:,.0f}/s;", end=" ")
        times = median(a / b for a, b in pairs)
        print(f"{times:.1f} times; read before {beside:,.0f} rows/s", flush=True)


if __name__ == "__main__":
    main()
