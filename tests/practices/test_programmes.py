"""Programmes: made, joined with the warning, run once each, left; one is nothing for another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from practices.conftest import House, send
from practices.programmes import (
    FIELDS,
    TEXT,
    deliver,
    draft,
    join,
    leave,
    partner,
    programme,
    run,
    text_of,
    waiting,
)
from practices.test_guardians import family
from upheld.core.ids import PersonId
from upheld.database.transaction import writing
from upheld.gate.act.request import Act, Refused
from upheld.gate.erasure.erase import erase
from upheld.practice import deliveries, parties
from upheld.practice.deliveries import DeliveryError
from upheld.practice.events import ACCOUNT_CLOSED
from upheld.practices.programmes import members, programmes
from upheld.practices.programmes.members import Membership
from upheld.practices.programmes.programmes import Programme, ProgrammeError
from upheld.practices.programmes.runs import Run, run_all

DESK = "/staff/programmes"


def state(house: House, person: PersonId, its: Programme) -> str:
    """Where somebody stands with a programme; empty if they had nothing to do with it."""
    mine = house.do(lambda t: members.of_person(t.tables, person)).get(its.programme_id)
    return mine.state if mine else ""


def is_allowed(house: House, person: PersonId, act: Act) -> bool:
    """Whether the gate lets an act be done on somebody."""
    return not isinstance(house.do(lambda t: t.act(act, person)), Refused)


def _not_sent(house: House) -> bool:
    try:
        its = programme(house)
    except ProgrammeError:
        return True
    join(house.signed_in(house.customer()), its)
    return run(house, its) == Run()


RESTS_ON = {"programmes": _not_sent, "programme-warning": _not_sent}


def test_what_goes_to_whom_and_the_warning_stand_above_a_box_that_nobody_ticked(
    house: House,
) -> None:
    """The warning has the words of the policy's own clause, and the text runs no script."""
    its = programme(house)
    browser = house.signed_in(house.customer())
    assert "Letters" in browser.get("/me/programmes").text
    page = browser.get(f"/me/programmes/{its.programme_id}").text
    shown = text_of(page)
    assert "Fjord Letters" in shown
    assert "my name and e-mail address" in shown
    assert "We cannot warrant that the other company has a privacy policy" in shown
    assert " ".join(TEXT.split()) in shown
    assert "<b>write</b>" not in page
    assert "checked" not in page
    assert join(browser, its, agree="") == 422
    assert join(browser, its, agreement="0" * 64) == 409
    assert browser.get("/me/programmes/nothing").status_code == 404


def test_joining_is_a_record_with_the_text_that_was_shown(house: House) -> None:
    """Its digest is that of the text, and the customer finds the record among their choices."""
    its, person = programme(house), house.customer()
    browser = house.signed_in(person)
    assert join(browser, its) == 303
    (record,) = house.do(lambda t: t.records_of([person], [programmes.KIND])[0])
    text = house.do(lambda t: t.text_shown(person, record.record_id))
    assert text == programmes.wording(house.policy, its)
    assert record.text_digest == members.digest(text)
    assert "We cannot warrant" in text
    assert "I join the programme" in browser.get("/me/privacy/choices").text
    assert "You joined a programme" in browser.get("/me/privacy/received").text


def test_a_run_sends_who_joined_once_and_nothing_after_they_left(house: House) -> None:
    """What waits when somebody leaves is kept back; who joins again is sent again."""
    its, ann = programme(house), house.customer()
    bob = house.customer(email="bob@marked.example")
    browser = house.signed_in(ann)
    for each in (browser, house.signed_in(bob)):
        assert join(each, its) == 303
    assert run(house, its) == Run(2, 1, 0)
    assert run(house, its) == Run()
    assert leave(browser, its) == 303
    assert deliver(house, its) == [{"name": "Ann Marked", "email": "bob@marked.example"}]
    assert run(house, its) == Run()
    assert join(browser, its) == 303
    assert run(house, its) == Run(1, 1, 0)
    assert deliver(house, its) == [{"name": "Ann Marked", "email": "ann@marked.example"}]
    account = browser.get("/me/privacy/received").text
    assert "by #programmes" in text_of(account) or "/privacy#programmes" in account


def test_leaving_by_withdrawing_the_record_is_leaving(house: House) -> None:
    """The page of choices withdraws it in one click, and what waits is kept back at once."""
    its, person = programme(house), house.customer()
    browser = house.signed_in(person)
    join(browser, its)
    run(house, its)
    (record,) = house.do(lambda t: t.records_of([person], [programmes.KIND])[0])
    page = "/me/privacy/choices"
    assert send(browser, f"{page}/{record.record_id}", {}, page).status_code == 303
    assert state(house, person, its) == "left"
    assert deliver(house, its) == []


