"""Signing up: what the policy lets us ask is asked, and nothing else; a message makes it yours."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

import upheld
from practices.bills import address
from practices.conftest import PASSWORD, House
from practices.mail import link, waiting
from practices.without import without
from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.connection import WriteConnection
from upheld.database.postgresql_pipeline import Pipeline, Query
from upheld.database.statements import row, rows
from upheld.demo import sample_policy
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence import records
from upheld.gate.log import entries
from upheld.gate.operations.selfcheck import selfcheck
from upheld.practice.tables import outbox
from upheld.practices.accounts import domain, jobs
from upheld.practices.accounts.registration_form import registration_form
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.compose import compose
from upheld.practices.messages.delivery import Delivery
from upheld.practices.rights import closure
from upheld.vault import blind_index
from upheld.web import passwords

OURS = Path(upheld.__file__).parent / "practices"
GOOD = {
    "name": "Ben Marked",
    "email": "ben@marked.example",
    "credentials": PASSWORD,
    "birth-date": "1988-03-04",
    "zip": "98101",
    "interests": ["films", "music"],
    "privacy-choices": ["advertising"],
    "accept": "yes",
}
BAD = {
    "script": "<script>alert(1)</script>",
    "emoji": "🚀",
    "right-to-left": "\u202eabc\u202c مرحبا",
    "long": "x" * 5_000,
    "control": "a\x00b",
    "lines": "a\u2028b",
}


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """These stories are about pages; one kind of database is enough for most of them."""
    return address(request, tmp_path)


def sign_up(house: House, data: dict[str, Any] | None = None) -> httpx2.Response:
    """Send the form."""
    return house.browser().post("/sign-up/form", data=GOOD if data is None else data)


def people_at(house: House, email: str = "ben@marked.example") -> list[PersonId]:
    """The people with an address."""
    return house.do(
        lambda transaction: blind_index.find(
            transaction.connection, transaction.context.keyring, "email", email
        )
    )


def field_names(house: House, person: PersonId) -> set[str]:
    """The fields that are held of somebody."""
    return {
        field
        for (field,) in house.do(
            lambda transaction: rows(
                transaction.connection,
                "SELECT DISTINCT field FROM value WHERE person_id = ?",
                person,
            )
        )
    }


def test_signing_up_asks_confirms_and_leads_in(house: House) -> None:
    """Birth date, form, message, button, sign-in: and then it is theirs, as they accepted it."""
    browser = house.browser()
    gate = browser.post("/sign-up", data={"birth-date": "1988-03-04"})
    assert gate.status_code == 200
    assert 'name="birth-date-year" inputmode="numeric" value="1988"' in gate.text
    assert sign_up(house).headers["location"] == "/sign-up/sent"
    (person,) = people_at(house)
    assert field_names(house, person) == {
        "name",
        "email",
        "credentials",
        "birth-date",
        "zip",
        "interests",
        "privacy-choices",
    }
    account = house.do(lambda transaction: domain.account_of(transaction.tables, person))
    assert account is not None
    assert account.state == domain.UNVERIFIED
    assert account.policy_digest == house.policy.digest
    assert len(account.agreement_digest) == 64
    kinds_entered = [
        each.entry
        for each in house.do(lambda transaction: entries.of_person(transaction.connection, person))
        if each.entry.kind == "acceptance"
    ]
    assert kinds_entered[0].evidence == (
        account.policy_digest,
        account.agreement_digest,
        f"version {house.policy.front.version}",
    )
    assert (
        house.do(
            lambda transaction: transaction.peek(person, Act(action="contact", purpose="offers"))
        ).outcome
        == "deny"
    )
    path = link(house, "accounts/verify")
    assert browser.get(path).status_code == 200, "a program that opens links confirms nothing"
    state = house.do(lambda transaction: domain.account_of(transaction.tables, person))
    assert state is not None
    assert state.state == domain.UNVERIFIED
    assert browser.post(path).headers["location"] == "/sign-in?said=confirmed"
    assert browser.post(path).status_code == 410, "a link works once"
    answer = browser.post("/sign-in", data={"email": "ben@marked.example", "password": PASSWORD})
    assert answer.headers["location"] == "/me"
    assert "Hello, Ben Marked" in browser.get("/me").text


def test_the_form_asks_exactly_what_the_policy_says(house: House) -> None:
    """Each field is one that may be collected and stored; cards are for the page of payments."""
    form = registration_form(house.policy)
    assert form.names == {
        "name",
        "email",
        "phone",
        "address",
        "birth-date",
        "gender",
        "zip",
        "occupation",
        "industry",
        "interests",
        "credentials",
        "privacy-choices",
    }
    assert form.later == ("card", "billing account")
    assert [each.id for each in form.clauses] == ["registration"]
    by = {each.name: each for each in form.fields}
    assert "to check your age" in by["birth-date"].why.lower()
    assert by["zip"].label == "Zip code"
    assert {each.name for each in form.fields if each.required} == {
        "name",
        "email",
        "birth-date",
        "credentials",
    }


def test_a_field_taken_out_of_the_clause_is_neither_asked_nor_stored(
    open_house: Callable[..., House],
) -> None:
    """The word goes from the definition, and with it from the form and from the gate."""
    text = sample_policy().read_text(encoding="utf-8")
    text = text.replace("gender, zip, occupation, industry", "gender, zip, industry")
    text = text.replace("yes  collect occupation from", "no   collect occupation from")
    house = open_house(upheld.load_text(text))
    page = house.browser().post("/sign-up", data={"birth-date": "1988-03-04"}).text
    assert "occupation" not in page.split("<form")[-1].lower()
    assert sign_up(house, {**GOOD, "occupation": "baker"}).status_code == 303
    (person,) = people_at(house)
    assert "occupation" not in field_names(house, person)
    refusal = house.do(
        lambda transaction: transaction.store(
            person, {"occupation": "baker"}, source="customer", occasion="registration"
        )
    )
    assert isinstance(refusal, Refused)


def test_the_address_of_a_closed_account_is_told_nothing_more(house: House) -> None:
    """Status, page and hashes are those for an address that is nobody's, or is another's."""
    for email in ("closed@marked.example", "open@marked.example"):
        person = house.customer(email)
        if email.startswith("closed"):
            house.do(lambda j, who=person: closure.close(j, house.provider.events, who))  # type: ignore[misc] # the loop's own
            orders = house.do(
                lambda j, who=person: records.records_of(  # type: ignore[misc] # the loop's own
                    j.connection, j.context.keyring, [who], ["service-order"]
                )[0]
            )
            for each in orders:
                house.do(lambda j, who=person, it=each: j.withdraw(who, it.record_id, ended=True))  # type: ignore[misc] # the loop's own
    answers = [
        sign_up(house, {**GOOD, "email": email})
        for email in ("closed@marked.example", "open@marked.example", "nobody@marked.example")
    ]
    assert {each.status_code for each in answers} == {303}
    assert len({(each.headers["location"], each.content) for each in answers}) == 1
    assert (
        house.do(lambda transaction: domain.person_at_address(transaction, "nobody@marked.example"))
        is None
    )


@pytest.mark.parametrize("field", ["name", "email", "credentials", "birth-date", "accept"])
def test_what_is_needed_is_asked_for_again(house: House, field: str) -> None:
    """A form without it is answered by the form, with everything else still in it."""
    answer = sign_up(house, {name: value for name, value in GOOD.items() if name != field})
    assert answer.status_code == 422
    assert f'href="#f-{field}{"-day" if field == "birth-date" else ""}"' in answer.text
    assert PASSWORD not in answer.text
    assert people_at(house) == []


@pytest.mark.parametrize("what", BAD)
def test_no_answer_breaks_the_form(house: House, what: str) -> None:
    """Scripts, pictures, other directions, much too much: taken as text or asked for again."""
    for name in (*registration_form(house.policy).names, "accept", "invitation"):
        house.do(
            lambda transaction: house.provider.limits.clear(
                transaction.tables, "sign-up", "testclient"
            )
        )
        answer = sign_up(house, {**GOOD, "email": f"{name}@marked.example", name: BAD[what]})
        assert answer.status_code in (303, 410, 422), (name, answer.status_code)
        assert "<script>" not in answer.text


def test_a_file_is_no_text(house: House) -> None:
    """A part that is a file where a text was asked for counts as nothing said."""
    answer = house.browser().post(
        "/sign-up/form",
        files={"name": ("x", b"y")},
        data={k: v for k, v in GOOD.items() if k != "name"},
    )
    assert answer.status_code == 422


def test_a_common_or_own_password_is_refused(house: House) -> None:
    """What is tried first, and what is made of the name or address."""
    for weak in ("password123", "short", "ben@marked.example", "aaaaaaaaaaaa"):
        assert sign_up(house, {**GOOD, "credentials": weak}).status_code == 422


def test_who_has_an_account_already_sees_what_everybody_sees(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is the same, as many hashes are made, and the address gets a message saying so."""
    hashes: list[str] = []
    hashed = passwords.hashed

    def counted(password: str) -> str:
        hashes.append(password)
        return hashed(password)

    monkeypatch.setattr(passwords, "hashed", counted)
    house.customer("ben@marked.example")
    hashes.clear()
    response = sign_up(house)
    free = sign_up(house, {**GOOD, "email": "new@marked.example"})
    assert (response.status_code, response.headers["location"]) == (
        free.status_code,
        free.headers["location"],
    )
    assert response.content == free.content
    assert len(hashes) == 2
    assert [template for _, template in waiting(house)] == ["accounts/already", "accounts/verify"]
    assert len(people_at(house)) == 1


