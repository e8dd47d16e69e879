"""Forms as a browser without scripts has them: read from a page, and filled in as one might."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final, NamedTuple

import httpx2

WORDS: Final = "Words of a story."
DAY: Final = "2026-03-20"
BY_NAME: Final = {
    "account": "",
    "born": "1990-02-01",
    "email": "new.marked@other.example",
    "phone": "+1 555-010-0177",
    "zip": "12345",
}
BY_TYPE: Final = {
    "date": DAY,
    "email": "new.marked@other.example",
    "month": "2026-03",
    "number": "12",
    "password": "four plain words here",
    "tel": "+1 555-010-0177",
    "time": "09:00",
    "url": "https://marked.example/",
}


class Form(NamedTuple):
    """A form of a page: where it is sent, and what a browser would send if it were filled in."""

    action: str
    values: tuple[tuple[str, str], ...]


class _Reader(HTMLParser):
    """Collects the forms that are posted, with a value for each of their fields."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._action: str | None = None
        self._values: dict[str, str] = {}
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._action = of.get("action") if of.get("method", "").lower() == "post" else None
            self._values = {}
        elif self._action is None or "disabled" in of:
            return
        elif tag == "select":
            self._select = of.get("name", "")
        elif tag == "option":
            if self._select and of.get("value"):
                self._values.setdefault(self._select, of["value"])
        elif name := of.get("name", ""):
            self._field(tag, name, of)

    def _field(self, tag: str, name: str, of: dict[str, str]) -> None:
        kind = of.get("type", "text")
        if tag == "textarea":
            self._values[name] = WORDS
        elif tag == "button" or kind in ("hidden", "submit", "radio", "checkbox"):
            if kind != "radio" or "checked" in of:
                self._values[name] = of.get("value", "on")
            self._values.setdefault(name, of.get("value", "on"))
        elif tag == "input" and kind != "file":
            made_up = BY_TYPE.get(kind) or BY_NAME.get(name) or "Marked Word"
            self._values[name] = of.get("value") or made_up

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._action is not None:
            self.forms.append(Form(self._action, tuple(self._values.items())))
            self._action = None
        elif tag == "select":
            self._select = ""


def forms_of(answer: httpx2.Response) -> list[Form]:
    """The forms of a page that are posted, in their order, filled in; a file has none."""
    reader = _Reader()
    if answer.headers.get("content-type", "").startswith("text/html"):
        reader.feed(answer.text)
    return reader.forms
