"""How long AuthZEN evaluations take: in process, over HTTP keep-alive, and with 1,000 connections.

The server runs in a process of its own, the client is as thin as can be (bytes on sockets), and
both share the machine's cores. Prints a Markdown table. `--million` also watches memory over a
million evaluations in process.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

from upheld.api.authzen import AuthZen
from upheld.api.http import ENCODER, decoded
from upheld.api.messages import EvaluationRequest
from upheld.app.policy import policy_pages
from upheld.demo import sample_policy
from upheld.policy.load import load

ADDRESS = "/access/v1/evaluation"
QUESTION = {
    "subject": {"type": "party", "id": "trusted-partner"},
    "action": {"name": "share"},
    "resource": {"type": "data", "id": "email"},
    "context": {
        "purpose": "offers",
        "occasion": "other",
        "facts": {"confidentiality-agreement": True, "publicly-available": False},
    },
}
BODY = json.dumps(QUESTION).encode()
HEAD = f"POST {ADDRESS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
REQUEST = f"{HEAD}content-length: {len(BODY)}\r\n\r\n".encode() + BODY


def row(what: str, got: str, target: str) -> None:
    """Print a line of the table."""
    print(f"| {what} | {got} | {target} |")


def answered(authzen: AuthZen, body: bytes) -> bytes:
    """From the body of a question to the body of its answer."""
    return ENCODER.encode(authzen.evaluation(cast("EvaluationRequest", decoded(ADDRESS, body))))


def in_process(count: int) -> float:
    """Microseconds from the body of a question to the body of its answer."""
    authzen = AuthZen(load(sample_policy()))
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(count):
            answered(authzen, BODY)
        best = min(best, (time.perf_counter() - start) / count)
    return best * 1e6


def rendering(count: int) -> float:
    """Milliseconds to render the policy page, which a service does once a policy."""
    pages = policy_pages(load(sample_policy()))
    best = float("inf")
    for _ in range(count):
        start = time.perf_counter()
        pages.policy_page()
        best = min(best, time.perf_counter() - start)
    return best * 1e3


def memory(count: int) -> tuple[int, int]:
    """Peak memory in KiB after a tenth of the evaluations, and after all, each with other facts."""
    authzen = AuthZen(load(sample_policy()))
    early = 0
    parties = authzen.terms["party"]
    for at in range(count):
        facts = {"age": at, "publicly-available": bool(at % 2)}
        subject = {"type": "party", "id": parties[at % len(parties)]}
        body = {**QUESTION, "subject": subject, "context": {"facts": facts}}
        answered(authzen, json.dumps(body).encode())
        if at == count // 10:
            early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return early, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def ask(port: int, count: int) -> int:
    """Ask on one connection, one question after the other; how many answers were no allow."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    wrong = 0
    for _ in range(count):
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        wrong += not (head.startswith(b"HTTP/1.1 200") and b'"decision":true' in answer)
    writer.close()
    return wrong


async def load_of(port: int, connections: int, each: int) -> tuple[float, int]:
    """Answers a second over so many connections, and how many were wrong or failed."""
    start = time.perf_counter()
    results = await asyncio.gather(
        *(ask(port, each) for _ in range(connections)), return_exceptions=True
    )
    seconds = time.perf_counter() - start
    wrong = sum(each if isinstance(outcome, BaseException) else outcome for outcome in results)
    return connections * each / seconds, wrong


def wait(port: int) -> None:
    """Wait until the server takes connections."""
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise SystemExit("the server does not answer") from None
            time.sleep(0.05)
        else:
            return


def main() -> None:
    """Measure and print."""
    print(f"{os.cpu_count()} cores, the server on one, the client on another\n")
    print("| what | got | target |\n| --- | ---: | ---: |")
    row("evaluation in process", f"{in_process(5_000):.0f} µs", "150 µs")
    row("the page rendered, once a policy", f"{rendering(20):.1f} ms", "5 ms")
    if "--million" in sys.argv:
        early, late = memory(1_000_000)
        row("peak memory, 100,000 → 1,000,000 evaluations", f"× {late / early:.3f}", "flat")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    upheld = str(Path(sys.executable).with_name("upheld"))
    command = [upheld, "run", str(sample_policy()), "--port", str(port), "--rate", "1000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            wait(port)
            asyncio.run(load_of(port, 4, 200))
            rate, wrong = asyncio.run(load_of(port, 8, 1_000))
            row("evaluations over HTTP keep-alive", f"{rate:,.0f}/s, {wrong} wrong", "2,000/s")
            rate, wrong = asyncio.run(load_of(port, 1_000, 10))
            row("1,000 connections at once", f"{rate:,.0f}/s, {wrong} wrong", "0 wrong")
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
