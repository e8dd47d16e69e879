"""Permissions and opt-outs: given and ended as easily, with records, obeyed at the next act."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

import upheld
from empty import empty_database
from practices.conftest import TOKEN, House, send
from practices.test_guardians import (
    YES,
    ask_guardian,
    born,
    family,
    identified_guardian,
    kid,
    sign_up,
)
from practices.test_sign_up import GOOD, people_at
from upheld.core.ids import PersonId
from upheld.demo import sample_policy
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import GateTransaction
from upheld.practice import parties
from upheld.practice.ages import OFF_FOR_MINORS
from upheld.practices.rights import choices, consent_record, signals

PAGE = "/me/privacy/choices"
ACTS = {
    "offers": Act(action="contact", purpose="offers"),
    "advertising": Act(action="use", data=("interests",), purpose="advertising"),
}
GIVE = {"data": ["email"], "recipient": "supplier acme", "purpose": "support"}
AGREED = re.compile(r'name="agreed" value="([0-9a-f]{64})"')
SHARE = Act(
    action="share",
    data=("email",),
    recipient="supplier",
    purpose="support",
    occasion="other",
    party="acme",
)
HOSTILE = ("", "x" * 5_000, "<script>alert(1)</script>", "\U0001f600", "\u202ekcab", "a\x00b")
MANDATORY = frozenset(
    {
        "privacy_notice",
        "language",
        "purpose",
        "pii_information",
        "pii_controllers",
        "storage_locations",
        "retention_period",
        "jurisdiction",
        "recipient_third_parties",
        "withdrawal_method",
    }
)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough for these stories."""
    return empty_database(tmp_path)


@pytest.fixture(name="acme")
def _acme(house: House) -> str:
    """A supplier on the register, to whom something can be permitted; its word."""
    return house.do(lambda t: parties.add(t, "Acme", "supplier")).party


def shared(house: House, person: PersonId) -> bool:
    """Whether an address goes to a supplier."""
    return not isinstance(house.do(lambda transaction: transaction.act(SHARE, person)), Refused)


@pytest.mark.usefixtures("acme")
def test_a_permission_is_agreed_to_in_words_and_its_withdrawal_stops_the_next_share(
    house: House,
) -> None:
    """The text is shown, agreed to and kept by its digest; withdrawn, nothing more is shared."""
    person = house.customer()
    browser = house.signed_in(person)
    assert not shared(house, person)
    response = send(browser, PAGE, GIVE)
    assert "I permit Larch Valley Internet to share my e-mail address" in response.text
    assert not shared(house, person)
    match = AGREED.search(response.text)
    assert match
    assert send(browser, PAGE, {**GIVE, "agreed": match[1]}).status_code == 303
    assert shared(house, person)
    (record,) = house.do(lambda transaction: choices.choice_records(transaction, person))
    assert record.text_digest == match[1]
    page = browser.get(PAGE).text
    assert "The text you agreed to" in page
    assert send(browser, f"{PAGE}/{record.record_id}", {}, PAGE).status_code == 303
    assert not shared(house, person)
    assert "Withdraw" not in browser.get(PAGE).text


@pytest.mark.usefixtures("acme")
def test_a_text_that_was_changed_on_the_way_is_no_agreement(house: House) -> None:
    """Who agreed to another text than the one of their choice is shown the right one again."""
    person = house.customer()
    browser = house.signed_in(person)
    answer = send(browser, PAGE, {**GIVE, "agreed": "0" * 64})
    assert answer.status_code == 200
    assert "Do you permit this?" in answer.text
    assert not shared(house, person)


