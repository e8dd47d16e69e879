"""Middleware around our own pages: what a visit tells is noted, and our cookie set, if we may.

It can be put around any ASGI application; what it shares with the one for WSGI stands here.
Pages are noted that were found and are HTML; what the desks open is nobody's visit. Nothing waits
for a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from upheld.practices.collection.recorder import OpenRules, VisitRecorder, WaitingVisit, new_cookie

COOKIE: Final = "visitor"
COOKIE_BYTES_MAX: Final = 64
NOBODYS: Final = (
    "/staff",
    "/agent",
    "/static",
    "/api",
    "/demo",
    "/beacon",
)  # no visits of our pages
_NO_COOKIES: Final[Mapping[str, str]] = {}


class OpenVisit(NamedTuple):
    """A visit whose page is not sent yet: what the policy lets us keep, and our cookie, if any."""

    at: int  # seconds since 1970
    rules: OpenRules
    cookie: str
    is_new: bool  # whether the browser has to be given the cookie
    session: str  # of the customer who is signed in, if anybody is
    signal: bool

    def cookie_header(self) -> str:
        """What sets our cookie: first-party, for no longer than a visit may be kept."""
        return f"{COOKIE}={self.cookie}{self.rules.cookie_end}"

    def waiting(self, address: str, target: bytes) -> WaitingVisit:
        """The visit, as it waits to be kept."""
        return WaitingVisit(self.at, address, target, self.cookie, self.signal, self.session)


def open_visit(recorder: VisitRecorder, signal: str, cookies: str) -> OpenVisit | None:
    """A visit by the headers of its request that tell of a privacy signal and of cookies.

    None where no clause lets us keep anything of it.
    """
    at, is_signal = recorder.provider.gate.gate.clock.seconds(), signal == "1"
    rules = recorder.rules(at, signal=is_signal)
    if not rules.visit.fields:
        return None
    by_name = _cookies(cookies) if cookies else _NO_COOKIES
    cookie = _own(by_name) if rules.reads_cookie else ""
    is_new = not cookie and rules.sets_cookie
    session = by_name.get(recorder.session_cookie, "")
    return OpenVisit(at, rules, new_cookie() if is_new else cookie, is_new, session, is_signal)


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
            self.recorder,
            headers.get(b"sec-gpc", b"").decode("latin-1"),
            headers.get(b"cookie", b"").decode("latin-1"),
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
                    cookie = visit.cookie_header().encode()
                    message["headers"] = [*message["headers"], (b"set-cookie", cookie)]
            await send(message)

        await self.app(scope, receive, noting)
        if is_page:
            client = scope.get("client")
            address = str(client[0]) if client else "-"
            target = _without_parameters(scope).encode("utf-8", "replace")
            self.recorder.note(visit.waiting(address, target))
