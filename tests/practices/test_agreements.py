"""Agreements with partners: what is let in, what proves, when it stops, and who signs."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import upheld
from practices.conftest import House, send
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, UserId
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.policy.load import load_text
from upheld.practice import parties, party_mail
from upheld.practices.agreements import agreements, news, signatures, terms
from upheld.practices.agreements.agreements import PartnerAgreement
from upheld.practices.agreements.console import HERE
from upheld.practices.agreements.terms import AgreementError
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.company_mail import CompanyMail

NAME = "Northern Mail"
PARTY = "northern-mail"
WIDER = """\
---
policy: PartnerAgreement with Northern Mail
vocabulary: provider
---

We may use your name for offers and your interests for advertising. {#use}

```rule
may use name for offers with confidentiality, no-onward-sharing, record
may use interests for advertising
```
"""


def narrower(text: str) -> str:
    """The agreement without what makes it wider than the policy."""
    return text.replace("and your interests for advertising", "only").replace(
        "may use interests for advertising\n", ""
    )


def key() -> Ed25519PrivateKey:
    """A partner's own key."""
    return Ed25519PrivateKey.generate()


def public(of: Ed25519PrivateKey) -> str:
    """The public key, as it is passed on."""
    return base64.b64encode(of.public_key().public_bytes_raw()).decode()


def signature(of: Ed25519PrivateKey, agreement: PartnerAgreement) -> str:
    """The signature of an agreement, as it is passed on."""
    return base64.b64encode(of.sign(agreement.statement.encode())).decode()


def partner(house: House, name: str = NAME) -> str:
    """A company that is a trusted partner; its word."""
    return house.do(lambda t: parties.add(t, name, "trusted-partner")).party


def manager(house: House, sign_in: str = "mo") -> UserId:
    """Somebody who manages."""
    return house.staff("manager", sign_in=sign_in)


def draft(house: House, party: str, by: UserId, text: str = "", days: int = 30) -> PartnerAgreement:
    """A draft of an agreement, in the terms of the policy in force unless others are given."""
    words = text or terms.drafted(house.provider.policy, party)
    read = terms.read_terms(words.encode(), house.provider.policy)
    until = house.clock.today() + timedelta(days=days)
    return house.do(lambda t: agreements.add(t, party, read, by=by, until=until))


def signed(
    house: House, party: str, by: UserId, text: str = "", days: int = 30
) -> PartnerAgreement:
    """An agreement that both sides signed."""
    one, theirs = draft(house, party, by, text, days), key()
    house.do(lambda t: agreements.keep_key(t, party, public(theirs), by=by))
    house.do(lambda t: agreements.sign(t, one.agreement_id, by=by))
    return house.do(
        lambda t: agreements.accept(
            t, one.agreement_id, signature(theirs, one), actor=f"staff {by}"
        )
    )


def share(
    house: House,
    person: PersonId,
    party: str = PARTY,
    field: str = "email",
    purpose: str = "offers",
) -> ActResult | Refused:
    """What becomes of sharing a field with a partner by name."""
    act = Act(
        action="share",
        data=(field,),
        recipient="trusted-partner",
        purpose=purpose,
        occasion="other",
        party=party,
    )
    return house.do(lambda t: t.act(act, person, entitled=True))


def is_shared(house: House, person: PersonId, party: str = PARTY, **more: str) -> bool:
    """Whether a field may be shared with a partner by name."""
    return isinstance(share(house, person, party, **more), ActResult)


def run_job(house: House) -> int:
    """Look through all agreements."""
    (job,) = [each for each in house.provider.jobs if each.name == "agreements"]
    return job.run(house.provider.gate.gate)


def _not_shared(house: House) -> bool:
    person = house.customer()
    signed(house, partner(house), manager(house))
    return not is_shared(house, person)


RESTS_ON = {"trusted-partners": _not_shared}


def test_only_an_agreement_signed_by_both_sides_proves(house: House) -> None:
    """A draft, and one that a single side signed, lets nothing out; both signatures do."""
    person, by = house.customer(), manager(house)
    party, theirs = partner(house), key()
    assert not is_shared(house, person)
    one = draft(house, party, by)
    assert not is_shared(house, person)
    house.do(lambda t: agreements.sign(t, one.agreement_id, by=by))
    assert not is_shared(house, person)
    house.do(lambda t: agreements.keep_key(t, party, public(theirs), by=by))
    actor = f"staff {by}"
    both = house.do(
        lambda t: agreements.accept(t, one.agreement_id, signature(theirs, one), actor=actor)
    )
    assert both.state == agreements.SIGNED
    assert signatures.is_signed(both.our_key, both.statement, both.our_signature)
    answer = share(house, person)
    assert isinstance(answer, ActResult), answer.why
    assert answer["email"] == "ann@marked.example"
    assert {each.duty for each in answer.decision.duties} >= {"confidentiality", "record"}


def test_it_proves_for_its_data_purpose_and_partner_alone(house: House) -> None:
    """Another field, another purpose, and another partner are refused."""
    person, by = house.customer(), manager(house)
    signed(house, partner(house), by)
    assert is_shared(house, person)
    assert not is_shared(house, person, purpose="advertising")
    assert not is_shared(house, person, purpose="partner-marketing")
    assert not is_shared(house, person, field="birth-date")
    other = partner(house, "Southern Mail")
    assert not is_shared(house, person, other)
    assert not is_shared(house, person, "")


def test_a_narrower_agreement_proves_what_it_says_and_no_more(house: House) -> None:
    """What the policy would share and the agreement does not name stays with us."""
    person, by = house.customer(), manager(house)
    signed(house, partner(house), by, narrower(WIDER))
    assert is_shared(house, person, field="name")
    assert not is_shared(house, person, field="email")
    assert not is_shared(house, person, field="name", purpose="newsletter")


def test_a_wider_agreement_is_refused_with_its_witness(house: House) -> None:
    """The error says which data for which purpose the policy does not share, and why."""
    by, party = manager(house), partner(house)
    with pytest.raises(AgreementError) as error:
        draft(house, party, by, WIDER)
    assert error.value.code == "agreement-wider"
    assert "your interests for customising advertising" in str(error.value)
    assert "For example, the policy says:" in str(error.value)


@pytest.mark.parametrize("way", ["withdrawn", "lapsed", "role ended"])
def test_what_is_over_proves_nothing_from_that_moment(house: House, way: str) -> None:
    """A withdrawn one, one whose last day is over, and that of no partner any more."""
    person, by = house.customer(), manager(house)
    party = partner(house)
    one = signed(house, party, by, days=3)
    assert is_shared(house, person)
    if way == "withdrawn":
        house.do(lambda t: agreements.withdraw(t, one.agreement_id, "Broken promises", by=by))
    elif way == "lapsed":
        house.clock.moved += timedelta(days=5)
    else:
        house.do(lambda t: parties.end(t, party, "trusted-partner"))
    assert not is_shared(house, person)
    run_job(house)
    with house.provider.gate.gate.look() as tables:
        (after,) = agreements.agreements(tables)
    assert after.state == ("lapsed" if way == "lapsed" else "withdrawn")
    assert after.reason


@pytest.mark.parametrize("why", ["", "\u200b", "Sorry \u202eyrros", "x" * 301])
def test_one_is_not_withdrawn_for_a_reason_that_nobody_could_read(house: House, why: str) -> None:
    """Both sides read it, whether it was written on a page or in a command."""
    by = manager(house)
    one = signed(house, partner(house), by)
    with pytest.raises(AgreementError) as caught:
        house.do(lambda t: agreements.withdraw(t, one.agreement_id, why, by=by))
    assert caught.value.code == "agreement-reason"
    assert house.do(lambda t: agreements.require(t.tables, one.agreement_id)).state == "signed"


def test_a_clock_set_back_lets_nothing_out(house: House) -> None:
    """An agreement that lapsed does not hold again because the clock says so."""
    person, by = house.customer(), manager(house)
    signed(house, partner(house), by, days=3)
    house.clock.moved += timedelta(days=5)
    assert not is_shared(house, person)
    house.clock.moved -= timedelta(days=5)
    answer = share(house, person)
    assert isinstance(answer, Refused)
    assert answer.why.startswith("clock")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "agreement-text"),
        ("# Hello\n", "agreement-text"),
        (WIDER.replace("may use", "might use"), "agreement-text"),
        (WIDER.replace("vocabulary: provider", "vocabulary: core"), "agreement-vocabulary"),
        (WIDER + "x" * terms.BYTES_MAX, "agreement-large"),
        ("\x00\x01", "agreement-text"),
    ],
)
def test_bad_texts_are_answered(sample: upheld.Policy, text: str, code: str) -> None:
    """What is no agreement in our words gets a code and what to do, and never a traceback."""
    with pytest.raises(AgreementError) as error:
        terms.read_terms(text.encode(), sample)
    assert error.value.code == code
    assert error.value.hint