@pytest.mark.usefixtures("acme")
def test_a_minor_gives_no_permission_alone(house: House) -> None:
    """Until eighteen it is for the guardian to permit."""
    year = house.clock.now().year - 16
    person = house.customer("kim@marked.example", born=f"{year}-01-01")
    answer = send(house.signed_in(person), PAGE, GIVE)
    assert answer.status_code == 422
    assert "your parent or guardian gives permissions" in answer.text
    assert not shared(house, person)


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("field", ["data", "recipient", "purpose"])
def test_a_form_with_something_wrong_comes_back(house: House, field: str) -> None:
    """What is missing, too long, hostile or of no word is answered by the form again."""
    browser = house.signed_in(house.customer())
    for value in (*HOSTILE, "programme", "advertiser", "credentials", "national-security"):
        answer = send(browser, PAGE, {**GIVE, field: value})
        assert answer.status_code == 422, value
        assert "There is a problem" in answer.text
    page_shown = TOKEN.search(browser.get(PAGE).text)
    assert page_shown
    files = {field: ("a.txt", b"x")}
    others = {name: value for name, value in GIVE.items() if name != field}
    answer = browser.post(PAGE, data={"_token": page_shown[1], **others}, files=files)
    assert answer.status_code == 422


@pytest.mark.usefixtures("acme")
def test_nobody_ends_or_reads_anothers_record(house: House) -> None:
    """Another customer's record is not there, and a foreign token sends nothing."""
    ann, ben = house.customer(), house.customer("ben@marked.example")
    permission = choices.Permission(("email",), "supplier", "acme", "support")
    record = house.do(lambda transaction: choices.give(transaction, ben, permission))
    browser = house.signed_in(ann)
    assert send(browser, f"{PAGE}/{record}", {}, PAGE).status_code == 404
    assert browser.get(f"{PAGE}/{record}/json").status_code == 404
    foreign = TOKEN.search(house.signed_in(ben).get(PAGE).text)
    assert foreign
    assert browser.post(PAGE, data={"_token": foreign[1], **GIVE}).status_code == 403
    assert browser.post(f"{PAGE}/offers/out", data={}).status_code == 403
    assert shared(house, ben)


def test_offers_end_and_come_back_by_one_button_each(house: House) -> None:
    """An opt-out of offers is obeyed at once and undone as easily; pressing twice is once."""
    person = house.customer()
    browser = house.signed_in(person)
    offers = Act(action="contact", purpose="offers")
    for way, allowed in (("out", False), ("out", False), ("in", True), ("in", True)):
        assert send(browser, f"{PAGE}/offers/{way}", {}, PAGE).status_code == 303
        assert house.do(lambda transaction: transaction.peek(person, offers)).allowed is allowed
    assert len(house.do(lambda transaction: choices.choice_records(transaction, person))) == 1
    newsletter = Act(action="contact", purpose="newsletter")
    assert house.do(lambda transaction: transaction.peek(person, newsletter)).allowed
    for path in ("offers/sideways", "newsletter/out"):
        assert send(browser, f"{PAGE}/{path}", {}, PAGE).status_code == 404


def allowed(house: House, person: PersonId, act: Act) -> bool:
    """Whether the policy allows an act on somebody."""
    return house.do(lambda transaction: transaction.peek(person, act)).allowed


def switches(page: str) -> dict[str, tuple[str, str]]:
    """Of each switch on the page: where its form is sent, and the word that says how it stands."""
    parts = re.findall(r'<li id="(\w+)">(.*?)</li>', page, re.DOTALL)
    result = {}
    for name, part in parts:
        target = re.search(r'action="([^"]+)"', part)
        button = r'role="switch" aria-checked="(true|false)".*?<span>(On|Off)</span>'
        state = re.search(button, part, re.DOTALL)
        if state:
            assert (state[1], state[2]) in (("true", "On"), ("false", "Off"))
        result[name] = (target[1] if target else "", state[2] if state else "Off")
    return result


def test_each_choice_is_one_switch_that_says_how_it_stands(house: House) -> None:
    """On or off, in a word; pressed it is the other, and the same button turns it back."""
    browser = house.signed_in(house.customer())
    for name in ("offers", "advertising"):
        for state, way in (("On", "out"), ("Off", "in"), ("On", "out")):
            target, shown = switches(browser.get(PAGE).text)[name]
            assert (target, shown) == (f"{PAGE}/{name}/{way}", state)
            assert send(browser, target, {}, PAGE).headers["location"] == f"{PAGE}#{name}"


