"""The legal desk at work: what waits for whom, what is asked first, what a wrong form is told."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from practices import orders
from practices.conftest import House, send
from practices.orders import Desk, demand, desk_of
from practices.test_legal import form, open_by_page
from upheld.core.ids import InstrumentId, UserId
from upheld.practice import operators
from upheld.practices.legal.demands import PRESERVATION, LegalError
from upheld.practices.legal.instrument import APPROVED, ENDED, REFUSED, Instrument
from upheld.practices.legal.production import Production
from upheld.practices.legal.tables import legal_instrument

CHECK = "An instrument waits for counsel to check it."
SECOND = "An instrument waits for a second person."


@pytest.fixture
def desk(house: House) -> Desk:
    """A legal desk of three people."""
    return desk_of(house)


def waits(house: House, user: UserId) -> list[str]:
    """The sentences of what waits for somebody on the first page of the console."""
    with house.provider.gate.gate.look() as tables:
        who = operators.find_user(tables, user)
        assert who is not None
        return [each.sentence for each in house.provider.desk_actions(tables, who)]


def test_whoever_can_take_the_next_step_is_told_that_it_waits_and_nobody_else(
    house: House, desk: Desk
) -> None:
    """Counsel, then a second person, and never a manager or support."""
    others = [house.staff("manager", sign_in="max"), house.staff("support", sign_in="olga")]
    before = [waits(house, each) for each in others]
    which = orders.opened(house, desk, demand(house, house.customer())).instrument_id
    assert waits(house, desk.officer) == []
    assert waits(house, desk.counsel) == [CHECK]
    page = house.signed_in(desk.counsel, "staff").get("/staff").text
    assert f'href="/staff/legal/{which}"' in page
    house.do(lambda t: desk.instruments.check(t, which, desk.counsel))
    assert [waits(house, each) for each in (desk.officer, desk.counsel)] == [[], []]
    assert waits(house, desk.second) == [SECOND]
    assert [waits(house, each) for each in others] == before
    house.clock.moved += timedelta(days=31)
    assert waits(house, desk.second) == []  # it has lapsed: nobody can approve it


def test_more_than_a_few_that_wait_alike_are_one_line_that_leads_to_their_list(
    house: House, desk: Desk
) -> None:
    """It says how many there are; a few have a line each, and so has what says something else."""
    ann = house.customer()
    one = orders.opened(house, desk, demand(house, ann)).instrument_id
    for _ in range(2):
        orders.opened(house, desk, demand(house, ann))
    page = house.signed_in(desk.counsel, "staff").get("/staff").text
    assert page.count(CHECK) == 3
    assert f'href="/staff/legal/{one}"' in page
    orders.opened(house, desk, demand(house, ann))
    page = house.signed_in(desk.counsel, "staff").get("/staff").text
    assert page.count(CHECK) == page.count(f"{CHECK} There are 4 of these.") == 1
    assert 'href="/staff/legal">Look at them</a>' in page
    house.do(lambda t: desk.instruments.check(t, one, desk.counsel))
    page = house.signed_in(desk.second, "staff").get("/staff").text
    assert (page.count(SECOND), "of these" in page) == (1, False)


def test_a_step_is_offered_to_whoever_may_take_it(house: House, desk: Desk) -> None:
    """An officer who is no counsel is shown neither the check nor the form for the key."""
    which = orders.opened(house, desk, demand(house, house.customer())).instrument_id
    officer, counsel = (house.signed_in(each, "staff") for each in (desk.officer, desk.counsel))
    for step in ("check", "key"):
        assert f"/{which}/{step}" not in officer.get(f"/staff/legal/{which}").text
        assert f"/{which}/{step}" in counsel.get(f"/staff/legal/{which}").text


@pytest.mark.parametrize(
    ("accounts", "sentence"),
    [
        (" \n,;", "An instrument names 1 to 200 accounts"),
        ("\n".join(str(10_000_000 + each) for each in range(10_000)), "names 1 to 200 accounts"),
        ("12", "Number 1 in the list is nobody"),
    ],
)
def test_a_list_of_accounts_that_cannot_be_is_told_why(
    house: House, desk: Desk, accounts: str, sentence: str
) -> None:
    """None at all, ten thousand, and nobody's."""
    officer = house.signed_in(desk.officer, "staff")
    answer = open_by_page(officer, {**form(house, house.customer()), "accounts": accounts})
    assert answer.status_code == 422
    assert sentence in answer.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"recipient": ""}, "recipient"), ({"kind": "determination", "belief": "It was."}, "ground")],
)
def test_what_is_chosen_from_a_list_is_asked_for_in_no_words_of_the_policy(
    house: House, desk: Desk, changes: dict[str, str], field: str
) -> None:
    """And that the file, which no browser sends again by itself, is to be chosen once more."""
    officer = house.signed_in(desk.officer, "staff")
    answer = open_by_page(officer, {**form(house, house.customer()), **changes})
    assert answer.status_code == 422
    assert f'id="e-{field}">Choose from the list.' in answer.text
    assert "Choose it once more" in answer.text
    assert "Choose it once more" not in officer.get("/staff/legal").text


