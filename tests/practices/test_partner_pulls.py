"""What a partner's program pulls: by its token, for its purpose, each person once, and no more."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from practices.conftest import House, send
from practices.test_agreements import PARTY, draft, key, manager, partner, public, signed
from upheld.core.ids import AgreementId, PersonId, PullId, UserId
from upheld.database.transaction import reading
from upheld.gate.act.request import Act
from upheld.gate.log import entries
from upheld.gate.log.entries import StoredEntry
from upheld.gate.transaction import Transaction
from upheld.practice import deliveries, parties
from upheld.practices.agreements import agreements, clients, deletions, pulls
from upheld.practices.agreements.tables import partner_pull
from upheld.practices.rights import choices

API = "/api/partner"
EMAILS = ("ann@marked.example", "bo@marked.example", "cy@marked.example")


class Program:
    """A partner's program: its id, its secret, and a browser that is none."""

    def __init__(self, house: House, party: str, by: UserId) -> None:
        self.http = TestClient(house.app, follow_redirects=False)
        client, self.secret = house.do(lambda t: clients.add(t, party, by=by))
        self.client_id = client.client_id
        self.token = self.get_token()

    def get_token(self) -> str:
        """A token for the secret; empty where it is refused."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.secret,
        }
        return str(self.http.post(f"{API}/token", data=form).json().get("access_token", ""))

    def ask(self, path: str, form: dict[str, str], **headers: str) -> tuple[int, dict[str, Any]]:
        """Ask with the token; the status and the answer."""
        words = {"authorization": f"Bearer {self.token}", **headers}
        answer = self.http.post(f"{API}{path}", data=form, headers=words)
        return answer.status_code, answer.json()

    def begin(self, purpose: str = "offers", fields: str = "email name") -> str:
        """Begin a pull; its id."""
        status, answer = self.ask("/pulls", {"purpose": purpose, "fields": fields})
        assert status == 201, answer
        return str(answer["pull"])

    def page(self, pull: str, number: int) -> tuple[int, dict[str, Any]]:
        """A page of a pull."""
        return self.ask(f"/pulls/{pull}/page", {"page": str(number)})


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulls, "PAGE_PEOPLE", 2)


def some(house: House) -> list[PersonId]:
    """Three customers."""
    return [house.customer(each) for each in EMAILS]


def opened(house: House) -> tuple[Program, UserId, AgreementId]:
    """A program of a partner with an agreement in force, the manager, and the agreement."""
    by, party = manager(house), partner(house)
    one = signed(house, party, by)
    return Program(house, party, by), by, one.agreement_id


def of_share(house: House, person: PersonId) -> list[StoredEntry]:
    """The entries of what was shared about somebody."""
    entries = house.provider.gate.gate.entries(person)
    return [each for each in entries if each.entry.action == "share" and each.entry.kind == "act"]


def test_a_pull_gives_each_customer_once_page_by_page(house: House) -> None:
    """A page that is asked for again is the same delivery; the next one says that it arrived."""
    people = some(house)
    program, _, _ = opened(house)
    pull = program.begin()
    status, first = program.page(pull, 1)
    assert status == 200, first
    assert program.page(pull, 1)[1]["manifest"]["delivery"] == first["manifest"]["delivery"]
    assert first["next"] == 2
    _, second = program.page(pull, 2)
    assert program.page(pull, 1)[0] == 409
    assert second["next"] == 3
    status, last = program.page(pull, 3)
    assert (status, last["items"], last["next"]) == (200, [], None)
    items = [*first["items"], *second["items"]]
    assert sorted(each["values"]["email"] for each in items) == sorted(EMAILS)
    assert {field for each in items for field in each["values"]} == {"email", "name"}
    assert not {each["id"] for each in items} & {*people}
    with house.provider.gate.gate.look() as tables:
        made = deliveries.latest(tables)
    assert [each.state for each in made] == ["done", "done"]
    of_page = {each.number for one in people for each in of_share(house, one)}
    assert len(of_page) == 2  # one entry for each page, however many people are in it
    of_one = [each.entry for each in house.provider.gate.gate.entries(people[0])]
    assert [each.kind for each in of_one if "trusted-partner" in each.recipient] == [
        "act",
        deliveries.DELIVERED,
    ]


def test_whom_we_may_not_write_to_is_in_no_page_of_offers(house: House) -> None:
    """Whoever opted out of offers stays with us, and all others go out."""
    people = some(house)
    program, _, _ = opened(house)

    def opt_out(person: PersonId) -> None:
        about = {"purpose": ["offers"]}
        house.do(
            lambda t: t.record(person, "opt-out", fact="opted-out", about=about, by_whom="customer")
        )

    opt_out(people[0])
    pull, items = program.begin(), []
    number: int | None = 1
    while number is not None:
        _, answer = program.page(pull, number)
        items += answer["items"]
        number = answer["next"]
    assert sorted(each["values"]["email"] for each in items) == sorted(EMAILS[1:])


def test_another_purpose_field_or_recipient_is_refused_and_recorded(house: House) -> None:
    """Each refusal says why and is an entry; nothing begins."""
    program, _, _ = opened(house)
    forms = (
        {"purpose": "partner-marketing"},
        {"purpose": "no-such-purpose"},
        {"purpose": "offers", "fields": "email credentials"},
        {"purpose": "offers", "fields": "email", "recipient": "southern-mail"},
    )
    for form in forms:
        status, answer = program.ask("/pulls", form)
        assert (status, answer["error"]) == (403, "agreement"), form
        assert answer["what_to_do"]
    with house.provider.gate.gate.look() as tables:
        assert tables.select_unchecked(partner_pull, ["pull_id"]) == []
    assert refusals_of(house) == len(forms)


def refusals_of(house: House) -> int:
    """How many entries say that a partner was refused."""
    with reading(house.provider.gate.gate.engine) as connection:
        return len(list(entries.of_kind(connection, pulls.REFUSAL)))


def test_a_withdrawal_in_the_middle_of_a_pull_ends_it(house: House) -> None:
    """The next page is refused as a whole, and so is the last one once more."""
    some(house)
    program, by, agreement_id = opened(house)
    pull = program.begin()
    assert program.page(pull, 1)[0] == 200
    house.do(lambda t: agreements.withdraw(t, agreement_id, "We parted", by=by))
    for number in (1, 2):
        status, answer = program.page(pull, number)
        assert (status, answer["error"]) == (403, "agreement")


def test_who_opts_out_is_not_in_a_page_that_is_asked_for_again(house: House) -> None:
    """The others are; their second page is as it would have been."""
    people = some(house)
    program, _, _ = opened(house)
    pull = program.begin()
    first = [each["values"]["email"] for each in program.page(pull, 1)[1]["items"]]
    gone = people[EMAILS.index(first[0])]
    house.do(lambda t: choices.opt(t, gone, choices.OFFERS, "offers", out=True))
    again = [each["values"]["email"] for each in program.page(pull, 1)[1]["items"]]
    assert again == first[1:]
    assert len(program.page(pull, 2)[1]["items"]) == 1


def test_a_page_during_which_the_agreement_ends_is_refused_as_a_whole(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is given, and no delivery is left."""
    some(house)
    program, _, _ = opened(house)
    pull, give_out = program.begin(), deliveries.give_out

    def slowly(
        transaction: Transaction, act: Act, person_ids: Sequence[PersonId], only_if: Act | None
    ) -> deliveries.Content | None:
        content = give_out(transaction, act, person_ids, only_if)
        house.clock.moved += timedelta(days=40)
        return content

    monkeypatch.setattr(deliveries, "give_out", slowly)
    status, answer = program.page(pull, 1)
    assert (status, answer["error"]) == (403, "agreement-state")
    with house.provider.gate.gate.look() as tables:
        assert deliveries.latest(tables) == []


