"""Commands that are killed: a process dies by SIGKILL before a transaction is kept, or right after.

It dies when all of the transaction is written and nothing is committed, or when it is committed and
nobody was told.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cli.homes import run
from upheld.core.errors import UpheldError
from upheld.gate.gate import Gate
from upheld.gate.transaction import GateTransaction

BEFORE, AFTER = "before its commit", "after it"
Row = tuple[Any, ...]


def rows_in(home: Path) -> dict[str, list[Row]]:
    """Every row of every table."""
    with sqlite3.connect(home / "provider.db") as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for (name,) in names
        }


def die(*_: object, **__: object) -> None:
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def killed(work: Callable[[], object], when: str) -> None:
    """Do some work in a process that dies at its first transaction."""
    with dying_child() as is_child:
        if is_child:
            whole = Gate.together

            @contextmanager
            def together(gate: Gate) -> Iterator[GateTransaction]:
                with whole(gate) as transaction:
                    yield transaction
                    if when == BEFORE:
                        die()
                die()

            vars_of_gate: Any = Gate
            vars_of_gate.together = together
            work()


@contextmanager
def dying_child() -> Iterator[bool]:
    """Whether this is another process, which has to die by SIGKILL before the block ends."""
    child = os.fork()
    if child == 0:
        try:
            yield True
        finally:
            os._exit(1)
    yield False
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), status
    assert os.WTERMSIG(status) == signal.SIGKILL


def twice(home: Path, *words: str, again: str = "legal-state") -> None:
    """Take a step by command, killed before it is kept and after; it is done whole then, once."""
    before = rows_in(home)
    killed(partial(run, home, *words), BEFORE)
    assert rows_in(home) == before
    killed(partial(run, home, *words), AFTER)
    assert rows_in(home) != before
    if again:
        with pytest.raises(UpheldError) as caught:
            run(home, *words)
        assert caught.value.code == again
