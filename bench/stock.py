"""How long whoever writes waits while the desk counts all visits that are kept.

A store of many blocks, whose content nobody opens for a count: by turns they are counted as the
desk counts them, in a transaction that only reads, and in one that takes the writer's turn, while
another thread locks a person and commits, again and again. `python bench/stock.py [BLOCKS]`.
"""

from __future__ import annotations

import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from unittest.mock import patch

from collect import make_gate

from upheld.core.ids import PersonId
from upheld.database.transaction import writing
from upheld.gate.gate import Gate
from upheld.gate.transaction import GateTransaction
from upheld.practices.collection.stock import visit_stock

IN_A_BLOCK = 500  # visits
ROUNDS = 5
PAUSE = 0.002  # seconds between two writings
_INSERT = (
    "INSERT INTO visit_block (block_id, day, source, fields, clauses, visits, sealed, token_bits)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def fill(gate: Gate, count: int) -> None:
    """Write so many blocks of a year, which are sealed by nobody."""
    with writing(gate.engine) as connection:
        cursor = connection.connection.cursor()
        cursor.executemany(_INSERT, list(blocks(count)))


def blocks(count: int) -> Iterator[tuple[object, ...]]:
    """Rows of blocks, of 336 days."""
    for at in range(count):
        day = f"2026-{1 + at % 12:02}-{1 + at // 12 % 28:02}"
        kinds = "page-request ip-network cookie-id"
        bits = f"{at % 512:09b}"
        yield secrets.token_hex(16), day, "browser", kinds, "visits", IN_A_BLOCK, bytes(200), bits


def waits(gate: Gate, person: PersonId) -> tuple[list[float], list[float]]:
    """The seconds of each count, and of each writing meanwhile."""
    stop, write, count = threading.Event(), list[float](), list[float]()

    def keep_writing() -> None:
        while not stop.is_set():
            start = time.perf_counter()
            with gate.together() as transaction:
                transaction.lock(person)
            write.append(time.perf_counter() - start)
            time.sleep(PAUSE)

    thread = threading.Thread(target=keep_writing)
    thread.start()
    for _ in range(ROUNDS):
        start = time.perf_counter()
        visit_stock(gate)
        count.append(time.perf_counter() - start)
    stop.set()
    thread.join()
    return count, write


def in_turn(gate: Gate) -> AbstractContextManager[GateTransaction]:
    """A transaction that takes the writer's turn."""
    return gate.together()


def main() -> None:
    """Measure, and print a line for each."""
    number = int(sys.argv[1]) if sys.argv[1:] else 300_000
    with tempfile.TemporaryDirectory() as name:
        gate = make_gate(Path(name))
        person = gate.enrol()
        fill(gate, number)
        print(f"{number:,} blocks, {visit_stock(gate).total:,} visits")
        for way in ("reading", "writing", "reading", "writing"):
            if way == "writing":
                with patch.object(Gate, "consult", in_turn):
                    count, write = waits(gate, person)
            else:
                count, write = waits(gate, person)
            print(
                f"{way}: a count {median(count):.2f} s; {len(write):,} writings meanwhile,"
                f" {median(write) * 1e3:.1f} ms in the middle, {max(write) * 1e3:.0f} ms at most"
            )


if __name__ == "__main__":
    main()
