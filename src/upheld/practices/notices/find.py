"""Finding in the policy: the words that people use, and where they stand."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from markupsafe import Markup

FIND_MAX = 200  # characters that are looked for
ALSO: dict[str, tuple[str, ...]] = {  # what people write, and how the policy may say it
    "email": ("email", "e-mail"),
    "emails": ("email", "e-mail"),
    "mail": ("mail",),
    "ad": ("advertis",),
    "ads": ("advertis",),
    "advert": ("advertis",),
    "adverts": ("advertis",),
    "marketing": ("marketing", "offer", "advertis"),
    "spam": ("offer", "message", "newsletter"),
    "telephone": ("phone",),
    "mobile": ("phone",),
    "number": ("number",),
    "call": ("call", "phone"),
    "police": ("law enforcement", "authorit", "subpoena", "court order", "legal process"),
    "government": ("authorit", "government", "national security"),
    "law": ("law", "legal"),
    "kid": ("child", "minor"),
    "kids": ("child", "minor"),
    "children": ("child", "minor"),
    "teenager": ("minor",),
    "teenagers": ("minor",),
    "parents": ("parent", "guardian"),
    "delete": ("delet", "eras"),
    "remove": ("delet", "eras"),
    "erase": ("eras",),
    "forget": ("eras",),
    "retention": ("keep", "store", "delet"),
    "cookies": ("cookie",),
    "birthday": ("birth date", "birthday"),
    "dob": ("birth date",),
    "postcode": ("zip",),
    "ip": ("network address",),
    "tracking": ("cookie", "pages you", "our servers see"),
    "sell": ("sell", "sale"),
    "sold": ("sell", "sold"),
    "sharing": ("share", "sharing"),
    "hacked": ("breach",),
    "leak": ("breach",),
    "gpc": ("privacy signal", "global privacy control"),
    "bank": ("billing", "card"),
    "payment": ("payment", "card", "billing"),
    "debt": ("owe", "debt"),
    "unsubscribe": ("opt out", "opt-out", "opted out"),
    "opt-out": ("opt-out", "opt out", "opted out"),
    "complaint": ("request", "question about this policy"),
    "employees": ("staff",),
}
TAG = re.compile(r"(<[^>]*>)")

Terms = list[tuple[str, ...]]


def search_terms(words: str) -> Terms:
    """For each word that is looked for, the words any of which will do."""
    return [ALSO.get(word, (word,)) for word in words[:FIND_MAX].lower().split()]


def contains(text: str, terms: Terms) -> bool:
    """Whether a text in small letters has every word, in one of its forms."""
    return all(any(form in text for form in forms) for forms in terms)


def mark_matches(page: str, terms: Iterable[Sequence[str]]) -> Markup:
    """HTML with what was looked for marked wherever it is shown; tags stay as they are."""
    forms = sorted({form for forms in terms for form in forms}, key=len, reverse=True)
    if not forms:
        return Markup(page)  # noqa: S704 - rendered already
    pattern = re.compile(rf"([\w-]*(?:{'|'.join(map(re.escape, forms))})\w*)", re.IGNORECASE)
    parts = TAG.split(page)
    parts[::2] = [_mark(pattern.split(html.unescape(part))) for part in parts[::2]]
    return Markup("".join(parts))  # noqa: S704 - its text is escaped again


def _mark(pieces: Sequence[str]) -> str:
    """Text in pieces, every other of which is a match, as HTML."""
    escaped = [html.escape(piece) for piece in pieces]
    escaped[1::2] = [f"<mark>{piece}</mark>" for piece in escaped[1::2]]
    return "".join(escaped)
