"""Processes that tests start and that never outlive a test, their ports, and how they are awaited.

Nothing here asserts how fast a machine is: what is waited for may take a hundred times as long.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

import pytest

PATIENCE: Final = 180.0  # seconds until what never comes to be so is given up
LOOK_SECONDS: Final = 0.05
# Below the ports that Linux gives to whoever asks for none, so that nobody gets one by chance
# between its choice and its use; each process begins elsewhere.
PORTS: Final = range(12_000, 32_000)
HEARS_CTRL_C: Final = (  # `upheld`, also where whoever started the tests lets it be ignored
    sys.executable,
    "-c",
    (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "runpy.run_module('upheld', run_name='__main__', alter_sys=True)"
    ),
)
_PORTS: Final = count(os.getpid() * 97)


@contextmanager
def child(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a command and wait for its end; killed at once where the test fails before it.

    `subprocess.Popen` alone would wait for ever for a server that nobody stops any more.
    """
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def free_port() -> int:
    """A port of this machine that nobody listens on, another one each time."""
    for number in _PORTS:
        port = PORTS[number % len(PORTS)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("the numbers do not end")


def wait_until(is_so: Callable[[], object]) -> None:
    """Wait until something has come to be so; AssertionError where it never does."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it never came to be so"
        time.sleep(LOOK_SECONDS)


def wait_for_port(port: int) -> None:
    """Wait until somebody listens on a port of this machine."""

    def listens() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except OSError:
            return False
        return True

    wait_until(listens)


def make_patient(patch: pytest.MonkeyPatch) -> None:
    """Wait longer for locks, and for the processes that help upheld, than upheld itself does."""
    from upheld.database import engines
    from upheld.practices.takeovers import age_helper
    from upheld.vault import opened_ahead

    patch.setattr(engines, "WAIT_SECONDS", round(PATIENCE))
    patch.setitem(engines.PRAGMAS, "busy_timeout", (round(PATIENCE) * 1000,) * 2)
    patch.setattr(age_helper, "WAIT_MAX", PATIENCE)
    patch.setattr(opened_ahead, "WAIT_MAX", PATIENCE)
