"""What privacy costs a histogram: a report beside the plain group-by of the same rows.

How many people used how much in a month, of ten million rows of use by 24 months: once as a report
counts them (each in one band whatever their rows say, noise by OpenDP, small groups left out) and
once as a group-by that bounds nothing and adds no noise, by turns, lot by lot. Then both once more
through the gate, where each person is decided, opened, read and entered: the report as it is asked
at the desk, the group-by as a sweep for improving services. DuckDB counts the same rows from
columns in the clear. Counted are seconds of the processor.
`python bench/reports.py [EVENTS] [PEOPLE AT THE GATE]`.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import median

import msgspec
from collect import SEED, make_gate

from upheld.gate.act.request import Act, Refused
from upheld.gate.gate import Gate
from upheld.practice.amounts import USAGE, months_from
from upheld.practices.reports import answers, reports
from upheld.practices.reports.answers import AnswerBasis, PeopleTally
from upheld.practices.reports.questions import Question, contribution

MONTHS = 24
POOL = 2_000  # people whose rows are counted again and again, under other names
LOT = 200
ROUNDS = 3


class UsedRow(msgspec.Struct):
    """What a group-by reads of a row."""

    month: str
    gigabytes: float


def rows_of(draw: random.Random, months: Sequence[str]) -> list[str]:
    """The rows of somebody who uses a service in each month."""
    words = {"service": "internet", "hours": 3}
    return [
        json.dumps({"month": each, **words, "gigabytes": round(draw.expovariate(1 / 60), 1)})
        for each in months
    ]


def group_by(people: Sequence[Sequence[str]], month: str, counts: Counter[int]) -> None:
    """Count people by what they used in a month, and nothing else."""
    decode = msgspec.json.Decoder(UsedRow).decode
    for rows in people:
        total, is_there = 0.0, False
        for each in rows:
            row = decode(each)
            if row.month == month:
                total, is_there = total + row.gigabytes, True
        if is_there:
            counts[bisect_right(USAGE.edges, total) - 1] += 1


def in_memory(events: int, histogram: Question, months: Sequence[str]) -> None:
    """The two by turns, lot by lot, of rows that are read already."""
    draw = random.Random(SEED)  # noqa: S311 - made-up rows
    pool = [rows_of(draw, months) for _ in range(POOL)]
    today = date.fromisoformat(f"{months[-1]}-28")
    ratios = []
    answers.answer(histogram, PeopleTally(), AnswerBasis(50, (), ""))  # OpenDP is read in once
    for _ in range(ROUNDS):
        spent, tally, counts = [0.0, 0.0], PeopleTally(), Counter[int]()
        for lot in range(events // (LOT * MONTHS)):
            at = lot * LOT % POOL
            people = pool[at : at + LOT]
            start = time.process_time()
            for rows in people:
                tally.add(contribution(histogram, {}, rows, today))
            middle = time.process_time()
            group_by(people, histogram.month, counts)
            spent = [spent[0] + middle - start, spent[1] + time.process_time() - middle]
        start = time.process_time()
        answer = answers.answer(histogram, tally, AnswerBasis(50, (), ""))
        spent[0] += time.process_time() - start
        assert {int(each): count for each, count in tally.people.items()} == counts
        ratios.append(spent[0] / spent[1])
        print(
            f"{sum(counts.values()) * MONTHS:,} rows: report {spent[0]:.2f} s, group-by"
            f" {spent[1]:.2f} s, {ratios[-1]:.2f} times; lines {len(answer.lines)}"
        )
    print(f"median: {median(ratios):.2f} times the group-by")


def through_the_gate(people: int, months: Sequence[str]) -> None:
    """The two through the gate, of as many people."""
    with tempfile.TemporaryDirectory() as folder:
        gate = make_gate(Path(folder))
        fill(gate, people, months)
        ratios = []
        for turn in range(ROUNDS):
            histogram = Question("usage-bands", "", months[-1 - turn], 100)
            with gate.together() as transaction:
                its = reports.ask(transaction, histogram, reports.INSIDE, actor="bench")
            start = time.process_time()
            reports.complete(gate, its.report_id)
            middle = time.process_time()
            plain_report(gate, histogram.month)
            end = time.process_time()
            ratios.append((middle - start) / (end - middle))
            print(
                f"{people * len(months):,} rows at the gate: report {middle - start:.2f} s,"
                f" group-by {end - middle:.2f} s, {ratios[-1]:.2f} times"
            )
        print(f"median: {median(ratios):.2f} times the group-by")


def plain_report(gate: Gate, month: str) -> Counter[int]:
    """A group-by of what the gate gives of everybody for improving services."""
    act = Act(action="use", data=("usage",), purpose="service-improvement")
    counts, after = Counter[int](), ""
    while True:
        with gate.together() as transaction:
            people = transaction.customers_after(after, LOT)
            if not people:
                return counts
            outcomes = transaction.sweep(act, people).values()
            rows = [
                [value.value for value in each.series("usage")]
                for each in outcomes
                if not isinstance(each, Refused)
            ]
            group_by(rows, month, counts)
        after = people[-1]


def fill(gate: Gate, count: int, months: Sequence[str]) -> None:
    """Customers who used a service in each month."""
    draw = random.Random(SEED)  # noqa: S311 - made-up rows
    for _ in range(0, count, LOT):
        with gate.together() as transaction:
            for _ in range(LOT):
                person = transaction.enrol()
                transaction.record(person, "service-order", fact="has-service")
                outcome = transaction.append(
                    person,
                    "usage",
                    rows_of(draw, months),
                    source="customer",
                    occasion="service-use",
                    purpose="billing",
                )
                assert not isinstance(outcome, Refused)


def in_the_clear(events: int, months: Sequence[str]) -> None:
    """DuckDB's group-by of the same rows, from columns that are not sealed."""
    import duckdb  # noqa: PLC0415 - it is what is compared with

    database = duckdb.connect()
    database.execute("SET threads = 1")
    database.execute(
        "CREATE TABLE used AS SELECT number // ? AS person, number % ? AS month,"
        " -60 * ln(random()) AS gigabytes FROM range(?) AS numbers(number)",
        [len(months), len(months), events],
    )
    start = time.process_time()
    database.execute(
        "SELECT band, count(*) FROM (SELECT person, CASE WHEN sum(gigabytes) < 1 THEN 0"
        " WHEN sum(gigabytes) < 10 THEN 1 WHEN sum(gigabytes) < 50 THEN 2"
        " WHEN sum(gigabytes) < 100 THEN 3 WHEN sum(gigabytes) < 500 THEN 4 ELSE 5 END AS band"
        " FROM used WHERE month = 23 GROUP BY person) GROUP BY band"
    ).fetchall()
    print(f"{events:,} rows in the clear in DuckDB: {time.process_time() - start:.2f} s")


def main() -> None:
    """All three."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    people = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    first = "2024-01"
    months = months_from(first, MONTHS)
    in_memory(events, Question("usage-bands", "", months[-1], 100), months)
    through_the_gate(people, months)
    in_the_clear(events, months)
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")


if __name__ == "__main__":
    main()
