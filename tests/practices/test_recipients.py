"""Companies that received something are asked to correct or delete it, and answer."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from practices.conftest import House, send
from practices.programmes import deliver, join, leave, programme, run
from practices.suppliers import order, supplied_plan
from practices.test_agreements import manager
from practices.test_deliveries import confirm, hand_out, make, permit, supplier
from practices.test_partner_pulls import Program
from practices.test_request_desk import take
from upheld.core.ids import PersonId, RecordId
from upheld.database.transaction import reading
from upheld.gate.erasure.erase import erase
from upheld.gate.log import entries
from upheld.practice import deliveries, parties, party_mail, recipient_requests, tasks
from upheld.practice.events import ACCOUNT_CLOSED
from upheld.practice.party_mail import PartyMailError
from upheld.practice.recipient_requests import ANSWERED, CORRECT, DELETE, RecipientRequest
from upheld.practice.tables import recipient_request
from upheld.practices.agreements import recipients
from upheld.practices.agreements.signatures import is_signed
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.company_mail import CompanyMail
from upheld.practices.programmes import programmes, runs
from upheld.practices.rights import choices, corrections, erasure, value_erasure
from upheld.vault.erasures import token
from upheld.web import sessions

HERE, DESK = "/partner/requests", "/staff/recipients"


def let_receive(house: House, party: str, person: PersonId) -> str:
    """Let a company receive somebody's name and address of mail; by which id it knows them."""
    its = make(house, party, [person])
    lines = hand_out(house, its).lines.splitlines()
    confirm(house, its)
    assert len(lines) == 2
    return house.do(lambda t: deliveries.name_for(t, party, person))


def asked_of(house: House, party: str) -> list[RecipientRequest]:
    """What a company is asked."""
    return house.do(lambda t: recipients.of_party(t, party))


def words(every: list[RecipientRequest]) -> list[tuple[str, str, tuple[str, ...]]]:
    """What is asked, why, and of which kinds of data."""
    return [(each.what, each.why, each.fields) for each in every]


def test_a_correction_goes_to_whoever_received_the_value_and_to_nobody_else(house: House) -> None:
    """What another company has, and what waits to be given out, is left alone; asked once."""
    ann, party, other = house.customer(phone="+1 425 555 0141"), supplier(house), "southern-mail"
    assert supplier(house, "Southern Mail") == other
    for each in (party, other):
        permit(house, ann, each)
    name = let_receive(house, party, ann)
    make(house, other, [ann])
    for value in ("Ann Marks", "Ann Marke"):
        house.do(partial(corrections.correct, person_id=ann, field="name", value=value))
    house.do(lambda t: corrections.correct(t, ann, "phone", "+1 425 555 0142"))
    (one,) = asked_of(house, party)
    assert words([one]) == [(CORRECT, "corrected", ("name",))]
    assert (one.name, one.due - one.asked_at) == (name, timedelta(days=14))
    assert asked_of(house, other) == []
    page = house.signed_in(ann).get("/me/privacy/received").text
    assert "asked <strong>Fjord Mail</strong>" in page
    assert "asked for your name to be corrected by a supplier" in page


def test_what_was_permitted_and_is_withdrawn_is_to_be_deleted(house: House) -> None:
    """By the button of the choices; what was let out by another record is left alone."""
    ann, party = house.customer(), supplier(house)
    record = permit(house, ann, party)
    let_receive(house, party, ann)
    send(house.signed_in(ann), f"/me/privacy/choices/{record}", {}, "/me/privacy/choices")
    assert words(asked_of(house, party)) == [(DELETE, "withdrawn", ("email", "name"))]
    bo = house.customer("bo@marked.example")
    permit(house, bo, party)
    let_receive(house, party, bo)
    house.do(lambda t: recipient_requests.ground_over(t, bo, RecordId("0" * 32)))
    assert len(asked_of(house, party)) == 1
    house.do(lambda t: choices.opt(t, bo, choices.OFFERS, "support", out=True))
    assert words(asked_of(house, party))[-1] == (DELETE, "opted-out", ("email", "name"))


def test_who_leaves_a_programme_has_what_it_got_deleted_and_so_has_its_end(house: House) -> None:
    """The request on leaving is about one person, the one at the end about all under it, once."""
    ann, its = house.customer(), programme(house)
    browser = house.signed_in(ann)
    assert join(browser, its) == 303
    run(house, its)
    assert len(deliver(house, its)) == 1
    assert leave(browser, its) == 303
    (one,) = asked_of(house, its.party)
    assert (one.why, bool(one.name), one.reference) == ("withdrawn", True, "")
    house.do(lambda t: programmes.end(t, its.programme_id, actor="staff mo"))
    for _ in range(2):
        runs.run_all(house.provider.gate.gate)
    over = [each for each in asked_of(house, its.party) if each.why == "programme-over"]
    assert [(each.name, each.reference) for each in over] == [("", its.programme_id)]