def test_one_programme_is_nothing_for_another(house: House) -> None:
    """Neither of another company nor of the same one, and no act without a programme is allowed."""
    party = partner(house)
    one, same = programme(house, party), programme(house, party, "Parcels")
    other = programme(house, partner(house, "Quay Letters"), "Tides")
    person = house.customer()
    assert join(house.signed_in(person), one) == 303
    assert is_allowed(house, person, one.act)
    for each in (same, other):
        assert not is_allowed(house, person, each.act)
        assert run(house, each) == Run()
    plain = Act(
        action="share",
        data=FIELDS,
        recipient=programmes.PARTNER,
        purpose=programmes.PURPOSE,
        occasion="other",
        party=party,
    )
    assert not is_allowed(house, person, plain)


def test_twenty_runs_joins_and_leaves_at_once_send_once(house: House) -> None:
    """Who joined is in one delivery, however many runs there are, and in none once they left."""
    its, ann = programme(house), house.customer()
    wording = members.digest(programmes.wording(house.policy, its))

    def join_once(_: int) -> Membership:
        return house.do(lambda t: members.join(house.provider, t, ann, its, wording))

    with ThreadPoolExecutor(20) as pool:
        assert len({each.record_id for each in pool.map(join_once, range(20))}) == 1
        runs = list(pool.map(lambda _: run(house, its), range(20)))
    assert sum(each.people for each in runs) == 1
    assert len(waiting(house, its)) == 1

    def leave_once(_: int) -> str:
        return house.do(lambda t: members.leave(t, ann, its.programme_id, actor="customer")).state

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(leave_once, range(20))) == {"left"}
    entries = house.provider.gate.gate.entries(ann)
    actions = [each.entry.action for each in entries]
    assert actions.count("add programme-consent") == 1
    assert actions.count("withdraw programme-consent") == 1
    assert deliver(house, its) == []


def test_a_run_that_was_killed_goes_on_where_it_was(house: House) -> None:
    """What was not committed leaves neither entry nor delivery, and is sent by the next run."""
    its, person = programme(house), house.customer()
    join(house.signed_in(person), its)

    class KilledError(Exception):
        """Stands for the end of the process."""

    with pytest.raises(KilledError), house.provider.gate.gate.together() as transaction:
        deliveries.send(transaction, its.act, [person])
        raise KilledError
    assert waiting(house, its) == []
    assert run(house, its) == Run(1, 1, 0)


def test_a_programme_is_over_on_its_last_day(house: House) -> None:
    """It can neither be joined nor run, and what waits of it is not given out."""
    party, person = partner(house), house.customer()
    until = house.clock.today() + timedelta(days=2)
    its = house.do(
        lambda t: programmes.make(t, draft(party)._replace(until=until), actor="staff mo")
    )
    join(house.signed_in(person), its)
    run(house, its)
    house.clock.moved += timedelta(days=3)
    house.do(lambda t: t.accept_clock(house.clock.now()))
    assert deliver(house, its) == []
    with pytest.raises(ProgrammeError, match="not in force"):
        run(house, its)
    late = house.customer(email="late@marked.example")
    browser = house.signed_in(late)
    assert browser.get(f"/me/programmes/{its.programme_id}").status_code == 404
    with pytest.raises(ProgrammeError, match="cannot be joined"):
        house.do(lambda t: members.join(house.provider, t, late, its, ""))


def test_a_minor_joins_by_their_guardians_yes_and_sees_it(house: House) -> None:
    """Nobody else's guardian says it; the guardian takes it back, and so does the minor."""
    guardian, minor, browser = family(house)
    its = programme(house)
    assert join(browser, its) == 303
    assert state(house, minor, its) == "waiting"
    assert run(house, its) == Run()
    (mine,) = house.do(lambda t: members.of_person(t.tables, minor)).values()
    page = f"/me/programmes/requests/{mine.request_id}"
    mum = house.signed_in(guardian)
    assert mine.code in mum.get("/me").text
    for stranger in (house.signed_in(house.customer()), browser):
        assert stranger.get(page).status_code == 404
        assert send(stranger, page, {"agree": "yes"}, "/me/programmes").status_code == 404
    shown = mum.get(page).text
    assert "We cannot warrant" in shown
    digest = members.digest(programmes.wording(house.policy, its))
    assert send(mum, page, {"agreement": digest}, page).status_code == 422
    assert send(mum, page, {"agree": "yes", "agreement": digest}, page).status_code == 303
    assert "your guardian said yes" in browser.get(f"/me/programmes/{its.programme_id}").text
    assert run(house, its).people == 1
    assert send(mum, f"{page}/decline", {}, page).status_code == 303
    assert state(house, minor, its) == "left"
    assert deliver(house, its) == []


