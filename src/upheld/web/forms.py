"""Forms: what is asked, and what came back, checked at the border.

A field says what it asks for, why, and how long an answer may be. `read` gives either values that
are whole or, for each field that is wrong, one sentence that says what to do. What somebody typed
stays in the form when it is shown again, but for passwords.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from starlette.datastructures import FormData

from upheld.core import mailbox

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
    """One field. `kind` is an HTML input's, or `select`, `checks` (several), `textarea`, `tick`."""

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


class Filled(NamedTuple):
    """What came back: values by field, and what is wrong by field."""

    values: dict[str, str]
    errors: dict[str, str]
    shown: dict[str, str]  # what the form shows again

    @property
    def ok(self) -> bool:
        """Whether all of it can be taken."""
        return not self.errors

    def wrong(self, name: str, sentence: str) -> Filled:
        """The same with one more thing that is wrong."""
        return self._replace(errors={**self.errors, name: sentence})


EMPTY: Final = Filled({}, {}, {})


def read(fields: Iterable[Field], form: FormData | Mapping[str, str]) -> Filled:
    """Read a form: a value for each field that was filled in, or what is wrong with it."""
    values: dict[str, str] = {}
    errors: dict[str, str] = {}
    texts: dict[str, str] = {}
    for field in fields:
        text = _input(field, form)
        if field.kind != "password":
            texts[field.name] = text
        try:
            value = _read(field, text)
        except ValueError as error:
            errors[field.name] = str(error)
            continue
        if value:
            values[field.name] = value
    return Filled(values, errors, texts)


def _input(field: Field, form: FormData | Mapping[str, str]) -> str:
    if field.kind == "checks" and isinstance(form, FormData):
        return ", ".join(each for each in form.getlist(field.name) if isinstance(each, str))
    value = form.get(field.name, "")
    return value if isinstance(value, str) else ""  # a file where a text was asked for


def _read(field: Field, text: str) -> str:
    value = unicodedata.normalize("NFC", text)
    if field.kind != "password":
        value = value.strip()
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


def day(value: str) -> str:
    """A date as 1990-12-31."""
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError("Write the date as 1990-12-31.") from None


def cents(value: str) -> str:
    """An amount of money as whole cents: “12.30” is 1230."""
    match = re.fullmatch(r"([0-9]{1,7})(?:[.,]([0-9]{1,2}))?", value)
    if not match or not int(match[1] + (match[2] or "").ljust(2, "0")):
        raise ValueError("Write the amount as 12.30.")
    return str(int(match[1] + (match[2] or "").ljust(2, "0")))


CHECKS: Final[dict[str, Check]] = {"email": mailbox.canonical, "date": day}
