"""The legal desk: two people see an order, its reach is released, and silence is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyrage
import pytest
from starlette.testclient import TestClient

from empty import empty_database
from practices import orders
from practices.conftest import House, confirm, send
from practices.orders import KEY, PDF, Desk, demand, desk_of
from upheld.core.ids import InstrumentId, PersonId, UserId
from upheld.gate.act.request import Act, Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.log.receipts import AccountQuery
from upheld.gate.transaction import GateTransaction
from upheld.practice import message_copies
from upheld.practice.tables import desk_own
from upheld.practices.legal.demands import LegalError

DESK = "/staff/legal"
LOOKS = (
    "/me",
    "/me/messages",
    "/me/privacy?show=all",
    "/me/privacy/received?month=2026-03",
    "/me/privacy/received?which=disclosures",
    "/me/privacy/choices",
    "/me/privacy/erase",
    "/about",
    "/privacy/disclosures",
)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough for what the desk decides; the race is held on both."""
    return empty_database(tmp_path)


@pytest.fixture(name="desk")
def _desk(house: House) -> Desk:
    """A legal desk."""
    return desk_of(house)


FOUND = {"finding": "It had to be: <b>she</b> was there."}


def form(house: House, person: PersonId, **changes: str) -> dict[str, str]:
    """The form of the desk, filled in: a subpoena from today on, lapsing a month later."""
    today = house.clock.today()
    days = {"starts": today, "ends": today + timedelta(days=30)}
    parts = {
        f"{name}-{part}": str(getattr(day, part))
        for name, day in days.items()
        for part in ("day", "month", "year")
    }
    return {
        "kind": "subpoena",
        "issuer": "Court of <b>Larch</b>",
        "reference": "# 26 \u06411",
        "recipient": "court",
        "accounts": orders.account_of(house, person),
        "fields": "name",
        **parts,
        **changes,
    }


def open_by_page(browser: TestClient, data: dict[str, str], document: bytes = PDF) -> Any:
    """Send the form of the desk with a document."""
    token = browser.get(DESK).text.partition('name="_token" value="')[2].partition('"')[0]
    files = {"document": ("order.pdf", document, "application/pdf")}
    return browser.post(DESK, data={"_token": token, **data}, files=files)


def code_of(work: Callable[[], object]) -> str:
    """The code of the error that a piece of work raises."""
    with pytest.raises(LegalError) as caught:
        work()
    return caught.value.code


def test_the_whole_way_by_the_pages(house: House, desk: Desk) -> None:
    """Opened by the officer, checked by counsel, approved by a third, released to a key alone."""
    ann = house.customer()
    officer = house.signed_in(desk.officer, "staff")
    answer = open_by_page(officer, form(house, ann))
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"].partition("?")[0]
    page = officer.get(path)
    assert "Court of &lt;b&gt;Larch&lt;/b&gt;" in page.text
    assert orders.account_of(house, ann) in page.text
    assert officer.get(f"{path}/document").content == PDF
    assert send(officer, f"{path}/check", {}, path).status_code == 409
    counsel = house.signed_in(desk.counsel, "staff")
    assert send(counsel, f"{path}/check", {}, path).status_code == 303
    for who in (desk.officer, desk.counsel):
        refused = send(house.signed_in(who, "staff"), f"{path}/approve", {}, path)
        assert refused.status_code == 409
        assert "Whoever opened or checked an instrument does not approve it." in refused.text
    assert (
        send(house.signed_in(desk.second, "staff"), f"{path}/approve", {}, path).status_code == 303
    )
    assert "Continue to release" not in officer.get(path).text
    for browser, key, status in ((officer, KEY, 409), (counsel, "age1 <b>", 422)):
        assert send(browser, f"{path}/key", {"key": key}, path).status_code == status
    assert "This is no public key of age" in send(counsel, f"{path}/key", {"key": "x"}, path).text
    assert send(counsel, f"{path}/key", {"key": f" {KEY}\n"}, path).status_code == 303
    token = officer.get(path).text.partition('name="_token" value="')[2].partition('"')[0]
    question = officer.post(f"{path}/release", data={"_token": token})
    assert "Release what instrument" in question.text
    assert KEY in question.text
    other = str(pyrage.x25519.Identity.generate().to_public())
    for key in (other, KEY):  # whoever was asked about another key is asked once more
        assert send(counsel, f"{path}/key", {"key": key}, path).status_code == 303
        question = confirm(officer, question)
        assert key in question.text
    file = confirm(officer, question)
    assert file.headers["content-disposition"].startswith("attachment")
    assert b"Ann Marked" not in file.content
    files = orders.opened_files(file.content)
    manifest = json.loads(files["manifest.json"])
    assert [(each["number"], each["sha256"]) for each in manifest["pages"]] == [
        (name[6:-4], sha256(text.encode()).hexdigest())
        for name, text in files.items()
        if name.startswith("pages/")
    ]
    assert "Ann Marked" in files[f"pages/{manifest['pages'][0]['number']}.txt"]
    assert confirm(officer, question).status_code == 303  # the same page a second time
    entries = [each.entry for each in house.provider.gate.gate.entries(ann)]
    assert len([each for each in entries if each.action == "share"]) == 1


