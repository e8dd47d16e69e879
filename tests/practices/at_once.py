"""Processes of their own that work on the house of a test at the same moment, or are killed in it.

Each is forked and opens the database anew: nothing of it is shared with the test or another.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from practices.conftest import House
from processes import PATIENCE
from upheld.core.errors import UpheldError
from upheld.gate.gate import Gate
from upheld.gate.transaction import GateTransaction

Opener = Callable[..., House]
Work = Callable[[House], object]
KILLED: Final = -signal.SIGKILL


def _again(open_house: Opener, house: House) -> House:
    """The house once more, with the same clock, for a process that was just forked."""
    signal.alarm(round(PATIENCE))  # so that none outlives its test
    mine = open_house(house.policy)
    mine.clock.moved = house.clock.moved
    return mine


@contextmanager
def _ending() -> Iterator[None]:
    """End the process that was just forked after the block: well, or with its error written."""
    try:
        yield
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(1)


def at_once(open_house: Opener, house: House, works: Sequence[Work]) -> list[str]:
    """What each of some pieces of work gives, or its error's code, each in a process of its own.

    None begins before all of them are ready. The test fails where one dies of any other error.
    """
    house.provider.gate.gate.engine.dispose()
    ready, is_ready = os.pipe()
    begins, begin = os.pipe()
    answers: list[int] = []
    children: list[int] = []
    for work in works:
        answer, say = os.pipe()
        child = os.fork()
        if child == 0:
            with _ending():
                mine = _again(open_house, house)
                os.close(begin)
                os.write(is_ready, b".")
                os.read(begins, 1)  # until every other end is closed
                try:
                    text = str(work(mine))
                except UpheldError as error:
                    text = error.code
                os.write(say, text.encode())
        os.close(say)
        answers.append(answer)
        children.append(child)
    os.close(is_ready)
    count = 0
    while count < len(works):
        some = os.read(ready, len(works))
        assert some, "a process died before it began"
        count += len(some)
    os.close(begin)
    texts = [_read(each) for each in answers]
    statuses = [os.waitpid(each, 0)[1] for each in children]
    for each in (ready, begins):
        os.close(each)
    assert not any(statuses), "a process died of an error; it is written above"
    return texts


def _read(pipe: int) -> str:
    with os.fdopen(pipe, "rb") as file:
        return file.read().decode()


def ended(open_house: Opener, house: House, work: Work, *, at: int, is_kept: bool) -> int:
    """How a process ended that is killed at one of its transactions: 0 where it had fewer.

    It is killed before that is kept, or right after it `is_kept`.
    """
    house.provider.gate.gate.engine.dispose()
    child = os.fork()
    if child == 0:
        with _ending():
            mine = _again(open_house, house)
            whole, count = Gate.together, 0

            @contextmanager
            def together(gate: Gate, *words: Any) -> Iterator[GateTransaction]:
                nonlocal count
                count += 1
                its = count
                with whole(gate, *words) as transaction:
                    yield transaction
                    if its == at and not is_kept:
                        os.kill(os.getpid(), signal.SIGKILL)
                if its == at:
                    os.kill(os.getpid(), signal.SIGKILL)

            vars_of_gate: Any = Gate
            vars_of_gate.together = together
            work(mine)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
