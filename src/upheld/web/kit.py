"""What every page and endpoint shares: security headers, fixed answers, compression, errors.

Nothing here sets a cookie or lets anything from elsewhere in. An error is a page for people and
problem+json for programs, by what they accept.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from importlib import resources

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from upheld.core import observing
from upheld.core.errors import UpheldError

CSP = "content-security-policy"


def security_policy(leads_to: str = "") -> str:
    """What a page may load, and where its forms may lead: here, and to one other origin."""
    targets = f"'self' {leads_to}".strip()
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
        f" form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )


HEADERS = {
    CSP: security_policy(),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "interest-cohort=(), browsing-topics=()",
}
HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
PROBLEM = "application/problem+json"
# Where a form is, browsers that tell no Sec-Fetch-Site must tell where it was sent from.
WITH_FORM = {"referrer-policy": "same-origin"}
BODY_SECONDS = 10.0  # within which a form must be here
HEADLESS = "upheld.headless"  # of a scope: HEAD was asked, which counts as no look at a page
ZERO, ENCODED_ZERO = "\x00", b"%00"
PACK_MIN = 1_024  # bytes under which compressing is not worth it
ErrorPage = Callable[[Request, int, str, str], Response]  # status, what is so, what to do
Endpoint = Callable[[Request], Awaitable[Response]]


class Guarded:
    """Puts the security headers on every response, errors included, and answers HEAD as GET.

    No endpoint sees HEAD: what it does on GET, which changes nothing, is what it does on HEAD, and
    the answer goes out without its body. So whatever is no GET was sent to change something.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers."""
        headless = scope["type"] == "http" and scope["method"] == "HEAD"
        if headless:
            scope = {**scope, "method": "GET", HEADLESS: True}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                added = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
                message["headers"] = [
                    *message["headers"],
                    *(each for each in added if each[0] not in there),
                ]
            elif headless and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app(scope, receive, sending if scope["type"] == "http" else send)


class Addressed:
    """Answers an address with a zero byte in its path or its query as a page that is not there.

    No address of ours has one, and a database may refuse to look for what has.
    """

    def __init__(self, app: ASGIApp, not_there: Callable[[Request], Awaitable[Response]]) -> None:
        self.app, self.not_there = app, not_there

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, where it could have such an address."""
        app = self.app
        if scope["type"] == "http" and (
            ZERO in scope["path"] or ENCODED_ZERO in scope["query_string"]
        ):
            app = await self.not_there(Request(scope, receive))
        await app(scope, receive, send)


