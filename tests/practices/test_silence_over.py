"""Once a silence is over while its hold goes on, a customer reads what the hold keeps of theirs."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from starlette.testclient import TestClient

from empty import empty_database
from practices.conftest import House, send
from practices.orders import Desk, approved, demand, desk_of, release, send_notices
from practices.test_holds import apart, run_jobs, write_name
from practices.test_partner_transactions import partner, row, take
from practices.test_visit_pages import record_visits, signed_in_visits, untie_path
from upheld.core.ids import PersonId, UserId
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.set_aside import JobTrial
from upheld.practice import partner_transactions
from upheld.practices.ads import audience
from upheld.practices.collection import retention as visits
from upheld.practices.collection.own_visits import DAYS
from upheld.practices.collection.untying import finish_waiting
from upheld.practices.feeds import feeds, withdrawal
from upheld.practices.legal.demands import PRESERVATION
from upheld.practices.legal.instrument import Instrument
from upheld.practices.legal.notices import KEPT_APART, ROWS_PAGE, VALUES_PAGE

SILENT, YEARS, HELD_FOR = 90, 800, 3650  # days
HEADING = "Kept for a legal hold"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What pages tell is the same on every database."""
    return empty_database(tmp_path)


def order(house: House, desk: Desk, whom: PersonId, *, silent: int, days: int) -> Instrument:
    """An order to preserve somebody's data, of which nobody may speak for some days."""
    now = house.clock.now()
    wanted = demand(
        house,
        whom,
        kind=PRESERVATION,
        recipient="",
        fields=(),
        ends=now + timedelta(days=days),
        silence_end=now + timedelta(days=silent) if silent else None,
    )
    return approved(house, desk, wanted)


def shown(house: House, whom: PersonId) -> str:
    """The page of what is held of somebody, with every value."""
    return house.signed_in(whom).get("/me/privacy?show=all").text


def copied(house: House, whom: PersonId) -> list[str]:
    """The values that a copy of somebody's has as kept for a legal hold."""
    return copied_by(house.signed_in(whom))


def copied_by(browser: TestClient) -> list[str]:
    """The values that a copy has as kept for a legal hold, of whoever is signed in."""
    answer = send(browser, "/me/privacy/export", {})
    with ZipFile(BytesIO(answer.content)) as file:
        everything = json.loads(file.read("everything.json"))
    return [row["value"] for each in everything["on_hold"] for row in each["rows"]]


def drop_name(house: House, whom: PersonId) -> None:
    """Let somebody delete their name."""
    assert house.do(lambda t: t.drop(whom, ["name"])) == ("name",)


def bands_of(house: House, whom: PersonId) -> tuple[object, dict[str, set[str]]]:
    """The bands of what somebody bought, for advertisements, and what is another with it."""
    return house.do(
        lambda t: (
            audience.activity_mark(t, whom, ["transaction"]),
            audience.activities_of(t, [whom], ["transaction"])[whom],
        )
    )


def pass_days(house: House, days: int) -> None:
    """Let days pass."""
    house.clock.moved += timedelta(days=days)
    house.do(lambda t: t.accept_clock(house.clock.now()))


def test_what_was_deleted_under_a_silence_is_told_once_that_is_over_and_goes_with_the_hold(
    house: House,
) -> None:
    """Nothing before; then the page and the copy have it, with why; at its end it is gone."""
    desk, ann = desk_of(house), house.customer()
    write_name(house, ann, "Ann Before")
    drop_name(house, ann)
    write_name(house, ann, "Ann Then")
    its = order(house, desk, ann, silent=SILENT, days=HELD_FOR)
    write_name(house, ann, "Ann Since")
    drop_name(house, ann)
    write_name(house, ann, "Ann Last")
    pass_days(house, SILENT - 1)
    assert HEADING not in shown(house, ann)
    assert copied(house, ann) == []
    pass_days(house, 2)
    page = shown(house, ann)
    assert HEADING in page
    assert "Ann Before" not in page
    for name in ("Ann Then", "Ann Since", "Ann Last"):
        assert page.count(name) == (1 if name != "Ann Last" else page.count(name))
    assert copied(house, ann) == ["Ann Then", "Ann Since"]
    hidden = house.signed_in(ann).get("/me/privacy").text
    assert HEADING in hidden
    assert "Ann Then" not in hidden
    house.do(lambda t: desk.instruments.end(t, its.instrument_id, desk.officer))
    run_jobs(house, 1)
    assert apart(house) == []
    assert HEADING not in shown(house, ann)
    assert copied(house, ann) == []


