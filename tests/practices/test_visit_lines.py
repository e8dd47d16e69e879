"""Lines of logs are read in each form that servers write; whatever else stands in one is told."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.practices.collection.log_lines import (
    MALFORMED,
    NO_PAGE,
    NO_TIME,
    TOO_LONG,
    LogLine,
    LogReader,
)
from upheld.practices.collection.reduction import network_of, route_of

AT = int(datetime.fromisoformat("2026-03-10T10:00:01+00:00").timestamp())
WHEN = "10/Mar/2026:10:00:01 +0000"
OLD = "01/Aug/1995:00:00:01 -0400"
OLD_AT = int(datetime.fromisoformat("1995-08-01T04:00:01+00:00").timestamp())
AGENT = '"-" "Mozilla/5.0 (X11)"'

READABLE = {
    f'192.0.2.7 - - [{WHEN}] "GET /a HTTP/1.1" 200 12': LogLine(AT, b"192.0.2.7", b"/a"),
    f'192.0.2.7 - - [{WHEN}] "GET /a?q=1 HTTP/1.1" 200 12 {AGENT}': LogLine(
        AT, b"192.0.2.7", b"/a"
    ),
    f'2001:db8::7 - ann [{WHEN}] "POST /a HTTP/2.0" 303 0': LogLine(AT, b"2001:db8::7", b"/a"),
    f'host.example - Ann Lee [{WHEN}] "GET /a" 200 12': LogLine(AT, b"host.example", b"/a"),
    '192.0.2.7 - - [10/Mar/2026:02:00:01 -0800] "GET /a HTTP/1.0" 200 -': LogLine(
        AT, b"192.0.2.7", b"/a"
    ),
    f'192.0.2.7 - - [{WHEN}] "GET /a\\"b HTTP/1.1" 404 0': LogLine(AT, b"192.0.2.7", b'/a\\"b'),
    json.dumps(
        {"remote_addr": "192.0.2.7", "time_iso8601": "2026-03-10T11:00:01+01:00", "uri": "/a"}
    ): (LogLine(AT, b"192.0.2.7", b"/a")),
    json.dumps(
        {"ip": "192.0.2.7", "ts": AT * 1000, "request": "GET /a HTTP/1.1", "http_sec_gpc": "1"}
    ): (LogLine(AT, b"192.0.2.7", b"/a", b"", signal=True)),
    json.dumps({"time_local": WHEN, "path": "/a", "cookie_visitor": "c1"}): LogLine(
        AT, b"-", b"/a", b"c1"
    ),
    # As servers wrote them in 1995: names of machines, no version of HTTP, paths with spaces.
    f'host1.city.example - - [{OLD}] "GET /shuttle/sts-68.txt HTTP/1.0" 200 1839': LogLine(
        OLD_AT, b"host1.city.example", b"/shuttle/sts-68.txt"
    ),
    f'host1 - - [{OLD}] "GET /shuttle/" 304 0': LogLine(OLD_AT, b"host1", b"/shuttle/"),
    f'host1 - - [{OLD}] "GET /cgi/imagemap/fr?269,9 HTTP/1.0" 302 -': LogLine(
        OLD_AT, b"host1", b"/cgi/imagemap/fr"
    ),
    f'host1 - - [{OLD}] "GET /a map of it.gif HTTP/1.0" 404 -': LogLine(OLD_AT, b"host1", b"/a"),
    f'host1 - - [{OLD}] "HEAD /shuttle/ HTTP/1.0" 200 0': LogLine(OLD_AT, b"host1", b"/shuttle/"),
}
UNREADABLE = {
    "": MALFORMED,
    f'host1 - - [{OLD}] "index.html" 404 -': NO_PAGE,
    f'host1 - - [{OLD}] "GET index.html HTTP/1.0" 404 -': NO_PAGE,
    f'host1 - - [{OLD}] "\\x80\\x18 / HTTP/1.0" 400 -': NO_PAGE,
    f'host1 - - [{OLD}] "GET "/a.html"> HTTP/1.0" 404 -': MALFORMED,
    f'host1 - - [{OLD}] ""GET /a HTTP/1.0" 404 -': MALFORMED,
    "not a line": MALFORMED,
    f'192.0.2.7 - - [{WHEN}] "GET /a HTTP/1.1': MALFORMED,
    f'192.0.2.7 - - [{WHEN}] "GET /a\0 HTTP/1.1" 200 12': MALFORMED,
    f'192.0.2.7 - - [{WHEN}] "\\x16\\x03\\x01" 400 12': NO_PAGE,
    f'192.0.2.7 - - [{WHEN}] "CONNECT host:443 HTTP/1.1" 400 12': NO_PAGE,
    '192.0.2.7 - - [31/Feb/2026:10:00:01 +0000] "GET /a HTTP/1.1" 200 12': NO_TIME,
    '192.0.2.7 - - [10/Mar/2026:10:00:99 +0000] "GET /a HTTP/1.1" 200 12': NO_TIME,
    '192.0.2.7 - - [10/Mar/2026:10:00:01 +9900] "GET /a HTTP/1.1" 200 12': NO_TIME,
    "{": MALFORMED,
    '192.0.2.7 - - [01/Jan/0001:00:00:01 +1400] "GET /a HTTP/1.1" 200 12': NO_TIME,
    '{"uri": "/a"}': NO_TIME,
    '{"time": "0001-01-01T00:00:01+14:00", "uri": "/a"}': NO_TIME,
    '{"ts": 1e999, "uri": "/a"}': MALFORMED,
    '{"ts": -5, "uri": "/a"}': NO_TIME,
    '{"ts": true, "uri": "/a"}': NO_TIME,
    '{"time": "2026-03-10T10:00:01", "uri": "/a"}': NO_TIME,
    '{"ts": 1, "uri": ["/a"]}': NO_PAGE,
    '{"ts": 1, "uri": "/a\\u0000"}': NO_PAGE,
    "x" * 70_000: TOO_LONG,
}


@pytest.mark.parametrize("line", READABLE)
def test_a_line_of_each_form_is_read(line: str) -> None:
    """Common, combined and JSON lines say when, from where, and which page."""
    assert LogReader().read(line.encode()) == READABLE[line]


@pytest.mark.parametrize("line", UNREADABLE)
def test_a_line_of_no_form_is_left_out_with_its_reason(line: str) -> None:
    """Nothing that a line may hold stops the reader."""
    assert LogReader().read(line.encode()) == UNREADABLE[line]


@given(
    st.one_of(
        st.binary(max_size=200),
        st.tuples(
            st.sampled_from([each.encode() for each in READABLE]),
            st.integers(0, 80),
            st.binary(max_size=8),
        ).map(lambda whole: whole[0][: whole[1]] + whole[2] + whole[0][whole[1] :]),
    )
)
def test_no_line_stops_the_reader_and_what_is_read_can_be_kept(line: bytes) -> None:
    """Whatever bytes stand in it, it is read as a page of a moment, or left out with a reason."""
    result = LogReader().read(line)
    if isinstance(result, str):
        assert result in {MALFORMED, TOO_LONG, NO_TIME, NO_PAGE}
    else:
        assert result.at >= 0
        for text in (route_of(result.target), network_of(result.address)):
            assert "\0" not in text
            assert text.encode().decode() == text


def test_bytes_of_another_encoding_are_read_as_a_page() -> None:
    """A path that is no UTF-8 is a page all the same, written so that it can be stored."""
    line = b'192.0.2.7 - - [%b] "GET /caf\xe9 HTTP/1.1" 200 12' % WHEN.encode()
    result = LogReader().read(line)
    assert isinstance(result, LogLine)
    assert route_of(result.target) == "/caf\\xe9"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (b"192.0.2.77", "192.0.2.0/24"),
        (b"2001:db8:1:2:3::4", "2001:db8:1::/48"),
        (b"::ffff:192.0.2.77", "192.0.2.0/24"),
        (b"[2001:db8:1::9]", "2001:db8:1::/48"),
        (b"host.example", ""),
        (b"192.0.2.777", ""),
        (b"\xff", ""),
        (b"-", ""),
    ],
)
def test_of_an_address_only_the_network_is_left(address: bytes, network: str) -> None:
    """The name of a machine may be somebody's, and leaves nothing."""
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("target", "route"),
    [
        (b"/plans?from=ad#top", "/plans"),
        (b"/users/ann@mail.example/edit", "/users/*/edit"),
        (b"/users/ann%40mail.example", "/users/*"),
        (b"/invoices/7/pdf", "/invoices/*/pdf"),
        (b"/reset/3f9a1b22-aaaa", "/reset/*"),
        (b"/t/" + b"k" * 50, "/t/*"),
        (b"/link/aB3dE6gH9jK2mN5pQ8", "/link/*"),
        (b"/how-to/keep-your-password", "/how-to/keep-your-password"),
        (b"/a;jsessionid=77", "/a"),
        (b"/a" * 40, "/a" * 12 + "/*"),
    ],
)
def test_a_route_has_no_query_and_nobodys_id(target: bytes, route: str) -> None:
    """What may tell of somebody in a path stands as a star."""
    assert route_of(target) == route