def test_a_wrong_key_and_a_second_signature_are_refused(house: House) -> None:
    """Neither another key nor another statement counts, and nobody signs twice."""
    by, party = manager(house), partner(house)
    one, theirs, stranger = draft(house, party, by), key(), key()
    actor = f"staff {by}"

    def accept(words: str) -> str:
        try:
            house.do(lambda t: agreements.accept(t, one.agreement_id, words, actor=actor))
        except AgreementError as error:
            return error.code
        return ""

    assert accept(signature(theirs, one)) == "agreement-key"
    house.do(lambda t: agreements.keep_key(t, party, public(theirs), by=by))
    assert accept(signature(stranger, one)) == "agreement-signature"
    assert accept("not base64 at all!") == "agreement-signature"
    other = draft(house, party, by, days=31)
    assert accept(signature(theirs, other)) == "agreement-signature"
    assert accept(signature(theirs, one)) == ""
    assert accept(signature(theirs, one)) == "agreement-signed"
    house.do(lambda t: agreements.sign(t, one.agreement_id, by=by))
    with pytest.raises(AgreementError, match="signed"):
        house.do(lambda t: agreements.sign(t, one.agreement_id, by=by))
    support = house.staff("support", sign_in="su")
    with pytest.raises(AgreementError, match="for the role manager"):
        house.do(lambda t: agreements.sign(t, other.agreement_id, by=support))


