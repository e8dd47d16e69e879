"""A mark in the browser in which somebody was refused as too young: no other date for a day.

It is a cookie that says until when, sealed by a key of ours. It holds nothing of whoever was
refused: everybody who is refused in the same hour has the same one. Nothing of it is stored here.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from upheld.practice.plugin import Provider

HOURS: Final = 24
_COOKIE: Final = "upheld-not-yet"
_PATH: Final = "/sign-up"


def set_marker(provider: Provider, response: Response) -> None:
    """Mark a browser, until a full hour some 24 hours from now."""
    until = provider.now().astimezone(UTC) + timedelta(hours=HOURS)
    word = f"{until:%Y%m%d%H}"
    response.set_cookie(
        f"__Secure-{_COOKIE}" if provider.secure else _COOKIE,
        f"{word}.{_seal(provider, word)}",
        max_age=HOURS * 3600,
        path=_PATH,
        httponly=True,
        samesite="lax",
        secure=provider.secure,
    )


def is_marked(provider: Provider, request: Request) -> bool:
    """Whether a browser is marked, by us, and the time is not over."""
    cookie = f"__Secure-{_COOKIE}" if provider.secure else _COOKIE
    word, _, sealed = request.cookies.get(cookie, "").partition(".")
    if not hmac.compare_digest(sealed.encode(), _seal(provider, word).encode()):
        return False
    until = datetime.strptime(word, "%Y%m%d%H").replace(tzinfo=UTC)
    return provider.now() < until


def _seal(provider: Provider, word: str) -> str:
    return provider.sealer("age-marker").mark(word.encode()).hex()
