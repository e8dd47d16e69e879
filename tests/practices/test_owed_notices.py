"""Whoever has closed their account is told what the law or the policy has us tell them."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from empty import empty_database
from practices import orders
from practices.closings import approved, lawyers_of, run_job, terms_of
from practices.conftest import House, houses, send
from practices.orders import demand, desk_of
from practices.test_incidents import drafted, owed
from practices.test_incidents import run_job as run_incidents
from upheld.core.ids import PersonId
from upheld.demo import sample_policy
from upheld.gate.act.request import Act
from upheld.policy.load import load_text
from upheld.practices.incidents.incidents import Incidents
from upheld.practices.legal.notices import SUBJECT
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery
from upheld.practices.takeovers.tables import takeover_account

MAIL = "ann@marked.example"
WORD = " or notice-owed"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: none of it is about one."""
    return empty_database(tmp_path)


def officers_of(house: House) -> tuple[TestClient, TestClient]:
    """The browsers of two privacy officers of a house."""
    first, second = (house.staff("privacy", sign_in=name) for name in ("pia", "pat"))
    return house.signed_in(first, "staff"), house.signed_in(second, "staff")


def close(house: House, person: PersonId) -> None:
    """Let somebody close their account, and read what is written to them about that."""
    assert send(house.signed_in(person), "/me/close", {"sure": "yes"}).status_code == 303
    mails(house)


def mails(house: House) -> list[str]:
    """To whom goes what waits to be sent."""
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    return [str(each["To"]) for each in box.messages]


@pytest.mark.parametrize("silent", [False, True])
def test_of_a_release_to_a_court(house: House, silent: bool) -> None:
    """At once, or when its silence is over."""
    desk, ann = desk_of(house), house.customer(MAIL)
    silence_end = house.clock.now() + timedelta(days=20) if silent else None
    order = orders.approved(house, desk, demand(house, ann, silence_end=silence_end))
    close(house, ann)
    orders.release(house, desk, order)
    house.clock.moved += timedelta(days=21)
    assert orders.send_notices(house, desk) == 1
    assert mails(house) == [MAIL]
    assert SUBJECT in house.signed_in(ann).get("/me/messages").text


@pytest.mark.parametrize("silent", [False, True])
def test_who_waits_to_be_erased_is_told_where_to_read_what_a_court_was_given(
    house: House, silent: bool
) -> None:
    """No letter is stored of them any more; the mail leads to what we gave to others."""
    desk, ann = desk_of(house), house.customer(MAIL)
    silence_end = house.clock.now() + timedelta(days=20) if silent else None
    order = orders.approved(house, desk, demand(house, ann, silence_end=silence_end))
    orders.release(house, desk, order)
    if silent:
        house.clock.moved += timedelta(days=21)
    house.do(lambda t: t.record(ann, "request", fact="erasure-requested", by_whom="customer"))
    assert orders.send_notices(house, desk) == 1
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    (mail,) = box.messages
    assert mail["To"] == MAIL
    body = mail.get_body(("plain",))
    assert body is not None
    assert "/me/privacy/received" in body.get_content()
    browser = house.signed_in(ann)
    assert SUBJECT not in browser.get("/me/messages").text
    assert "court" in browser.get("/me/privacy/received").text


def test_of_a_takeover(house: House) -> None:
    """Their account goes like any other, and they are told to whom."""
    ann, lawyers = house.customer(MAIL), lawyers_of(house)
    close(house, ann)
    approved(house, lawyers, terms_of(house, lawyers))
    for _ in range(2):
        run_job(house)
    (row,) = house.do(lambda t: t.tables.select(takeover_account))
    assert row.notice == "sent"
    assert mails(house) == [MAIL]


def test_for_two_weeks_and_of_nothing_else(house: House) -> None:
    """A mail that did not arrive can be sent again; then no clause lets us write any more."""
    desk, ann, ben = desk_of(house), house.customer(MAIL), house.customer("ben@marked.example")
    order = orders.approved(house, desk, demand(house, ann))
    for each in (ann, ben):
        close(house, each)
    orders.release(house, desk, order)
    orders.send_notices(house, desk)

    def may_write(purpose: str) -> tuple[bool, bool]:
        act = Act(action="contact", purpose=purpose)
        decisions = house.do(lambda t: t.peek_each([ann, ben], act))
        return decisions[ann].allowed, decisions[ben].allowed

    assert may_write("administrative-message") == (True, False)
    assert may_write("newsletter") == (False, False)
    house.clock.moved += timedelta(days=15)
    assert may_write("administrative-message") == (False, False)


def test_where_the_policy_lets_nobody_be_told_an_incident_is_closed_all_the_same(
    database_url: str, tmp_path: Path
) -> None:
    """What is owed to them stays owed, and it is counted whom the policy does not let us tell."""
    text = Path(sample_policy()).read_text(encoding="utf-8")
    assert WORD in text
    lines = [
        each
        for each in text.splitlines()
        if not each.startswith("yes") or "notice-owed" not in each
    ]
    policy = load_text("\n".join(lines).replace(WORD, ""))
    with contextmanager(houses)(database_url, tmp_path) as opening:
        house = opening(policy)
        ann, officers = house.customer(MAIL), officers_of(house)
        path = drafted(house, officers, ann)
        close(house, ann)
        early = send(officers[0], f"{path}/close", {"remark": "Done."}, path)
        assert "were not sent yet" in early.text
        send(officers[1], f"{path}/approve", {}, path)
        assert run_incidents(house) == 0
        assert send(officers[0], f"{path}/close", {"remark": "Done."}, path).status_code == 303
        (there,) = house.do(lambda t: Incidents(house.provider).all(t.tables))
        assert there.state == "closed"
        assert [state for state, _ in owed(house, ann)] == ["open"]
        assert "does not let us send" in officers[0].get(path).text
