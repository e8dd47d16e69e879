"""Files that pass lie in memory where there is room, since a disk takes long to sync each commit.

Everything syncs as it would in earnest, and is read back the same; only the disk is not waited for.
A machine with little memory, or whose memory holds no programs, uses its usual folder, as does
whoever sets TMPDIR.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

SHARED = Path("/dev/shm")  # noqa: S108 - what is made in it has names that nobody guesses
ROOM = 8 * 2**30  # bytes; a run on two cores at the long size needs less


def use() -> None:
    """Let this process, and those that it starts, make their passing files in memory."""
    if "TMPDIR" not in os.environ and _has_room():
        os.environ["TMPDIR"] = str(SHARED)
        tempfile.tempdir = None  # which may have been chosen before


def _has_room() -> bool:
    try:
        folder = os.statvfs(SHARED)
        memory = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return False
    free = re.search(r"^MemAvailable: +(\d+) kB$", memory, re.MULTILINE)
    return (
        free is not None
        and int(free[1]) * 1024 >= ROOM
        and folder.f_bavail * folder.f_frsize >= ROOM
        and not folder.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
        and os.access(SHARED, os.W_OK)
    )
