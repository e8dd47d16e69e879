"""What works once, twenty at once: links, codes, invitations, one-time passwords, checks."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from practices.conftest import PAGE, PASSWORD, TOKEN, House, send
from practices.mail import link, waiting
from practices.test_guardians import YES, ask_guardian, born, identified_guardian
from practices.test_sign_up import GOOD
from practices.test_taken_in import EMAIL, import_customer
from upheld.core.ids import PersonId
from upheld.database.statements import row, rows, run
from upheld.practice import tasks
from upheld.practices.accounts import domain
from upheld.practices.guardians import domain as guardians
from upheld.web import limits, once, sessions

AT_ONCE = 20


def at_once(
    house: House, path: str, forms: list[dict[str, Any]], browsers: list[TestClient] | None = None
) -> Counter[int]:
    """Send forms to one path at once, each from a browser of its own; how often which answer."""

    async def all_of_them() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app=house.app)
        async with httpx2.AsyncClient(
            transport=transport, headers=PAGE, base_url="http://testserver"
        ) as client:
            return await asyncio.gather(
                *(
                    client.post(
                        path, data=form, headers=_cookies(browsers[at] if browsers else None)
                    )
                    for at, form in enumerate(forms)
                )
            )

    with ThreadPoolExecutor(1) as apart:
        answers = apart.submit(asyncio.run, all_of_them()).result()
    return Counter(each.status_code for each in answers)


def _cookies(browser: TestClient | None) -> dict[str, str]:
    answer = browser.cookies if browser else {}
    return {"cookie": "; ".join(f"{name}={value}" for name, value in answer.items())}


def token(browser: TestClient, page: str) -> str:
    """The token of a browser's forms."""
    match = TOKEN.search(browser.get(page).text)
    assert match
    return match[1]


def applicants(code: str, birth: str) -> list[dict[str, Any]]:
    """Twenty who all come by one code, each with an address of their own."""
    return [
        {
            "name": "Kim Marked",
            "email": f"kim{at}@marked.example",
            "credentials": PASSWORD,
            "birth-date": birth,
            "accept": "yes",
            "invitation": code,
        }
        for at in range(AT_ONCE)
    ]


def unlimited(house: House) -> None:
    """Let everybody try as often as they want: it is not the limits that make things work once."""
    house.provider.limits.take = lambda *_, **__: 0.0  # type: ignore[method-assign] # that is the point


def count(house: House, statement: str, *values: Any) -> int:
    """The number that a query gives."""
    result = house.do(lambda transaction: row(transaction.connection, statement, *values))
    assert result is not None
    return int(result[0])


def test_a_use_is_counted_once_and_an_act_that_fails_undoes_it(house: House) -> None:
    """The second is refused; after a rollback the thing can still be used; later its mark goes."""
    at = house.clock.now()
    house.do(lambda transaction: run(transaction.connection, "DELETE FROM spent"))
    with contextlib.suppress(ZeroDivisionError):
        house.do(lambda transaction: [once.spend(transaction.tables, "x", "a", at), 1 / 0])
    first = house.do(lambda transaction: once.spend(transaction.tables, "x", "a", at))
    again = house.do(lambda transaction: once.spend(transaction.tables, "x", "a", at))
    other = house.do(lambda transaction: once.spend(transaction.tables, "y", "a", at))
    assert (first, again, other) == (True, False, True)
    assert house.do(lambda transaction: once.sweep(transaction.tables, at)) == 0
    assert (
        house.do(lambda transaction: once.sweep(transaction.tables, at + timedelta(seconds=1))) == 2
    )


def test_twenty_threads_at_once_use_a_thing_up_once(house: House) -> None:
    """Transactions of their own, at the same moment: one of them is told yes."""
    at = house.clock.now()

    def spends(_: int) -> bool:
        return house.do(lambda transaction: once.spend(transaction.tables, "x", "thing", at))

    with ThreadPoolExecutor(AT_ONCE) as many:
        assert sum(many.map(spends, range(AT_ONCE))) == 1