def test_a_key_of_small_order_is_refused() -> None:
    """Under such a key anything would be signed."""
    with pytest.raises(AgreementError) as error:
        signatures.read_key(base64.b64encode(bytes([1, *[0] * 31])).decode())
    assert error.value.code == "agreement-key"


def test_of_twenty_who_sign_at_once_one_does(house: House) -> None:
    """One signature is kept, and one record of the register is made."""
    by, party = manager(house), partner(house)
    one, theirs = draft(house, party, by), key()
    house.do(lambda t: agreements.keep_key(t, party, public(theirs), by=by))
    house.do(lambda t: agreements.sign(t, one.agreement_id, by=by))
    words, actor = signature(theirs, one), f"staff {by}"

    def attempt(_: int) -> str:
        try:
            house.do(lambda t: agreements.accept(t, one.agreement_id, words, actor=actor))
        except UpheldError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(attempt, range(20)))
    assert sorted(set(outcomes)) == ["agreement-signed", "done"]
    assert outcomes.count("done") == 1
    roles = house.do(lambda t: parties.of_party(t, party))
    assert [each.kind for each in roles].count("agreement") == 1


def test_an_agreement_that_no_longer_fits_is_suspended_and_lets_nothing_out(
    house: House, sample: upheld.Policy
) -> None:
    """The act is refused before any job has looked; then the state says so, and managers see it."""
    person, by = house.customer(), manager(house)
    one = signed(house, partner(house), by)
    assert is_shared(house, person)
    house.do(lambda t: party_mail.put(t, one.party, "desk@northern.example"))
    source = sample.program.source.replace(
        "except may share identity, contact-details, services to trusted-partner for offers,"
        " newsletter, support",
        "except may share identity to trusted-partner for offers, newsletter, support",
    )
    assert source != sample.program.source
    narrowed = load_text(source)
    gate = house.provider.gate.gate
    gate.context = gate.context.under(narrowed)
    assert not is_shared(house, person, field="name")
    assert run_job(house) == 1
    with gate.look() as tables:
        after = agreements.require(tables, one.agreement_id)
    assert after.state == agreements.SUSPENDED
    assert "The policy has changed" in after.reason
    desk = house.signed_in(by, "staff")
    assert "no longer fits our policy" in desk.get("/staff").text
    agent = house.signed_in(house.staff(kind="agent", sign_in="nora", party=one.party), "agent")
    page = agent.get("/partner").text
    assert "you get nothing more under it. The policy has changed" in page
    assert "The policy has changed" in desk.get(f"{HERE}/{one.agreement_id}").text
    box = Box()
    assert CompanyMail(house.provider, box).run(gate) == 2
    letters = {str(each["To"]): each.get_content() for each in box.messages}
    assert letters.keys() == {"desk@northern.example", house.provider.settings.contact}
    assert all("no longer fits" in each for each in letters.values())


def test_both_sides_are_told_of_what_ends_and_of_what_is_over_unless_another_follows(
    house: House,
) -> None:
    """Thirty days before the last one ends, and for as long after it."""
    by, party = manager(house), partner(house)
    one = signed(house, party, by, days=40)

    def texts(days: int) -> list[str]:
        at = house.clock.now() + timedelta(days=days)
        with house.provider.gate.gate.look() as tables:
            both = [*news.for_us(tables, at), *news.for_partner(tables, party, at)]
        return [each.text for each in both]

    assert texts(0) == []
    assert [NAME in each for each in texts(20)] == [True, False]
    assert all("and none follows it" in each for each in texts(20))
    house.clock.moved += timedelta(days=41)
    assert run_job(house) == 1
    assert [NAME in each for each in texts(0)] == [True, False]
    assert all("ended on" in each for each in texts(29))
    assert texts(31) == []
    two = signed(house, party, by, days=60)
    assert texts(0) == []
    house.do(lambda t: agreements.withdraw(t, two.agreement_id, "It was a mistake.", by=by))
    assert one.party == two.party
    assert any("was withdrawn on" in each for each in texts(0))


