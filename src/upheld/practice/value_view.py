"""What is stored of a field, as a person reads it: words, dates, amounts and tables, never JSON.

The portal, the console and the page of a copy show values through this, so that a payment card, a
month's use and a message look alike wherever somebody meets them. What nobody reads, such as a
token or the id of a record, is left out; the files of a copy have it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from typing import Any, Final, NamedTuple

from upheld.core.dimensions import DATA
from upheld.gate.evidence import field_values
from upheld.policy.vocabulary import TREE_OF
from upheld.web.pages import format_day, format_month, format_time, money

Labels = Callable[[str, str], str]  # what people call a word of a tree of the vocabulary

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*")
_ID: Final = re.compile(r"[0-9a-f]{32,}")
_SLUG: Final = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
_CENTS: Final = frozenset({"balance", "cents", "credit", "open"})  # what is kept as cents
_UNSEEN: Final = frozenset({"message", "record", "token"})  # what names a row to programs alone
_SLUGS: Final = frozenset({"clause", "kind", "method", "plan", "service", "why"})
_COLUMNS: Final = {
    "at": "When",
    "cents": "Amount",
    "due": "Due by",
    "lines": "What for",
    "method": "Paid by",
    "open": "Still to pay",
    "settles": "Pays invoice",
    "why": "Billed here for",
}
_WORDS: Final = {
    "end": "ended",
    "forward": "brought forward",
    "minor": "a child",
    "order": "ordered",
}


class ValueTable(NamedTuple):
    """Rows with the same parts; `caption` says what they are, where there are several tables."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class TitledText(NamedTuple):
    """A text with a heading, such as a message."""

    title: str
    text: str


class ValueView(NamedTuple):
    """What is stored of a field: lines of text, tables and letters, the latest first."""

    lines: tuple[str, ...] = ()
    tables: tuple[ValueTable, ...] = ()
    letters: tuple[TitledText, ...] = ()

    @property
    def text(self) -> str:
        """All of it in one text, for a cell of a table."""
        parts = [*self.lines, *(f"{each.title}: {each.text}" for each in self.letters)]
        for table in self.tables:
            lead = f"{table.caption}: " if table.caption else ""
            parts.append(lead + "; ".join(", ".join(filter(None, row)) for row in table.rows))
        return "; ".join(parts)


def view_values(field: str, texts: Sequence[str], label: Labels, zone: tzinfo = UTC) -> ValueView:
    """What the stored texts of a field say, the oldest of them first as they are stored."""
    writer = _Writer(label, zone)
    values = [_decode(text) for text in reversed(texts)]
    parts = [each for each in values if isinstance(each, dict)]
    if len(parts) < len(values) or not values:
        return ValueView(tuple(_line(writer, field, each) for each in values))
    if field == "card":
        return ValueView(tuple(_card(writer, each) for each in parts))
    if all("text" in each and "subject" in each for each in parts):
        return ValueView(letters=tuple(_letter(writer, each) for each in parts))
    if len(parts) == 1 and any(_is_table(part) for part in parts[0].values()):
        return _several(writer, parts[0])
    return ValueView(tables=_tables(writer, parts))


class _Writer:
    """Writes parts of values in words, with the names of a vocabulary, in a time zone."""

    def __init__(self, label: Labels, zone: tzinfo) -> None:
        self._label, self._zone = label, zone

    def cell(self, name: str, value: Any) -> str:
        """A part of a value by its name."""
        if value is None or value == "":
            return ""
        if isinstance(value, bool):
            return "Yes" if value else "No"
        if isinstance(value, int) and name in _CENTS:
            return money(value)
        if isinstance(value, float):
            return f"{value:,.2f}".rstrip("0").rstrip(".")
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, list):
            return "; ".join(self._item(name, each) for each in value)
        return self.text(name, str(value))

    def text(self, name: str, text: str) -> str:
        """A text, with its dates as people write them."""
        if _DAY.fullmatch(text):
            return _or_as_it_is(lambda: format_day(text), text)
        if _MOMENT.fullmatch(text):
            return _or_as_it_is(lambda: self._moment(text), text)
        if name in {"month", "expiry"} and _MONTH.fullmatch(text):
            return _or_as_it_is(lambda: format_month(text), text)
        if name in TREE_OF and name != DATA:
            return _capital(self._label(TREE_OF[name], text))
        if name in _SLUGS and _SLUG.fullmatch(text):
            return _capital(_WORDS.get(text, text.replace("-", " ").replace("_", " ")))
        return text

    def _moment(self, text: str) -> str:
        moment = datetime.fromisoformat(text)
        return format_time(moment.astimezone(self._zone) if moment.tzinfo else moment)

    def _mapping(self, parts: Mapping[str, Any]) -> str:
        if set(parts) == {"text", "cents"}:
            return f"{parts['text']} {self.cell('cents', parts['cents'])}"
        return ", ".join(
            f"{column_name(name).lower()} {self.cell(name, each)}"
            for name, each in parts.items()
            if is_seen(name, each)
        )

    def _item(self, name: str, value: Any) -> str:
        match value:
            case [str(number), int(cents)] if name == "settles":
                return f"{number} ({money(cents)})"
            case _:
                return self.cell(name, value)


