"""Parts of a published page that Markdown has no form for: letters of lists, dates, ids."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from upheld.policy.vocabulary import WORD

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from bs4.element import Tag

_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_MONTH: Final = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY: Final = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_YEAR: Final = r"(?P<year>[0-9]{4})"
_DATES: Final = tuple(
    re.compile(each, re.IGNORECASE)
    for each in (
        rf"\b{_MONTH} {_DAY},? {_YEAR}\b",
        rf"\b{_DAY} (?:of )?{_MONTH},? {_YEAR}\b",
        rf"\b{_YEAR}-(?P<number>[0-9]{{2}})-{_DAY}\b",
    )
)
_EFFECTIVE: Final = re.compile(
    r"\b(?:effective|in effect|in force)\b[^.]{0,30}?(?=\b(?:[0-9]|" + "|".join(_MONTHS) + r"))",
    re.IGNORECASE,
)
_LETTERS: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "þ": "th", "ð": "d", "ı": "i"}
)
_ONLY: Final = 60  # characters that a sentence about the date alone has at most
_LETTERED: Final = re.compile(
    r"^(?P<indent> *)(?P<open>\(?)(?P<mark>[A-Za-z]|[ivx]{2,5}|[IVX]{2,5})(?P<close>[.)])[ \t]+\S"
)
_KINDS: Final = {
    "lower-alpha": "a",
    "lower-latin": "a",
    "upper-alpha": "A",
    "upper-latin": "A",
    "lower-roman": "i",
    "upper-roman": "I",
}
_STYLE: Final = re.compile(r"list-style(?:-type)?\s*:[^;]*?\b((?:lower|upper)-[a-z]+)")
_BLOCKS: Final = (
    "p",
    "ul",
    "ol",
    "div",
    "table",
    "blockquote",
    "dl",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
)
_CLAUSES: Final = ("h1", "h2", "h3", "h4", "h5", "h6", "p", "li")


def effective_day(texts: Iterator[str] | list[str]) -> str:
    """The day from which a page says that it holds, as 2025-03-03; empty where it says none."""
    for text in texts:
        match = _EFFECTIVE.search(text)
        if match:
            day = _day(text[match.end() : match.end() + 40])
            if day:
                return day.isoformat()
    return ""


def is_effective(text: str) -> bool:
    """Whether a sentence says from which day on a page holds, and nothing else."""
    return len(text) <= _ONLY and bool(effective_day([text]))


def _day(text: str) -> date | None:
    """A day at the beginning of a text; none where day and month could be taken for each other."""
    for pattern in _DATES:
        match = pattern.match(text)
        if match:
            parts = match.groupdict()
            month = parts.get("number") or _MONTHS.index(parts["month"][:3].lower()) + 1
            try:
                return date(int(parts["year"]), int(month), int(parts["day"]))
            except ValueError:
                return None
    return None


# Ids


def as_id(words: list[str]) -> str:
    """Words as the id of a clause."""
    name = "-".join(words).lstrip("0123456789-")[:48].rstrip("-")
    return name if WORD.match(name) else "clause"


def latin(text: str) -> str:
    """Text in lower case, its letters without their marks."""
    parts = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    return "".join(each for each in parts if not unicodedata.combining(each))


def unique(name: str, ids: set[str]) -> str:
    """The name, numbered where it is taken; it is taken from now on."""
    candidate, number = name, 2
    while candidate in ids:
        candidate, number = f"{name}-{number}", number + 1
    ids.add(candidate)
    return candidate


# Lists with letters


def letter(kind: str, number: int) -> str:
    """What stands before an item of a list: kinds are a, A, i and I, numbers begin at 1."""
    if kind in "aA":
        text = ""
        while number > 0:
            number, rest = divmod(number - 1, 26)
            text = chr(ord("a") + rest) + text
    else:
        text = ""
        for value, sign in (
            (100, "c"),
            (90, "xc"),
            (50, "l"),
            (40, "xl"),
            (10, "x"),
            (9, "ix"),
            (5, "v"),
            (4, "iv"),
            (1, "i"),
        ):
            text += sign * (number // value)
            number %= value
    return text.upper() if kind.isupper() else text


def letter_lists(soup: BeautifulSoup, main: Tag) -> None:
    """Write the letters of lists that have some, which Markdown would number anew."""
    for ordered_list in main.find_all("ol"):
        style = _STYLE.search(str(ordered_list.get("style") or ""))
        kind = _KINDS.get(style[1], "") if style else str(ordered_list.get("type") or "")
        if kind not in ("a", "A", "i", "I"):
            continue
        number = _number(ordered_list.get("start"), 1)
        for item in ordered_list.find_all("li", recursive=False):
            number = _number(item.get("value"), number)
            first = next((each for each in item.children if str(each).strip()), None)
            holder = first if getattr(first, "name", None) == "p" else item
            holder.insert(0, soup.new_string(f"{letter(kind, number)}) "))  # type: ignore[union-attr]  # a tag either way
            number += 1
        ordered_list.name = "ul"
        ordered_list.attrs = {}


def _number(value: object, otherwise: int) -> int:
    try:
        return max(1, int(str(value)))
    except ValueError:
        return otherwise


class _LetteredLine(NamedTuple):
    """A line that begins with a letter: where, how far in, the shape of the mark, its letter."""

    line: int
    shape: tuple[str, str, str]
    mark: str


def letter_lines(text: str) -> str:
    """Markdown whose lines "a) …", "b) …" are items of a list, their letters kept as words."""
    lines = text.split("\n")
    items = [
        _LetteredLine(at, (match["indent"], match["open"], match["close"]), match["mark"])
        for at, line in enumerate(lines)
        if (match := _LETTERED.match(line))
    ]
    line_numbers: set[int] = set()
    for at, item in enumerate(items):
        run = _run(lines, items[at:], item) if item.line not in line_numbers else []
        if len(run) > 1:
            line_numbers.update(each.line for each in run)
    for at in line_numbers:
        indent = len(lines[at]) - len(lines[at].lstrip())
        lines[at] = f"{lines[at][:indent]}- {lines[at][indent:]}"
    return "\n".join(lines)


def _run(lines: list[str], ahead: list[_LetteredLine], first: _LetteredLine) -> list[_LetteredLine]:
    """The items that follow one another from a first one on, with nothing else between them."""
    kinds = [kind for kind in ("a", "A", "i", "I") if first.mark == letter(kind, 1)]
    for kind in kinds:
        run = [first]
        for each in ahead[1:]:
            between = lines[run[-1].line + 1 : each.line]
            if any(between) and not all(line.startswith("  ") for line in between if line):
                break
            if each.shape == first.shape and each.mark == letter(kind, len(run) + 1):
                run.append(each)
        if len(run) > 1:
            return run
    return []


# Targets of links


def mark_targets(soup: BeautifulSoup, main: Tag, as_id: dict[str, str]) -> None:
    """Write the ids to which links of the page lead as marks of the clauses that they stand at."""
    for anchor, name in as_id.items():
        target = main.find(id=anchor) or main.find("a", attrs={"name": anchor})
        clause = _clause_at(target)
        if clause is None or clause.get("data-marked"):
            continue
        clause["data-marked"] = name
        before = next(
            (each for each in clause.children if getattr(each, "name", None) in _BLOCKS), None
        )
        mark = soup.new_string(f" {{#{name}}}")
        if before is None:
            clause.append(mark)
        else:
            before.insert_before(mark)
    for link in main.find_all("a", href=True):
        anchor = unquote(str(link["href"]).removeprefix("#"))
        if str(link["href"]).startswith("#") and anchor in as_id:
            link["href"] = f"#{as_id[anchor]}"


def _clause_at(target: object) -> Tag | None:
    """The heading, paragraph or item that a target is, stands in, or stands before."""
    from bs4.element import Tag  # noqa: PLC0415 - an extra that only this needs

    if not isinstance(target, Tag):
        return None
    if target.name in _CLAUSES and not target.find("p"):
        return target
    inside = target.find_parent(["h1", "h2", "h3", "h4", "h5", "h6", "p"])
    if inside is not None:
        return inside
    block = target.find(["h1", "h2", "h3", "h4", "h5", "h6", "p"]) or target.find_next(
        ["h1", "h2", "h3", "h4", "h5", "h6", "p", "li"]
    )
    return block if isinstance(block, Tag) else None
