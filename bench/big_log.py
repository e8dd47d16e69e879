"""How much memory a log takes that is read through a pipe, by its size: it should take the same.

Lines are made as they are read, so that the log lies nowhere. The reader is `upheld collect logs -`
in a process of its own, of which the most memory that it ever had is told.
`python bench/big_log.py [MEGABYTES …]`.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, timedelta
from pathlib import Path

from collect import make_gate

from upheld.core.clock import Clock
from upheld.demo import sample_policy

LINES = 10_000  # that are made once and written over and over, with another time each time
SIZES = (50, 2_000)  # megabytes
COMMAND = "from upheld import cli; cli.main()"


def lines_of(second: int, moment: str) -> bytes:
    """Some lines of one second."""
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    return "".join(
        f"{1 + at % 200}.{second % 250}.{at % 250}.7 - - [{moment}]"
        f' "GET /articles/about-{at * 7 % 2000}-things?q={at} HTTP/1.1" 200 5120 "-" "{agent}"\n'
        for at in range(LINES)
    ).encode()


def read(megabytes: int) -> tuple[int, float, float]:
    """Lines, seconds of the reader's processor, and the megabytes that it had at most."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_gate(folder)
        (folder / "policy.md").write_text(sample_policy().read_text())
        (folder / "upheld.toml").write_text(
            'database = "sqlite:///provider.db"\nkeyring = "keyring"\npolicy = "policy.md"\n'
            'key_file = "master"\n'
        )
        words = ["collect", "logs", "-", "--settings", str(folder / "upheld.toml")]
        start = Clock().now() - timedelta(days=2)
        reader = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        assert reader.stdin is not None
        written = lines = 0
        while written < megabytes * 1_000_000:
            second = lines // LINES
            moment = (start + timedelta(seconds=second)).astimezone(UTC)
            some = lines_of(second, f"{moment:%d/%b/%Y:%H:%M:%S} +0000")
            reader.stdin.write(some)
            written, lines = written + len(some), lines + LINES
        reader.stdin.close()
        _, status, usage = wait(reader.pid)
        if status:
            raise SystemExit("the log was not read")
    return lines, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def wait(process: int) -> tuple[int, int, resource.struct_rusage]:
    """Wait for a process; what it used."""
    return os.wait4(process, 0)


def main() -> None:
    """Measure, and print a line for each size."""
    for megabytes in map(int, sys.argv[1:]) if sys.argv[1:] else SIZES:
        began = time.perf_counter()
        lines, seconds, most = read(megabytes)
        print(f"{megabytes:,} MB through a pipe, {lines:,} lines: {most:.0f} MB at most,", end=" ")
        print(f"{lines / seconds:,.0f} lines/s of its processor,", end=" ")
        print(f"{time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
