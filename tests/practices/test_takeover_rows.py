"""Rows of takeovers that somebody takes away or changes without the keys stop those they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from empty import empty_database
from practices.closings import Lawyers, approved, lawyers_of, run_job, terms_of
from practices.conftest import House
from practices.test_takeovers import cover, transfers
from upheld.core.ids import ClosingId, PersonId
from upheld.database.engines import open_database
from upheld.database.seals import SealedError
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate import set_aside
from upheld.practices.takeovers.coverage import Coverage
from upheld.practices.takeovers.handover import Handover


def without_keys(house: House, statement: str, *values: Any) -> int:
    """Change rows as whoever can write to the database alone would; how many."""
    with writing(house.provider.gate.gate.engine) as connection:
        return run(connection, statement, *values)


def states(house: House, closing_id: ClosingId) -> dict[str, str]:
    """In which state each account of a closing is, as the database says."""
    with reading(house.provider.gate.gate.engine) as connection:
        statement = "SELECT person_id, state FROM takeover_account WHERE closing_id = ?"
        return dict(rows(connection, statement, closing_id))


def aside(house: House) -> set[PersonId]:
    """Whom a job could not do."""
    with reading(house.provider.gate.gate.engine) as connection:
        return {each.person_id for each in set_aside.everybody(connection)}


def two(house: House) -> tuple[list[PersonId], Lawyers, ClosingId]:
    """Two customers whose accounts a merger is to cover."""
    people = [house.customer(each) for each in ("ann@marked.example", "bo@marked.example")]
    lawyers = lawyers_of(house)
    return people, lawyers, approved(house, lawyers, terms_of(house, lawyers)).closing_id


def test_an_account_whose_row_was_taken_away_is_not_covered_or_transferred_once_more(
    house: House,
) -> None:
    """Though a merger covers all accounts, and nothing in the table says that this one went."""
    (ann, bo), lawyers, _closing_id = two(house)
    run_job(house)
    assert [len(transfers(house, each)) for each in (ann, bo)] == [1, 1]
    assert without_keys(house, "DELETE FROM takeover_account WHERE person_id = ?", ann) == 1
    other = approved(house, lawyers, terms_of(house, lawyers, reference="Deed 8")).closing_id
    run_job(house)
    assert [len(transfers(house, each)) for each in (ann, bo)] == [1, 1]
    assert states(house, other) == {}
    assert aside(house) == {ann}


def test_of_those_a_closing_covers_one_whose_row_was_taken_away_or_changed_does_not_go(
    house: House,
) -> None:
    """They are set aside, and everybody else is transferred."""
    (ann, bo), lawyers, closing_id = two(house)
    cover(house, lawyers, closing_id)
    changed = "UPDATE takeover_account SET entry = 7 WHERE person_id = ?"
    assert without_keys(house, changed, ann) == 1
    run_job(house)
    assert [len(transfers(house, each)) for each in (ann, bo)] == [0, 1]
    assert aside(house) == {ann}


def test_a_parcel_that_was_taken_away_or_put_in_place_of_another_stops_the_archive(
    house: House, tmp_path: Path
) -> None:
    """No archive is written with an account less, or with one twice."""
    (ann, bo), lawyers, closing_id = two(house)
    run_job(house)
    handover, gate = Handover(lawyers.closings), house.provider.gate.gate
    swap = (
        "UPDATE takeover_parcel SET encrypted ="
        " (SELECT other.encrypted FROM takeover_parcel other WHERE other.person_id = ?)"
        " WHERE person_id = ?"
    )
    assert without_keys(house, swap, bo, ann) == 1
    with pytest.raises(SealedError):
        handover.write(gate, closing_id, tmp_path / "one.zip", lawyers.first)
    assert without_keys(house, "DELETE FROM takeover_parcel WHERE person_id = ?", ann) == 1
    with pytest.raises(SealedError):
        handover.write(gate, closing_id, tmp_path / "one.zip", lawyers.first)
    assert not (tmp_path / "one.zip").exists()


def test_records_of_a_closing_that_were_taken_away_let_nobody_go(house: House) -> None:
    """The transfer rests on them."""
    (ann, bo), lawyers, closing_id = two(house)
    closing = house.do(lambda t: lawyers.closings.require(t.tables, closing_id))
    assert Coverage(lawyers.closings).cover(house.provider.gate.gate, closing) == 2
    statement = "DELETE FROM record WHERE person_id = ? AND kind = 'closing'"
    assert without_keys(house, statement, ann) == 1
    run_job(house)
    assert [len(transfers(house, each)) for each in (ann, bo)] == [0, 1]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("takeover_account", "state = 'covered' AND"),
        ("takeover_account", "notice = 'owed' AND"),
        ("takeover_parcel", ""),
    ],
)
def test_the_next_accounts_of_a_closing_are_found_without_sorting_all_that_wait(
    tmp_path: Path, table: str, column: str
) -> None:
    """Else each lot costs more, the more accounts there are."""
    where = f"closing_id = ? AND {column} person_id > ? ORDER BY person_id LIMIT 200"
    engine = open_database(empty_database(tmp_path))
    with reading(engine) as connection:
        statement = f"EXPLAIN QUERY PLAN SELECT person_id FROM {table} WHERE {where}"
        plan = [each[-1] for each in rows(connection, statement, "0" * 32, "")]
    engine.dispose()
    assert len(plan) == 1
    assert "person_id>?" in plan[0]
