"""Visits of a day are counted at the desk, for what the policy lets us, and with an entry."""

from __future__ import annotations

import re
import tempfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import upheld
from practices.conftest import House
from practices.test_collection import visits
from practices.without import without
from upheld.core.clock import BEGINNING
from upheld.core.ids import PersonId
from upheld.gate.erasure.erase import erase
from upheld.gate.log.entries import of_kind
from upheld.practices.collection import blocks, compaction, day_counts, erasing, rewriting
from upheld.practices.collection.blocks import DayKeys, PageVisit, columns_of, days_of
from upheld.practices.collection.compaction import compact
from upheld.practices.collection.day_counts import DayCounts
from upheld.practices.collection.intake import Intake
from upheld.practices.collection.log_lines import LogLine
from upheld.practices.collection.tables import visit_block, visit_tie
from upheld.practices.collection.ties import tie
from upheld.web import sessions


def keep(house: House, *rows: tuple[str, str, bytes], days_ago: int = 1) -> None:
    """Keep visits of noon of a day, each its page, its address and its cookie."""
    noon = house.clock.now().replace(hour=12) - timedelta(days=days_ago)
    second = int((noon - BEGINNING).total_seconds())
    lines = [LogLine(second, ip.encode(), page.encode(), cookie) for page, ip, cookie in rows]
    assert Intake(house.provider.gate.gate).keep(lines).visits == len(rows)


def tied(house: House, email: str, cookie: bytes) -> PersonId:
    """A customer of thirty-six to whom a cookie is tied."""
    person = house.customer(email, f"{house.clock.now().year - 36}-02-01")
    raw = house.do(lambda t: sessions.begin(t.tables, "customer", person, house.clock.now()))
    assert house.do(lambda t: tie(t, raw, cookie))
    return person


def counted(house: House, days_ago: int = 1) -> DayCounts:
    """What the page of the desk counts."""
    gate = house.provider.gate.gate
    day = (house.clock.today() - timedelta(days=days_ago)).isoformat()
    its = house.do(lambda t: day_counts.seal_of_day(t, day))
    people = day_counts.whose(gate, its)
    besides = house.do(lambda t: day_counts.enter(t, its, people, "staff u1"))
    return day_counts.count(gate, its, besides)


def uses(house: House, person: PersonId) -> list[tuple[str, ...]]:
    """By which clauses somebody's visits were used."""
    return [
        each.entry.clauses
        for each in house.provider.gate.gate.entries(person)
        if (each.entry.action, each.entry.purpose) == ("use", day_counts.FOR)
    ]


def test_a_day_is_counted_by_page_hour_and_network(house: House) -> None:
    """The most first, whichever block they lie in; networks of few are together."""
    for _ in range(5):
        keep(house, *[("/plans?from=ad", "192.0.2.7", b"")] * 3, ("/help", "198.51.100.9", b""))
    keep(house, ("/plans", "nobody.example", b"a"), ("/plans", "192.0.2.9", b"b"))
    keep(house, ("/other-day", "192.0.2.9", b""), days_ago=2)
    counts = counted(house)
    assert counts.pages == [("/plans", 17), ("/help", 5)]
    assert counts.networks == [("192.0.2.0/24", 16)]
    assert (counts.scattered, counts.without_network, counts.visits) == (5, 1, 22)
    assert sum(counts.hours) == max(counts.hours) == 22
    compact(house.provider.gate.gate)
    assert counted(house) == counts


def test_a_network_of_one_browser_is_not_listed_however_much_it_looks_at(house: House) -> None:
    """It would be one person's, or a household's."""
    keep(house, *[("/plans", "2001:db8:77::1", b"ann")] * 30)
    keep(house, *[("/plans", "192.0.2.7", f"c{n}".encode()) for n in range(10)])
    counts = counted(house)
    assert counts.networks == [("192.0.2.0/24", 10)]
    assert counts.scattered == 30


def test_who_objected_is_left_out_and_who_is_counted_has_the_entry(house: House) -> None:
    """As the policy lets us use their visits now; visits of nobody count."""
    ann, bo, cy = (tied(house, f"{n}@marked.example", n.encode()) for n in ("ann", "bo", "cy"))
    keep(house, ("/a", "192.0.2.7", b"ann"), ("/b", "192.0.2.7", b"bo"), ("/n", "-", b"other"))
    house.do(
        lambda t: t.record(
            bo, "objection", fact="objected", about={"purpose": ["service-improvement"]}
        )
    )
    counts = counted(house)
    assert counts.pages == [("/a", 1), ("/n", 1)]
    assert (counts.visits, counts.left_out) == (2, 1)
    assert [len(uses(house, each)) for each in (ann, bo, cy)] == [1, 0, 0]
    assert uses(house, ann) == [("improving",)]


