"""Settings on which links and mail rest: each is read once, at the start, and not when it is late.

A link in a message begins with the provider's own address; a message goes by the mail server, from
an address of ours. What is wrong is told by its setting and what to write, and never its value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from upheld.core import mailbox

LOCAL_MAX: Final = 21  # letters before a plus sign and a token of 42, of the 64 that there may be
LENGTH_MAX: Final = 200  # of an address of the web, which stands in headers that are not folded


class SettingMistake(NamedTuple):
    """A setting that is wrong, in words, and what to write instead."""

    what: str
    hint: str


def mistake(values: dict[str, str]) -> SettingMistake | None:
    """What is wrong with the settings of links and mail, if anything."""
    for name, (reads, hint) in _READERS.items():
        if values[name] and not reads(values[name]):
            return SettingMistake(f"`{name}` cannot be used", hint)
    if values["mail_server"] and not values["url"]:
        return SettingMistake(
            "`mail_server` is there and `url` is not",
            "say at which address people reach you, for links",
        )
    if values["mail_server"] and not (values["mail_from"] or values["contact"]):
        return SettingMistake(
            "`mail_server` is there, and neither `mail_from` nor `contact` is",
            "say who writes, such as accounts@example.com",
        )
    return None


def is_own_address(url: str) -> bool:
    """Whether an address is that of a whole site, to which paths can be added."""
    parts = _split(url, ("http", "https"))
    return parts is not None and parts.path in ("", "/") and not (parts.query or parts.fragment)


def _is_page(url: str) -> bool:
    return _split(url, ("http", "https")) is not None


def _is_server(url: str) -> bool:
    parts = _split(url, ("smtp", "smtps"), secrets=True)
    return parts is not None and parts.path in ("", "/") and not (parts.query or parts.fragment)


def _is_mailbox(value: str) -> bool:
    try:
        mailbox.canonical(value)
    except ValueError:
        return False
    return True


def _takes_tokens(value: str) -> bool:
    """Whether a token fits into an address, behind a plus sign."""
    local = value.rpartition("@")[0]
    return _is_mailbox(value) and value.isascii() and "+" not in local and len(local) <= LOCAL_MAX


def _split(url: str, schemes: tuple[str, ...], *, secrets: bool = False) -> SplitResult | None:
    """The parts of a URL; None if it is not valid, or has a user or password without `secrets`."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None
    if len(url) > LENGTH_MAX and not secrets:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port  # ValueError where it is no number
    except ValueError:
        return None
    good = parts.scheme in schemes and parts.hostname and port != 0
    return parts if good and (secrets or "@" not in parts.netloc) else None


_READERS: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "url": (is_own_address, "write https://HOST or http://HOST:PORT, in ASCII and without a path"),
    "webmail": (_is_page, "write an address that begins with https:// or http://"),
    "mail_server": (_is_server, "write smtp://HOST:PORT or smtps://HOST:PORT"),
    "mail_from": (_is_mailbox, "write one address, such as accounts@example.com"),
    "contact": (_is_mailbox, "write one address, such as help@example.com"),
    "help_address": (
        _takes_tokens,
        "write one short address without a plus sign, such as help@example.com",
    ),
    "privacy_officer": (_is_mailbox, "write one address, such as privacy@example.com"),
}
