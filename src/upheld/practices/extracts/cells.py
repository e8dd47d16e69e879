"""What a row of an extract can say of somebody: bands of a fixed list, and no value.

Pure: the columns there are, and the cells of a row from what is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from upheld.practice import amounts, bands
from upheld.practice.amounts import MEASURES


class ExtractColumn(NamedTuple):
    """One thing that rows can say: its word, how people call it, the kind of data it is made of."""

    word: str
    label: str
    field: str

    @property
    def is_monthly(self) -> bool:
        """Whether it has a cell for each month."""
        return self.word in MEASURES


COLUMNS: Final[Mapping[str, ExtractColumn]] = {
    each.word: each
    for each in (
        *(ExtractColumn(w, its["label"], its["field"]) for w, its in bands.DIMENSIONS.items()),
        ExtractColumn(bands.AREA, "Area", bands.AREA),
        *(ExtractColumn(w, its.label, w) for w, its in MEASURES.items()),
    )
}


def headings(columns: Sequence[str], months: Sequence[str]) -> list[str]:
    """The heads of the cells of a row, in their order."""
    result = []
    for each in (COLUMNS[word] for word in columns):
        if each.is_monthly:
            result += [f"{each.label}, {amounts.month_name(month)}" for month in months]
        else:
            result.append(each.label)
    return result


def cells(
    columns: Sequence[str],
    months: Sequence[str],
    values: Mapping[str, str],
    series: Mapping[str, Sequence[str]],
    today: date,
) -> list[list[str]]:
    """The cells of somebody's row, each with its bands; with none where nothing is known."""
    mine = _bands(values, today)
    result = []
    for word in columns:
        if word in MEASURES:
            its = MEASURES[word]
            amount = amounts.by_month(its, series.get(word, ()))
            result += [
                [its.band(its.band_of(amount[each]))] if each in amount else [] for each in months
            ]
        elif word == bands.AREA:
            result.append(sorted(mine.get(word, set())))
        else:
            labels = dict(bands.options(word))
            result.append([labels[each] for each in sorted(mine.get(word, set()))])
    return result


def order(columns: Sequence[str], months: Sequence[str], at: int) -> list[str]:
    """The bands that cells under a heading can have, in their order; none for areas."""
    word = [each for each in columns for _ in (months if each in MEASURES else [each])][at]
    if word in MEASURES:
        its = MEASURES[word]
        return [its.band(each) for each in range(len(its.edges))]
    return [] if word == bands.AREA else [label for _, label in bands.options(word)]


def _bands(values: Mapping[str, str], today: date) -> dict[str, set[str]]:
    """The bands somebody is in; none by a value that says none."""
    try:
        return bands.bands_of(values, today)
    except ValueError:  # a birth date of before there was a check of it
        return bands.bands_of({k: v for k, v in values.items() if k != bands.BORN}, today)
