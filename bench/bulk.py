"""How fast a table is screened: on DuckDB against a plain scan and a plain join, and the engines.

Every way is compared row by row with numpy's gather before it is timed. Prints Markdown tables for
docs/benchmarks.md. `--peer PYTHON` names an interpreter that has openfisca-core, the peer.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import policies
import pyarrow as pa

import upheld
from upheld.core.errors import MissingColumnsError
from upheld.policy.bulk.screen import Masks, bindings, codes

ROWS = 10_000_000
FIXED = ("f0", "f1", "f2")


def best(work: Callable[[], object], repeat: int = 5) -> float:
    """The least time of several runs, in seconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def loaded(policy_rules: list[policies.Rule]) -> upheld.Policy:
    """A policy of some rules."""
    return upheld.load_text(policies.markdown(policy_rules), vocabulary=policies.vocabulary())


def left_out(
    policy: upheld.Policy, table: Any, question: Any, masks: Masks | None = None
) -> list[str]:
    """What matters to a question and no column says."""
    try:
        bindings(policy, table, [question], masks=masks)
    except MissingColumnsError as error:
        return error.words
    return []


def columns(policy: upheld.Policy, rows: int) -> pa.Table:
    """Rows with small numbers for words, and thirty facts in one mask."""
    chance = np.random.default_rng(1)
    of = {
        d: np.array([codes(policy, d)[f"{letter}{n}"] for n in range(count)], np.int16)
        for d, letter, count in (
            ("data", "d", policies.DATA),
            ("recipient", "r", policies.PARTIES),
            ("purpose", "p", policies.PURPOSES),
        )
    }
    policy_rules: dict[str, np.ndarray] = {
        d: words[chance.integers(0, len(words), rows)] for d, words in of.items()
    }
    policy_rules["action"] = np.full(rows, codes(policy, "action")["share"], np.int16)
    policy_rules["facts"] = chance.integers(0, 1 << policies.FACTS, rows)
    return pa.table(
        {**policy_rules, **{f: policy_rules["facts"] >> int(f[1:]) & 1 == 1 for f in FIXED}}
    )


def gathered(policy_rules: list[policies.Rule], policy: upheld.Policy, table: pa.Table) -> Any:
    """Numpy's own: the masks of each cell's rules, gathered by key."""
    width = 4
    shape = [len(codes(policy, d)) for d in ("data", "recipient", "purpose")]
    care = np.zeros((2, width, *shape), np.int64)
    used = np.zeros((2, *shape), int)
    value = np.ones_like(care)
    for rule in policy_rules:
        at = tuple(
            codes(policy, d)[w]
            for d, w in (
                ("data", rule.data),
                ("recipient", rule.recipient),
                ("purpose", rule.purpose),
            )
        )
        kind = int(rule.allows)
        mask = sum(1 << int(fact[1:]) for fact in rule.facts)
        care[(kind, used[(kind, *at)], *at)] = value[(kind, used[(kind, *at)], *at)] = mask
        used[(kind, *at)] += 1
    deep = int(used.max())
    care, value = (each[:, :deep].reshape(2, deep, -1).copy() for each in (care, value))
    data, recipient, purpose, facts = (
        table[name].to_numpy() for name in ("data", "recipient", "purpose", "facts")
    )

    def run() -> Any:
        key = (data.astype(np.int32) * shape[1] + recipient) * shape[2] + purpose
        masks = []
        for kind in (0, 1):
            some = np.zeros(len(key), bool)
            for each in range(deep):
                some |= facts & care[kind, each][key] == value[kind, each][key]
            masks.append(some)
        return masks[1] & ~masks[0]

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", default="")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--postgres", default="")
    options = parser.parse_args()
    print(f"Measured on {os.cpu_count()} cores; {options.rows:,} rows.\n")
    connection = ibis.duckdb.connect()
    fixed(connection, options.rows)
    print(
        "\n| clauses | allowed | all three columns | plain join | allowed / plain join "
        "| numpy | peer | built in |\n|---|---|---|---|---|---|---|---|"
    )
    for clauses in (25, 1600):
        by_row(connection, clauses, options)
    print()
    engines(options)
    replay()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nPeak memory of the whole run {peak:,.0f} MiB.")


