"""Rows that many people's decisions rest on are read for all of them at once, as for each alone."""

from __future__ import annotations

from typing import Any

import pytest

from practices.conftest import House
from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.own_tables import Tables
from upheld.database.seals import SealedError
from upheld.database.statements import run
from upheld.database.transaction import writing
from upheld.gate.evidence import crowd_tables
from upheld.gate.evidence.crowd_tables import CrowdTables
from upheld.practice.tables import partner_transaction as table
from upheld.practices.billing.tables import payment_intent

QUESTIONS: list[tuple[Any, str, tuple[str, ...], tuple[str, ...] | None]] = [
    (table, "person_id = ?", (), None),
    (table, "person_id = ? ORDER BY mark DESC", (), None),
    (table, "person_id = ? AND party = ?", ("spruce",), None),
    (table, "person_id = ? AND (party = ? OR party = ?)", ("spruce", "fir"), None),
    (table, "person_id = ? ORDER BY mark LIMIT 1", (), None),
    (payment_intent, "person_id = ? AND state IN (?) ORDER BY made", ("begun",), ("begun",)),
    (payment_intent, "person_id = ? AND state IN (?)", ("paid",), ("paid",)),
]


@pytest.fixture(name="crowd")
def _crowd(house: House, monkeypatch: pytest.MonkeyPatch) -> list[PersonId]:
    """Seven customers, read three at a time; some have rows of two tables, one has none."""
    monkeypatch.setattr(crowd_tables, "OWNERS_MAX", 3)
    people = [house.customer(f"c{number}@marked.example") for number in range(7)]

    def work(transaction: Any) -> None:
        for number, person in enumerate(people[:-1]):
            for at in range(number):
                party = ("spruce", "fir")[at % 2]
                row = {"person_id": person, "party": party, "mark": f"{number}-{at}"}
                transaction.tables.insert(
                    table, **row, feed_id="", received="2026-03-01", sealed=b"x"
                )
            transaction.tables.insert(
                payment_intent,
                person_id=person,
                key=f"k{number}",
                state=("begun", "paid")[number % 2],
                record_id="",
                entry=1,
                made=number,
            )

    house.do(work)
    return people


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_crowd_is_read_as_each_of_it_alone(
    house: House, crowd: list[PersonId], question: tuple[Any, str, tuple[str, ...], Any]
) -> None:
    """The same rows, for whoever has some and whoever has none, in the order that is asked for."""
    which, where, values, parts = question
    stranger = house.customer("stranger@marked.example")

    def work(transaction: Any) -> None:
        connection = transaction.connection
        together, alone = CrowdTables(connection, crowd), Tables(connection)
        for person in [*crowd, stranger]:
            mine = together.select(which, where, person, *values, parts=parts)
            theirs = alone.select(which, where, person, *values, parts=parts)
            if "ORDER BY" not in where:  # which PostgreSQL then chooses by its plan
                mine, theirs = sorted(mine), sorted(theirs)
            assert mine == theirs
            assert together.get(which, where, person, *values) in (mine or [None])

    house.do(work)


def test_a_crowd_is_asked_about_once_for_those_who_stand_together(
    house: House, crowd: list[PersonId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven people are three questions where three are read at a time, not seven."""
    questions: list[int] = []
    real = database.select_of_each

    def counting(*arguments: Any, **options: Any) -> Any:
        questions.append(len(arguments[2]))
        return real(*arguments, **options)

    monkeypatch.setattr(database, "select_of_each", counting)

    def work(transaction: Any) -> None:
        together = CrowdTables(transaction.connection, crowd)
        for _ in range(2):
            for person in crowd:
                together.select(table, "person_id = ?", person)

    house.do(work)
    assert questions == [3, 3, 1]


@pytest.mark.parametrize("change", ["changed", "taken away"])
def test_what_was_changed_of_one_is_told_of_them_alone(
    house: House, crowd: list[PersonId], change: str
) -> None:
    """Whoever has a row that is not ours, or lacks one, is refused; the others are as they were."""
    words = "UPDATE partner_transaction SET received = 'x'" if change == "changed" else ""
    words = words or "DELETE FROM partner_transaction"
    with writing(house.provider.gate.gate.engine) as connection:
        run(connection, f"{words} WHERE person_id = ?", crowd[1])

    def work(transaction: Any) -> None:
        together = CrowdTables(transaction.connection, crowd)
        for where, values in (("person_id = ?", ()), ("person_id = ? AND party = ?", ("fir",))):
            for person in crowd:
                if person == crowd[1]:
                    with pytest.raises(SealedError):
                        together.select(table, where, person, *values)
                else:
                    together.select(table, where, person, *values)

    house.do(work)


def test_the_tables_of_the_house_are_not_reached_by_a_crowd_either(
    house: House, crowd: list[PersonId]
) -> None:
    """As by any `Tables`."""
    from upheld.database.tables import record

    def work(transaction: Any) -> None:
        with pytest.raises(TypeError, match="is the gate's"):
            CrowdTables(transaction.connection, crowd).select(record, "person_id = ?", crowd[0])

    house.do(work)
