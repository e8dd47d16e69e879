"""What a question for one day and the erasure of a hundred people cost in a store of many visits.

A day's blocks are opened and counted by page, hour and network, with the entry of the look; beside
it DuckDB counts the same of a plain Parquet file of the day, which is neither sealed nor decided.
Then a hundred people with a cookie each are erased: how long, and how many bytes of blocks are
written anew. `python bench/visits.py [VISITS [DAYS]]`.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median

from collect import SEED, make_gate

from upheld.core.clock import BEGINNING
from upheld.core.ids import PersonId
from upheld.gate.erasure.erase import erase
from upheld.gate.gate import Gate
from upheld.practices.collection import blocks, day_counts
from upheld.practices.collection.blocks import PURPOSE, DayKeys, PageVisit, days_of, seal_day
from upheld.practices.collection.compaction import WHOLE
from upheld.practices.collection.tables import visit_block, visit_tie

PEOPLE = 100
A_DAY = 5  # visits of each of them on a day
ROUNDS = 5
TOGETHER = 4  # blocks in one transaction


def fill(gate: Gate, visits: int, days: int) -> list[str]:
    """Write visits of some days, in whole blocks, a fifth of them of nobody; the days."""
    draw = random.Random(SEED)  # noqa: S311 - made-up visits
    routes = [f"/articles/about-{number}-things" for number in range(2000)]
    weights = [1 / rank for rank in range(1, len(routes) + 1)]
    networks = [f"{a}.{b}.7.0/24" for a in range(1, 101) for b in range(100)]
    a_day, today = visits // days, gate.clock.today()
    names = [(today - timedelta(days=number + 1)).isoformat() for number in range(days)]
    for number, day in enumerate(names):
        moment = gate.clock.now() - timedelta(days=number + 1)
        start = int((moment.replace(hour=0, minute=0, second=0) - BEGINNING).total_seconds())
        with gate.together() as transaction:
            keys = DayKeys(gate, days_of(transaction.tables, [day], make=True))
        own = [keys.token(day, cookie(person)) for person in range(PEOPLE)] * A_DAY
        strangers = [draw.randbytes(16) for _ in range(max(1, a_day // 10))]
        left, some = a_day, []
        while left:
            size = min(WHOLE, left)
            left -= size
            tokens = [b"" if at % 5 == 0 else draw.choice(strangers) for at in range(size)]
            for token in own[:: max(1, a_day // WHOLE)] if size == WHOLE else ():
                tokens[draw.randrange(size)] = token
            some.append(
                seal_day(
                    keys,
                    day,
                    [
                        PageVisit(start + at, route, draw.choice(networks), token)
                        for at, (route, token) in enumerate(
                            zip(draw.choices(routes, weights, k=size), tokens, strict=True)
                        )
                    ],
                )
            )
            if len(some) == TOGETHER or not left:
                with gate.together() as transaction:
                    blocks.write(
                        transaction.tables,
                        some,
                        source="browser",
                        fields=(blocks.PAGE, blocks.NETWORK, blocks.COOKIE),
                        clauses=("visits",),
                    )
                some = []
    return names


def cookie(person: int) -> bytes:
    """The cookie of one of those who are erased."""
    return f"cookie-of-{person}".encode()


def question(gate: Gate, day: str) -> tuple[float, float]:
    """Seconds of the processor and of the clock in which a day is counted, entry and all."""
    start, began = time.process_time(), time.perf_counter()
    with gate.together() as transaction:
        its = day_counts.seal_of_day(transaction, day)
    people = day_counts.whose(gate, its)
    with gate.together() as transaction:
        besides = day_counts.enter(transaction, its, people, "staff bench")
    counts = day_counts.count(gate, its, besides)
    took = time.process_time() - start, time.perf_counter() - began
    if sum(counts.hours) != counts.visits or not counts.pages:
        raise SystemExit("the counts do not agree")
    return took


def with_duckdb(gate: Gate, day: str, folder: Path) -> float:
    """Seconds of the processor in which DuckDB counts the same day's plain rows, on one core."""
    import duckdb  # noqa: PLC0415 - it is measured where it is installed
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    with gate.look() as tables:
        keys = DayKeys(gate, days_of(tables, [day]))
        visits = [
            each for row in tables.select(visit_block, "day = ?", day) for each in keys.open(row)
        ]
    columns = {name: [each[at] for each in visits] for at, name in enumerate(PageVisit._fields)}
    pq.write_table(pa.table(columns), folder / "day.parquet")
    database = duckdb.connect(config={"threads": 1})
    start = time.process_time()
    for by in ("route", '"at" // 3600', "network"):
        database.execute(
            f"SELECT {by}, count(*) FROM '{folder}/day.parquet' GROUP BY ALL ORDER BY 2 DESC"
        ).fetchall()
    return time.process_time() - start


def enrol(gate: Gate) -> list[PersonId]:
    """People to whom a cookie each is tied; their ids."""
    people = []
    for number in range(PEOPLE):
        with gate.together() as transaction:
            person = transaction.enrol()
            mark = transaction.sealer(PURPOSE, "cookie").mark_of(cookie(number)).hex()
            sealed = transaction.sealer(PURPOSE, "tie").seal(cookie(number), person, mark)
            transaction.tables.insert(
                visit_tie, person_id=person, cookie_mark=mark, cookie=sealed, at=1
            )
            people.append(person)
    return people


def sizes(gate: Gate) -> dict[str, int]:
    """Bytes of each block."""
    with gate.look() as tables:
        return {
            str(block_id): int(size)
            for block_id, size in tables.select_unchecked(
                visit_block, ["block_id", "LENGTH(sealed)"]
            )
        }


def main() -> None:
    """Measure, and print a line for each."""
    visits = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    days = int(sys.argv[2]) if sys.argv[2:] else 10
    with tempfile.TemporaryDirectory() as name:
        gate = make_gate(Path(name))
        start = time.process_time()
        names = fill(gate, visits, days)
        people = enrol(gate)
        before = sizes(gate)
        whole = sum(before.values())
        print(f"{visits:,} visits of {days} days in {len(before):,} blocks,", end=" ")
        print(f"{whole / 1e6:,.0f} MB, written in {time.process_time() - start:.0f} s", flush=True)
        pairs = [question(gate, day) for day in (names * ROUNDS)[:ROUNDS]]
        cpu, wall = (median(each) for each in zip(*pairs, strict=True))
        print(
            f"a day of {visits // days:,}: {cpu:.2f} s of the processor, {wall:.2f} s", flush=True
        )
        plain = median(with_duckdb(gate, day, Path(name)) for day in names[:2])
        print(
            f"DuckDB on plain Parquet of the day: {plain:.2f} s; {cpu / plain:.1f} times",
            flush=True,
        )
        start, began = time.process_time(), time.perf_counter()
        erase(gate, people)
        took, waited = time.process_time() - start, time.perf_counter() - began
        after = sizes(gate)
        anew = sum(size for block_id, size in after.items() if block_id not in before)
        print(f"{PEOPLE} people erased: {took:.1f} s of the processor, {waited:.1f} s;", end=" ")
        print(f"{anew / 1e6:,.1f} MB of {whole / 1e6:,.1f} MB written anew")


if __name__ == "__main__":
    main()