def test_an_order_that_ends_has_its_supplier_delete_what_it_got(house: House) -> None:
    """Closing the account ends it, and what was given out for the order is asked for."""
    plan, person = supplied_plan(house), house.customer()
    assert order(house, person) == 303
    (its,) = house.do(lambda t: deliveries.latest(t.tables, party=plan.supplier))
    hand_out(house, its)
    confirm(house, its)
    house.do(lambda t: house.provider.events.announce(t, ACCOUNT_CLOSED, person))
    assert words(asked_of(house, plan.supplier)) == [(DELETE, "order-over", ("email", "name"))]


def test_twenty_answers_at_once_count_once_and_anothers_id_is_nothing(house: House) -> None:
    """The entry is one and its person reads it; a company that is renamed keeps its requests."""
    ann, party = house.customer(), supplier(house)
    permit(house, ann, party)
    let_receive(house, party, ann)
    house.do(lambda t: corrections.correct(t, ann, "name", "Ann Marks"))
    house.do(lambda t: parties.rename(t, party, "Fjord & Sons"))
    (one,) = asked_of(house, party)
    assert one.company == "Fjord & Sons"
    stranger = house.staff(kind="agent", sign_in="ed", party=supplier(house, "Southern Mail"))
    browser = house.signed_in(stranger, "agent")
    assert send(browser, f"{HERE}/{one.request_id}", {}, HERE).status_code == 404
    by = manager(house)
    program = Program(house, party, by)
    (data,) = program.ask("/requests", {})[1]["requests"]
    key, signature = (base64.b64decode(data[each]) for each in ("key", "signature"))
    assert is_signed(key, data["statement"], signature)
    assert f"request: {one.request_id}\n" in data["statement"]

    def answer(_: int) -> None:
        house.do(lambda t: recipients.acknowledge(t, party, one.request_id, actor="agent nora"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(answer, range(20)))
    assert program.ask(f"/requests/{one.request_id}", {})[1]["answered"]
    with reading(house.provider.gate.gate.engine) as connection:
        assert len(list(entries.of_kind(connection, ANSWERED[CORRECT]))) == 1
    assert "confirmed the correction of your name by" in (
        house.signed_in(ann).get("/me/privacy/received").text
    )


def test_silence_turns_late_for_the_company_the_desk_and_the_customer(house: House) -> None:
    """Until the company says so, or our staff note what it told them."""
    ann, party = house.customer(), supplier(house)
    permit(house, ann, party)
    let_receive(house, party, ann)
    house.do(lambda t: corrections.correct(t, ann, "name", "Ann Marks"))
    agent = house.signed_in(house.staff(kind="agent", sign_in="ed", party=party), "agent")
    assert "Late" not in agent.get(HERE).text
    house.clock.moved += timedelta(days=14, minutes=1)
    desk = house.signed_in(manager(house), "staff")
    agent = house.signed_in(house.staff(kind="agent", sign_in="eve", party=party), "agent")
    customer = house.signed_in(ann)
    assert "not confirmed them in time: 1" in desk.get("/staff").text
    for page in (agent.get(HERE), desk.get(DESK), customer.get("/me/privacy/received")):
        assert page.status_code == 200
        assert "late" in page.text.lower()
        assert "Ann Marks" not in page.text.split("<main")[1]
    (one,) = asked_of(house, party)
    assert send(desk, f"{DESK}/{one.request_id}", {}, DESK).status_code == 303
    assert send(desk, f"{DESK}/{one.request_id}", {}, DESK).status_code == 404
    assert "It confirmed that" in customer.get("/me/privacy/received").text


def test_the_certificate_of_an_erasure_says_who_confirmed_and_who_has_not(house: House) -> None:
    """Nothing of the person stays in the requests but the ids by which each company knew them."""
    ann, party, other = house.customer(), supplier(house), supplier(house, "Southern Mail")
    for each in (party, other):
        permit(house, ann, each)
    names = {let_receive(house, each, ann) for each in (party, other)}
    gate = house.provider.gate.gate
    erase(gate, [ann])
    (one,), (two,) = asked_of(house, party), asked_of(house, other)
    assert words([one, two]) == [(DELETE, "erased", ("email", "name"))] * 2
    assert {one.name, two.name} == names
    rows = house.do(lambda t: t.tables.select(recipient_request))
    assert {each.person_id for each in rows} == {""}
    assert ann not in repr(rows)
    assert "marked" not in repr(rows).lower()
    house.do(lambda t: recipients.acknowledge(t, party, one.request_id, actor="agent nora"))
    house.clock.moved += timedelta(days=15)
    raw = house.do(
        lambda t: sessions.mint(
            t.tables,
            erasure.LINK,
            token(t.context.keyring, ann),
            erasure.LASTS,
            house.clock.now(),
        )
    )
    page = house.browser().get(f"/erased/{raw}").text
    first = page[page.index("Fjord Mail") : page.index("Southern Mail")]
    assert "confirmed on" in first
    assert "not confirmed, overdue since" in page[page.index("Southern Mail") :]


def test_a_kind_of_data_that_is_erased_alone_is_asked_for_alone(house: House) -> None:
    """What the company said that it deleted is not asked for again."""
    ann, party = house.customer(occupation="gardener"), supplier(house)
    permit(house, ann, party)
    let_receive(house, party, ann)
    result = house.do(lambda t: value_erasure.erase(t, ann, "occupation"))
    assert asked_of(house, party) == [], result
    for _ in range(2):
        house.do(lambda t: recipient_requests.erased_field(t, ann, "name"))
        every = asked_of(house, party)
        assert words(every) == [(DELETE, "erased", ("name",))]
        which = every[0].request_id
        house.do(partial(recipients.acknowledge, party=party, request_id=which, actor="agent a"))


def test_a_company_without_people_here_is_written_to_once_at_its_address(house: House) -> None:
    """With the signed request and nothing of the person; whoever has a page reads it there."""
    ann, party, other = house.customer(), supplier(house), supplier(house, "Southern Mail")
    for each in (party, other):
        permit(house, ann, each)
        let_receive(house, each, ann)
        house.do(partial(party_mail.put, party=each, address="desk@fjord.example"))
    with pytest.raises(PartyMailError):
        house.do(lambda t: party_mail.put(t, party, "desk@fjord.example\nBcc: a@b.example"))
    house.staff(kind="agent", sign_in="ed", party=other)
    house.do(lambda t: corrections.correct(t, ann, "name", "Ann Marks"))
    for _ in range(2):
        recipients.write_to_companies(house.provider.gate.gate)
    box, name = Box(), asked_of(house, party)[0].name
    mail = CompanyMail(house.provider, box)
    sent = [mail.run(house.provider.gate.gate) for _ in range(2)]
    assert sent == [1, 0]
    (letter,) = box.messages
    assert letter["To"] == "desk@fjord.example"
    text = letter.get_content()
    assert f"about: {name}\n" in text.replace("\r\n", "\n")
    assert "Marks" not in text


def test_a_company_that_does_not_answer_is_reminded_once_a_week(house: House) -> None:
    """From the day on which it is late, with people here or without; an answer ends it."""
    ann, party, other = house.customer(), supplier(house), supplier(house, "Southern Mail")
    for each in (party, other):
        permit(house, ann, each)
        let_receive(house, each, ann)
        house.do(partial(party_mail.put, party=each, address=f"desk@{each}.example"))
    house.staff(kind="agent", sign_in="ed", party=other)
    house.do(lambda t: corrections.correct(t, ann, "name", "Ann Marks"))
    gate = house.provider.gate.gate
    days = (0, 13, 14, 20, 21)
    counts = []
    for before, day in zip((0, *days), days, strict=False):
        house.clock.moved += timedelta(days=day - before)
        counts.append([recipients.write_to_companies(gate) for _ in range(2)])
    assert counts == [[1, 0], [0, 0], [2, 0], [0, 0], [2, 0]]
    (one,) = asked_of(house, party)
    house.do(lambda t: recipients.acknowledge(t, party, one.request_id, actor="staff mo"))
    house.clock.moved += timedelta(days=7)
    assert recipients.write_to_companies(gate) == 1
    box = Box()
    CompanyMail(house.provider, box).run(gate)
    subjects = [
        str(each["Subject"]) for each in box.messages if each["To"] == f"desk@{other}.example"
    ]
    assert len(subjects) == 3
    assert all(each.startswith("Reminder") for each in subjects)


def test_a_company_that_is_off_the_register_still_owes_its_answers(house: House) -> None:
    """Its people read what it was asked and answer, and the desk sees it until then."""
    ann, party = house.customer(), supplier(house)
    permit(house, ann, party)
    let_receive(house, party, ann)
    house.do(lambda t: corrections.correct(t, ann, "name", "Ann Marks"))
    house.do(lambda t: parties.end(t, party))
    (one,) = asked_of(house, party)
    desk = house.signed_in(manager(house), "staff")
    assert one.request_id in desk.get(DESK).text
    agent = house.signed_in(house.staff(kind="agent", sign_in="ed", party=party), "agent")
    assert send(agent, f"{HERE}/{one.request_id}", {}, HERE).status_code == 303
    assert one.request_id not in desk.get(DESK).text


def test_the_desk_reads_which_companies_were_asked_about_a_correction(house: House) -> None:
    """On the page of the request once the value was changed, and of that kind of data alone."""
    ann, party = house.customer(), supplier(house)
    permit(house, ann, party)
    let_receive(house, party, ann)
    house.do(lambda t: corrections.hand_over(house.provider, t, ann, "name", "It is Marks."))
    (task,) = house.do(lambda t: tasks.open_tasks_on(t.tables, ann))
    staff, _ = take(house, task.task_id)
    page = f"/staff/requests/{task.task_id}"
    assert "Fjord Mail" not in staff.get(page).text
    assert send(staff, f"{page}/change", {"value": "Ann Marks"}, page).status_code == 303
    text = staff.get(page).text
    assert "<strong>Fjord Mail</strong>" in text
    assert "to correct" in text
