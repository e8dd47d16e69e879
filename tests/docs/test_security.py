"""The pages on security name what exists: each test, each file, each requirement once."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs/asvs.md"
PAGES = [TABLE, ROOT / "docs/security.md"]
STATES = {"held", "in part", "not held", "does not apply"}
REQUIREMENTS = 253  # of levels 1 and 2 in version 5.0.0
ID = re.compile(r"V(?:1[0-7]|[1-9])\.[1-9]\.[1-9]\d?")
LINK = re.compile(r"\]\((?!https:)([^)#]+)")


@cache
def functions() -> frozenset[str]:
    """The name of every test function in the tree."""
    return frozenset(
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def rows() -> list[list[str]]:
    """The cells of each row of the table."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("| V")
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_named_as_a_proof_exists(page: Path) -> None:
    """Each test, file and page that a page on security names is there."""
    text = page.read_text(encoding="utf-8")
    tests = set(re.findall(r"`(test_\w+)`", text))
    files = set(re.findall(r"`(upheld/[\w/.]+)`", text))
    assert tests
    assert not tests - functions()
    assert [name for name in files if not (ROOT / "src" / name).is_file()] == []
    assert [name for name in LINK.findall(text) if not (page.parent / name).is_file()] == []


def test_each_requirement_has_one_row_and_one_of_four_states() -> None:
    """Ids are well-formed and unique, states are of the four words, and no row says nothing."""
    table = rows()
    assert {len(row) for row in table} == {4}
    assert [row[0] for row in table if not ID.fullmatch(row[0])] == []
    assert max(Counter(row[0] for row in table).values()) == 1
    assert len(table) == REQUIREMENTS
    assert {row[2] for row in table} == STATES
    assert [row[0] for row in table if not row[1] or not row[3]] == []


def test_the_table_counts_its_states_rightly() -> None:
    """The sentence above the table says how many rows there are of each state."""
    counts = Counter(row[2] for row in rows())
    text = " ".join(TABLE.read_text(encoding="utf-8").split())
    assert (
        f"Of {REQUIREMENTS} requirements {counts['held']} are held, {counts['in part']} in part,"
        f" {counts['not held']} not held, and {counts['does not apply']} do not apply." in text
    )


def test_what_is_held_says_by_what() -> None:
    """Each row that is held names a test, a file or a page."""
    bare = [row[0] for row in rows() if row[2] == "held" and not re.search(r"`|\]\(", row[3])]
    assert bare == []
