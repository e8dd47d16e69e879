"""One function of many things, in several processes at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
_CHUNK = 4  # things that a process takes at a time: their costs differ


class _State:
    """What a process that was forked works on: its results alone are sent anywhere."""

    work: Callable[[Any], Any]
    items: Sequence[Any] = ()


def side_by_side(work: Callable[[T], R], items: Sequence[T], processes: int) -> Iterator[R]:
    """The results, in the order of the items, as they come; an error of any is raised here."""
    count = min(processes, -(-len(items) // _CHUNK))
    if count <= 1:
        yield from map(work, items)
        return
    pool = ProcessPoolExecutor(
        count, mp_context=get_context("fork"), initializer=_begin, initargs=(work, items)
    )
    with pool:
        yield from pool.map(_one, range(len(items)), chunksize=_CHUNK)


def _begin(work: Callable[[Any], Any], items: Sequence[Any]) -> None:
    _State.work, _State.items = work, items


def _one(number: int) -> Any:
    return _State.work(_State.items[number])
