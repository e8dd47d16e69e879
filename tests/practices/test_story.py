"""What was done, as a story: one line an event, and nothing that others saw hidden within one."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from practices.bills import owing
from practices.conftest import START, House
from upheld.gate.act.request import Act
from upheld.gate.log.receipts import AccountLine
from upheld.gate.public import Entry
from upheld.gate.transaction import GateTransaction
from upheld.practice import tasks
from upheld.practices.rights.story import events_of, is_look, stands_alone

STAFF = "staff " + "0" * 32


def lines_of(*entries: dict[str, Any], seconds: int = 1) -> list[AccountLine]:
    """Entries, one after another."""
    return [
        AccountLine(
            number,
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
        tasks.take(transaction, task, "0" * 32, ("name", "email"))
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
