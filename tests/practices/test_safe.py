"""Looking changes nothing: GET and HEAD over every route, and what only a button may do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from empty import empty_database
from practices.ads import use_up
from practices.conftest import House
from practices.mail import link
from practices.routes import Line, World, lines, routed
from practices.test_guardians import ask_guardian
from practices.test_households import invitation_link
from upheld.core.ids import PersonId
from upheld.database.schema import declared_tables
from upheld.practices.rights import erasure
from upheld.vault.erasures import token
from upheld.web import sessions

# What looking makes: entries of views, the time at which a session was last seen, and tries.
MADE_BY_LOOKING = {"entry", "entry_person", "tile", "checkpoint", "log_name", "session", "bucket"}


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path) -> str:
    """It is about what pages do, which is the same on every database."""
    return empty_database(tmp_path)


class Watched:
    """Everything in a database but what looking makes; sessions without when they were seen."""

    def __init__(self, house: House) -> None:
        # Read by SQLite alone: there are many tables, and they are looked at around each look.
        self._database = sqlite3.connect(house.provider.gate.gate.engine.url.database or "")
        self._tables = sorted(set(declared_tables().tables) - MADE_BY_LOOKING)
        self._version, self._rows = -1, dict[str, object]()

    def rows(self) -> dict[str, object]:
        """All rows by their table; read anew where anybody has written since."""
        (version,) = self._database.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            whose = "SELECT id_hash, kind, subject, started_at, fresh FROM session ORDER BY id_hash"
            read = self._database.execute
            rows = {each: sorted(map(repr, read(f"SELECT * FROM {each}"))) for each in self._tables}
            self._rows = {**rows, "session": read(whose).fetchall()}
            self._version = version
        return self._rows

    def close(self) -> None:
        """Look no more."""
        self._database.close()


def live(world: World) -> dict[str, Callable[[], str]]:
    """Paths with links that work, by the route that they belong to."""
    house = world.house
    raw = house.do(
        lambda transaction: sessions.mint(
            transaction.tables,
            erasure.LINK,
            token(transaction.context.keyring, world.ann),
            timedelta(days=1),
            house.clock.now(),
        )
    )
    house.browser().post("/recover", data={"email": "ada@crawled.example"})
    house.browser().post(
        "/sign-up/form",
        data={
            "name": "Di Marked",
            "email": "di@marked.example",
            "credentials": "four plain words here",
            "birth-date": "1990-01-01",
            "accept": "yes",
        },
    )
    return {
        "/erased/{link}": lambda: f"/erased/{raw}",
        "/recover/{link}": lambda: link(house, "accounts/recover"),
        "/verify/{link}": lambda: link(house, "accounts/verify"),
        "/guardian/{link}": lambda: ask_guardian(house)[1],
        "/join/{link}": lambda: invitation_link(house, PersonId(world.visitors["bo"][1])),
    }


def visits(world: World, table: dict[str, Line]) -> Iterator[tuple[str, str, str]]:
    """Every path with whoever it is for, and a stranger: the route, the path, and who."""
    links = {path: makes() for path, makes in live(world).items()}
    mine = {
        "anybody": ("nobody", "ann"),
        "customer": ("ann", "guardian"),
        "staff": ("support", "accounts", "manager"),
        "agent": ("agent",),
    }
    for path in dict.fromkeys(path for _, path in routed(world.house.app)):
        line = table.get(f"GET {path}") or table[f"POST {path}"]
        for visitor in mine[line.who]:
            yield path, links.get(path) or world.path(path, line), visitor


def test_looking_at_any_route_changes_nothing(house: House) -> None:
    """GET and HEAD of every route, with links that work: nothing but entries of views is made."""
    world = World(house)
    table = lines()
    house.do(lambda transaction: use_up(transaction, world.outside.campaign))
    with closing(Watched(house)) as watched:
        _look_everywhere(world, table, watched)


def _look_everywhere(world: World, table: dict[str, Line], watched: Watched) -> None:
    for path, target, visitor in visits(world, table):
        browser, _ = world.browser(visitor)
        browser.get("/me")  # so that a session that was just begun is noted already
        before = watched.rows()
        for method in ("GET", "HEAD", "OPTIONS"):
            answer = browser.request(method, target)
            where = f"{method} {path} as {visitor}"
            assert watched.rows() == before, where
            if method == "OPTIONS":
                assert answer.status_code == 405, where
            if method == "HEAD":
                assert answer.content == b"", where


def test_head_answers_as_get_does_without_its_body(house: House) -> None:
    """HEAD answers with the status and the headers of GET, on each page."""
    world = World(house)
    for path, target, visitor in visits(world, lines()):
        browser, _ = world.browser(visitor)
        full, head = browser.get(target), browser.head(target)
        where = f"{path} as {visitor}"
        assert head.status_code == full.status_code, where
        assert head.content == b"", where
        one, other = (
            {name: value for name, value in each.headers.items() if name != "content-length"}
            for each in (full, head)
        )
        assert one == other, where
        assert ("content-length" in head.headers) == ("content-length" in full.headers), where


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_opens_links_by_itself_uses_none_up(house: House, method: str) -> None:
    """A program that looks into mail confirms no address, joins nobody, and answers for nobody."""
    world = World(house)
    for path, makes in live(world).items():
        target = makes()
        for visitor in ("nobody", "ann"):
            browser, _ = world.browser(visitor)
            assert browser.request(method, target).status_code == 200, f"{path} as {visitor}"
        assert world.browser("ann")[0].get(target).status_code == 200, path