def test_a_switch_is_off_while_a_privacy_signal_stands_above_it(house: House) -> None:
    """While the browser sends it there is no switch; later one press ends what it said."""
    browser = house.signed_in(house.customer())
    browser.headers["sec-gpc"] = "1"
    assert switches(browser.get(PAGE).text)["advertising"] == ("", "Off")
    del browser.headers["sec-gpc"]
    target, state = switches(browser.get(PAGE).text)["advertising"]
    assert (target, state) == (f"{PAGE}/signal", "Off")
    send(browser, target, {}, PAGE)
    assert switches(browser.get(PAGE).text)["advertising"][1] == "On"
    browser.get(PAGE, headers={"sec-gpc": "1"})
    send(browser, f"{PAGE}/advertising/out", {}, PAGE)
    target, state = switches(browser.get(PAGE).text)["advertising"]
    assert (target, state) == (f"{PAGE}/advertising/in", "Off")
    send(browser, target, {}, PAGE)
    assert switches(browser.get(PAGE).text)["advertising"][1] == "On"


def test_the_switch_of_advertisements_says_what_we_do_with_what_we_know(
    open_house: Callable[..., House],
) -> None:
    """To a child, too, what is so; where the policy lets nothing be chosen by it, that."""
    text = sample_policy().read_text()
    says = "We may choose advertisements by what we know about you"
    house = open_house(upheld.load_text(text))
    page = house.signed_in(house.customer()).get(PAGE).text
    assert says in page
    young = house.signed_in(house.customer("kim@marked.example", born="2012-01-01")).get(PAGE).text
    assert "only if you are eighteen" in young
    assert f"{says}." not in young
    lines = ("may show-ad profile, activity, segment at visit", "may show-ad usage at visit")
    house = open_house(upheld.load_text(text.replace(*lines)))
    page = house.signed_in(house.customer()).get(PAGE).text
    assert says not in page
    assert "You have not turned this off, but our policy does not let us" in page
    assert "You let us" not in page


def test_a_minor_starts_with_both_off_and_turns_them_on_themselves(house: House) -> None:
    """What a form sends changes nothing; each is off by a record of ours, until it is turned on."""
    guardian = identified_guardian(house)
    code, path = ask_guardian(house)
    send(house.signed_in(guardian), path, YES)
    form = house.browser().post("/sign-up/continue", data={"code": code, "birth-date": born(16)})
    assert "Send me offers" not in form.text
    assert "start off, because you are a minor" in form.text
    sign_up(house, code, **{"privacy-choices": ["offers", "advertising"]})
    kim = kid(house)
    for act in ACTS.values():
        assert not allowed(house, kim, act)
    records = house.do(lambda transaction: choices.choice_records(transaction, kim))
    assert sorted((each.fact, each.by_whom, each.how) for each in records) == [
        ("advertising-opt-out", "provider", OFF_FOR_MINORS),
        ("opted-out", "provider", OFF_FOR_MINORS),
    ]
    browser = house.signed_in(kim)
    page = browser.get(PAGE).text
    assert {state for _, state in switches(page).values()} == {"Off"}
    assert page.count("because you were a minor") == 4
    for name, act in ACTS.items():
        send(browser, f"{PAGE}/{name}/in", {}, PAGE)
        assert allowed(house, kim, act)
    assert {state for _, state in switches(browser.get(PAGE).text).values()} == {"On"}
    document = browser.get(f"{PAGE}/{records[0].record_id}/json").json()
    assert document["event"][0]["entity_id"] == "provider"


def test_whoever_ticks_nothing_starts_with_both_off(house: House) -> None:
    """Of an adult what is ticked is on, and nothing else; the page of a minor asks for neither."""
    form = {name: value for name, value in GOOD.items() if name != "privacy-choices"}
    assert house.browser().post("/sign-up/form", data=form).status_code == 303
    ticked = {**form, "email": "cy@marked.example", "privacy-choices": ["offers"]}
    assert house.browser().post("/sign-up/form", data=ticked).status_code == 303
    ben, cy = people_at(house)[0], people_at(house, "cy@marked.example")[0]
    expected = {ben: (False, False), cy: (True, False)}
    for person, states in expected.items():
        assert states == tuple(allowed(house, person, act) for act in ACTS.values())


