"""The fixed bands of people for advertisements and reports, and who is in which."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from upheld.policy.english import word_list

AREA: Final = "zip"
AREA_DIGITS: Final = 3
OLDEST: Final = 150  # years: a band up to this age has no end
Criteria = Mapping[str, Sequence[str]]  # dimension, to the bands of which one has to be met
_FILE: Final = tomllib.loads(Path(__file__).with_name("bands.toml").read_text(encoding="utf-8"))
CATEGORIES: Final[tuple[str, ...]] = tuple(_FILE.pop("categories"))
# What people did, of which advertisements alone know the bands.
ACTIVITIES: Final[dict[str, dict[str, Any]]] = {
    name: _FILE.pop(name) for name in [*_FILE] if "told-by" in _FILE[name]
}
DIMENSIONS: Final[dict[str, dict[str, Any]]] = _FILE  # what people are by what they told us
TARGETS: Final = {**DIMENSIONS, **ACTIVITIES}
BORN: Final = "birth-date"
FIELD_OF: Final = {**{each: str(its["field"]) for each, its in TARGETS.items()}, AREA: AREA}
_TOLD_BY: Final = {  # the dimensions of which a field tells
    field: tuple(each for each in (*DIMENSIONS, AREA) if FIELD_OF[each] == field)
    for field in FIELD_OF.values()
}
SEEN_MAX: Final = 200_000
SeenValues = dict[str, dict[str, dict[str, set[str]]]]  # by field the bands of a value, on a day


def options(dimension: str) -> list[tuple[str, str]]:
    """The bands of a dimension, each with how people call it."""
    its = TARGETS[dimension]
    if "bands" in its:
        return [
            (each, f"{low} to {high}" if high < OLDEST else f"{low} and over")
            for each, (low, high) in its["bands"].items()
        ]
    return [(each, each) for each in its["words"]]


def fields_of(criteria: Criteria) -> tuple[str, ...]:
    """The kinds of data by which criteria are checked; the birth date is always one of them."""
    return tuple(sorted({BORN, *(FIELD_OF[each] for each in criteria)}))


def describe(criteria: Criteria) -> list[str]:
    """Criteria as sentences, one for each dimension."""
    sentences = []
    for dimension, bands in criteria.items():
        if dimension == AREA:
            sentences.append(f"Zip code: begins with {word_list(bands)}")
            continue
        labels = dict(options(dimension))
        words = word_list(labels[each] for each in bands)
        sentences.append(f"{TARGETS[dimension]['label']}: {words}")
    return sentences


def age_on(born: str, today: date) -> int:
    """The age in whole years of somebody who was born on a day."""
    day = date.fromisoformat(born)
    return today.year - day.year - ((today.month, today.day) < (day.month, day.day))


def bands_of(
    values: Mapping[str, str], today: date, seen: SeenValues | None = None
) -> dict[str, set[str]]:
    """The bands in which somebody is by what is known about them, for each dimension.

    Where many people are looked at on a day, what was `seen` once is not worked out again.
    """
    result: dict[str, set[str]] = {}
    memory: SeenValues = {} if seen is None else seen
    for field, value in values.items():
        if (its := memory.get(field)) is None:
            its = memory[field] = {}
        key = value[:AREA_DIGITS] if field == AREA else value
        if (bands := its.get(key)) is None:
            if len(its) >= SEEN_MAX:
                its.clear()
            dimensions = _TOLD_BY.get(field, ()) if value else ()
            bands = its[key] = {each: _bands_in(each, value, today) for each in dimensions}
        result.update(bands)
    return result


def _bands_in(dimension: str, value: str, today: date) -> set[str]:
    """The bands of a dimension in which somebody is by a value."""
    if dimension == AREA:
        return {value[:AREA_DIGITS]}
    its = DIMENSIONS[dimension]
    if "bands" in its:
        age = age_on(value, today)
        return {word for word, (low, high) in its["bands"].items() if low <= age <= high}
    words = {each.strip().casefold() for each in re.split(r"[,;\n]", value)}
    return {band for band, its_words in its["words"].items() if words & {*its_words}}


def bands_of_texts(dimension: str, texts: Iterable[str]) -> set[str]:
    """The bands of what somebody did by the texts that tell of it, word by word."""
    words = {word for text in texts for word in re.findall(r"\w+", text.casefold())}
    return {band for band, its in ACTIVITIES[dimension]["words"].items() if words & {*its}}


def meets(criteria: Criteria, bands: Mapping[str, set[str]]) -> bool:
    """Whether somebody in these bands meets all criteria."""
    return all({*wanted} & bands.get(dimension, set()) for dimension, wanted in criteria.items())
