"""Deliveries: decided and entered, given out once more decided, confirmed, kept back, encrypted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pyrage
import pytest
from starlette.testclient import TestClient

from practices.conftest import House, send
from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.evidence.records import Record
from upheld.practice import deliveries, parties, party_keys
from upheld.practice.deliveries import Content, DeliveryError, PartyDelivery
from upheld.practice.party_keys import PartyKeyError
from upheld.practice.tables import delivery, delivery_item
from upheld.practices.rights import choices

HERE = "/staff/deliveries"
IDENTITY = pyrage.x25519.Identity.generate()
KEY = str(IDENTITY.to_public())


def supplier(house: House, name: str = "Fjord Mail", key: str = KEY) -> str:
    """A supplier on the register, with its key; its word there."""
    party = house.do(lambda t: parties.add(t, name, "supplier")).party
    if key:
        house.do(lambda t: party_keys.put(t, party, key))
    return party


def permit(house: House, person: PersonId, party: str) -> str:
    """Let somebody permit that a company gets their name and address of mail, to support them."""
    permission = choices.Permission(("name", "email"), "supplier", party, "support")
    return house.do(lambda t: choices.give(t, person, permission))


def act_for(party: str, reference: str = "") -> Act:
    """What the permission is about."""
    return Act(
        action="share",
        data=("name", "email"),
        recipient="supplier",
        purpose="support",
        occasion="other",
        party=party,
        reference=reference,
    )


def make(house: House, party: str, people: Sequence[PersonId], key: str = "") -> PartyDelivery:
    """A delivery of some people to a company."""
    its = house.do(
        lambda t: deliveries.send(t, act_for(party, "order-1"), people, key=key)
    ).delivery
    assert its is not None
    return its


def hand_out(house: House, its: PartyDelivery) -> Content:
    """What is in a delivery."""
    return house.do(lambda t: deliveries.hand_out(t, its.delivery_id))


def confirm(house: House, its: PartyDelivery) -> PartyDelivery:
    """Note that it arrived."""
    return house.do(lambda t: deliveries.confirm(t, its.delivery_id, actor="staff sam"))


def counts(house: House, its: PartyDelivery) -> dict[str, int]:
    """How many people's items are in which state."""
    return house.do(lambda t: deliveries.counts(t.tables, [its.delivery_id])[its.delivery_id])


def kinds(house: House, person: PersonId) -> list[str]:
    """The kinds of entries about somebody's deliveries."""
    entries = house.provider.gate.gate.entries(person)
    return [each.entry.kind for each in entries if each.entry.kind.startswith("delivery")]


def records(house: House, person: PersonId) -> list[Record]:
    """Somebody's permissions."""
    return house.do(lambda t: t.records_of([person], ["consent"])[0])


def test_a_delivery_is_entered_when_it_is_made_and_again_when_it_arrived(house: House) -> None:
    """Values are sealed until then, and gone after; the account tells both, with the clause."""
    person, party = house.customer(), supplier(house)
    permit(house, person, party)
    its = make(house, party, [person])
    (item,) = house.do(lambda t: t.tables.select(delivery_item))
    assert b"Marked" not in item.sealed
    content = hand_out(house, its)
    manifest, line = map(json.loads, content.lines.splitlines())
    assert line["values"] == {"name": "Ann Marked", "email": "ann@marked.example"}
    assert person not in content.lines.decode()
    whole = sha256(content.lines.splitlines()[1]).hexdigest()
    assert manifest["items"] == [{"id": line["id"], "sha256": whole}]
    assert (manifest["to"], manifest["clauses"]) == (party, ["permission"])
    assert kinds(house, person) == []
    assert confirm(house, its).state == "done"
    (item,) = house.do(lambda t: t.tables.select(delivery_item))
    assert (item.state, item.sealed) == ("done", None)
    page = house.signed_in(person).get("/me/privacy/received").text
    assert "We shared your name and e-mail address with" in page
    assert "delivered your name and e-mail address to" in page
    assert "Fjord Mail" in page


