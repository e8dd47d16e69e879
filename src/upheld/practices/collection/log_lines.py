"""Lines of access logs: common, combined (of nginx or Apache), or JSON, one object a line.

Goes in: a line as bytes. Comes out: when, from which address, which target, our cookie if the line
has one, and whether the browser sent a privacy signal. A line of any other form is told apart by a
reason, and never quoted. What repeats from line to line is worked out once.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, NamedTuple

import msgspec

LINE_BYTES_MAX: Final = 64 * 1024
REMEMBERED: Final = 50_000  # distinct values of a kind that are kept in mind
MALFORMED, TOO_LONG, NO_TIME, NO_PAGE = (
    "not a line of a log",
    "longer than 64 KiB",
    "without a readable time",
    "without a page",
)
_COMMON: Final = re.compile(
    rb'(\S{1,255}) [^\["]*+\[([^\]"]{20,40})\] "((?:[^"\\]++|\\.)*+)"(?: |$)', re.DOTALL
)
_USUAL: Final = re.compile(  # most lines, read at once: address, time, path
    rb'(\S{1,255}) [^\["]*+\[([^\]"]{26})\] "[A-Z]{1,20} (/[^ "\\?#]*+)[^"\\]*+"(?: |$)'
)
_TIME: Final = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_NAMES: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
_MONTHS: Final = {name: number for number, name in enumerate(_NAMES.split(), 1)}
_METHOD: Final = re.compile(rb"[A-Z]{1,20}")
MILLISECONDS_FROM: Final = 1e11  # an epoch above this counts milliseconds
_ADDRESS: Final = ("remote_addr", "client_ip", "remote_ip", "clientip", "clientIp", "ip")
_WHEN: Final = ("time_iso8601", "time_local", "time", "@timestamp", "timestamp", "msec", "ts")
_TARGET: Final = ("request_uri", "uri", "path", "url")
_COOKIE: Final = ("cookie_id", "cookie_visitor")
_SIGNAL: Final = ("http_sec_gpc", "sec_gpc")


class LogLine(NamedTuple):
    """What a line of a log tells of a visit."""

    at: int  # seconds since 1970
    address: bytes
    target: bytes  # its query may be there
    cookie: bytes = b""
    signal: bool = False  # whether the browser sent a privacy signal


class LogReader:
    """Reads lines; remembers times and requests, of which a log has few in a row."""

    def __init__(self) -> None:
        self._minutes: dict[bytes, int | None] = {}
        self._targets: dict[bytes, bytes | None] = {}

    def read(self, line: bytes) -> LogLine | str:
        """What a line tells, or why it is left out."""
        if len(line) > LINE_BYTES_MAX:
            return TOO_LONG
        match = _USUAL.match(line)
        if match is not None and b"\0" not in line:
            address, when, target = match.groups()
            at = self._time(when)
            return NO_TIME if at is None else LogLine(at, address, target)
        if line[:1] == b"{":
            return self._read_json(line)
        match = _COMMON.match(line)
        if match is None or b"\0" in line:
            return MALFORMED
        address, when, request = match.groups()
        at, page = self._time(when), self._target(request)
        if at is None:
            return NO_TIME
        return NO_PAGE if page is None else LogLine(at, address, page)

    def _time(self, when: bytes) -> int | None:
        """The seconds of a time as logs write it; None where it cannot be.

        The minute is worked out once: 28/Nov/2026:10:00:__ +0000.
        """
        minute, second = when[:18] + when[20:], when[18:20]
        try:
            begin = self._minutes[minute]
        except KeyError:
            if len(self._minutes) >= REMEMBERED:
                self._minutes.clear()
            text = (when[:18] + b"00" + when[20:]).decode("ascii", "replace")
            begin = self._minutes[minute] = _seconds(text)
        if begin is None or not second.isdigit() or second > b"60":
            return None
        return begin + min(int(second), 59)  # of a leap second

    def _target(self, request: bytes) -> bytes | None:
        """The target of a request such as `GET /page HTTP/1.1`; None for any other text."""
        try:
            return self._targets[request]
        except KeyError:
            if len(self._targets) >= REMEMBERED:
                self._targets.clear()
            parts = request.split(b" ")
            fits = 2 <= len(parts) <= 3 and _METHOD.fullmatch(parts[0])
            target = parts[1] if fits and parts[1][:1] == b"/" else None
            self._targets[request] = target
            return target

    def _read_json(self, line: bytes) -> LogLine | str:
        try:
            row = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return MALFORMED
        at = _moment(_first(row, _WHEN))
        if at is None:
            return NO_TIME
        request, target = row.get("request"), _first(row, _TARGET)
        if isinstance(target, str) and target.startswith("/"):
            page: bytes | None = target.encode("utf-8", "replace")
        else:
            known_text = isinstance(request, str)
            page = self._target(request.encode("utf-8", "replace")) if known_text else None
        if page is None or b"\0" in page:
            return NO_PAGE
        address, cookie = _first(row, _ADDRESS), _first(row, _COOKIE)
        return LogLine(
            at,
            address.encode("utf-8", "replace") if isinstance(address, str) else b"-",
            page,
            cookie.encode("utf-8", "replace") if isinstance(cookie, str) and cookie != "-" else b"",
            str(_first(row, _SIGNAL)) == "1",
        )


def _first(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if name in row), None)


def _moment(value: Any) -> int | None:
    """The seconds of a time of JSON: a number, or a text in the form of ISO 8601 or of logs."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return _seconds(value)
        else:
            return None if moment.tzinfo is None else _since_1970(moment)
    if not isinstance(value, int | float) or not 0 <= value < 1e14:
        return None
    return int(value / 1000 if value > MILLISECONDS_FROM else value)


def _seconds(text: str) -> int | None:
    match = _TIME.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        return None
    apart = timedelta(hours=int(match[8]), minutes=int(match[9]))
    try:
        zone = timezone(-apart if match[7] == "-" else apart) if apart else UTC
        second = min(int(match[6]), 59)
        day = int(match[3]), _MONTHS[match[2]], int(match[1])
        return _since_1970(datetime(*day, int(match[4]), int(match[5]), second, tzinfo=zone))
    except (ValueError, OverflowError):
        return None


def _since_1970(moment: datetime) -> int | None:
    """The seconds of a moment; None of one before 1970, when there were no logs."""
    seconds = int(moment.timestamp())
    return seconds if seconds >= 0 else None
