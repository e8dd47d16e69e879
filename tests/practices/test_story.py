"""What was done, as a story: one line an event, and nothing that others saw hidden within one."""

from __future__ import annotations

import html
import random
import re
from datetime import timedelta
from typing import Any

import pytest

from practices.bills import owing
from practices.conftest import START, House
from upheld.core.ids import EntryNumber, PersonId, UserId
from upheld.gate.act.request import Act
from upheld.gate.log.receipts import AccountLine, AccountQuery
from upheld.gate.public import Entry
from upheld.gate.transaction import GateTransaction
from upheld.policy.load import Policy
from upheld.practice import tasks
from upheld.practices.rights import pages, story
from upheld.practices.rights.sentences import sentence
from upheld.practices.rights.story import events_of, is_look, stands_alone

STAFF = "staff " + "0" * 32


def lines_of(*entries: dict[str, Any], seconds: int = 1) -> list[AccountLine]:
    """Entries, one after another."""
    return [
        AccountLine(
            EntryNumber(number),
            START + timedelta(seconds=seconds * number),
            "",
            Entry(**{"kind": "act", "time": "2026-03-11T16:20:00.000000Z", **each}),
        )
        for number, each in enumerate(entries, 1)
    ]


PAYMENT: list[dict[str, Any]] = [
    {"action": "use", "data": ("payment-history",), "purpose": "billing"},
    {"kind": "record", "action": "add payment", "actor": "customer"},
    {
        "action": "share",
        "data": ("name", "card"),
        "recipient": "payment-processor P",
        "purpose": "billing",
    },
    {"action": "use", "data": ("card",), "purpose": "billing"},
    {"action": "collect", "data": ("transaction",), "purpose": "billing"},
    {"action": "store", "data": ("transaction",), "purpose": "billing"},
    {"kind": "record", "action": "end payment"},
    {"kind": "payment"},
]


def test_a_payment_is_one_event_and_says_who_received_what() -> None:
    """All entries of a payment are one event, and what was given to others is its line."""
    (event,) = events_of(lines_of(*PAYMENT))
    assert event.head.entry.recipient == "payment-processor P"
    assert len(event.lines) == len(PAYMENT)


def test_a_look_by_staff_is_one_event_with_all_its_data() -> None:
    """Field after field that one person looks at for one purpose is one look; another's is not."""
    looks: list[dict[str, Any]] = [
        {"action": "view", "data": (word,), "actor": STAFF, "purpose": "support"}
        for word in ("name", "email", "phone")
    ]
    other = {**looks[0], "actor": "staff " + "1" * 32}
    first, second = events_of(lines_of(*looks, other, seconds=60))
    assert first.data == ("name", "email", "phone")
    assert second.data == ("name",)


def test_each_message_is_one_event() -> None:
    """Two messages at one moment are two events, each from its decision to its being sent."""
    message: list[dict[str, Any]] = [
        {"action": "contact", "purpose": "administrative-message"},
        {"action": "use", "data": ("email",), "purpose": "administrative-message"},
        {"kind": "sent", "purpose": "administrative-message"},
    ]
    events = events_of(lines_of(*message, *message))
    assert [(each.head.entry.kind, len(each.lines)) for each in events] == [("sent", 3)] * 2


def test_a_message_that_was_sent_later_is_one_event_with_its_decision() -> None:
    """Who reads the story sees one line for a letter, whatever was done before it went out."""
    lines = lines_of(
        {"action": "use", "data": ("balance",), "purpose": "billing"},
        {"action": "contact", "purpose": "administrative-message"},
        {"action": "use", "data": ("balance",), "purpose": "billing"},
        {"action": "contact", "purpose": "newsletter"},
        {"action": "use", "data": ("email",), "purpose": "administrative-message"},
        {"kind": "sent", "purpose": "administrative-message", "after": "2"},
        {"kind": "sent", "purpose": "newsletter", "after": "4"},
        {"kind": "sent", "purpose": "newsletter", "after": "99"},
        seconds=60,
    )
    events = [[line.number for line in each.lines] for each in events_of(lines)]
    assert [2, 6] in events
    assert [4, 7] in events
    assert [8] in events
    assert sorted(number for each in events for number in each) == list(range(1, 9))


def test_own_visits_are_events_of_their_own() -> None:
    """To be recognised, let in and to look is one visit, and no part of what is done then."""
    visit: list[dict[str, Any]] = [
        {"action": "use", "data": ("credentials",), "purpose": "security"},
        {"action": "serve"},
        {"action": "view", "data": ("name",), "actor": "customer", "purpose": "service-provision"},
    ]
    events = events_of(lines_of(*visit, *PAYMENT))
    assert events[0].is_own
    assert not events[-1].is_own


def test_no_event_hides_what_others_saw_or_what_was_refused() -> None:
    """Each entry is in one event; a disclosure or refusal is its line, a look one of the same."""
    choices: list[dict[str, Any]] = [
        *PAYMENT,
        {"kind": "refusal", "action": "view", "actor": STAFF},
        {"action": "view", "data": ("name",), "actor": STAFF, "purpose": "support"},
        {"action": "view", "data": ("email",), "actor": STAFF, "purpose": "support"},
        {"action": "view", "data": ("name",), "actor": "guardian " + "2" * 32},
        {"action": "view", "data": ("name",), "actor": "customer"},
        {"action": "use", "data": ("name",), "violation": "it was brought"},
        {"action": "sell", "data": ("name",), "recipient": "advertiser"},
    ]
    draw = random.Random(7)  # noqa: S311 - the same stories on each run
    for _ in range(300):
        lines = lines_of(*draw.choices(choices, k=12))
        events = events_of(lines)
        assert [line for event in events for line in event.lines] == lines
        for event in events:
            for line in event.lines:
                if stands_alone(line.entry) and line is not event.head:
                    assert is_look(line.entry)
                    assert line.entry.actor == event.head.entry.actor
                    assert set(line.entry.data) <= set(event.data)


