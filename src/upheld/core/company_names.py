"""How people read a company that the register of parties names by a word for programs."""

import re
from typing import Final

_WORD: Final = re.compile(r"(?![0-9a-f]{32}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
"""Lower case, joined by hyphens; the id of somebody is none."""


def company_name(party: str) -> str:
    """A company's name: `Harbour Collections` of `harbour-collections`.

    What is no such word, such as a name that is written out or an id, stays as it is.
    """
    return party.replace("-", " ").title() if _WORD.fullmatch(party) else party
