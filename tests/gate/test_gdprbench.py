"""GDPRbench's operations through the gate: every answer is the model's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench" / "gdprbench.py"


def test_every_answer_of_every_role_is_right() -> None:
    """Records of a hundred people, read, changed and deleted, on three kinds of store."""
    words = [sys.executable, str(BENCH), "--records", "300", "--operations", "60"]
    process = subprocess.run(
        [*words, "--only", "SQLite"], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("| 100% |") == 4