def test_nobody_else_sees_the_desk(house: House, desk: Desk) -> None:
    """Neither managers nor the privacy desk, nor is it in their menus."""
    order = orders.approved(house, desk, demand(house, house.customer()))
    for role in ("manager", "privacy", "support"):
        browser = house.signed_in(house.staff(role, sign_in=role), "staff")
        for path in (DESK, f"{DESK}/{order.instrument_id}"):
            assert browser.get(path).status_code == 403
        assert DESK not in browser.get("/staff").text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"accounts": ""}, "accounts"),
        ({"accounts": "0"}, "accounts"),
        ({"accounts": "\n".join(str(each) for each in range(900))}, "accounts"),
        ({"fields": ""}, "fields"),
        ({"fields": "<script>"}, "fields"),
        ({"recipient": ""}, "recipient"),
        ({"recipient": "advertiser"}, "recipient"),
        ({"kind": "rumour"}, "kind"),
        ({"kind": "determination", "belief": "It was them."}, "ground"),
        ({"kind": "determination", "ground": "offers", "belief": "It was them."}, "ground"),
        ({"kind": "determination", "ground": "suspected-fraud", "belief": " "}, "belief"),
        ({"ends-year": "2020"}, "ends"),
        (
            {
                f"period_{name}-{part}": value
                for name, day in {"start": "2026-03-02", "end": "2026-02-01"}.items()
                for part, value in zip(("year", "month", "day"), day.split("-"), strict=True)
            },
            "period_end",
        ),
        ({"ends-year": "9999"}, "ends"),
        ({"ends-day": "", "ends-month": "", "ends-year": ""}, "ends"),
    ],
)
def test_an_instrument_without_reach_or_term_is_not_opened(
    house: House, desk: Desk, changes: dict[str, str], field: str
) -> None:
    """The form says at which field what is wrong, and nothing is kept."""
    browser = house.signed_in(desk.officer, "staff")
    answer = open_by_page(browser, form(house, house.customer(), **changes))
    assert answer.status_code == 422
    assert f'href="#f-{field}' in answer.text or f'id="e-{field}"' in answer.text
    with house.provider.gate.gate.look() as tables:
        assert desk.instruments.all(tables) == []


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (b"", 422),
        (b"#!/bin/sh\nrm -r /\n", 422),
        (b"<html><script>alert(1)</script>", 422),
        (b"%PDF-" + b"x" * 10_000_000, 422),
        (b"%PDF-" + b"x" * 50_000_000, 413),
    ],
)
def test_a_document_that_is_none_is_not_accepted(
    house: House, desk: Desk, document: bytes, status: int
) -> None:
    """A script, a page of the web, nothing, and more than ten megabytes."""
    browser = house.signed_in(desk.officer, "staff")
    assert open_by_page(browser, form(house, house.customer()), document).status_code == status