class Observed:
    """Notes each page that is answered, by a digest, while what a policy's words do is tried."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does; a file made once, such as the policy's page, is none."""
        observer = observing.observer()
        if observer is None or scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def noting(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
            body += message.get("body", b"")
            await send(message)

        await self.app(scope, receive, noting)
        headers = dict(start.get("headers", ()))
        if start and b"etag" not in headers:
            path = observing.steady(f"{scope['method']} {scope['path']}")
            observer.note("outcome", path, f"{start['status']} {_leads(headers)}")
            observer.note("page", path, observing.digest(body.decode(errors="replace")))


def _leads(headers: Mapping[bytes, bytes]) -> str:
    """Where an answer leads, without what is anybody's."""
    return observing.steady(headers.get(b"location", b"").decode(errors="replace")).split("?")[0]


class Fixed:
    """A response made once: its bytes, plain and compressed, its type, the digest that names it."""

    def __init__(self, body: bytes, media_type: str, *, cache: str = "no-cache") -> None:
        self.body, self.media_type, self.cache = body, media_type, cache
        self.etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    def respond(self, request: Request, status: int = 200) -> Response:
        """Answer a request: the body, or 304 to whoever has it already."""
        body, etag = self.body, self.etag
        vary = {"vary": "accept, accept-encoding", "cache-control": self.cache}
        packed = self.packed if takes_gzip(request) else b""
        if packed:
            body, etag = packed, f'{etag[:-1]}-gzip"'
            vary["content-encoding"] = "gzip"
        headers = {"etag": etag, **vary}
        if status == HTTPStatus.OK and self._is_own_host(request.headers.get("if-none-match", "")):
            headers.pop("content-encoding", None)
            return Response(status_code=304, headers=headers)
        return Response(body, status, headers, media_type=self.media_type)

    @cached_property
    def packed(self) -> bytes:
        """The body compressed, once; nothing where that saves too little."""
        packed = gzip.compress(self.body, 6, mtime=0) if len(self.body) > PACK_MIN else b""
        return packed if len(packed) < 0.9 * len(self.body) else b""

    def _is_own_host(self, host: str) -> bool:
        """Whether the caller has it already, in either form."""
        tags = [tag.strip().removeprefix("W/").replace('-gzip"', '"') for tag in host.split(",")]
        return "*" in tags or self.etag in tags

    async def endpoint(self, request: Request) -> Response:
        """Answer a request, as `respond` does, where a route wants a coroutine."""
        return self.respond(request)


def dumped(value: object) -> bytes:
    """JSON for people to read too, ending in a newline."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def files_of(package: str, folder: str) -> dict[str, Fixed]:
    """The files in a package's folder, by name."""
    contents = {}
    for each in (resources.files(package) / folder).iterdir():
        if each.is_file():
            kind = mimetypes.guess_type(each.name)[0] or "application/octet-stream"
            kind += "; charset=utf-8" if kind.startswith("text/") else ""
            contents[each.name] = Fixed(each.read_bytes(), kind)
    return contents


def sends_signal(request: Request) -> bool:
    """Whether a browser sends the Global Privacy Control signal: `Sec-GPC: 1`, and nothing else."""
    return request.headers.get("sec-gpc") == "1"


def takes_gzip(request: Request) -> bool:
    """Whether the caller reads gzip."""
    return any(
        name in ("gzip", "*") and weight > 0
        for name, weight in _weighed(request.headers.get("accept-encoding", ""))
    )


def wants_page(request: Request) -> bool:
    """Whether a request comes from a browser rather than a program."""
    best = {"html": 0.0, "json": 0.0}
    for kind, weight in _weighed(request.headers.get("accept", "")):
        name = kind.replace("+", "/").rsplit("/", 1)[-1]
        if name in best:
            best[name] = max(best[name], weight)
    return best["html"] > 0 and best["html"] >= best["json"]


def _weighed(header: str) -> list[tuple[str, float]]:
    """What a header lists, each with its weight (RFC 9110, section 12.4.2)."""
    weights = []
    for each in header.split(","):
        name, *rest = (part.strip() for part in each.split(";"))
        weights.append(
            (name, next((_weight(part[2:]) for part in rest if part.startswith("q=")), 1.0))
        )
    return weights


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def problem(status: int, detail: str, *, code: str = "", hint: str = "") -> Response:
    """An error for programs."""
    phrase = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": phrase, "status": status, "detail": detail}
    more = {key: value for key, value in (("code", code), ("hint", hint)) if value}
    return Response(dumped({**body, **more}), status, media_type=PROBLEM)


def failure(
    request: Request,
    status: int,
    page: ErrorPage,
    texts: tuple[str, str],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error as whoever asked can read it; `said` is what is so and what to do."""
    what, remedy = texts
    if wants_page(request):
        response = page(request, status, what, remedy)
    else:
        response = problem(status, what, hint=remedy)
    response.headers.update({"vary": "accept", "cache-control": "no-store", **(headers or {})})
    return response


class Refusal(HTTPException):
    """A refusal that says what is wrong and what to do; `way_on` is where its page leads."""

    def __init__(self, status: int, what: str, remedy: str, way_on: str = "") -> None:
        super().__init__(status, what)
        self.remedy, self.way_on = remedy, way_on


CUT = {"connection": "close"}  # whatever else of the request comes is not read
CUTTING = frozenset({408, 413})
STOPPED = "log-changed"  # the code of what lets nobody do anything but look
CHANGED = "changed-row"  # of what was changed in the database by somebody without its keys
CHANGED_SAID = (
    "Something that we keep for this page is not as we wrote it.",
    "Nothing was done that rests on it. We are looking into it; ask us if you cannot wait.",
)
SAID = {
    404: ("There is no such page.", "Check the address, or begin again from one of these pages."),
    403: ("You cannot open this page.", "It is not yours, or your role does not let you open it."),
    405: ("This address cannot be used like that.", "Go back, and use the links and forms there."),
    408: ("What you sent did not arrive in time.", "Send it once more."),
    413: ("What you sent is too large.", "Go back, and send less, such as a smaller file."),
    503: ("Nothing can be done here at the moment.", "Nothing was changed. Try again later."),
    500: ("Something went wrong on our side.", "Nothing was decided. Try again in a while."),
}


def _nobody(_: UpheldError) -> None:
    """Tell nobody."""


async def _anybody(_: Request) -> None:
    """Take whoever asks for anybody."""


def application(
    routes: list[BaseRoute],
    page: ErrorPage,
    changed: Callable[[UpheldError], None] = _nobody,
    identify: Callable[[Request], Awaitable[None]] = _anybody,
    wrappers: Sequence[Callable[[ASGIApp], ASGIApp]] = (),
) -> Starlette:
    """An application with these routes, guarded, whose errors are pages of its own.

    `changed` hears of each row that was met and is not as it was written; `identify` notes who is
    signed in, so that the page of an error leads on from there; `wrappers` are put around it all.
    """

    async def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        phrase = (HTTPStatus(status).phrase + ".", "")
        texts = SAID.get(status, phrase)
        if isinstance(error, Refusal):
            texts = (error.detail, error.remedy)
            request.state.way_on = error.way_on
        if status < HTTPStatus.INTERNAL_SERVER_ERROR and wants_page(request):
            await identify(request)
        if status in CUTTING:
            headers = {**(headers or {}), **CUT}
        response = failure(request, status, page, texts, headers)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:  # made outside of the guard
            response.headers.update(HEADERS)
        return response

    async def not_there(request: Request) -> Response:
        return await refused(request, HTTPException(404))

    async def stopped(request: Request, error: Exception) -> Response:
        if not isinstance(error, UpheldError) or error.code not in (STOPPED, CHANGED):
            raise error
        if error.code == STOPPED:
            return failure(request, 503, page, SAID[503])
        changed(error)
        return failure(request, 503, page, CHANGED_SAID)

    guards = [Middleware(Guarded), Middleware(Addressed, not_there)]
    noting = [Middleware(Observed)] if observing.observer() is not None else []
    app = Starlette(
        routes=routes,
        middleware=[*map(Middleware, reversed(wrappers)), *guards, *noting],
        exception_handlers={HTTPException: refused, UpheldError: stopped, 500: refused},
    )
    app.router.redirect_slashes = False  # it leads to the Host that the caller names
    return app
