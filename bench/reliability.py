"""What was tried on a provider's reliability, how often, and what was lost: docs/reliability.md.

Runs the tests that kill, race, flip, tamper, set clocks, fill disks and restart servers, on both
databases, and writes the table of what they tried between its markers. A test fails where anything
is lost, and then nothing is written. `make test-long` runs the same tests at their long sizes.

    python bench/reliability.py [--size short|middle|long] [--only KIND] [--to FILE]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.pop(0)  # this folder, in which there is a gate.py
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import tally
from database.test_sweep import reasons

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- made by bench/reliability.py -->", "<!-- end of what it made -->"
HEADS = ("What was tried", "Database", "How often", "Lost, or not found")


class Kind(NamedTuple):
    """A kind of trial: what the table calls it, the files of its tests, and which of these."""

    title: str
    files: tuple[str, ...]
    which: str = ""


KINDS = {
    "kills": Kind(
        "Killed (kill -9)",
        (
            "gate/test_faults.py",
            "gate/test_jobs.py",
            "gate/test_covering.py",
            "gate/test_forgetting_faults.py",
        ),
        "killed",
    ),
    "power": Kind("Power lost", ("gate/test_power.py",)),
    "races": Kind(
        "Raced", ("gate/test_together.py", "gate/test_races.py"), "lose_no_entry or taken_back"
    ),
    "flips": Kind("Flipped", ("gate/test_faults.py",), "flipped"),
    "tampering": Kind("Changed, added, deleted, put back", ("database/test_sweep.py",)),
    "clocks": Kind("Clock", ("gate/test_faults.py",), "clock_that_was_set"),
    "full disks": Kind("Disk full", ("gate/test_full_disk.py", "gate/test_faults.py"), "full_disk"),
    "restarts": Kind(
        "Restarted, or cut off",
        ("gate/test_reconnect.py", "gate/test_faults.py"),
        "reconnect or came_back",
    ),
}


def trials(kinds: Sequence[str], size: str) -> list[tally.Tried]:
    """Run the tests of some kinds at a size; what they tried. Ends where one of them fails."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "tried"
        environment = {**os.environ, "UPHELD_TEST_SIZE": size, "UPHELD_TALLY": str(results)}
        for kind in kinds:
            files = [str(ROOT / "tests" / file) for file in KINDS[kind].files]
            command = [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-n",
                "0",
                "-p",
                "no:cacheprovider",
                "-k",
                KINDS[kind].which,
                *files,
            ]
            tests = subprocess.run(
                command, cwd=ROOT, env=environment, check=False, stdout=sys.stderr
            )
            if tests.returncode:
                sys.exit(f"{kind}: something was lost, or could not be tried: nothing is written")
        return tally.told(results)


def table(results: Sequence[tally.Tried], page: str = "") -> str:
    """What was tried, as a table of Markdown; what a page says of other kinds stays."""
    lines = [f"| {' | '.join(HEADS)} |", "| --- | --- | ---: | ---: |"]
    others = [each.title for name, each in KINDS.items() if name not in {t.kind for t in results}]
    lines += [
        line
        for line in page.splitlines()
        if line.startswith(tuple(f"| {title}: " for title in others))
    ]
    order = list(KINDS)
    for each in sorted(results, key=lambda each: (order.index(each.kind), each.what, each.where)):
        what = f"{KINDS[each.kind].title}: {each.what}"
        lines.append(f"| {what} | {each.where} | {each.times:,} | {each.lost:,} |")
    return "\n".join(lines)


def harmless() -> str:
    """What the self-check does not find, each with the reason why it is harmless."""
    lines = ["| Not found | Why that is harmless |", "| --- | --- |"]
    lines += [f"| `{what}` | {why} |" for what, why in sorted(reasons().items())]
    return "\n".join(lines)


def with_table(page: str, table_text: str) -> str:
    """The page with what was made between its markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table_text}\n\n{END}{after}"


def main() -> None:
    """Try, and write the table."""
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("--size", choices=("short", "middle", "long"), default="middle")
    words.add_argument("--only", choices=KINDS, action="append")
    words.add_argument("--to", type=Path, default=ROOT / "docs" / "reliability.md")
    options = words.parse_args()
    page = options.to.read_text(encoding="utf-8") if options.to.exists() else f"{BEGIN}\n{END}\n"
    trial_table = table(trials(options.only or list(KINDS), options.size), page)
    options.to.write_text(with_table(page, f"{trial_table}\n\n{harmless()}"), encoding="utf-8")


if __name__ == "__main__":
    main()
