"""While a tie of somebody on hold does not open, nothing goes that may be theirs, and none is told.

What the hold keeps then is compared with what it keeps where nothing was ever changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy

import pytest

import upheld
from practices.conftest import House
from practices.test_damaged_blocks import aside
from practices.test_day_counts import keep, tied
from practices.test_narrowed_visits import (
    JOBS,
    NETWORK,
    OPEN,
    PAGE,
    SILENT,
    VISIT,
    Step,
    Story,
    begin,
    each_version,
    versions,
)
from practices.test_narrowed_visits import database_url as _database_url
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.erasure.erase import erase
from upheld.gate.operations.selfcheck import selfcheck
from upheld.gate.transaction import GateTransaction
from upheld.ledger.entries import decode
from upheld.practices.collection.blocks import DayKeys, days_of
from upheld.practices.collection.released import OWN_ROWS
from upheld.practices.collection.retention import retire
from upheld.practices.collection.stock import due_visits, visit_stock
from upheld.practices.collection.tables import visit_block

database_url = _database_url
YEARS = Step("years")
WAYS: dict[str, Callable[[bytes], bytes]] = {
    "changed": lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
    "emptied": lambda _: b"",
}
GOING = {
    "in time": [YEARS],
    "networks": versions(1),
    "cookies": versions(2),
    "all but pages": versions(3),
    "all": versions(4),
    "networks, then in time": [*versions(1), YEARS],
}


def put_cookie(story: Story, raw: bytes) -> bytes:
    """Write what is sealed in the tie of a story behind our back; what was there."""
    with writing(story.house.provider.gate.gate.engine) as connection:
        where = "WHERE person_id = ? AND untied IS NULL"
        ((before,),) = rows(connection, f"SELECT cookie FROM visit_tie {where}", story.ann)
        run(connection, f"UPDATE visit_tie SET cookie = ? {where}", raw, story.ann)
    return bytes(before)


@contextmanager
def in_doubt(story: Story, way: str = "changed") -> Iterator[None]:
    """A while in which the tie of a story does not open."""
    raw = put_cookie(story, b"")
    put_cookie(story, WAYS[way](raw))
    yield
    put_cookie(story, raw)


def pages_apart(house: House) -> Counter[str]:
    """How often each page stands in what is apart, whoever it may be of."""

    def work(transaction: GateTransaction) -> Counter[str]:
        some = transaction.tables.select(visit_block, "apart IS NOT NULL")
        keys = DayKeys(transaction, days_of(transaction.tables, {row.day for row in some}))
        return Counter(each.route for row in some for each in keys.open(row))

    return house.do(work)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("going", GOING)
@pytest.mark.parametrize("which", [OPEN, SILENT])
def test_what_goes_while_a_tie_is_damaged_is_there_once_it_is_put_back(
    open_house: Callable[[upheld.Policy], House], which: str, going: str, way: str
) -> None:
    """Meanwhile nothing of it is counted, just as without a hold."""
    story = Story(each_version(open_house))
    for each in [VISIT, VISIT, begin(which)]:
        story.take(each)
    with in_doubt(story, way):
        for each in [*GOING[going], JOBS]:
            story.take(each)
            assert sum(story.counted().values()) == sum(
                bool(its.counted) for its in story.visits.values()
            )
    pages, networks = story.release(PAGE), story.release(NETWORK)
    assert (pages, networks) == (sorted(story.visits), ["192.0.2.0/24"] * 2)
    story.jobs()
    story.check()
    assert (story.release(PAGE), story.release(NETWORK)) == (pages, networks)
    gate = story.house.provider.gate.gate
    assert not selfcheck(gate.engine, gate.context.keyring).problems
    story.end(which)
    story.jobs()
    story.check()
    assert pages_apart(story.house) == Counter()


def test_with_a_silent_order_everybody_sees_what_they_would_see_without(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """Counts, the dry run, entries and the jobs' list, while the tie of its customer is damaged."""
    houses = each_version(open_house)
    without, silent = (looks_in_doubt(Story(houses), hold=each) for each in (False, True))
    assert without == silent
    assert len(without) > 10