def test_to_refuse_and_to_end_is_asked_first(house: House, desk: Desk) -> None:
    """A form that comes from no such question changes nothing."""
    ann, officer = house.customer(), house.signed_in(desk.officer, "staff")
    to_refuse = orders.opened(house, desk, demand(house, ann)).instrument_id
    to_end = orders.approved(house, desk, demand(house, ann, kind=PRESERVATION)).instrument_id

    def states() -> set[str]:
        with house.provider.gate.gate.look() as tables:
            return {each.state for each in desk.instruments.all(tables)}

    for which, step in ((to_refuse, "refuse"), (to_end, "end")):
        path, before = f"/staff/legal/{which}", states()
        token = officer.get(path).text.partition('name="_token" value="')[2].partition('"')[0]
        page = officer.post(f"{path}/{step}", data={"_token": token}).text
        assert "It cannot be taken back" in page
        assert states() == before
        assert send(officer, f"{path}/{step}", {}, path).status_code == 303
    assert states() == {REFUSED, ENDED}


def test_under_one_that_lapsed_no_release_is_offered(house: House, desk: Desk) -> None:
    """Its page says that it lapsed; before it begins, from when it is in force."""
    ann, officer = house.customer(), house.signed_in(desk.officer, "staff")
    later = house.clock.now() + timedelta(days=2)
    which = orders.approved(house, desk, demand(house, ann, starts=later)).instrument_id
    path = f"/staff/legal/{which}"
    assert "and not before" in officer.get(path).text
    assert f"{path}/release" not in officer.get(path).text
    house.clock.moved += timedelta(days=3)
    officer = house.signed_in(desk.officer, "staff")
    assert f"{path}/release" in officer.get(path).text
    house.clock.moved += timedelta(days=28)
    officer = house.signed_in(desk.officer, "staff")
    assert "It lapsed after" in officer.get(path).text
    assert f"{path}/release" not in officer.get(path).text
    assert "Approved, lapsed" in officer.get("/staff/legal").text


def test_an_order_to_preserve_says_which_kinds_it_keeps(house: House, desk: Desk) -> None:
    """On its page and before it is approved: those that were chosen, or all that we hold."""
    ann = house.customer()
    for fields, words, others in (
        (("email",), "that are kept: e-mail address", "all that we hold of them is kept"),
        ((), "all that we hold of them is kept", "e-mail address"),
    ):
        order = demand(house, ann, kind=PRESERVATION, fields=fields)
        which = orders.opened(house, desk, order).instrument_id
        page = house.signed_in(desk.counsel, "staff").get(f"/staff/legal/{which}").text
        assert words in page
        assert others not in page
        house.do(partial(desk.instruments.check, instrument_id=which, by=desk.counsel))
        second = house.signed_in(desk.second, "staff")
        path = f"/staff/legal/{which}"
        token = second.get(path).text.partition('name="_token" value="')[2].partition('"')[0]
        question = second.post(f"{path}/approve", data={"_token": token}).text
        assert words in question
        assert ("everything else is, as if there were no such order" in question) is bool(fields)


def test_a_form_opens_an_order_to_preserve_beside_what_it_asks_for(
    house: House, desk: Desk
) -> None:
    """Where the box is ticked; the page leads from the one to the other."""
    officer, ann = house.signed_in(desk.officer, "staff"), house.customer()
    assert open_by_page(officer, {**form(house, ann), "preserves": "yes"}).status_code == 303
    with house.provider.gate.gate.look() as tables:
        (order,), (first,) = (
            [e for e in desk.instruments.all(tables) if (e.kind == PRESERVATION) is is_order]
            for is_order in (True, False)
        )
    assert order.keeps == first.fields
    page = officer.get(f"/staff/legal/{first.instrument_id}").text
    assert f'<a href="/staff/legal/{order.instrument_id}">order of its own</a>' in page
    assert officer.get(f"/staff/legal/{order.instrument_id}/document").content == orders.PDF


