"""Enrolling at a desk, and what no manager does alone."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from starlette.testclient import TestClient

from empty import empty_database
from practices.conftest import PASSWORD, House, send
from practices.test_once import AT_ONCE, at_once, unlimited
from upheld.database.own_tables import Tables
from upheld.database.statements import row, rows
from upheld.database.transaction import reading
from upheld.gate.transaction import GateTransaction
from upheld.practice import operators, parties
from upheld.practice.tables import desk_user
from upheld.practices.staff import people, second_approval
from upheld.practices.staff.people import PeopleError

HERE = "/staff/people"
OLGA = {"name": "Olga Beck", "sign-in": "olga", "roles": ["support"]}
NEW = "six other plain words here"


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path) -> str:
    """These stories are about pages; one kind of database is enough for them."""
    return empty_database(tmp_path)


def invitation_path(house: House, kind: str = "staff", sign_in: str = "olga") -> str:
    """The path at which somebody new enrols."""

    def work(transaction: GateTransaction) -> str:
        party = parties.add(transaction, "Duns", "supplier").party if kind == "agent" else ""
        user = people.add(transaction, kind, "Olga Beck", sign_in, roles=("support",), party=party)
        return people.invite(transaction, user).path

    return house.do(work)


def offer_of(page: str) -> tuple[str, pyotp.TOTP]:
    """What a page offers: the sealed secret, and what an authenticator makes of the shown one."""
    sealed = re.search(r'name="offer" value="([^"]+)"', page)
    spelled = re.search(r'<p class="digest">([A-Z2-7 ]+)</p>', page)
    assert sealed
    assert spelled
    return sealed[1], pyotp.TOTP(spelled[1].replace(" ", ""))


def filled(house: House, page: str, password: str = NEW) -> dict[str, str]:
    """The form of a page of enrolling, filled in."""
    sealed, code = offer_of(page)
    return {"offer": sealed, "password": password, "code": code.at(house.clock.now())}


def kinds(house: House) -> list[str]:
    """The kinds of the entries about desks, in order."""
    with reading(house.provider.gate.gate.engine) as connection:
        table_content = rows(connection, "SELECT body FROM entry ORDER BY number")
    return re.findall(r'"kind":"(desk\.[a-z-]+)"', " ".join(str(each) for each in table_content))


def managers(house: House) -> tuple[TestClient, TestClient]:
    """Two managers at the console, of whom the first has the role of support too."""
    one = house.signed_in(house.staff("manager", "support", sign_in="mo"), "staff")
    return one, house.signed_in(house.staff("manager", sign_in="max"), "staff")


def waits(browser: TestClient) -> str:
    """The path of the one request that waits."""
    match = re.search(r'action="(/staff/people/requests/[0-9a-f]{32})"', browser.get(HERE).text)
    assert match
    return match[1]


@pytest.mark.parametrize("kind", ["staff", "agent"])
def test_somebody_enrols_once_and_signs_in_by_what_they_chose(house: House, kind: str) -> None:
    """The link leads in, is used up by that, and the password and authenticator are theirs."""
    path = invitation_path(house, kind)
    browser = house.browser()
    page = browser.get(path)
    assert (page.status_code, "<svg" in page.text) == (200, True)
    form = filled(house, page.text)
    assert browser.post(path, data={**form, "password": "password123"}).status_code == 422
    assert browser.post(path, data={**form, "code": "000000"}).status_code == 422
    answer = browser.post(path, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/{kind}")
    assert browser.get(f"/{kind}").status_code == 200
    assert house.browser().get(path).status_code == 410
    assert house.browser().post(path, data=form).status_code == 410
    data = {"sign-in": "olga", "password": NEW, "code": form["code"]}
    assert send(house.browser(), f"/{kind}/sign-in", data).status_code == 403
    house.clock.moved = timedelta(minutes=1)
    code = offer_of(page.text)[1].at(house.clock.now())
    assert send(house.browser(), f"/{kind}/sign-in", {**data, "code": code}).status_code == 303


def test_what_an_administrator_saw_before_is_worth_nothing(house: House) -> None:
    """Each look at the link offers another secret, and that of one link is none of another."""
    path, other = invitation_path(house), invitation_path(house, sign_in="other")
    before, after = house.browser().get(path).text, house.browser().get(path).text
    assert offer_of(before)[1].secret != offer_of(after)[1].secret
    foreign = filled(house, house.browser().get(other).text)
    assert house.browser().post(path, data=foreign).status_code == 422
    for odd in ("", "x", "é" * 40, "A" * 5_000, "AAAA"):
        form = {**filled(house, after), "offer": odd}
        assert house.browser().post(path, data=form).status_code == 422, odd
    assert house.browser().post(path, data=filled(house, after)).status_code == 303


def test_a_link_to_enrol_opens_its_own_desk_for_three_days(house: House) -> None:
    """Another kind of desk, a later day, and whoever was let go since: it is over."""
    path = invitation_path(house)
    assert house.browser().get(path.replace("/staff/", "/agent/")).status_code == 410
    house.clock.moved = timedelta(days=3, minutes=1)
    assert house.browser().get(path).status_code == 410
    house.clock.moved = timedelta()
    house.do(lambda transaction: people.end(transaction, people.by_sign_in(transaction, "olga")))
    assert house.browser().get(path).status_code == 410


def test_nobody_signs_in_before_they_enrolled(house: House) -> None:
    """Neither an empty password nor any code opens an account that was not enrolled."""
    invitation_path(house)
    for password in ("", " ", NEW):
        data = {"sign-in": "olga", "password": password, "code": "123456"}
        assert house.browser().post("/staff/sign-in", data=data).status_code in (403, 422)


def test_twenty_who_enrol_at_once_are_one(house: House) -> None:
    """One link in twenty browsers at once makes one sign-in."""
    path = invitation_path(house)
    forms = [filled(house, house.browser().get(path).text) for _ in range(AT_ONCE)]
    unlimited(house)
    assert at_once(house, path, forms) == {303: 1, 410: AT_ONCE - 1}


def test_staff_change_their_authenticator_themselves(house: House) -> None:
    """Password and a code of each are needed; then the old one is worth nothing."""
    user, old = house.enrolled("support")
    browser, elsewhere = house.signed_in(user, "staff"), house.signed_in(user, "staff")
    sealed, new = offer_of(browser.get("/staff/authenticator").text)
    at = house.clock.now()
    form = {"offer": sealed, "old": PASSWORD, "old-code": old.at(at), "code": new.at(at)}
    for wrong in ({"old": NEW}, {"old-code": "000000"}, {"code": "000000"}, {"offer": "x"}):
        answer = send(browser, "/staff/authenticator", {**form, **wrong})
        assert answer.status_code in (403, 422), wrong
    assert elsewhere.get("/staff").status_code == 200
    assert send(browser, "/staff/authenticator", form).status_code == 200
    assert send(browser, "/staff/authenticator", form).status_code == 403
    assert elsewhere.get("/staff").status_code == 303
    house.clock.moved = timedelta(minutes=1)
    at = house.clock.now()
    data = {"sign-in": "sam", "password": PASSWORD}
    assert send(house.browser(), "/staff/sign-in", {**data, "code": old.at(at)}).status_code == 403
    assert send(house.browser(), "/staff/sign-in", {**data, "code": new.at(at)}).status_code == 303
    assert "desk.authenticator" in kinds(house)


def test_a_new_colleague_waits_for_a_second_managers_yes(house: House) -> None:
    """Neither the one who asked nor somebody without the role says yes; each step is an entry."""
    one, two = managers(house)
    response = send(one, HERE, OLGA)
    assert "waits for another manager" in response.text
    assert "/enrol/" not in response.text
    path = waits(one)
    assert send(one, path, {"answer": "yes"}, HERE).status_code == 422
    support = house.signed_in(house.staff("support", sign_in="sue"), "staff")
    assert send(support, path, {"answer": "yes"}, "/staff/me").status_code == 403
    answer = send(two, path, {"answer": "yes"}, HERE)
    link = re.search(r"(/staff/enrol/[\w-]+)", answer.text)
    assert link
    assert "/enrol/" not in two.get(HERE).text
    assert send(two, path, {"answer": "yes"}, HERE).status_code == 422
    assert house.browser().get(link[1]).status_code == 200
    assert kinds(house) == ["desk.ask", "desk.yes-add"]


def test_nobody_gives_a_role_that_they_do_not_have(house: House) -> None:
    """A manager without it asks for it in vain, for a new colleague, an old one and themselves."""
    one, two = managers(house)
    assert "do not have: support" in send(two, HERE, OLGA).text
    data = {"colleague": "max", "new-roles": ["manager", "support"]}
    assert "do not have: support" in send(two, f"{HERE}/roles", data, HERE).text
    data = {"colleague": "mo", "new-roles": ["manager", "support", "privacy"]}
    assert "do not have: privacy" in send(one, f"{HERE}/roles", data, HERE).text
    with reading(house.provider.gate.gate.engine) as connection:
        assert second_approval.requests(Tables(connection)) == []
        assert row(connection, "SELECT 1 FROM desk_user WHERE sign_in = 'olga'") is None


def test_nobody_says_yes_to_what_is_about_themselves(house: House) -> None:
    """A manager for whom a colleague asks more roles cannot approve them; a third one can."""
    one, two = managers(house)
    data = {"colleague": "max", "new-roles": ["manager", "support"]}
    assert "waits" in send(one, f"{HERE}/roles", data, HERE).text
    path = waits(two)
    assert "second person" in send(two, path, {"answer": "yes"}, HERE).text
    three = house.signed_in(house.staff("manager", sign_in="mia"), "staff")
    assert send(three, path, {"answer": "yes"}, HERE).status_code == 200
    user = house.do(lambda transaction: people.by_sign_in(transaction, "max"))
    result = house.do(lambda transaction: operators.find_active_user(transaction.tables, user))
    assert result is not None
    assert result.roles == ("manager", "support")


def test_a_request_is_worth_no_more_than_whoever_asked(house: House) -> None:
    """Whoever asked and manages no more, or was let go since, gives nothing by a late yes."""
    one, two = managers(house)
    send(one, HERE, OLGA)
    path = waits(one)
    asker = house.do(lambda transaction: people.by_sign_in(transaction, "mo"))
    house.do(lambda transaction: operators.change_roles(transaction.tables, asker, ["manager"]))
    assert "do not have" in send(two, path, {"answer": "yes"}, HERE).text
    house.do(lambda transaction: people.end(transaction, asker))
    assert send(two, path, {"answer": "yes"}, HERE).status_code == 422
    assert send(two, path, {"answer": "no"}, HERE).status_code == 200
    assert house.do(
        lambda transaction: row(
            transaction.connection, "SELECT state FROM desk_user WHERE sign_in = 'olga'"
        )
    ) == ("ended",)


def test_a_colleague_enrols_anew_by_two_managers(house: House) -> None:
    """Until the yes they work on; after it they are out, and their new link leads in."""
    one, two = managers(house)
    user = house.staff("support", sign_in="sue")
    sue = house.signed_in(user, "staff")
    assert "waits" in send(one, f"{HERE}/{user}/ask", {"what": "enrol"}, HERE).text
    assert send(one, f"{HERE}/{user}/ask", {"what": "enrol"}, HERE).status_code == 422
    assert sue.get("/staff").status_code == 200
    answer = send(two, waits(two), {"answer": "yes"}, HERE)
    assert sue.get("/staff").status_code == 303
    link = re.search(r"(/staff/enrol/[\w-]+)", answer.text)
    assert link
    page = house.browser().get(link[1]).text
    assert house.browser().post(link[1], data=filled(house, page)).status_code == 303


def test_nobody_is_let_in_for_a_company_that_the_register_does_not_have(house: House) -> None:
    """Neither who is asked for, nor who was written down before the register was asked."""
    one, two = managers(house)
    form = {"name": "Ed Roe", "sign-in": "ed", "company": "Duns"}
    refused = send(one, HERE, form)
    assert (refused.status_code, "No company of the register" in refused.text) == (422, True)
    house.do(lambda t: parties.add(t, "Duns", "supplier"))
    assert send(one, HERE, form).status_code == 200
    house.do(lambda t: t.tables.update(desk_user, {"party": "odd"}, "sign_in = ?", "ed"))
    answer = send(two, waits(two), {"answer": "yes"}, HERE)
    assert (answer.status_code, "/agent/enrol/" in answer.text) == (422, False)
    assert send(two, waits(two), {"answer": "no"}, HERE).status_code == 200


def test_of_twenty_answers_at_once_one_is_of_effect(house: House) -> None:
    """One yes makes one link, however many say it at the same time."""
    asker, other = house.staff("manager", "support", sign_in="mo"), house.staff("manager")
    request = house.do(
        lambda transaction: second_approval.ask_to_add(
            transaction, asker, "Olga", "olga", roles=("support",)
        )
    )

    def approve(_: int) -> bool:
        try:
            house.do(
                lambda transaction: second_approval.approve(transaction, other, request.request_id)
            )
        except PeopleError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(approve, range(20))) == 1
