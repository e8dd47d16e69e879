"""What the tests try on a provider's reliability, how often, and what was lost by it.

A test says what it tried once it has looked; a page is made of that, by a command
(bench/reliability.py). Goes in: the environment variable UPHELD_TALLY, the file to which each
process of a run appends what it tried.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Engine

FILE: Final = os.environ.get("UPHELD_TALLY", "")
NAMES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class Tried(msgspec.Struct, frozen=True):
    """Something that was tried on a database, how often, and how many of what it risked is gone."""

    kind: str
    what: str
    where: str
    times: int
    lost: int


DONE: Final[list[Tried]] = []


def tried(kind: str, what: str, where: Engine | str, times: int, lost: int = 0) -> None:
    """Say what was tried: of which kind, on an engine or an address, how often, what was lost."""
    name = where.dialect.name if isinstance(where, Engine) else where.partition(":")[0]
    DONE.append(Tried(kind, what, NAMES.get(name, name), times, lost))


def tell() -> None:
    """Append what this process tried to the file that was named."""
    if FILE and DONE:
        with Path(FILE).open("ab") as out:
            out.writelines(msgspec.json.encode(each) + b"\n" for each in DONE)
        DONE.clear()


def told(path: Path) -> list[Tried]:
    """What some processes tried, alike things together."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for line in path.read_bytes().splitlines():
        each = msgspec.json.decode(line, type=Tried)
        sums = found.setdefault((each.kind, each.what, each.where), [0, 0])
        sums[0] += each.times
        sums[1] += each.lost
    return [Tried(*names, *sums) for names, sums in found.items()]
