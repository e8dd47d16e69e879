"""How long the portal's pages take while people use it, and signing in against argon2 alone.

A provider with 200 customers and two years of rows is served by one process on loopback; twenty
signed-in people, in another process, open every page of `/me` in turn and think for a second in
between. Prints a Markdown table for docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import re
import socket
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx2

import upheld
from upheld.app.provider import provide, provider_app
from upheld.core.settings import Settings
from upheld.gate.async_gate import AsyncGate, open_gate_sync
from upheld.gate.gate import Gate
from upheld.gate.transaction import GateTransaction
from upheld.practice import credentials
from upheld.practice.plugin import Provider
from upheld.practices.accounts import domain
from upheld.vault.keyring import KeyFile, Keyring
from upheld.web import passwords, sessions

POLICY = Path(__file__).parent.parent / "policies" / "larch-valley.md"
PASSWORD = "four plain words here"  # noqa: S105 - of people who do not exist
CUSTOMERS, MONTHS, PEOPLE, SIGN_INS = 200, 24, 20, 20
SENT = {"accept": "text/html", "sec-fetch-site": "same-origin"}


def opened(folder: Path) -> tuple[Provider, upheld.Policy]:
    """The provider whose database, keys and terms lie in a folder; made if they are not there."""
    master, ring = folder / "master", folder / "keyring"
    if not master.exists():
        master.write_bytes(os.urandom(32))
        master.chmod(0o600)
        Keyring.create(ring, KeyFile(master))
        (folder / "terms.md").write_text("# Master Terms\n\nPay what you owe.\n")
    policy, url = upheld.load(POLICY), f"sqlite:///{folder}/provider.db"
    gate = open_gate_sync(url, policy=policy, keys=Keyring.open(ring, KeyFile(master)))
    settings = Settings(database=url, phone="+1 555 010 0100", agreement=folder / "terms.md")
    return provide(AsyncGate(gate), settings), policy


def _years_of_use(number: int) -> dict[str, list[dict[str, Any]]]:
    """The rows of each field that two years leave."""
    months = [f"{2025 + at // 12}-{at % 12 + 1:02}" for at in range(MONTHS)]
    return {
        "services": [
            {"kind": "order", "service": "internet", "plan": "fibre-100", "at": "2025-01-01"}
        ],
        "transaction": [
            row
            for at, month in enumerate(months)
            for row in (
                {
                    "kind": "invoice",
                    "number": f"{month}-{number}",
                    "date": f"{month}-01",
                    "due": f"{month}-20",
                    "cents": 3900,
                    "lines": [{"text": "Fibre 100", "cents": 3900}],
                },
                {
                    "kind": "payment",
                    "date": f"{month}-10",
                    "cents": 3900,
                    "reference": f"{number}-{at}",
                    "method": "card ··42",
                },
            )
        ],
        "usage": [
            {"month": month, "service": "internet", "gigabytes": 200 + at, "hours": 300}
            for at, month in enumerate(months)
        ],
        "messages": [
            {
                "at": f"{month}-01T09:00:00+00:00",
                "purpose": "administrative-message",
                "subject": "Your invoice",
                "text": "Your invoice is there.",
                "message": f"{at:032}",
                "clause": "service-messages",
            }
            for at, month in enumerate(months)
        ],
    }


def customer(transaction: GateTransaction, number: int, hashed: str) -> str:
    """A customer with two years behind them; the id."""
    person = transaction.enrol()
    transaction.store(
        person, {"birth-date": "1980-05-06"}, source="customer", occasion="registration"
    )
    transaction.store(
        person,
        {
            "name": f"Ann {number}",
            "email": f"ann{number}@marked.example",
            "phone": "+1 555 010 0199",
            "address": "1 Mill Lane",
        },
        source="customer",
        occasion="registration",
    )
    credentials.change_secret(
        transaction, person, credentials.SIGN_IN, hashed, occasion="registration"
    )
    transaction.record(person, "service-order", fact="has-service")
    domain.open_account(transaction, person, agreement_digest="0" * 64)
    domain.verify(transaction, person)
    for field, values in _years_of_use(number).items():
        transaction.append(
            person,
            field,
            [json.dumps(each) for each in values],
            source="customer",
            occasion="service-use",
        )
    return person


def filled(gate: Gate) -> list[str]:
    """The cookies of twenty people of two hundred."""
    hashed = passwords.hashed(PASSWORD)
    people = []
    for number in range(CUSTOMERS):
        with gate.together() as transaction:
            people.append(customer(transaction, number, hashed))
    with gate.together() as transaction:
        tables, at = transaction.tables, transaction.clock.now()
        return [sessions.begin(tables, "customer", each, at) for each in people[:PEOPLE]]


def served(folder: Path, port: int) -> None:
    """Serve the provider until killed."""
    import uvicorn  # noqa: PLC0415 - in the server's process alone

    provider, policy = opened(folder)
    uvicorn.run(provider_app(provider, policy), port=port, log_level="error")


async def use(base: str, cookie: str, pages: list[str], until: float) -> list[tuple[str, float]]:
    """One person's visit: how long each page took."""
    chance, visits = random.Random(cookie), []  # noqa: S311 - when people click is no secret
    async with httpx2.AsyncClient(base_url=base, headers=SENT) as client:
        client.cookies.set("customer", cookie)
        await asyncio.sleep(chance.random())
        while time.monotonic() < until:
            page = chance.choice(pages)
            start = time.perf_counter()
            answer = await client.get(page)
            visits.append((page, time.perf_counter() - start))
            assert answer.status_code == 200, page
            await asyncio.sleep(chance.uniform(0.5, 1.5))
    return visits


