"""How many lines of access logs a second are decided, reduced, sealed and kept, on one core.

Beside it, in the same run, DuckDB reads the same lines as plain CSV and writes them to Parquet:
that decides nothing, reduces nothing and encrypts nothing. Counted are seconds of the processor.
`python bench/collect.py [LINES]`.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from datetime import UTC, timedelta
from pathlib import Path

from upheld.core.clock import Clock
from upheld.core.settings import Settings
from upheld.demo import sample_policy
from upheld.gate.async_gate import AsyncGate
from upheld.gate.gate import Gate
from upheld.practice.plugin import Provider

SEED = 20_261_129
DAYS = 2


def write_log(path: Path, lines: int) -> None:
    """A log of believable visits: few pages are most of them, a network has several addresses."""
    draw = random.Random(SEED)  # noqa: S311 - made-up visits
    pages = [f"/page/{name}" for name in ("plans", "help", "phone", "tv", "prices", "about")]
    pages += [f"/articles/about-{number}-things" for number in range(1, 2000)]
    weights = [1 / rank for rank in range(1, len(pages) + 1)]
    addresses = [
        f"{draw.randrange(1, 224)}." + ".".join(str(draw.randrange(256)) for _ in range(3))
        for _ in range(max(10, lines // 20))
    ]
    start = Clock().now() - timedelta(days=DAYS)
    step = timedelta(days=DAYS) / (lines + 1)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    with path.open("w") as out:
        for number, page in enumerate(draw.choices(pages, weights, k=lines)):
            at = start + number * step
            out.write(
                f"{draw.choice(addresses)} - - [{at.astimezone(UTC):%d/%b/%Y:%H:%M:%S} +0000]"
                f' "GET {page}?q={number} HTTP/1.1" 200 5120 "-" "{agent}"\n'
            )


def make_gate(folder: Path) -> Gate:
    """The gate of a new provider, as `make_provider`."""
    return make_provider(folder).gate.gate


def make_provider(folder: Path) -> Provider:
    """A new provider under the sample policy, with all its practices."""
    from upheld.app.provider import provide  # noqa: PLC0415 - after what is measured is written
    from upheld.database.engines import open_or_remove  # noqa: PLC0415 - as above
    from upheld.database.schema import migrate  # noqa: PLC0415 - as above
    from upheld.policy.load import load  # noqa: PLC0415 - as above
    from upheld.vault.keyring import KeyFile, Keyring  # noqa: PLC0415 - as above

    master = folder / "master"
    master.write_bytes(b"m" * 32)
    master.chmod(0o600)
    url = f"sqlite:///{folder}/provider.db"
    with open_or_remove(url) as engine:
        migrate(engine)
    gate = Gate(engine, load(sample_policy()), Keyring.create(folder / "keyring", KeyFile(master)))
    return provide(AsyncGate(gate), Settings(database=url))


def with_duckdb(log: Path, folder: Path) -> float:
    """Seconds in which DuckDB turns the lines into Parquet, on one core."""
    import duckdb  # noqa: PLC0415 - it is measured where it is installed

    database = duckdb.connect(config={"threads": 1})
    start = time.process_time()
    database.execute(
        f"COPY (SELECT * FROM read_csv('{log}', delim=' ', quote='\"', header=false,"
        " all_varchar=true, auto_detect=false, columns={"
        + ", ".join(f"'c{number}': 'VARCHAR'" for number in range(10))
        + f"}})) TO '{folder}/log.parquet' (FORMAT parquet)"
    )
    return time.process_time() - start


def main() -> None:
    """Measure, and print a line for each."""
    lines = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    from upheld.practices.collection.ingest import LogIngest  # noqa: PLC0415 - as above

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "access.log"
        write_log(log, lines)
        gate = make_gate(folder)
        start = time.process_time()
        report = LogIngest(gate).read(str(log))
        ours = time.process_time() - start
        assert report.visits == lines, report
        size = sum(path.stat().st_size for path in folder.glob("provider.db*"))
        theirs = with_duckdb(log, folder)
    print(f"{lines:,} lines of an access log")
    print(f"upheld: {lines / ours:,.0f} lines/s, {size / lines:.1f} bytes a visit, sealed")
    print(f"DuckDB, CSV to Parquet: {lines / theirs:,.0f} lines/s")


if __name__ == "__main__":
    main()
