"""The service as a process: hostile connections, signals, a proxy in front."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from processes import PATIENCE, free_port, wait_for_port, wait_until
from questions import EVALUATION, SHARE
from upheld.api import server
from upheld.demo import sample_policy

UPHELD = str(Path(sys.executable).with_name("upheld"))
CLOSING = b"host: x\r\nconnection: close\r\n\r\n"
BODY = json.dumps(SHARE).encode()


class Running(NamedTuple):
    """A service that runs."""

    process: subprocess.Popen[str]
    port: int
    policy: Path


def started(policy: Path, *options: str) -> Running:
    """Start a service and wait until it answers."""
    port = free_port()
    command = [UPHELD, "run", str(policy), "--port", str(port), "--json-logs", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for_port(port)
    return Running(process, port, policy)


def stopped(running: Running) -> list[dict[str, object]]:
    """Stop a service and read its log."""
    running.process.send_signal(signal.SIGTERM)
    _, errors = running.process.communicate(timeout=PATIENCE)
    return [json.loads(line) for line in errors.splitlines()]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A service that several tests talk to."""
    found = started(sample_policy(), "--trusted-proxies", "127.0.0.1")
    yield found
    stopped(found)


def said(port: int, *parts: bytes, half: bool = False) -> bytes:
    """Everything that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            if half:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was closed on us, which is an answer
        found = b""
        try:
            while chunk := connection.recv(65536):
                found += chunk
        except OSError:
            pass
        return found


def request(*headers: bytes, body: bytes = BODY, target: bytes = EVALUATION.encode()) -> bytes:
    """A question as bytes, on a connection of its own."""
    lines = [
        b"POST " + target + b" HTTP/1.1",
        b"host: x",
        b"content-type: application/json",
        b"connection: close",
        b"content-length: %d" % len(body),
        *headers,
        b"",
        body,
    ]
    return b"\r\n".join(lines)


def alive(running: Running) -> bool:
    """Whether the service still answers a good question."""
    return said(running.port, request()).startswith(b"HTTP/1.1 200")


def test_a_good_question_is_answered_over_a_socket(running: Running) -> None:
    """A question over HTTP has its decision, and neither server nor cookie is named."""
    found = said(running.port, request(b"x-request-id: r-1"))
    head, _, body = found.partition(b"\r\n\r\n")
    assert json.loads(body)["decision"] is True
    assert b"x-request-id: r-1" in head
    assert b"set-cookie" not in head
    assert b"\r\nserver:" not in head


@pytest.mark.parametrize(
    "header",
    [
        b"x-request-id: a\rset-cookie: b=c",
        b"x-request-id: a\nset-cookie: b=c",
        b"x-request-id: a\x00b",
        b"x-request-id: a%0d%0aset-cookie:%20b=c",
        b"x-request-id: a\r\n b",
        b"x-request-id: \xe2\x98\x83",
    ],
)
def test_no_header_can_be_injected(running: Running, header: bytes) -> None:
    """A request id never becomes a header of its own."""
    head = said(running.port, request(header)).partition(b"\r\n\r\n")[0].lower()
    assert not any(line.startswith(b"set-cookie") for line in head.splitlines())
    assert alive(running)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n" * 10,
        b"GET",
        b"\x16\x03\x01\x02\x00",
        b"POST " + EVALUATION.encode() + b" HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 40_000,
        request()[:-20],
        request(b"content-length: 3"),
        request(b"transfer-encoding: chunked", body=b"zz\r\n"),
    ],
)
def test_broken_and_half_closed_requests_change_nothing(running: Running, sent: bytes) -> None:
    """A connection that breaks off, or was never HTTP, is let go and the next one is served."""
    found = said(running.port, sent, half=True)
    assert not found.startswith(b"HTTP/1.1 5")
    assert not found.startswith(b"HTTP/1.1 200")
    assert alive(running)


def test_ten_megabytes_are_refused(running: Running) -> None:
    """A large body is refused by what its head says."""
    found = said(running.port, request(body=b"x" * 10_000_000))
    assert found == b"" or found.startswith(b"HTTP/1.1 413")
    assert alive(running)


@pytest.mark.parametrize(
    "target",
    [
        b"/../../etc/passwd",
        b"/static/../../pyproject.toml",
        b"/static/%2e%2e/%2e%2e/kit.py",
        b"/access/v1/../v1/evaluation",
        b"/access/v1/evaluation%00",
        b"/%61ccess/v1/nothing",
        b"/static/%2fetc%2fpasswd",
        b"//access/v1/evaluation",
        b"/access/v1/evaluation/",
    ],
)
def test_paths_with_dots_and_encodings_lead_nowhere(running: Running, target: bytes) -> None:
    """A path is compared as a whole: it never leads into a folder."""
    status = int(said(running.port, request(target=target)).split(b" ", 2)[1])
    assert status in (400, 404, 405)
    found = said(
        running.port, b"GET " + target + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    assert b"root:" not in found
    assert int(found.split(b" ", 2)[1]) in (400, 404, 405)


def test_a_proxy_that_is_trusted_tells_who_asks(running: Running) -> None:
    """Behind a trusted proxy a caller from elsewhere is no caller of this machine."""
    found = said(running.port, request(b"x-forwarded-for: 192.0.2.1"))
    assert found.startswith(b"HTTP/1.1 403")
    assert alive(running)


def test_slow_heads_are_cut_off() -> None:
    """A connection that never finishes its head is closed after a while, by a timer of ours."""
    code = (
        "import sys; from upheld.api import server; server.HEAD_SECONDS = 1.0\n"
        "sys.argv[0] = 'upheld'; from upheld.cli import main; main()"
    )
    port = free_port()
    command = [sys.executable, "-c", code, "run", str(sample_policy()), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        wait_for_port(port)
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nx: ")
            assert connection.recv(1) == b""
            assert time.monotonic() - began > 0.5
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert server.HEAD_SECONDS > 1


def test_hangup_swaps_the_policy_and_stop_is_graceful(tmp_path: Path) -> None:
    """SIGHUP loads the file again, SIGTERM ends well, and the log is JSON without questions."""
    policy = tmp_path / "policy.md"
    policy.write_text("---\npolicy: One\n---\n\nHello. {.note}\n", encoding="utf-8")
    running = started(policy)
    said(running.port, request())
    policy.write_text("---\npolicy: Two\n---\n\nHello. {.note}\n", encoding="utf-8")
    running.process.send_signal(signal.SIGHUP)
    get = b"GET /privacy?who=alice HTTP/1.1\r\naccept: text/html\r\n" + CLOSING
    wait_until(lambda: b"Two" in said(running.port, get))
    log = stopped(running)
    assert [each["event"] for each in log] == ["started", "policy swapped", "stopped"]
    assert "alice" not in json.dumps(log)
    assert running.process.returncode in (0, -signal.SIGTERM)
