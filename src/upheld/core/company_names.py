"""How people read a company that the register of parties names by a word for programs."""

import re
from collections.abc import Mapping
from typing import Final

_WORD: Final = re.compile(r"(?![0-9a-f]{32}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
"""Lower case, joined by hyphens; the id of somebody is none."""
_names: dict[str, str] = {}


def use_names(names: Mapping[str, str]) -> None:
    """Call companies by these names from now on, by their words, in place of those until now."""
    _names.clear()
    _names.update(names)


def company_name(party: str) -> str:
    """A company's name: that of the register, or `Harbour Collections` of `harbour-collections`.

    What is no such word, such as a name that is written out or an id, stays as it is.
    """
    if party in _names:
        return _names[party]
    return party.replace("-", " ").title() if _WORD.fullmatch(party) else party
