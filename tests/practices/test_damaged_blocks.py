"""A damaged block of visits stops no other day, and is told of until it is whole or gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

import upheld
from practices.conftest import House, send
from practices.test_collection import visits
from practices.test_compaction import blocks_of, keep, keep_many
from practices.test_day_counts import tied
from practices.test_visit_pages import untie_path
from practices.without import without_cookies
from upheld.core.ids import BlockId, PersonId, RecordId
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate import set_aside
from upheld.gate.erasure.erase import erase
from upheld.gate.log import entries
from upheld.gate.operations.selfcheck import selfcheck
from upheld.gate.transaction import Transaction
from upheld.practices.collection import compaction
from upheld.practices.collection.compaction import compact
from upheld.practices.collection.released import DAMAGED, OWN_ROWS
from upheld.practices.collection.retention import retire
from upheld.practices.collection.stock import visit_stock
from upheld.practices.collection.ties import ties_of
from upheld.practices.collection.untying import Untying, prepare, untie


def day_of(house: House, days_ago: int) -> str:
    """A day, as rows have it."""
    return (house.clock.today() - timedelta(days=days_ago)).isoformat()


def flip(house: House, days_ago: int) -> tuple[BlockId, bytes]:
    """Change a byte of a block of a day behind our back; which, and its bytes as they were."""
    engine = house.provider.gate.gate.engine
    with reading(engine) as connection:
        block_id, raw = rows(
            connection,
            "SELECT block_id, sealed FROM visit_block WHERE day = ? ORDER BY block_id LIMIT 1",
            day_of(house, days_ago),
        )[0]
    wrong = bytearray(raw)
    wrong[len(wrong) // 2] ^= 1
    mend(house, block_id, bytes(wrong))
    return block_id, bytes(raw)


def mend(house: House, block_id: BlockId, raw: bytes) -> None:
    """Write bytes of a block behind our back."""
    with writing(house.provider.gate.gate.engine) as connection:
        run(connection, "UPDATE visit_block SET sealed = ? WHERE block_id = ?", raw, block_id)


def lose_key(house: House, days_ago: int) -> None:
    """Change the salt of a day behind our back."""
    with writing(house.provider.gate.gate.engine) as connection:
        statement = "UPDATE visit_day SET salt = ? WHERE day = ?"
        run(connection, statement, b"\0" * 32, day_of(house, days_ago))


def aside(house: House) -> list[tuple[str, str, str]]:
    """What the jobs have set aside that is of nobody: the job, what, and why."""
    with reading(house.provider.gate.gate.engine) as connection:
        return [
            (each.job, each.about, each.why)
            for each in set_aside.everybody(connection)
            if not each.person_id
        ]


def test_other_days_and_blocks_are_put_in_order_and_staff_are_told_of_the_damaged_one(
    house: House,
) -> None:
    """Which it is stands in the self-check and on the page of what is watched."""
    gate = house.provider.gate.gate
    for days_ago in (3, 2, 1):
        keep(house, days_ago, 4)
    before = sorted(visits(house))
    block_id, raw = flip(house, 3)
    assert compact(gate) == 3 + 4 + 4
    assert blocks_of(house) == {day_of(house, 3): 2, day_of(house, 2): 1, day_of(house, 1): 1}
    expected = [("visits in order", f"visits of {day_of(house, 3)}", "changed-row")]
    assert aside(house) == expected
    assert compact(gate) == 0
    assert aside(house) == expected
    problems = selfcheck(gate.engine, gate.context.keyring).problems
    assert any("visit_block" in each for each in problems)
    watching = house.signed_in(house.staff("manager"), "staff").get("/staff/watch").text
    assert f"visits of {day_of(house, 3)}" in watching
    mend(house, block_id, raw)
    assert compact(gate) == 2
    assert aside(house) == []
    assert sorted(visits(house)) == before
    assert selfcheck(gate.engine, gate.context.keyring).problems == ()


def test_a_day_whose_key_is_damaged_is_left_as_it_is(house: House) -> None:
    """Its blocks cannot be opened; the day after it is put in order."""
    gate = house.provider.gate.gate
    keep(house, 2, 3)
    keep(house, 1, 3)
    lose_key(house, 2)
    assert compact(gate) == 3
    assert blocks_of(house) == {day_of(house, 2): 3, day_of(house, 1): 1}
    assert [about for _, about, _ in aside(house)] == [f"visits of {day_of(house, 2)}"]


def put_under_hold(house: House, person: PersonId, *, silent: bool) -> None:
    """A hold over somebody, of which nobody may speak if silent."""
    house.do(lambda t: t.record(person, "hold", fact="legal-hold", how="i1"))
    if silent:
        house.do(lambda t: t.record(person, "instrument", fact="gag-order", how="i1"))


HOLDS = ["none", "known", "silent"]


def retention_entries(house: House) -> list[tuple[str, ...]]:
    """What entries of retention say was deleted."""
    with reading(house.provider.gate.gate.engine) as connection:
        return [tuple(each.data) for each in entries.of_kind(connection, "retention")]


@pytest.mark.parametrize("what", ["block", "key", "day"])
@pytest.mark.parametrize("hold", HOLDS)
def test_when_its_time_is_over_a_damaged_block_is_told_of_no_more(
    house: House, hold: str, what: str
) -> None:
    """It is gone with its day, or apart while a hold may keep some of it, and all else is alike."""
    gate = house.provider.gate.gate
    ann = tied(house, "ann@marked.example", b"c1")
    keep_many(house, 1, 2, 3, days_ago=2)
    keep_many(house, 1, 2, 3, days_ago=1)
    if what == "block":
        flip(house, 2)
    elif what == "key":
        lose_key(house, 2)
    else:
        with writing(gate.engine) as connection:
            run(connection, "DELETE FROM visit_day WHERE day = ?", day_of(house, 2))
    compact(gate)
    retire(gate)
    if hold != "none":
        put_under_hold(house, ann, silent=hold == "silent")
    house.clock.moved += timedelta(days=500)
    gate.clock.accept()
    assert [retire(gate), retire(gate), retire(gate)] == [2, 0, 0]
    assert retention_entries(house) == [("page-request", "ip-network", "cookie-id")]
    assert aside(house) == []
    table = "visit_block" if what == "block" else "visit_day"
    (problem,) = selfcheck(gate.engine, gate.context.keyring).problems  # that there was one
    assert problem.startswith(f"rows of `{table}` that are nobody's are missing")
    assert visit_stock(gate).goes_now == 0
    stays = hold != "none"
    assert blocks_of(house) == ({day_of(house, 502): 1, day_of(house, 501): 1} if stays else {})
    with reading(gate.engine) as connection:
        assert rows(connection, "SELECT 1 FROM visit_block WHERE apart IS NULL") == []
        days = [day for (day,) in rows(connection, "SELECT day FROM visit_day ORDER BY day")]
    assert days == [
        each for each in blocks_of(house) if what != "day" or each != day_of(house, 502)
    ]
    pages = house.do(lambda t: OWN_ROWS["page-request"](t, ann))
    assert [text for _, text in pages] == ([DAMAGED, "/p1"] if stays else [])
    for each in house.do(lambda t: t.records_of([ann], ["hold"]))[0]:
        gate.withdraw(ann, each.record_id, ended=True)
    retire(gate)
    assert blocks_of(house) == {}
    assert selfcheck(gate.engine, gate.context.keyring).problems == (problem,)


@pytest.mark.parametrize("what", ["block", "key"])
@pytest.mark.parametrize("hold", HOLDS)
def test_a_damaged_block_keeps_nobody_from_being_erased_and_stays_with_what_is_others(
    house: House, hold: str, what: str
) -> None:
    """Whoever else is on hold; its day is on the list, and their visits of other days are gone."""
    gate = house.provider.gate.gate
    ann, bo = (tied(house, f"{n}@marked.example", c) for n, c in (("ann", b"c1"), ("bo", b"c2")))
    keep_many(house, 1, 2, 3, days_ago=2)
    keep_many(house, 1, 2, 3, days_ago=1)
    if hold != "none":
        put_under_hold(house, bo, silent=hold == "silent")
    if what == "block":
        flip(house, 2)
    else:
        lose_key(house, 2)
    erase(gate, [ann])
    assert blocks_of(house) == {day_of(house, 2): 1, day_of(house, 1): 1}
    assert aside(house) == [("visits", f"visits of {day_of(house, 2)}", "changed-row")]
    with reading(gate.engine) as connection:
        left = rows(connection, "SELECT visits FROM visit_block WHERE day = ?", day_of(house, 1))
    assert left == [(2,)]


@pytest.mark.parametrize("silent", [False, True])
def test_whoever_is_on_hold_is_erased_beside_a_damaged_block(house: House, *, silent: bool) -> None:
    """Their visits of other days are set apart, and of the damaged one nothing is lost."""
    gate = house.provider.gate.gate
    ann = tied(house, "ann@marked.example", b"c1")
    keep_many(house, 1, 2, 3, days_ago=2)
    keep_many(house, 1, 2, 3, days_ago=1)
    put_under_hold(house, ann, silent=silent)
    flip(house, 2)
    erase(gate, [ann])
    assert blocks_of(house) == {day_of(house, 2): 1, day_of(house, 1): 2}
    assert [about for _, about, _ in aside(house)] == [f"visits of {day_of(house, 2)}"]


def test_a_day_that_an_erasure_put_on_the_list_stands_there_until_it_is_whole(house: House) -> None:
    """However often the job runs in between, which has nothing to do on it."""
    gate = house.provider.gate.gate
    ann = tied(house, "ann@marked.example", b"c1")
    keep_many(house, 1, 2, 3, days_ago=2)
    block_id, raw = flip(house, 2)
    erase(gate, [ann])
    expected = [("visits", f"visits of {day_of(house, 2)}", "changed-row")]
    for _ in range(2):
        retire(gate)
        assert aside(house) == expected
    mend(house, block_id, raw)
    retire(gate)
    assert aside(house) == []


@pytest.mark.parametrize("hold", HOLDS)
def test_a_browser_is_untied_and_visits_are_shown_beside_a_damaged_block(
    house: House, hold: str
) -> None:
    """Whether somebody else is under a hold or not: a customer reads the same."""
    ann, bo = (tied(house, f"{n}@marked.example", c) for n, c in (("ann", b"c1"), ("bo", b"c2")))
    keep_many(house, 1, 2, 3, days_ago=2)
    keep_many(house, 1, 2, 3, days_ago=1)
    if hold != "none":
        put_under_hold(house, bo, silent=hold == "silent")
    flip(house, 2)
    browser = house.signed_in(ann)
    page = browser.get("/me/privacy/visits")
    assert page.status_code == 200
    assert "/p1" in page.text
    assert "is damaged and cannot be read" in page.text
    assert send(browser, untie_path(page.text), {}, "/me/privacy/visits").status_code == 303
    assert "There is none." in browser.get("/me/privacy/visits").text
    assert [about for _, about, _ in aside(house)] == [f"visits of {day_of(house, 2)}"]
    with reading(house.provider.gate.gate.engine) as connection:
        left = rows(connection, "SELECT day, visits FROM visit_block ORDER BY day")
    assert left == [(day_of(house, 2), 3), (day_of(house, 1), 2)]


def untied_under_hold(house: House, person: PersonId) -> RecordId:
    """Untie somebody's browser under a silent hold; the hold."""
    put_under_hold(house, person, silent=True)

    def work(transaction: Transaction) -> tuple[RecordId, Untying | None]:
        (hold,), _ = transaction.records_of([person], ["hold"])
        (tie,) = ties_of(transaction, person)
        return hold.record_id, prepare(transaction, person, tie.mark)

    hold, untying = house.do(work)
    assert untie(house.provider.gate.gate, untying)
    return hold