def _or_as_it_is(write: Callable[[], str], text: str) -> str:
    """What `write` writes; the text itself where it only looks like a date."""
    try:
        return write()
    except ValueError:
        return text


def column_name(name: str) -> str:
    """What stands over a column."""
    return _COLUMNS.get(name) or _capital(name.replace("_", " ").replace("-", " "))


def is_seen(name: str, value: Any) -> bool:
    """Whether a part says something to people, and does not only name a row to programs."""
    is_id = isinstance(value, str) and _ID.fullmatch(value)
    return name not in _UNSEEN and not is_id and value not in (None, "", [], {})


def _decode(text: str) -> Any:
    """A stored text as it was before it was JSON; one that is no JSON of parts, as it is."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _line(writer: _Writer, field: str, value: Any) -> str:
    if isinstance(value, str):
        if field in _CENTS and value.lstrip("-").isdecimal():
            return money(int(value))
        return writer.text(field, field_values.display_value(field, value))
    return writer.cell(field, value)


def _card(writer: _Writer, parts: Mapping[str, Any]) -> str:
    names = ("brand", "last_four", "expiry")
    if any(not isinstance(parts.get(name), str) for name in names):
        return writer.cell("", dict(parts))
    through = writer.text("expiry", parts["expiry"])
    return f"{parts['brand']} ending in {parts['last_four']}, valid through {through}"


def _letter(writer: _Writer, parts: Mapping[str, Any]) -> TitledText:
    when = writer.cell("at", parts.get("at"))
    return TitledText(": ".join(filter(None, (when, str(parts["subject"])))), str(parts["text"]))


def _several(writer: _Writer, parts: Mapping[str, Any]) -> ValueView:
    """A value that has tables among its parts: a table of each, and a line of each other part."""
    lines, tables = [], []
    for name, value in parts.items():
        if _is_table(value):
            tables += [
                each._replace(caption=column_name(name))
                for each in _tables(writer, list(reversed(value)))
            ]
        elif is_seen(name, value) and value != 0:
            lines.append(f"{column_name(name)}: {writer.cell(name, value)}")
    return ValueView(tuple(lines), tuple(tables))


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(e, dict) for e in value)


def _tables(writer: _Writer, rows: list[dict[str, Any]]) -> tuple[ValueTable, ...]:
    """Rows in tables: one for each kind of row, where rows say of which kind they are."""
    kinds = {str(each.get("kind", "")) for each in rows}
    shapes = {
        kind: {n for r in rows if str(r.get("kind", "")) == kind for n in r} for kind in kinds
    }
    if len(kinds) == 1 or len({frozenset(each) for each in shapes.values()}) == 1:
        return (_table(writer, "", rows),)
    kinds_in_order = list(dict.fromkeys(str(each.get("kind", "")) for each in rows))
    by_kind = sorted(rows, key=lambda each: kinds_in_order.index(str(each.get("kind", ""))))
    return tuple(
        _table(writer, writer.text("kind", kind) or "Others", list(some), without="kind")
        for kind, some in groupby(by_kind, lambda each: str(each.get("kind", "")))
    )


def _table(
    writer: _Writer, caption: str, rows: list[dict[str, Any]], without: str = ""
) -> ValueTable:
    names = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name != without and any(is_seen(name, row.get(name)) for row in rows)
    ]
    cells = tuple(tuple(writer.cell(name, row.get(name)) for name in names) for row in rows)
    return ValueTable(caption, tuple(column_name(name) for name in names), cells)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
