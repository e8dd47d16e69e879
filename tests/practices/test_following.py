"""What goes wrong with logs that are followed loses no line, and keeps no other log from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from practices.conftest import House
from practices.test_collection import lines, read, visits
from upheld.core.errors import UpheldError
from upheld.practices.collection.following import Follower
from upheld.practices.collection.ingest import LogIngest
from upheld.practices.collection.intake import Intake
from upheld.practices.collection.log_files import LogFileError


@pytest.fixture(name="logs")
def _logs(tmp_path: Path) -> list[Path]:
    """Two logs with some lines, the first in a folder of its own."""
    (tmp_path / "sub").mkdir()
    logs = [tmp_path / "sub" / "a.log", tmp_path / "b.log"]
    for number, log in enumerate(logs):
        log.write_text(lines(2, start=number * 10))
    return logs


@pytest.fixture(name="follower")
def _follower(house: House, logs: list[Path]) -> Iterator[Follower]:
    """Who follows both and has read them."""
    follower = Follower(LogIngest(house.provider.gate.gate), [str(each) for each in logs])
    assert came(follower) == 4
    yield follower
    follower.close()


def came(follower: Follower) -> int:
    """How many visits come in now."""
    return sum(each.visits for each in follower.read_on())


def add(log: Path, start: int) -> None:
    """Add a line."""
    with log.open("a") as out:
        out.write(lines(1, start=start))


def test_no_line_is_lost_of_a_log_that_is_rotated_again_and_again_while_the_disk_is_full(
    house: House, logs: list[Path], follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file that had its name is read, once there is room; then those that are old close."""
    log = logs[0]
    with monkeypatch.context() as patch:

        def full(*_: object, **__: object) -> None:
            raise UpheldError("the disk is full", code="disk-full")

        patch.setattr(Intake, "keep", full)
        for turn in range(5):
            add(log, 100 + turn)
            assert came(follower) == 0
            log.rename(log.with_name(f"a.log.{turn}"))
            log.write_text("")
            assert came(follower) == 0
        assert [(name, each.code) for name, each in follower.troubles.items()] == [
            (str(log), "disk-full")
        ]
    assert came(follower) == 5
    assert follower.troubles == {}
    assert len({each.route for each in visits(house)}) == len(visits(house)) == 9
    assert len(follower._logs[str(log)]) == 2


def test_a_log_that_cannot_be_opened_any_more_keeps_no_other_from_being_read(
    house: House, logs: list[Path], follower: Follower
) -> None:
    """A loop of links, and a folder that became a file; what was open of it is read on."""
    log, other = logs
    old = log.rename(log.with_name("a.log.1"))
    log.symlink_to(log)
    add(old, 20)
    add(other, 30)
    assert came(follower) == 2
    assert [type(each) for each in follower.troubles.values()] == [LogFileError]
    for each in (log, old):
        each.unlink()
    log.parent.rmdir()
    log.parent.write_text("")
    add(other, 31)
    assert came(follower) == 1
    assert [each.code for each in follower.troubles.values()] == ["unreadable"]
    log.parent.unlink()
    log.parent.mkdir()
    log.write_text(lines(1, start=40))
    assert came(follower) == 1
    assert follower.troubles == {}
    assert len(visits(house)) == 8


def test_a_log_that_was_emptied_and_written_anew_to_the_same_length_is_read(
    logs: list[Path], follower: Follower
) -> None:
    """Its time tells."""
    before = logs[0].stat()
    logs[0].write_text(lines(2, start=5))
    os.utime(logs[0], ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    assert logs[0].stat().st_size == before.st_size
    assert came(follower) == 2


def test_a_pipe_that_has_a_name_is_refused_and_waits_for_nobody(
    house: House, tmp_path: Path
) -> None:
    """Followed or not: what it brings goes through standard input."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    follower = Follower(LogIngest(house.provider.gate.gate), [str(pipe)])
    assert came(follower) == 0
    assert "is no file" in str(follower.troubles[str(pipe)])
    both = os.open(pipe, os.O_RDWR)  # so that there is a writer
    os.write(both, lines(1).encode())
    with pytest.raises(LogFileError):
        read(house, pipe)
    os.close(both)
