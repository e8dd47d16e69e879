"""What customers bought from partners: matched, kept once, shown, and deleted in time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

import upheld
from practices.conftest import START, House
from practices.test_feeds import email_of, lines_of
from practices.test_partner_pulls import Program
from practices.without import without
from upheld.core.errors import UpheldError
from upheld.core.ids import FeedId, UserId
from upheld.gate.erasure.erase import erase
from upheld.practice import parties, partner_transactions
from upheld.practice.tables import partner_transaction
from upheld.practices.accounts import domain
from upheld.practices.accounts.tables import account
from upheld.practices.agreements import clients
from upheld.practices.feeds import feeds, sales, withdrawal
from upheld.practices.feeds.feeds import Feed

HERE = "/me/privacy/transactions"


def row(email: str, reference: str = "A1", **more: str) -> dict[str, str]:
    """A row of a partner's."""
    words = {"reference": reference, "date": "2026-03-02", "amount": "12.5", "currency": "USD"}
    return {**words, "what": "A marked boat", "email": email, **more}


def partner(house: House) -> str:
    """A business partner of the register."""
    return house.do(lambda t: parties.add(t, "Spruce Point", "business-partner")).party


def take(house: House, *rows: dict[str, str], digest: str = "d1") -> tuple[Feed, dict[int, str]]:
    """Take a file in; its feed, and why which row was left out."""
    gate = house.provider.gate.gate
    its = house.do(
        lambda t: feeds.start(t, "spruce-point", digest, UserId("u1"), sales.TRANSACTIONS)
    )
    reasons = {
        e.number: e.reason
        for e in sales.take_transactions(gate, its, sales.read_lines(lines_of(*rows)))
    }
    return its, reasons


def stored(house: House) -> list[Any]:
    """The rows that are kept."""
    return house.do(lambda t: t.tables.select(partner_transaction))


def test_a_row_is_kept_for_its_customer_who_sees_it_and_no_bill_counts_it(house: House) -> None:
    """With an entry by the clause and the company's name; whoever is nobody is dropped."""
    partner(house)
    ann, email = email_of(house, "ann")
    rows = (row(email.upper()), row("no@x.example"), row(email, "A2", amount="1e3"), row(email))
    _, reasons = take(house, *rows)
    assert reasons == {3: "unmatched", 4: "unreadable", 5: "nothing_new"}
    browser = house.signed_in(ann)
    page = browser.get(HERE).text
    assert "A marked boat" in page
    assert "12.50 USD" in page
    assert "Spruce Point" in page
    entries = [each.entry for each in house.provider.gate.gate.entries(ann)]
    (entry,) = [each for each in entries if each.action == "collect" and each.source != "customer"]
    assert (entry.source, entry.clauses) == ("business-partner spruce-point", ("transactions",))
    assert "record" in entry.duties
    assert "12.50" not in browser.get("/me/billing").text
    other, _ = email_of(house, "bo")
    assert "marked boat" not in house.signed_in(other).get(HERE).text


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": "12,50"},
        {"amount": "\u0661"},
        {"date": "2026-02-30"},
        {"date": "2026-03-12"},
        {"currency": "usd"},
        {"what": "x\x00"},
        {"what": "x" * 201},
        {"reference": " \n"},
        {"email": "nobody"},
    ],
)
def test_a_value_that_its_word_cannot_have_is_not_read(house: House, wrong: dict[str, str]) -> None:
    """Nothing of the row is written."""
    party = partner(house)
    _, email = email_of(house, "ann")
    values = {**row(email), **wrong}
    reason = house.do(lambda t: partner_transactions.take(t, party, [values])[0])
    assert (reason, stored(house)) == ("unreadable", [])


def test_without_the_clause_or_the_register_nothing_is_stored(
    open_house: Callable[[upheld.Policy], House], sample: upheld.Policy
) -> None:
    """Nor of a row that is older than we may keep."""
    house = open_house(sample)
    party = partner(house)
    _, email = email_of(house, "ann")
    assert take(house, row(email, date="2024-03-10"))[1] == {2: "refused"}
    severed = open_house(without("transactions"))
    assert take(severed, row(email), digest="d2")[1] == {2: "refused"}
    house = open_house(sample)
    house.do(lambda t: parties.end(t, party))
    reason = house.do(lambda t: partner_transactions.take(t, party, [row(email)])[0])
    assert (reason, stored(house)) == ("refused", [])