def test_a_token_opens_its_own_pulls_for_minutes_and_until_it_is_revoked(house: House) -> None:
    """Another partner's pull is not there; an old, a wrong and a revoked token are refused."""
    some(house)
    program, by, _ = opened(house)
    pull = program.begin()
    other = Program(house, partner(house, "Southern Mail"), by)
    assert other.page(pull, 1)[0] == 404
    assert other.ask("/pulls", {"purpose": "offers"})[0] == 403
    good, program.token = program.token, program.token[:-4] + "AAAA"
    assert program.page(pull, 1)[0] == 401
    program.token = good
    house.clock.moved += timedelta(minutes=11)
    assert program.page(pull, 1)[0] == 401
    program.token = program.get_token()
    assert program.page(pull, 1)[0] == 200
    house.do(lambda t: clients.revoke(t, program.client_id, by=by))
    assert program.page(pull, 1)[0] == 401
    assert program.get_token() == ""


def test_what_no_program_would_send_is_answered(house: House) -> None:
    """Wrong secrets are counted, pages of browsers are refused, and GET and HEAD do nothing."""
    program, _, _ = opened(house)
    assert program.ask("/pulls", {"purpose": "offers"}, origin="https://x.example")[0] == 403
    site = {"sec-fetch-site": "cross-site"}
    assert program.ask("/pulls", {"purpose": "offers"}, **site)[0] == 403
    for method in ("GET", "HEAD"):
        assert program.http.request(method, f"{API}/pulls").status_code == 405
    assert program.ask("/pulls", {"purpose": "x" * 20_000})[0] == 413
    assert program.page(program.begin(), 0)[0] == 409
    assert program.ask(f"/pulls/{program.begin()}/page", {"page": "one"})[0] == 422
    basic = base64.b64encode(b"nobody:nothing").decode()
    headers = {"authorization": f"Basic {basic}"}
    form = {"grant_type": "client_credentials"}
    codes = [
        program.http.post(f"{API}/token", data=form, headers=headers).status_code for _ in range(12)
    ]
    assert codes[0] == 401
    assert codes[-1] == 429


