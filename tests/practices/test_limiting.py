"""What strangers cause is limited by network, sender and receiver, before anything is written."""

from __future__ import annotations

import httpx2
from starlette.testclient import TestClient

from practices.conftest import PAGE, House, send
from upheld.database.statements import row, rows
from upheld.practice import message_limits

CHILD = {"birth-date": "2019-05-05"}


def from_address(house: House, address: str) -> TestClient:
    """A browser of somebody at an address."""
    return TestClient(house.app, headers=PAGE, follow_redirects=False, client=(address, 50_000))


def entries(house: House) -> int:
    """How many entries the ledger has."""
    rows = house.do(lambda transaction: row(transaction.connection, "SELECT COUNT(*) FROM entry"))
    assert rows is not None
    return int(rows[0])


def test_a_childs_sign_up_writes_few_entries_however_often_it_is_sent(house: House) -> None:
    """Beyond the limit nothing is written, and the page says to wait."""
    before = entries(house)

    def send() -> httpx2.Response:
        return from_address(house, "192.0.2.7").post("/sign-up", data=CHILD)

    answers = [send().status_code for _ in range(40)]  # each time without the mark of a refusal
    most = message_limits.REFUSALS_NETWORK.most
    assert answers == [403] * most + [429] * (40 - most)
    assert entries(house) == before + most
    assert "Wait a few minutes" in send().text
    assert from_address(house, "198.51.100.7").post("/sign-up", data=CHILD).status_code == 403


def test_all_addresses_of_one_subscriber_are_one_network(house: House) -> None:
    """Whoever has a /64 of IPv6 gets one allowance and not one for each address."""
    before = entries(house)
    for each in range(20):
        from_address(house, f"2001:db8:1:2::{each:x}").post("/sign-up", data=CHILD)
    assert entries(house) == before + message_limits.REFUSALS_NETWORK.most
    assert from_address(house, "2001:db8:1:3::1").post("/sign-up", data=CHILD).status_code == 403


def test_a_crowd_of_networks_writes_few_entries_together(house: House) -> None:
    """All networks share an allowance of entries of refusals, so that no crowd fills the ledger."""
    before, most = entries(house), message_limits.REFUSALS.most
    for each in range(most + 20):
        from_address(house, f"198.51.{each // 250}.{each % 250}").post("/sign-up", data=CHILD)
    assert entries(house) == before + most


def test_a_mailbox_is_filled_by_no_crowd_and_by_no_tag(house: House) -> None:
    """Recovery, a guardian's form and sign-up write to an address a few times, whoever asks."""
    person = house.customer("ann@marked.example")
    for each in range(8):
        browser = from_address(house, f"198.51.100.{each}")
        assert browser.post("/recover", data={"email": "ann@marked.example"}).status_code == 303
        data = {"email": f"bo+{each}@marked.example", "name": "Kim"}
        browser.post("/sign-up/guardian", data=data)
    result = house.do(
        lambda transaction: rows(transaction.connection, "SELECT person_id, template FROM outbox")
    )
    templates = [template for _, template in result]
    assert templates.count("guardians/invited") == message_limits.RECEIVER.most
    assert 1 <= sum(who == person for who, _ in result) <= message_limits.RECEIVER.most


def test_a_network_asks_for_few_links_to_new_passwords(house: House) -> None:
    """Recovery is counted by network, whatever the addresses are, and writes nothing beyond."""
    browser = from_address(house, "192.0.2.7")
    answers = [
        browser.post("/recover", data={"email": f"a{each}@marked.example"}).status_code
        for each in range(14)
    ]
    assert answers == [303] * message_limits.NETWORK.most + [429] * 4
    before = entries(house)
    browser.post("/recover", data={"email": "b@marked.example"})
    assert entries(house) == before


def test_a_customer_invites_few_strangers_an_hour(house: House) -> None:
    """Invitations into a household are counted by who sends them, from wherever they do."""
    browser = house.signed_in(house.customer())
    answers = []
    for each in range(message_limits.SENDER.most + 2):  # fewer than a network may send
        data = {"email": f"friend{each}@marked.example"}
        answers.append(send(browser, "/me/household", data).status_code)
    assert answers == [303] * message_limits.SENDER.most + [409] * 2
