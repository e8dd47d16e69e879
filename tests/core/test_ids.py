"""Ids are types: one of an entry or a record is not taken where one of a person belongs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

from house.test_house import ROOT, trees

TYPES = {"person_id": "PersonId", "record_id": "RecordId"}
SNIPPET = """
from upheld.core.ids import EntryNumber, PersonId, RecordId
from upheld.gate.async_gate import AsyncGate
from upheld.gate.gate import Gate
from upheld.gate.log.receipts import receipt
from upheld.gate.transaction import GateTransaction

def right(gate: Gate, person: PersonId, record: RecordId, number: EntryNumber) -> None:
    gate.withdraw(person, record)
    gate.act("use", person)
    receipt(gate, person, number)

async def wrong(gates: tuple[Gate, AsyncGate, GateTransaction], person: PersonId) -> None:
    gate, other, inside = gates
    number = inside.note(person, "look")
    record = gate.record(person, "consent")
    gate.act("use", number)  # wrong
    gate.act("use", record)  # wrong
    gate.act("use", "ann")  # wrong
    gate.withdraw(record, person)  # wrong
    await other.act("use", number)  # wrong
    inside.note(number, "look")  # wrong
    receipt(gate, person, 7)  # wrong
"""


def test_an_id_of_another_kind_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    """At each face of the gate the checker names every swapped id, and no right one."""
    snippet = tmp_path / "snippet.py"
    snippet.write_text(SNIPPET)
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
    command += ["--follow-imports", "silent", "--no-pretty", "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run(
        [*command, str(snippet)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    found = {int(line) for line in re.findall(r"snippet\.py:(\d+): error:", done.stdout)}
    wrong = {n for n, line in enumerate(SNIPPET.splitlines(), 1) if line.endswith("# wrong")}
    assert found == wrong, done.stdout + done.stderr
    assert done.stdout.count("error:") == done.stdout.count("[arg-type]")


def test_ids_are_of_their_type_wherever_they_are_passed_or_kept() -> None:
    """No parameter or field named for an id is bare text."""
    bare = [
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} {name}"
        for path, tree in trees().items()
        if path.is_relative_to(ROOT / "src") and "migrations" not in path.parts
        for node in ast.walk(tree)
        for name, annotation in _annotated(node)
        if name in TYPES and annotation and TYPES[name] not in ast.unparse(annotation)
    ]
    assert bare == []


def _annotated(node: ast.AST) -> list[tuple[str, ast.expr | None]]:
    """What is named and annotated here: a parameter, or a field."""
    if isinstance(node, ast.arg):
        return [(node.arg, node.annotation)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [(node.target.id, node.annotation)]
    return []