def test_a_file_goes_on_where_it_stopped_and_gives_nothing_twice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read again, in another file, or by twenty at once, a reference is kept once."""
    monkeypatch.setattr(sales, "LOT", 50)
    party = partner(house)
    _, email = email_of(house, "ann")
    rows = [row(email, f"A{n}") for n in range(60)]

    def broken() -> Any:
        yield from lines_of(*rows)[:55]
        raise OSError("the file ends in the middle")

    its = house.do(lambda t: feeds.start(t, party, "d1", UserId("u1"), sales.TRANSACTIONS))
    with pytest.raises(OSError, match="middle"):
        list(sales.take_transactions(house.provider.gate.gate, its, sales.read_lines(broken())))
    assert len(stored(house)) == 50
    assert take(house, *rows)[1] == {}
    assert len(stored(house)) == 60
    assert set(take(house, *rows, digest="d2")[1].values()) == {"nothing_new"}

    def once(_: int) -> str:
        return house.do(lambda t: partner_transactions.take(t, party, [row(email, "B1")])[0])

    with ThreadPoolExecutor(20) as pool:
        reasons = list(pool.map(once, range(20)))
    assert sorted(reasons) == ["", *["nothing_new"] * 19]


def test_a_reference_that_is_told_of_two_customers_is_a_row_of_each(house: House) -> None:
    """Once of each, whatever else it says the second time, in one file, another or by twenty."""
    party = partner(house)
    people, emails = zip(*(email_of(house, name) for name in ("ann", "bo")), strict=True)
    rows = [row(email, what=what) for what in ("First", "Second") for email in emails]
    assert take(house, *rows)[1] == {4: "nothing_new", 5: "nothing_new"}
    assert set(take(house, *rows, digest="d2")[1].values()) == {"nothing_new"}

    def once(number: int) -> str:
        mine = row(emails[number % 2], "B1", what=f"Body {number}")
        return house.do(lambda t: partner_transactions.take(t, party, [mine])[0])

    with ThreadPoolExecutor(20) as pool:
        reasons = list(pool.map(once, range(20)))
    assert sorted(reasons) == ["", "", *["nothing_new"] * 18]
    its = stored(house)
    assert sorted(each.person_id for each in its) == sorted(people * 2)
    assert len({each.mark for each in its}) == 4


def test_a_feed_that_is_taken_out_by_lots_says_so_once_to_each_customer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows it told of them, and whichever other feed tells of them, too."""
    monkeypatch.setattr(withdrawal, "BATCH", 2)
    partner(house)
    people, emails = zip(*(email_of(house, name) for name in ("ann", "bo", "cy")), strict=True)
    its, _ = take(house, *(row(email, f"A{n}") for n in range(3) for email in emails))
    take(house, row(emails[0], "B1"), digest="d2")
    house.do(lambda t: withdrawal.withdraw(t, FeedId(its.feed_id), UserId("u1")))
    gate = house.provider.gate.gate
    assert withdrawal.take_out(gate) == 9
    assert [each.person_id for each in stored(house)] == [people[0]]
    for each in people:
        kinds = [its.entry.kind for its in gate.entries(each)]
        assert kinds.count(feeds.WITHDREW) == 1


def test_it_goes_in_time_at_an_erasure_and_with_its_feed(house: House) -> None:
    """Two years after we were told; of one person alone; of one file alone; and never on hold."""
    partner(house)
    ann, email = email_of(house, "ann")
    bo, other = email_of(house, "bo")
    gate = house.provider.gate.gate
    its, _ = take(house, row(email), row(other, "A2"))
    take(house, row(other, "A3"), digest="d2")
    house.do(lambda t: withdrawal.withdraw(t, FeedId(its.feed_id), UserId("u1")))
    assert withdrawal.take_out(gate) == 2
    assert len(stored(house)) == 1
    take(house, row(email), digest="d3")
    erase(gate, [ann])
    assert [each.person_id for each in stored(house)] == [bo]
    hold = gate.record(bo, "hold", fact="legal-hold")
    house.clock.moved += START.replace(year=2028) - START
    assert partner_transactions.retire(gate) == 0
    gate.withdraw(bo, hold, ended=True)
    house.clock.moved += timedelta(days=1)
    assert partner_transactions.retire(gate) == 1
    assert stored(house) == []


def test_it_is_there_on_its_last_day(house: House) -> None:
    """A day before its time is over nothing goes."""
    partner(house)
    take(house, row(email_of(house, "ann")[1]))
    gate = house.provider.gate.gate
    house.clock.moved += START.replace(year=2028) - START - timedelta(days=1)
    assert partner_transactions.retire(gate) == 0
    house.clock.moved += timedelta(days=1)
    assert partner_transactions.retire(gate) == 1


def test_a_program_tells_us_and_never_learns_who_is_a_customer(house: House) -> None:
    """It is told what cannot be read; nothing without a token, the register, or rows."""
    party = partner(house)
    program = Program(house, party, house.staff("manager", sign_in="mo"))
    _, email = email_of(house, "ann")
    rows = [row(email), row("no@x.example", "A2"), row(email, "A3", currency="$")]
    status, answer = program.ask("/transactions", {"rows": json.dumps(rows)})
    assert (status, answer["received"]) == (200, 3)
    (wrong,) = answer["unreadable"]
    assert (wrong["row"], "currency" in wrong["why"]) == (3, True)
    assert program.ask("/transactions", {"rows": json.dumps(rows)}) == (status, answer)
    assert len(stored(house)) == 1
    for text in ("", "[]", "{}", '[{"a": 1}]', "[" * 5_000, json.dumps([row("x")] * 51)):
        assert program.ask("/transactions", {"rows": text})[0] == 422
    assert program.ask("/transactions", {"rows": "[{}]"}, authorization="Bearer x")[0] == 401
    house.do(lambda t: parties.end(t, party))
    assert program.ask("/transactions", {"rows": json.dumps(rows)})[0] == 403


