"""What a hold preserves, no job, drop or erasure of any practice takes away."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from empty import empty_database
from practices.conftest import House, send
from practices.routes import THINGS, World
from upheld.core.ids import PersonId
from upheld.database.schema import declared_tables
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.retention import retire


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: the gate decides what goes from either."""
    return empty_database(tmp_path)


def rows_of(house: House, person: PersonId) -> dict[str, int]:
    """How many rows each table has of somebody."""
    counts = {}
    with reading(house.provider.gate.gate.engine) as connection:
        for name, table in declared_tables().tables.items():
            first = next(iter(table.primary_key.columns)).name
            if first not in {"person_id", "subject"}:
                continue
            statement = f"SELECT COUNT(*) FROM {name} WHERE {first} = ?"
            ((count,),) = rows(connection, statement, person)
            counts[name] = count
    return counts


def test_nothing_takes_away_what_a_hold_preserves(house: House) -> None:
    """Neither three years of every practice's jobs, nor drops, nor an erasure; its end does."""
    world, gate = World(house), house.provider.gate.gate
    for name in ("task", "message", "record", "request", "link", "purchase"):
        THINGS[name](world)
    ann, bo = world.ann, PersonId(world.visitors["bo"][1])
    hold = house.do(lambda t: t.record(ann, "hold", fact="legal-hold"))
    for each in (ann, bo):
        send(house.signed_in(each), "/me/close", {"sure": "yes"})
    before, fields = rows_of(house, ann), house.do(lambda t: t.held_fields(ann))
    others = rows_of(house, bo)
    assert {"name", "messages", "transaction", "services"} <= fields.keys()
    for _ in range(6):
        house.clock.moved += timedelta(days=180)
        house.do(lambda t: t.accept_clock(house.clock.now()))
        for job in house.provider.jobs:
            job.run(gate)
        retire(gate)
    assert rows_of(house, bo)["value"] < others["value"]
    assert house.do(lambda t: t.drop(ann, [*fields])) == ()
    after = rows_of(house, ann)
    assert {name for name, count in before.items() if after[name] < count} == set()
    erase(gate, [ann])
    assert house.do(lambda t: t.held_fields(ann)) == fields
    assert rows_of(house, ann)["value"] == after["value"]
    house.do(lambda t: t.withdraw(ann, hold, ended=True))
    retire(gate)
    assert rows_of(house, ann)["value"] < after["value"]