def counted_statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that are sent from now on, on either kind of database."""
    statements: list[str] = []
    enter, send = WriteConnection.__enter__, Pipeline._send

    def entered(link: WriteConnection) -> WriteConnection:
        if not link.sql.server:
            link.driver.set_trace_callback(statements.append)
        return enter(link)

    def noted(trips: Pipeline, query: Query) -> int:
        statements.append(query[0])
        return send(trips, query)

    monkeypatch.setattr(WriteConnection, "__enter__", entered)
    monkeypatch.setattr(Pipeline, "_send", noted)
    return statements


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_signing_up_does_the_same_work_whoever_has_the_address(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many statements for an account, a closed or unconfirmed or imported one, and nobody's."""
    statements = counted_statements(monkeypatch)
    for kind in ("open", "closed"):
        person = house.customer(f"{kind}@marked.example")
        if kind == "closed":
            house.do(lambda j, who=person: closure.close(j, house.provider.events, who))  # type: ignore[misc] # the loop's own
    sign_up(house, {**GOOD, "email": "unconfirmed@marked.example"})
    house.do(
        lambda transaction: transaction.bring(
            transaction.enrol(), {"name": "I", "email": "in@marked.example"}
        )
    )
    house.do(
        domain.placeholder_person
    )  # who is made when somebody has closed an account for the first time
    before = house.do(
        lambda transaction: rows(transaction.connection, "SELECT COUNT(*) FROM person")
    )[0][0]
    counts = {}
    for kind in ("nobody", "nobody-else", "open", "closed", "unconfirmed", "in"):
        statements.clear()
        answer = sign_up(house, {**GOOD, "email": f"{kind}@marked.example"})
        assert answer.headers["location"] == "/sign-up/sent"
        counts[kind] = len(statements)
    few = counts["nobody"] // 5
    apart = {kind for kind, each in counts.items() if abs(each - counts["nobody"]) > few}
    assert (apart, few > 10) == (set(), True), counts
    after = house.do(
        lambda transaction: rows(transaction.connection, "SELECT COUNT(*) FROM person")
    )[0][0]
    assert after == before + 3  # nobody, nobody-else, and a second who did not confirm
    gate = house.provider.gate.gate
    assert selfcheck(gate.engine, gate.context.keyring).problems == ()