def test_a_cookie_of_two_counts_where_both_let_it(house: House) -> None:
    """Whose the visit was nobody can tell."""
    tied(house, "ann@marked.example", b"one")
    bo = tied(house, "bo@marked.example", b"one")
    keep(house, ("/a", "192.0.2.7", b"one"))
    assert counted(house).visits == 1
    house.do(
        lambda t: t.record(
            bo, "objection", fact="objected", about={"purpose": ["service-improvement"]}
        )
    )
    assert counted(house).visits == 0


def test_the_desk_counts_a_day_and_nobody_else_does(house: House) -> None:
    """With the clause and an entry of the look; a day that is none is not found."""
    keep(house, *[("/plans", "192.0.2.7", b"")] * 12)
    desk = house.signed_in(house.staff("privacy"), "staff")
    page = desk.get("/staff/visits/day")
    assert "10 visits, counted to improve our services" in page.text
    for word in ("/plans", "192.0.2.0/24", "#improving"):
        assert word in page.text
    entries = house.do(lambda t: list(of_kind(t.connection, day_counts.COUNTED)))
    assert len(entries) == 1
    assert desk.get("/staff/visits/day?on=2026-02-30").status_code == 404
    assert "0 visits" in desk.get("/staff/visits/day?on=2020-01-01").text
    other = house.signed_in(house.staff("support", sign_in="sue"), "staff")
    assert other.get("/staff/visits/day").status_code == 403


def test_no_number_of_a_day_tells_of_one_visit_or_of_one_who_objected(house: House) -> None:
    """Neither in words, nor in a table, nor in the chart."""
    bo = tied(house, "bo@marked.example", b"c2")
    keep(house, ("/plans", "192.0.2.7", b"c1"), ("/help", "192.0.2.7", b"c2"))
    desk = house.signed_in(house.staff("privacy"), "staff")
    exact = re.compile(r"(?<![\w./-])[1-9](?= visit| of customers|</td>|</title>)")
    pages = []
    assert "/plans" not in desk.get("/staff/visits/day").text
    for _ in range(2):
        page = desk.get("/staff/visits/day").text
        pages.append(re.search(r"Visits of customers that[^<]*", page))
        assert "Fewer than 10 visits, counted to improve our services" in page
        assert exact.findall(page[page.index("<h1>") :]) == []
        house.do(
            lambda t: t.record(
                bo, "objection", fact="objected", about={"purpose": ["service-improvement"]}
            )
        )
    assert counted(house).left_out == 1
    before, after = pages
    assert before is not None
    assert after is not None
    assert before[0] == after[0]


