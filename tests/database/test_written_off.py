"""Rows that somebody else changed or took away are written off, and no other one with them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from gate.conftest import clock as _clock
from gate.conftest import gate as _gate
from gate.conftest import keyring as _keyring
from gate.conftest import policy as _policy
from upheld.database.checks import problems_of_registers
from upheld.database.own_tables import Tables
from upheld.database.statements import run
from upheld.gate.gate import Gate
from upheld.practices.collection.tables import visit_day, visit_tie

from .test_sealed import tried

clock, gate, keyring, policy = _clock, _gate, _keyring, _policy
DAY, ADDED = "2026-01-01", b"\x01"
DAMAGES: dict[str, tuple[str, list[bytes]]] = {  # what somebody without the keys does to a row
    "changed": ("UPDATE visit_day SET salt = ? WHERE day = ?", [ADDED]),
    "its mark": ("UPDATE visit_day SET mac = ? WHERE day = ?", [ADDED]),
    "taken away": ("DELETE FROM visit_day WHERE day = ?", []),
}
EACH = st.tuples(st.sampled_from(["nothing", *DAMAGES]), st.booleans())


def write_days(tables: Tables, *days: str) -> None:
    """A row for each of some days."""
    for day in days:
        tables.insert(visit_day, day=day, salt=day.encode())


def damage(connection: Connection, day: str, what: str) -> None:
    """Do something to the row of a day as somebody without the keys would."""
    if what in DAMAGES:
        statement, values = DAMAGES[what]
        run(connection, statement, *values, day)


def give_up(tables: Tables, day: str) -> bool:
    """Put another row in the place of a day's, and write that one off; whether all are whole."""
    tables.purge(visit_day, "day = ?", day)
    write_days(tables, day)
    return tables.write_off(visit_day)


def problems(connection: Connection) -> list[str]:
    """What self-check tells of the table."""
    return [str(each) for each in problems_of_registers(connection) if each.subject == "visit_day"]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(EACH, max_size=5), st.sampled_from([*DAMAGES]))
def test_all_is_whole_once_each_damaged_row_is_written_off_and_not_before(
    gate: Gate, each_day: list[tuple[str, bool]], later: str
) -> None:
    """Whatever was done to some rows, and whichever of them are given up; the next is found."""
    with tried(gate.engine) as connection:
        tables = Tables(connection)
        days = {f"2026-01-0{at}": its for at, its in enumerate(each_day, 1)}
        write_days(tables, "2025-12-31", *days)
        for day, (what, _) in days.items():
            damage(connection, day, what)
        damaged = {day for day, (what, _) in days.items() if what != "nothing"}
        for day in sorted(damaged):
            if days[day][1]:
                damaged.discard(day)
                assert give_up(tables, day) == (not damaged)
                assert bool(problems(connection)) == bool(damaged)
        assert bool(problems(connection)) == bool(damaged)
        damage(connection, "2025-12-31", later)
        assert problems(connection)


def test_nothing_is_written_off_where_no_row_is_missing(gate: Gate) -> None:
    """Also of a table without rows."""
    with tried(gate.engine) as connection:
        tables = Tables(connection)
        assert tables.write_off(visit_day)
        write_days(tables, DAY)
        assert tables.write_off(visit_day)
        assert problems(connection) == []
        damage(connection, DAY, "taken away")
        assert problems(connection)


def test_a_row_that_was_put_back_from_before_is_not_made_good_by_writing_off_nothing(
    gate: Gate,
) -> None:
    """As many rows stand as are counted, but not those."""
    with tried(gate.engine) as connection:
        tables = Tables(connection)
        write_days(tables, DAY)
        before = tables.select_unchecked(visit_day, ["day", "salt", "mac"])[0]
        tables.update(visit_day, {"salt": b"another"}, "day = ?", DAY)
        damage(connection, DAY, "taken away")
        run(connection, "INSERT INTO visit_day (day, salt, mac) VALUES (?, ?, ?)", *before)
        assert not tables.write_off(visit_day)
        assert problems(connection)


def test_a_row_that_was_added_is_given_up_alone(gate: Gate) -> None:
    """No cover ever told of it."""
    with tried(gate.engine) as connection:
        tables = Tables(connection)
        write_days(tables, "2025-12-31")
        adding = "INSERT INTO visit_day (day, salt, mac) VALUES (?, ?, ?)"
        run(connection, adding, DAY, ADDED, ADDED)
        assert problems(connection)
        assert give_up(tables, DAY)
        assert problems(connection) == []


def test_what_is_somebody_s_is_not_written_off_so(gate: Gate) -> None:
    """Their cover tells of their rows, and goes with them."""
    with tried(gate.engine) as connection, pytest.raises(TypeError, match="not one set"):
        Tables(connection).write_off(visit_tie)