def test_what_was_not_confirmed_is_given_out_again_and_done_once(house: House) -> None:
    """A process that dies before the confirmation leaves a delivery that waits, and is the same."""
    person, party = house.customer(), supplier(house)
    permit(house, person, party)
    its = make(house, party, [person])
    with pytest.raises(DeliveryError, match="not given out yet"):
        confirm(house, its)
    first = hand_out(house, its)
    assert counts(house, its) == {"waiting": 1}
    assert hand_out(house, its).lines == first.lines
    assert first.delivery.digest == sha256(first.lines).hexdigest()
    for _ in range(2):
        assert confirm(house, its).state == "done"
    assert kinds(house, person) == ["delivery.done"]
    with pytest.raises(DeliveryError, match="is done"):
        hand_out(house, its)


def test_whoever_withdrew_meanwhile_is_not_in_what_is_given_out(house: House) -> None:
    """Each person is decided once more at that moment; the others go, and it is entered."""
    ann, bob = house.customer(), house.customer(email="bob@marked.example")
    party = supplier(house)
    for each in (ann, bob):
        permit(house, each, party)
    its = make(house, party, [ann, bob])
    (record,) = records(house, ann)
    house.do(lambda t: t.withdraw(ann, record.record_id, actor="customer"))
    content = hand_out(house, its)
    assert content.people == 1
    assert b"ann@marked.example" not in content.lines
    assert b"bob@marked.example" in content.lines
    assert kinds(house, ann) == ["delivery.recalled"]
    confirm(house, its)
    assert counts(house, its) == {"done": 1, "recalled": 1}
    assert kinds(house, bob) == ["delivery.done"]


def test_a_delivery_in_which_nobody_is_left_goes_nowhere(house: House) -> None:
    """Where all withdrew it is kept back, and nothing is given out."""
    person, party = house.customer(), supplier(house)
    permit(house, person, party)
    its = make(house, party, [person])
    (record,) = records(house, person)
    house.do(lambda t: t.withdraw(person, record.record_id))
    content = hand_out(house, its)
    assert (content.people, content.lines, content.delivery.state) == (0, b"", "recalled")


def test_what_somebody_who_is_erased_would_have_sent_goes_with_them(house: House) -> None:
    """Their item is deleted, and the rest of the delivery goes out."""
    ann, bob = house.customer(), house.customer(email="bob@marked.example")
    party = supplier(house)
    for each in (ann, bob):
        permit(house, each, party)
    its = make(house, party, [ann, bob])
    erase(house.provider.gate.gate, [ann])
    assert counts(house, its) == {"waiting": 1}
    assert b"bob@marked.example" in hand_out(house, its).lines


def test_a_delivery_is_kept_back_for_one_person_or_as_a_whole(house: House) -> None:
    """Of one reference alone if that is said; nothing of it can be given out after that."""
    ann, bob = house.customer(), house.customer(email="bob@marked.example")
    party = supplier(house)
    for each in (ann, bob):
        permit(house, each, party)
    its = make(house, party, [ann, bob])
    assert house.do(lambda t: deliveries.recall(t, ann, "another")) == 0
    assert house.do(lambda t: deliveries.recall(t, ann, "order-1", actor="customer")) == 1
    assert counts(house, its) == {"recalled": 1, "waiting": 1}
    house.do(lambda t: deliveries.recall_delivery(t, its.delivery_id))
    with pytest.raises(DeliveryError, match="is recalled"):
        hand_out(house, its)
    assert kinds(house, bob) == ["delivery.recalled"]


def test_who_was_recalled_after_it_was_given_out_is_told_that_it_arrived(house: House) -> None:
    """What has left cannot be called back by us, and the account does not say that it was."""
    person, party = house.customer(), supplier(house)
    permit(house, person, party)
    its = make(house, party, [person])
    hand_out(house, its)
    house.do(lambda t: deliveries.recall(t, person))
    confirm(house, its)
    assert counts(house, its) == {"done": 1}
    assert kinds(house, person) == ["delivery.recalled", "delivery.done"]