def test_who_confirms_first_has_the_address(house: House) -> None:
    """Somebody else's sign-up with one's address, never confirmed, is in nobody's way."""
    sign_up(house, {**GOOD, "name": "Squatter"})
    sign_up(house)
    first, second = (link(house, "accounts/verify", at) for at in (0, 1))
    assert house.browser().post(second).status_code == 303
    assert house.browser().post(first).status_code == 410


def test_what_nobody_confirms_is_gone_after_a_week(house: House) -> None:
    """The person, the account, the message: of all of it nothing is left."""
    sign_up(house)
    (person,) = people_at(house)
    assert Delivery(house.provider, Box()).run(house.provider.gate.gate) == 1
    assert jobs.erase_unconfirmed(house.provider.gate.gate) == 0
    later(house, timedelta(days=7, minutes=1))
    assert jobs.erase_unconfirmed(house.provider.gate.gate) == 1
    assert people_at(house) == []
    remaining_rows = house.do(
        lambda transaction: [
            row(transaction.connection, f"SELECT 1 FROM {table} WHERE person_id = ?", person)
            for table in ("account", "value", "outbox")
        ]
    )
    assert remaining_rows == [None, None, None]
    assert sign_up(house).status_code == 303


@pytest.mark.parametrize("gone", [True, False])
def test_the_week_runs_from_when_the_message_was_sent_or_given_up(house: House, gone: bool) -> None:
    """Nobody goes whose message still waits; they do a week after it was sent, or given up."""
    sign_up(house)
    gate = house.provider.gate.gate
    later(house, timedelta(days=9))
    assert jobs.erase_unconfirmed(gate) == 0
    if gone:
        assert Delivery(house.provider, Box()).run(gate) == 1
    else:
        house.do(
            lambda transaction: database.update(
                transaction.connection, outbox, {"purpose": "offers"}, ""
            )
        )
        assert Delivery(house.provider, Box()).run(gate) == 0  # the policy lets nobody be asked so
    for days, erased in ((6, 0), (2, 1)):
        later(house, timedelta(days=days))
        assert jobs.erase_unconfirmed(gate) == erased
    assert people_at(house) == []


