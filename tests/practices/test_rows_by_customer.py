"""A file of transactions is taken in customer by customer, and what comes of it is the same."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practices.conftest import House
from practices.test_feeds import email_of
from practices.test_partner_transactions import row
from practices.test_transaction_lots import partner, rows_of, taken
from sizes import size
from upheld.cli import by_customer, row_files
from upheld.cli.csv_rows import BrokenRow, CsvRows
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, UserId
from upheld.practices.feeds import feeds, sales
from upheld.practices.feeds.feeds import Feed, FeedLine

WORDS = row_files.words_of(None, ("reference", "date", "amount", "currency", "what", "email"))
DIGESTS = count()
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bo", "cy", "ANN", " bo", "nobody", "no address"]),
        st.integers(0, 9),
        st.sampled_from(["2026-03-02", "2026-03-02", "2024-03-01", "2027-01-01"]),
        st.sampled_from(["12.50", "12.50", "1e3"]),
        st.sampled_from(["A boat", "Two\n boats", 'A "boat"']),
    ),
    max_size=20,
)
BROKEN = {  # lines that are no row, and why
    b"": "values",
    b"A1,2026-03-02,12.50,USD,A boat": "values",
    b"A1,2026-03-02,12.50,USD,A boat,ann@marked.example,": "values",
    b"A1,2026-03-02,12.50,USD,A \0 boat,ann@marked.example": "nul",
    b"A1,2026-03-02,12.50,USD,A b\xf6at,ann@marked.example": "not-utf-8",
    b'"A1,2026-03-02,12.50,USD,A boat,ann@marked.example': "quotes",
    b'A1,2026-03-02,12.50,USD,"A "boat,ann@marked.example': "quotes",
}


@pytest.fixture(name="crowd")
def _crowd(house: House, monkeypatch: pytest.MonkeyPatch) -> tuple[list[PersonId], str, str]:
    """Customers and two partners; few rows are put in order, or taken in, together."""
    monkeypatch.setattr(by_customer, "STRETCH", 9)
    monkeypatch.setattr(by_customer, "_ROWS", 2)
    monkeypatch.setattr(sales, "LOT", 4)
    people = [email_of(house, name)[0] for name in ("ann", "bo", "cy")]
    one, other = (partner(house, name) for name in ("Spruce Point", "Fir Point"))
    return people, one, other


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    """A file of rows, of CSV or JSON by its name."""
    with path.open("w", encoding="utf-8", newline="") as out:
        if path.suffix == ".csv":
            writer = csv.DictWriter(out, row("").keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        else:
            out.writelines(f"{json.dumps(each)}\n" for each in rows)
    return path


def lines_in(path: Path, order: str) -> Iterator[sales.SaleLine]:
    """The rows of a file in an order, or in its own."""
    rows = by_customer.rows_as_asked(path, WORDS, lambda: order)
    return sales.read_lines(
        FeedLine(line, WORDS.values(each), fault=each.fault if isinstance(each, BrokenRow) else "")
        for line, each in rows
    )


def cut(lines: Iterator[sales.SaleLine], most: int | None) -> Iterator[sales.SaleLine]:
    """So many rows and an error; all of them without a number."""
    yield from islice(lines, most)
    if most is not None:
        raise OSError("the file ends in the middle")


def begun(house: House, party: str, digest: str, order: str) -> Feed:
    """The feed of a file that is taken in, in this order if it is new."""
    kind = sales.TRANSACTIONS
    return house.do(lambda t: feeds.start(t, party, digest, UserId("u1"), kind, order))


@settings(
    max_examples=size("files taken in customer by customer", short=15, long=200),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(some=ROWS, is_csv=st.booleans(), stops=st.lists(st.integers(0, 12), max_size=2))
def test_what_comes_of_each_row_is_as_if_it_came_in_the_order_of_the_file(
    house: House,
    crowd: tuple[list[PersonId], str, str],
    tmp_path: Path,
    some: list[Any],
    is_csv: bool,
    stops: list[int],
) -> None:
    """Also where the reading was stopped, and went on: the same are kept, and left out as there."""
    people, one, other = crowd
    rows = [
        row(f"{name}@marked.example", f"A{number}", date=day, amount=amount, what=what)
        for name, number, day, amount, what in some
    ]
    path = written(tmp_path / ("rows.csv" if is_csv else "rows.jsonl"), rows)
    in_place = row_files.rows_in_place(path)
    assert in_place is not None
    order, digest = by_customer.order_of(in_place, WORDS), f"d{next(DIGESTS)}"
    gate, reasons = house.provider.gate.gate, dict[int, str]()

    def tell(omitted: Any) -> None:
        assert not reasons.keys() & {each.number for each in omitted}
        reasons.update({each.number: each.reason for each in omitted})

    for most in [*stops, None]:
        its = begun(house, one, digest, order)
        assert its.order == order

        lines = lines_in(path, its.order)
        with suppress(OSError):
            feeds.exhaust(sales.take_transactions(gate, its, cut(lines, most), tell))
    alone = {
        line: taken(house, other, [WORDS.values(each)])[0] for line, each in row_files.rows(path)
    }
    assert reasons == {line: reason for line, reason in alone.items() if reason}
    mine = sorted(rows_of(house, people, "Spruce Point"), key=str)
    assert mine == sorted(rows_of(house, people, "Fir Point"), key=str)
    with gate.look() as tables:
        its = feeds.require(tables, its.feed_id)
    counts = Counter(alone.values())
    assert (its.lines, its.state, its.people) == (len(rows), feeds.DONE, counts[""])
    assert {each: getattr(its, each) for each in feeds.REASONS} == {
        each: counts[each] for each in feeds.REASONS
    }


@settings(
    max_examples=size("files with broken lines taken in", short=15, long=200),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    some=ROWS.filter(bool),
    broken=st.lists(st.tuples(st.integers(0, 20), st.sampled_from(sorted(BROKEN))), max_size=6),
    stops=st.lists(st.integers(0, 12), max_size=2),
)
def test_what_comes_of_a_file_with_broken_lines_is_what_comes_of_it_without_them(
    house: House,
    crowd: tuple[list[PersonId], str, str],
    tmp_path: Path,
    some: list[Any],
    broken: list[tuple[int, bytes]],
    stops: list[int],
) -> None:
    """And so many refusals; also where the reading was stopped, and went on."""
    people, one, other = crowd
    rows = [
        row(f"{name}@marked.example", f"A{number}", date=day, amount=amount, what=what)
        for name, number, day, amount, what in some
    ]
    clean, odd = written(tmp_path / "clean.csv", rows), tmp_path / "odd.csv"
    records = [clean.read_bytes().split(b"\n", 1)[0]]
    for place in range(len(rows) + 1):
        records += [text for at, text in broken if min(at, len(rows)) == place]
        if place < len(rows):
            only = written(tmp_path / "only.csv", [rows[place]]).read_bytes()
            records.append(only.split(b"\n", 1)[1].removesuffix(b"\n"))
    odd.write_bytes(b"\n".join(records) + b"\n")
    came = []
    for party, path in ((one, clean), (other, odd)):
        order, digest = by_customer.order_of(CsvRows(path), WORDS), f"d{next(DIGESTS)}"
        reasons: dict[int, str] = {}

        def tell(omitted: Any, reasons: dict[int, str] = reasons) -> None:
            assert not reasons.keys() & {each.number for each in omitted}
            reasons.update({each.number: each.reason for each in omitted})

        for most in [*stops, None]:
            its = begun(house, party, digest, order)
            lines = cut(lines_in(path, order), most)
            with suppress(OSError):
                feeds.exhaust(sales.take_transactions(house.provider.gate.gate, its, lines, tell))
        with house.provider.gate.gate.look() as tables:
            its = feeds.require(tables, its.feed_id)
        came.append((its, [reasons.get(line, "") for line, _ in row_files.rows(path)]))
    (plain, clean_reasons), (its, odd_reasons) = came
    faults = [BROKEN[text] for _, text in broken]
    assert sorted(odd_reasons) == sorted([*clean_reasons, *faults])
    assert [each for each in odd_reasons if each not in BROKEN.values()] == clean_reasons
    assert (its.state, its.lines) == (feeds.DONE, len(rows) + len(broken))
    counts = {each: getattr(plain, each) for each in ("people", *feeds.REASONS)}
    counts[feeds.UNREADABLE] += len(broken)
    assert {each: getattr(its, each) for each in counts} == counts
    mine = sorted(rows_of(house, people, "Spruce Point"), key=str)
    assert mine == sorted(rows_of(house, people, "Fir Point"), key=str)


def test_each_customer_of_a_file_has_one_entry_of_it(
    house: House,
    crowd: tuple[list[PersonId], str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However far from one another their rows lie; in its own order they have one a lot."""
    people, one, other = crowd
    monkeypatch.setattr(by_customer, "STRETCH", 100)
    rows = [row(f"{('ann', 'bo', 'cy')[n % 3]}@marked.example", f"A{n}") for n in range(12)]
    path = written(tmp_path / "rows.csv", rows)
    order = by_customer.order_of(CsvRows(path), WORDS)
    for party, how in ((one, order), (other, "")):
        its = begun(house, party, "d1", how)
        lines = lines_in(path, how)
        feeds.exhaust(sales.take_transactions(house.provider.gate.gate, its, lines))
    for each in people:
        sources = [e.entry.source for e in house.provider.gate.gate.entries(each)]
        assert sources.count(f"business-partner {one}") == 1
        assert sources.count(f"business-partner {other}") == 3