def test_without_the_clause_no_visit_is_counted(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """The page says why, no block is opened, and nothing is entered."""
    house = open_house(without("improving"))
    keep(house, ("/plans", "192.0.2.7", b""))
    page = house.signed_in(house.staff("privacy"), "staff").get("/staff/visits/day")
    assert page.status_code == 403
    assert "We may not count visits" in page.text
    assert "/plans" not in page.text


def test_many_people_are_erased_from_all_blocks_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Theirs are gone on each day, however few blocks are written at a time; others' stay."""
    monkeypatch.setattr(rewriting, "BLOCKS_AT_ONCE", 2)
    people = [tied(house, f"c{n}@marked.example", f"c{n}".encode()) for n in range(4)]
    for days_ago in (1, 2, 3):
        for _ in range(3):
            keep(
                house,
                *[("/p", "192.0.2.7", f"c{n}".encode()) for n in range(4)],
                ("/o", "192.0.2.7", b"other"),
                days_ago=days_ago,
            )
    erase(house.provider.gate.gate, people[:3])
    assert len(visits(house)) == 9 * 2
    assert len(house.do(lambda t: t.tables.select(visit_tie))) == 1


def test_a_hold_or_a_sign_in_that_comes_while_visits_are_erased_counts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held from then on stays; what is tied from then on goes too."""
    ann, bo = (tied(house, f"{name}@marked.example", name.encode()) for name in ("ann", "bo"))
    keep(house, *[("/p", "192.0.2.7", each) for each in (b"ann", b"bo", b"phone")])
    real, calls = erasing._blocks_with, list[int]()

    def meanwhile(*arguments: Any) -> Any:
        if not calls:
            calls.append(1)
            house.do(lambda t: t.record(ann, "hold", fact="legal-hold"))
            raw = house.do(lambda t: sessions.begin(t.tables, "customer", bo, house.clock.now()))
            assert house.do(lambda t: tie(t, raw, b"phone"))
        return real(*arguments)

    monkeypatch.setattr(erasing, "_blocks_with", meanwhile)
    erase(house.provider.gate.gate, [ann, bo])
    assert len(visits(house)) == 1
    left = house.do(lambda t: t.tables.select(visit_tie))
    assert [each.person_id for each in left] == [ann]


def test_what_is_held_of_one_stays_though_another_of_the_same_browser_is_erased(
    house: House,
) -> None:
    """The visits are the other's as well, and the law keeps those."""
    ann = tied(house, "ann@marked.example", b"shared")
    bo = tied(house, "bo@marked.example", b"shared")
    keep(house, ("/p", "192.0.2.7", b"shared"))
    hold = house.do(lambda t: t.record(bo, "hold", fact="legal-hold"))
    erase(house.provider.gate.gate, [ann])
    assert len(visits(house)) == 1
    house.provider.gate.gate.withdraw(bo, hold, ended=True)
    erase(house.provider.gate.gate, [bo])
    assert visits(house) == []


def test_who_is_stopped_while_erasing_visits_goes_on_where_it_was(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some blocks are written anew; the tie that says whose the rest is stays until all are."""
    monkeypatch.setattr(rewriting, "BLOCKS_AT_ONCE", 1)
    ann = tied(house, "ann@marked.example", b"ann")
    for days_ago in (1, 2, 3):
        keep(house, ("/p", "192.0.2.7", b"ann"), ("/o", "-", b"other"), days_ago=days_ago)
    target: Any = erasing
    real, calls = target.replace, list[int]()

    def failing(*arguments: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise OSError("the disk is full")
        real(*arguments)

    monkeypatch.setattr(target, "replace", failing)
    with pytest.raises(OSError, match="full"):
        erase(house.provider.gate.gate, [ann])
    assert len(visits(house)) == 5
    erase(house.provider.gate.gate, [ann])
    assert len(visits(house)) == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the other's are a server's
def test_no_file_of_the_provider_has_a_visit_of_whoever_was_erased(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither cookie nor token, nor any part of a sealed block in which they were."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setattr(compaction, "FEW", 4)  # so that theirs lie in several blocks
    gate = house.provider.gate.gate
    cookies = [f"marked-cookie-{n}".encode() for n in range(5)]
    people = [tied(house, f"c{n}@marked.example", each) for n, each in enumerate(cookies)]
    for days_ago in (1, 2):
        for at in range(4):
            theirs = [("/p", "192.0.2.7", each) for each in cookies]
            keep(house, *theirs, (f"/o{at}", "-", b"other"), days_ago=days_ago)
    compact(gate)
    keep(house, *[("/p", "192.0.2.7", each) for each in cookies])

    def of_before(transaction: Any) -> list[bytes]:
        rows = transaction.tables.select(visit_block)
        keys = DayKeys(transaction, days_of(transaction.tables, {row.day for row in rows}))
        ties = [bytes(row.cookie) for row in transaction.tables.select(visit_tie)]
        tokens = [keys.token(day, each) for day in keys.salts for each in cookies]
        theirs = [row for row in rows if not {*tokens}.isdisjoint(keys.tokens_in(row))]
        return [*cookies, *tokens, *ties, *(bytes(row.sealed) for row in theirs)]

    marks = house.do(of_before)
    parts = {each[at : at + 24] for each in marks for at in (0, len(each) // 2) if len(each) > 12}
    assert any(part in files_below(tmp_path) for part in parts)
    erase(gate, people)
    assert len(visits(house)) == 8
    everything = files_below(tmp_path)
    assert len(everything) > 100_000
    assert [part for part in parts if part in everything] == []


def files_below(folder: Path) -> bytes:
    """The bytes of all files: the database, its side files, keys, and whatever else lies there."""
    return b"".join(each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file())


def test_a_block_that_an_earlier_upheld_packed_is_read() -> None:
    """Which had its tokens in one with the rest."""
    some = [PageVisit(5, "/a", "192.0.2.0/24", b"t"), PageVisit(6, "/b", "", b"")]
    columns = columns_of(some)
    before = zlib.compress(msgspec.msgpack.encode(columns), 1)
    for raw in (before, blocks.pack(columns)):
        assert blocks.unpack(raw).visits() == some
        assert blocks.tokens_in(raw) == [b"t", b""]
    rest = columns.without([b"t"])
    assert rest.visits() == some[1:]
    assert (rest.routes, rest.networks, rest.tokens) == (["/b"], [""], [b""])
