"""A date is typed in three fields, and what is wrong names the field and what to do."""

from __future__ import annotations

import re
from datetime import date

import pytest
from starlette.datastructures import FormData

from upheld.gate.evidence.field_values import birth_date
from upheld.web.date_fields import PARTS, DateError, divided, parts_of, read_date
from upheld.web.forms import Field, read

TODAY = date(2026, 3, 11)
BORN = Field(
    "born",
    "Your birth date",
    "date",
    autocomplete="bday",
    check=lambda text: birth_date(text, TODAY),
)


def typed(*texts: str) -> dict[str, str]:
    """A form with day, month and year."""
    return {f"born-{part}": text for part, text in zip(PARTS, texts, strict=True)}


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        (("31", "12", "1990"), "1990-12-31"),
        (("1", "2", "2000"), "2000-02-01"),
        (("01", "02", "2000"), "2000-02-01"),
        (("29", "2", "2024"), "2024-02-29"),
        (("29", "2", "2000"), "2000-02-29"),
        (("11", "3", "2026"), "2026-03-11"),
        ((" 7 ", " 6 ", " 1985 "), "1985-06-07"),
        (("27", "March", "1990"), "1990-03-27"),
        (("27", "sept.", "1990"), "1990-09-27"),
        (("٢٧", "٣", "١٩٩٠"), "1990-03-27"),
        (("２７", "３", "１９９０"), "1990-03-27"),
        (("२७", "३", "१९९०"), "1990-03-27"),
    ],
)
def test_a_date_is_read_as_people_type_it(texts: tuple[str, str, str], value: str) -> None:
    """With or without zeros, a month as a word, digits of any script: one form is stored."""
    filled = read([BORN], typed(*texts))
    assert (filled.values, filled.errors) == ({"born": value}, {})


@pytest.mark.parametrize(
    ("texts", "parts", "sentence"),
    [
        (("", "", ""), PARTS, "Enter a date."),
        (("", "3", "1990"), ("day",), "Enter the day."),
        (("27", "", ""), ("month", "year"), "Enter the month and year."),
        (("29", "2", "2023"), ("day",), "February 2023 has only 28 days"),
        (("29", "2", "1900"), ("day",), "February 1900 has only 28 days"),
        (("30", "2", "2024"), ("day",), "February 2024 has only 29 days"),
        (("31", "4", "1990"), ("day",), "April has only 30 days"),
        (("0", "4", "1990"), ("day",), "Write the day as a number"),
        (("32", "1", "1990"), ("day",), "January has only 31 days"),
        (("-1", "1", "1990"), ("day",), "Write the day as a number"),
        (("²", "1", "1990"), ("day",), "Write the day as a number"),
        (("1", "13", "1990"), ("month",), "number from 1 to 12"),
        (("1", "0", "1990"), ("month",), "number from 1 to 12"),
        (("1", "ma", "1990"), ("month",), "number from 1 to 12"),
        (("1", "marchy", "1990"), ("month",), "number from 1 to 12"),
        (("1", "1", "90"), ("year",), "four digits"),
        (("1", "1", "0000"), ("year",), "four digits"),
        (("1", "1", "01990"), ("year",), "four digits"),
        (("1", "1", "199O"), ("year",), "four digits"),
        (("12", "3", "2026"), ("year",), "in the future"),
        (("1", "1", "9999"), ("year",), "in the future"),
        (("1", "1", "1880"), ("year",), "more than 130 years ago"),
        (("1\x00", "1", "1990"), ("day",), "Write the day as a number"),
        (("9" * 5000, "1", "1990"), ("day",), "Write the day as a number"),
    ],
)
def test_what_is_wrong_names_its_field(
    texts: tuple[str, str, str], parts: tuple[str, ...], sentence: str
) -> None:
    """The parts to look at, and a sentence that says what to do; what was typed stays."""
    form = typed(*texts)
    filled = read([BORN], form)
    assert tuple(filled.parts["born"]) == parts
    assert sentence in filled.errors["born"]
    assert filled.values == {}
    assert filled.shown == {key: text.strip() for key, text in form.items()}


def test_a_date_that_nobody_must_give_may_be_left_out() -> None:
    """All three empty is no answer; one of them is a date that was begun."""
    field = BORN._replace(required=False)
    assert read([field], typed("", "", "")).ok
    assert read([field], {}).ok
    assert not read([field], typed("", "", "1990")).ok


def test_a_date_that_was_sent_whole_is_divided() -> None:
    """A page that was opened before there were three fields sends one; it is read alike."""
    assert read([BORN], {"born": "1990-12-31"}).values == {"born": "1990-12-31"}
    for wrong in ("1990-02-30", "x" * 5000, "1990", "1990-12-31-5", "31.12.1990", "\u202e1"):
        assert not read([BORN], {"born": wrong}).ok
    assert parts_of("born", {"born": "1990-12-31"}) == divided("born", "1990-12-31")
    assert read([BORN], {"born": "1990-12-31", **typed("", "", "")}).errors


def test_every_day_of_four_years_is_read_back() -> None:
    """Dividing and reading are inverse, over a leap day and each end of a month."""
    for number in range(date(1999, 1, 1).toordinal(), date(2003, 1, 1).toordinal()):
        iso = date.fromordinal(number).isoformat()
        assert read_date(*(divided("born", iso)[f"born-{part}"] for part in PARTS)) == iso
    with pytest.raises(DateError, match=re.escape("Enter the day, month and year.")):
        read_date("", "", "")


def test_a_file_is_no_part_of_a_date() -> None:
    """A part of a form that is no text counts as left empty."""
    filled = read([BORN], FormData([("born-day", "1"), ("born-month", "1")]))
    assert filled.errors == {"born": "Enter the year."}
