"""Visits from logs: each once, reduced, by a clause, and nothing that no clause lets in."""

from __future__ import annotations

import gzip
import re
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import upheld
from practices.conftest import START, House
from practices.without import without
from upheld.gate.act.arrivals import Arrivals
from upheld.gate.gate import Gate
from upheld.gate.operations.selfcheck import selfcheck
from upheld.practices.collection import blocks, log_files
from upheld.practices.collection.blocks import DayKeys, PageVisit, days_of
from upheld.practices.collection.ingest import LogIngest, LogReport
from upheld.practices.collection.log_files import LogFileError
from upheld.practices.collection.retention import retire
from upheld.practices.collection.tables import log_reading, visit_block, visit_day

LINE = (
    "192.0.2.{host} - - [10/Mar/2026:10:{minute:02}:01 +0000]"
    ' "GET /page/{page}?q=marked-query HTTP/1.1" 200 9\n'
)


def lines(count: int, start: int = 0) -> str:
    """Lines of a log of 10 March, no two alike."""
    return "".join(
        LINE.format(host=number % 250, minute=number % 60, page=f"p{number}")
        for number in range(start, start + count)
    )


def read(house: House, path: Path | str) -> LogReport:
    """Read a log on."""
    return LogIngest(house.provider.gate.gate).read(str(path))


def visits(house: House) -> list[PageVisit]:
    """Everything that is kept."""

    def work(transaction: Any) -> list[PageVisit]:
        rows = transaction.tables.select(visit_block, "day >= '' ORDER BY day, block_id")
        keys = DayKeys(transaction, days_of(transaction.tables, {row.day for row in rows}))
        return [visit for row in rows for visit in keys.open(row)]

    return house.do(work)


def rows_of(house: House) -> list[Any]:
    """The rows of all tables of the practice."""

    def work(transaction: Any) -> list[Any]:
        tables = transaction.tables
        return [
            row for table in (visit_day, visit_block, log_reading) for row in tables.select(table)
        ]

    return house.do(work)


def is_kept_nowhere(house: House) -> bool:
    """Whether reading a log of visits leaves no trace."""
    folder = Path(str(house.provider.settings.database).removeprefix("sqlite:///")).parent
    log = folder / "story.log"
    log.write_text(lines(3))
    before = len(entries_of(house))
    report = read(house, log)
    return report.refused_by_policy and not rows_of(house) and len(entries_of(house)) == before


def entries_of(house: House) -> list[Any]:
    """The entries about nobody known."""

    def work(transaction: Any) -> list[Any]:
        from upheld.gate.log import entries

        return list(entries.of_kind(transaction.connection, entries.ARRIVAL))

    return house.do(work)


RESTS_ON = {"visits": is_kept_nowhere}


def test_a_log_is_kept_reduced_with_one_entry_by_its_clause(house: House, tmp_path: Path) -> None:
    """Network and route are kept, and neither address nor query; one entry stands for all."""
    log = tmp_path / "access.log"
    log.write_text(lines(100) + "nonsense\n")
    report = read(house, log)
    assert (report.lines, report.visits, report.clauses) == (101, 100, ("visits",))
    assert dict(report.left_out) == {"not a line of a log": 1}
    first = min(visits(house))
    assert (first.route, first.network, first.token) == ("/page/p0", "192.0.2.0/24", b"")
    (entry,) = entries_of(house)
    assert (entry.action, entry.source, entry.clauses) == ("collect", "browser", ("visits",))
    assert entry.data == ("page-request", "ip-address")
    assert {"reduced", "encryption", "delete-after"} == {*entry.duties}
    assert entry.batch.count == 100
    assert selfcheck_is_whole(house.provider.gate.gate)


def selfcheck_is_whole(gate: Gate) -> bool:
    """Whether everything is as it was written."""
    return not selfcheck(gate.engine, gate.context.keyring).problems


def test_a_log_is_read_once_however_it_is_called(house: House, tmp_path: Path) -> None:
    """Read again, appended to, rotated, and compressed, each line is kept once."""
    log = tmp_path / "access.log"
    log.write_text(lines(10))
    assert read(house, log).visits == 10
    assert read(house, log).visits == 0
    log.write_text(lines(15) + LINE[:30])
    report = read(house, log)
    assert (report.visits, report.unfinished) == (5, True)
    rotated = tmp_path / "access.log.1"
    log.rename(rotated)
    log.write_text(lines(5, start=100))
    assert (read(house, rotated).visits, read(house, log).visits) == (0, 5)
    packed = tmp_path / "access.log.2.gz"
    packed.write_bytes(gzip.compress(lines(16).encode()))
    assert read(house, packed).visits == 1
    assert len(visits(house)) == len({visit.route for visit in visits(house)}) == 21


