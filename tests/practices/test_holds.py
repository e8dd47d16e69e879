"""What a hold preserves, no job, drop or erasure of any practice takes away, silent or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from empty import empty_database
from practices import orders
from practices.conftest import House, send
from practices.orders import Desk, account_of, approved, demand, desk_of, texts
from practices.routes import MARKS, THINGS, World
from practices.test_collection import visits
from practices.test_partner_transactions import partner, row, take
from practices.test_silence import desk_at
from practices.test_visit_pages import record_visits, signed_in_visits, untie_path
from upheld.core.ids import PersonId, UserId
from upheld.database.engines import open_database
from upheld.database.schema import declared_tables
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.retention import retire
from upheld.gate.operations.backup import backup
from upheld.gate.operations.restore import RestoreOptions, restore
from upheld.gate.set_aside import JobTrial
from upheld.practice import partner_transactions
from upheld.practices.collection.ties import cookies_of, tie, ties_of
from upheld.practices.collection.untying import finish_waiting, prepare, untie
from upheld.practices.feeds import feeds, withdrawal
from upheld.practices.feeds.public_lines import intake_lines
from upheld.practices.feeds.stock import transaction_stock
from upheld.practices.legal.demands import PRESERVATION, LegalError
from upheld.practices.legal.instrument import Instrument
from upheld.vault import people
from upheld.vault.keyring import KeyFile
from upheld.web import sessions

WITHOUT = {  # tables that stay at an erasure or have something sealed, which no hold keeps
    "account": "state; the number by which an order names them stands with the order",
    "ad_hide": "what they chose not to see",
    "authenticator": "opens their account, which is gone",
    "billed": "state; what was charged is in their values",
    "billed_until": "state",
    "debt": "state; what is owed is in their values",
    "delivery_item": "names for a company; what it was given is in the ledger",
    "invoice": "state; what was charged is in their values",
    "page_look": "what their visits say, which are kept themselves",
    "payment_intent": "state of a payment; what was paid is in their values",
    "purchase_request": "a question to their guardian, which lapses in days",
    "rights_request": "state",
    "takeover_account": "names for a successor",
    "takeover_proof": "what travels to a successor with them",
    "task": "state of our work on them",
    "termination": "what we wrote of a decision of our own",
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: the gate decides what goes from either."""
    return empty_database(tmp_path)


def rows_of(house: House, *whose: PersonId) -> dict[str, int]:
    """How many rows each table has of some people together."""
    counts = {}
    with reading(house.provider.gate.gate.engine) as connection:
        for name, table in declared_tables().tables.items():
            first = next(iter(table.primary_key.columns)).name
            first = "person_id" if "apart" in table.info else first
            if first not in {"person_id", "subject"}:
                continue
            places = ", ".join("?" * len(whose))
            statement = f"SELECT COUNT(*) FROM {name} WHERE {first} IN ({places})"
            ((count,),) = rows(connection, statement, *whose)
            counts[name] = count
    return counts


def apart(house: House) -> list[PersonId]:
    """Everybody who is there for what is kept apart."""
    with reading(house.provider.gate.gate.engine) as connection:
        statement = "SELECT person_id FROM person WHERE state = ? ORDER BY person_id"
        return [PersonId(each) for (each,) in rows(connection, statement, people.HELD)]


def run_jobs(house: House, times: int = 6) -> None:
    """Three years of every practice's jobs, or another time, half a year after half a year."""
    gate = house.provider.gate.gate
    for _ in range(times):
        house.clock.moved += timedelta(days=180)
        house.do(lambda t: t.accept_clock(house.clock.now()))
        for job in house.provider.jobs:
            job.run(gate)
        retire(gate)


NAMES = ("Ann Before", "Ann Then", "Ann Since", "Ann Last")


def write_name(house: House, person: PersonId, name: str) -> None:
    """Let somebody overwrite their name, as by a correction."""
    outcome = house.do(
        lambda t: t.store(person, {"name": name}, source="customer", occasion="service-use")
    )
    assert not isinstance(outcome, Refused)


def values_of(house: House, field: str) -> list[PersonId]:
    """Whose the rows of a field are, those of former values too."""
    with reading(house.provider.gate.gate.engine) as connection:
        statement = "SELECT person_id FROM value WHERE field = ? ORDER BY person_id, revision"
        return [PersonId(each) for (each,) in rows(connection, statement, field)]