def looks_in_doubt(story: Story, *, hold: bool) -> list[object]:
    """What anybody sees while visits go in several ways whose tie is damaged."""
    gate, looks = story.house.provider.gate.gate, list[object]()
    story.take(VISIT)
    if hold:
        story.take(begin(SILENT))
    with reading(gate.engine) as connection:
        ((first,),) = rows(connection, "SELECT MAX(number) FROM entry")
    with in_doubt(story):
        for each in [*versions(1), *versions(2), YEARS]:
            story.take(each)
            for stock in (visit_stock(gate), due_visits(gate)):
                looks.append([(row.data, row.number, row.again) for row in stock.rows])
            looks.append(aside(story.house))
    with reading(gate.engine) as connection:
        bodies = rows(connection, "SELECT body FROM entry WHERE number > ? ORDER BY number", first)
    entries = [decode(bytes(body)) for (body,) in bodies]
    return [*looks, *((e.kind, e.action, e.data, e.clauses, e.id) for e in entries)]


def test_what_is_kept_in_case_it_is_somebody_s_is_told_and_given_of_nobody_else(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """Not to whoever comes under a hold later, and visits of others, or without a cookie, go."""
    ann = Story(each_version(open_house))
    for each in [VISIT, begin(SILENT)]:
        ann.take(each)
    known = Story(ann.houses)
    known.take(VISIT)
    house, gate = ann.house, ann.house.provider.gate.gate
    keep(
        house, ("/bo", "192.0.2.8", b"bo's"), ("/cy", "192.0.2.8", b"cy's"), ("/", "192.0.2.8", b"")
    )
    with in_doubt(ann):
        ann.take(YEARS)
        assert pages_apart(house) == Counter(["/bo", "/cy", *ann.visits])
        bo, cy = (
            tied(house, f"{each}@marked.example", f"{each}'s".encode()) for each in ("bo", "cy")
        )
        gate.record(bo, "hold", fact="legal-hold")
        retire(gate)
        released = house.do(lambda t: [OWN_ROWS[kind](t, bo) for kind in (PAGE, NETWORK)])
        assert released == [[], []]
        reading_bo = copy(ann)
        reading_bo.ann = bo
        assert reading_bo.page() == {}
        erase(gate, [cy])
        assert pages_apart(house) == Counter(["/bo", *ann.visits])
    ann.jobs()
    assert house.do(lambda t: OWN_ROWS[PAGE](t, bo)) == []
    assert pages_apart(house) == Counter([*ann.visits])
    assert ann.release(PAGE) == sorted(ann.visits)


@pytest.mark.parametrize("which", [OPEN, SILENT])
def test_once_the_hold_ends_nothing_is_kept_though_the_tie_is_damaged_still(
    open_house: Callable[[upheld.Policy], House], which: str
) -> None:
    """Whose it may be is nobody's on hold any more."""
    story = Story(each_version(open_house))
    for each in [VISIT, begin(which)]:
        story.take(each)
    with in_doubt(story):
        story.take(YEARS)
        assert pages_apart(story.house) == Counter([*story.visits])
        story.end(which)
        retire(story.house.provider.gate.gate)
        assert pages_apart(story.house) == Counter()


def test_who_is_erased_before_the_job_has_seen_the_tie_again_keeps_it_for_the_hold(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """It is put aside for them with all else that the hold keeps."""
    story = Story(each_version(open_house))
    for each in [VISIT, begin(SILENT)]:
        story.take(each)
    with in_doubt(story):
        story.take(YEARS)
    story.take(Step("erase"))
    assert story.release(PAGE) == sorted(story.visits)
    story.jobs()
    assert story.release(PAGE) == sorted(story.visits)
    story.end(SILENT)
    retire(story.house.provider.gate.gate)
    assert pages_apart(story.house) == Counter()
