"""What a question for one day and the erasure of a hundred people cost in a store of many visits.

The visits are made up day by day and taken in as lines of a log are, but for the parsing of text:
decided, reduced, sealed, entered; the job then puts the days in order. A day is counted by page,
hour and network, with the entry of the look; beside it DuckDB counts the same of a plain Parquet
file of the day, which is neither sealed nor decided. Somebody looks at a week of their own visits.
Then a hundred people with a cookie each, who came on every day, are erased: how long, and how many
bytes of blocks are written anew. `python bench/visits.py [VISITS [DAYS]]`.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from collect import SEED, make_gate

from upheld.core.clock import BEGINNING
from upheld.core.ids import PersonId
from upheld.gate.erasure.erase import erase
from upheld.gate.gate import Gate
from upheld.practices.collection import day_counts
from upheld.practices.collection.blocks import (
    PURPOSE,
    DayKeys,
    PageVisit,
    days_of,
    where_tokens_may_be,
)
from upheld.practices.collection.compaction import compact
from upheld.practices.collection.intake import Intake
from upheld.practices.collection.log_lines import LogLine
from upheld.practices.collection.tables import visit_block, visit_tie

PEOPLE = 100
A_DAY = 5  # visits of each of them on a day
BROWSERS = 10  # visits of a browser on a day, about
ROUNDS = 5
TOGETHER = 25_000  # lines that are taken in together, as of a log
WEEK = 7


def fill(gate: Gate, visits: int, days: int) -> list[str]:
    """Take in visits of some days, a fifth of them of browsers without our cookie; the days."""
    intake, today = Intake(gate), gate.clock.today()
    names = [today - timedelta(days=number + 1) for number in range(days)]
    for number, day in enumerate(names):
        some = list(lines_of(gate, day, visits // days, random.Random(SEED + number)))  # noqa: S311 - made up
        for first in range(0, len(some), TOGETHER):
            part = some[first : first + TOGETHER]
            if intake.keep(part).visits != len(part):
                raise SystemExit("a visit was not kept")
    return [day.isoformat() for day in names]


def lines_of(gate: Gate, day: date, count: int, draw: random.Random) -> Iterator[LogLine]:
    """So many visits of a day in the order of their times."""
    routes = [f"/articles/about-{number}-things" for number in range(2000)]
    weights = [1 / rank for rank in range(1, len(routes) + 1)]
    targets = [route.encode() for route in routes]
    noon = gate.clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
    start = int(
        (noon - timedelta(days=(gate.clock.today() - day).days) - BEGINNING).total_seconds()
    )
    own = [(b"192.0.2.7", cookie(person)) for person in range(PEOPLE)] * A_DAY
    others = [
        (
            f"{draw.randrange(1, 101)}.{draw.randrange(100)}.7.{draw.randrange(256)}".encode(),
            b"" if at % 5 == 0 else draw.randbytes(16).hex().encode(),
        )
        for at in range(max(1, count // BROWSERS))
    ]
    browsers = [*own, *draw.choices(others, k=max(0, count - len(own)))][:count]
    draw.shuffle(browsers)
    step = (
        10 * 3600 / count
    )  # the ten hours about noon, which are the same day in every zone of ours
    for at, target in enumerate(draw.choices(targets, weights, k=count)):
        yield LogLine(start - 5 * 3600 + int(at * step), browsers[at][0], target, browsers[at][1])


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


def own_week(gate: Gate, names: list[str]) -> float:
    """Seconds of the processor in which a week's visits of somebody are found and opened."""
    start, count = time.process_time(), 0
    with gate.look() as tables:
        keys = DayKeys(gate, days_of(tables, names[:WEEK]))
        for day in names[:WEEK]:
            token = keys.token(day, cookie(0))
            for where, values in where_tokens_may_be(tables, day, [token]):
                for row in tables.select(visit_block, where, *values):
                    count += sum(each.token == token for each in keys.open(row))
    if count != A_DAY * len(names[:WEEK]):
        raise SystemExit("a visit of somebody is missing")
    return time.process_time() - start


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
        print(f"{visits:,} visits of {days} days,", end=" ")
        print(f"{sum(sizes(gate).values()) / 1e6:,.0f} MB, kept in", end=" ")
        print(f"{time.process_time() - start:.0f} s of the processor", flush=True)
        start = time.process_time()
        compact(gate)
        before = sizes(gate)
        whole = sum(before.values())
        print(f"put in order in {time.process_time() - start:.0f} s:", end=" ")
        print(f"{len(before):,} blocks, {whole / 1e6:,.0f} MB", flush=True)
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
        print(f"a week of somebody's own: {own_week(gate, names):.3f} s", flush=True)
        start, began = time.process_time(), time.perf_counter()
        erase(gate, people)
        took, waited = time.process_time() - start, time.perf_counter() - began
        after = sizes(gate)
        anew = sum(size for block_id, size in after.items() if block_id not in before)
        print(f"{PEOPLE} people erased: {took:.1f} s of the processor, {waited:.1f} s;", end=" ")
        print(f"{anew / 1e6:,.1f} MB of {whole / 1e6:,.1f} MB written anew")


if __name__ == "__main__":
    main()
