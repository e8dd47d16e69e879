"""The demonstration as its server is reached: by bytes on a socket, and by a neighbour too."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from processes import PATIENCE, free_port, wait_for_port

DRIPS = round(PATIENCE / 0.3)  # a byte each
LAN = "192.0.2.2"
START = (
    "import sys; from upheld.api import server; from upheld.web import kit;"
    " kit.BODY_SECONDS = 2.0; server.BODY_SECONDS = 8.0;"
    " sys.argv[0] = 'upheld'; from upheld.cli import main; main()"
)
FORM = urlencode({"email": "nobody@marked.example", "password": "four plain words here"})


class Running(NamedTuple):
    """The demonstration as a process."""

    process: subprocess.Popen[str]
    port: int


@pytest.fixture(scope="module")
def demo() -> Iterator[Running]:
    """A small demonstration that runs, with little patience for bodies."""
    port = free_port()
    command = [sys.executable, "-c", START, "demo", "--customers", "12", "--port", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("What would be mailed"):
            break
    wait_for_port(port)
    yield Running(process, port)
    process.terminate()
    process.communicate(timeout=PATIENCE)


def exchange(demo: Running, *parts: str) -> str:
    """Everything that comes back for these lines and bodies."""
    with socket.create_connection(("127.0.0.1", demo.port), PATIENCE) as connection:
        for part in parts:
            connection.sendall(part.encode())
        received_bytes = b""
        while chunk := connection.recv(65_536):
            received_bytes += chunk
    return received_bytes.decode()


def head(demo: Running, line: str, host: str = "", **headers: str) -> str:
    """A request's head; a host without a port has that of the server."""
    host = host or "127.0.0.1"
    where = host if ":" in host else f"{host}:{demo.port}"
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (
        f"{line} HTTP/1.1\r\nhost: {where}\r\naccept: text/html\r\nconnection: close\r\n{more}\r\n"
    )


def posted(demo: Running, path: str, body: str = FORM, host: str = "", **headers: str) -> str:
    """A form's request."""
    kind = {"content_type": "application/x-www-form-urlencoded"}
    return head(demo, f"POST {path}", host, content_length=str(len(body)), **kind, **headers) + body


@pytest.mark.parametrize("host", [LAN, "127.0.0.1", "localhost"])
def test_signing_in_from_a_neighbour_over_plain_http_works(demo: Running, host: str) -> None:
    """A browser that sends no Sec-Fetch-Site tells its origin, since the page lets it."""
    page = exchange(demo, head(demo, "GET /sign-in", host))
    assert page.startswith("HTTP/1.1 200")
    assert re.findall(r"(?im)^referrer-policy: (.*)\r$", page) == ["same-origin"]
    tried = exchange(demo, posted(demo, "/sign-in", host=host, origin=f"http://{host}:{demo.port}"))
    assert "E-mail address or password is not right" in tried


@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
def test_a_form_from_elsewhere_is_told_what_is_wrong(demo: Running, origin: str) -> None:
    """The page of the refusal says that the form was not sent from ours, or not known to be."""
    more = {"origin": origin} if origin else {}
    response = exchange(demo, posted(demo, "/sign-in", host=LAN, **more))
    assert response.startswith("HTTP/1.1 403")
    text = "sent from a page that is not ours" if "evil" in origin else "did not say which page"
    assert text in response


def test_a_page_without_a_form_tells_no_referrer(demo: Running) -> None:
    """Only where a form is may a browser say where somebody comes from, and to us alone."""
    response = exchange(demo, head(demo, "GET /nothing-here"))
    assert re.findall(r"(?im)^referrer-policy: (.*)\r$", response) == ["no-referrer"]


def test_a_body_that_does_not_come_in_time_is_cut_off(demo: Running) -> None:
    """A form that drips is answered with 408 or cut, on every address, whatever reads it."""
    with ThreadPoolExecutor(4) as threads:
        first, *_ = threads.map(
            lambda path: drip(demo, path),
            ["/sign-in", "/nothing-here", "/privacy", "/unsubscribe/x"],
        )
    assert first.startswith(b"HTTP/1.1 408")
    assert b"did not arrive in time" in first


def drip(demo: Running, path: str) -> bytes:
    """What comes back until a form is cut off whose body comes a byte at a time."""
    slow = head(
        demo,
        f"POST {path}",
        content_length="2000",
        origin=f"http://127.0.0.1:{demo.port}",
        content_type="application/x-www-form-urlencoded",
    )
    slow = slow.replace("connection: close\r\n", "")
    with socket.create_connection(("127.0.0.1", demo.port), PATIENCE) as connection:
        connection.sendall(slow.encode() + b"email=")
        received_bytes = b""
        connection.settimeout(0.3)
        for _ in range(DRIPS):
            try:
                chunk = connection.recv(65_536)
            except TimeoutError:
                try:
                    connection.sendall(b"x")
                except OSError:
                    return received_bytes
                continue
            except OSError:
                return received_bytes
            if not chunk:
                return received_bytes
            received_bytes += chunk
    raise AssertionError("it was never cut off")


def test_a_head_above_the_limit_is_refused_in_one_packet_too(demo: Running) -> None:
    """A head of 40,000 bytes that arrives at once is refused as one that drips is."""
    for large in ({"x_large": "y" * 40_000}, {f"x{each}": "y" * 400 for each in range(90)}):
        assert exchange(demo, head(demo, "GET /", **large)).startswith("HTTP/1.1 431")
    long = exchange(demo, head(demo, "GET /?q=" + "y" * 40_000))
    assert long.startswith("HTTP/1.1 431")


def test_a_length_beside_chunks_is_refused(demo: Running) -> None:
    """Nothing behind such a request is read as another one."""
    smuggled = "0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    for path in ("/sign-in", "/access/v1/evaluation", "/"):
        value = head(
            demo, f"POST {path}", content_length=str(len(smuggled)), transfer_encoding="chunked"
        ).replace("connection: close\r\n", "")
        response = exchange(demo, value + smuggled)
        assert response.startswith("HTTP/1.1 400")
        assert response.count("HTTP/1.1") == 1


@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-in/", "/privacy/", "/me", "/me/", "//evil.example/"]
)
def test_a_host_that_is_not_ours_leads_nowhere(demo: Running, path: str) -> None:
    """A foreign Host is refused, and no address that we lead to has any name of the caller's."""
    for host in ("evil.example", f"evil.example:{demo.port}", "127.0.0.1.evil.example", "x@evil"):
        response = exchange(demo, head(demo, f"GET {path}", host))
        assert response.startswith(("HTTP/1.1 421", "HTTP/1.1 400")), host
        assert "evil" not in response
    ours = exchange(demo, head(demo, f"GET {path}", LAN))
    assert not re.search(r"(?im)^location: *(https?:)?//", ours)