def fixed(connection: Any, rows: int) -> None:
    """One question for every row, three fact columns."""
    one = policies.Rule(True, "d1", "r1", "p1", FIXED)
    policy = loaded([one])
    table = connection.create_table("fixed", columns(policy, rows), overwrite=True)
    request = upheld.Request("share", data=one.data, recipient=one.recipient, purpose=one.purpose)
    absent = left_out(policy, table, request)
    screened = policy.screen(table, request, absent=absent, tell=["allowed"])
    where = table.filter(policy.where(request, absent=absent))
    case = "CASE WHEN f0 AND f1 AND f2 THEN TRUE ELSE FALSE END"

    def ours() -> Any:
        return screened.allowed.sum().execute()

    def theirs() -> Any:
        return connection.raw_sql(f"SELECT sum(({case})::INT) FROM fixed").fetchall()

    if int(ours()) != theirs()[0][0] or int(where.count().execute()) != theirs()[0][0]:
        raise SystemExit("the condition decides otherwise")
    sql = str(ibis.to_sql(screened.allowed.sum(), dialect="duckdb"))
    mine = best(lambda: connection.raw_sql(sql).fetchall())
    base = best(theirs)
    print(
        f"A fixed question with three fact columns: {rows / mine / 1e6:.0f} million rows a "
        f"second, {mine / base:.2f}× the same scan with one constant CASE."
    )


def by_row(connection: Any, clauses: int, options: argparse.Namespace) -> None:
    """Words and facts of each row's own."""
    policy_rules = policies.rules(clauses)
    policy = loaded(policy_rules)
    data = columns(policy, options.rows)
    table = connection.create_table("rows", data, overwrite=True)
    for name in ("action", "data", "recipient", "purpose"):
        connection.raw_sql(f"ALTER TABLE rows ALTER COLUMN {name} SET NOT NULL")
    table = connection.table("rows")
    masks = Masks([f"f{n}" for n in range(policies.FACTS)], "facts")
    absent = left_out(policy, table, None, masks)
    start = time.perf_counter()
    allowed = policy.screen(table, None, masks=masks, absent=absent, tell=["allowed"]).allowed.sum()
    sql = str(ibis.to_sql(allowed, dialect="duckdb"))
    built = time.perf_counter() - start
    gather = gathered(policy_rules, policy, data)
    if int(allowed.execute()) != int(gather().sum()):
        raise SystemExit("numpy decides otherwise")
    full = policy.screen(table, None, masks=masks, absent=absent)
    every = full.aggregate(
        a=full.allowed.sum(), b=full.outcome.length().sum(), c=full.clause.length().sum()
    )
    keys = [len(codes(policy, d)) + 1 for d in ("action", "data", "recipient", "purpose")]
    connection.raw_sql(
        f"CREATE OR REPLACE TABLE plain AS SELECT range AS at, range % 7 AS v "
        f"FROM range({int(np.prod(keys))})"
    )
    parts = " + ".join(
        f"(rows.{d}::BIGINT + 1) * {int(np.prod(keys[at + 1 :]))}"
        for at, d in enumerate(("action", "data", "recipient", "purpose"))
    )
    plain = f"SELECT sum(((facts & v) = v)::INT) FROM rows LEFT JOIN plain ON {parts} = plain.at"
    times = [
        best(lambda: connection.raw_sql(sql).fetchall()),
        best(every.execute, 3),
        best(lambda: connection.raw_sql(plain).fetchall()),
        best(gather),
    ]
    a, b, c, d = (f"{options.rows / each / 1e6:.1f} M/s" for each in times)
    theirs = peer(policy_rules, policy, data, int(gather()[:1_000_000].sum()), options.peer)
    print(
        f"| {clauses:,} | {a} | {b} | {c} | {times[0] / times[2]:.2f}× | {d} | {theirs} "
        f"| {built:.2f} s |"
    )


