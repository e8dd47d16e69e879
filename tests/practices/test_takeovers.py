"""Takeovers: a closing approved by a second person, and nothing that goes without it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest

from practices.closings import (
    Lawyers,
    approved,
    lawyers_of,
    opened,
    run_job,
    terms_of,
    transfer_of,
)
from practices.conftest import House, confirm, send
from practices.orders import PDF, account_of
from practices.test_incidents import _token
from upheld.core.ids import ClosingId, PersonId
from upheld.demo import sample_policy
from upheld.gate.erasure.erase import erase
from upheld.gate.gate import Gate
from upheld.ledger.entries import Entry
from upheld.policy.load import load_text
from upheld.policy.request import Decision
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery
from upheld.practices.takeovers.arrival import check_archive
from upheld.practices.takeovers.closing import TakeoverError
from upheld.practices.takeovers.coverage import Coverage
from upheld.practices.takeovers.handover import Handover
from upheld.practices.takeovers.manifest import TransferArchiveError, read_archive
from upheld.practices.takeovers.parcels import read_parcel

CONSOLE = "/staff/takeovers"


def decision(house: House, lawyers: Lawyers, person: PersonId, **changes: Any) -> Decision:
    """What the policy says of a transfer of somebody's name now, or of something like it."""
    return house.do(lambda t: t.peek(person, transfer_of(lawyers, **changes)))


def state_of(house: House, lawyers: Lawyers, closing_id: ClosingId) -> str:
    """How a closing stands."""
    return house.do(lambda t: lawyers.closings.require(t.tables, closing_id).state)


def cover(house: House, lawyers: Lawyers, closing_id: ClosingId) -> None:
    """Let a closing cover whom it names, and transfer nothing yet."""
    closing = house.do(lambda t: lawyers.closings.require(t.tables, closing_id))
    assert Coverage(lawyers.closings).cover(house.provider.gate.gate, closing)


def transfers(house: House, person: PersonId) -> list[Entry]:
    """The entries that tell of the transfer of somebody's account."""
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    return [each for each in entries if each.action == "transfer"]


def test_nothing_may_go_before_a_closing_is_approved_and_in_effect(house: House) -> None:
    """Not in a negotiation, once it is opened, or before its day; then it may, by its clause."""
    ann, lawyers = house.customer(), lawyers_of(house)
    assert not decision(house, lawyers, ann).allowed
    day = house.clock.now() + timedelta(days=3)
    closing = opened(house, lawyers, terms_of(house, lawyers, ann, effective=day))
    house.clock.moved += timedelta(days=4)
    assert (run_job(house), decision(house, lawyers, ann).allowed) == (0, False)
    house.clock.moved -= timedelta(days=3)
    house.do(lambda t: lawyers.closings.approve(t, closing.closing_id, lawyers.second))
    assert (run_job(house), decision(house, lawyers, ann).allowed) == (0, False)
    house.clock.moved += timedelta(days=3)
    cover(house, lawyers, closing.closing_id)
    assert decision(house, lawyers, ann).clauses == ("takeover",)
    run_job(house)
    (act,) = transfers(house, ann)
    assert (act.outcome, act.clauses) == ("allow", ("takeover",))
    assert act.recipient == f"successor {lawyers.party}"
    assert not decision(house, lawyers, ann).allowed  # a second time


def test_one_account_is_sold_and_no_other(house: House) -> None:
    """Nor to another company, nor for advertising, nor as a sale or a rent of addresses."""
    ann, bo, lawyers = house.customer(), house.customer("bo@marked.example"), lawyers_of(house)
    closing = approved(house, lawyers, terms_of(house, lawyers, ann))
    cover(house, lawyers, closing.closing_id)
    assert decision(house, lawyers, ann).allowed
    other = decision(house, lawyers, bo)
    assert (other.allowed, "confidential" in other.clauses) == (False, True)
    for changes in (
        {"party": "else"},
        {"action": "sell", "data": ("email",)},
        {"action": "rent", "data": ("email",)},
        {"purpose": "partner-marketing", "data": ("email",)},
        {"recipient": "business-partner"},
    ):
        answer = decision(house, lawyers, ann, **changes)
        assert (answer.allowed, "confidential" in answer.clauses) == (False, True), changes


