"""Visits of a WSGI application: noted once its page is sent, with our cookie where we may."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

import upheld
from practices.conftest import House
from practices.test_collection import visits
from practices.test_visit_pages import SET, routes
from practices.without import without
from upheld.practices.collection import recorder as recording
from upheld.practices.collection.recorder import VisitRecorder
from upheld.practices.collection.wsgi import WsgiVisitMiddleware


def pages(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """An application that begins its answer only when it is read, as generators do."""
    found = environ["PATH_INFO"] != "/nothing"
    kind = "text/plain" if environ["PATH_INFO"] == "/robots.txt" else "text/html; charset=utf-8"
    start_response("200 OK" if found else "404 Not Found", [("Content-Type", kind)])
    yield b"a page"


def ask(app: WsgiVisitMiddleware, path: str, **more: str) -> dict[str, str]:
    """The headers of an answer, all of which is read and closed as servers do."""
    answers: dict[str, str] = {}
    environ: dict[str, Any] = {"PATH_INFO": path, "REMOTE_ADDR": "192.0.2.7", **more}
    setup_testing_defaults(environ)
    parts = app(environ, lambda _status, headers: answers.update(headers))
    assert b"".join(parts) == b"a page"
    if (close := getattr(parts, "close", None)) is not None:
        close()
    return answers


def test_a_page_is_noted_as_of_an_asgi_application(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reduced, with a cookie of ours once; no form, text or desk's page."""
    monkeypatch.setattr(recording, "SECONDS", 0)
    recorder = VisitRecorder(house.provider)
    app = WsgiVisitMiddleware(pages, recorder=recorder)
    match = SET.search(ask(app, "/shop/4711", QUERY_STRING="q=marked")["Set-Cookie"])
    assert match
    cookie = f"visitor={match[1]}"
    assert "Set-Cookie" not in ask(app, "/shop/\xc3\xa9", HTTP_COOKIE=cookie)
    for path in ("/nothing", "/robots.txt", "/staff/x"):
        assert "Set-Cookie" not in ask(app, path)
    ask(app, "/shop", REQUEST_METHOD="POST")
    assert "Set-Cookie" not in ask(app, "/signal", HTTP_SEC_GPC="1", HTTP_COOKIE=cookie)
    if (thread := recorder._thread) is not None:
        thread.join()
    some = visits(house)
    assert routes(some) == ["/shop/*", "/shop/\u00e9", "/signal"]
    assert {each.network for each in some} == {"192.0.2.0/24"}
    assert len({each.token for each in some if each.token}) == 1
    assert sum(not each.token for each in some) == 1


def test_where_no_clause_lets_us_nothing_of_it_is_noted(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """The application answers as it would alone."""
    house = open_house(without("visits"))
    recorder = VisitRecorder(house.provider)
    assert "Set-Cookie" not in ask(WsgiVisitMiddleware(pages, recorder=recorder), "/shop")
    assert recorder.keep() == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_fails_is_not_the_last_one_that_keeps_visits(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next visit starts another, which keeps what waits."""
    monkeypatch.setattr(recording, "SECONDS", 0.01)
    recorder = VisitRecorder(house.provider)
    app, real = WsgiVisitMiddleware(pages, recorder=recorder), recorder.take
    monkeypatch.setattr(recorder, "take", None)
    ask(app, "/first")
    while (thread := recorder._thread) is not None:
        thread.join()
    monkeypatch.setattr(recorder, "take", real)
    ask(app, "/second")
    while (thread := recorder._thread) is not None:
        thread.join()
    assert routes(visits(house)) == ["/second"]
