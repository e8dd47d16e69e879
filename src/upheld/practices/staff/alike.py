"""What waits for somebody at the desk, of which more than a few alike are one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from upheld.practice.plugin import PendingAction

FEW: Final = 3  # lines that say the same, each of which leads to its own page


def in_few_lines(actions: Iterable[PendingAction]) -> list[PendingAction]:
    """What waits, in its order; of more than a few that say the same, one line says how many.

    It leads to where all of them are listed, and stands where the first one stood. What is listed
    nowhere keeps its own line.
    """
    every = list(actions)
    counts = Counter((each.sentence, each.listed_at) for each in every if each.listed_at)
    lines: dict[PendingAction, None] = {}
    for each in every:
        number = counts[each.sentence, each.listed_at]
        if number > FEW:
            sentence = f"{each.sentence} There are {number:,} of these."
            lines[PendingAction(sentence, "Look at them", each.listed_at)] = None
        else:
            lines[each] = None
    return list(lines)
