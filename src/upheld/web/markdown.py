"""CommonMark of our own with values of others in it, which are text and never markup.

A template's values are marked while it is rendered. The plain text has them as they are, on one
line; what is made into HTML has every mark of punctuation in them escaped, so that a name is no
link, no picture and no heading. What the program itself made, such as a link, is `Written`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from markdown_it import MarkdownIt

_BEGIN, _END = "\ue000", "\ue001"  # of the private use area; taken out of values
_MARKS: Final = str.maketrans("", "", _BEGIN + _END)
_VALUE: Final = re.compile(f"{_BEGIN}([^{_END}]*){_END}")
_PUNCTUATION: Final = re.compile(r"([!-/:-@\[-`{-~])")
_ADDRESS: Final = re.compile(r"://|\bwww\b|@|\w\.\w\w", re.IGNORECASE)


class Written(str):
    """Text that the program itself wrote, in which markup is meant."""

    __slots__ = ()


def marked(value: object) -> object:
    """A value as it goes into a template: marked, and on one line."""
    if isinstance(value, Written):
        return value
    return f"{_BEGIN}{' '.join(str(value).translate(_MARKS).split())}{_END}"


def plain(text: str) -> str:
    """A rendered template as people read it, with its values as they are."""
    return _VALUE.sub(lambda match: match[1], text)


def escaped(text: str) -> str:
    """A rendered template as CommonMark, in which its values are text."""
    return _VALUE.sub(lambda match: _PUNCTUATION.sub(r"\\\1", match[1]), text)


def html(text: str) -> str:
    """CommonMark as HTML; HTML in it stays text."""
    markup: str = _markdown().render(text)
    return markup


def has_address(value: str) -> bool:
    """Whether a program that shows a text would make part of it a link, whatever we do."""
    return _ADDRESS.search(value) is not None


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False})
