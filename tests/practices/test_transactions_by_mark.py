"""Transactions that were there before their mark was their key stay as they were."""

from __future__ import annotations

import pytest

from upheld.core.errors import UpheldError
from upheld.database.engines import open_database
from upheld.database.schema import migrate, upgrade
from upheld.database.statements import rows, run
from upheld.database.transaction import writing

BEFORE = "0078"
ROWS = [
    (person, party, mark, "f", day, b"sealed", b"mac")
    for person, party, mark, day in (
        ("ann", "fir", "m1", "2026-03-02"),
        ("ann", "spruce", "m1", "2026-03-01"),
        ("bo", "spruce", "m2", "2026-03-02"),
    )
]
INSERT = "INSERT INTO partner_transaction VALUES (?, ?, ?, ?, ?, ?, ?)"
COLUMNS = "person_id, party, mark, feed_id, received, sealed, mac"


@pytest.mark.parametrize("empty_database_url", ["sqlite", "postgresql"], indirect=True)
def test_rows_of_before_are_there_each_once(empty_database_url: str) -> None:
    """With what is sealed in them and their MACs; and a reference is still taken once."""
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
        run(connection, INSERT, "cy", *ROWS[0][1:])
    with writing(engine) as connection:
        assert rows(connection, statement) == ROWS
    engine.dispose()