def test_a_program_of_our_own_moves_no_account_beside_the_closing(house: House) -> None:
    """What the policy allows once goes by the closing alone, whole and once."""
    ann, lawyers = house.customer(), lawyers_of(house)
    closing = approved(house, lawyers, terms_of(house, lawyers, ann))
    cover(house, lawyers, closing.closing_id)
    with pytest.raises(TakeoverError):
        house.do(lambda t: t.act(transfer_of(lawyers), ann))


def test_without_its_clause_no_closing_lets_anything_go(open_house: Callable[..., House]) -> None:
    """Where the policy has no such exception, an approved closing proves what nobody asks."""
    text = Path(sample_policy()).read_text(encoding="utf-8")
    head, _, tail = text.partition("- except to the company that takes over")
    rest = tail.partition("  ```example\n")[2]
    policy = load_text(head + "  ```example\n" + rest)
    house = open_house(policy)
    ann, lawyers = house.customer(), lawyers_of(house)
    approved(house, lawyers, terms_of(house, lawyers, ann))
    run_job(house)
    assert not decision(house, lawyers, ann).allowed
    assert [each.outcome for each in transfers(house, ann)] == ["deny"]


def test_who_opens_a_closing_does_not_approve_it_and_of_twenty_one_does(house: House) -> None:
    """Not in two tabs either, and another role sees nothing of it."""
    ann, lawyers = house.customer(), lawyers_of(house)
    closing = opened(house, lawyers, terms_of(house, lawyers, ann))
    path = f"{CONSOLE}/{closing.closing_id}"
    cleo, liv = (house.signed_in(each, "staff") for each in (lawyers.first, lawyers.second))
    answer = cleo.post(f"{path}/approve", data={"_token": _token(cleo, path)})
    assert (answer.status_code, "does not approve it" in answer.text) == (409, True)
    question = liv.post(f"{path}/approve", data={"_token": _token(liv, path)})
    assert "Approve that Spruce Point takes over?" in question.text
    gate = house.provider.gate.gate

    def approve(_: int) -> str:
        try:
            with gate.together() as transaction:
                return lawyers.closings.approve(
                    transaction, closing.closing_id, lawyers.second
                ).state
        except TakeoverError as error:
            return error.code

    with ThreadPoolExecutor(8) as many:
        outcomes = sorted(many.map(approve, range(20)))
    assert outcomes == ["approved", *["takeover-state"] * 19]
    assert confirm(liv, question).status_code == 409
    other = house.signed_in(house.staff("privacy", sign_in="pia"), "staff")
    assert [other.get(each).status_code for each in (CONSOLE, path, f"{path}/document")] == [
        403
    ] * 3
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    for step in ("approve", "refuse", "end"):
        data = {"_token": _token(liv, path)}
        assert liv.post(f"{path}/{step}", data=data, headers=foreign).status_code == 403
    assert liv.head(path).status_code == 200
    assert liv.get(f"{path}/document").content == PDF


def test_a_closing_is_opened_at_the_console_and_ended(house: House) -> None:
    """What is wrong with it is told; what has not gone does not go once it ended."""
    ann, lawyers = house.customer(), lawyers_of(house)
    cleo, liv = (house.signed_in(each, "staff") for each in (lawyers.first, lawyers.second))
    form = {
        "kind": "sale",
        "successor": lawyers.party,
        "reference": "Deed <b>7</b>\u202e",
        "effective": "2026-03-11",
        "covers": "schedule",
        "accounts": f" {account_of(house, ann)},\r\n",
    }
    token = {"_token": _token(cleo, CONSOLE)}
    script = {"document": ("deed.pdf", b"<script>alert(1)</script>", "application/pdf")}
    deed = {"document": ("deed.pdf", PDF, "application/pdf")}
    for files, changes, words in (
        (script, {}, "no PDF"),
        (deed, {"accounts": "ann@marked.example"}, "no sale of"),
        (deed, {"accounts": ""}, "names 1 to 2,000 accounts"),
        (deed, {"covers": "all"}, "names 1 to 2,000 accounts"),
        (deed, {"effective": "2026-02-30"}, "day"),
        (deed, {"successor": "nobody"}, "Who takes over"),
    ):
        answer = cleo.post(CONSOLE, data={**token, **form, **changes}, files=files)
        assert (answer.status_code, words in answer.text) == (422, True), words
    answer = cleo.post(CONSOLE, data={**token, **form}, files=deed)
    assert answer.status_code == 303, answer.text
    path = str(answer.headers["location"]).partition("?")[0]
    waits = "A closing waits for a second person."
    assert [waits in each.get("/staff").text for each in (cleo, liv)] == [False, True]
    page = liv.get(path).text
    assert "Deed &lt;b&gt;7" in page
    assert send(liv, f"{path}/approve", {}, path).status_code == 303
    asked = cleo.post(f"{path}/end", data={"_token": _token(cleo, path)})
    assert "It cannot be taken back" in asked.text
    assert "and not in effect yet" in liv.get(path).text  # a question alone ends nothing
    assert send(cleo, f"{path}/end", {}, path).status_code == 303
    run_job(house)
    assert not decision(house, lawyers, ann).allowed
    assert "Ended on" in liv.get(path).text
    assert send(liv, f"{path}/approve", {}, path).status_code == 409


