"""A date as a person types it: day, month and year, each in a field of its own.

A mistake is one sentence, with the parts that are wrong, so that a form can point at them. Digits
of any script are read, and a month may be written as a word.
"""

from __future__ import annotations

import calendar
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Final

from starlette.datastructures import FormData

PARTS: Final = ("day", "month", "year")
MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_SHORTEST: Final = 3  # letters of a month's name
_YEAR_DIGITS: Final = 4


class DateError(ValueError):
    """A date that is none: a sentence for its reader, and which parts are wrong."""

    def __init__(self, sentence: str, *parts: str) -> None:
        super().__init__(sentence)
        self.parts = parts or PARTS


def parts_of(name: str, form: FormData | Mapping[str, str]) -> dict[str, str]:
    """The three texts of a date, by the names of their fields.

    A date that was sent whole, as from a page that was opened before there were three fields, is
    divided.
    """
    keys = {part: f"{name}-{part}" for part in PARTS}
    if not any(key in form for key in keys.values()):
        return divided(name, _text(form, name))
    return {key: _text(form, key).strip() for key in keys.values()}


def divided(name: str, iso: str) -> dict[str, str]:
    """The three texts of a date such as 1990-12-31, by the names of their fields."""
    year, _, rest = iso.partition("-")
    month, _, day = rest.partition("-")
    return {f"{name}-day": day, f"{name}-month": month, f"{name}-year": year}


def read_date(day: str, month: str, year: str) -> str:
    """A date as 1990-12-31. Raises DateError."""
    texts = dict(zip(PARTS, (day, month, year), strict=True))
    if missing := [part for part, text in texts.items() if not text]:
        words = ", ".join(missing[:-1]) + (" and " if missing[:-1] else "") + missing[-1]
        raise DateError(f"Enter the {words}.", *missing)
    numbers = {part: _number(text) for part, text in texts.items()}
    numbers["month"] = numbers["month"] or _named_month(month)
    if len(_digits(year)) != _YEAR_DIGITS or not numbers["year"]:
        raise DateError("Write the year with four digits, such as 1990.", "year")
    if not 1 <= (numbers["month"] or 0) <= len(MONTHS):
        raise DateError("Write the month as a number from 1 to 12.", "month")
    if not numbers["day"]:
        raise DateError("Write the day as a number, such as 31.", "day")
    return _existing_day(numbers["day"], numbers["month"] or 0, numbers["year"])


def _existing_day(day: int, month: int, year: int) -> str:
    """The date of three numbers, where that month has such a day."""
    last = calendar.monthrange(year, month)[1]
    if day > last:
        name = MONTHS[month - 1].capitalize()
        whole = f"{name} {year}" if name == "February" else name
        raise DateError(f"{whole} has only {last} days. Check the day and the month.", "day")
    return date(year, month, day).isoformat()


def _text(form: FormData | Mapping[str, str], key: str) -> str:
    value = form.get(key, "")
    return value if isinstance(value, str) else ""  # a file where a text belongs


def _digits(text: str) -> str:
    """The digits of a text as those of ASCII; empty where something else is in it."""
    values = [unicodedata.decimal(each, None) for each in text]
    return "" if None in values else "".join(str(each) for each in values)


def _number(text: str) -> int | None:
    digits = _digits(text)
    return int(digits) if 0 < len(digits) <= _YEAR_DIGITS else None


def _named_month(text: str) -> int | None:
    word = text.rstrip(".").lower()
    if len(word) < _SHORTEST:
        return None
    return next((at for at, name in enumerate(MONTHS, 1) if name.startswith(word)), None)