def test_a_privacy_signal_is_an_opt_out_once_a_session(house: House) -> None:
    """`Sec-GPC: 1` is noted once a session, obeyed at once, and stands above a later choice."""
    person = house.customer(interests="hiking")
    browser = house.signed_in(person)
    use = Act(action="use", data=("interests",), purpose="advertising")
    for value in ("0", "true", "2"):
        browser.get("/me", headers={"sec-gpc": value})
    assert house.do(lambda transaction: transaction.peek(person, use)).allowed
    browser.headers["sec-gpc"] = "1"
    for _ in range(3):
        browser.get("/me")
    assert not house.do(lambda transaction: transaction.peek(person, use)).allowed
    acts = [
        each
        for each in house.provider.gate.gate.entries(person)
        if each.entry.action == "apply-privacy-signal"
    ]
    assert [each.entry.outcome for each in acts] == ["allow"]
    assert "sends a privacy signal" in browser.get(PAGE).text
    send(browser, f"{PAGE}/advertising/in", {}, PAGE)
    answer = send(browser, f"{PAGE}/signal", {}, PAGE)
    assert answer.status_code == 409
    assert "/privacy#privacy-signal" in answer.text
    assert not house.do(lambda transaction: transaction.peek(person, use)).allowed
    del browser.headers["sec-gpc"]
    assert "On an earlier visit" in browser.get(PAGE).text
    assert send(browser, f"{PAGE}/signal", {}, PAGE).status_code == 303
    assert house.do(lambda transaction: transaction.peek(person, use)).allowed


def test_each_record_has_the_fields_that_the_standard_asks_for(house: House) -> None:
    """A record can be taken along as JSON with the fields of ISO/IEC TS 27560."""
    person = house.customer()

    def work(transaction: GateTransaction) -> None:
        permission = choices.Permission(("email",), "supplier", "Acme", "support")
        record = choices.give(transaction, person, permission)
        transaction.withdraw(person, record)
        choices.opt(transaction, person, *("opted-out", "offers"), out=True)
        choices.opt(transaction, person, "advertising-opt-out", out=True)

    house.do(work)
    browser = house.signed_in(person)
    for each in house.do(lambda transaction: choices.choice_records(transaction, person)):
        document = browser.get(f"{PAGE}/{each.record_id}/json").json()
        assert (
            document["schema_version"],
            document["record_id"],
            document["pii_principal_id"],
        ) == (
            consent_record.SCHEMA,
            each.record_id,
            person,
        )
        (processing,) = document["pii_processing"]
        assert set(processing) >= MANDATORY
        assert all(p["purpose"] and p["purpose_type"] for p in processing["purpose"])
        assert processing["privacy_notice"]["sha256"] == house.policy.digest
        assert document["event"][0]["event_state"] in ("ConsentGiven", "OptOut")
        if each.withdrawn:
            assert document["event"][-1]["event_state"] == "ConsentWithdrawn"
            assert processing["recipient_third_parties"] == [
                "Acme (a supplier of a service you ordered)"
            ]


def test_whoever_is_not_asked_for_choices_makes_none(open_house: Callable[..., House]) -> None:
    """Where the policy lets no form ask for them, nothing is recorded as what somebody chose."""
    text = sample_policy().read_text(encoding="utf-8")
    asks = "collect registration-data, credentials, privacy-choices from"
    assert asks in text
    text = text.replace(asks, "collect registration-data, credentials from")
    house = open_house(upheld.load_text(text))
    form = {name: value for name, value in GOOD.items() if name != "privacy-choices"}
    assert "Send me offers" not in house.browser().post("/sign-up", data=form).text
    assert house.browser().post("/sign-up/form", data=form).status_code == 303
    (person,) = people_at(house)
    assert house.do(lambda transaction: choices.choice_records(transaction, person)) == []


def _permission_refused(house: House) -> bool:
    person = house.customer()
    party = house.do(lambda t: parties.add(t, "Acme", "supplier")).party
    permission = choices.Permission(("email",), "supplier", party, "support")
    house.do(lambda transaction: choices.give(transaction, person, permission))
    return not shared(house, person)


