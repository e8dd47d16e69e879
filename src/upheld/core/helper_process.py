"""A second process that works for this one: a file of ours, run by its path, over two pipes.

It has no secret in its arguments or its environment: what it needs is sent to it. Whoever uses it
does the same work here where it was killed, stands still or cannot be started.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from typing import Final

PASSED_ON: Final = ("LD_LIBRARY_PATH",)  # of the environment: without it Python may not start


class HelperProcess:
    """A process that runs a file of ours; OSError where the system starts none."""

    def __init__(self, file: str) -> None:
        self._child = subprocess.Popen(  # noqa: S603 - our own file, by our own Python
            [sys.executable, "-I", file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
        )
        self.pid, self.kill = self._child.pid, self._child.kill

    @property
    def pipes(self) -> tuple[int, int]:
        """To the process, and from it."""
        to, from_ = self._child.stdin, self._child.stdout
        if to is None or from_ is None:
            raise TypeError("a helper has two pipes")
        return to.fileno(), from_.fileno()

    def stop(self) -> None:
        """End the process, whatever it does, and close its pipes."""
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._child.wait()
