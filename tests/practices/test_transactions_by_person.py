"""Transactions that were there before they lay by whose they are stay as they were."""

from __future__ import annotations

import secrets
from collections import Counter
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations

from practices.conftest import House
from practices.orders import desk_of
from practices.test_feeds import email_of
from practices.test_holds import preserved
from practices.test_partner_transactions import row, stored, take
from practices.test_stolen_transactions import Theft, post
from upheld.core.errors import UpheldError
from upheld.core.ids import UserId
from upheld.database.engines import open_database
from upheld.database.schema import migrate, upgrade
from upheld.database.statements import rows, run
from upheld.database.transaction import writing
from upheld.gate.transaction import Transaction
from upheld.migrations.versions import transactions_by_person, transactions_gone
from upheld.practice import partner_marks
from upheld.practice.tables import partner_transaction as table
from upheld.practice.withdrawn_rows import SEALED_FOR
from upheld.practices.feeds import withdrawal

BEFORE = "0078"
ROWS = [
    (person, party, mark, "f", day, b"sealed", b"mac")
    for person, party, mark, day in (
        ("ann", "fir", "m1", "2026-03-02"),
        ("ann", "spruce", "m2", "2026-03-01"),
        ("bo", "spruce", "m1", "2026-03-02"),
    )
]
INSERT = "INSERT INTO partner_transaction VALUES (?, ?, ?, ?, ?, ?, ?)"
COLUMNS = "person_id, party, mark, feed_id, received, sealed, mac"


@pytest.mark.parametrize("empty_database_url", ["sqlite", "postgresql"], indirect=True)
def test_rows_of_before_are_there_each_once(empty_database_url: str) -> None:
    """With what is sealed in them and their MACs; and each customer has a reference once."""
    engine = open_database(empty_database_url)
    with writing(engine) as connection:
        upgrade(connection, BEFORE)
        for each in ROWS:
            run(connection, INSERT, *each)
    migrate(engine)
    statement = f"SELECT {COLUMNS} FROM partner_transaction ORDER BY 1, 2, 3"
    with writing(engine) as connection:
        assert rows(connection, statement) == ROWS
    with pytest.raises(UpheldError), writing(engine) as connection:
        run(connection, INSERT, *ROWS[0])
    with writing(engine) as connection:
        assert rows(connection, statement) == ROWS
    engine.dispose()


def mark_as_before(transaction: Transaction) -> None:
    """Give rows the marks that they had before: of a reference whoever's it is, or of none."""
    sealer = transaction.sealer(*SEALED_FOR)
    marker = transaction.sealer("partner-transactions", "reference")
    pairs: list[tuple[Any, Any]] = []
    for each in transaction.tables.select(table):
        content = sealer.unseal(each.sealed, each.person_id, each.party, each.mark)
        reference = next(name for name in ("T1", "G1", "F1") if f'"{name}"'.encode() in content)
        known = partner_marks.marks_of(transaction, each.party, [(each.person_id, reference)])
        mark = secrets.token_hex(32)
        if each.mark in known:
            mark = marker.mark_of(each.party, reference).hex()
        sealed = sealer.seal(content, each.person_id, each.party, mark)
        pairs.append((each, each._replace(mark=mark, sealed=sealed, gone=None)))
    transaction.tables.rewrite(table, pairs)


def bring_over(house: House) -> None:
    """Write the table as it was before, and let the migration change it."""
    with writing(house.provider.gate.gate.engine) as connection:
        kind = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
        lengths = dict.fromkeys(COLUMNS.split(", ")[:5], 255) | {"person_id": 32, "feed_id": 32}
        columns = ", ".join(f"{name} VARCHAR({most}) NOT NULL" for name, most in lengths.items())
        columns += f", sealed {kind} NOT NULL, mac {kind}"
        for statement in (
            f"CREATE TABLE before AS SELECT {COLUMNS} FROM partner_transaction",
            "DROP TABLE partner_transaction",
            f"CREATE TABLE partner_transaction ({columns}, PRIMARY KEY (party, mark))",
            f"INSERT INTO partner_transaction SELECT {COLUMNS} FROM before",
            "CREATE INDEX partner_transaction_person ON partner_transaction (person_id)",
            "CREATE INDEX partner_transaction_feed ON partner_transaction (feed_id, person_id)",
            "DROP TABLE before",
        ):
            run(connection, statement)
        with Operations.context(MigrationContext.configure(connection)):
            transactions_by_person.upgrade()
            transactions_gone.upgrade()


@pytest.mark.parametrize("silent", [False, True])
def test_what_an_earlier_upheld_took_in_is_still_known_by_its_reference(
    house: House, silent: bool
) -> None:
    """It is nothing new; what was withdrawn or forged keeps nothing out; each is told as before."""
    theft, desk = Theft(house), desk_of(house)
    ann, email = email_of(house, "ann")
    post(theft.thief, row(email, "T1", what="Forged"))
    post(theft.good, row(email, "G1", what="Bought"))
    its, _ = take(house, row(email, "F1", what="Withdrawn"))
    preserved(house, desk, ann, silent=silent)
    house.do(lambda t: withdrawal.withdraw(t, its.feed_id, UserId("u1")))
    withdrawal.take_out(house.provider.gate.gate)
    house.do(mark_as_before)
    bring_over(house)
    assert {len(each.mark) for each in stored(house)} == {64}
    told = Counter({("Forged", False): 1, ("Bought", False): 1})
    if not silent:
        told["Withdrawn", False] = 1
    assert theft.rows(ann) == told
    theft.call_stolen()
    again = [row(email, name, what="Again") for name in ("G1", "T1", "F1")]
    assert take(house, *again, digest="d2")[1] == {2: "nothing_new"}
    assert set(take(house, *again, digest="d3")[1].values()) == {"nothing_new"}
    told["Forged", False], told["Forged", True], told["Again", False] = 0, 1, 2
    assert theft.rows(ann) == told