def preserved(
    house: House, desk: Desk, person: PersonId, *, silent: bool, fields: tuple[str, ...] = ()
) -> Instrument:
    """An order to preserve somebody's data of all kinds, or some, silent or not, for ten years."""
    end = house.clock.now() + timedelta(days=3650)
    order = demand(house, person, kind=PRESERVATION, recipient="", fields=fields, ends=end)
    return approved(house, desk, order._replace(silence_end=end if silent else None))


def test_each_table_says_whether_a_hold_keeps_it() -> None:
    """What stays at an erasure, or is sealed in a practice's own table, is kept or has a reason."""
    undecided = {
        name
        for name, table in declared_tables().tables.items()
        if next(iter(table.primary_key.columns)).name == "person_id"
        and not table.info.get("house")
        and "apart" not in table.info
        and (table.info.get("stays") or {"sealed", "secret"} & {*table.columns.keys()})
    }
    assert undecided == {*WITHOUT}
    for table in declared_tables().tables.values():
        if "apart" in table.info and (sealed := {"sealed", "cookie"} & {*table.columns.keys()}):
            assert all("sealed_for" in table.columns[each].info for each in sealed), table.name


def test_nothing_takes_away_what_a_hold_preserves(house: House) -> None:
    """Neither three years of every practice's jobs, nor drops, nor an erasure; its end does."""
    world, gate = World(house), house.provider.gate.gate
    for name in ("task", "message", "record", "request", "link", "purchase"):
        THINGS[name](world)
    ann, bo = world.ann, PersonId(world.visitors["bo"][1])
    hold = house.do(lambda t: t.record(ann, "hold", fact="legal-hold"))
    for each in (ann, bo):
        send(house.signed_in(each), "/me/close", {"sure": "yes"})
    before, fields = rows_of(house, ann), house.do(lambda t: t.held_fields(ann))
    others = rows_of(house, bo)
    assert {"name", "messages", "transaction", "services"} <= fields.keys()
    run_jobs(house)
    assert rows_of(house, bo)["value"] < others["value"]
    assert house.do(lambda t: t.drop(ann, [*fields])) == ()
    after = rows_of(house, ann)
    assert {name for name, count in before.items() if after[name] < count} == set()
    erase(gate, [ann])
    assert house.do(lambda t: t.held_fields(ann)) == fields
    assert rows_of(house, ann)["value"] == after["value"]
    house.do(lambda t: t.withdraw(ann, hold, ended=True))
    retire(gate)
    assert rows_of(house, ann)["value"] < after["value"]


class Held:
    """A customer under an order to preserve, with something in each table that it keeps."""

    def __init__(
        self,
        house: House,
        *,
        silent: bool,
        empty: bool = False,
        fields: tuple[str, ...] = (),
    ) -> None:
        """With `empty` they deleted every value before the order came in, which names `fields`."""
        self.house, self.gate = house, house.provider.gate.gate
        self.ann, self.browser = signed_in_visits(house, record_visits(house), "ann@marked.example")
        partner(house)
        take(house, row("ann@marked.example"))
        self.desk = desk_of(house)
        if empty:
            self.house.do(lambda t: t.drop(self.ann, [*t.held_fields(self.ann)]))
        self.order = preserved(house, self.desk, self.ann, silent=silent, fields=fields)
        self.account = account_of(house, self.ann)
        self.pages = sorted(each.route for each in visits(house) if each.token)
        assert self.pages

    def counts(self) -> dict[str, int]:
        """The rows that the hold keeps, of the customer and of whom it keeps apart, by table."""
        counts = rows_of(self.house, self.ann, *apart(self.house))
        kept = {n for n, table in declared_tables().tables.items() if "apart" in table.info}
        return {name: count for name, count in counts.items() if name in {*kept, "value"}}

    def release(self, *fields: str) -> dict[str, str]:
        """What a court gets that demands some fields of the account now."""
        order = demand(self.house, fields=fields)._replace(accounts=(self.account,))
        return texts(orders.release(self.house, self.desk, approved(self.house, self.desk, order)))


@pytest.mark.parametrize("silent", [False, True])
def test_a_hold_keeps_its_reach_through_erasure_and_retention(house: House, silent: bool) -> None:
    """Values, visits and purchases are there after years, and a later order gets them."""
    held = Held(house, silent=silent)
    before = held.counts()
    assert min(before.values()) > 0, before
    erase(held.gate, [held.ann])
    run_jobs(house)
    assert held.counts() == before
    assert sorted(each.route for each in visits(house)) == held.pages
    files = held.release("name", "page-request", "transaction")
    text = "\n".join(files.values())
    for mark in ("Ann Marked", "A marked boat", *held.pages):
        assert mark in text
    assert "email" not in text