def test_two_logs_that_begin_alike_are_two(house: House, tmp_path: Path) -> None:
    """A first line that two logs share does not let one pass for the other."""
    one, other = tmp_path / "one.log", tmp_path / "other.log"
    one.write_text(lines(10))
    other.write_text(lines(1) + lines(30, start=50))
    assert (read(house, one).visits, read(house, other).visits) == (10, 31)
    assert (read(house, one).visits, read(house, other).visits) == (0, 0)


def test_a_pipe_goes_on_where_one_stopped(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came through a pipe before is passed over, and another log's beginning is refused."""
    path = tmp_path / "piped"

    def pipe(text: str) -> LogReport:
        path.write_text(text)
        with path.open() as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            return read(house, "-")

    assert pipe(lines(10)).visits == 10
    assert pipe(lines(12)).visits == 2
    with pytest.raises(LogFileError):
        pipe(lines(1) + lines(30, start=50))


def test_lines_longer_than_any_log_has_are_passed_over(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field of a megabyte is never held, and what comes after it is read on from its byte."""
    monkeypatch.setattr(log_files, "CHUNK", 10_000)
    log = tmp_path / "access.log"
    log.write_text(lines(5) + "x" * 1_000_000 + "\n" + lines(5, start=5))
    report = read(house, log)
    assert (report.visits, dict(report.left_out)) == (10, {"longer than 64 KiB": 1})
    with log.open("a") as out:
        out.write(lines(2, start=20))
    assert read(house, log).visits == 2


def test_a_compressed_log_that_is_cut_keeps_what_was_whole(house: House, tmp_path: Path) -> None:
    """The error says so, and the whole file then adds what was missing and nothing twice."""
    log, whole = tmp_path / "cut.gz", gzip.compress(lines(20_000).encode())
    log.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LogFileError):
        read(house, log)
    log.write_bytes(whole)
    read(house, log)
    assert len(visits(house)) == 20_000


@pytest.mark.parametrize("where", ["write", "enter"])
def test_what_fails_leaves_nothing_and_is_done_again(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Visits, their entry and how far the log was read are durable together, or none is."""
    monkeypatch.setattr(log_files, "CHUNK", 3_000)
    log = tmp_path / "access.log"
    log.write_text(lines(100))
    calls: list[int] = []
    target: Any = blocks if where == "write" else Arrivals
    real = getattr(target, where)

    def failing(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        result = real(*arguments, **options)
        if len(calls) == 2:
            raise OSError("the disk is full")
        return result

    monkeypatch.setattr(target, where, failing)
    with pytest.raises(OSError, match="full"):
        read(house, log)
    kept_before = len(visits(house))
    assert 0 < kept_before < 100
    assert len(entries_of(house)) == 1
    assert read(house, log).visits == 100 - kept_before
    assert len({visit.route for visit in visits(house)}) == len(visits(house)) == 100


def test_two_who_read_one_log_at_once_keep_each_line_once(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes late to a part reads on where the other is."""
    monkeypatch.setattr(log_files, "CHUNK", 3_000)
    log = tmp_path / "access.log"
    log.write_text(lines(300))
    start, failures = threading.Barrier(2), []

    def work() -> None:
        start.wait()
        try:
            read(house, log)
        except Exception as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    assert len({visit.route for visit in visits(house)}) == len(visits(house)) == 300


def test_who_begins_while_another_reads_the_whole_log_keeps_nothing_of_it(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was new when somebody looked, and is not when they write, is read on from there."""
    log = tmp_path / "access.log"
    log.write_text(lines(30))
    lines_of, calls = log_files.LogFile.lines, list[int]()

    def late(self: log_files.LogFile) -> list[bytes] | None:
        if not calls:
            calls.append(1)
            assert read(house, log).visits == 30
        return lines_of(self)

    monkeypatch.setattr(log_files.LogFile, "lines", late)
    assert read(house, log).visits == 0
    assert len(visits(house)) == 30


def test_a_visit_goes_when_its_time_is_over_with_its_key(house: House, tmp_path: Path) -> None:
    """On the last day of fourteen months it is there, a day later neither it nor its key is."""
    log = tmp_path / "access.log"
    log.write_text(lines(3) + lines(2, start=3).replace("10/Mar", "11/Mar"))
    read(house, log)
    gate = house.provider.gate.gate
    house.clock.moved += START.replace(year=2027, month=5, day=9) - START
    assert retire(gate) == 0
    assert len(visits(house)) == 5
    house.clock.moved += timedelta(days=1)
    assert retire(gate) == 1
    assert len(visits(house)) == 2
    assert house.do(lambda transaction: days_of(transaction.tables, ["2026-03-10"])) == {}
    log.write_text(lines(9))
    assert dict(read(house, log).left_out) == {"older than we may keep": 9}


def test_what_the_policy_lets_in_no_longer_goes(
    open_house: Callable[[upheld.Policy], House], sample: upheld.Policy, tmp_path: Path
) -> None:
    """Without the clause nothing of what was kept under it stays."""
    house, log = open_house(sample), tmp_path / "access.log"
    log.write_text(lines(3))
    read(house, log)
    other = open_house(without("visits"))
    assert retire(other.provider.gate.gate) == 1
    assert rows_of(other) == []


def test_a_policy_that_lets_in_pages_alone_gets_pages_alone(
    open_house: Callable[[upheld.Policy], House], sample: upheld.Policy, tmp_path: Path
) -> None:
    """What is let in of a visit is kept, the rest is not, and goes where it was kept before."""
    narrow = upheld.load_text(
        "---\npolicy: Small\n---\n\nPages. {#pages}\n\n```rule\n"
        "may collect page-request from browser at visit\n"
        "may store page-request with encryption\n```\n"
    )
    log, more = tmp_path / "access.log", tmp_path / "more.log"
    log.write_text(lines(3))
    read(open_house(sample), log)
    house = open_house(narrow)
    more.write_text(lines(2, start=70))
    assert read(house, more).clauses == ("pages",)
    assert retire(house.provider.gate.gate) == 1
    assert [(visit.network, visit.token) for visit in visits(house)] == [("", b"")] * 5
    assert {row.fields for row in rows_of(house) if hasattr(row, "fields")} == {"page-request"}


def test_our_cookie_is_kept_as_a_token_of_its_day(house: House, tmp_path: Path) -> None:
    """The same cookie has one token on a day and another on the next, and none with a signal."""
    row = (
        '{{"ip": "192.0.2.7", "time": "2026-03-{day}T10:00:00Z", "uri": "/{day}",'
        ' "cookie_id": "marked-cookie", "sec_gpc": "{signal}"}}\n'
    )
    log = tmp_path / "access.log"
    log.write_text(
        "".join(
            row.format(day=d, signal=s) for d, s in [("09", 0), ("09", 0), ("10", 0), ("10", 1)]
        )
    )
    read(house, log)
    tokens = [
        visit.token for visit in sorted(visits(house), key=lambda each: (each.at, not each.token))
    ]
    assert tokens[0] == tokens[1] != tokens[2]
    assert tokens[3] == b""
    assert all(len(each) == blocks.TOKEN_BYTES for each in tokens[:3])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the other's are a server's
def test_nothing_of_a_line_is_readable_in_the_files(house: House, tmp_path: Path) -> None:
    """Neither an address nor a query, a page or a cookie can be read where the database lies."""
    log = tmp_path / "logs" / "access.log"
    log.parent.mkdir()
    log.write_text(lines(50))
    read(house, log)
    folder = Path(house.provider.settings.database.removeprefix("sqlite:///")).parent
    everything = b"".join(path.read_bytes() for path in folder.glob("*") if path.is_file())
    assert len(everything) > 10_000
    for word in (b"192.0.2.", b"marked-query", b"/page/p"):
        assert word not in everything


def test_the_desk_sees_what_would_go_now_and_by_month(
    open_house: Callable[[upheld.Policy], House], sample: upheld.Policy, tmp_path: Path
) -> None:
    """As the job then does: nothing before its time, and all of what no clause lets us keep."""
    house, log = open_house(sample), tmp_path / "access.log"
    log.write_text(lines(1_234))
    read(house, log)
    desk = house.signed_in(house.staff("privacy"), "staff")
    page = desk.get("/staff/visits").text
    assert "If the job ran now, it would delete nothing." in page
    assert re.search(r"2027-05.*1,230", page, re.DOTALL)
    severed = open_house(without("visits"))
    desk = severed.signed_in(severed.staff("privacy", sign_in="pat"), "staff")
    page = desk.get("/staff/visits").text
    assert "If the job ran now, it would delete 1,230 visits." in page


def test_the_desk_sees_how_much_is_kept_and_no_visit(house: House, tmp_path: Path) -> None:
    """Counts by kind of data with the clause, for managers and the privacy desk alone."""
    log = tmp_path / "access.log"
    log.write_text(lines(1_234))
    read(house, log)
    page = house.signed_in(house.staff("privacy"), "staff").get("/staff/visits")
    assert page.status_code == 200
    assert "1,230 visits" in page.text
    assert 'href="/privacy#visits"' in page.text
    assert "14 months" in page.text
    assert "192.0.2" not in page.text
    assert "/page/p" not in page.text
    other = house.signed_in(house.staff("support", sign_in="sue"), "staff")
    assert other.get("/staff/visits").status_code == 403