def later(house: House, passed: timedelta) -> None:
    """Let time pass, which somebody says is right."""
    house.clock.moved += passed
    house.do(lambda transaction: transaction.accept_clock(house.clock.now()))


def test_a_link_is_over_after_a_day(house: House) -> None:
    """An address is confirmed within 24 hours, or by another message."""
    sign_up(house)
    path = link(house, "accounts/verify")
    house.clock.moved = timedelta(hours=24, minutes=1)
    assert house.browser().get(path).status_code == 410
    assert house.browser().post(path).status_code == 410


def test_a_form_from_elsewhere_is_refused(house: House) -> None:
    """Another site can send none of the forms that anybody may send."""
    for path in (
        "/sign-up",
        "/sign-up/form",
        "/sign-up/continue",
        "/sign-in",
        "/recover",
        "/verify/x",
        "/recover/x",
        "/join/x",
    ):
        answer = house.browser().post(path, data=GOOD, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == 403, path


def test_signing_up_many_times_has_to_wait(house: House) -> None:
    """From one place there are ten at once, and then one every two minutes."""
    answers = [
        sign_up(house, {**GOOD, "email": f"a{at}@marked.example"}).status_code for at in range(11)
    ]
    assert answers == [303] * 10 + [429]


def test_the_terms_are_shown_without_any_html_of_their_own(house: House) -> None:
    """The agreement is a page of its own; what looks like a tag in it is text."""
    page = house.browser().get("/terms")
    assert page.status_code == 200
    assert re.search("<h1>Master Terms</h1>", page.text)
    assert "Pay what you owe" in page.text


@pytest.mark.parametrize(
    "template",
    [
        f"{practice}/{path.stem}"
        for practice in ("accounts", "guardians")
        for path in sorted(OURS.glob(f"{practice}/templates/mail/*.txt"))
    ],
)
def test_each_message_says_what_it_is_about(house: House, template: str) -> None:
    """Every template has a subject and a text for an administrative message, and its links."""
    person = house.customer()
    result = house.do(
        lambda transaction: compose(
            house.provider,
            transaction.tables,
            template,
            person,
            "Ann",
            {"compare": "K7M2", "answer": "approved"},  # of an order that a guardian pays for
            lambda purpose: purpose == "administrative-message",
        )
    )
    assert result.subject
    assert len(result.text) > 100
    assert "{" not in result.text


RESTS_ON: dict[str, Callable[[House], bool]] = {
    "registration": lambda house: sign_up(house).status_code in (403, 503),
    "service": lambda house: sign_up(house).status_code == 403,
    "service-messages": lambda house: sign_up(house).status_code == 403,
}


@pytest.mark.parametrize("clause", RESTS_ON)
def test_without_its_clause_nobody_is_registered(
    open_house: Callable[..., House], clause: str
) -> None:
    """Take the clause away, and signing up is refused and keeps nothing."""
    house = open_house(without(clause))
    assert RESTS_ON[clause](house)
    assert people_at(house) == []
