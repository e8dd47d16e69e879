"""The last release's database: with its data it becomes this one's, in place or from a backup."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

import upheld
from gate.conftest import TOLD, customer
from gate.test_backup import back, elsewhere
from gate.test_faults import problems
from postgres import another
from upheld.core.database import open_database
from upheld.core.schema import migrate, revision, upgrade
from upheld.core.sql import places, rows, run
from upheld.core.transaction import reading, writing
from upheld.gate import backup, erasure
from upheld.gate.gate import Gate
from upheld.vault.keyring import Keyring

LAST = "0001"  # the revision of the last release's tables


@pytest.fixture(name="old")
def _old(database_url: str, gate: Gate) -> Engine:
    """A database with the last release's tables, and the data that the gate's has."""
    customer(gate)
    gate.record("", "partner-register", fact="registered-partner", party="acme",
                about={"source": ["business-partner"]})  # fmt: skip
    url = database_url.replace("upheld.db", "old.db")
    if url == database_url:
        url = another(url, "old")
    engine = open_database(url)
    with writing(engine) as connection:
        upgrade(connection, LAST)
        names = [name for name in inspect(connection).get_table_names() if name != "schema_version"]
        for table in names:
            columns = [each["name"] for each in inspect(connection).get_columns(table)]
            with reading(gate.engine) as source:
                found = rows(source, f"SELECT {', '.join(columns)} FROM {table}")
            for row in found:
                run(connection, f"INSERT INTO {table} ({', '.join(columns)}) VALUES"
                    f" ({places(columns)})", *row)  # fmt: skip
    return engine


def test_the_last_releases_database_is_migrated_with_its_data(
    old: Engine, policy: upheld.Policy, keyring: Keyring
) -> None:
    """Everything opens, entries are whole, and somebody can be erased."""
    assert revision(old) == LAST
    migrate(old)
    gate = Gate(old, policy, keyring)
    assert problems(gate) == ()
    (person,) = gate.find("email", TOLD["email"])
    assert gate.use(person, ["email"], purpose="billing")["email"] == TOLD["email"]
    erasure.erase(gate, [person], now=True)
    assert problems(gate) == ()
    old.dispose()


def test_a_backup_of_the_last_releases_tables_comes_back(
    old: Engine, gate: Gate, tmp_path: Path
) -> None:
    """The tables are made as they were, filled, and brought to what this upheld needs."""
    with reading(old) as connection:
        told = backup._dumped(connection, gate.house.keyring, tmp_path / "old.backup", "0" * 32,
                              gate.house.clock.now())  # fmt: skip
    assert told.size == 7
    found, restored = back(gate, tmp_path, tmp_path / "old.backup", elsewhere(tmp_path))
    assert (found.people, found.problems) == (1, ())
    assert len(restored.find("email", TOLD["email"])) == 1
    restored.engine.dispose()
    old.dispose()
