"""The image and the script by which a partner's page tells us of a visit.

Whoever asks gets the same bytes, whatever the key: what counts is decided a moment later. Neither
asks a browser for anything but its page; no cookie is set, and ours is read only where the browser
sends it of its own accord, which it does to pages of our own site and to no other.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from upheld.core.clock import BEGINNING
from upheld.core.ids import BeaconKey
from upheld.gate.gate import Gate
from upheld.practice.plugin import Provider
from upheld.practices.collection.intake import Intake, reads_cookie
from upheld.practices.collection.log_lines import LogLine
from upheld.practices.collection.middleware import own_cookie
from upheld.practices.collection.recorder import WaitingLine
from upheld.practices.collection.tellers import partners_page
from upheld.web.kit import HEADLESS, sends_signal

HERE: Final = "/beacon"
IMAGE: Final = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # 1 × 1, clear
SCRIPT: Final = (
    b"(function(s){if(s){var i=new Image();i.referrerPolicy='origin';"
    b"i.src=s.src.replace(/\\.js$/,'.gif')+'?page='+encodeURIComponent(location.pathname)}})"
    b"(document.currentScript);\n"
)
PAGE_MAX: Final = 2_000  # characters of a path that are looked at
_KEY: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HEADERS: Final = {
    "cache-control": "no-store",
    "cross-origin-resource-policy": "cross-origin",  # it is there for other sites' pages
}


class BeaconLine(NamedTuple):
    """A visit of which a partner's page told, with the key and the host that it named."""

    line: LogLine
    key: BeaconKey
    host: str


class BeaconRecorder(WaitingLine[BeaconLine]):
    """Takes what partners' pages tell, and keeps what counts a moment later."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self._intake = Intake(provider.gate.gate)

    def take(self, some: list[BeaconLine]) -> int:
        """Keep what counts of some visits; what does not is written nowhere."""
        pairs: dict[tuple[BeaconKey, str], list[LogLine]] = {}
        for each in some:
            pairs.setdefault((each.key, each.host), []).append(each.line)
        with self.provider.gate.gate.together() as transaction:
            usable = [which for which in pairs if partners_page(*which)(transaction) is not None]
        return sum(
            self._intake.keep(pairs[which], find_teller=partners_page(*which)).visits
            for which in usable
        )


class BeaconPages:
    """The image and the script."""

    def __init__(self, provider: Provider, recorder: BeaconRecorder) -> None:
        self.provider, self.recorder = provider, recorder

    async def image(self, request: Request) -> Response:
        """The image; a visit that it tells of waits to be kept."""
        visit = self._visit(request)
        if visit is not None:
            self.recorder.note(visit)
        return Response(IMAGE, headers=_HEADERS, media_type="image/gif")

    async def script(self, _: Request) -> Response:
        """The script, which asks for the image."""
        return Response(SCRIPT, headers=_HEADERS, media_type="text/javascript")

    def _visit(self, request: Request) -> BeaconLine | None:
        """What a request tells; None where it tells of no visit."""
        key, host, path = request.path_params["key"], *_page_of(request)
        if not _KEY.fullmatch(key) or not host or HEADLESS in request.scope:
            return None
        cookie = own_cookie(request.headers.get("cookie", "")) if self._reads_cookie else ""
        seconds = int((self.provider.now() - BEGINNING).total_seconds())
        target = path.encode("utf-8", "replace")
        line = LogLine(seconds, b"-", target, cookie.encode(), sends_signal(request))
        return BeaconLine(line, BeaconKey(key), host)

    @property
    def _reads_cookie(self) -> bool:
        gate: Gate = self.provider.gate.gate
        return reads_cookie(gate.arrival_questions)


def _page_of(request: Request) -> tuple[str, str]:
    """The host and the path of the page that asks; empty where its browser does not tell."""
    try:
        page = urlsplit(request.headers.get("referer", ""))
        host = page.hostname or ""
    except ValueError:
        return "", ""
    if page.scheme not in {"http", "https"}:
        return "", ""
    path = request.query_params.get("page", "")[:PAGE_MAX] or page.path[:PAGE_MAX] or "/"
    return host.casefold().removesuffix("."), path if path.startswith("/") else f"/{path}"
