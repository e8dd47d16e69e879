"""The last release's database: with its data it becomes this one's, in place or from a backup."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Engine, inspect

import upheld
from gate.conftest import TOLD, customer
from gate.test_backup import back, elsewhere
from gate.test_faults import problems
from postgres import another
from upheld.core.ids import BackupId
from upheld.database import covers
from upheld.database import rows as database
from upheld.database.engines import open_database
from upheld.database.schema import declared_tables, migrate, revision, upgrade
from upheld.database.statements import placeholders, rows, run
from upheld.database.transaction import reading, writing
from upheld.gate import older_databases
from upheld.gate.erasure import erase
from upheld.gate.gate import Gate
from upheld.gate.log import entries
from upheld.gate.operations import backup
from upheld.gate.public import REGISTER
from upheld.vault import people
from upheld.vault.envelope import context, seal
from upheld.vault.keyring import Keyring
from upheld.vault.people import VaultError

LAST = "0001"  # the revision of the last release's tables
NOW = {("record", "begins"): "valid_from"}  # what columns of its tables are called today


@pytest.fixture(name="old")
def _old(database_url: str, gate: Gate) -> Engine:
    """A database with the last release's tables, and the data that the gate's has."""
    customer(gate)
    gate.record(
        REGISTER,
        "partner-register",
        fact="registered-partner",
        party="acme",
        about={"source": ["business-partner"]},
    )
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
                today = [NOW.get((table, column), column) for column in columns]
                table_rows = rows(source, f"SELECT {', '.join(today)} FROM {table}")
            for row in table_rows:
                before = _as_it_was(gate, table, dict(zip(columns, row, strict=True)))
                run(
                    connection,
                    f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({placeholders(columns)})",
                    *before.values(),
                )
    return engine


def _as_it_was(gate: Gate, table: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row with the mark that the last release would have made."""
    keyring = gate.context.keyring
    if table == "epoch":
        text_told = hmac.digest(keyring.derived("epoch-mark"), context(row["number"]), "sha256")
        return {**row, "mark": text_told}
    if table == "record":
        mark = keyring.marks.copy()
        mark.update(msgspec.msgpack.encode([v for n, v in row.items() if n not in {"mac", "body"}]))
        return {**row, "mac": mark.finalize()}
    if table == "person" and row["person_id"]:
        with reading(gate.engine) as connection:
            person = people.open_person(connection, keyring, row["person_id"])
        belongs = context("holdings", row["person_id"])
        raw = msgspec.json.encode(person.holdings)
        return {**row, "holdings": seal(person.cipher, raw, belongs)}
    return row


def test_the_last_releases_database_is_migrated_with_its_data(
    old: Engine, policy: upheld.Policy, keyring: Keyring
) -> None:
    """Everything opens, entries are whole, and somebody can be erased."""
    assert revision(old) == LAST
    migrate(old)
    gate = Gate(old, policy, keyring)
    assert problems(gate) == ()
    Gate(old, policy, keyring)  # which brings nothing over a second time
    (person,) = gate.find("email", TOLD["email"])
    assert gate.use(person, ["email"], purpose="billing")["email"] == TOLD["email"]
    erase.erase(gate, [person], now=True)
    assert problems(gate) == ()
    old.dispose()


def test_rows_are_brought_over_once_and_only_those_that_were_ours(
    old: Engine, policy: upheld.Policy, keyring: Keyring
) -> None:
    """A record that somebody wrote stays nobody's; and nobody has rows marked by asking again."""
    migrate(old)
    with writing(old) as connection:
        run(
            connection, "UPDATE record SET valid_from = valid_from - 1 WHERE kind = 'service-order'"
        )
        marks = rows(connection, "SELECT number, mark FROM epoch")
    gate = Gate(old, policy, keyring)
    assert [each for each in problems(gate) if "was changed by somebody else" in each]
    with writing(old) as connection:
        for number, mark in marks:
            run(connection, "UPDATE epoch SET mark = ? WHERE number = ?", mark, number)
    with pytest.raises(VaultError, match="sealed already"):
        Gate(old, policy, keyring)
    old.dispose()


@pytest.mark.parametrize("name", ["blind_index", "passkey"])
def test_a_table_that_is_sealed_since_is_brought_over_alone_and_once(
    gate: Gate, policy: upheld.Policy, keyring: Keyring, name: str
) -> None:
    """Its rows get their MACs and are counted; asking for it again, for other rows, is refused."""
    customer(gate)
    with writing(gate.engine) as connection:
        if name == "passkey":
            database.insert(
                connection,
                declared_tables().tables[name],
                subject="s",
                credential_hash=b"h",
                kind="customer",
                credential=b"c",
                public_key=b"p",
                uses=0,
                name="",
                made=0,
            )
        else:
            assert rows(connection, f"SELECT 1 FROM {name}")
        _unsealed(connection, name)
    assert problems(gate) != ()
    with reading(gate.engine) as connection:
        ((old,),) = rows(connection, "SELECT cover FROM person WHERE person_id = ''")
    later = Gate(gate.engine, policy, keyring)
    assert problems(later) == ()
    with reading(gate.engine) as connection:
        (entry,) = entries.of_kind(connection, older_databases.KIND)
    assert entry.evidence == (name,)
    with writing(gate.engine) as connection:
        run(connection, "UPDATE person SET cover = ? WHERE person_id = ''", old)
    later.change_counts._latest.clear()  # as in another process, which does not know that it is old
    with pytest.raises(VaultError, match="sealed already"):
        Gate(gate.engine, policy, keyring)


def test_whose_cover_is_not_ours_keeps_nobody_from_being_brought_over(
    gate: Gate, policy: upheld.Policy, keyring: Keyring
) -> None:
    """They alone are refused and named, and the others go on."""
    one, other = customer(gate), customer(gate)
    with writing(gate.engine) as connection:
        _unsealed(connection, "blind_index")
        run(connection, "UPDATE person SET cover = ? WHERE person_id = ?", b"mine", one)
    later = Gate(gate.engine, policy, keyring)
    assert later.use(other, ["email"], purpose="billing")["email"] == TOLD["email"]
    assert all(one in each for each in problems(later))
    assert problems(later) != ()


def _unsealed(connection: Connection, name: str) -> None:
    """Make a table as it was before its rows were sealed: no MACs, and in no cover."""
    run(connection, f"UPDATE {name} SET mac = NULL")
    for (owner,) in rows(connection, "SELECT person_id FROM person"):
        cover = covers.cover_of(connection, owner)
        for part in [each for each in cover.parts if each.partition("/")[0] == name]:
            del cover.parts[part]
        cover.tables = tuple(each for each in cover.tables if each != name)
        covers.write_cover(connection, owner, cover)


def test_a_backup_of_the_last_releases_tables_comes_back(
    old: Engine, gate: Gate, tmp_path: Path
) -> None:
    """The tables are made as they were, filled, and brought to what this upheld needs."""
    with reading(old) as connection:
        dump = backup._dump(
            connection,
            gate.context.keyring,
            tmp_path / "old.backup",
            BackupId("0" * 32),
            gate.context.clock.now(),
        )
    assert dump.size == 7
    report, restored = back(gate, tmp_path, tmp_path / "old.backup", elsewhere(tmp_path))
    assert (report.people, report.problems) == (1, ())
    assert len(restored.find("email", TOLD["email"])) == 1
    restored.engine.dispose()
    old.dispose()