def test_a_request_without_force_is_recorded_with_the_text_that_answers_it(
    house: House, desk: Desk
) -> None:
    """It needs no reach; nothing can be released under it."""
    browser = house.signed_in(desk.officer, "staff")
    data = {"kind": "informal", "issuer": "An officer", "reference": "By phone"}
    answer = open_by_page(browser, data, b"")
    assert answer.status_code == 303
    path = answer.headers["location"].partition("?")[0]
    assert "We give nothing about our customers" in browser.get(path).text
    assert send(browser, f"{path}/release", {}, path).status_code == 409


def _relate(transaction: GateTransaction, person: PersonId, user: UserId) -> None:
    transaction.tables.insert(desk_own, person_id=person, user_id=user)


def test_nobody_handles_an_account_of_their_own(house: House, desk: Desk) -> None:
    """Neither do they open an instrument about it, nor approve or release one."""
    ann = house.customer()
    order = orders.opened(house, desk, demand(house, ann))
    house.do(lambda t: desk.instruments.check(t, order.instrument_id, desk.counsel))
    for who in (desk.second, desk.officer):
        house.do(partial(_relate, person=ann, user=who))
    wanted = demand(house, ann)
    name = order.instrument_id
    assert code_of(lambda: orders.opened(house, desk, wanted)) == "legal-own"
    assert (
        code_of(lambda: house.do(lambda t: desk.instruments.approve(t, name, desk.second)))
        == "legal-own"
    )


def test_without_a_key_nothing_leaves_and_no_page_of_two_releases_has_the_same_number(
    house: House, desk: Desk
) -> None:
    """A hold has no key, and one that was refused takes none any more."""
    ann = house.customer()
    order = orders.opened(house, desk, demand(house, ann))
    name = order.instrument_id
    house.do(lambda t: desk.instruments.check(t, name, desk.counsel))
    house.do(lambda t: desk.instruments.approve(t, name, desk.second))
    assert code_of(lambda: orders.release(house, desk, order)) == "legal-key"
    orders.give_key(house, desk, name)
    pages = [
        {each for each in orders.texts(orders.release(house, desk, order)) if "/" in each}
        for _ in range(2)
    ]
    assert pages[0].isdisjoint(pages[1])
    hold = orders.approved(house, desk, demand(house, ann, kind="preservation", fields=()))
    gone = orders.opened(house, desk, demand(house, ann))
    house.do(lambda t: desk.instruments.refuse(t, gone.instrument_id, desk.counsel))
    for each in (hold, gone):
        assert code_of(partial(orders.give_key, house, desk, each.instrument_id)) == "legal-state"


def test_an_instrument_proves_for_no_other(house: House, desk: Desk) -> None:
    """What one names is not released under another, though both name the same customer."""
    ann = house.customer()
    first = orders.approved(house, desk, demand(house, ann, fields=("name",)))
    orders.approved(house, desk, demand(house, ann, fields=("email",)))
    assert isinstance(orders.release(house, desk, first, fields=["email"]), Refused)
    assert not isinstance(orders.release(house, desk, first), Refused)


def test_nothing_leaves_past_the_desk(house: House, desk: Desk) -> None:
    """A program that asks the gate by itself is stopped by the duty, whatever is proven."""
    ann = house.customer()
    order = orders.approved(house, desk, demand(house, ann))
    act = Act(
        action="share",
        data=("name",),
        recipient="court",
        party=order.party,
        purpose="legal-process",
        occasion="other",
    )
    assert code_of(lambda: house.do(lambda t: t.act(act, ann))) == "legal-reach"
    assert all(e.entry.action != "share" for e in house.provider.gate.gate.entries(ann))


