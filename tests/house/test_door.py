"""The gate is the only door: what practices are written with leads to no connection and no key."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from upheld.gate.transaction import Transaction

SRC = Path(__file__).parents[2] / "src/upheld"
ROOMS = ("practice", "practices")
HIDDEN = frozenset(
    {"connection", "context", "keyring", "_connection", "_context", "_key", "engine"}
)
ALLOWED = {  # what has such a name and is something else
    ("policy", "engine"),  # of a policy
    ("settings", "keyring"),  # the path in the settings
}
COLUMNS = frozenset(
    {  # of SQLAlchemy: what a table is declared with
        "BigInteger",
        "Boolean",
        "Column",
        "Index",
        "Integer",
        "LargeBinary",
        "String",
        "Table",
        "Text",
    }
)


def breaks(source: str) -> Iterator[str]:
    """What in a file of a practice leads past the gate, each with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in HIDDEN:
            of = node.value
            name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
            if (name, node.attr) not in ALLOWED and name != "self":
                yield f"line {node.lineno}: .{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy":
            for each in node.names:
                if each.name not in COLUMNS:
                    yield f"line {node.lineno}: {each.name} of SQLAlchemy"
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [getattr(node, "module", None) or ""] + [each.name for each in node.names]
            for name in names:
                if name.split(".")[0] in {"sqlite3", "psycopg"} or name.startswith("sqlalchemy."):
                    yield f"line {node.lineno}: {name}"
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"getattr", "vars"}:
            words = [each.value for each in node.args if isinstance(each, ast.Constant)]
            if HIDDEN.intersection(map(str, words)):
                yield f"line {node.lineno}: {words}"


def test_no_practice_reaches_past_the_gate() -> None:
    """No file names a connection, an engine, a keyring or what the gate is made of."""
    files = [path for room in ROOMS for path in sorted((SRC / room).rglob("*.py"))]
    assert len(files) > 100
    found = {path: list(breaks(path.read_text())) for path in files}
    assert {path: each for path, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "line",
    [
        "transaction.connection.execute('DELETE FROM entry')",
        "provider.gate.gate.context.keyring.derived('rows')",
        "reading(gate.engine)",
        "transaction._connection",
        "transaction.tables._connection",
        "sealer._key",
        "getattr(transaction, 'connection')",
        "import sqlite3",
        "import sqlalchemy.orm",
        "from sqlalchemy import Connection",
        "from sqlalchemy import create_engine, text",
        "from sqlalchemy.engine import Engine",
    ],
)
def test_a_line_that_reaches_past_the_gate_is_found(line: str) -> None:
    """Each way that has been used or thought of is told with its line."""
    assert [each.startswith("line 1") for each in breaks(line)] != []


def test_what_practices_are_given_has_no_name_for_what_it_stands_on() -> None:
    """A transaction offers acts, records, finding, locking, sealing, tables, and nothing below."""
    offered = {name for name in dir(Transaction) if not name.startswith("_")}
    assert offered.isdisjoint(HIDDEN)
    assert {"act", "record", "find", "lock", "sealer", "records_of", "obligations"} <= offered


def test_the_legal_desk_alone_reaches_what_is_kept_apart() -> None:
    """No other practice calls what lets acts reach those of whom nobody may speak."""
    callers = {
        path.relative_to(SRC).parts[:2]
        for room in ROOMS
        for path in (SRC / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "reaching_apart"
    }
    assert callers == {("practices", "legal")}
