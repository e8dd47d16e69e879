"""All that is held of people is counted at the desk: by kind, origin, clause and age, of nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

import upheld
from practices.conftest import House
from practices.test_day_counts import keep
from practices.test_feeds import email_of
from practices.test_partner_transactions import partner, row, take
from practices.without import without
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.holdings import holdings
from upheld.gate.erasure.retention import retire
from upheld.gate.erasure.value_counts import value_counts
from upheld.practice.stock import (
    LEAST,
    NOW,
    Stock,
    StockCount,
    counts_beside,
    lines_of,
    parts_of,
    rough,
    rough_stock,
    rough_sum,
)
from upheld.practices.collection.blocks import COOKIE, NETWORK, PAGE
from upheld.practices.collection.stock import stock_of, visit_stock
from upheld.practices.collection.stock_page import STOCK, value_stock
from upheld.practices.feeds.stock import transaction_stock


def counted(its: Stock) -> dict[tuple[str, str, tuple[str, ...]], int]:
    """How many there are of each kind, origin and clauses."""
    counts: dict[tuple[str, str, tuple[str, ...]], int] = {}
    for each in its.rows:
        key = each.data, each.origin, each.clauses
        counts[key] = counts.get(key, 0) + each.number
    return counts


def test_values_are_counted_as_what_is_held_of_each_person_says(house: House) -> None:
    """Each once with its origin and clause; of whoever is erased nothing is left in the counts."""
    gate = house.provider.gate.gate
    before = counted(value_stock(gate))
    people = [house.customer(f"c{number}@marked.example") for number in range(3)]

    def of_each() -> dict[tuple[str, str, tuple[str, ...]], int]:
        counts = dict(before)
        for person in people:
            for its in holdings(gate, person):
                key = its.field, its.origin, (its.clause,)
                counts[key] = counts.get(key, 0) + 1
        return counts

    assert counted(value_stock(gate)) == of_each()
    assert value_stock(gate).total == sum(of_each().values()) > 0
    erase(gate, [people.pop()])
    assert counted(value_stock(gate)) == of_each()
    assert {each.day for each in value_counts(gate)} == {house.clock.today().isoformat()}


def test_visits_and_transactions_are_counted_with_who_told_us(house: House) -> None:
    """A visit has several kinds of data, and counts once in the total."""
    gate = house.provider.gate.gate
    keep(house, ("/a", "192.0.2.7", b"one"), ("/b", "192.0.2.7", b"two"), days_ago=3)
    keep(house, ("/a", "name.example", b""), days_ago=2)
    visits = visit_stock(gate)
    by_word = {word: number for (word, *_), number in counted(visits).items()}
    assert visits.total == 3 == sum(each.number for each in visits.rows if not each.again)
    assert (by_word[PAGE], by_word[NETWORK], by_word[COOKIE]) == (3, 2, 2)
    days = {(house.clock.today() - timedelta(days=ago)).isoformat() for ago in (2, 3)}
    assert {each.day for each in visits.rows} == days
    partner(house)
    _, email = email_of(house, "ann")
    take(house, row(email), row(email, "A2"))
    sales = transaction_stock(gate)
    assert sales.total == 2
    assert {(each.company, each.origin) for each in sales.rows} == {
        ("Spruce Point", "business-partner")
    }


def test_what_goes_by_the_times_that_are_set_goes_then(house: House) -> None:
    """What is foretold of a month is due in it, and once the job has run nothing is due."""
    gate = house.provider.gate.gate
    person = house.customer()
    gate.store(
        person,
        {"ip-address": "192.0.2.7"},
        source="browser",
        occasion="sign-in",
        purpose="security",
    )
    goes = value_stock(gate)
    assert goes.goes_now == 0
    later = sum(number for _, number in goes.goes)
    assert later == 1
    house.clock.moved += timedelta(days=20 * 365)
    gate.clock.accept()
    due = value_stock(gate)
    assert (due.goes_now, due.goes) == (later, [])
    retire(gate)
    assert value_stock(gate).goes_now == 0


_WORDS = st.sampled_from(["name", "email", "zip"])
_MONTHS = st.sampled_from(["2026-01", "2026-02", "2026-03"])
_COUNTS = st.lists(
    st.builds(
        StockCount,
        _WORDS,
        st.sampled_from(["customer", "browser"]),
        st.just(("registration",)),
        st.builds("{}-0{}".format, _MONTHS, st.integers(1, 9)),
        st.integers(1, 25),
        again=st.booleans(),
        goes=st.sampled_from(["", NOW, "2027-01", "2027-02"]),
    ),
    min_size=1,
    max_size=40,
)


def read_of(rows: list[StockCount]) -> object:
    """All that a page of the desk tells of some counts."""
    stock = rough_stock(Stock("values", "Values", rows))
    kinds = stock.bars(lambda each: [each.data], again=True)
    lines = kinds, stock.bars(lambda each: [each.origin]), stock.bars(lambda each: each.clauses)
    parts = [(each._replace(number=0), rough(each.number)) for each in (*stock.parts, *stock.lines)]
    return stock.total, stock.goes_now, stock.months, stock.ends, lines, parts


@given(_COUNTS, _COUNTS, st.data())
def test_nobody_who_reads_the_desk_can_tell_a_number_below_ten_from_another(
    today: list[StockCount], tomorrow: list[StockCount], data: st.DataObject
) -> None:
    """Of any small count each other number reads the same: in lines, charts and totals, twice."""
    small = [each for each in parts_of(today) if each.number < LEAST]
    if not small:
        return
    which = data.draw(st.sampled_from(small))
    number = data.draw(st.integers(1, LEAST - 1))

    def otherwise(rows: list[StockCount]) -> list[StockCount]:
        """What there could be as well, by the same page."""
        parts = parts_of(rows)
        mine = [at for at, each in enumerate(parts) if _line(each) == _line(which)]
        at = next((each for each in mine if _place(parts[each]) == _place(which)), None)
        if at is None or parts[at].number >= LEAST:
            return rows
        parts[at] = parts[at]._replace(number=number)
        others = [each for each in mine if each != at]
        if others:
            (line,) = [each for each in lines_of(parts_of(rows)) if _line(each) == _line(which)]
            least, most = span(line.number)
            for other in others:
                total = sum(parts[each].number for each in mine)
                low, high = span(parts[other].number)
                moved = parts[other].number + max(least - total, min(most - total, 0))
                parts[other] = parts[other]._replace(number=min(max(moved, low), high))
        return parts

    assert read_of(otherwise(today)) == read_of(today)
    assert read_of(otherwise(tomorrow)) == read_of(tomorrow)


@given(st.lists(st.integers(0, 25), min_size=24, max_size=24), st.data())
def test_of_a_day_no_hour_with_few_visits_is_narrowed_by_the_pages_that_are_listed(
    hours: list[int], data: st.DataObject
) -> None:
    """Of any small hour each other number reads the same, with the pages and the total."""
    small = [at for at, each in enumerate(hours) if 0 < each < LEAST]
    cuts = sorted(data.draw(st.lists(st.integers(0, sum(hours)), max_size=6)))
    edges = zip([0, *cuts], [*cuts, sum(hours)], strict=True)
    pages = [(f"/p{at}", after - before) for at, (before, after) in enumerate(edges)]
    if not small:
        return
    at, number = data.draw(st.sampled_from(small)), data.draw(st.integers(1, LEAST - 1))
    others = [*hours]
    others[at] = number
    mine, left = dict(counts_beside(pages, hours)), sum(others)
    alike: dict[str, int] = {}
    for page, count in pages:  # as few of each as read the same
        alike[page] = span(count)[0] if page in mine else 0
        left -= alike[page]
    for hour, count in enumerate(others):  # and as many of other hours as are needed for it
        if left < 0 and hour != at and count:
            more = min(span(count)[1] - count, -left)
            others[hour] += more
            left += more
    more_pages = [*alike.items(), *((f"/few{n}", 1) for n in range(left))]
    assert sum(count for _, count in more_pages) == sum(others)
    assert [rough(each) for each in others] == [rough(each) for each in hours]
    assert rough_sum(others) == rough_sum(hours)
    assert counts_beside(more_pages, others) == counts_beside(pages, hours)


def span(number: int) -> tuple[int, int]:
    """The least and the most that a number may be, as it is told."""
    alike = [each for each in range(1, number + 20) if rough(each) == rough(number)]
    return alike[0], alike[-1]


def _line(its: StockCount) -> StockCount:
    return its._replace(day="", goes="", number=0)


def _place(its: StockCount) -> StockCount:
    return its._replace(number=0)


def test_eleven_kinds_of_one_customer_are_no_more_told_than_of_nine() -> None:
    """A total says what it is below, which is what the lines say together."""
    day = "2026-01-05"
    ones = [StockCount(f"kind-{n}", "customer", ("registration",), day, 1) for n in range(11)]
    nines = [each._replace(number=9) for each in ones]
    assert str(rough_stock(Stock("v", "V", ones)).total) == "fewer than 110"
    assert read_of(ones) == read_of(nines)
    assert str(rough_sum([1, 90])) == "100"
    months = [ones[0]._replace(day=f"2026-{month:02}-01", number=4) for month in range(1, 11)]
    assert str(rough_stock(Stock("v", "V", months)).total) == "40"
    assert {rough(each) for each in range(1, LEAST)} == {rough(1)}
    assert [str(rough(each)) for each in (0, 9, 10, 14, 15, 1_234_567)] == [
        *("0", "fewer than 10", "10", "10", "20", "1,234,570")
    ]


def test_of_a_few_the_desk_reads_that_they_are_few_and_the_month(house: House) -> None:
    """Neither how many, in a table or in a chart, nor a day; there and where the rest is."""
    keep(house, *[(f"/p{n}", "192.0.2.7", b"one") for n in range(3)], days_ago=3)
    desk = house.signed_in(house.staff("privacy"), "staff")
    day = house.clock.today() - timedelta(days=3)
    for path in (f"{STOCK}?of=visits", "/staff/visits"):
        page = desk.get(path).text
        assert "fewer than 10" in page.lower()
        assert "&lt; 10" in page
        assert (f"{day:%B %Y}" in page) == (path != "/staff/visits")
        assert f"{day.day} {day:%B %Y}" not in page
        assert not re.search(r">3<|>3 visits|: 3<", page)
    partner(house)
    _, email = email_of(house, "ann")
    take(house, row(email), row(email, "A2"))
    feeds = desk.get("/staff/feeds").text
    assert "Fewer than 10 are kept. If the job ran now, it would delete none." in feeds


def test_counting_waits_for_no_writer_and_no_writer_for_it(house: House) -> None:
    """While somebody writes all is counted as it was, and while it is counted somebody writes."""
    gate = house.provider.gate.gate
    person = house.customer()
    keep(house, ("/a", "192.0.2.7", b"one"))
    sources = (value_stock, visit_stock, transaction_stock)
    before = [source(gate) for source in sources]
    with gate.together() as transaction:
        transaction.record(person, "hold", fact="legal-hold")
        assert [source(gate) for source in sources] == before
    with gate.consult() as looking:
        total = stock_of(looking).total
        keep(house, ("/b", "192.0.2.7", b"one"))
        assert stock_of(looking).total == total
    assert visit_stock(gate).total == total + 1


def test_the_desk_sees_charts_of_each_sort_and_nobody_s_value(house: House) -> None:
    """For managers and the privacy desk alone; a sort that is none is not found."""
    house.customer("ann@marked.example")
    keep(house, ("/marked-page", "192.0.2.7", b"one"))
    desk = house.signed_in(house.staff("privacy"), "staff")
    page = desk.get(STOCK).text
    for title in ("By kind of data", "By who told us", "By clause", "By the month in which"):
        assert title in page
    assert "marked" not in page
    visits = desk.get(f"{STOCK}?of=visits").text
    assert 'aria-label="Visits: by clause"' in visits
    assert "marked" not in visits
    assert "Nothing." in desk.get(f"{STOCK}?of=transactions").text
    assert desk.get(f"{STOCK}?of=people").status_code == 404
    other = house.signed_in(house.staff("support", sign_in="sue"), "staff")
    assert other.get(STOCK).status_code == 403


def test_without_the_clause_of_visits_none_are_counted(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """What no clause lets in is nowhere, and what the times of the rest are is told of it alone."""
    house = open_house(without("visits"))
    desk = house.signed_in(house.staff("privacy"), "staff")
    assert visit_stock(house.provider.gate.gate).total == 0
    assert "Nothing." in desk.get(f"{STOCK}?of=visits").text
