"""Every page that people see: one layout, templates a practice, and the words they share.

A page is rendered with who is signed in, where one is, and the token that its forms carry. Nothing
is marked safe but what the program itself made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from importlib import resources
from typing import Any, Final, NamedTuple

import jinja2
from jinja2.bccache import Bucket
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.web import kit, markdown
from upheld.web.outward import through_leaving_page

EVERYBODY = "everybody"  # the kind whose links stand at the foot of every page
MENUS_MAX: Final = 1024  # that are kept as they stand on a page
KEEP_OUT = {"cache-control": "no-store", "vary": "cookie"}  # what is personal is kept nowhere


class Imprint(NamedTuple):
    """How a provider is named and reached, on every page."""

    name: str
    phone: str = ""
    email: str = ""
    address: str = ""
    webmail: str = ""


class Place(NamedTuple):
    """A link of the navigation; of those alone who have one of some roles, if any are named.

    `section` is the address of the link of the bar under which it stands, or its own there.
    """

    title: str
    href: str
    roles: tuple[str, ...] = ()
    needs: str = ""  # a question; left out where the policy never says yes to it
    section: str = ""
    part: str = ""  # its title among the parts of its section, where that is another


class Navigation(NamedTuple):
    """The bar, the parts of the section that one is in, and where one is in both."""

    links: tuple[Place, ...]
    parts: tuple[Place, ...]
    section: str = ""
    nearest: str = ""
    here: str = ""  # where one is, if a link stands there


def money(cents: int) -> str:
    """An amount of cents as people write it."""
    return f"{'−' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02}"


def capital(words: str) -> str:
    """Words as they begin a sentence or fill a cell alone: only their first letter is changed."""
    return words[:1].upper() + words[1:]


def format_day(value: date | datetime | str) -> str:
    """A day as people write it, such as 11 March 2026; text is a date or time in ISO form."""
    day = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{day.day} {day:%B %Y}"


def format_month(value: date | str) -> str:
    """A month as people write it, such as March 2026; text is one such as 2026-03."""
    day = date.fromisoformat(f"{value}-01") if isinstance(value, str) else value
    return f"{day:%B %Y}"


def format_time(value: datetime) -> str:
    """A moment as people write it, with its time zone."""
    return f"{format_day(value)}, {value:%H:%M %Z}"


def format_clock(value: datetime) -> str:
    """The time of day, where the day and the time zone stand beside it."""
    return f"{value:%H:%M}"


def _in_zone(write: Callable[[Any], str], zone: tzinfo) -> Callable[[Any], str]:
    """Write moments in a time zone; what is a day already stays that day."""

    def convert(value: Any) -> str:
        if isinstance(value, str) and len(value) > len("2026-03-11"):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime) and value.tzinfo is not None:
            value = value.astimezone(zone)
        return write(value)

    return convert


STARTS: Final = {
    "customer": ("My account", "/me"),
    "staff": ("Back to your queue", "/staff"),
    "agent": ("Back to your cases", "/agent"),
}
"""Where each kind of visitor begins, and what a link to it says."""
NOT_THERE: Final = {
    "customer": "Check the address, or continue from your account.",
    "staff": "Check the address. If it was a task, it is closed or no longer yours.",
    "agent": "Check the address. If it was an account, it was paid or taken back.",
}
"""What whoever is signed in reads where there is no such page."""


class PolicyAnswers(NamedTuple):
    """What pages say of the policy in force.

    `has_clause` tells whether a clause of an id stands on the policy's page, so that no link leads
    to one that does not; `can_ever` whether the policy can ever allow what a question asks, so that
    no page promises what it always denies; `signal_stops` what it stops for whoever's browser sends
    a privacy signal.
    """

    has_clause: Callable[[str], bool] = lambda _: True
    can_ever: Callable[[str], bool] = lambda _: True
    signal_stops: Callable[[], Sequence[str]] = lambda: ()


class Environment(jinja2.Environment):
    """Looks into a mapping for its keys first: most of what is rendered are mappings."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What a template means by `obj.attribute`."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


class CompiledTemplates(jinja2.BytecodeCache):
    """Templates that were compiled, once in a process: whoever sets up pages again has them."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give a template its code, if the source is as it was then."""
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Remember a template's code."""
        self._code[bucket.key] = bucket.bytecode_to_string()


PAGES, MESSAGES = CompiledTemplates(), CompiledTemplates()  # which escape values in their own way


