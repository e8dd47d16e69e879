"""Tables that a practice is given: its own, by which those of the house are not reached."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, Table

from upheld.database.columns import metadata, microseconds
from upheld.database.own_tables import Tables
from upheld.database.seals import SealedError
from upheld.database.statements import run
from upheld.database.transaction import writing
from upheld.gate.gate import Gate
from upheld.gate.tables import finding
from upheld.web.tables import bucket

HOUSE = [each for each in metadata.sorted_tables if each.info.get("house")]
WAYS: dict[str, Callable[[Tables, Table], object]] = {
    "insert": lambda t, table: t.insert(table),
    "insert_new": lambda t, table: t.insert_new(table),
    "insert_all": lambda t, table: t.insert_all(table, []),
    "insert_rows": lambda t, table: t.insert_rows(table, [], []),
    "select": lambda t, table: t.select(table),
    "select_intact": lambda t, table: t.select_intact(table),
    "altered_owners": lambda t, table: t.altered_owners(table, []),
    "select_authentic": lambda t, table: t.select_authentic(table),
    "batch": lambda t, table: t.batch(table, "1 = 1", [], {}, 1),
    "get": lambda t, table: t.get(table, ""),
    "update": lambda t, table: t.update(table, {}, ""),
    "rewrite": lambda t, table: t.rewrite(table, []),
    "delete": lambda t, table: t.delete(table, ""),
    "delete_rows": lambda t, table: t.delete_rows(table, []),
    "purge": lambda t, table: t.purge(table, "1 = 1"),
    "write_off": lambda t, table: t.write_off(table),
    "require_intact": lambda t, table: t.require_intact(table, []),
    "select_unchecked": lambda t, table: t.select_unchecked(table, ["*"]),
}


def test_the_tables_of_values_records_and_entries_are_the_house_s() -> None:
    """Every table that the gate, the vault and the ledger keep is marked, and no other one."""
    names = {each.name for each in HOUSE}
    assert {"value", "person", "person_key", "record", "entry", "item", finding.name} <= names
    assert not names & {"session", "bucket", "spent", "account", "task", "outbox", "invoice"}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_no_way_leads_to_a_table_of_the_house(gate: Gate, way: str) -> None:
    """Reading, writing, deleting and counting are refused for each of them."""
    assert set(WAYS) == {name for name in vars(Tables) if not name.startswith("_")}
    with gate.together() as transaction:
        for table in HOUSE:
            with pytest.raises(TypeError, match="is the gate's"):
                WAYS[way](transaction.tables, table)


def test_rows_are_checked_and_marked_as_anywhere(gate: Gate) -> None:
    """What a practice wrote it reads again; what somebody else changed refuses it."""
    at = microseconds(gate.clock.now())
    with gate.together() as transaction:
        transaction.tables.insert(bucket, name_hash=b"a", full_at=at)
    with gate.look() as tables:
        assert [each.full_at for each in tables.select(bucket)] == [at]
        assert tables.select_unchecked(bucket, ["COUNT(*)", "MAX(full_at)"]) == [(1, at)]
    changed(gate.engine, at)
    with gate.look() as tables, pytest.raises(SealedError):
        tables.select(bucket)


def changed(engine: Engine, at: int) -> None:
    """A row is changed past everything that guards it."""
    with writing(engine) as connection:
        run(connection, "UPDATE bucket SET full_at = ?", at - 1)