def test_who_else_saw_something_comes_first_whenever_it_was(house: House) -> None:
    """A look by staff of another month stands at the head of the page, and filters find it."""
    person = house.customer()
    browser = house.signed_in(person)
    assert "Nobody. We gave nothing" in browser.get("/me/privacy/received").text

    def work(transaction: GateTransaction) -> None:
        task = tasks.open_task(transaction, person, "help", "support", role="support")
        tasks.take(transaction, task, UserId("0" * 32), ("name", "email"))
        for word in ("name", "email"):
            act = Act(action="view", data=(word,), actor="staff", party="0" * 32, purpose="support")
            transaction.act(act, person, entitled=True)
        owing(transaction, person)

    house.do(work)
    house.clock.moved += timedelta(days=70)
    browser = house.signed_in(person)
    page = browser.get("/me/privacy/received").text
    assert page.index("Who else saw") < page.index("looked at your name and e-mail address: once")
    for choice in ("party=staff", "which=staff"):
        looks = browser.get(f"/me/privacy/received?{choice}").text
        assert "11 March 2026" in looks
        assert looks.count("<p>Our staff looked at your name and e-mail address") == 1
    by_clause = browser.get("/me/privacy/received?clause=transactions").text
    assert "We stored your transactions" in by_clause
    assert "Our staff looked" not in by_clause
    nothing = browser.get("/me/privacy/received?party=nobody-at-all")
    assert nothing.status_code == 200
    assert "Nothing of this kind happened." in nothing.text


def test_events_of_one_member_of_staff_are_chosen_by_a_code(house: House) -> None:
    """Each member has a code in place of a name; all of our staff can be chosen too."""
    person = house.customer()
    members = ["a1" * 16, "b2" * 16]

    def work(transaction: GateTransaction) -> None:
        for at, member in enumerate(members):
            task = tasks.open_task(transaction, person, f"help-{at}", "support", role="support")
            tasks.take(transaction, task, UserId(member), ("name", "email"))
            act = Act(
                action="view",
                data=(("name", "email")[at],),
                actor="staff",
                party=member,
                purpose="support",
            )
            transaction.act(act, person, entitled=True)

    house.do(work)
    page = house.signed_in(person).get("/me/privacy/received").text
    for member in members:
        assert member not in page
        assert f"Our staff, member {member[:6]}" in page
    for at, member in enumerate(members):
        address = f"/me/privacy/received?party=staff+{member[:6]}"
        assert address in page
        looks = house.signed_in(person).get(address).text
        assert f"Our staff looked at your {('name', 'e-mail address')[at]} " in looks
        assert f"Our staff looked at your {('e-mail address', 'name')[at]} " not in looks
    both = house.signed_in(person).get("/me/privacy/received?party=staff").text
    assert both.count("<p>Our staff looked at your") == 2


def test_a_long_story_is_paged_and_no_event_is_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is on a page is worded; by its links one comes to each event, once."""
    person = house.customer()

    def work(transaction: GateTransaction) -> None:
        for _ in range(7):
            transaction.note(person, "recovery-codes", actor="customer")
            transaction.note(person, "sent", purpose="newsletter")
        letters = [
            transaction.act(Act(action="contact", purpose="administrative-message"), person).entry
            for _ in range(4)
        ]
        for letter in reversed(letters):
            transaction.note(person, "sent", purpose="administrative-message", after=str(letter))

    house.do(work)
    worded: list[Entry] = []
    original = sentence

    def counted(entry: Entry, policy: Policy) -> str:
        worded.append(entry)
        return original(entry, policy)

    monkeypatch.setattr(pages, "ROWS_MAX", 3)
    for module in (pages, story):
        monkeypatch.setattr(module, "sentence", counted)
    browser = house.signed_in(person)
    own = {each.number for each in events_without_visits(house, person)}
    for start in ("/me/privacy/received", "/me/privacy/received?month=2026-03"):
        numbers: list[int] = []
        path = start
        while path:
            worded.clear()
            page = browser.get(path).text
            story_part = page.partition("Your own visits")[0]
            numbers += [int(each) for each in re.findall(r"/received/(\d+)\"", story_part)]
            assert len(worded) < len(own)
            match = re.search(r'href="([^"]+)">Earlier events', page)
            path = html.unescape(match[1]) if match else ""
        assert len(numbers) == len(set(numbers))
        assert set(numbers) == own
    assert browser.get("/me/privacy/received?before=x").status_code == 404


def events_without_visits(house: House, person: PersonId) -> list[AccountLine]:
    """The entries of all events of a person but those of their own visits."""
    query = AccountQuery(person_id=person)
    lines = house.do(lambda transaction: list(transaction.account(query, words=False)))
    return [line for each in events_of(lines) if not each.is_own for line in each.lines]
