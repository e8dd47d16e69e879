"""Late, changing and broken input of visits, clocks that jump, and disks that are full."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from practices.conftest import START, House
from practices.test_collection import LINE, entries_of, lines, read, visits
from practices.test_day_counts import keep
from practices.test_partner_transactions import stored
from practices.test_transaction_lots import partner, taken
from upheld.core.clock import ClockError
from upheld.database.errors import DatabaseError
from upheld.database.statements import row, rows
from upheld.database.transaction import writing
from upheld.gate.gate import Gate
from upheld.practice import partner_transactions
from upheld.practices.collection import log_files
from upheld.practices.collection.compaction import compact
from upheld.practices.collection.following import Follower
from upheld.practices.collection.ingest import LogIngest
from upheld.practices.collection.log_files import LogFileError
from upheld.practices.collection.retention import retire
from upheld.practices.collection.tables import visit_block

NO_LIMIT = 2**32 - 2


def test_late_lines_of_a_day_that_is_over_are_kept_and_joined(house: House, tmp_path: Path) -> None:
    """Those within the time that the policy says; older ones are refused and counted."""
    log = tmp_path / "access.log"
    log.write_text(lines(4))
    read(house, log)
    keep(house, ("/first", "192.0.2.7", b""), days_ago=2)
    keep(house, ("/second", "192.0.2.7", b""), days_ago=2)
    gate = house.provider.gate.gate
    compact(gate)
    keep(house, ("/late", "192.0.2.7", b""), days_ago=2)
    with log.open("a") as out:
        out.write(lines(1, start=50).replace("10/Mar/2026", "02/Mar/2026"))
        out.write(lines(2, start=60).replace("10/Mar/2026", "02/Mar/2024"))
    report = read(house, log)
    assert (report.visits, dict(report.left_out)) == (1, {"older than we may keep": 2})
    assert compact(gate) == 2
    assert sorted(each.route for each in visits(house) if "/page" not in each.route) == [
        "/first",
        "/late",
        "/second",
    ]


def test_a_log_whose_form_changes_in_the_middle_is_read_on(house: House, tmp_path: Path) -> None:
    """From common to combined to JSON, with fields that nobody knows, and back."""
    combined = LINE.format(host=7, minute=1, page="combined").rstrip("\n") + ' "-" "Agent" rt=0.1\n'
    new = {
        "time": "2026-03-10T10:00:01Z",
        "ip": "192.0.2.7",
        "uri": "/json",
        "new": {"field": [1, "two"]},
        "request_id": "marked-field",
        "level": None,
    }
    older = {"ts": 1773136801, "ip": "192.0.2.7", "uri": "/older"}
    log = tmp_path / "access.log"
    log.write_text(
        lines(1) + combined + json.dumps(new) + "\n" + json.dumps(older) + "\n" + lines(1, start=9)
    )
    report = read(house, log)
    assert (report.visits, report.left_out) == (5, ())
    routes = {each.route for each in visits(house)}
    assert routes == {"/page/p0", "/page/combined", "/json", "/older", "/page/p9"}


def test_bytes_that_no_log_has_are_counted_and_nothing_else_is_lost(
    house: House, tmp_path: Path
) -> None:
    """NUL, half characters, another encoding, a megabyte in a field, a byte order mark."""
    good = lines(1).encode()
    log = tmp_path / "access.log"
    log.write_bytes(
        b"\xef\xbb\xbf"
        + good
        + good.replace(b"/p0", b"/p\x00")
        + good.replace(b"/p0", b"/\xe9t\xe9")  # Latin-1
        + good.replace(b"/p0", b"/\xc3")
        + good.replace(b"HTTP/1.1", b"y" * 1_000_000)
        + good.decode().encode("utf-16-le")
        + b"\n"
        + good.replace(b"\n", b"\r\n")
    )
    report = read(house, log)
    assert report.visits == 4
    left_out = dict(report.left_out)
    assert left_out["longer than 64 KiB"] == 1
    assert left_out["not a line of a log"] >= 2
    assert all("\0" not in each.route for each in visits(house))


def test_a_day_is_that_of_the_provider_s_zone(house: House, tmp_path: Path) -> None:
    """Whichever zone a line names."""
    house.clock.zone = ZoneInfo("Asia/Tokyo")
    log = tmp_path / "access.log"
    line = lines(1).replace("10/Mar/2026:10:00:01 +0000", "{}")
    log.write_text(
        line.format("09/Mar/2026:14:59:59 +0000")
        + line.format("09/Mar/2026:15:00:00 +0000")
        + line.format("09/Mar/2026:07:00:00 -0800")
        + line.format("10/Mar/2026:04:29:00 +0530")
    )
    assert read(house, log).visits == 4
    days = {each.day: each.visits for each in house.do(lambda t: t.tables.select(visit_block))}
    assert days == {"2026-03-09": 1, "2026-03-10": 3}


@pytest.mark.parametrize("jump", [timedelta(days=900), timedelta(days=-40)])
def test_a_clock_that_jumped_deletes_no_visit_and_passes_over_no_line(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    """Nothing is done by it until it is right again: then all is as if it had not jumped."""
    log, gate = tmp_path / "access.log", house.provider.gate.gate
    log.write_text(lines(3))
    read(house, log)
    email = "ann@marked.example"
    house.customer(email)
    bought = {"reference": "A1", "date": "2026-03-01", "amount": "1", "currency": "USD"}
    assert taken(house, partner(house, "Spruce Point"), [{**bought, "what": "x", "email": email}])
    still = house.clock._elapsed
    began = still()
    monkeypatch.setattr(house.clock, "_elapsed", lambda: began)
    retire(gate)  # looks at the clock
    house.clock.moved += jump
    with log.open("a") as out:
        out.write(lines(2, start=10))
    for work in (
        lambda: retire(gate),
        lambda: partner_transactions.retire(gate),
        lambda: read(house, log),
    ):
        with pytest.raises(ClockError):
            work()
    house.clock.moved -= jump
    assert retire(gate) == 0
    assert read(house, log).visits == 2
    assert len(visits(house)) == 5
    assert len(stored(house)) == 1


def fits(work: Callable[[], object]) -> bool:
    """Whether there is room for a piece of work."""
    try:
        work()
    except DatabaseError as error:
        return error.code != "disk-full"
    return True


def room(gate: Gate, pages: int | None) -> None:
    """Leave so many pages on the disk for whoever writes next, or all there are."""
    with writing(gate.engine) as connection:
        used = (row(connection, "PRAGMA page_count") or (0,))[0]
        most = NO_LIMIT if pages is None else used + pages
        rows(connection, f"PRAGMA max_page_count = {most}")


@pytest.mark.parametrize(
    "database_url", ["sqlite"], indirect=True
)  # the other's disk is a server's
def test_a_full_disk_refuses_a_log_and_pages_go_on_being_served(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said, what was kept before stays, and once there is room the rest comes, once."""
    monkeypatch.setattr(log_files, "CHUNK", 20_000)
    log, gate = tmp_path / "access.log", house.provider.gate.gate
    log.write_text(lines(3_000))
    refused = 0
    for pages in range(3):
        room(gate, pages)
        refused += not fits(lambda: read(house, log))
        assert house.browser().get("/privacy").status_code == 200
    assert refused
    before = len(visits(house))
    assert before < 3_000
    room(gate, None)
    assert read(house, log).visits == 3_000 - before
    assert len({each.route for each in visits(house)}) == len(visits(house)) == 3_000
    assert sum(each.batch.count for each in entries_of(house)) == 3_000


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("work", [compact, retire])
def test_a_full_disk_leaves_every_block_as_it_was(
    house: House, work: Callable[[Gate], int]
) -> None:
    """Whether blocks are joined or go in time."""
    gate = house.provider.gate.gate
    for number in range(12):
        keep(house, *[(f"/p{number}-{at}", "192.0.2.7", b"") for at in range(200)])
    if work is retire:
        house.clock.moved += START.replace(year=2028) - START
    before = sorted(visits(house))
    room(gate, 0)
    if not fits(lambda: work(gate)):
        assert sorted(visits(house)) == before
    room(gate, None)
    work(gate)
    assert sorted(visits(house)) == ([] if work is retire else before)