def test_all_accounts_go_once_whole_and_to_the_successor_alone_whatever_stops_the_job(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Killed between any two transactions it goes on; each is told, and closed once confirmed."""
    people = [house.customer(f"c{number}@marked.example") for number in range(3)]
    lawyers = lawyers_of(house)
    closing_id = approved(house, lawyers, terms_of(house, lawyers)).closing_id
    handover, gate = Handover(lawyers.closings), house.provider.gate.gate
    with pytest.raises(TakeoverError):
        handover.write(gate, closing_id, tmp_path / "early.zip", lawyers.first)
    assert not (tmp_path / "early.zip").exists()
    for module in ("coverage", "transfers"):
        monkeypatch.setattr(f"upheld.practices.takeovers.{module}.BATCH", 1)
    interrupt_each(house, monkeypatch)
    assert [len(transfers(house, each)) for each in people] == [1, 1, 1]
    assert [notices(house, each) for each in people] == [1, 1, 1]
    done = handover.write(gate, closing_id, tmp_path / "first.zip", lawyers.first)
    again = handover.write(gate, closing_id, tmp_path / "again.zip", lawyers.first)
    assert (done.handed, done.digest) == (3, again.digest)
    _, parts = read_archive(tmp_path / "first.zip", done.digest)
    accounts = [read_parcel(pyrage.decrypt(each, [lawyers.identity])) for each in parts]
    assert {each.values["email"][-1].value for each in accounts} == {
        f"c{number}@marked.example" for number in range(3)
    }
    assert {each.account for each in accounts} == {account_of(house, each) for each in people}
    assert all("credentials" not in each.values for each in accounts)
    assert b"marked.example" not in (tmp_path / "first.zip").read_bytes()
    assert run_job(house) == 0
    path = f"{CONSOLE}/{closing_id}"
    liv = house.signed_in(lawyers.second, "staff")
    wrong = send(liv, f"{path}/confirm", {"count": "2", "digest": done.digest}, path)
    assert (wrong.status_code, "something else" in wrong.text) == (409, True)
    right = send(liv, f"{path}/confirm", {"count": "3", "digest": done.digest}, path)
    assert right.status_code == 303
    assert (run_job(house), run_job(house)) == (3, 0)
    closed, _ = house.do(lambda t: t.records_of([people[0]], ["account"]))
    assert [each.how for each in closed] == [closing_id]
    assert "Closed here</dt><dd>3" in liv.get(path).text


def notices(house: House, person: PersonId) -> int:
    """How often somebody was told that their account was transferred."""
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    return [each.action for each in entries].count("notify-transfer")


def test_one_changed_byte_of_an_archive_is_found(house: House, tmp_path: Path) -> None:
    """Wherever it is, and a file more or another manifest too."""
    ann, lawyers = house.customer(), lawyers_of(house)
    closing_id = approved(house, lawyers, terms_of(house, lawyers, ann)).closing_id
    run_job(house)
    path = tmp_path / "one.zip"
    done = Handover(lawyers.closings).write(
        house.provider.gate.gate, closing_id, path, lawyers.first
    )
    assert len(list(read_archive(path, done.digest)[1])) == 1
    with pytest.raises(TransferArchiveError):
        read_archive(path, "0" * 64)
    raw = path.read_bytes()
    for at in (raw.index(b"age-encryption.org") + 200, raw.index(b"# ") + 9, len(raw) - 3):
        (tmp_path / "changed.zip").write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(TransferArchiveError):
            list(read_archive(tmp_path / "changed.zip", done.digest)[1])


def test_whoever_asked_to_be_erased_before_does_not_go(house: House) -> None:
    """Their account waits as long as the request does; taken back, it goes as the others do."""
    ann, bo, lawyers = house.customer(), house.customer("bo@marked.example"), lawyers_of(house)
    request = house.do(lambda t: t.record(ann, "request", fact="erasure-requested"))
    approved(house, lawyers, terms_of(house, lawyers, ann, bo))
    run_job(house)
    assert (len(transfers(house, ann)), len(transfers(house, bo))) == (0, 1)
    house.do(lambda t: t.withdraw(ann, request))
    run_job(house)
    assert len(transfers(house, ann)) == 1
    erase(house.provider.gate.gate, [bo])
    run_job(house)


def test_what_went_before_a_closing_ended_is_handed_over_and_the_rest_stays(
    house: House, tmp_path: Path
) -> None:
    """Whoever was told that their account was transferred is right; nobody else is closed."""
    ann, bo, lawyers = house.customer(), house.customer("bo@marked.example"), lawyers_of(house)
    house.do(lambda t: t.record(bo, "request", fact="erasure-requested"))
    closing_id = approved(house, lawyers, terms_of(house, lawyers, ann, bo)).closing_id
    run_job(house)
    gate, handover = house.provider.gate.gate, Handover(lawyers.closings)
    house.do(lambda t: lawyers.closings.end(t, closing_id, lawyers.second))
    liv = house.signed_in(lawyers.second, "staff")
    assert "Stay here, since it ended</dt><dd>1" in liv.get(f"{CONSOLE}/{closing_id}").text
    archive = tmp_path / "one.zip"
    written = handover.write(gate, closing_id, archive, lawyers.first)
    key, other = tmp_path / "key.txt", tmp_path / "other.txt"
    key.write_text(f"# made by age-keygen\n{lawyers.identity}\n")
    other.write_text(str(pyrage.x25519.Identity.generate()))
    assert check_archive(archive, written.digest, key).accounts == 1
    for wrong in (other, archive):
        with pytest.raises(TransferArchiveError) as caught:
            check_archive(archive, written.digest, wrong)
        assert caught.value.code == "transfer-key"
    path = f"{CONSOLE}/{closing_id}"
    receipt = {"count": "1", "digest": written.digest}
    assert send(liv, f"{path}/confirm", receipt, path).status_code == 303
    run_job(house)
    closed = house.do(lambda t: [len(t.records_of([who], ["account"])[0]) for who in (ann, bo)])
    assert closed == [1, 0]
    assert (len(transfers(house, ann)), len(transfers(house, bo))) == (1, 0)


def test_the_customer_reads_who_has_their_account_now(house: House) -> None:
    """In a message, on their story by its clause, and within the time that the policy gives."""
    ann, lawyers = house.customer(), lawyers_of(house)
    approved(house, lawyers, terms_of(house, lawyers, ann))
    run_job(house)
    owed = house.do(lambda t: t.obligations.owed(["transfer-notice"]))
    assert [each.state for each in owed if each.person_id == ann and each.state != "done"] == []
    browser = house.signed_in(ann)
    assert "Your account was transferred to another company" in browser.get("/me/messages").text
    assert "Spruce Point" in browser.get("/me/privacy/received").text
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    assert [str(each["To"]) for each in box.messages] == ["ann@marked.example"]


def interrupt_each(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the job again and again, each time killed one transaction later, until it ends."""
    whole, left = Gate.together, [0]

    def dying(self: Gate) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return whole(self)

    monkeypatch.setattr(Gate, "together", dying)
    for lives in (2, 5, 8, 3, 5, 4, 3, 0):
        left[0] = lives
        with suppress(KeyboardInterrupt):
            run_job(house)
    monkeypatch.setattr(Gate, "together", whole)