@pytest.mark.parametrize("first", ["longer", "shorter"])
def test_a_silence_that_goes_on_beside_it_hides_what_rests_on_its_hold_alone(
    house: House, first: str
) -> None:
    """What was set apart before the told hold came is not its own; a later order tells no more."""
    desk, ann = desk_of(house), house.customer()
    orders = {"shorter": SILENT, "longer": HELD_FOR}
    order(house, desk, ann, silent=orders.pop(first), days=HELD_FOR)
    drop_name(house, ann)
    order(house, desk, ann, silent=next(iter(orders.values())), days=HELD_FOR)
    write_name(house, ann, "Ann Since")
    drop_name(house, ann)
    pass_days(house, SILENT + 1)
    before = copied(house, ann)
    assert ("Ann Marked" in before) == (first == "shorter")
    assert "Ann Since" in before
    order(house, desk, ann, silent=0, days=HELD_FOR)
    assert copied(house, ann) == before


@pytest.mark.parametrize("another", [False, True])
def test_what_was_overwritten_before_the_told_hold_began_stays_hidden(
    house: House, *, another: bool
) -> None:
    """An older silent order alone keeps it: the copy is the same whether there is one or not."""
    desk, ann = desk_of(house), house.customer()
    write_name(house, ann, "Ann Before")
    pass_days(house, 1)
    if another:
        order(house, desk, ann, silent=HELD_FOR, days=HELD_FOR)
    for name in ("Ann Then", "Ann Since"):
        pass_days(house, 1)
        write_name(house, ann, name)
        if name == "Ann Then":
            pass_days(house, 1)
            order(house, desk, ann, silent=SILENT, days=HELD_FOR)
    drop_name(house, ann)
    pass_days(house, SILENT + 1)
    assert copied(house, ann) == ["Ann Then", "Ann Since"]


def test_a_known_order_that_names_the_account_later_tells_nothing_of_a_silent_one(
    house: House,
) -> None:
    """It names whoever is kept apart as well, and what was set apart is none of its own."""
    desk, ann = desk_of(house), house.customer()
    order(house, desk, ann, silent=HELD_FOR, days=HELD_FOR)
    drop_name(house, ann)
    order(house, desk, ann, silent=0, days=HELD_FOR)
    pass_days(house, 1)
    assert HEADING not in shown(house, ann)
    assert copied(house, ann) == []


def test_a_certificate_names_what_a_told_hold_keeps_apart(house: House) -> None:
    """With what the hold keeps of the rest; of a silence that goes on it is the same as ever."""
    desk, ann, bo = desk_of(house), house.customer(), house.customer("bo@marked.example")
    for each in (ann, bo):
        order(house, desk, each, silent=SILENT if each == ann else HELD_FOR, days=HELD_FOR)
        drop_name(house, each)
    pass_days(house, SILENT + 1)
    told, silent = (erase(house.provider.gate.gate, [each])[0] for each in (ann, bo))
    assert [each.rows for each in told.kept] == [
        ("transaction", "cookie-id", "page-request", "ip-network", "name")
    ]
    assert silent.kept == ()
    run_jobs(house, 2)
    assert len(apart(house)) == 2


def test_transactions_told_as_gone_stay_so_while_nobody_may_speak_of_a_hold_that_is_over(
    house: House,
) -> None:
    """A known hold beside it tells of none of them until the silence is over, too."""
    desk, ann = desk_of(house), house.customer()
    partner(house)
    take(house, row("ann@marked.example"))
    its = order(house, desk, ann, silent=HELD_FOR, days=HELD_FOR)
    (feed,) = house.do(lambda t: feeds.feeds(t.tables))
    house.do(lambda t: withdrawal.withdraw(t, feed.feed_id, UserId("u1")))
    withdrawal.take_out(house.provider.gate.gate)
    order(house, desk, ann, silent=0, days=2 * HELD_FOR)
    house.do(lambda t: desk.instruments.end(t, its.instrument_id, desk.officer))
    for days, is_told in ((1, False), (HELD_FOR, True)):
        pass_days(house, days)
        partner_transactions.retire(house.provider.gate.gate)
        page = house.signed_in(ann).get("/me/privacy/transactions").text
        assert ("A marked boat" in page) == is_told