def test_twenty_who_ask_for_a_page_at_once_get_one_delivery(house: House) -> None:
    """However often it is asked for, a page is made once."""
    some(house)
    program, _, _ = opened(house)
    pull_id = program.begin()
    pull = house.do(lambda t: pulls.find(t, PARTY, PullId(pull_id)))
    assert pull is not None
    one = pull

    def attempt(_: int) -> bytes:
        return house.do(lambda t: pulls.give(t, one, 1)).lines

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(attempt, range(20)))
    assert len({*answers}) == 1
    with house.provider.gate.gate.look() as tables:
        assert len(deliveries.latest(tables)) == 1


def test_somebody_of_the_partner_signs_and_sees_what_is_theirs(house: House) -> None:
    """Their page has their agreements, purposes and deliveries, and nothing of another's."""
    by, party = manager(house), partner(house)
    one, theirs = draft(house, party, by), key()
    house.do(lambda t: agreements.keep_key(t, party, public(theirs), by=by))
    house.do(lambda t: agreements.sign(t, one.agreement_id, by=by))
    user = house.staff(kind="agent", sign_in="nora", party=party)
    browser = house.signed_in(user, "agent")
    path = f"/partner/agreements/{one.agreement_id}"
    statement = browser.get(f"{path}/statement.txt").text
    wrong = send(browser, f"{path}/accept", {"signature": "none"}, "/partner")
    assert wrong.status_code == 422
    signature = base64.b64encode(theirs.sign(statement.encode())).decode()
    assert send(browser, f"{path}/accept", {"signature": signature}, "/partner").status_code == 303
    some(house)
    program = Program(house, party, by)
    program.page(program.begin(), 1)
    page = browser.get("/partner").text
    assert "signed by both sides" in page
    assert "not confirmed yet" in page
    other = house.staff(kind="agent", sign_in="sue", party=partner(house, "Southern Mail"))
    stranger = house.signed_in(other, "agent")
    assert stranger.get(f"{path}/statement.txt").status_code == 404
    assert one.agreement_id not in stranger.get("/partner").text


def test_what_was_pulled_is_to_be_deleted_when_the_agreement_is_over(house: House) -> None:
    """Both sides see by when, and that it is overdue, until the partner says that it did."""
    some(house)
    program, by, agreement = opened(house)
    pull, empty = program.begin(), program.begin("newsletter", "email")
    assert program.ask("/requests", {}) == (200, {"requests": []})
    assert program.page(pull, 1)[0] == 200
    (one,) = program.ask("/requests", {})[1]["requests"]
    ends = house.do(lambda t: agreements.require(t.tables, agreement)).ends
    assert (one["request"], one["due"], one["late"]) == (pull, ends.isoformat(), False)
    assert program.ask(f"/requests/{empty}", {})[0] == 404
    house.do(lambda t: agreements.withdraw(t, agreement, "It was a mistake.", by=by))
    user = house.staff(kind="agent", sign_in="nora", party=PARTY)
    nora, desk = house.signed_in(user, "agent"), house.signed_in(by, "staff")
    assert "Late" in nora.get("/partner/requests").text
    assert "Late" in desk.get("/staff/recipients").text

    def confirm(_: int) -> None:
        house.do(lambda t: deletions.confirm(t, PARTY, PullId(pull), actor="agent nora"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(confirm, range(20)))
    for _ in range(2):
        sent = send(nora, f"/partner/requests/{pull}", {}, "/partner/requests")
        assert sent.status_code == 303
    assert "Late" not in nora.get("/partner/requests").text
    assert "Late" not in desk.get("/staff/recipients").text
    status, answer = program.ask(f"/requests/{pull}", {})
    assert (status, answer["late"]) == (200, False)
    assert answer["answered"]
    with reading(house.provider.gate.gate.engine) as connection:
        confirmed = list(entries.of_kind(connection, deletions.DELETION))
    assert len(confirmed) == 1
    other = Program(house, partner(house, "Southern Mail"), by)
    assert other.ask(f"/requests/{pull}", {})[0] == 404


def test_the_page_of_partners_is_for_those_whom_the_register_has_as_partners(house: House) -> None:
    """Neither an agency nor an unknown company comes in; a partner that was one still does."""
    party = partner(house)
    nora = house.signed_in(house.staff(kind="agent", sign_in="nora", party=party), "agent")
    agency = house.do(lambda t: parties.add(t, "Duns", "collection-agent")).party
    for number, company in enumerate((agency, "unknown")):
        user = house.staff(kind="agent", sign_in=f"ed{number}", party=company)
        browser = house.signed_in(user, "agent")
        assert browser.get("/partner").status_code == 403
        assert 'href="/partner"' not in browser.get("/agent").text
    house.do(lambda t: parties.end(t, party))
    assert 'href="/partner"' in nora.get("/agent").text
    assert nora.get("/partner").status_code == 200