def _signal_refused(house: House) -> bool:
    person = house.customer()
    house.do(lambda transaction: signals.note_signal(transaction, person, "00" * 32))
    acts = house.provider.gate.gate.entries(person)
    return not any(
        each.entry.action == "apply-privacy-signal" and each.entry.kind == "act" for each in acts
    )


def _age_refused(house: House) -> bool:
    person = house.customer()
    return not house.do(lambda transaction: choices.of_age(transaction, person))


RESTS_ON = {
    "permission": _permission_refused,
    "privacy-signal": _signal_refused,
    "checks-use": _age_refused,
}


def test_an_item_of_a_list_is_quoted_with_what_introduces_it(house: House) -> None:
    """Who is asked for a permission reads a whole sentence, and companies by their names."""
    house.do(lambda t: parties.add(t, "Acme", "supplier"))
    text = house.signed_in(house.customer()).get("/me/privacy/choices").text
    quote = text.partition("<blockquote><p>")[2].partition("</p>")[0]
    assert quote.startswith("What our records hold about you is confidential.")
    assert "except when you gave us your permission" in quote
    assert quote.endswith("joining a programme.")
    assert ">Acme, a supplier of a service you ordered</option>" in text
    assert ">Any " not in text


def _may(transaction: GateTransaction, person: PersonId, act: Act) -> bool:
    """Whether the policy allows an act on somebody now."""
    return transaction.peek(person, act).allowed


@pytest.mark.usefixtures("acme")
def test_a_permission_ends_with_what_its_company_is_on_the_register(house: House) -> None:
    """Nothing goes to a company in a role that it lost or never had, or by a record without one."""
    person = house.customer()
    for party, role in (("", "supplier"), ("unknown", "supplier"), ("acme", "business-partner")):
        permission = choices.Permission(("email",), role, party, "support")
        house.do(partial(choices.give, person_id=person, permission=permission))
        act = msgspec.structs.replace(SHARE, recipient=role, party=party or "acme")
        assert not house.do(partial(_may, person=person, act=act)), party
    permission = choices.Permission(("email",), "supplier", "acme", "support")
    house.do(lambda t: choices.give(t, person, permission))
    assert shared(house, person)
    house.do(lambda t: parties.end(t, "acme"))
    assert not shared(house, person)
    assert "supplier acme" not in house.signed_in(person).get(PAGE).text


@pytest.mark.usefixtures("acme")
def test_a_guardian_permits_for_a_minor_who_sees_it_and_both_withdraw_it(house: House) -> None:
    """Nobody else comes to that page; it ends when the guardian lets them use services no more."""
    guardian, child, kim = family(house)
    browser, page = house.signed_in(guardian), f"{PAGE}/wards/{child}"
    assert page in browser.get(PAGE).text
    assert page in browser.get(f"/me/family/{child}").text
    assert house.signed_in(house.customer()).get(page).status_code == 404

    def permit() -> None:
        answer = send(browser, page, GIVE)
        match = AGREED.search(answer.text)
        assert match, answer.text
        assert "to share their e-mail address with Acme" in answer.text
        assert send(browser, page, {**GIVE, "agreed": match[1]}).status_code == 303

    assert send(browser, page, {**GIVE, "agreed": "0" * 64}).status_code == 200
    assert not shared(house, child)
    permit()
    assert shared(house, child)
    seen = kim.get(PAGE).text
    assert "The text your guardian agreed to" in seen
    (record,) = house.do(lambda t: choices.choice_records(t, child))[:1]
    assert guardian not in kim.get(f"{PAGE}/{record.record_id}/json").text
    assert send(kim, f"{PAGE}/{record.record_id}", {}, PAGE).status_code == 303
    assert not shared(house, child)
    permit()
    (record,) = house.do(lambda t: choices.choice_records(t, child))[:1]
    assert send(browser, f"{page}/{record.record_id}", {}, page).status_code == 303
    assert not shared(house, child)
    permit()
    family_page = f"/me/family/{child}"
    send(browser, family_page, {"what": "supervision", "how": "withdraw"})
    assert not shared(house, child)
    records = house.do(lambda t: choices.choice_records(t, child))
    assert all(each.withdrawn for each in records if each.kind == choices.CONSENT)
    assert send(browser, page, GIVE).status_code == 422
