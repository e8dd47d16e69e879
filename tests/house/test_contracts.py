"""The contracts between rooms are held: a file that breaks one is found."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BREAKS = {  # a contract, and an import that it forbids
    "The house has floors": ("core/clock.py", "from upheld.gate import gate"),
    "The policy road runs one way": ("policy/syntax.py", "from upheld.policy import load"),
    "Whole tables are answered on a road of their own": (
        "policy/bulk/partial_knowledge.py",
        "from upheld.policy.bulk import screen",
    ),
    "The gate has rooms, one above the other": (
        "gate/log/entries.py",
        "from upheld.gate.operations import jobs",
    ),
    "The language knows no storage and no web": ("policy/front_matter.py", "import sqlalchemy"),
    "Only the gate opens the vault and the ledger": (
        "practices/billing/books.py",
        "from upheld.vault import people",
    ),
    "Practices and pages have tables of their own, and no database": (
        "practices/billing/books.py",
        "from upheld.database import rows",
    ),
    "The ledger knows no storage and no web": ("ledger/tree.py", "import sqlalchemy"),
    "Practices are strangers to one another": (
        "practices/billing/books.py",
        "from upheld.practices.accounts import domain",
    ),
}


def contracts() -> set[str]:
    """The names of all contracts."""
    text = (ROOT / "pyproject.toml").read_text()
    parts = text.split("[[tool.importlinter.contracts]]")[1:]
    return {found[1] for part in parts if (found := re.search(r'name = "(.*)"', part))}


def test_a_file_that_breaks_a_contract_between_rooms_is_found(tmp_path: Path) -> None:
    """Each contract is broken by one line in a copy of the source, and each is told as broken."""
    assert set(BREAKS) == contracts()
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, line in BREAKS.values():
        with (tmp_path / "src/upheld" / name).open("a") as file:
            file.write(f"\n{line}\n")
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert set(re.findall(r"^(.*) BROKEN", done.stdout, re.MULTILINE)) == contracts()