@pytest.mark.parametrize("silent", [False, True])
def test_when_a_hold_ends_what_waited_is_done(house: House, silent: bool) -> None:
    """The desk ends it: nothing of the person is left in any table, and no visit of theirs."""
    held = Held(house, silent=silent)
    erase(held.gate, [held.ann])
    whose = [held.ann, *apart(house)]
    which = held.order.instrument_id
    house.do(lambda t: held.desk.instruments.end(t, which, held.desk.officer))
    for job in house.provider.jobs:
        job.run(held.gate)
    retire(held.gate)
    assert {name: count for name, count in rows_of(house, *whose).items() if count} == {}
    assert not any(each.token for each in visits(house))
    with pytest.raises(LegalError, match="nobody's"):
        held.release("name")


def test_of_who_owes_and_is_under_a_silent_hold_both_are_kept(house: House) -> None:
    """What the bookkeeping keeps openly stays theirs; the rest, and the visits, are set apart."""
    world = World(house)
    ann, desk = world.ann, desk_at(world)
    partner(house)
    take(house, row(MARKS[1]))
    order = preserved(house, desk, ann, silent=True)
    fields = house.do(lambda t: t.held_fields(ann))
    erase(house.provider.gate.gate, [ann])
    (other,) = apart(house)
    openly = house.do(lambda t: t.held_fields(ann))
    both = {**openly, **house.do(lambda t: t.reaching_apart().held_fields(other))}
    assert both == fields
    assert 0 < len(openly) < len(fields)
    assert rows_of(house, ann)["partner_transaction"] == 0
    assert rows_of(house, other)["partner_transaction"] == 1
    named = house.do(lambda t: desk.instruments.people(t.tables, order.instrument_id))
    assert [each.person_id for each in named] == [other]


def test_what_somebody_under_a_silent_hold_deletes_is_released_with_the_rest(house: House) -> None:
    """The desk has the account once, gets what was deleted and what was not, and ends both."""
    held = Held(house, silent=True)
    house.do(lambda t: t.drop(held.ann, ["name"]))
    page = house.signed_in(held.desk.officer, "staff").get(
        f"/staff/legal/{held.order.instrument_id}"
    )
    assert "no longer here" not in page.text
    text = "\n".join(held.release("name", "email").values())
    assert "Ann Marked" in text
    assert "ann@marked.example" in text
    which = held.order.instrument_id
    house.do(lambda t: held.desk.instruments.end(t, which, held.desk.officer))
    retire(held.gate)
    assert apart(house) == []
    assert "name" not in house.do(lambda t: t.held_fields(held.ann))


@pytest.mark.parametrize("way", ["stays", "drop", "erase"])
@pytest.mark.parametrize("silent", [False, True])
def test_what_is_corrected_under_a_hold_is_released_as_it_stood(
    house: House, silent: bool, way: str
) -> None:
    """A name that is overwritten is preserved with the one before it, and when each came in."""
    ann, desk = house.customer(), desk_of(house)
    account = account_of(house, ann)
    write_name(house, ann, "Ann Before")
    write_name(house, ann, "Ann Then")
    order = preserved(house, desk, ann, silent=silent)
    write_name(house, ann, "Ann Since")
    write_name(house, ann, "Ann Last")
    if way == "drop":
        house.do(lambda t: t.drop(ann, ["name"]))
    elif way == "erase":
        erase(house.provider.gate.gate, [ann])
        run_jobs(house, times=2)
    demanded = demand(house, fields=("name",))._replace(accounts=(account,))
    released = approved(house, desk, demanded)
    text = "\n".join(texts(orders.release(house, desk, released)).values())
    assert [each for each in NAMES if each in text] == ["Ann Then", "Ann Since", "Ann Last"]
    assert text.index("Ann Then") < text.index("Ann Since") < text.index("Ann Last")
    assert text.count("  since ") == len(NAMES) - 1
    house.do(lambda t: desk.instruments.end(t, order.instrument_id, desk.officer))
    retire(house.provider.gate.gate)
    is_gone = way == "erase" or (silent and way == "drop")
    assert values_of(house, "name") == ([] if is_gone else [ann] * (1 + len(NAMES)))


