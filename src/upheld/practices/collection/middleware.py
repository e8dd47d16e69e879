"""Middleware around our own pages: what a visit tells is noted, and our cookie set, if we may.

It can be put around any ASGI application. Pages are noted that were found and are HTML; what the
desks open is nobody's visit. Nothing waits for a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from upheld.core.clock import BEGINNING
from upheld.practice.endpoints import cookie_name
from upheld.practices.collection.log_lines import LogLine
from upheld.practices.collection.recorder import OpenRules, VisitRecorder, WaitingVisit, new_cookie

COOKIE: Final = "visitor"
COOKIE_BYTES_MAX: Final = 64
COOKIE_DAYS_MAX: Final = 400  # no browser keeps one for longer
NOBODYS: Final = ("/staff", "/agent", "/static", "/api", "/demo")  # no visits of our pages
_DAY: Final = 86_400


def _may_be_page(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and not scope["path"].startswith(NOBODYS)
    )


def _is_page(message: Message) -> bool:
    """Whether an answer is a page of HTML that was found."""
    if message["status"] != HTTPStatus.OK:
        return False
    types = [value for name, value in message["headers"] if name.lower() == b"content-type"]
    return bool(types) and types[0].startswith(b"text/html")


def _cookies(header: bytes) -> dict[str, str]:
    try:
        return {name: each.value for name, each in SimpleCookie(header.decode("latin-1")).items()}
    except CookieError:
        return {}


def _without_parameters(scope: Scope) -> str:
    """The path of a request, with a star for each part that is a parameter of its route."""
    values = {str(each) for each in scope.get("path_params", {}).values()}
    return "/".join("*" if part in values else part for part in scope["path"].split("/"))


class VisitMiddleware:
    """Notes visits of the pages of an application."""

    def __init__(self, app: ASGIApp, *, recorder: VisitRecorder) -> None:
        self.app, self.recorder = app, recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does; a page that was found is noted once it is sent."""
        if not _may_be_page(scope):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        signal = headers.get(b"sec-gpc") == b"1"
        rules = self.recorder.rules(signal=signal)
        if not rules.visit.fields:
            await self.app(scope, receive, send)
            return
        cookies = _cookies(headers.get(b"cookie", b""))
        cookie, is_new = self._cookie(rules, cookies)
        is_page = False

        async def noting(message: Message) -> None:
            nonlocal is_page
            if message["type"] == "http.response.start" and _is_page(message):
                is_page = True
                if is_new:
                    message["headers"] = [*message["headers"], self._header(cookie, rules)]
            await send(message)

        await self.app(scope, receive, noting)
        if is_page:
            self.recorder.note(self._visit(scope, cookie, cookies, signal=signal))

    def _cookie(self, rules: OpenRules, cookies: Mapping[str, str]) -> tuple[str, bool]:
        """Our cookie in a request, or a new one where it has none; and whether it is new."""
        if not rules.reads_cookie:
            return "", False
        value = cookies.get(COOKIE, "")
        if 0 < len(value) <= COOKIE_BYTES_MAX and value.isascii():
            return value, False
        return (new_cookie(), True) if rules.sets_cookie else ("", False)

    def _header(self, cookie: str, rules: OpenRules) -> tuple[bytes, bytes]:
        """The header that sets our cookie: first-party, for no longer than a visit may be kept."""
        provider = self.recorder.provider
        days = (provider.today() - date.fromisoformat(rules.visit.oldest)).days
        seconds = min(days, COOKIE_DAYS_MAX) * _DAY
        text = f"{COOKIE}={cookie}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax"
        return b"set-cookie", (text + ("; Secure" if provider.secure else "")).encode()

    def _visit(
        self, scope: Scope, cookie: str, cookies: Mapping[str, str], *, signal: bool
    ) -> WaitingVisit:
        provider = self.recorder.provider
        seconds = int((provider.now() - BEGINNING).total_seconds())
        client = scope.get("client")
        line = LogLine(
            seconds,
            str(client[0]).encode() if client else b"-",
            _without_parameters(scope).encode("utf-8", "replace"),
            cookie.encode(),
            signal,
        )
        return WaitingVisit(line, cookies.get(cookie_name(provider, "customer"), ""))