@pytest.mark.parametrize("silent", [0, SILENT])
def test_transactions_that_a_hold_alone_keeps_choose_no_advertisement(
    house: House, silent: int
) -> None:
    """From the day on which their feed is taken out, may anybody speak of the hold or not."""
    desk, ann = desk_of(house), house.customer()
    partner(house)
    take(house, row("ann@marked.example", what="A train ticket"))
    order(house, desk, ann, silent=silent, days=HELD_FOR)
    before = bands_of(house, ann)
    assert before[1]["transaction-category"] == {"travel"}
    (feed,) = house.do(lambda t: feeds.feeds(t.tables))
    house.do(lambda t: withdrawal.withdraw(t, feed.feed_id, UserId("u1")))
    withdrawal.take_out(house.provider.gate.gate)
    after = bands_of(house, ann)
    assert after[0] != before[0]
    for days in (1, SILENT):
        assert bands_of(house, ann) == after
        assert after[1]["transaction-category"] == set()
        pass_days(house, days)
        partner_transactions.retire(house.provider.gate.gate)
    assert "A train ticket" in house.signed_in(ann).get("/me/privacy/transactions").text
    assert bands_of(house, ann) == after


@pytest.mark.parametrize(
    ("fields", "kinds", "pages"),
    [
        (("name", "email"), "name", VALUES_PAGE),
        (("email", "transaction"), "transactions", ROWS_PAGE),
        (("page-request",), "the pages you requested", ROWS_PAGE),
        (
            ("name", "email", "page-request", "transaction"),
            "name, the pages you requested and transactions",
            f"{VALUES_PAGE} and {ROWS_PAGE}",
        ),
        (("email",), "", ""),
    ],
)
def test_a_notice_of_a_release_names_what_was_given_though_it_was_told_as_deleted(
    house: House, fields: tuple[str, ...], kinds: str, pages: str
) -> None:
    """Values, visits and transactions, as far as they were given and their silence is over."""
    desk, recorder, whom = desk_of(house), record_visits(house), list[PersonId]()
    partner(house)
    feed = None
    for name in ("ann", "bo"):
        person, browser = signed_in_visits(house, recorder, f"{name}@marked.example")
        whom.append(person)
        feed, _ = take(house, row(f"{name}@marked.example"), digest=name)
        house.do(partial(withdrawal.withdraw, feed_id=feed.feed_id, by=UserId("u1")))
        order(house, desk, person, silent=SILENT if name == "ann" else HELD_FOR, days=HELD_FOR)
        withdrawal.take_out(house.provider.gate.gate)
        drop_name(house, person)
        path = untie_path(browser.get("/me/privacy/visits").text)
        send(browser, path, {}, "/me/privacy/visits")
    end = house.clock.now() + timedelta(days=SILENT)
    wanted = approved(house, desk, demand(house, *whom, fields=fields, silence_end=end))
    assert not isinstance(release(house, desk, wanted), Refused)
    pass_days(house, SILENT + 1)
    assert send_notices(house, desk) == 2
    for name, each in zip(("ann", "bo"), whom, strict=True):
        page = shown(house, each)
        assert "obliged us to give this" in page
        its = KEPT_APART.format(kinds=kinds, pages=pages)
        assert (its in page) == (name == "ann" and bool(kinds))
        assert ("We had told you that" in page) == (name == "ann" and bool(kinds))


def test_a_notice_names_visits_that_time_took_also_when_the_job_has_run_since(
    house: House,
) -> None:
    """Their time was over under the silence, and the job runs once more when that is over."""
    desk, gate = desk_of(house), house.provider.gate.gate
    ann, _ = signed_in_visits(house, record_visits(house), "ann@marked.example")
    order(house, desk, ann, silent=YEARS, days=HELD_FOR)
    pass_days(house, YEARS - 1)
    visits.retire(gate)
    end = house.clock.now() + timedelta(days=1)
    wanted = approved(house, desk, demand(house, ann, fields=("page-request",), silence_end=end))
    assert not isinstance(release(house, desk, wanted), Refused)
    pass_days(house, 2)
    visits.retire(gate)
    assert send_notices(house, desk) == 1
    assert KEPT_APART.format(kinds="the pages you requested", pages=ROWS_PAGE) in shown(house, ann)