def test_what_the_bookkeeping_keeps_is_kept_apart_with_what_stood_before_it(house: House) -> None:
    """The name on their invoices stays theirs; the silent order keeps both."""
    world = World(house)
    ann, desk = world.ann, desk_at(world)
    preserved(house, desk, ann, silent=True)
    account = account_of(house, ann)
    write_name(house, ann, "Ann Since")
    erase(house.provider.gate.gate, [ann])
    (other,) = apart(house)
    whose = values_of(house, "name")
    assert (whose.count(ann), whose.count(other)) == (1, 2)
    order = demand(house, fields=("name",))._replace(accounts=(account,))
    text = "\n".join(texts(orders.release(house, desk, approved(house, desk, order))).values())
    assert text.count("Ann Since") == 1
    assert text.count(MARKS[0]) == 1


def test_a_release_has_what_stood_there_in_its_period_alone(house: House) -> None:
    """A name that was overwritten before the period that a court demands is not released."""
    ann, desk = house.customer(), desk_of(house)
    write_name(house, ann, "Ann Then")
    preserved(house, desk, ann, silent=False)
    house.clock.moved += timedelta(days=10)
    write_name(house, ann, "Ann Since")
    house.clock.moved += timedelta(days=10)
    start = house.clock.now()
    house.clock.moved += timedelta(days=10)
    write_name(house, ann, "Ann Last")
    order = demand(house, ann, fields=("name",), period_start=start)
    text = "\n".join(texts(orders.release(house, desk, approved(house, desk, order))).values())
    assert [each for each in NAMES if each in text] == ["Ann Since", "Ann Last"]


def test_a_browser_that_was_untied_under_a_silent_hold_is_forgotten_at_its_end(
    house: House,
) -> None:
    """Its visits are released while the hold lasts, and go with it; those of others stay."""
    held = Held(house, silent=True)
    bo = signed_in_visits(house, record_visits(house), "bo@marked.example")[0]
    before = len(visits(house))
    path = untie_path(held.browser.get("/me/privacy/visits").text)
    send(held.browser, path, {}, "/me/privacy/visits")
    assert set(held.pages) <= set("\n".join(held.release("page-request").values()).split())
    finish_waiting(held.gate, JobTrial(held.gate, "visits"))
    assert len(visits(house)) == before
    which = held.order.instrument_id
    house.do(lambda t: held.desk.instruments.end(t, which, held.desk.officer))
    assert finish_waiting(held.gate, JobTrial(held.gate, "visits")) == 1
    assert finish_waiting(held.gate, JobTrial(held.gate, "visits")) == 0
    assert len(visits(house)) == before - len(held.pages)
    assert house.do(lambda t: cookies_of(t, [held.ann])) == {}
    assert len(house.do(lambda t: cookies_of(t, [bo]))) == 1


def test_the_count_of_a_day_tells_nothing_of_visits_that_a_silent_hold_keeps(house: House) -> None:
    """Of who was erased under one nothing is counted, nor that anything was left out."""
    held = Held(house, silent=True)
    erase(held.gate, [held.ann])
    manager = house.signed_in(house.staff("manager"), "staff")
    day = house.clock.today().isoformat()
    text = manager.get(f"/staff/visits/day?on={day}").text
    assert not [page for page in held.pages if f">{page}<" in text]
    assert "left out." in text  # and not how many


@contextmanager
def erased_and_restored(house: House, held: Held, tmp_path: Path) -> Iterator[Connection]:
    """What a backup from before somebody was erased gives back, in a database of its own."""
    ring, master = held.gate.context.keyring, KeyFile(tmp_path / "master")
    keys = tmp_path / "escrow"
    made = backup(held.gate, tmp_path / "one.backup", keys=keys, days=30)
    erase(held.gate, [held.ann])
    url = f"sqlite:///{tmp_path}/restored.db"
    report = restore(made.path, url, house.policy, ring, master, RestoreOptions(keys=keys))
    assert (report.erased, report.problems) == (1, ())
    engine = open_database(url)
    with reading(engine) as connection:
        yield connection
    engine.dispose()


def test_the_tie_of_who_is_erased_again_after_a_restore_goes_along(
    house: House, tmp_path: Path
) -> None:
    """What a backup from before gives back is set apart once more, with whose visits they are."""
    held = Held(house, silent=True)
    before = held.counts()
    with erased_and_restored(house, held, tmp_path) as connection:
        statement = "SELECT person_id FROM person WHERE state = ?"
        ((other,),) = rows(connection, statement, people.HELD)
        for name in ("visit_tie", "partner_transaction", "legal_reach"):
            ((count,),) = rows(
                connection, f"SELECT COUNT(*) FROM {name} WHERE person_id = ?", other
            )
            assert count == before[name], name


