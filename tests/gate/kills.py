"""A process that does some work over and over, and is killed at a moment of the test's choice.

It is forked, and has to open databases of its own: none can be shared with the test.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable


def killed(work: Callable[[Callable[[str], None]], None], wait: float) -> list[str]:
    """What a process said that did some work over and over, and was killed after a while."""
    ours, theirs = os.pipe()

    def said(word: str) -> None:
        os.write(theirs, f"{word}\n".encode())

    child = os.fork()
    if child == 0:
        try:
            while True:
                work(said)
        finally:
            os._exit(1)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        first = pipe.readline()
        time.sleep(wait)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return [line.strip() for line in (first, *pipe.readlines()) if line.endswith("\n")]