def test_what_a_stolen_access_told_is_marked_and_nothing_rests_on_it(house: House) -> None:
    """What the company's other program and its file told is not; a new token is refused."""
    party, boss = partner(house), house.staff("manager", sign_in="mo")
    thief, other = (Program(house, party, boss) for _ in range(2))
    ann, email = email_of(house, "ann")
    for program, reference in ((thief, "T1"), (other, "O1")):
        rows = json.dumps([row(email, reference, what=f"By {reference}")])
        assert program.ask("/transactions", {"rows": rows})[0] == 200
    take(house, row(email, "F1", what="By F1"))
    since = (START - timedelta(days=400)).date()
    mark = house.do(lambda t: partner_transactions.mark_of(t, ann))
    house.do(lambda t: clients.revoke(t, thief.client_id, by=boss))
    assert "stolen" not in house.signed_in(ann).get(HERE).text
    assert house.do(lambda t: partner_transactions.mark_of(t, ann)) == mark
    house.do(lambda t: clients.revoke(t, thief.client_id, by=boss, stolen=True))
    page = house.signed_in(ann).get(HERE).text
    assert re.findall(
        r"By (T1|O1|F1)( <span[^>]*>The access by which [^<]* was stolen)?", page
    ) == [
        ("T1", page[page.index("By T1") + 5 : page.index(" was stolen") + len(" was stolen")]),
        ("O1", ""),
        ("F1", ""),
    ]
    texts = house.do(lambda t: partner_transactions.texts_since(t, ann, since))
    assert sorted(texts) == ["By F1", "By O1"]
    assert house.do(lambda t: partner_transactions.mark_of(t, ann)) != mark
    lines = [line for _, line in house.do(lambda t: partner_transactions.rows_of(t, ann))]
    assert ["was stolen" in each for each in sorted(lines)] == [False, False, True]
    assert thief.ask("/transactions", {"rows": json.dumps([row(email, "T2")])})[0] == 401
    assert thief.get_token() == ""
    for stolen in (False, True):
        with pytest.raises(UpheldError, match="revoked already"):
            house.do(partial(clients.revoke, client_id=thief.client_id, by=boss, stolen=stolen))


def test_of_what_an_earlier_upheld_had_from_a_program_any_of_its_company_may_be_stolen(
    house: House,
) -> None:
    """It did not keep by which one a row came; another company's rows are not marked."""
    boss = house.staff("manager", sign_in="mo")
    thief = Program(house, partner(house), boss)
    ann, email = email_of(house, "ann")
    other = house.do(lambda t: parties.add(t, "Elm Hall", "business-partner")).party
    house.do(lambda t: partner_transactions.take(t, "spruce-point", [row(email, what="By us")]))
    house.do(lambda t: partner_transactions.take(t, other, [row(email, what="By Elm")]))
    house.do(lambda t: clients.revoke(t, thief.client_id, by=boss, stolen=True))
    rows = house.do(lambda t: partner_transactions.of_person(t, ann))
    assert {each.row.what: each.stolen for each in rows} == {"By us": True, "By Elm": False}


def test_nothing_of_a_row_is_readable_where_the_database_lies(house: House) -> None:
    """Neither what it was nor the partner's reference stands in a column."""
    partner(house)
    take(house, row(email_of(house, "ann")[1], "marked-reference"))
    for each in stored(house):
        text = repr(tuple(each)).encode()
        assert b"marked" not in text
        assert b"boat" not in text


def test_a_wrong_company_begins_no_file(house: House) -> None:
    """Whoever is no business partner has none."""
    with pytest.raises(UpheldError) as caught:
        take(house)
    assert caught.value.code == "feed-party"


def test_anybody_reads_which_company_tells_us_and_since_when(house: House) -> None:
    """With how long it is kept by the policy in force; of nobody's purchase a word."""
    partner(house)
    take(house, row(email_of(house, "ann")[1]))
    page = house.browser().get("/about").text
    assert re.search(r"Spruce Point</th>.*?24 months.*?11 March 2026", page, re.DOTALL)
    assert "boat" not in page


def test_a_row_is_of_nobody_by_an_address_or_a_number_that_nobody_confirmed(house: House) -> None:
    """Neither of who signs up with another's address nor of who enters another's phone number."""
    partner(house)
    ann = house.customer(phone="+12025550143")
    taken = row("", phone="+1 202 555 0143")
    assert take(house, taken)[1] == {2: "unmatched"}
    both = row("ann@marked.example", phone="+1 202 555 0143")
    assert take(house, both, digest="d2")[1] == {}
    state = {"state": "unverified", "verified": None}
    house.do(lambda t: t.tables.update(account, state, "person_id = ?", ann))
    assert take(house, row("ann@marked.example", "A2"), digest="d3")[1] == {2: "unmatched"}
    house.do(lambda t: domain.verify(t, ann))
    assert take(house, row("ann@marked.example", "A2"), digest="d4")[1] == {}
