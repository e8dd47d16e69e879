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
_LABEL, _TARGET, _CLOSE = "\ue002", "\ue003", "\ue004"  # the same, of a button
_MARKS: Final = str.maketrans("", "", _BEGIN + _END + _LABEL + _TARGET + _CLOSE)
_BUTTON: Final = re.compile(f"{_LABEL}([^{_TARGET}]*){_TARGET}([^{_CLOSE}]*){_CLOSE}")
_ALONE: Final = re.compile(r'<p><a href="([^"]*)">(?!https?:)([^<]*)</a></p>')
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


def button(label: str, address: str) -> Written:
    """A link that is the thing to do: a button in HTML, its label and address in plain text."""
    return Written(f"{_LABEL}{label}{_TARGET}{address}{_CLOSE}")


def plain(text: str) -> str:
    """A rendered template as people read it, with its values as they are."""
    return _VALUE.sub(lambda match: match[1], _BUTTON.sub(r"\1: <\2>", text))


def escaped(text: str) -> str:
    """A rendered template as CommonMark, in which its values are text."""
    text = _BUTTON.sub(r"[\1](<\2>)", text)
    return _VALUE.sub(lambda match: _PUNCTUATION.sub(r"\\\1", match[1]), text)


def html(text: str) -> str:
    """CommonMark as HTML; HTML in it stays text."""
    markup: str = _markdown().render(text)
    return markup


def with_buttons(text: str, style: str = "") -> str:
    """HTML in which a link that is a paragraph by itself is a button, in a style of its own."""
    look = f' style="{style}"' if style else ""
    return _ALONE.sub(rf'<p><a class="button"{look} href="\1">\2</a></p>', text)


def has_address(value: str) -> bool:
    """Whether a program that shows a text would make part of it a link, whatever we do."""
    return _ADDRESS.search(value) is not None


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False})