def test_who_may_not_receive_it_gets_no_delivery(house: House) -> None:
    """Without permission there is none; without the register or a key nobody is even decided."""
    person, party = house.customer(), supplier(house)
    sent = house.do(lambda t: deliveries.send(t, act_for(party), [person]))
    assert sent.delivery is None
    assert isinstance(sent.outcomes[person], Refused)
    assert house.do(lambda t: t.tables.select(delivery)) == []
    permit(house, person, party)
    its = make(house, party, [person])
    house.do(lambda t: parties.end(t, party, "supplier"))
    for work in (
        lambda t: deliveries.send(t, act_for(party), [person]),
        lambda t: deliveries.hand_out(t, its.delivery_id),
    ):
        with pytest.raises(DeliveryError, match="register does not have"):
            house.do(work)
    keyless = supplier(house, "Quay Mail", key="")
    permit(house, person, keyless)
    with pytest.raises(DeliveryError, match="no public key"):
        make(house, keyless, [person])


def test_twenty_who_make_the_same_delivery_at_once_make_one(house: House) -> None:
    """By the same key there is one, with one entry, whoever was first."""
    person, party = house.customer(), supplier(house)
    permit(house, person, party)
    with ThreadPoolExecutor(20) as pool:
        ids = set(pool.map(lambda _: make(house, party, [person], "run 1").delivery_id, range(20)))
    assert len(ids) == 1
    entries = house.provider.gate.gate.entries(person)
    assert [each.entry.action for each in entries].count("share") == 1
    assert make(house, party, [person], "run 2").delivery_id not in ids


@pytest.mark.parametrize(
    "key",
    [
        "",
        "age1",
        "age1zzz\n# Markdown",
        "AGE-SECRET-KEY-1QQQ",
        pytest.param(KEY[:-1], id="cut"),  # a key of this process: each worker's tests are the same
        "ssh-ed25519 AAAA",
    ],
)
def test_what_is_no_public_key_is_none(house: House, key: str) -> None:
    """Neither a secret key nor a key that was cut is kept."""
    with pytest.raises(PartyKeyError):
        house.do(lambda t: party_keys.put(t, "fjord-mail", key))


def manager(house: House) -> TestClient:
    """The browser of a manager."""
    return house.signed_in(house.staff("manager", sign_in="mo"), "staff")


def test_a_manager_fetches_a_file_that_the_company_alone_can_read(house: House) -> None:
    """The page shows no value, the file is encrypted, and the company's word ends it."""
    person, party = house.customer(), supplier(house, key="")
    desk = manager(house)
    page = f"/staff/parties/{party}"
    assert send(desk, f"{page}/key", {"key": "age1 no"}, page).status_code == 422
    assert send(desk, f"{page}/key", {"key": f" {KEY} "}, page).status_code == 303
    permit(house, person, party)
    its = make(house, party, [person])
    assert "to be delivered to a company" in desk.get("/staff").text
    path = f"{HERE}/{its.delivery_id}"
    assert path in desk.get(HERE).text
    shown = desk.get(path).text
    assert "has it" not in shown
    file = send(desk, f"{path}/file", {}, path)
    assert "attachment" in file.headers["content-disposition"]
    assert b"Marked" not in file.content
    assert b"Ann Marked" in pyrage.decrypt(file.content, [IDENTITY])
    assert "Fjord Mail has it" in desk.get(path).text
    assert send(desk, f"{path}/done", {}, path).status_code == 303
    assert counts(house, its) == {"done": 1}
    assert "Marked" not in desk.get(path).text
    assert send(desk, f"{path}/file", {}, HERE).status_code in {403, 409}


def test_a_manager_keeps_a_delivery_back_once_they_confirmed_that(house: House) -> None:
    """Others of our staff do not even see that there is one."""
    person, party = house.customer(), supplier(house)
    permit(house, person, party)
    its = make(house, party, [person])
    path = f"{HERE}/{its.delivery_id}"
    other = house.signed_in(house.staff("support", sign_in="sue"), "staff")
    assert other.get(path).status_code == 403
    desk = manager(house)
    assert send(desk, f"{path}/recall", {}, path).status_code == 303
    assert counts(house, its) == {"recalled": 1}
    assert "Keep it back" not in desk.get(path).text
