"""Versions of the Master Terms: posted by a second person, accepted by digest, readable after."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gate.versions import WIDER, post, version
from practices.conftest import TOKEN, House
from practices.test_sign_up import GOOD
from upheld.app.posted import PostedLive
from upheld.core.ids import PersonId, UserId
from upheld.database.own_tables import Tables
from upheld.database.statements import run
from upheld.database.transaction import writing
from upheld.demo import sample_policy
from upheld.gate.operations.selfcheck_job import SelfCheckRound
from upheld.gate.transaction import GateTransaction
from upheld.practice import operators, terms
from upheld.practice.terms import TermsError, TermsVersion
from upheld.practices.accounts import domain
from upheld.practices.rights import closure

CHANGES = "/me/changes"
NEW = "# Master Terms\n\nPay what you owe within *fourteen* days, and be kind.\n"


def _users(house: House) -> tuple[UserId, UserId]:
    """The ids of two counsels."""
    return house.do(
        lambda transaction: (
            _counsel(transaction.tables, "olga"),
            _counsel(transaction.tables, "paul"),
        )
    )


def _counsel(tables: Tables, name: str) -> UserId:
    there = operators.find_by_sign_in(tables, "staff", name)
    if there:
        return there[0].user_id
    return operators.add_user(
        tables, "staff", name, name, roles=["counsel"], state=operators.ACTIVE
    ).user_id


def _post(house: House, name: str = "2", text: str = NEW) -> TermsVersion:
    """Post a version of the terms, as two people would."""
    olga, paul = _users(house)

    def work(transaction: GateTransaction) -> TermsVersion:
        terms.begin(transaction, house.provider.settings.agreement)
        terms.draft(transaction, text, name, olga)
        return terms.post(transaction, name, paul)

    return house.do(work)


def _accepted(house: House, person: PersonId) -> list[str]:
    """The digests of the terms that somebody accepted, the last one first."""
    with house.provider.gate.gate.look() as tables:
        return [each.digest for each in terms.accepted(tables, person)]


def _evidence(house: House, person: PersonId) -> list[tuple[str, ...]]:
    """What their acceptances say, in order."""
    lines = house.do(lambda transaction: transaction.entries(person))
    return [each.entry.evidence for each in lines if each.entry.kind == "acceptance"]


def _go_on(browser: TestClient) -> str:
    """Press the button of the page between; where it leads."""
    page = browser.get(CHANGES).text
    token = TOKEN.search(page)
    assert token
    form = {"_token": token[1]}
    form.update(re.findall(r'name="(number|terms)" value="(\d+)"', page))
    answer = browser.post(CHANGES, data=form)
    assert answer.status_code == 303
    return answer.headers["location"]


def test_every_version_stands_at_an_address_of_its_own(house: House) -> None:
    """Its words, its bytes and its digest, and what the next one changed, word by word."""
    browser = house.browser()
    first = browser.get("/terms").text
    assert browser.get("/terms/versions/1").status_code == 404
    posted = _post(house)
    assert "Pay what you owe, and be kind" in first
    assert "<em>fourteen</em>" in browser.get("/terms").text
    old = browser.get("/terms/versions/1").text
    assert "Pay what you owe, and be kind" in old
    assert "<ins>owe within *fourteen* days,</ins>" in old
    assert posted.digest in browser.get("/terms/versions/2").text
    assert posted.digest == sha256(NEW.encode()).hexdigest()
    assert browser.get("/terms/versions/2/terms.md").content == NEW.encode()
    listed = browser.get("/terms/versions").text
    assert listed.index(posted.digest) < listed.index('href="/terms/versions/1"')
    for wrong in ("3", "0", "x", "1" * 12):
        assert browser.get(f"/terms/versions/{wrong}").status_code == 404


def test_a_customer_accepts_a_new_version_at_their_next_use(house: House) -> None:
    """On the page between, once; the entry and their page have its digest."""
    person = house.customer()
    browser = house.signed_in(person)
    assert browser.get("/me").status_code == 200
    posted = _post(house)
    assert browser.get("/me").headers["location"].startswith(CHANGES)
    page = browser.get(CHANGES).text
    assert "<h1>The Master Terms have changed</h1>" in page
    assert "<ins>owe within *fourteen* days,</ins>" in page
    assert browser.get("/me/payment").status_code == 200
    assert _go_on(browser) == "/me"
    assert browser.get("/me").status_code == 200
    assert _accepted(house, person) == [posted.digest]
    assert _evidence(house, person)[-1][:2] == (house.provider.policy.digest, posted.digest)
    mine = browser.get("/me/versions").text
    assert re.search(r'you accepted <a href="/terms/versions/2">version 2</a>', mine)


def test_policy_and_terms_that_changed_are_one_page(house: House) -> None:
    """Going on is the first use of the one and the acceptance of the other."""
    person = house.customer()
    browser = house.signed_in(person)
    posted = _post(house)
    post(house.provider.gate.gate, version("two", WIDER))
    page = browser.get(CHANGES).text
    assert "<h1>Our privacy policy and the Master Terms have changed</h1>" in page
    assert _go_on(browser) == "/me"
    assert _accepted(house, person) == [posted.digest]
    assert browser.get("/me").status_code == 200


def test_terms_that_were_posted_while_somebody_read_are_shown_too(house: House) -> None:
    """The form names the version; going on from an older one accepts nothing."""
    person = house.customer()
    browser = house.signed_in(person)
    _post(house)
    token = TOKEN.search(browser.get(CHANGES).text)
    assert token
    last = _post(house, "3", f"{NEW}\nAnd be on time.\n")
    for form in ({"terms": "2"}, {}, {"terms": "x" * 9}, {"terms": "1" * 30}):
        answer = browser.post(CHANGES, data={"_token": token[1], **form})
        assert answer.headers["location"].startswith(CHANGES)
    assert _accepted(house, person) == []
    assert _go_on(browser) == "/me"
    assert _accepted(house, person) == [last.digest]


def test_who_closed_their_account_is_asked_nothing(house: House) -> None:
    """Nobody accepts terms of what they do not use any more."""
    person = house.customer()
    _post(house)
    house.do(lambda transaction: closure.close(transaction, house.provider.events, person))
    assert house.do(lambda transaction: terms.unread(transaction, person)) is None


def test_who_signs_up_accepts_the_version_of_the_form(house: House) -> None:
    """By its digest; and whose form showed an earlier one reads the terms again."""
    before, posted = house.browser().get("/terms").text, _post(house)
    assert posted.digest[:16] not in before
    form = {**GOOD, "terms": "0" * 64}
    answer = house.browser().post("/sign-up/form", data=form)
    assert answer.status_code == 409
    assert "The Master Terms changed while this page was open" in answer.text
    shown = re.search(r'name="terms" value="(\w{64})"', answer.text)
    assert shown
    assert shown[1] == posted.digest
    answer = house.browser().post("/sign-up/form", data={**GOOD, "terms": shown[1]})
    assert answer.status_code == 303
    (person,) = house.do(lambda transaction: transaction.find("email", str(GOOD["email"])))
    assert _accepted(house, person) == [posted.digest]
    assert house.do(lambda transaction: terms.unread(transaction, person)) is None
    with house.provider.gate.gate.look() as tables:
        account = domain.account_of(tables, person)
    assert account
    assert account.agreement_digest == posted.digest


def test_terms_are_drafted_by_one_and_posted_by_another(house: House) -> None:
    """Who drafts does not post; names and words are used once; of what is done twice, once."""
    olga, paul = _users(house)
    agreement = house.provider.settings.agreement

    def fails(work: str, *words: str) -> str:
        with pytest.raises(TermsError) as caught:
            house.do(lambda transaction: getattr(terms, work)(transaction, *words))
        return caught.value.code

    assert fails("draft", NEW, "2", olga) == "terms-first"
    house.do(lambda transaction: terms.begin(transaction, agreement))
    assert agreement
    assert fails("draft", agreement.read_text(), "2", olga) == "terms-version"
    assert fails("draft", NEW, "1", olga) == "terms-version"
    assert fails("draft", NEW, "no/slash", olga) == "terms-version"
    assert fails("draft", " \n", "2", olga) == "terms-text"
    assert fails("draft", NEW, "2", "nobody") == "terms-role"
    house.do(lambda transaction: terms.draft(transaction, NEW, "2", olga))
    assert fails("post", "2", olga) == "terms-second-person"
    house.do(lambda transaction: terms.drop(transaction, "2", paul))
    assert fails("post", "2", paul) == "terms-draft"
    _post(house)
    assert fails("post", "2", paul) == "terms-draft"
    assert fails("draft", NEW + "More.", "2", olga) == "terms-version"


def test_of_eight_who_post_at_once_one_does(house: House) -> None:
    """One draft becomes one version, with one number."""
    olga, paul = _users(house)

    def prepare(transaction: GateTransaction) -> None:
        terms.begin(transaction, house.provider.settings.agreement)
        terms.draft(transaction, NEW, "2", olga)

    house.do(prepare)

    def tries(_: int) -> str:
        try:
            house.do(lambda transaction: terms.post(transaction, "2", paul))
        except TermsError as error:
            return error.code
        return "posted"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(tries, range(8)))
    assert sorted(set(outcomes)) == ["posted", "terms-draft"]
    assert outcomes.count("posted") == 1
    with house.provider.gate.gate.look() as tables:
        assert [each.number for each in terms.versions(tables)] == [1, 2]


def test_a_policy_is_a_part_of_a_version_that_was_posted(house: House) -> None:
    """A draft whose `part-of` names another one is refused; without a number it is of any."""
    with house.provider.gate.gate.look() as tables:
        terms.require_part_of(tables, "Master Terms, version 1")  # which is the file's to be
        with pytest.raises(TermsError):
            terms.require_part_of(tables, "Master Terms, version 2")
    _post(house)
    for part_of, name in (
        ("Master Terms", ""),
        ("Master Terms, version 2", "2"),
        ("the Master Terms version 2027-01-01", "2027-01-01"),
    ):
        assert terms.version_named(part_of) == name
    with house.provider.gate.gate.look() as tables:
        terms.require_part_of(tables, "Master Terms")
        terms.require_part_of(tables, "Master Terms, version 2")
        with pytest.raises(TermsError) as caught:
            terms.require_part_of(tables, "Master Terms, version 3")
    assert caught.value.code == "version-terms"


def test_a_changed_file_of_the_terms_is_only_an_offer(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Start, reload and self-check say that it is another text, or none; what was posted holds."""
    logging.getLogger("upheld").propagate = True
    gate, file = house.provider.gate.gate, house.provider.settings.agreement
    assert file
    gate.take_first_version()
    terms.take_first(gate, file)

    def log_of(look: Callable[[], object]) -> str:
        caplog.clear()
        with caplog.at_level(logging.WARNING, "upheld"):
            look()
        return caplog.text

    def start() -> PostedLive[str]:
        return PostedLive(Path(sample_policy()), lambda policy: policy.digest, gate)

    looks = (start, start().reload, lambda: SelfCheckRound().look(gate))
    for words, says in (("# Other words\n", "another text, digest"), ("\udcff", "read as text")):
        assert not any("of the terms in force" in log_of(each) for each in looks)
        before = file.read_bytes()
        file.write_text(words, encoding="utf-8", errors="surrogateescape")
        assert all(says in log_of(each) for each in looks)
        file.write_bytes(before)
    with gate.look() as tables:
        there = terms.in_force(tables, file)
    assert there
    assert there.edition.version == "1"


def test_a_policy_that_names_an_earlier_version_of_the_terms_is_told(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Start, reload and self-check say which version is in force, once it is not the one named."""
    logging.getLogger("upheld").propagate = True
    gate, file = house.provider.gate.gate, house.provider.settings.agreement
    gate.take_first_version()
    terms.take_first(gate, file)
    named = terms.version_named(house.policy.front.part_of)
    assert named == "1"

    def log_of() -> str:
        caplog.clear()
        with caplog.at_level(logging.WARNING, "upheld"):
            SelfCheckRound().look(gate)
            PostedLive(Path(sample_policy()), lambda policy: policy.digest, gate).reload()
        return caplog.text

    assert "another version of the terms" not in log_of()
    _post(house)
    assert log_of().count("it names 1, and 2 is in force") == 3


def test_words_that_were_changed_in_the_database_are_not_shown(house: House) -> None:
    """Neither the page nor an acceptance goes on with words that are not those of the digest."""
    _post(house)
    with writing(house.provider.gate.gate.engine) as connection:
        run(connection, "UPDATE terms_text SET text = 'Pay twice.'")
    answer = house.browser().get("/terms")
    assert answer.status_code >= 500
    assert "Pay twice" not in answer.text