def test_an_order_that_an_earlier_upheld_opened_keeps_every_kind(house: House, desk: Desk) -> None:
    """Whatever kinds were chosen then: its page said that it keeps all."""
    ann = house.customer()
    order = orders.opened(house, desk, demand(house, ann, kind=PRESERVATION, fields=("email",)))
    which = order.instrument_id
    sealed = desk.instruments.seal_again(order, keeps=())
    where = "instrument_id = ?"
    house.do(lambda t: t.tables.update(legal_instrument, sealed, where, which))
    house.do(lambda t: desk.instruments.check(t, which, desk.counsel))
    house.do(lambda t: desk.instruments.approve(t, which, desk.second))
    assert house.do(lambda t: t.drop(ann, ["email", "name"])) == ()
    page = house.signed_in(desk.counsel, "staff").get(f"/staff/legal/{which}").text
    assert "all that we hold of them is kept" in page


@pytest.mark.parametrize("word", ["contact-details", "no-such-word", "legal-hold"])
def test_an_order_to_preserve_names_kinds_of_data_one_by_one(
    house: House, desk: Desk, word: str
) -> None:
    """No word stands for several, and none that the policy lacks for nothing."""
    order = demand(house, house.customer(), kind=PRESERVATION, fields=("email", word))
    with pytest.raises(LegalError) as caught:
        orders.opened(house, desk, order)
    assert (caught.value.code, caught.value.field) == ("legal-reach", "fields")


def test_what_is_approved_without_a_check_cannot_be_checked(house: House, desk: Desk) -> None:
    """A determination: counsel who tries is told so, and a second person approves it after that."""
    order = demand(
        house,
        house.customer(),
        kind="determination",
        ground="suspected-fraud",
        belief="It was them.",
        recipient="law-enforcement",
    )
    which = orders.opened(house, desk, order, b"").instrument_id
    path, counsel = f"/staff/legal/{which}", house.signed_in(desk.counsel, "staff")
    assert f"{path}/check" not in counsel.get(path).text
    answer = send(counsel, f"{path}/check", {}, path)
    assert answer.status_code == 409
    assert "A determination is approved without a check." in answer.text
    assert waits(house, desk.second) == [SECOND]
    assert house.do(lambda t: desk.instruments.approve(t, which, desk.second)).state == APPROVED


def emergency(house: House, desk: Desk) -> InstrumentId:
    """A determination that is in force at once, as somebody's safety is under threat."""
    order = demand(
        house,
        house.customer(),
        kind="determination",
        ground="physical-safety",
        belief="She does not answer.",
        recipient="emergency-service",
    )
    return orders.opened(house, desk, order, b"").instrument_id


def test_no_finding_is_no_review(house: House, desk: Desk) -> None:
    """A review of signs that nobody sees is none, and what is in force stays as it was."""
    which = emergency(house, desk)
    orders.release(house, desk, orders.give_key(house, desk, which))
    with pytest.raises(LegalError) as caught:
        house.do(lambda t: desk.instruments.review(t, which, "\u200b", desk.second))
    assert caught.value.code == "legal-finding"
    assert "waits for your review" in " ".join(waits(house, desk.second))
    its = house.do(lambda t: desk.instruments.review(t, which, "It had to be.", desk.second))
    assert isinstance(its, Instrument)
    assert (its.state, its.finding) == (APPROVED, "It had to be.")
    assert waits(house, desk.second) == []


def test_who_released_in_an_emergency_does_not_review_it(house: House, desk: Desk) -> None:
    """Nor does it wait for them; once another has reviewed it, they review what others release."""
    which = emergency(house, desk)
    orders.give_key(house, desk, which)

    def released_by(user: UserId) -> None:
        its = house.do(lambda t: desk.releases.release(t, which, user))
        assert isinstance(its, Production)
        house.do(lambda t: desk.releases.custody.confirm(t, which, its.release, user))

    def review(user: UserId) -> Any:
        return house.do(lambda t: desk.instruments.review(t, which, "It had to be.", user))

    released_by(desk.second)
    for user in (desk.officer, desk.second):
        assert "waits for your review" not in " ".join(waits(house, user))
        page = house.signed_in(user, "staff").get(f"/staff/legal/{which}").text
        assert "I have reviewed it" not in page
        with pytest.raises(LegalError) as caught:
            review(user)
        assert caught.value.code == "legal-second-person"
    assert "waits for your review" in " ".join(waits(house, desk.counsel))
    review(desk.counsel)
    released_by(desk.counsel)
    review(desk.second)


@pytest.mark.parametrize("field", ["issuer", "reference"])
@pytest.mark.parametrize("text", ["\u202e court", "a\nb", "a\x00b", "\u200b", "x" * 201, ""])
def test_what_a_customer_would_read_of_an_order_can_be_read(
    house: House, desk: Desk, field: str, text: str
) -> None:
    """No sign that turns what follows round, none that shows nothing, and no second line."""
    order = demand(house, house.customer(), **{field: text})
    with pytest.raises(LegalError) as caught:
        orders.opened(house, desk, order)
    assert (caught.value.code, caught.value.field) == ("legal-reach", field)