def test_what_a_guardian_joined_ends_with_their_permission(house: House) -> None:
    """Who takes back the permission to use the services has nothing shared for a minor either."""
    guardian, minor, browser = family(house)
    its = programme(house)
    join(browser, its)
    (mine,) = house.do(lambda t: members.of_person(t.tables, minor)).values()
    digest = members.digest(programmes.wording(house.policy, its))
    house.do(lambda t: members.approve(house.provider, t, guardian, mine.request_id, digest))
    form = {"what": "permission", "how": "withdraw"}
    send(house.signed_in(guardian), f"/me/family/{minor}", form)
    assert state(house, minor, its) == "left"


def test_whoever_closes_their_account_or_is_erased_is_in_no_programme(house: House) -> None:
    """What waits of them is kept back, or goes with them."""
    its, ann = programme(house), house.customer()
    bob = house.customer(email="bob@marked.example")
    for each in (ann, bob):
        join(house.signed_in(each), its)
    run(house, its)
    house.do(lambda t: house.provider.events.announce(t, ACCOUNT_CLOSED, ann))
    erase(house.provider.gate.gate, [bob])
    assert deliver(house, its) == []
    assert house.do(lambda t: members.counts(t.tables, its.programme_id))["joined"] == 0


def test_no_service_depends_on_a_programme(house: House) -> None:
    """Every page of an account answers alike, and every act is decided alike, before and after."""
    its, person = programme(house), house.customer()
    browser = house.signed_in(person)
    pages = [card.href for card in house.provider.menu("customer")]
    acts = [
        Act(action="serve"),
        Act(action="use", data=("email",), purpose="support"),
        Act(action="contact", purpose="offers"),
        Act(action="view", data=("email",), actor="customer", purpose="service-provision"),
    ]

    def look() -> list[object]:
        statuses = [browser.get(each).status_code for each in pages]
        return [*statuses, *(is_allowed(house, person, each) for each in acts)]

    before = look()
    join(browser, its)
    run(house, its)
    assert look() == before
    leave(browser, its)
    assert look() == before


def test_a_manager_makes_runs_and_ends_a_programme(house: House) -> None:
    """The page offers what the policy lets a programme share, and asks before it ends one."""
    party, person = partner(house), house.customer()
    desk = house.signed_in(house.staff("manager", sign_in="mo"), "staff")
    form = {"title": "Letters", "party": party, "data": ["name", "email"], "purpose": "a letter"}
    page = desk.get(DESK).text
    assert 'value="interests"' in page
    assert 'value="card"' not in page
    assert send(desk, DESK, {**form, "text": ""}).status_code == 422
    assert send(desk, DESK, {**form, "text": TEXT, "data": ["card"]}).status_code == 422
    answer = send(desk, DESK, {**form, "text": TEXT})
    assert answer.status_code == 303
    its = house.do(lambda t: programmes.find(t.tables, "Letters"))
    join(house.signed_in(person), its)
    path = f"{DESK}/{its.programme_id}"
    assert send(desk, f"{path}/run", {}, path).status_code == 303
    assert len(waiting(house, its)) == 1
    assert send(desk, f"{path}/end", {}, path).status_code == 303
    assert send(desk, f"{path}/run", {}, path).status_code == 409
    assert deliver(house, its) == []


def test_nothing_runs_to_a_company_that_is_off_the_register(house: House) -> None:
    """The run says why, and the job goes on with the others."""
    party, person = partner(house), house.customer()
    its, other = programme(house, party), programme(house, partner(house, "Quay"), "Tides")
    browser = house.signed_in(person)
    for each in (its, other):
        join(browser, each)
    house.do(lambda t: parties.end(t, party))
    with pytest.raises(DeliveryError, match="register"):
        run(house, its)
    assert run_all(house.provider.gate.gate) == 1
    assert len(waiting(house, other)) == 1


def test_a_member_that_somebody_wrote_into_the_table_is_sent_nowhere(house: House) -> None:
    """A row is no consent: without our mark it is passed over, and without a record refused."""
    its, person = programme(house), house.customer()
    join(house.signed_in(person), its)
    forged = house.customer(email="bob@marked.example")
    with writing(house.provider.gate.gate.engine) as connection:
        connection.exec_driver_sql(f"UPDATE programme_member SET person_id = '{forged}'")
    assert run(house, its).people == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", ""),
        ("title", "x" * 101),
        ("title", "a\x00b"),
        ("purpose", " "),
        ("text", " \n"),
        ("fields", ()),
        ("fields", ("card",)),
        ("fields", ("nothing",)),
        ("party", "nobody"),
    ],
)
def test_a_programme_that_cannot_be_is_not_made(house: House, name: str, value: Any) -> None:
    """It needs a name, a purpose, a text, a company of the register, and data of the policy."""
    wrong = draft(partner(house))._replace(**{name: value})
    with pytest.raises(ProgrammeError):
        house.do(lambda t: programmes.make(t, wrong, actor="staff mo"))
    assert house.do(lambda t: programmes.every(t.tables)) == []