async def visited(base: str, cookies: list[str], pages: list[str], seconds: float) -> None:
    """All twenty at once, and the table."""
    until = time.monotonic() + seconds
    results = await asyncio.gather(*(use(base, each, pages, until) for each in cookies))
    by: dict[str, list[float]] = defaultdict(list)
    for page, took in (each for visit in results for each in visit):
        by[page].append(took)
        by["all pages"].append(took)
    print("| page | times | median | p95 | slowest |\n|---|---|---|---|---|")
    for page, times in sorted(by.items()):
        p95 = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
        print(
            f"| {page} | {len(times):,} | {1e3 * statistics.median(times):.1f} ms"
            f" | {1e3 * p95:.1f} ms | {1e3 * max(times):.1f} ms |"
        )


def signed(base: str) -> None:
    """Signing in one after another, against one verification of argon2 in this process."""
    digest = passwords.hashed(PASSWORD)
    alone, whole_times = [], []
    for number in range(SIGN_INS):
        start = time.perf_counter()
        assert passwords.fits(digest, PASSWORD)
        alone.append(time.perf_counter() - start)
        form = {"email": f"ann{number}@marked.example", "password": PASSWORD}
        with httpx2.Client(base_url=base, headers=SENT) as client:
            client.get("/sign-in")  # the connection
            start = time.perf_counter()
            answer = client.post("/sign-in", data=form)
            whole_times.append(time.perf_counter() - start)
            assert answer.status_code == 303, answer.status_code
    argon, whole = statistics.median(alone), statistics.median(whole_times)
    print(
        f"\nSigning in: {1e3 * whole:.1f} ms, of which argon2 {1e3 * argon:.1f} ms"
        f" ({whole / argon:.2f}×)."
    )


def main() -> None:
    """Make the provider, serve it, use it, print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        provider, policy = opened(folder)
        cookies = filled(provider.gate.gate)
        routes = provider_app(provider, policy).routes
        paths = {
            str(getattr(route, "path", ""))
            for route in routes
            if "GET" in getattr(route, "methods", ())
        }
        provider.gate.gate.engine.dispose()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = multiprocessing.get_context("spawn").Process(target=served, args=(folder, port))
        server.start()
        base = f"http://127.0.0.1:{port}"
        try:
            with httpx2.Client(base_url=base, headers=SENT) as client:
                wait(client)
                client.cookies.set("customer", cookies[0])
                pages = sorted(
                    path
                    for path in paths
                    if re.match(r"^/me(/[a-z-]+)*$", path) and client.get(path).status_code == 200
                )
            print(f"Measured on {os.cpu_count()} cores.\n")
            asyncio.run(visited(base, cookies, pages, seconds))
            signed(base)
        finally:
            server.terminate()
            server.join()


def wait(client: httpx2.Client) -> None:
    """Wait until the server answers."""
    for _ in range(600):
        try:
            client.get("/healthz")
        except httpx2.ConnectError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server does not answer")


if __name__ == "__main__":
    main()
