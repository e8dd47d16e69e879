"""Links out of our pages: each leads to a page of ours first, which says that one is leaving.

Such a link is named by an id that is made of its address alone. Whoever makes up an id comes to no
other page: only what stands on pages of ours has one that leads anywhere.
"""

from __future__ import annotations

import html
import re
from hashlib import sha256
from typing import Final

LEAVING: Final = "/leaving"
OUT: Final = "external"  # among the `rel` of the one link that does lead out
_ANCHOR: Final = re.compile(
    r'(<a\b[^<>]*?\bhref=")((?:https?:)?//[^"<>]*)("[^<>]*>)', re.IGNORECASE
)


def link_id(address: str) -> str:
    """The id of a link by where it leads."""
    return sha256(address.encode()).hexdigest()[:16]


def outward_addresses(page: str) -> list[str]:
    """The addresses outside to which the links of a piece of HTML lead."""
    return list(dict.fromkeys(html.unescape(match[2]) for match in _ANCHOR.finditer(page)))


def through_leaving_page(page: str, own: str = "") -> str:
    """A page on which each link that leads out leads to the page about leaving; `own` is our URL.

    The link of that page itself, whose `rel` says `external`, stays as it is.
    """

    def replace(match: re.Match[str]) -> str:
        address = html.unescape(match[2])
        if OUT in match[0] or _is_ours(address, own.rstrip("/")):
            return match[0]
        return f"{match[1]}{LEAVING}/{link_id(address)}{match[3]}"

    return _ANCHOR.sub(replace, page)


def _is_ours(address: str, own: str) -> bool:
    return bool(own) and (address == own or address.startswith((f"{own}/", f"{own}?", f"{own}#")))
