"""A day whose key is damaged: nothing of it is lost, all are told, and somebody renews the key."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from practices.conftest import House
from practices.test_collection import lines, read, visits
from practices.test_compaction import blocks_of, keep_many
from practices.test_damaged_blocks import HOLDS, aside, day_of, lose_key, put_under_hold
from practices.test_day_counts import tied
from upheld.core.errors import UpheldError
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.operations.selfcheck import selfcheck
from upheld.ledger.entries import Entry, decode
from upheld.practices.collection import new_keys
from upheld.practices.collection.blocks import DayKeyError
from upheld.practices.collection.new_keys import RenewedDay, renew
from upheld.practices.collection.released import DAMAGED, OWN_ROWS
from upheld.practices.collection.retention import retire
from upheld.practices.collection.tables import visit_block

OF_LOG = 1  # days ago


def behind_our_back(house: House, statement: str, *values: object) -> None:
    """Change something as somebody without the keys would."""
    with writing(house.provider.gate.gate.engine) as connection:
        run(connection, statement, *values)


def lose_row(house: House, days_ago: int) -> None:
    """Take the row of a day away."""
    behind_our_back(house, "DELETE FROM visit_day WHERE day = ?", day_of(house, days_ago))


def lose_mac(house: House, days_ago: int) -> None:
    """Change what says that the row of a day is ours, and not the key."""
    behind_our_back(
        house, "UPDATE visit_day SET mac = ? WHERE day = ?", b"\0" * 32, day_of(house, days_ago)
    )


WAYS = {"changed": lose_key, "taken away": lose_row, "its mark": lose_mac}


def renewed(house: House, days_ago: int) -> RenewedDay:
    """Give a day another key."""
    day = date.fromisoformat(day_of(house, days_ago))
    return house.do(lambda t: renew(t, day, "staff u1"))


def entry_count(house: House) -> int:
    """How many entries there are."""
    with reading(house.provider.gate.gate.engine) as connection:
        ((count,),) = rows(connection, "SELECT COUNT(*) FROM entry")
    return int(count)


def renewals(house: House) -> list[Entry]:
    """The entries of days that were given another key, in their order."""
    with reading(house.provider.gate.gate.engine) as connection:
        bodies = rows(connection, "SELECT body FROM entry ORDER BY number")
    every = [decode(bytes(body)) for (body,) in bodies]
    return [each for each in every if each.kind == new_keys.RENEWED]


@pytest.mark.parametrize("way", WAYS)
def test_no_line_of_a_day_whose_key_is_damaged_is_lost_and_everybody_is_told(
    house: House, tmp_path: Path, way: str
) -> None:
    """The log waits where it was; with another key each line is kept once."""
    gate, log = house.provider.gate.gate, tmp_path / "access.log"
    log.write_text(lines(5))
    assert read(house, log).visits == 5
    WAYS[way](house, OF_LOG)
    with log.open("a") as out:
        out.write(lines(4, start=50))
    before = entry_count(house)
    for _ in range(2):
        with pytest.raises(DayKeyError, match=day_of(house, OF_LOG)):
            read(house, log)
    assert entry_count(house) == before
    retire(gate)
    ((job, about, _),) = aside(house)
    assert (job, about) == ("visits", f"visits of {day_of(house, OF_LOG)}")
    watching = house.signed_in(house.staff("manager"), "staff").get("/staff/watch").text
    assert f"visits of {day_of(house, OF_LOG)}" in watching
    assert any(
        "visit_day" in each for each in selfcheck(gate.engine, gate.context.keyring).problems
    )
    lost = 0 if way == "its mark" else 5
    assert renewed(house, OF_LOG).lost == lost
    assert read(house, log).visits == 4
    assert len(visits(house)) == 9 - lost
    retire(gate)
    assert aside(house) == []
    assert not selfcheck(gate.engine, gate.context.keyring).problems


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("next_way", WAYS)
def test_after_a_day_got_another_key_the_next_damage_is_found(
    house: House, way: str, next_way: str
) -> None:
    """Of another day, and of the same one again: self-check tells, until that is given up too."""
    gate = house.provider.gate.gate
    for days_ago in (1, 2):
        keep_many(house, 1, 2, days_ago=days_ago)
    for days_ago, which in ((1, way), (2, next_way), (1, next_way)):
        WAYS[which](house, days_ago)
        (problem,) = selfcheck(gate.engine, gate.context.keyring).problems
        assert "visit_day" in problem
        renewed(house, days_ago)
        assert not selfcheck(gate.engine, gate.context.keyring).problems
        keep_many(house, 1, 3, days_ago=days_ago)
    assert [each.id for each in renewals(house)] == [day_of(house, each) for each in (1, 2, 1)]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_damaged_besides_is_told_of_after_a_day_got_another_key(
    house: House, way: str
) -> None:
    """Two days at once are given up one by one; a key of which no visits are is missed for good."""
    gate = house.provider.gate.gate
    for days_ago in (1, 2, 3):
        keep_many(house, 1, 2, days_ago=days_ago)
    for days_ago in (1, 2):
        WAYS[way](house, days_ago)
    renewed(house, 1)
    assert selfcheck(gate.engine, gate.context.keyring).problems
    renewed(house, 2)
    assert not selfcheck(gate.engine, gate.context.keyring).problems
    house.do(lambda t: t.tables.purge(visit_block, "day = ?", day_of(house, 3)))
    lose_row(house, 3)
    keep_many(house, 1, 3, days_ago=1)
    WAYS[way](house, 1)
    renewed(house, 1)
    assert any(
        "visit_day" in each for each in selfcheck(gate.engine, gate.context.keyring).problems
    )


def test_what_is_put_back_from_a_backup_opens_again(house: House, tmp_path: Path) -> None:
    """Nothing was made anew meanwhile, so that nothing is lost."""
    log = tmp_path / "access.log"
    log.write_text(lines(5))
    read(house, log)
    gate = house.provider.gate.gate
    with reading(gate.engine) as connection:
        ((day, salt, mac),) = rows(connection, "SELECT day, salt, mac FROM visit_day")
    lose_row(house, OF_LOG)
    with log.open("a") as out:
        out.write(lines(4, start=50))
    with pytest.raises(DayKeyError):
        read(house, log)
    behind_our_back(
        house, "INSERT INTO visit_day (day, salt, mac) VALUES (?, ?, ?)", day, salt, mac
    )
    assert read(house, log).visits == 4
    assert len(visits(house)) == 9
    assert not selfcheck(gate.engine, gate.context.keyring).problems


def test_other_days_are_taken_in_beside_one_whose_key_is_damaged(house: House) -> None:
    """And given no key that they do not need."""
    keep_many(house, 1, 2, days_ago=2)
    lose_key(house, 2)
    keep_many(house, 1, 2, days_ago=1)
    assert blocks_of(house) == {day_of(house, 2): 1, day_of(house, 1): 1}
    for days_ago in (1, 30, 900, -1):
        with pytest.raises(DayKeyError, match="as it was written"):
            renewed(house, days_ago)
    assert renewed(house, 2).lost == 2
    with pytest.raises(DayKeyError, match="as it was written"):
        renewed(house, 2)


def test_the_entry_says_by_a_digest_which_other_keys_were_taken_as_they_stand(house: House) -> None:
    """Another key that stands for another day makes another digest."""
    keep_many(house, 1, days_ago=3)
    keep_many(house, 2, days_ago=2)
    digests = []
    for change in (False, False, True):
        keep_many(house, 3, days_ago=1)
        WAYS["taken away"](house, 1)
        if change:
            WAYS["changed"](house, 3)
        its = renewed(house, 1)
        assert its.others == 2
        assert renewals(house)[-1].values == (its.digest,)
        digests.append(its.digest)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("way", ["changed", "taken away"])
@pytest.mark.parametrize("hold", HOLDS)
def test_what_a_hold_may_keep_of_a_day_that_is_given_up_stays_until_it_ends(
    house: House, hold: str, way: str
) -> None:
    """Everybody is told the same, with a hold or without."""
    gate = house.provider.gate.gate
    ann = tied(house, "ann@marked.example", b"c1")
    keep_many(house, 1, 2, 3, days_ago=2)
    keep_many(house, 1, 2, 3, days_ago=1)
    if hold != "none":
        put_under_hold(house, ann, silent=hold == "silent")
    WAYS[way](house, 2)
    retire(gate)
    assert renewed(house, 2)[:2] == (day_of(house, 2), 3)
    retire(gate)
    assert aside(house) == []
    assert not selfcheck(gate.engine, gate.context.keyring).problems
    stays = hold != "none"
    assert (day_of(house, 2) in blocks_of(house)) == stays
    with reading(gate.engine) as connection:
        told = rows(connection, "SELECT day, visits FROM visit_block WHERE apart IS NULL")
    assert told == [(day_of(house, 1), 3)]
    keep_many(house, 1, 4, days_ago=2)
    pages = house.do(lambda t: OWN_ROWS["page-request"](t, ann))
    assert sorted(text for _, text in pages) == sorted([*[DAMAGED] * stays, "/p1", "/p1"])
    for each in house.do(lambda t: t.records_of([ann], ["hold"]))[0]:
        gate.withdraw(ann, each.record_id, ended=True)
    house.clock.moved += timedelta(days=500)
    gate.clock.accept()
    retire(gate)
    assert blocks_of(house) == {}


def test_a_damaged_key_of_what_a_hold_alone_keeps_is_told_to_nobody(house: House) -> None:
    """Without the hold there would be neither the day nor its key."""
    gate = house.provider.gate.gate
    ann = tied(house, "ann@marked.example", b"c1")
    keep_many(house, 1, 2, 3, days_ago=2)
    put_under_hold(house, ann, silent=True)
    house.clock.moved += timedelta(days=500)
    gate.clock.accept()
    retire(gate)
    assert blocks_of(house) == {day_of(house, 502): 1}
    lose_key(house, 502)
    retire(gate)
    assert aside(house) == []
    with pytest.raises(DayKeyError, match="as it was written"):
        renewed(house, 502)


def test_a_new_key_is_made_wholly_or_not_at_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails in between: the day is as it was, and can be given a key again."""
    gate = house.provider.gate.gate
    keep_many(house, 1, 2, 3, days_ago=2)
    lose_key(house, 2)

    def fail(*_: object, **__: object) -> None:
        raise UpheldError("the disk is full", code="database", hint="")

    with monkeypatch.context() as patch:
        patch.setattr(new_keys, "days_of", fail)
        with pytest.raises(UpheldError, match="full"):
            renewed(house, 2)
    assert blocks_of(house) == {day_of(house, 2): 1}
    retire(gate)
    assert len(aside(house)) == 1
    assert renewed(house, 2).lost == 3
