"""Where somebody comes to after signing in, or entering their password again: what they asked for.

An address carries it as the word of a page or as the path of one, and either leads to a page of the
same kind of visitor alone: one that this program answers by GET, never a sign-in, never elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.routing import Match, Route

from upheld.practice.plugin import Provider

PARAMETER: Final = "destination"
LENGTH_MAX: Final = 500
_PATH: Final = re.compile(r"/[A-Za-z0-9._~/-]*")
_QUERY: Final = re.compile(r"[A-Za-z0-9._~%+=&:,-]*")
_VISITOR, _CARRIES = "visitor", "carries"  # attributes of endpoints


def mark_endpoint(endpoint: object, kind: str, carries: Sequence[str] = ()) -> None:
    """Mark whose page an endpoint is, and which fields of its form outlive the password question.

    Only fields that may stand in another page of the same person, for a moment: no password.
    """
    setattr(endpoint, _VISITOR, kind)
    setattr(endpoint, _CARRIES, tuple(carries))


def _endpoint(provider: Provider, method: str, path: str) -> Any:
    """The endpoint that answers a method and path; None where none does."""
    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    for route in (each for practice in provider.practices for each in practice.routes):
        if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
            return route.endpoint
    return None


def own_page(provider: Provider, kind: str, text: str) -> str:
    """A path with its query, where it is a page of a kind of visitor; else empty."""
    path, _, query = text.partition("?")
    if len(text) > LENGTH_MAX or not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        return ""
    if "//" in path or "/." in path or re.search(r"/sign-(?:in|out)(?:/|$)", path):
        return ""
    if getattr(_endpoint(provider, "GET", path), _VISITOR, "") != kind:
        return ""
    return text


def carried_fields(provider: Provider, destination: str) -> tuple[str, ...]:
    """The fields of the form of a page that outlive the password question."""
    endpoint = _endpoint(provider, "POST", destination.partition("?")[0])
    names: tuple[str, ...] = getattr(endpoint, _CARRIES, ())
    return names


def destination_of(provider: Provider, request: Request, kind: str) -> str:
    """What an address names as where to go on: a word, or an own page's path; else empty."""
    text = request.query_params.get(PARAMETER, "")
    return text if text in provider.sign_in_targets(kind) else own_page(provider, kind, text)


def destination_path(provider: Provider, request: Request, kind: str, start: str) -> str:
    """The path to which an address leads on; `start` where it names none."""
    text = destination_of(provider, request, kind)
    return provider.sign_in_targets(kind).get(text, text) or start


def page_behind(provider: Provider, request: Request, kind: str) -> str:
    """The destination for a request: its own page, or of a form the nearest page above it."""
    words = {path: word for word, path in provider.sign_in_targets(kind).items()}
    url = urlsplit(str(request.url))
    path, query = request.url.path, f"?{url.query}" if url.query else ""
    while path:
        text = path + query
        if not query and path in words:
            return words[path]
        if own_page(provider, kind, text):
            return text
        path, query = ("/" + path.strip("/")).rpartition("/")[0] if not query else path, ""
    return ""


def with_destination(path: str, destination: str) -> str:
    """A path that carries where to go on."""
    return path + (f"?{urlencode({PARAMETER: destination})}" if destination else "")
