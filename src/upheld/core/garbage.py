"""Work on a crowd without searching for what nobody can reach any more.

Python looks through all that lives whenever some hundreds more objects do. Where a thousand people
are read at once, of each some dozens, it looks through them again and again and finds nothing: that
took a quarter of the time. What goes by itself goes as always.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_blocks = 0  # that are open, of all threads


@contextmanager
def no_search() -> Iterator[None]:
    """A short piece of work in which nothing is searched for; other threads do not either."""
    global _blocks  # noqa: PLW0603 - whether Python searches is a matter of the process
    with _LOCK:
        was_on = _blocks > 0 or gc.isenabled()
        _blocks += 1
        gc.disable()
    try:
        yield
    finally:
        with _LOCK:
            _blocks -= 1
            if was_on and not _blocks:
                gc.enable()
