"""A crosstab of an extract: how many of its people are in which two bands at once, at the desk.

The people are read as rows are, each by the policy's decision and with an entry, in lots. Nothing
of it is kept, and there is no file of it: counts that leave the desk are reports, with noise.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Final, NamedTuple

from upheld.core.ids import ExtractId, UserId
from upheld.gate.gate import Gate
from upheld.practices.extracts import cells, extracts
from upheld.practices.extracts.extracts import LOT, TOO_FEW, Extract, ExtractError

COUNTED_MAX: Final = 10_000  # people: the page of more would keep its reader waiting
NOT_KNOWN: Final = "Not known"


class Crosstab(NamedTuple):
    """Counts of people, a line for each band of the one heading and a column for the other's.

    Who is in several bands of a heading counts in each, so `people` is no sum of the counts.
    """

    down: list[str]
    across: list[str]
    counts: Counter[tuple[str, str]]
    people: int


def crosstab(
    gate: Gate, extract_id: ExtractId, down: int, across: int, user_id: UserId
) -> Crosstab | None:
    """How many people of an extract are in which bands of two of its headings, by their places.

    None where so few are left that it has ended. ExtractError where it is not open, is of more
    people than are counted at once, or has no such headings.
    """
    with gate.together() as transaction:
        its = extracts.begin_reading(transaction, extract_id, user_id)
        heads = cells.headings(its.wish.columns, its.wish.month_words)
        if down == across or not {down, across} <= {*range(len(heads))}:
            raise _error("a crosstab is of two things that rows say", "choose two from the lists")
        people = sorted(extracts.people_of(transaction.tables, its))
        if len(people) > COUNTED_MAX:
            raise _error(
                f"this extract is of more than {COUNTED_MAX:,} people",
                "ask for one of fewer: one person in 10, or in 100",
            )
    counts, total = Counter[tuple[str, str]](), 0
    for first in range(0, len(people), LOT):
        with gate.together() as transaction:
            its = extracts.require_open(transaction, extract_id)
            read = extracts.read_cells(transaction, its, people[first : first + LOT])
        total += len(read)
        for row in read.values():
            counts.update(product(row[down] or [NOT_KNOWN], row[across] or [NOT_KNOWN]))
    if total < extracts.least(gate.policy):
        with gate.together() as transaction:
            extracts.require_open(transaction, extract_id)
            extracts.end(transaction, extract_id, TOO_FEW)
        return None
    lines, columns = ({pair[at] for pair in counts} for at in (0, 1))
    return Crosstab(_in_order(its, down, lines), _in_order(its, across, columns), counts, total)


def _in_order(its: Extract, at: int, labels: set[str]) -> list[str]:
    """The bands that somebody is in, in the order of the list; those without one come last."""
    every_band = cells.order(its.wish.columns, its.wish.month_words, at)
    bands = labels - {NOT_KNOWN}
    result = [each for each in every_band if each in bands] if every_band else sorted(bands)
    return [*result, NOT_KNOWN] if NOT_KNOWN in labels else result


def _error(sentence: str, hint: str) -> ExtractError:
    return ExtractError(sentence, code="extract", hint=hint)
