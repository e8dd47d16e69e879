"""Groups of our pages, fixed as bands are: which of them somebody looked at in a month.

Who knows that and who asks it are practices that know nothing of one another.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from upheld.core.ids import PersonId
from upheld.gate.gate import Gate

_FILE: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("page_groups.toml").read_text(encoding="utf-8")
)
PAGE_GROUPS: Final[Mapping[str, str]] = {word: its["label"] for word, its in _FILE.items()}
OTHER: Final = "other"
VISITED: Final = "page-request"  # the kind of data that a visit of a page is
_BEGINNINGS: Final = sorted(
    ((path, word) for word, its in _FILE.items() for path in its["paths"]),
    key=lambda pair: -len(pair[0]),
)
# The groups that people looked at in a month, such as 2026-10, of whom that is known.
MonthOfPages = Callable[[Gate, str], Mapping[PersonId, set[str]]]
# The groups that people looked at on a day, such as 2026-10-12, or later, each with the last day.
RecentPages = Callable[[Gate, str], Mapping[PersonId, Mapping[str, str]]]


def group_of(route: str) -> str:
    """The group of a page: that of the longest beginning of its path that is on the list."""
    for beginning, word in _BEGINNINGS:
        if route == beginning or route.startswith(f"{beginning}/"):
            return word
    return OTHER
