"""Pages of the running provider: one layout, templates a practice, and the words they share.

A page is rendered with who is signed in, where one is, and the token that its forms carry. Nothing
is marked safe but what the program itself made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from importlib import resources
from typing import Any, NamedTuple

import jinja2
from starlette.requests import Request
from starlette.responses import Response

from upheld.web import kit, markdown

EVERYBODY = "everybody"  # the kind whose links stand at the foot of every page
KEEP_OUT = {"cache-control": "no-store", "vary": "cookie"}  # what is personal is kept nowhere


class Imprint(NamedTuple):
    """How a provider is named and reached, on every page."""

    name: str
    phone: str = ""
    email: str = ""
    address: str = ""
    webmail: str = ""


class Place(NamedTuple):
    """A link of the navigation; of those alone who have one of some roles, if any are named."""

    title: str
    href: str
    roles: tuple[str, ...] = ()
    needs: str = ""  # a question; left out where the policy never says yes to it


def money(cents: int) -> str:
    """An amount of cents as people write it."""
    return f"{'−' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02}"


def said_day(told: date | datetime | str) -> str:
    """A day as people say it."""
    if isinstance(told, str):
        told = datetime.fromisoformat(told)
    return f"{told.day} {told:%B %Y}"


def said_time(told: datetime) -> str:
    """A moment as people say it, with its zone."""
    return f"{said_day(told)}, {told:%H:%M %Z}"


def _in_zone(say: Callable[[Any], str], zone: tzinfo) -> Callable[[Any], str]:
    """The same of moments in a zone; what is a day already stays that day."""

    def said(told: Any) -> str:
        if isinstance(told, str) and len(told) > len("2026-03-11"):
            told = datetime.fromisoformat(told)
        if isinstance(told, datetime) and told.tzinfo is not None:
            told = told.astimezone(zone)
        return say(told)

    return said


class Pages:
    """Renders the templates of the kit and of each practice."""

    def __init__(
        self,
        imprint: Imprint,
        practices: Mapping[str, str],
        links: Mapping[str, Sequence[Place]],
        zone: tzinfo = UTC,
        has_clause: Callable[[str], bool] = lambda _: True,
        can_ever: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """`practices` are names with their packages; `links` the navigation by kind of visitor.

        Days and times are said in `zone`. `has_clause` tells whether a clause of an id stands on
        the policy's page, so that no link leads to one that does not; `can_ever` whether the policy
        can ever allow what a question asks, so that no page promises what it always denies.
        """
        loaders: dict[str, jinja2.BaseLoader] = {
            name: jinja2.PackageLoader(package)
            for name, package in practices.items()
            if (resources.files(package) / "templates").is_dir()
        }
        loader = jinja2.ChoiceLoader(
            [jinja2.PackageLoader("upheld.web"), jinja2.PrefixLoader(loaders)]
        )
        self.env, self.plain = (
            jinja2.Environment(
                loader=loader,
                autoescape=finalize is None,  # noqa: S701 - messages are CommonMark: `markdown` escapes values
                undefined=jinja2.StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
                finalize=finalize,
            )
            for finalize in (None, markdown.marked)
        )
        for env in (self.env, self.plain):
            env.globals.update(has_clause=has_clause, can_ever=can_ever)
            env.filters.update(
                money=money, day=_in_zone(said_day, zone), time=_in_zone(said_time, zone)
            )
        self.env.globals.update(imprint=imprint)
        self.links, self.can_ever = links, can_ever

    def text(self, template: str, **words: Any) -> str:
        """A template as text, such as a message's."""
        return self.env.get_template(template).render(**words)

    def page(self, request: Request, template: str, *, status: int = 200, **words: Any) -> Response:
        """A page, for whoever asked alone."""
        state = request.state
        kind, roles = getattr(state, "kind", ""), getattr(state, "roles", ())
        links = [
            e
            for e in self.links.get(kind, ())
            if (not e.roles or {*e.roles} & {*roles}) and (not e.needs or self.can_ever(e.needs))
        ]
        body = self.text(
            template,
            here=request.url.path,
            kind=kind,
            links=links,
            foot=self.links.get(EVERYBODY, ()),
            token=getattr(state, "token", ""),
            **words,
        )
        headers = {**KEEP_OUT, **(kit.WITH_FORM if "<form" in body else {})}
        return Response(body, status, headers, media_type=kit.HTML)
