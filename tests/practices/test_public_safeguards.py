"""The safeguards as anybody may see them: true, and telling of nobody."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from empty import empty_database
from practices.conftest import House
from upheld.core.ids import BackupId
from upheld.database.statements import run
from upheld.database.tables import microseconds
from upheld.database.transaction import writing
from upheld.gate.operations.jobs import LEASE
from upheld.gate.operations.lease import Lease
from upheld.gate.operations.log_check import LogRereading
from upheld.gate.operations.selfcheck_job import SelfCheckRound
from upheld.practices.staff.public_safeguards import HERE, READ_AGAIN, age
from upheld.vault import backups


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path) -> str:
    """What the page says is the same on every database."""
    return empty_database(tmp_path)


def page(house: House) -> str:
    """The page as anybody sees it, once what it knew a minute ago is read again."""
    house.clock.moved += READ_AGAIN
    answer = house.browser().get(HERE)
    assert answer.status_code == 200
    return answer.text


def test_what_is_not_known_is_said_to_be_unknown(house: House) -> None:
    """A house in which nothing was checked and nothing was backed up says so."""
    text = page(house)
    assert "Encrypted at rest: on" in text
    assert "Ledger signed: off" in text
    for title in ("Ledger verified", "Everything checked", "Backup tried"):
        assert f"{title}: unknown" in text
    assert "Locked rooms and written rules: unknown" in text
    assert "Duties followed: off" in text


def test_what_was_done_is_on_until_it_is_too_long_ago(house: House) -> None:
    """Checks that came to their end, a backup and a process of jobs are on; old ones are off."""
    gate = house.provider.gate.gate
    now = gate.clock.now()
    SelfCheckRound().look(gate)
    LogRereading().read(gate)
    with writing(gate.engine) as connection:
        backups.add(connection, BackupId("one"), now, now + timedelta(days=90))
    assert Lease(gate.engine, LEASE).hold()
    text = page(house)
    for title in ("Ledger verified", "Everything checked", "Backup tried", "Duties followed"):
        assert f"{title}: on" in text
    house.clock.moved += timedelta(days=40)
    text = page(house)
    for title in ("Ledger verified", "Everything checked", "Backup tried"):
        assert f"{title}: off" in text
    assert "between a month and three months ago" in text


def test_something_that_is_not_whole_turns_the_checks_off_without_saying_whose_it_is(
    house: House,
) -> None:
    """Whoever looks learns that something was wrong, and nothing of anybody."""
    person = house.customer()
    gate = house.provider.gate.gate
    SelfCheckRound().look(gate)
    with writing(gate.engine) as connection:
        run(connection, "UPDATE value SET revision = 9")
    with pytest.raises(Exception, match="not whole"):
        SelfCheckRound().look(gate)
    text = page(house)
    assert "Everything checked: off" in text
    assert "Something was not as it should be." in text
    assert person not in text


def test_a_few_late_duties_look_like_none(house: House) -> None:
    """One duty past its time changes nothing on the page, and is a number for a manager."""
    before = page(house)
    person = house.customer()
    due = microseconds(house.provider.gate.gate.clock.now())
    with writing(house.provider.gate.gate.engine) as connection:
        run(
            connection,
            "INSERT INTO item (person_id, item_id, kind, clause, due, state, action, basis)"
            " VALUES (?, 'late', 'owed', 'breach', ?, 'late', '', '')",
            person,
            due,
        )
    fewer = "Fewer than 20 duties are past their time, which may be none."
    assert fewer in before
    assert fewer in page(house)
    manager = house.signed_in(house.staff("manager"), "staff")
    assert "<dt>Duties past their time</dt><dd>1</dd>" in manager.get("/staff/safeguards").text


def test_ages_are_told_as_ranges() -> None:
    """The day on which a key was renewed, or a backup begun, is not told."""
    assert age(timedelta(hours=1)) == "less than a day ago"
    assert age(timedelta(days=31)) == "between a month and three months ago"
    assert age(timedelta(days=365)) == "more than a year ago"