def test_a_duty_that_no_agreement_carries_is_refused(
    open_house: Callable[..., House], sample: upheld.Policy
) -> None:
    """Whoever would have to be bound to confidentiality, and has signed nothing, gets nothing."""
    source = sample.program.source.replace(
        "    when permission\n    with record\n",
        "    when permission\n    with confidentiality, record\n",
    )
    assert source != sample.program.source
    house = open_house(load_text(source))
    person = house.customer()
    party = partner(house)
    about = {"data": ["interests"], "recipient": ["trusted-partner"], "purpose": ["support"]}
    house.do(lambda t: t.record(person, "consent", about=about, party=party, by_whom="customer"))
    answer = share(house, person, field="interests", purpose="support")
    assert isinstance(answer, Refused)
    assert "confidentiality" in answer.why


def test_a_manager_drafts_signs_and_withdraws_at_the_desk(house: House) -> None:
    """The draft comes from the policy; each step is on the agreement's page, and is confirmed."""
    by = manager(house)
    party, theirs = partner(house), key()
    browser = house.signed_in(by, "staff")
    page = browser.get(f"{HERE}?partner={party}").text
    assert "may use identity, contact-details, services" in page
    day = house.clock.today() + timedelta(days=30)
    form = {
        "partner": party,
        "until-day": str(day.day),
        "until-month": str(day.month),
        "until-year": str(day.year),
        "text": terms.drafted(house.policy, NAME),
    }
    answer = send(browser, HERE, form)
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"].partition("?")[0]
    assert send(browser, f"{path}/key", {"key": public(theirs)}, path).status_code == 303
    statement = browser.get(f"{path}/statement.txt").text
    words = base64.b64encode(theirs.sign(statement.encode())).decode()
    assert send(browser, f"{path}/accept", {"signature": words}, path).status_code == 303
    assert "waits for our signature" in browser.get("/staff").text
    assert send(browser, f"{path}/sign", {}, path).status_code == 303
    assert "signed by both sides" in browser.get(path).text
    assert "/privacy#trusted-partners" in house.browser().get("/about").text
    withdrawal = {"reason": "They <b>moved</b>"}
    assert send(browser, f"{path}/withdraw", withdrawal, path).status_code == 303
    assert "They &lt;b&gt;moved&lt;/b&gt;" in browser.get(path).text


def test_the_desk_says_what_is_wrong_with_a_text(house: House) -> None:
    """A wider one, with its witness, and one that nobody could read; the text is shown again."""
    by, day = manager(house), house.clock.today() + timedelta(days=30)
    party = partner(house)
    browser = house.signed_in(by, "staff")
    form = {
        "partner": party,
        "until-day": str(day.day),
        "until-month": str(day.month),
        "until-year": str(day.year),
    }
    answer = send(browser, HERE, {**form, "text": WIDER})
    assert answer.status_code == 422
    assert "your interests for customising advertising" in answer.text
    script = WIDER.replace("for offers and", "<script>alert(1)</script>")
    answer = send(browser, HERE, {**form, "text": script})
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


def test_scripts_in_the_prose_of_an_agreement_and_ten_megabytes_are_refused(house: House) -> None:
    """Marks that are escaped are text, on its page too; what is too large is not read."""
    by, party = manager(house), partner(house)
    script = "<script>alert(1)</script>"
    with pytest.raises(AgreementError, match="raw HTML"):
        draft(house, party, by, narrower(WIDER).replace("We may", f"{script} We may"))
    text = script.replace("<", "\\<")
    one = draft(house, party, by, narrower(WIDER).replace("We may", f"{text} We may"))
    desk = house.signed_in(by, "staff")
    page = desk.get(f"{HERE}/{one.agreement_id}").text
    assert "script&gt;alert(1)" in page
    assert script not in page
    large = {"partner": party, "text": WIDER + "x" * 10_000_000}
    assert send(desk, HERE, large).status_code == 413


def test_a_company_that_is_merged_into_another_brings_it_nothing(house: House) -> None:
    """What the one had ends with it; the other gets nothing before it has signed for itself."""
    person, by = house.customer(), manager(house)
    signed(house, partner(house), by)
    assert is_shared(house, person)
    house.do(lambda t: parties.end(t, PARTY))
    successor = partner(house, "Great Northern Mail")
    assert not is_shared(house, person)
    assert not is_shared(house, person, successor)
    run_job(house)
    signed(house, successor, by)
    assert is_shared(house, person, successor)
    assert not is_shared(house, person)
