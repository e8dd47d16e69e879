"""Two copies of one provider: in one, orders that nobody may tell of are over some of its people.

Whatever anybody but the legal desk is answered there is the same in both.
"""

from __future__ import annotations

import copy
import random
import re
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from http import HTTPStatus
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from zipfile import ZipFile

import httpx2
import pytest

import upheld
from practices import orders
from practices.conftest import House, SetClock, close
from practices.forms import Form, forms_of
from practices.orders import Desk, demand
from practices.routes import MARKS, THINGS, Line, World, lines, routed
from practices.test_partner_transactions import partner, row, take
from practices.test_visit_pages import cookie_of, record_visits
from upheld.app.provider import PRACTICES, provide
from upheld.core.ids import PersonId
from upheld.core.settings import Settings
from upheld.gate.act.request import Refused
from upheld.gate.async_gate import AsyncGate, open_gate_sync
from upheld.gate.erasure.retention import retire
from upheld.practice import noise
from upheld.practices.legal.demands import PRESERVATION
from upheld.practices.legal.instruments import Instruments
from upheld.practices.legal.notices import Notices
from upheld.practices.legal.release import Releases
from upheld.vault.keyring import KeyFile, Keyring
from upheld.web.limits import Limits

LAST: Final = (  # what takes away what other forms are about
    r"/me/close|/me/privacy/erase|/erasure|/end|/withdraw|/untie|/remove|/delete|/revoke|/leave"
)
MADE_UP: Final = re.compile(  # ids, references, sealed words and times; secrets, and their pictures
    r"[0-9a-f]{8,}|\b[0-9A-F]{8}\b|[\w+/=-]{40,}|\d\d:\d\d(:\d\d)?(\.\d+)?"
    r"|(?<=class=\"secret\">)[^<]+|(?<=class=\"code\">)[^<]+|[A-Z2-7]{4}( [A-Z2-7]{4}){7}"
    r"|(?<=class=\"qrline\")[^>]+"
)
SENDERS: Final = {"anybody": "nobody", "customer": "ann", "staff": "support", "agent": "agent"}
DESK: Final = ("legal", "counsel")  # the visitors who work at the legal desk
FORMS_MIN: Final = 80  # that are done, and not refused
T = TypeVar("T")
HEADERS: Final = ("set-cookie", "location")  # in which such words stand
ROUNDS: Final = 3  # pages that ask once more


class Answer:
    """What somebody gets: all of it, but for what is made up for each answer.

    What is the same to the letter is the same without it, which is then not looked for.
    """

    def __init__(self, status: int, headers: tuple[tuple[str, str], ...], text: str) -> None:
        self.status, self.headers, self._text = status, headers, text

    @cached_property
    def body(self) -> str:
        """What stands there, without what is made up."""
        return MADE_UP.sub("…", self._text)

    def __eq__(self, other: object) -> bool:
        """Whether somebody else gets the same."""
        return (
            isinstance(other, Answer)
            and (self.status, self.headers) == (other.status, other.headers)
            and (self._text == other._text or self.body == other.body)
        )

    __hash__ = None  # type: ignore[assignment]  # nothing is looked up by it


class Step(NamedTuple):
    """A form that somebody sends from a page."""

    route: str
    visitor: str
    page: str
    action: str


