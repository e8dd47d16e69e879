"""A policy as a service that is left running: pages and AuthZEN behind one address.

`Service` is the ASGI application: it routes, counts, and holds the policy in force; `serve` runs
it under uvicorn with limits of time and of head size, and without uvicorn's access log, which
would print queries.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from upheld.api import messages as m
from upheld.api.authzen import AuthZen, MessageError
from upheld.api.doorway import refusal
from upheld.api.http import ENDPOINTS, METADATA, Access, AuthZenHttp, metadata, respond
from upheld.api.limits import RATE, Buckets
from upheld.api.live import InForce, Live
from upheld.api.logs import event, to_stream
from upheld.api.metrics import TYPE, Metrics
from upheld.api.openapi import description
from upheld.api.shadow import Shadow
from upheld.api.tokens import read_tokens
from upheld.core.errors import UpheldError
from upheld.policy.load import Policy

LOOK_SECONDS = 0.5
ROUTES = {
    **{path: path for path in ENDPOINTS},
    **{
        path: path
        for path in (
            METADATA,
            "/api",
            "/metrics",
            "/healthz",
            "/",
            "/privacy",
            "/privacy/ask",
            "/privacy/find",
            "/privacy/disclosures",
            "/privacy/disclosures.json",
            "/robots.txt",
            "/favicon.ico",
            "/.well-known/gpc.json",
            "/.well-known/security.txt",
            "/policy.md",
            "/policy.json",
            "/policy.jsonld",
        )
    },
}
STATE_ROUTES = ("/healthz", "/metrics")
CLOSE = (b"connection", b"close")
STRICT = (b"strict-transport-security", b"max-age=31536000")
NOSNIFF = (b"x-content-type-options", b"nosniff")
Pages = Callable[[Policy], ASGIApp]


class ServiceSettings(NamedTuple):
    """How a service is run. `url` is its address as others see it, of the metadata."""

    host: str = "127.0.0.1"
    port: int = 8765
    watch: bool = False
    token_file: Path | None = None
    trusted_proxies: str = ""  # addresses and networks, separated by commas
    url: str = ""
    rate: float = RATE
    json_logs: bool = False
    contact: str = ""  # who hears of weaknesses, for security.txt
    shadow: Path | None = None  # a draft that decides beside the policy
    shadow_report: Path | None = None


class Built(NamedTuple):
    """What is served of one policy."""

    pages: ASGIApp
    questions: AuthZenHttp


class Service:
    """The application; PolicyError or UpheldError where it cannot start."""

    def __init__(
        self,
        path: Path,
        pages: Pages,
        settings: ServiceSettings = ServiceSettings(),  # noqa: B008 - a tuple that nobody can change
        live: Callable[[Path, Callable[[Policy], Built]], Live[Built]] = Live,
    ) -> None:
        """`live` makes what holds the policy in force: by its file, if nothing else is said."""
        self.settings, self.pages = settings, pages
        self.secure = settings.url.startswith("https://")  # browsers then never come without TLS
        self.metrics = Metrics()
        tokens = read_tokens(settings.token_file) if settings.token_file else None
        self.access = Access(tokens, Buckets(settings.rate))
        self.shadow = (
            Shadow(settings.shadow, settings.shadow_report, self.metrics)
            if settings.shadow
            else None
        )
        self.live = live(path, self.build)
        if self.shadow:
            self.shadow.begin(self.live.now.policy)
        self.watching: asyncio.Task[None] | None = None

    def build(self, policy: Policy) -> Built:
        """What is served of a policy, made before anybody asks."""
        watched = self.shadow.see if self.shadow else None
        questions = AuthZenHttp(AuthZen(policy, watched), self.access, self.decided)
        return Built(self.pages(policy), questions)

    def decided(self, answer: m.EvaluationResponse) -> None:
        """Count a decision by its outcome."""
        context = answer.context.upheld
        outcome = "error" if context is None else context.outcome
        self.metrics.count("upheld_decisions_total", outcome=outcome)

    def reload(self) -> None:
        """Read the token file and the policy again; what is wrong leaves what is in force."""
        if self.settings.token_file:
            try:
                self.access.tokens = read_tokens(self.settings.token_file)
            except UpheldError as error:
                event("tokens refused", logging.ERROR, why=str(error), hint=error.hint)
        self.metrics.count("upheld_reloads_total", result=self.live.reload())
        if self.shadow:
            self.shadow.live.reload()

    def look(self) -> None:
        """Reload the policy if its file changed and is at rest; keep what a shadow counted."""
        if self.settings.watch and (result := self.live.look()):
            self.metrics.count("upheld_reloads_total", result=result)
        if self.shadow:
            self.shadow.look(self.live.now.policy, changed=self.settings.watch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count what was answered."""
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        start, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self.secure:
                    message["headers"] = [*message["headers"], STRICT]
            await send(message)

        try:
            await self.route(scope, receive, sending)
        except Exception:
            event("request failed", logging.ERROR, route=route_of(scope["path"]))
            raise
        finally:
            seconds = time.perf_counter() - start
            self.metrics.request(route_of(scope["path"]), status, seconds)

    async def route(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to what answers it."""
        if refused := refusal(scope, self.settings.url):
            body = msgspec.json.encode(refused.sentence)
            await respond(send, refused.status, [NOSNIFF, CLOSE], body)
            return
        path = scope["path"]
        now = await self.in_force(path)  # one policy for the whole request
        if path in ENDPOINTS:
            await now.built.questions(scope, receive, send)
        elif path in (METADATA, "/api", "/metrics"):
            await self.about(scope, send)
        else:
            await now.built.pages(scope, receive, send)

    async def in_force(self, path: str) -> InForce[Built]:
        """The policy in force for a request; what is the same under any version does not ask."""
        if type(self.live) is Live or path.startswith("/static/"):
            return self.live.now
        try:
            return await asyncio.to_thread(self.live.current)
        except UpheldError:  # of the database
            if path in STATE_ROUTES:  # they say how the database is
                return self.live.now
            raise

    async def about(self, scope: Scope, send: Send) -> None:
        """What the service says of itself."""
        headers, kind, status = [NOSNIFF], b"application/json", 200
        if scope["method"] not in ("GET", "HEAD"):
            await respond(send, 405, [NOSNIFF, (b"allow", b"GET, HEAD")], b'"ask by GET"')
            return
        match scope["path"]:
            case "/metrics":
                try:
                    self.access.caller(scope)
                    now = self.live.now
                    kind, text = TYPE, self.metrics.text  # of which some is measured now
                    body = await asyncio.to_thread(text, now.policy.digest, now.since)
                except MessageError as error:
                    status, body = error.status, msgspec.json.encode(str(error))
            case "/api":
                body = json.dumps(description(self.base(scope)), indent=1).encode()
            case _:
                body = msgspec.json.encode(metadata(self.base(scope)))
        if scope["method"] == "HEAD":
            headers.append((b"content-length", str(len(body)).encode()))
            body = b""
        await respond(send, status, headers, body, kind)

    def base(self, scope: Scope) -> str:
        """The address of this service: as set, else that of the socket, never a caller's word."""
        if self.settings.url:
            return self.settings.url.rstrip("/")
        host, port = scope.get("server") or (self.settings.host, self.settings.port)
        host_part = f"[{host}]" if ":" in host else host
        return f"{scope.get('scheme', 'http')}://{host_part}" + (f":{port}" if port else "")

    async def lifespan(self, receive: Receive, send: Send) -> None:
        """Watch the file and listen for SIGHUP between start and stop."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                if self.watching:
                    self.watching.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await self.watching
                if self.shadow:
                    self.shadow.look(self.live.now.policy, changed=False)
                event("stopped")
                await send({"type": "lifespan.shutdown.complete"})
                return

    def start(self) -> None:
        """Begin to look after the policy."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # no main thread
            loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, self.reload))
        if self.settings.watch or self.shadow:
            self.watching = loop.create_task(self.watch())
        event("started", digest=self.live.now.policy.digest)

    async def watch(self) -> None:
        """Look at the file for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await asyncio.to_thread(self.look)
            except Exception:
                logging.getLogger("upheld").exception("watching failed")


def route_of(path: str) -> str:
    """The label of a path: never more labels than the program has."""
    if path in ROUTES:
        return path
    for prefix in ("/privacy/clause/", "/static/", "/access/"):
        if path.startswith(prefix):
            return prefix + "*"
    return "other"


def serve(service: Service, greeting: str = "") -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first."""
    from upheld.api.server import run  # noqa: PLC0415 - only a server needs uvicorn

    settings = service.settings
    if settings.json_logs:
        to_stream()
    if greeting:
        sys.stdout.write(greeting)
        sys.stdout.flush()
    run(service, settings.host, settings.port, settings.trusted_proxies)
