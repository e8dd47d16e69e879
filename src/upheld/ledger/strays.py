"""Files in an export that its checkpoint does not need: older partial tiles, and what lies beyond.

An older partial tile must be the beginning of the one that followed it, or whoever kept an older
checkpoint would be told something else. What lies beyond the checkpoint proves nothing and is
listed, so that nobody takes it for part of the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from upheld.ledger.audit import Audit
from upheld.ledger.tiles import DISCLOSED, WIDTH, tile_path, width_of

_PATH: Final = re.compile(
    r"(tile/(?P<level>0|[1-9][0-9]?)|tile/entries|disclosed)"
    r"(?P<index>(?:/x[0-9]{3})*/[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


def look_around(audit: Audit, folder: Path, size: int) -> list[str]:
    """Find older files that do not agree with newer ones; list what the checkpoint leaves out."""
    beyond = []
    for name in _names(folder):
        match = _PATH.fullmatch(name)
        if not match:
            beyond.append(name)
            continue
        level, kind = int(match["level"] or 0), match[1]
        index = int(match["index"].replace("/", "").replace("x", ""))
        width, expected = int(match["width"] or WIDTH), width_of(size, level, index)
        if width > expected:
            beyond.append(name)
        elif width < expected:
            newer = tile_path(level if match["level"] else kind, index, expected)
            if not _begins(folder / newer, folder / name):
                audit.find("changed", name, f"it is not the beginning of {newer}")
    return beyond


def _names(folder: Path) -> Iterator[str]:
    for part in ("tile", DISCLOSED):
        for path in sorted((folder / part).rglob("*")):
            if path.is_file() and not path.name.startswith("."):  # what a killed export left
                yield path.relative_to(folder).as_posix()


def _begins(newer: Path, older: Path) -> bool:
    """Whether the older file is the beginning of the newer one; true where that one is not there.

    A newer file that is missing was found before, and says nothing against the older one.
    """
    try:
        return newer.read_bytes().startswith(older.read_bytes())
    except OSError:
        return True
