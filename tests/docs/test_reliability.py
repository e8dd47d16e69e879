"""The table of what was tried: made by its command, with its columns and every kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
SCRIPT = ROOT / "bench" / "reliability.py"
HEADS = ["What was tried", "Database", "How often", "Lost, or not found"]
KINDS = (
    "Killed",
    "Power lost",
    "Raced",
    "Flipped",
    "Changed, added, deleted, put back",
    "Clock",
    "Disk full",
    "Restarted",
)


def table(page: str) -> list[list[str]]:
    """The rows of the page's first table, its heads first."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    heads = next(at for at, line in enumerate(lines) if HEADS[0] in line)
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[heads:]]
    return [cells for cells in found if len(cells) == len(HEADS)]


def test_the_command_makes_the_table_of_what_it_tried(tmp_path: Path) -> None:
    """At its smallest size, of one kind: its columns, a line for each trial, what was around it."""
    page = tmp_path / "page.md"
    page.write_text(
        "# Tried\n\n<!-- made by bench/reliability.py -->\nSTALE\n"
        "<!-- end of what it made -->\n\nAfter.\n"
    )
    words = ["--size", "short", "--only", "power", "--to", str(page)]
    command = [sys.executable, str(SCRIPT), *words]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    made = page.read_text()
    heads, _, *rows = table(made)
    assert heads == HEADS
    assert [row[1:3] for row in rows] == [["SQLite", "25"], ["SQLite", "25"]]
    kept, control = rows
    assert int(control[3].replace(",", "")) > 0
    assert kept[3] == "0"
    assert made.startswith("# Tried")
    assert made.endswith("After.\n")
    assert "STALE" not in made


def test_the_page_has_every_kind_and_nothing_was_lost() -> None:
    """Each kind, on both databases where both can be tried; only a control lost anything."""
    heads, _, *rows = table(PAGE.read_text())
    assert heads == HEADS
    for kind in KINDS:
        assert [row for row in rows if row[0].startswith(kind)], kind
    for kind in ("Killed", "Raced", "Flipped", "Changed", "Clock"):
        where = {row[1] for row in rows if row[0].startswith(kind)}
        assert {"SQLite", "PostgreSQL"} <= where, kind
    assert [row for row in rows if row[3] != "0" and "control" not in row[0]] == []
