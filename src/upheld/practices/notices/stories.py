"""Which clauses a provider's stories would miss: what `upheld mutate --json` found, read again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from upheld.core.errors import UpheldError

CLAUSE: Final = "clause"
SENTENCES: Final = {  # by what came of a clause that was struck
    "changes": "Without it, a story that our tests tell of the running systems ends otherwise.",
    "dead": "No story that our tests tell of the running systems would miss it yet.",
    "equal": "Other clauses say the same without it.",
    "needed": "The policy cannot be read without it.",
}
BYTES_MAX: Final = 64 * 1024 * 1024


class _Finding(msgspec.Struct):
    kind: str
    clause: str
    came: str


class _Report(msgspec.Struct):
    policy: str
    findings: list[_Finding]


class StoriesError(UpheldError):
    """A file that is not what `upheld mutate --json` prints."""


def read_stories(path: Path, digest: str) -> Mapping[str, str]:
    """What came of each clause, in a word; nothing where another version of the policy was tried.

    StoriesError for a file that cannot be read.
    """
    hint = "write it with `upheld mutate POLICY --stories COMMAND --json`"
    try:
        with path.open("rb") as source:
            raw = source.read(BYTES_MAX)
    except OSError as error:
        raise StoriesError(
            f"{path} cannot be read: {error.strerror}", code="stories", hint=hint
        ) from None
    try:
        report = msgspec.json.decode(raw, type=_Report)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise StoriesError(
            f"{path} is not a report of stories", code="stories", hint=hint
        ) from None
    if report.policy != digest:
        return {}
    return {
        each.clause: each.came
        for each in report.findings
        if each.kind == CLAUSE and each.came in SENTENCES
    }
