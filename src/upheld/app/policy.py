"""The policy on the web: one policy object behind the page, its answers and its files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from upheld.api.service import Service, ServiceSettings
from upheld.api.service import serve as run_service
from upheld.policy.load import Policy
from upheld.policy.publish import policy_json, policy_jsonld
from upheld.practices.notices import well_known
from upheld.practices.notices.page import PolicyPages
from upheld.practices.notices.questions import RejectedQuestion
from upheld.web import kit
from upheld.web.pages import Imprint, Pages

if TYPE_CHECKING:  # a policy that stands alone needs no gate
    from upheld.practices.notices.proof import LivePages

MARKDOWN = "text/markdown; charset=utf-8"
LD = "application/ld+json"
NOTICES = "upheld.practices.notices"
SIGNAL_STYLE = b".signal[hidden]{display:block!important}\n"  # shows what each page holds hidden
State = Callable[[], dict[str, object]]


class FixedPages:
    """The pages of a policy that stands alone, made once."""

    def __init__(self, pages: PolicyPages) -> None:
        self._whole = {
            rules: kit.Fixed(pages.policy_page(rules=rules).encode(), kit.HTML)
            for rules in (False, True)
        }
        self._clauses = {
            name: kit.Fixed(pages.clause_page(name).encode(), kit.HTML) for name in pages.by_id
        }

    def policy(self, *, rules: bool) -> kit.Fixed:
        """The whole policy."""
        return self._whole[rules]

    def clause(self, name: str) -> kit.Fixed:
        """One clause."""
        return self._clauses[name]


@lru_cache(maxsize=4)
def files_of_policy(policy: Policy) -> Mapping[str, kit.Fixed]:
    """The policy in its other forms, made once, however many applications show it."""
    program = policy.program
    files = {
        "policy.md": kit.Fixed(program.source.encode(), MARKDOWN),
        "policy.json": kit.Fixed(kit.dumped(policy_json(program)), kit.JSON),
        "policy.jsonld": kit.Fixed(kit.dumped(policy_jsonld(program)), LD),
    }
    return MappingProxyType(files)


def policy_pages(policy: Policy, *, files: bool = False) -> PolicyPages:
    """The pages of a policy that stands alone, without a provider where people have accounts."""
    front = policy.program.front
    pages = Pages(Imprint(front.provider or front.policy), {"notices": NOTICES})
    return PolicyPages(policy, pages, files=files)


def policy_app(policy: Policy, contact: str = "", url: str = "") -> Starlette:
    """An application that serves one policy; `contact` is who hears of weaknesses, if anyone."""
    pages = policy_pages(policy)
    routes = policy_routes(policy, pages, contact, url)
    return kit.application(routes, pages.pages.error_page)


def policy_routes(
    policy: Policy,
    pages: PolicyPages,
    contact: str = "",
    url: str = "",
    state: State | None = None,
    live: LivePages | None = None,
) -> list[BaseRoute]:
    """The routes of one policy: its page, its answers, its files.

    `state` tells how what is behind it is, for who watches over it: `ok`, or what is wrong.
    With `live` pages, those of a running provider, what clauses have decided stands on them.
    """
    files = files_of_policy(policy)
    source = FixedPages(pages) if live is None else live

    async def whole(request: Request) -> Response:
        opened = request.query_params.get("rules") == "open"
        if isinstance(source, FixedPages):
            return source.policy(rules=opened).respond(request)
        return (await asyncio.to_thread(source.policy, rules=opened)).respond(request)

    def ask(request: Request) -> Response:
        return _ask(pages, request)

    async def clause(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in pages.by_id:
            raise HTTPException(404)
        if isinstance(source, FixedPages):
            return source.clause(name).respond(request)
        return (await asyncio.to_thread(source.clause, name)).respond(request)

    async def health(_request: Request) -> Response:
        state_of_parts = {"status": "ok"} if state is None else await asyncio.to_thread(state)
        status = 200 if state_of_parts["status"] == "ok" else 503
        body = kit.dumped({**state_of_parts, "digest": program.digest})
        return Response(body, status, media_type=kit.JSON, headers={"cache-control": "no-store"})

    async def find(request: Request) -> Response:
        words = request.query_params.get("q", "")
        return kit.Fixed(pages.find_page(words).encode(), kit.HTML).respond(request)

    program = policy.program
    routes: list[BaseRoute] = [Route(path, whole) for path in _paths(program.front.address)]
    routes += [Route(f"/{name}", fixed.endpoint) for name, fixed in files.items()]
    routes += _static_routes()
    routes += _discovery_routes(policy, contact, url)
    routes += [
        Route("/privacy/ask", ask),
        Route("/privacy/find", find),
        Route("/privacy/clause/{name}", clause),
        Route("/healthz", health),
    ]
    return routes + (_live_routes(live) if live is not None else [])


def _live_routes(live: LivePages) -> list[BaseRoute]:
    """What only a running provider has: what was disclosed, as a page and as a signed file."""

    async def disclosures(request: Request) -> Response:
        return (await asyncio.to_thread(live.disclosures)).respond(request)

    async def table(request: Request) -> Response:
        body = await asyncio.to_thread(live.table)
        if not body:
            raise kit.Refusal(
                404,
                "There is no table of disclosures yet.",
                "The first one is published when a month of our log is over.",
            )
        return kit.Fixed(body, kit.JSON).respond(request)

    return [
        Route("/privacy/disclosures", disclosures),
        Route("/privacy/disclosures.json", table),
    ]


def _static_routes() -> list[BaseRoute]:
    """The files that pages load; whose browser sends a privacy signal sees that it arrived.

    Each page holds the line, hidden, and is the same for everybody, so that it can be kept; the
    style sheet shows it. Nothing is stored in the browser for that.
    """
    files = static_files()
    style = files.pop("style.css")
    signalled = kit.Fixed(style.body + SIGNAL_STYLE, style.media_type)

    async def style_sheet(request: Request) -> Response:
        response = (signalled if kit.sends_signal(request) else style).respond(request)
        response.headers["vary"] += ", sec-gpc"
        return response

    routes: list[BaseRoute] = [
        Route(f"/static/{name}", fixed.endpoint) for name, fixed in files.items()
    ]
    return [*routes, Route("/static/style.css", style_sheet)]


def static_files() -> dict[str, kit.Fixed]:
    """The stylesheet, the icon and the scripts, by name."""
    return {**kit.files_of("upheld.web", "static"), **kit.files_of(NOTICES, "static")}


def _discovery_routes(policy: Policy, contact: str, url: str) -> list[BaseRoute]:
    """What programs look for at known addresses."""
    well_known.checked_contact(contact)
    icon = static_files()["icon.svg"]
    gpc = kit.Fixed(kit.dumped(well_known.gpc(policy)), "application/json")
    robots = kit.Fixed(well_known.ROBOTS.encode(), kit.TEXT)

    async def security(request: Request) -> Response:
        if not contact:
            raise HTTPException(404)
        return kit.Fixed(well_known.security(contact, url).encode(), kit.TEXT).respond(request)

    return [
        Route("/robots.txt", robots.endpoint),
        Route("/favicon.ico", icon.endpoint),
        Route("/.well-known/gpc.json", gpc.endpoint),
        Route("/.well-known/security.txt", security),
    ]


def _paths(address: str) -> list[str]:
    """Where the page is served: always at the root and /privacy, and where it says it is."""
    own = urlsplit(address).path
    plain = own.startswith("/") and not set("{}") & set(own)
    return list(dict.fromkeys(["/", "/privacy", *([own] if plain else [])]))


def _ask(pages: PolicyPages, request: Request) -> Response:
    """The answer to a question in the address, for people or programs."""
    people = kit.wants_page(request)
    try:
        question = pages.answerer.read(request.query_params.multi_items())
        full = pages.answerer.answer(question)
    except RejectedQuestion as error:
        if people:
            body = pages.refused_page(error.what, error.remedy, error.address)
            return Response(body, 400, media_type=kit.HTML)
        return kit.problem(400, error.what, code=error.code, hint=error.remedy)
    if people:
        return kit.Fixed(pages.ask_page(question, full).encode(), kit.HTML).respond(request)
    answer = {**pages.answerer.json(question, full), "digest": pages.program.digest}
    return kit.Fixed(json.dumps(answer, ensure_ascii=False).encode(), kit.JSON).respond(request)


def serve(path: Path, settings: ServiceSettings) -> None:
    """Serve a policy, its page and its questions, until stopped."""
    contact = well_known.checked_contact(settings.contact)
    service = Service(path, partial(policy_app, contact=contact, url=settings.url), settings)
    title = service.live.now.policy.front.policy
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    run_service(service, f"{title}: http://{host}:{settings.port}\n")


def publish_files(policy: Policy, folder: Path) -> list[Path]:
    """Write the page, the policy in its other forms and what the page needs into a folder."""
    pages = FixedPages(policy_pages(policy, files=True))
    pages_by_path = {
        "index.html": pages.policy(rules=False),
        "rules.html": pages.policy(rules=True),
        **files_of_policy(policy),
    }
    for name, fixed in static_files().items():
        pages_by_path[f"static/{name}"] = fixed
    for name, fixed in pages_by_path.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(fixed.body)
    return [folder / name for name in pages_by_path]