def test_a_guardians_code_registers_one_child(house: House) -> None:
    """Twenty sign up by it at once: one account is opened, and one child is in their care."""
    guardian = identified_guardian(house)
    code, path = ask_guardian(house)
    send(house.signed_in(guardian), path, YES)
    unlimited(house)
    before = count(house, "SELECT count(*) FROM account")
    answers = at_once(house, "/sign-up/form", applicants(code, born(16)))
    assert answers == {303: 1, 410: AT_ONCE - 1}
    assert count(house, "SELECT count(*) FROM account") == before + 1
    assert len(house.do(lambda transaction: guardians.cares(transaction.tables, guardian))) == 1


def invitation_link(house: House, holder: PersonId, email: str) -> str:
    """The link that an adult gets whom a holder invites."""
    send(house.signed_in(holder), "/me/household", {"email": email})
    return link(house, "accounts/household")


def test_a_households_link_brings_one_member(house: House) -> None:
    """Twenty sign up by it at once, or come in with their own accounts: one of them does."""
    holder = house.customer()
    path = invitation_link(house, holder, "bo@marked.example")
    unlimited(house)
    raw = path.rsplit("/", 1)[-1]
    assert at_once(house, "/sign-up/form", applicants(raw, "1990-01-01")) == {303: 1, 410: 19}
    assert len(house.do(lambda transaction: domain.members(transaction.tables, holder))) == 1
    people = [house.customer(f"own{at}@marked.example") for at in range(5)]
    path = invitation_link(house, holder, "flo@marked.example")
    browsers = [house.signed_in(each) for each in people]
    forms = [{"_token": token(each, path)} for each in browsers]
    assert at_once(house, path, forms, browsers) == {303: 1, 410: 4}
    assert len(house.do(lambda transaction: domain.members(transaction.tables, holder))) == 2


def test_a_household_grows_no_larger_than_its_limit(house: House) -> None:
    """With one place left, of many links that are used at once one brings somebody in."""
    holder = house.customer()
    unlimited(house)
    raws = [
        invitation_link(house, holder, f"w{at}@marked.example").rsplit("/", 1)[-1]
        for at in range(5)
    ]
    for at in range(domain.MEMBERS_MAX - 1):
        member = house.customer(f"m{at}@marked.example")
        house.do(
            lambda transaction, member=member: domain.set_holder(  # type: ignore[misc] # the loop's own
                house.provider, transaction, member, holder
            )
        )
    forms = [applicants(raw, "1990-01-01")[at] for at, raw in enumerate(raws)]
    assert at_once(house, "/sign-up/form", forms) == {303: 1, 410: 4}
    assert (
        len(house.do(lambda transaction: domain.members(transaction.tables, holder)))
        == domain.MEMBERS_MAX
    )


def test_links_in_messages_work_once(house: House) -> None:
    """A link to a new password and one that confirms an address: twenty at once, one works."""
    house.customer()
    unlimited(house)
    house.browser().post("/recover", data={"email": "ann@marked.example"})
    path = link(house, "accounts/recover")
    forms = [{"password": f"another {at} four plain words"} for at in range(AT_ONCE)]
    assert at_once(house, path, forms) == {303: 1, 410: AT_ONCE - 1}
    house.browser().post("/sign-up/form", data=applicants("", "1990-01-01")[0])
    path = link(house, "accounts/verify")
    assert at_once(house, path, [{}] * AT_ONCE) == {303: 1, 410: AT_ONCE - 1}


def test_an_invited_guardian_answers_once(house: House) -> None:
    """A link that is used from twenty pages at once takes one answer."""
    guardian = identified_guardian(house)
    _, path = ask_guardian(house)
    browser = house.signed_in(guardian)
    form = {**YES, "_token": token(browser, path)}
    answers = at_once(house, path, [form] * AT_ONCE, [browser] * AT_ONCE)
    assert answers[303] == 1
    assert len([t for _, t in waiting(house) if t == "guardians/invited"]) == 1


def test_a_one_time_password_signs_in_once(house: House) -> None:
    """Twenty send the same right code: one session begins."""
    user, authenticator = house.enrolled("support")
    unlimited(house)
    form = {"sign-in": "sam", "password": PASSWORD, "code": authenticator.at(house.clock.now())}
    assert at_once(house, "/staff/sign-in", [form] * AT_ONCE) == {303: 1, 403: AT_ONCE - 1}
    assert count(house, "SELECT count(*) FROM session WHERE subject = ?", user) == 1