class StillClock(SetClock):
    """A clock that goes on by a microsecond each time that it is looked at, and else stands."""

    def __init__(self, start: datetime) -> None:
        self._looks = count()
        super().__init__(start)

    def _told(self) -> int:
        return self._start + (next(self._looks) + self.moved // timedelta(microseconds=1)) * 1000


class Twin:
    """A copy of a provider with everybody in it, and what visitors are answered there."""

    def __init__(self, world: World, folder: Path, policy: upheld.Policy) -> None:
        house = _opened(folder, policy, world.house.clock.now())
        self.gate, self.world, self.folder = house.provider.gate, copy.copy(world), folder
        self.world.house = house

    def put_under_orders(self, *whose: PersonId, days: int) -> None:
        """Let a court order, in silence, that some people's data be preserved, and given."""
        house, mine = self.world.house, self.world.desk
        model = Instruments(house.provider)
        desk = Desk(*mine[:3], model, Releases(model), Notices(model))
        end = house.clock.now() + timedelta(days=days)
        wanted = demand(house, *whose, ends=end, silence_end=end)
        hold = wanted._replace(kind=PRESERVATION, recipient="", fields=())
        orders.approved(house, desk, hold)
        released = orders.release(house, desk, orders.approved(house, desk, wanted))
        assert not isinstance(released, Refused), released.why

    def answers(self, step: Step, words: Mapping[str, str]) -> list[Answer]:
        """What somebody gets who sends a form, confirms it, and looks at what came of it.

        `words` are what they enter in its fields, by name, in place of what is made up.
        """
        provider = self.world.house.provider
        provider.limits = Limits(provider.sealer("web", "limits").mark)  # nobody asks too often
        browser, token = self.world.browser(step.visitor)
        texts = [browser.get(step.page)] if step.page else []
        form = next(
            (e for each in texts for e in forms_of(each) if e.action == step.action),
            Form(step.action, (("_token", token),)),
        )
        values = {name: words.get(name, value) for name, value in form.values}
        for _ in range(ROUNDS):
            texts.append(browser.post(form.action, data=values))
            again = [e for e in forms_of(texts[-1]) if "_confirmed" in dict(e.values)]
            if not again:
                break
            form, values = again[0], dict(again[0].values)
        if texts[-1].status_code == 303 and texts[-1].headers["location"].startswith("/"):
            texts.append(browser.get(texts[-1].headers["location"]))
        return [_plain(each) for each in texts]

    def pages(self, paths: Mapping[str, str], visitors: Sequence[str] = ()) -> dict[str, Answer]:
        """Each page that each visitor, or each of some, gets, by who and where; no legal desk's."""
        answers, table = {}, lines()
        for visitor in visitors or self.world.visitors:
            browser, _ = self.world.browser(visitor)
            for route, path in paths.items():
                line = table[route]
                is_shown = self.world.expected(line, visitor, "GET") == HTTPStatus.OK
                if visitor not in DESK and route.startswith("GET ") and is_shown:
                    answers[f"{route} as {visitor}"] = _plain(browser.get(path))
        return answers

    def pass_days(self, days: int) -> None:
        """Let days pass, and every job run on each that comes after a month."""
        house, gate = self.world.house, self.world.house.provider.gate.gate
        house.clock.moved += timedelta(days=days)
        house.do(lambda t: t.accept_clock(house.clock.now()))
        for job in house.provider.jobs:
            job.run(gate)
        retire(gate)


def _opened(folder: Path, policy: upheld.Policy, at: datetime) -> House:
    """A provider on the database of a folder, by a clock that stands still."""
    keys = Keyring.open(folder / "keyring", KeyFile(folder / "master"))
    clock, url = StillClock(at), f"sqlite:///{folder}/upheld.db"
    gate = open_gate_sync(url, policy=policy, keys=keys)
    gate.context = gate.context.by(clock)
    settings = Settings(
        database=url,
        phone="+1 555 010 0100",
        contact="help@larch.example",
        agreement=folder / "terms.md",
    )
    return House(provide(AsyncGate(gate), settings, PRACTICES), policy, clock)


def _copied(source: Path, target: Path) -> None:
    target.mkdir()
    for each in source.iterdir():
        if each.is_file() and not each.name.startswith("upheld.db"):
            shutil.copy(each, target / each.name)
    (target / "upheld.db").touch(mode=0o600)
    with sqlite3.connect(source / "upheld.db") as one, sqlite3.connect(target / "upheld.db") as two:
        one.backup(two)


def _plain(answer: httpx2.Response) -> Answer:
    headers = dict(answer.headers.multi_items())
    if headers.get("content-type") == "application/zip":
        headers.pop("content-length", "")  # of what is compressed with ids in it
        with ZipFile(BytesIO(answer.content)) as file:
            body = "\n".join(f"{name}\n{file.read(name).decode()}" for name in file.namelist())
    else:
        body = answer.text
    told = ((n, MADE_UP.sub("…", value) if n in HEADERS else value) for n, value in headers.items())
    return Answer(answer.status_code, tuple(sorted(told)), body)


def steps_of(world: World, paths: Mapping[str, str]) -> list[Step]:
    """Each form of each page that a visitor has, once; routes without one are sent to bare."""
    patterns = {
        route: re.compile(re.sub(r"\\{\w+(?::\w+)?\\}", "[^/]+", re.escape(route.split()[1])))
        for route in paths
        if route.startswith("POST ")
    }
    table, steps = lines(), dict[tuple[str, ...], Step]()
    for visitor in world.visitors:
        browser, _ = world.browser(visitor)
        for route, path in paths.items():
            if not route.startswith("GET ") or not _looks(world, table[route], visitor):
                continue
            answer = browser.get(path)
            for form in forms_of(answer) if answer.status_code == HTTPStatus.OK else ():
                action = form.action.split("?")[0]
                for sent in (each for each, its in patterns.items() if its.fullmatch(action)):
                    if _looks(world, table[sent], visitor):
                        step = Step(sent, visitor, path, form.action)
                        steps.setdefault((sent, visitor, action), step)
    for route in patterns.keys() - {each.route for each in steps.values()}:
        visitor = SENDERS[table[route].who]
        steps[route, visitor] = Step(route, visitor, "", paths[route])
    return sorted(steps.values(), key=lambda each: (bool(re.search(LAST, each.route)), each))


def _looks(world: World, line: Line, visitor: str) -> bool:
    """Whether somebody looks at pages of a kind; one visitor looks at those that are anybody's."""
    kind, _ = world.visitors[visitor]
    return visitor not in DESK and line.who in (kind, "" if kind else "anybody")


def first_difference(plain: list[Answer], silent: list[Answer]) -> Any:
    """What is told otherwise, for whoever reads why the test failed."""
    for one, other in zip(plain, silent, strict=False):
        pairs = zip(one.body.splitlines(), other.body.splitlines(), strict=False)
        lines_apart = [pair for pair in pairs if pair[0] != pair[1]]
        if one != other:
            return one.status, other.status, lines_apart[:2] or {*one.headers} ^ {*other.headers}
    return None if len(plain) == len(silent) else (len(plain), len(silent))


class Copies(NamedTuple):
    """Two copies of a world, and the addresses of its things: orders over Ann are in the second."""

    world: World
    paths: dict[str, str]
    both: tuple[Twin, Twin]


def _with_visits(house: House) -> World:
    """A world in which Ann visited pages, and a partner told what she bought."""
    world, recorder = World(house, ordered=False), record_visits(house)
    for name in ("message", "record", "request", "link", "purchase"):
        THINGS[name](world)
    visitor, browser = house.browser(), house.signed_in(world.ann)
    visitor.get("/privacy")
    browser.cookies.set("visitor", cookie_of(visitor))
    browser.get("/about")
    recorder.keep()
    partner(house)
    take(house, row(MARKS[1]))
    return world


def copies_of(
    house: House, policy: upheld.Policy, folder: Path, *, days: int = 300, open_days: int = 0
) -> Iterator[Copies]:
    """A world, its addresses, and two copies: in the second, orders are over Ann and a child.

    They last for some days. With `open_days`, a hold that may be told preserves Ann's in both, too.
    """
    world = _with_visits(house)
    others = [house.customer(f"{name}@aside.example", name=name) for name in ("Zed", "Zoe")]
    table = lines()
    paths = {
        f"{method} {path}": world.path(path, table[f"{method} {path}"])
        for method, path in sorted(routed(house.app))
        if not path.startswith("/staff/legal")
    }
    if open_days:
        end = house.clock.now() + timedelta(days=open_days)
        house.do(lambda t: t.record(world.ann, "hold", fact="legal-hold", ends=end))
    copies = []
    for name in ("without", "with"):
        _copied(folder, folder / name)
        copies.append(Twin(world, folder / name, policy))
    one, other = copies
    one.put_under_orders(*others, days=days)
    other.put_under_orders(world.ann, world.child, days=days)
    yield Copies(world, paths, (one, other))
    for each in copies:
        close(each.gate)


def in_both(
    seed: int, monkeypatch: pytest.MonkeyPatch, both: Sequence[Twin], work: Callable[[Twin], T]
) -> tuple[T, T]:
    """What comes of a piece of work in each copy, where the same is made up."""
    results = []
    for each in both:
        chance = random.Random(seed)  # noqa: S311 - of a test
        monkeypatch.setattr(
            secrets, "token_bytes", lambda size=32, c=chance: c.randbytes(size or 32)
        )
        monkeypatch.setattr(random, "_urandom", chance.randbytes)
        monkeypatch.setattr(noise, "add", lambda numbers, *_: [*numbers])  # which differs anyhow
        results.append(work(each))
    return results[0], results[1]