def peer(
    policy_rules: list[policies.Rule],
    policy: upheld.Policy,
    data: pa.Table,
    wanted: int,
    python: str,
) -> str:
    """The peer's rate on a million of the rows, after its answers were found equal."""
    if not python:
        return "–"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.npz")
        first = data.slice(0, 1_000_000)
        of = {d: codes(policy, d) for d in ("data", "recipient", "purpose")}
        rules = [
            (
                rule.allows,
                of["data"][rule.data],
                of["recipient"][rule.recipient],
                of["purpose"][rule.purpose],
                *(int(fact[1:]) for fact in rule.facts),
            )
            for rule in policy_rules
        ]
        arrays = {name: first[name].to_numpy() for name in (*of, "facts")}
        np.savez(path, rules=np.array(rules), wanted=wanted, **arrays)
        done = subprocess.run(
            [python, Path(__file__).with_name("bulk_peer.py"), path],
            check=True,
            capture_output=True,
            text=True,
        )
    return f"{1e-6 / float(done.stdout):.1f} M/s"


def engines(options: argparse.Namespace) -> None:
    """Screen a tenth of the rows on other engines."""
    rows = options.rows // 10
    policy = loaded(policies.rules(25))
    data = columns(policy, rows)
    masks = Masks([f"f{n}" for n in range(policies.FACTS)], "facts")
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        import pyarrow.parquet as pq  # noqa: PLC0415 - for the engines alone

        pq.write_table(data, Path(folder, "rows.parquet"))
        if options.spark:
            from pyspark.sql import SparkSession  # noqa: PLC0415 - only where asked for

            builder = SparkSession.builder.master("local[2]")
            session = builder.config("spark.ui.enabled", value=False).getOrCreate()
            spark = ibis.pyspark.connect(session)
            tables.append(("Spark, local[2]", spark.read_parquet(f"{folder}/rows.parquet")))
        if options.postgres:
            server = ibis.connect(options.postgres)
            tables.append(("PostgreSQL", server.create_table("rows", data, temp=True)))
        tables.insert(0, ("DuckDB", ibis.duckdb.connect().read_parquet(f"{folder}/rows.parquet")))
        print(f"The same at 25 clauses over {rows:,} rows of a Parquet file or a table:\n")
        print("| engine | allowed | against DuckDB |\n|---|---|---|")
        base = 0.0
        for name, table in tables:
            absent = left_out(policy, table, None, masks)
            screened = policy.screen(table, None, masks=masks, absent=absent, tell=["allowed"])
            count = screened.allowed.sum()
            took = best(count.execute, 3)
            base = base or took
            print(f"| {name} | {rows / took / 1e6:.1f} M/s | {took / base:.1f}× |")
    print()


def replay(lines: int = 1_000_000) -> None:
    """Questions a second from JSON lines, in one process."""
    sample = Path(__file__).parents[1] / "policies/larch-valley.md"
    question = {
        "action": "share",
        "data": ["email", "name"],
        "recipient": "trusted-partner",
        "purpose": "offers",
        "occasion": "other",
    }
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log.jsonl")
        with log.open("w") as out:
            for number in range(lines):
                facts = {"confidentiality-agreement": number % 2 == 0, "age": number % 90}
                out.write(json.dumps({"id": number, **question, "facts": facts}) + "\n")
        command = [sys.executable, "-m", "upheld", "replay", str(sample), "--requests", str(log)]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        took = time.perf_counter() - start
    print(f"replay, the whole command: {lines / took:,.0f} questions a second from JSON lines.")


if __name__ == "__main__":
    duckdb.sql("SET enable_progress_bar = false")
    main()
