"""The middleware of visits for WSGI applications: what the one for ASGI does, by the same core.

A visit is noted once its page was sent. A thread of our own keeps it; no page waits for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from upheld.practices.collection.middleware import NOBODYS, OpenVisit, is_html, open_visit
from upheld.practices.collection.recorder import VisitRecorder

Environ: TypeAlias = Mapping[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
WsgiApp: TypeAlias = Callable[[Any, StartResponse], Iterable[bytes]]
_FOUND: Final = "200 "


class WsgiVisitMiddleware:
    """Notes visits of the pages of a WSGI application."""

    def __init__(self, app: WsgiApp, *, recorder: VisitRecorder) -> None:
        self.app, self.recorder = app, recorder

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the application does; a page that was found is noted once it is sent."""
        path = str(environ.get("PATH_INFO", "")) or "/"
        visit = None
        if environ.get("REQUEST_METHOD") == "GET" and not path.startswith(NOBODYS):
            visit = open_visit(
                self.recorder,
                str(environ.get("HTTP_SEC_GPC", "")),
                str(environ.get("HTTP_COOKIE", "")),
            )
        if visit is None:
            return self.app(environ, start_response)
        return _NotedPage(self, visit, environ, start_response)


class _NotedPage:
    """The parts of a page, and what is done once they were sent."""

    def __init__(
        self,
        middleware: WsgiVisitMiddleware,
        visit: OpenVisit,
        environ: Environ,
        start_response: StartResponse,
    ) -> None:
        self._middleware, self._visit, self._environ = middleware, visit, environ
        self._start, self._is_page = start_response, False
        self._parts = middleware.app(environ, self._start_response)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Any:
        types = [value for name, value in headers if name.lower() == "content-type"]
        self._is_page = status.startswith(_FOUND) and bool(types) and is_html(types[0])
        if self._is_page and self._visit.is_new:
            cookie = self._visit.cookie_header()
            headers = [*headers, ("Set-Cookie", cookie)]
        return self._start(status, headers, exc_info) if exc_info else self._start(status, headers)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        """Close the application's own parts, and let the visit wait to be kept."""
        try:
            if (close := getattr(self._parts, "close", None)) is not None:
                close()
        finally:
            if self._is_page:
                environ = self._environ
                target = str(environ.get("PATH_INFO", "")).encode("latin-1", "replace") or b"/"
                address = str(environ.get("REMOTE_ADDR", "")) or "-"
                self._middleware.recorder.note(self._visit.waiting(address, target))