def test_a_notice_names_nothing_that_came_in_before_the_period_that_was_demanded(
    house: House,
) -> None:
    """A name and a transaction were told as deleted; the period of the order has neither."""
    desk, ann = desk_of(house), house.customer("ann@marked.example")
    partner(house)
    feed, _ = take(house, row("ann@marked.example"))
    order(house, desk, ann, silent=SILENT, days=HELD_FOR)
    house.do(partial(withdrawal.withdraw, feed_id=feed.feed_id, by=UserId("u1")))
    withdrawal.take_out(house.provider.gate.gate)
    pass_days(house, 2)
    now = house.clock.now()
    later = {"period_start": now - timedelta(days=1), "fields": ("email", "transaction")}
    wanted = demand(house, ann, silence_end=now + timedelta(days=SILENT), **later)
    assert not isinstance(release(house, desk, approved(house, desk, wanted)), Refused)
    pass_days(house, SILENT + 1)
    assert send_notices(house, desk) == 1
    page = shown(house, ann)
    assert "obliged us to give this" in page
    assert "We had told you that" not in page


def test_a_record_that_somebody_wrote_into_the_database_shows_nobody_what_is_kept_of_another(
    house: House,
) -> None:
    """Whom another order keeps apart is not told to whoever's record was put beside theirs."""
    desk, ann, bo = desk_of(house), house.customer(), house.customer("bo@marked.example")
    order(house, desk, bo, silent=HELD_FOR, days=HELD_FOR)
    drop_name(house, bo)
    order(house, desk, ann, silent=0, days=HELD_FOR)
    (other,) = apart(house)
    with writing(house.provider.gate.gate.engine) as connection:
        run(
            connection,
            "INSERT INTO record SELECT ?, record_id, kind, party, dims, valid_from, ends,"
            " withdrawn, by_whom, how, text_digest, body, mac FROM record"
            " WHERE person_id = ? AND kind = 'hold'",
            other,
            ann,
        )
    assert HEADING not in shown(house, ann)


def test_visits_that_were_told_as_gone_are_shown_once_the_silence_is_over(house: House) -> None:
    """Of a browser that was untied under it: not before, and only while the hold goes on."""
    desk = desk_of(house)
    ann, browser = signed_in_visits(house, record_visits(house), "ann@marked.example")
    its = order(house, desk, ann, silent=SILENT, days=HELD_FOR)
    send(browser, untie_path(browser.get("/me/privacy/visits").text), {}, "/me/privacy/visits")
    gate = house.provider.gate.gate
    for days, is_shown in ((SILENT - 1, False), (2, True)):
        pass_days(house, days)
        page = house.signed_in(ann).get("/me/privacy/visits").text
        assert ("/about</strong>" in page) == is_shown
    house.do(lambda t: desk.instruments.end(t, its.instrument_id, desk.officer))
    finish_waiting(gate, JobTrial(gate, "visits"))
    assert "/about</strong>" not in house.signed_in(ann).get("/me/privacy/visits").text


def test_days_of_visits_that_a_silent_order_keeps_of_another_are_no_earlier_days(
    house: House,
) -> None:
    """Whoever is under a hold that may be told is led to no day of which nothing is theirs."""
    desk, recorder = desk_of(house), record_visits(house)
    ann, _ = signed_in_visits(house, recorder, "ann@marked.example")
    bo, browser = signed_in_visits(house, recorder, "bo@marked.example")
    order(house, desk, bo, silent=HELD_FOR, days=HELD_FOR)
    for _ in range(9):
        pass_days(house, 1)
        browser.get("/about")
        recorder.keep()
    pass_days(house, YEARS)
    visits.retire(house.provider.gate.gate)
    order(house, desk, ann, silent=0, days=HELD_FOR)
    with reading(house.provider.gate.gate.engine) as connection:
        assert len({day for (day,) in rows(connection, "SELECT day FROM visit_block")}) > DAYS
    assert "?before=" not in house.signed_in(ann).get("/me/privacy/visits").text