def test_of_rows_those_of_the_period_alone_are_released(house: House, desk: Desk) -> None:
    """What came in before or after is left out, and the page says so."""
    ann = house.customer()
    starts = house.clock.now()
    for each in ("Of before", "Of the period", "Of after"):
        house.do(
            partial(message_copies.add_from_staff, person_id=ann, subject=each, text="", about="")
        )
        house.clock.moved += timedelta(days=1)
    order = demand(
        house,
        ann,
        fields=("messages",),
        period_start=starts + timedelta(hours=12),
        period_end=starts + timedelta(hours=36),
    )
    files = orders.texts(orders.release(house, desk, orders.approved(house, desk, order)))
    pages = "".join(text for name, text in files.items() if name.startswith("pages/"))
    assert "Of the period" in pages
    assert "Of before" not in pages
    assert "Of after" not in pages


def test_while_an_order_forbids_it_no_page_of_the_customer_tells(house: House, desk: Desk) -> None:
    """Opened, approved, released: each page of theirs is as it was, but for the time of day."""
    ann = house.customer()
    silence = house.clock.now() + timedelta(days=20)
    order = orders.approved(house, desk, demand(house, ann, silence_end=silence))
    assert not isinstance(orders.release(house, desk, order), Refused)
    orders.send_notices(house, desk)
    browser = house.signed_in(ann)
    for path in LOOKS:
        text = browser.get(path).text
        for word in (
            order.party,
            order.party.replace("-", " ").title(),
            "Larch County",
            "instrument",
        ):
            assert word not in text, (path, word)
        assert "shared your name" not in text, path
    house.clock.moved += timedelta(days=21)
    assert orders.send_notices(house, desk) == 1
    browser = house.signed_in(ann)
    assert "shared your name" in browser.get("/me/privacy/received?month=2026-03").text


def test_whoever_is_erased_before_the_release_is_not_in_it(house: House, desk: Desk) -> None:
    """Of two whom it names one is released, and the manifest says how many there were."""
    ann, ben = house.customer(), house.customer("ben@marked.example", name="Ben Other")
    order = orders.approved(house, desk, demand(house, ann, ben))
    assert erase(house.provider.gate.gate, [ben])
    files = orders.texts(orders.release(house, desk, order))
    assert '"persons_named": 2' in files["manifest.json"]
    assert '"persons_released": 1' in files["manifest.json"]
    assert "Ben Other" not in "".join(files.values())
    assert erase(house.provider.gate.gate, [ann])
    assert code_of(lambda: orders.release(house, desk, order)) == "legal-nobody"


def test_what_is_preserved_is_kept_for_its_term_and_goes_when_that_ends(
    house: House, desk: Desk
) -> None:
    """An order to preserve is a hold of exactly those whom it names."""
    ann, ben = house.customer(), house.customer("ben@marked.example", name="Ben Other")
    order = orders.approved(house, desk, demand(house, ann, kind="preservation", fields=()))
    store = Act(action="store", data=("name",))

    def kept(whom: PersonId) -> bool:
        records, _ = house.do(lambda t: t.records_of([whom], ["hold"]))
        return any(each.ends is None or each.ends > 0 for each in records)

    assert kept(ann)
    assert not kept(ben)
    assert code_of(lambda: orders.release(house, desk, order)) == "legal-state"
    assert house.do(lambda t: t.peek(ann, store)).allowed
    ended = house.do(lambda t: desk.instruments.end(t, order.instrument_id, desk.officer))
    assert ended.state == "ended"


def test_what_was_ended_proves_nothing(house: House, desk: Desk) -> None:
    """An order that was set aside releases nothing, and its silence stays as long as it said."""
    ann = house.customer()
    silence = house.clock.now() + timedelta(days=20)
    order = orders.approved(house, desk, demand(house, ann, silence_end=silence))
    house.do(lambda t: desk.instruments.end(t, order.instrument_id, desk.officer))
    assert code_of(lambda: orders.release(house, desk, order)) == "legal-state"

    def silent(transaction: GateTransaction) -> bool:
        records, _ = transaction.records_of([ann], ["instrument"])
        return any(each.fact == "gag-order" and each.withdrawn is None for each in records)

    assert house.do(silent)