def test_a_guardian_is_checked_once(house: House) -> None:
    """Twenty answers to one task of checking who somebody is: one is noted, yes or no."""
    guardian = house.customer("mum@marked.example")
    _, path = ask_guardian(house)
    send(house.signed_in(guardian), path, YES)
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, guardian))
    staff = house.staff("accounts")
    house.do(lambda transaction: tasks.take(transaction, task.task_id, staff, ("name",)))
    browser = house.signed_in(staff, "staff")
    page = f"/staff/guardian-checks/{task.task_id}"
    form = {"answer": "yes", "saw": "call", "_token": token(browser, page)}
    at_once(house, page, [form] * AT_ONCE, [browser] * AT_ONCE)
    assert count(house, "SELECT count(*) FROM identity_check WHERE person_id = ?", guardian) == 1
    messages = [t for _, t in waiting(house) if t == "guardians/known"]
    assert messages == ["guardians/known"]


@pytest.mark.parametrize("born", ["1985-07-30", ""])
def test_a_customer_from_a_file_gets_one_account(house: House, tmp_path: Path, born: str) -> None:
    """Twenty send the form of their link at once: one account, one password, one birth date."""
    person = import_customer(house, tmp_path, born)
    unlimited(house)
    send(house.browser(), "/recover", {"email": EMAIL})
    path = link(house, "accounts/welcome-back")
    forms = [
        {"password": f"another {at} four plain words", "birth-date": f"19{60 + at}-01-01"}
        for at in range(AT_ONCE)
    ]
    assert at_once(house, path, forms) == {303: 1, 410: AT_ONCE - 1}
    assert count(house, "SELECT count(*) FROM account WHERE person_id = ?", person) == 1
    for field in ("credentials", "birth-date"):
        values = count(
            house, "SELECT count(*) FROM value WHERE person_id = ? AND field = ?", person, field
        )
        assert values == 1, field
    works = [each for each in forms if _signs_in(house, EMAIL, each["password"])]
    assert len(works) == 1


def test_twenty_who_ask_for_a_customer_from_a_file_leave_one_link_that_works(
    house: House, tmp_path: Path
) -> None:
    """Recovery and sign-up at once: the last link opens the account, once, and no other does."""
    person = import_customer(house, tmp_path)
    unlimited(house)
    assert at_once(house, "/recover", [{"email": EMAIL}] * AT_ONCE) == {303: AT_ONCE}
    assert at_once(house, "/sign-up/form", [GOOD] * AT_ONCE) == {303: AT_ONCE}
    assert count(house, "SELECT count(*) FROM account WHERE person_id = ?", person) == 0
    paths = [link(house, "accounts/welcome-back", at) for at in range(len(waiting(house)))]
    responses = [
        house.browser().post(path, data={"password": "seven brand new words"}).status_code
        for path in dict.fromkeys(paths)
    ]
    assert Counter(responses)[303] == 1
    assert count(house, "SELECT count(*) FROM account WHERE person_id = ?", person) == 1


def _signs_in(house: House, email: str, password: str) -> bool:
    answer = send(house.browser(), "/sign-in", {"email": email, "password": password})
    return answer.status_code == 303


def test_nothing_of_a_link_is_readable_in_the_database(house: House) -> None:
    """Neither a link nor its use can be read by whoever has the tables."""
    raw = house.do(
        lambda transaction: sessions.mint(
            transaction.tables, "recover", "0" * 32, timedelta(hours=1), house.clock.now()
        )
    )
    assert house.do(
        lambda transaction: sessions.redeem(transaction.tables, "recover", raw, house.clock.now())
    )
    table_content = house.do(
        lambda transaction: rows(transaction.connection, "SELECT mark FROM spent")
    )
    assert raw.encode() not in b"".join(bytes(each) for (each,) in table_content)


def test_tries_are_counted_for_the_network_of_a_subscriber() -> None:
    """Of IPv6 that is a /64, whose addresses one subscriber has all of; of IPv4 the address."""
    same = {
        limits.network(each) for each in ("2001:db8::1", "2001:db8::ffff:1", "2001:DB8:0:0:9::")
    }
    assert len(same) == 1
    assert limits.network("2001:db8:0:1::1") not in same
    assert limits.network("192.0.2.7") == limits.network("::ffff:192.0.2.7") == "192.0.2.7"
    assert limits.network("fe80::1%eth0") == limits.network("fe80::2")
    assert limits.network("testclient") == "testclient"
