"""Forms: what is asked, and what came back, checked at the border.

A field says what it asks for, why, and how long an answer may be. `read` gives either values that
are whole or, for each field that is wrong, one sentence that says what to do. What somebody typed
stays in the form when it is shown again, but for passwords.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from starlette.datastructures import FormData

from upheld.core import mailbox
from upheld.core.reason_text import is_blank
from upheld.web import date_fields
from upheld.web.date_fields import DateError

SHORT: Final = 100
LONG: Final = 2_000
_LINE: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
Check = Callable[[str], str]  # the value as it is kept; ValueError with a sentence


MISSING: Final = {
    "tick": "Tick the box to continue.",
    "checks": "Choose at least one.",
    "select": "Choose from the list.",
    "email": "Enter an e-mail address.",
    "password": "Enter a password.",
    "date": "Enter a date.",
    "tel": "Enter a phone number.",
}
"""What to do where a field of a kind was left empty."""


class Field(NamedTuple):
    """One field. `kind` is an HTML input's, or `select`, `checks` (several), `textarea`, `tick`.

    A `date` has a field each for day, month and year; `autocomplete="bday"` is divided alike.
    """

    name: str
    label: str
    kind: str = "text"
    required: bool = True
    why: str = ""  # why we ask, from the clause
    clause: str = ""  # the clause's id
    hint: str = ""
    options: Sequence[tuple[str, str]] = ()  # word, label
    autocomplete: str = ""
    length_max: int = SHORT
    check: Check | None = None
    missing: str = ""  # what to do where it was left empty
    may_be_empty: str = "optional"  # what the form says of one that is not required


class Filled(NamedTuple):
    """What came back: values by field, and what is wrong by field."""

    values: dict[str, str]
    errors: dict[str, str]
    shown: dict[str, str]  # what the form shows again
    parts: Mapping[str, Sequence[str]] = {}  # of a date that is wrong: the parts to look at

    @property
    def ok(self) -> bool:
        """Whether all of it can be taken."""
        return not self.errors

    def wrong(self, name: str, sentence: str) -> Filled:
        """A copy in which the field `name` is wrong too; `sentence` says why, to the person."""
        return self._replace(errors={**self.errors, name: sentence})


EMPTY: Final = Filled({}, {}, {})


def read(fields: Iterable[Field], form: FormData | Mapping[str, str]) -> Filled:
    """Read a form: a value for each field that was filled in, or what is wrong with it."""
    values: dict[str, str] = {}
    errors: dict[str, str] = {}
    texts: dict[str, str] = {}
    parts: dict[str, Sequence[str]] = {}
    for field in fields:
        try:
            if field.kind == "date":
                texts |= date_fields.parts_of(field.name, form)
                value = _read_date(field, texts)
            else:
                text = _input(field, form)
                if field.kind != "password":
                    texts[field.name] = text
                value = _read(field, text)
        except DateError as error:
            errors[field.name], parts[field.name] = str(error), error.parts
            continue
        except ValueError as error:
            errors[field.name] = str(error)
            continue
        if value:
            values[field.name] = value
    return Filled(values, errors, texts, parts)


def _input(field: Field, form: FormData | Mapping[str, str]) -> str:
    if field.kind == "checks" and isinstance(form, FormData):
        return ", ".join(each for each in form.getlist(field.name) if isinstance(each, str))
    value = form.get(field.name, "")
    return value if isinstance(value, str) else ""  # a file where a text was asked for


def _read_date(field: Field, texts: Mapping[str, str]) -> str:
    typed = [texts[f"{field.name}-{part}"] for part in date_fields.PARTS]
    if not any(typed):
        if field.required:
            raise DateError(field.missing or MISSING["date"])
        return ""
    value = date_fields.read_date(*typed)
    try:
        return field.check(value) if field.check else value
    except ValueError as error:  # it exists, and lies too far ahead or back
        raise DateError(str(error), "year") from None


def _read(field: Field, text: str) -> str:
    value = unicodedata.normalize("NFC", text)
    if field.kind != "password":
        value = "" if is_blank(value) else value.strip()
    if not value:
        if field.required:
            raise ValueError(field.missing or MISSING.get(field.kind, "Fill this in."))
        return ""
    if len(value) > field.length_max:
        raise ValueError(f"Use at most {field.length_max} characters.")
    if (_CONTROL if field.kind == "textarea" else _LINE).search(value):
        raise ValueError("It contains characters that we cannot store. Type it again.")
    words = {word for word, _ in field.options}
    choices = set(value.split(", ")) if field.kind == "checks" else {value}
    if words and not choices <= words:
        raise ValueError("Choose from the list.")
    check = field.check or CHECKS.get(field.kind)
    return check(value) if check else value


def cents(value: str) -> str:
    """An amount of money as whole cents: “12.30” is 1230."""
    match = re.fullmatch(r"([0-9]{1,7})(?:[.,]([0-9]{1,2}))?", value)
    if not match or not int(match[1] + (match[2] or "").ljust(2, "0")):
        raise ValueError("Write the amount as 12.30.")
    return str(int(match[1] + (match[2] or "").ljust(2, "0")))


CHECKS: Final[dict[str, Check]] = {"email": mailbox.canonical}
