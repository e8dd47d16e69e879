"""The table of routes: who gets which answer where, read by the crawl and by the browser's tests.

`routes_of/PRACTICE.toml` has a line for each method and path that a practice brings. `who` is the
kind of visitor that the route is for (anybody, customer, staff, agent), `answer` what they get; a
visitor by name beside it gets another answer. Everybody else is led to sign in by a page, and
refused by a form. A parameter of a path stands for a thing of Ann's that `THINGS` makes, by its
name or by the name that `ids` gives; `none` is an id of nothing.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from practices.conftest import House
from upheld.app.provider import PRACTICES
from upheld.practice import tasks
from upheld.practice.visits import cookie_name
from upheld.practices.messages.unsubscribe import Unsubscribing
from upheld.web import sessions

TABLES: Final = Path(__file__).with_name("routes_of")
MARKS: Final = (
    "Ann Marked",
    "ann@marked.example",
    "+1 555 010 0199",
    "7 Marked Lane",
    "1961-02-03",
)
ROLES: Final = ("support", "billing", "privacy", "security", "manager")


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the table says of one method and path."""

    who: str
    answer: int
    but: Mapping[str, int] = {}  # visitor by name, to the answer that they get instead
    ids: Mapping[str, str] = {}  # parameter, to the name of what stands for it
    query: str = ""
    shows: bool = False  # whether Ann's own values may stand in the answer for whoever it is for
    free: bool = False  # a form that anybody may send from anywhere, such as one click of a mail


def lines() -> dict[str, Line]:
    """The tables of the policy's pages and of each practice, by method and path."""
    found: dict[str, Line] = {}
    for name in ("policy", *(name for name, _ in PRACTICES)):
        told = tomllib.loads((TABLES / f"{name}.toml").read_text(encoding="utf-8"))
        found.update(msgspec.convert(told, dict[str, Line]))
    return found


def routed(app: Starlette) -> Iterator[tuple[str, str]]:
    """Every method and path of an application."""
    for route in app.routes:
        assert isinstance(route, Route), f"{route} is no plain route, and needs a way to be crawled"
        for method in sorted(route.methods or ()):
            if method != "HEAD":
                yield method, route.path


def _task(house: House, person: str) -> str:
    return house.do(lambda joint: tasks.open_task(joint, person, "ticket", "support",
                                                  role="support", about="trouble"))  # fmt: skip


def _message(house: House, person: str) -> str:
    told = {
        "at": "2026-11-01T09:00:00+00:00", "purpose": "newsletter", "subject": "News",
        "text": f"For {MARKS[0]}.", "message": "1" * 32, "clause": "service-messages",
    }  # fmt: skip
    house.do(lambda joint: joint.append(person, "messages", [json.dumps(told)], source="customer",
                                        occasion="service-use"))  # fmt: skip
    return told["message"]


def _unsubscribing(house: House, person: str) -> str:
    return Unsubscribing(house.provider).address(person, "offers").rsplit("/", 1)[-1]


THINGS: dict[str, Callable[[House, str], str]] = {
    "none": lambda _, __: "0" * 32,
    "name": lambda _, __: "staff",  # a clause
    "task": _task,
    "user": lambda _, person: person,  # an id, and of nobody who works here
    "message": _message,
    "unsubscribing": _unsubscribing,
}


class World:
    """A provider with everybody in it who may visit, and the things of Ann's that paths name."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.ann = house.customer(born=MARKS[4], phone=MARKS[2], address=MARKS[3])
        self.visitors: dict[str, tuple[str, str]] = {
            "nobody": ("", ""), "ann": ("customer", self.ann),
            "bo": ("customer", house.customer("bo@other.example", name="Bo Other")),
            "guardian": ("customer", house.customer("gus@other.example", name="Gus Other")),
        }  # fmt: skip
        for role in ROLES:
            self.visitors[role] = ("staff", house.staff(role, sign_in=role))
        self.visitors["agent"] = ("agent", house.staff(kind="agent", sign_in="ed", party="Duns"))

    def path(self, path: str, line: Line) -> str:
        """A path with ids of Ann's things in it."""
        for route_part in path.split("/"):
            if route_part.startswith("{"):
                name = route_part.strip("{}").split(":")[0]
                thing = line.ids.get(name, name)
                assert thing in THINGS, f"{path}: say in THINGS how `{thing}` is made, or in `ids`"
                made = THINGS[thing](self.house, self.ann)
                path = path.replace(route_part, made)
        return path + line.query

    def browser(self, visitor: str) -> tuple[TestClient, str]:
        """Somebody's browser, signed in anew, and the token that their forms carry."""
        kind, subject = self.visitors[visitor]
        if not kind:
            return self.house.browser(), ""
        browser = self.house.signed_in(subject, kind)
        provider = self.house.provider
        raw = browser.cookies[cookie_name(provider, kind)]
        session = self.house.do(lambda joint: sessions.find(joint.connection, kind, raw))
        assert session is not None
        return browser, provider.tokens.of(session)

    def expected(self, line: Line, visitor: str, method: str) -> int:
        """What the table says that a visitor gets."""
        kind, _ = self.visitors[visitor]
        if visitor in line.but:
            return line.but[visitor]
        if line.who in ("anybody", kind):
            return line.answer
        return 303 if method == "GET" else 403