def test_visits_go_in_time_whatever_is_damaged_of_somebody_whose_hold_ended(house: House) -> None:
    """A tie that was changed, and whose cookie opens, keeps nobody's visits, nor its own."""
    gate = house.provider.gate.gate
    ann, bo = (tied(house, f"{n}@marked.example", c) for n, c in (("ann", b"c1"), ("bo", b"c2")))
    keep_many(house, 1, 2, 3, days_ago=2)
    holds = {each: untied_under_hold(house, each) for each in (ann, bo)}
    for each, hold in holds.items():
        gate.withdraw(each, hold, ended=True)
    house.clock.moved += timedelta(days=400)
    gate.clock.accept()
    keep_many(house, 2, 3, days_ago=1)
    house.clock.moved += timedelta(days=100)
    gate.clock.accept()
    with writing(gate.engine) as connection:
        run(connection, "UPDATE visit_tie SET at = at + 1 WHERE person_id = ?", ann)
    retire(gate)
    assert blocks_of(house) == {day_of(house, 101): 1}
    assert sorted(each.route for each in visits(house)) == ["/p2", "/p3"]
    with reading(gate.engine) as connection:
        assert set_aside.everybody(connection) == []


def test_what_may_be_kept_no_longer_goes_from_all_blocks_but_the_damaged_ones(
    open_house: Callable[[upheld.Policy], House],
    sample: upheld.Policy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under a policy that lets no cookie be stored any more."""
    monkeypatch.setattr(compaction, "FEW", 2)
    house = open_house(sample)
    keep_many(house, 1, 2, 3, days_ago=2)
    keep_many(house, 1, 2, 3, days_ago=1)
    flip(house, 2)
    other = open_house(without_cookies())
    gate = other.provider.gate.gate
    assert retire(gate) == 1
    assert retire(gate) == 0
    with reading(gate.engine) as connection:
        left = rows(connection, "SELECT day FROM visit_block WHERE fields LIKE ?", "%cookie-id%")
    assert [day for (day,) in left] == [day_of(house, 2)]
    assert aside(other) == [("visits", f"visits of {day_of(house, 2)}", "changed-row")]