class Pages:
    """Renders every page: the policy's, the portal's, the console's, and errors, in one layout."""

    def __init__(
        self,
        imprint: Imprint,
        practices: Mapping[str, str],
        links: Mapping[str, Sequence[Place]] | None = None,
        zone: tzinfo = UTC,
        policy: PolicyAnswers | None = None,
    ) -> None:
        """`practices` are names with their packages; `links` the navigation by kind of visitor.

        Without `links` nobody has an account: the layout leads to the policy alone. Days and times
        are written in `zone`. `policy` answers what pages say of the policy in force.
        """
        answers = policy or PolicyAnswers()
        loaders: dict[str, jinja2.BaseLoader] = {
            name: jinja2.PackageLoader(package)
            for name, package in practices.items()
            if (resources.files(package) / "templates").is_dir()
        }
        loader = jinja2.ChoiceLoader(
            [jinja2.PackageLoader("upheld.web"), jinja2.PrefixLoader(loaders)]
        )
        self.env, self.plain = (
            Environment(
                loader=loader,
                autoescape=finalize is None,
                undefined=jinja2.StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
                finalize=finalize,
                bytecode_cache=compiled,
                auto_reload=False,  # a provider is started anew for other templates
            )
            for finalize, compiled in (
                (None, PAGES),
                (markdown.marked, MESSAGES),  # messages are CommonMark: it escapes values
            )
        )
        for env in (self.env, self.plain):
            env.globals.update(answers._asdict())
            env.filters.update(
                money=money,
                capital=capital,
                day=_in_zone(format_day, zone),
                company=company_name,
                month=format_month,
                time=_in_zone(format_time, zone),
                clock=_in_zone(format_clock, zone),
            )
        self.env.globals.update(imprint=imprint, has_accounts=links is not None, root="/")
        self.env.globals.update(menu=lru_cache(maxsize=MENUS_MAX)(self._menu))
        self.has_accounts, self.url = links is not None, ""
        self.links, self.can_ever = links if links is not None else {}, answers.can_ever

    def text(self, template: str, **words: Any) -> str:
        """A template as text, such as a message's."""
        return self.env.get_template(template).render(**words)

    def shared(self, template: str, **words: Any) -> str:
        """A page that is the same for everybody, signed in or not."""
        foot = self.links.get(EVERYBODY, ())
        nav = Navigation((), ())
        body = self.text(
            template, here="", kind="", nav=nav, foot=foot, token="", banner=None, **words
        )
        return self._through_leaving_page(body)

    def _through_leaving_page(self, body: str) -> str:
        """A page whose links out lead through the page about leaving, where there is one."""
        return through_leaving_page(body, self.url) if self.has_accounts else body

    def page(self, request: Request, template: str, *, status: int = 200, **words: Any) -> Response:
        """Render a template as a private response (`Cache-Control: no-store`)."""
        state, here = request.state, request.url.path
        kind, roles = getattr(state, "kind", ""), getattr(state, "roles", ())
        body = self.text(
            template,
            here=here,
            kind=kind,
            nav=self._navigation(kind, roles, here),
            foot=self.links.get(EVERYBODY, ()),
            token=getattr(state, "token", ""),
            banner=getattr(state, "banner", None),
            **words,
        )
        body = self._through_leaving_page(body)
        headers = {**KEEP_OUT, **(kit.WITH_FORM if "<form" in body else {})}
        return Response(body, status, headers, media_type=kit.HTML)

    def _menu(self, which: str, nav: Navigation) -> Markup:
        """The links of a navigation, or the parts of its section, as they stand on a page."""
        return Markup(self.text("menu.html", which=which, nav=nav))  # noqa: S704 - our own template escapes

    def _navigation(self, kind: str, roles: Sequence[str], here: str) -> Navigation:
        """The links of a kind of visitor, as they stand on a page."""
        places = [
            e
            for e in self.links.get(kind, ())
            if (not e.roles or {*e.roles} & {*roles}) and (not e.needs or self.can_ever(e.needs))
        ]
        above = [each for each in places if f"{here}/".startswith(f"{each.href}/")]
        nearest = max(above, key=lambda each: len(each.href), default=Place("", ""))
        parts = tuple(e for e in places if e.section and e.section == nearest.section)
        return Navigation(
            tuple(each for each in places if each.section == each.href),
            parts if len(parts) > 1 else (),
            nearest.section,
            nearest.href,
            here if any(each.href == here for each in places) else "",
        )

    def error_page(self, request: Request, status: int, what: str, remedy: str) -> Response:
        """Say what went wrong, and what to do."""
        ways_on = self._ways_on(request)
        if (what, remedy) == kit.SAID[404]:
            remedy = NOT_THERE.get(getattr(request.state, "kind", ""), remedy)
        return self.page(
            request, "error.html", status=status, what=what, remedy=remedy, ways_on=ways_on
        )

    def _ways_on(self, request: Request) -> list[Place]:
        """Where whoever met an error continues: where they begin, by who or where they are."""
        policy = Place("Privacy policy", "/privacy")
        if way_on := getattr(request.state, "way_on", ""):
            return [Place("Sign in", way_on), policy]
        if not self.links:
            return [policy]
        kind = getattr(request.state, "kind", "") or next(
            (
                kind
                for kind, (_, start) in STARTS.items()
                if f"{request.url.path}/".startswith(f"{start}/")
            ),
            "",
        )
        if kind:
            return [Place(*STARTS[kind]), policy]
        return [Place("Sign in", "/sign-in"), policy]