def test_a_log_that_a_rotation_cut_short_and_one_that_grew_are_each_read_once(
    house: House, tmp_path: Path
) -> None:
    """Copied and emptied in place, as some rotations do, the file is a new log under its name."""
    log, copy = tmp_path / "access.log", tmp_path / "access.log.1"
    log.write_text(lines(10))
    read(house, log)
    copy.write_text(log.read_text() + lines(2, start=10))
    log.write_text("")
    assert read(house, log).visits == 0
    log.write_text(lines(3, start=100))
    assert (read(house, copy).visits, read(house, log).visits) == (2, 3)
    assert len({each.route for each in visits(house)}) == len(visits(house)) == 15


def test_a_log_that_is_renamed_while_it_is_followed_is_read_to_its_end(
    house: House, tmp_path: Path
) -> None:
    """What the server still adds to it counts, and so does the new one, once there is one."""
    log, old = tmp_path / "access.log", tmp_path / "access.log.1"
    log.write_text(lines(3))
    follower = Follower(LogIngest(house.provider.gate.gate), [str(log)])

    def came(*numbers: int) -> None:
        assert sum(each.visits for each in follower.read_on()) == sum(numbers)
        assert list(follower.read_on()) == []

    came(3)
    with log.open("a") as writing_on:
        log.rename(old)
        writing_on.write(lines(2, start=10))
        writing_on.flush()
        came(2)
        log.write_text(lines(4, start=20))
        writing_on.write(lines(1, start=30))
        writing_on.flush()
        came(4, 1)
    with log.open("a") as out:
        out.write(lines(1, start=40))
    came(1)
    log.rename(tmp_path / "access.log.2")
    log.write_text("")
    came()
    follower.close()
    read(house, old)
    assert len({each.route for each in visits(house)}) == len(visits(house)) == 11
    nowhere = Follower(LogIngest(house.provider.gate.gate), [str(tmp_path / "none")])
    assert list(nowhere.read_on()) == []
    assert [type(each) for each in nowhere.troubles.values()] == [LogFileError]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_follower_that_a_full_disk_stopped_reads_the_rest_once_there_is_room(
    house: House, tmp_path: Path
) -> None:
    """Also of a log to which nothing is added any more."""
    log, gate = tmp_path / "access.log", house.provider.gate.gate
    log.write_text(lines(1))
    follower = Follower(LogIngest(gate), [str(log)])
    assert [each.visits for each in follower.read_on()] == [1]
    with log.open("a") as out:
        out.write(lines(2_000, start=1))
    room(gate, 0)
    while not follower.troubles:
        with log.open("a") as out:
            out.write(lines(2_000, start=1))
        list(follower.read_on())
    assert [each.code for each in follower.troubles.values()] == ["disk-full"]
    room(gate, None)
    assert sum(each.visits for each in follower.read_on()) >= 2_000
    assert list(follower.read_on()) == []
    follower.close()
