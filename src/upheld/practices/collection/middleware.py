"""Middleware around our own pages: what a visit tells is noted, and our cookie set, if we may.

It can be put around any ASGI application; what it shares with the one for WSGI stands here.
Pages are noted that were found and are HTML; what the desks open is nobody's visit. Nothing waits
for a database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from upheld.core.clock import BEGINNING
from upheld.practice.endpoints import cookie_name
from upheld.practices.collection.log_lines import LogLine
from upheld.practices.collection.recorder import OpenRules, VisitRecorder, WaitingVisit, new_cookie

COOKIE: Final = "visitor"
COOKIE_BYTES_MAX: Final = 64
COOKIE_DAYS_MAX: Final = 400  # no browser keeps one for longer
NOBODYS: Final = (
    "/staff",
    "/agent",
    "/static",
    "/api",
    "/demo",
    "/beacon",
)  # no visits of our pages
_DAY: Final = 86_400


class OpenVisit(NamedTuple):
    """A visit whose page is not sent yet: what the policy lets us keep, and our cookie, if any."""

    rules: OpenRules
    cookie: str
    is_new: bool  # whether the browser has to be given the cookie
    session: str  # of the customer who is signed in, if anybody is
    signal: bool

    def cookie_header(self, recorder: VisitRecorder) -> str:
        """What sets our cookie: first-party, for no longer than a visit may be kept."""
        seconds = min(self.rules.days, COOKIE_DAYS_MAX) * _DAY
        text = f"{COOKIE}={self.cookie}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax"
        return text + ("; Secure" if recorder.provider.secure else "")

    def waiting(self, recorder: VisitRecorder, address: str, target: bytes) -> WaitingVisit:
        """The visit, as it waits to be kept."""
        seconds = int((recorder.provider.now() - BEGINNING).total_seconds())
        line = LogLine(seconds, address.encode(), target, self.cookie.encode(), self.signal)
        return WaitingVisit(line, self.session)


def open_visit(recorder: VisitRecorder, header: Callable[[str], str]) -> OpenVisit | None:
    """A visit by the headers of its request; None where no clause lets us keep anything of it."""
    signal = header("sec-gpc") == "1"
    rules = recorder.rules(signal=signal)
    if not rules.visit.fields:
        return None
    cookies = _cookies(header("cookie"))
    cookie, is_new = _cookie(rules, cookies)
    session = cookies.get(cookie_name(recorder.provider, "customer"), "")
    return OpenVisit(rules, cookie, is_new, session, signal)


def _cookie(rules: OpenRules, cookies: Mapping[str, str]) -> tuple[str, bool]:
    """Our cookie in a request, or a new one where it has none; and whether it is new."""
    if not rules.reads_cookie:
        return "", False
    if value := _own(cookies):
        return value, False
    return (new_cookie(), True) if rules.sets_cookie else ("", False)


def is_html(kind: str) -> bool:
    """Whether a type of content is a page's."""
    return kind.strip().lower().startswith("text/html")


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
    return bool(types) and is_html(types[0].decode("latin-1"))


def own_cookie(header: str) -> str:
    """Our cookie in a header of a request; empty where there is none, or one that is not ours."""
    return _own(_cookies(header))


def _own(cookies: Mapping[str, str]) -> str:
    value = cookies.get(COOKIE, "")
    return value if len(value) <= COOKIE_BYTES_MAX and value.isascii() else ""


def _cookies(header: str) -> dict[str, str]:
    """The cookies of a header; of two of one name the last, and no value is unquoted.

    Ours have nothing in them that would be quoted.
    """
    pairs = (each.partition("=") for each in header.split(";")) if header else ()
    return {name.strip(): value.strip() for name, _, value in pairs}


def _without_parameters(scope: Scope) -> str:
    """The path of a request, with a star for each part that is a parameter of its route."""
    parameters = scope.get("path_params")
    if not parameters:
        return str(scope["path"])
    values = {str(each) for each in parameters.values()}
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
        visit = open_visit(
            self.recorder, lambda name: headers.get(name.encode(), b"").decode("latin-1")
        )
        if visit is None:
            await self.app(scope, receive, send)
            return
        is_page = False

        async def noting(message: Message) -> None:
            nonlocal is_page
            if message["type"] == "http.response.start" and _is_page(message):
                is_page = True
                if visit.is_new:
                    cookie = visit.cookie_header(self.recorder).encode()
                    message["headers"] = [*message["headers"], (b"set-cookie", cookie)]
            await send(message)

        await self.app(scope, receive, noting)
        if is_page:
            client = scope.get("client")
            target = _without_parameters(scope).encode("utf-8", "replace")
            address = str(client[0]) if client else "-"
            self.recorder.note(visit.waiting(self.recorder, address, target))