@pytest.mark.parametrize("silent", [False, True])
def test_whoever_asked_for_erasure_writes_on_only_where_a_hold_may_be_told(
    house: House, silent: bool
) -> None:
    """While it may not, what they write is refused as if there were none; no entry tells of it."""
    held = Held(house, silent=silent)
    house.do(lambda t: t.record(held.ann, "request", fact="erasure-requested", by_whom="customer"))
    outcome = house.do(
        lambda t: t.store(
            held.ann, {"occupation": "gardener"}, source="customer", occasion="service-use"
        )
    )
    assert isinstance(outcome, Refused) == silent
    kept = house.do(lambda t: t.drop(held.ann, ["email"]))
    assert kept == (("email",) if silent else ())
    entry = house.provider.gate.gate.entries(held.ann)[-1].entry
    assert held.order.instrument_id not in str(entry)


@pytest.mark.parametrize("erased", [False, True])
@pytest.mark.parametrize("silent", [False, True])
def test_a_feed_that_is_withdrawn_leaves_what_a_hold_keeps_until_its_end(
    house: House, silent: bool, erased: bool
) -> None:
    """It is told as gone where nobody may speak of the hold, and as staying where they may."""
    held = Held(house, silent=silent)
    before = held.counts()
    if erased:
        erase(held.gate, [held.ann])
    entries = {each: len(held.gate.entries(each)) for each in apart(house)}
    (its,) = house.do(lambda t: feeds.feeds(t.tables))
    house.do(lambda t: withdrawal.withdraw(t, its.feed_id, UserId("u1")))
    gone = withdrawal.take_out(held.gate)
    after = house.do(lambda t: feeds.require(t.tables, its.feed_id))
    assert after.state == "withdrawn"
    assert (gone, after.remain) == ((0 if erased else 1, 0) if silent else (0, 1))
    assert {each: len(held.gate.entries(each)) for each in apart(house)} == entries
    assert transaction_stock(held.gate).total == (0 if silent else 1)
    if not erased:
        page = held.browser.get("/me/privacy/transactions").text
        assert ("A marked boat" in page) != silent
    run_jobs(house, 1)
    assert held.counts() == before
    assert "A marked boat" in "\n".join(held.release("transaction").values())
    if not erased:
        _, reasons = take(house, row("ann@marked.example"), digest="d2")
        assert reasons == {}
    which = held.order.instrument_id
    house.do(lambda t: held.desk.instruments.end(t, which, held.desk.officer))
    retire(held.gate)
    partner_transactions.retire(held.gate)
    left = rows_of(house, held.ann, *apart(house))["partner_transaction"]
    assert left == (0 if erased else 1)


def test_since_when_a_company_tells_us_says_nothing_of_what_is_kept_apart(house: House) -> None:
    """The public page has no line of it, and begins with what was told of others."""
    held = Held(house, silent=True)
    assert len(house.do(intake_lines)) == 1
    erase(held.gate, [held.ann])
    assert house.do(intake_lines) == []


def test_what_a_silent_hold_keeps_is_taken_in_again_of_who_signs_up_again(house: House) -> None:
    """As if it had gone; both rows are there, each of its own person."""
    held = Held(house, silent=True)
    erase(held.gate, [held.ann])
    again = house.customer("ann@marked.example")
    _, reasons = take(house, row("ann@marked.example"), digest="d2")
    assert reasons == {}
    assert "A marked boat" in house.signed_in(again).get("/me/privacy/transactions").text
    assert rows_of(house, *apart(house))["partner_transaction"] == 1
    assert "A marked boat" in "\n".join(held.release("transaction").values())


def test_who_signs_up_again_reads_nothing_of_the_tie_that_a_silent_hold_keeps(house: House) -> None:
    """Neither the page nor the entry of untying says that the browser was another's, too."""
    held = Held(house, silent=True)
    erase(held.gate, [held.ann])
    again = house.customer("ann@marked.example")
    (other,) = apart(house)
    (cookie,) = house.do(lambda t: cookies_of(t, [other]))
    raw = house.do(lambda t: sessions.begin(t.tables, "customer", again, house.clock.now()))
    assert house.do(lambda t: tie(t, raw, cookie))
    (its,) = house.do(lambda t: ties_of(t, again))
    assert not its.shared
    untying = house.do(lambda t: prepare(t, again, its.mark))
    assert untie(held.gate, untying)
    entry = held.gate.entries(again)[-1].entry
    assert entry.data == ("cookie-id", "page-request")
    assert sorted(each.route for each in visits(house) if each.token) == held.pages
