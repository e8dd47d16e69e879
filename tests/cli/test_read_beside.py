"""A large file is read in a process of its own, and what comes of it is the same."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import NamedTuple

import pytest

from upheld.cli import read_beside, side_file
from upheld.core.errors import UpheldError
from upheld.practices.feeds.feeds import LeftOut


class Line(NamedTuple):
    """A line of a made-up file, and by which process it was read."""

    number: int
    values: dict[str, str]
    process: int


@pytest.fixture(name="path")
def _path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is large enough."""
    monkeypatch.setattr(read_beside, "LARGE", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    path = tmp_path / "rows.csv"
    path.write_text("x" * 10)
    return path


def some(most: int, error: Exception | None = None) -> Iterator[Line]:
    """Lines with zero bytes and other alphabets, and then an error if there is one."""
    for number in range(most):
        yield Line(number, {"what": f"\0 žluť {number}"}, os.getpid())
    if error is not None:
        raise error


def test_another_process_reads_the_same_lines_in_their_order(path: Path) -> None:
    """Whatever is in them, and however many they are."""
    with read_beside.reading(path, lambda _: some(1_234), Line) as begin:
        there = list(begin(""))
    assert [each[:2] for each in there] == [each[:2] for each in some(1_234)]
    assert os.getpid() not in {each.process for each in there}


def test_a_small_file_is_read_in_the_same_process(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is any where there is one processor."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with read_beside.reading(path, lambda _: some(3), Line) as begin:
        assert {each.process for each in begin("")} == {os.getpid()}


@pytest.mark.parametrize("processors", [1, 2])
def test_a_reader_hears_in_which_order_rows_are_wanted(
    path: Path, monkeypatch: pytest.MonkeyPatch, processors: int
) -> None:
    """Once that is known, in either process."""
    monkeypatch.setattr(os, "cpu_count", lambda: processors)

    def named(ask: read_beside.Ask) -> Iterator[Line]:
        yield Line(0, {"order": ask()}, os.getpid())

    with read_beside.reading(path, named, Line) as begin:
        (line,) = begin("1-žluť")
    assert line.values == {"order": "1-žluť"}


def test_whoever_begins_nothing_ends_a_reader_that_waits(path: Path) -> None:
    """As where the company is not on the register."""
    with read_beside.reading(path, lambda ask: some(len(ask())), Line):
        pass
    assert active_children() == []


def test_an_error_of_the_reader_comes_after_the_lines_before_it(path: Path) -> None:
    """With its code and what to do."""
    error = UpheldError("line 9 is not CSV", code="bad-line", hint="mend it")
    there: list[int] = []
    with (
        pytest.raises(UpheldError) as caught,
        read_beside.reading(path, lambda _: some(700, error), Line) as begin,
    ):
        there.extend(each.number for each in begin(""))
    assert (caught.value.code, caught.value.hint, str(caught.value)) == (
        "bad-line",
        "mend it",
        "line 9 is not CSV",
    )
    assert there == list(range(500))


def test_a_reader_that_is_killed_is_an_error_and_no_end_of_the_file(path: Path) -> None:
    """Nobody takes half of a file for all of it."""

    def dying(_: read_beside.Ask) -> Iterator[Line]:
        yield from some(501)
        os.kill(os.getpid(), signal.SIGKILL)

    with (
        pytest.raises(UpheldError) as caught,
        read_beside.reading(path, dying, Line) as begin,
    ):
        assert len(list(begin(""))) >= 500
    assert caught.value.code == "reader"


def test_a_reader_that_is_killed_in_the_middle_of_a_message_is_the_same_error() -> None:
    """Whoever takes in gets no other one from the pipe."""
    receiver, sender = get_context("fork").Pipe(duplex=False)
    os.write(sender.fileno(), (1_000).to_bytes(4, "big") + b"r")
    sender.close()
    with pytest.raises(UpheldError) as caught:
        list(read_beside._receive(receiver, Line))
    assert caught.value.code == "reader"
    receiver.close()


class ReaderError(UpheldError, ValueError):
    """An error that is caught by its class."""


@pytest.mark.parametrize("processors", [1, 2])
@pytest.mark.parametrize(
    ("error", "kind", "code", "message"),
    [
        (ValueError("marked-value"), UpheldError, "reader-error", "ValueError"),
        (OSError(5, "Input/output error"), UpheldError, "reader-error", "Input/output error"),
        (ReaderError("no", code="bad-line"), ReaderError, "bad-line", "no"),
        (ModuleNotFoundError("no", name="pyarrow"), UpheldError, "missing-extra", "`pyarrow`"),
    ],
)
def test_whatever_goes_wrong_in_a_reader_is_said_without_a_value(  # noqa: PLR0913, PLR0917 - a case and two fixtures
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    processors: int,
    error: Exception,
    kind: type[UpheldError],
    code: str,
    message: str,
) -> None:
    """In either process: an error of ours is of its class, another one is told by its kind."""
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    with (
        pytest.raises(UpheldError) as caught,
        read_beside.reading(path, lambda _: some(3, error), Line) as begin,
    ):
        list(begin(""))
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert message in str(caught.value)
    assert "marked-value" not in str(caught.value) + capfd.readouterr().err


def test_whoever_stops_in_the_middle_stops_the_reader_too(path: Path) -> None:
    """It would read for ever."""

    def endless(_: read_beside.Ask) -> Iterator[Line]:
        return (Line(number, {}, os.getpid()) for number in count())

    with read_beside.reading(path, endless, Line) as begin:
        process = next(begin("")).process
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_what_is_left_out_is_in_its_file_as_soon_as_it_is_told(tmp_path: Path) -> None:
    """So that a reading that is killed has lost none; the next one writes below."""
    path = tmp_path / "out.csv"
    with side_file.writing(path) as tell:
        tell([LeftOut(2, "unmatched")])
        assert path.read_text() == "line,why\n2,unmatched\n"
    with side_file.writing(path) as tell:
        tell([LeftOut(3, "refused")])
    assert path.read_text() == "line,why\n2,unmatched\n3,refused\n"
