"""The policy's file on disk beside the version in force: it is only an offer of a draft.

Where a version was posted the database says which one is in force. What is in the file is compared
at start, at each reload and by the self-check, and never obeyed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final, NamedTuple

from upheld.core.errors import PolicyError
from upheld.policy.load import load

SAME: Final = "unchanged"
OFFERED: Final = "offered"
REFUSED: Final = "refused"
_LOG = logging.getLogger("upheld.versions")


class FileState(NamedTuple):
    """What a file is beside the version in force; `fault` is the first one of a file with some."""

    state: str
    digest: str = ""
    fault: str = ""

    def __str__(self) -> str:
        if self.state == SAME:
            return "the version in force"
        if self.state == REFUSED:
            return f"cannot be read as a policy: {self.fault}"
        return (
            f"another text, digest {self.digest[:12]}: `upheld version draft` makes a draft of it"
        )


def file_state(path: Path, in_force: str) -> FileState:
    """Compare a file with the version in force, by their digests."""
    try:
        digest = load(path).digest
    except PolicyError as error:
        return FileState(REFUSED, fault=error.faults[0].message if error.faults else "")
    return FileState(SAME if digest == in_force else OFFERED, digest)


def warn_of_file(path: Path, in_force: str) -> None:
    """Say in the log where a file is not the version in force."""
    there = file_state(path, in_force)
    if there.state != SAME:
        _LOG.warning("%s is not the version in force: %s", path.name, there)
