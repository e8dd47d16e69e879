"""The page on practices names everything that one can bring."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from upheld.gate.transaction import Transaction
from upheld.practice.plugin import Practice

PAGE: Final = (Path(__file__).parents[2] / "docs/how-to/practice.md").read_text(encoding="utf-8")


def words(page: str) -> set[str]:
    """The words that stand as code in the first column of tables."""
    cells = re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE)
    return {word for each in cells for word in re.findall(r"`([a-z_]+)(?:\([^`]*\))?`", each)}


def test_each_field_of_a_practice_is_told_and_no_other() -> None:
    """Whoever writes one reads of all that there is."""
    first = PAGE.partition("## What it is given")[0]
    assert words(first) == {*Practice._fields} - {"name"}


def test_what_a_practice_is_said_to_be_given_is_there() -> None:
    """Each call is one of a transaction's, or of what that hands out."""
    second = PAGE.partition("## What it is given")[2].partition("## One, whole")[0]
    tables = {"insert", "select", "get", "update", "delete", "look", "seal", "unseal", "mark"}
    assert words(second) - tables <= {each for each in dir(Transaction) if each[0] != "_"}
