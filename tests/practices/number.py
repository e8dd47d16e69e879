"""The sample provider's own number: how many words of its policy its stories would miss.

Run as a program, by `make coverage`, it tries every word, and writes what is dead and the statement
of the README anew. The tests hold that both are true.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from upheld.demo import sample_policy
from upheld.mutate.report import outcome_text, statement
from upheld.mutate.run import DEAD, NEEDED, Choice, MutantFinding, MutationReport, mutate

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("dead.txt")
CLAUSES = ROOT / "src" / "upheld" / "demo" / "stories.json"
README = ROOT / "README.md"
STATEMENT = re.compile(r"(<!-- coverage -->\n\n)(.*?)(\n<!-- /coverage -->)", re.DOTALL)
STORIES = (
    sys.executable,
    "-m",
    "pytest",
    "-q",
    "-n",
    "0",
    "-p",
    "no:cacheprovider",
    "tests/practices/test_clauses.py::test_the_same_story_is_done_under_the_whole_policy",
    "tests/practices/stories",
)


def report(chosen: Choice, keep: Path | None = None) -> MutationReport:
    """What the stories of the sample provider say of some words of its policy."""
    os.chdir(ROOT)
    return mutate(sample_policy(), STORIES, choose=chosen, progress=_tell, keep=keep)


def _tell(done: int, of: int, finding: MutantFinding) -> None:
    sys.stderr.write(f"{done} of {of}: {finding.id} {finding.came}\n")


def dead_lines() -> set[str]:
    """What may be dead: a line each."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("%")}


def _write(result: MutationReport) -> None:
    """Write the list and the statement anew."""
    missing = [each for each in result.findings if each.came == NEEDED]
    needed = [f"% {each.id} {outcome_text(each)}" for each in missing]
    dead = [each.id for each in result.findings if each.came == DEAD]
    lines = [
        "% What the policy cannot be read without, so that no story can be told:",
        *needed,
        "% Not running yet: no story of ours would miss it.",
        *dead,
    ]
    LIST.write_text("\n".join(lines) + "\n", encoding="utf-8")
    came = {each.clause: each.came for each in result.findings if each.kind == "clause"}
    CLAUSES.write_text(json.dumps(came, indent=1) + "\n", encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    new_text = STATEMENT.sub(lambda at: f"{at[1]}{statement(result)}{at[3]}", text)
    README.write_text(new_text, encoding="utf-8")


if __name__ == "__main__":
    _write(report(lambda _mutant: True, keep=Path(sys.argv[1]) if sys.argv[1:] else None))
