"""A full disk in each step of the ledger's jobs: nothing is half done, and all is done later.

Pages are given one by one, so that the disk is full at another moment each time (SQLite).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

import tally
import upheld
from empty import empty_database
from gate.conftest import Told, customer
from gate.test_covering import add, checkpoints
from gate.test_faults import problems
from ledger.logs import SIGNER
from sizes import size
from upheld.database.engines import open_database
from upheld.database.errors import DatabaseError
from upheld.database.statements import row, rows
from upheld.database.transaction import reading, writing
from upheld.gate import obligations
from upheld.gate.gate import Gate
from upheld.gate.log.checkpointer import Checkpointer
from upheld.gate.log.entries import damaged, last_of
from upheld.vault.keyring import Keyring

PEOPLE = size("people to whom something is owed while the disk is full", short=40, long=120)
STEPS = size("moments at which the disk is full", short=8, long=60)
NO_LIMIT = 2**32 - 2


@pytest.fixture(name="gate")
def _gate(tmp_path: Path, policy: upheld.Policy, keyring: Keyring, clock: Told) -> Iterator[Gate]:
    """A gate on SQLite."""
    engine = open_database(empty_database(tmp_path))
    yield Gate(engine, policy, keyring, clock)
    engine.dispose()


def asking(gate: Gate, clock: Told, days: int) -> None:
    """Have some people ask for access, as of some days from now; then let these days pass."""
    for _ in range(PEOPLE):
        valid_from = clock.now() + timedelta(days=days)
        gate.record(customer(gate), "request", fact="access-requested", valid_from=valid_from)
    clock.ahead += timedelta(days=days)
    gate.accept_clock()


def room(engine: Engine, pages: int | None) -> None:
    """Leave so many pages on the disk for whoever writes next, or all there are."""
    with writing(engine) as connection:
        used = (row(connection, "PRAGMA page_count") or (0,))[0]
        most = NO_LIMIT if pages is None else used + pages
        rows(connection, f"PRAGMA max_page_count = {most}")


def entries_of(engine: Engine) -> int:
    """How many entries there are; each is whole."""
    with reading(engine) as connection:
        assert damaged(connection) == []
        return (last_of(connection) or (0,))[0]


def states(engine: Engine) -> dict[str, int]:
    """How many items are in each state."""
    with reading(engine) as connection:
        return dict(rows(connection, "SELECT state, count(*) FROM item GROUP BY state"))


def tried(gate: Gate, job: str) -> bool:
    """Do a job; whether there was room for it."""
    try:
        if job == "cover":
            Checkpointer(gate.engine, SIGNER.name, SIGNER).run()
        elif job == "owed":
            obligations.open_due_obligations(gate)
        else:
            obligations.mark_overdue(gate)
    except DatabaseError as error:
        return error.code != "disk-full"
    return True


def test_nothing_is_half_late_and_all_of_it_is_once_there_is_room(gate: Gate, clock: Told) -> None:
    """Each item that is late has its entry, each that is not has none."""
    asking(gate, clock, 0)
    clock.ahead += timedelta(days=40)
    gate.accept_clock()
    before, late = entries_of(gate.engine), 0
    for pages in range(STEPS):
        room(gate.engine, pages if pages % 2 else 0)
        tried(gate, "late")
        late = states(gate.engine).get("late", 0)
        assert entries_of(gate.engine) == before + late
        assert problems(gate) == ()
        assert pages or late < PEOPLE
    room(gate.engine, None)
    assert tried(gate, "late")
    tally.tried("full disks", "while what is late is noted", gate.engine, STEPS)
    assert states(gate.engine) == {"late": PEOPLE}
    assert entries_of(gate.engine) == before + PEOPLE
    assert problems(gate) == ()


def test_what_is_owed_is_opened_once_though_the_disk_was_full(gate: Gate, clock: Told) -> None:
    """Items that were not opened are opened later, and none of them twice."""
    asking(gate, clock, 2)
    assert states(gate.engine) == {}
    failed = 0
    for pages in range(STEPS):
        room(gate.engine, pages // 2)
        failed += not tried(gate, "owed")
        assert states(gate.engine).get("open", 0) <= PEOPLE
        assert problems(gate) == ()
    assert failed
    room(gate.engine, None)
    assert tried(gate, "owed")
    assert states(gate.engine) == {"open": PEOPLE}
    tally.tried("full disks", "while what is owed is opened", gate.engine, STEPS)


def test_the_tree_is_whole_wherever_the_disk_was_full(gate: Gate) -> None:
    """Every checkpoint that was signed holds, and the rest is covered once there is room."""
    failed = 0
    for pages in range(STEPS):
        room(gate.engine, None)
        add(gate.engine, 200)
        room(gate.engine, pages % 4)
        failed += not tried(gate, "cover")
        assert problems(gate) == ()
    assert failed
    room(gate.engine, None)
    assert tried(gate, "cover")
    assert max(checkpoints(gate.engine)) == entries_of(gate.engine)