def test_an_emergency_is_in_force_at_once_and_reviewed_by_somebody_else(
    house: House, desk: Desk
) -> None:
    """By the pages: one officer determines and releases; another reviews, once."""
    ann = house.customer()
    officer = house.signed_in(desk.officer, "staff")
    belief = "She called & the line <b>broke</b>."
    data = form(
        house,
        ann,
        kind="determination",
        ground="physical-safety",
        belief=belief,
        recipient="emergency-service",
    )
    answer = open_by_page(officer, data, b"")
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"].partition("?")[0]
    page = officer.get(path).text
    assert "In force at once" in page
    assert "She called &amp; the line &lt;b&gt;broke&lt;/b&gt;." in page
    assert send(officer, f"{path}/review", FOUND, path).status_code == 409  # nothing was released
    assert send(officer, f"{path}/release", {}, path).status_code == 409  # to no key
    assert send(officer, f"{path}/key", {"key": KEY}, path).status_code == 303
    file = send(officer, f"{path}/release", {}, path).content
    assert "manifest.json" in orders.opened_files(file)
    assert send(officer, f"{path}/review", FOUND, path).status_code == 409
    second = house.signed_in(desk.second, "staff")
    assert "The review" in second.get(path).text
    assert send(second, f"{path}/review", {"finding": "\u200b "}, path).status_code >= 400
    assert send(second, f"{path}/review", FOUND, path).status_code == 303
    assert "It had to be: &lt;b&gt;she&lt;/b&gt; was there." in second.get(path).text
    assert send(second, f"{path}/review", FOUND, path).status_code == 409


def test_counsel_alone_makes_no_determination_and_nothing_of_ours_is_silent(
    house: House, desk: Desk
) -> None:
    """An officer determines, and we forbid ourselves nothing to tell."""
    ann = house.customer()
    wanted = demand(
        house, ann, kind="determination", ground="suspected-fraud", belief="It was them."
    )
    assert (
        code_of(lambda: house.do(lambda t: desk.instruments.open(t, wanted, b"", desk.counsel)))
        == "legal-role"
    )
    silent = wanted._replace(silence_end=house.clock.now() + timedelta(days=3))
    assert code_of(lambda: orders.opened(house, desk, silent, b"")) == "legal-period"
    for kind in ("court-order", "claim"):
        order = orders.opened(house, desk, demand(house, ann, kind=kind))
        name = order.instrument_id
        assert code_of(partial(house.do, partial(_approve, desk=desk, name=name))) == "legal-state"


def _approve(transaction: GateTransaction, desk: Desk, name: str) -> object:
    return desk.instruments.approve(transaction, InstrumentId(name), desk.second)


@pytest.mark.parametrize("days", [0, 90], ids=["told", "silent"])
def test_a_refusal_is_entered_about_whom_an_order_does_not_name_unless_it_is_silent(
    house: House, days: int
) -> None:
    """What nobody may speak of is in no account but the desk's, nor once the silence is over."""
    desk, ann = desk_of(house), house.customer()
    ben = house.customer("ben@marked.example", name="Ben Other")
    silence = house.clock.now() + timedelta(days=days) if days else None
    order = orders.approved(house, desk, demand(house, ann, silence_end=silence))
    gate = house.provider.gate.gate
    before = len(gate.entries(ben))
    outcome = orders.release(house, desk, order, accounts=[orders.account_of(house, ben)])
    assert isinstance(outcome, Refused)
    assert outcome.decision is not None
    assert outcome.decision.clauses == ("legal-process",)
    assert len(gate.entries(ben)) == before + (0 if days else 1)
    with gate.together() as transaction:
        (one,) = [
            e for e in transaction.stored_entries(AccountQuery()) if e.number == outcome.entry
        ]
    assert (one.entry.kind, one.person_id) == (("legal.beyond", None) if days else ("refusal", ben))
    house.clock.moved += timedelta(days=200)
    assert len(gate.entries(ben)) == before + (0 if days else 1)