def test_a_file_that_was_begun_in_its_own_order_goes_on_in_it(
    house: House, crowd: tuple[list[PersonId], str, str], tmp_path: Path
) -> None:
    """As by a program that knew no other; each row is taken in once."""
    people, one, _ = crowd
    rows = [row(f"{('ann', 'bo', 'cy')[n % 3]}@marked.example", f"A{n}") for n in range(12)]
    path = written(tmp_path / "rows.csv", rows)
    order = by_customer.order_of(CsvRows(path), WORDS)
    its = begun(house, one, "d1", "")
    gate = house.provider.gate.gate
    with pytest.raises(OSError, match="middle"):
        feeds.exhaust(sales.take_transactions(gate, its, cut(lines_in(path, ""), 5)))
    its = begun(house, one, "d1", order)
    assert (its.lines, its.order) == (4, "")
    omitted = list(sales.take_transactions(gate, its, lines_in(path, its.order)))
    assert omitted == []
    references = [each.reference for *_, each in rows_of(house, people, "Spruce Point")]
    assert sorted(references) == sorted(f"A{n}" for n in range(12))


def test_a_file_that_was_begun_by_other_columns_does_not_go_on_by_these(
    house: House, crowd: tuple[list[PersonId], str, str], tmp_path: Path
) -> None:
    """Its order would be another one; where nothing was taken in yet, these are the right ones."""
    _, one, _ = crowd
    path = written(tmp_path / "rows.csv", [row("ann@marked.example", f"A{n}") for n in range(6)])
    its = begun(house, one, "d1", "1-other")
    order = by_customer.order_of(CsvRows(path), WORDS)
    its = begun(house, one, "d1", order)
    assert begun(house, one, "d1", order).order == order

    gate = house.provider.gate.gate
    with pytest.raises(OSError, match="middle"):
        feeds.exhaust(sales.take_transactions(gate, its, cut(lines_in(path, order), 5)))
    with pytest.raises(UpheldError, match="other columns") as caught:
        begun(house, one, "d1", "1-other")
    assert caught.value.code == "wrong-column"
    its = begun(house, one, "d1", order)
    feeds.exhaust(sales.take_transactions(gate, its, lines_in(path, order)))
    assert begun(house, one, "d1", "1-other").lines == len(list(row_files.rows(path)))
