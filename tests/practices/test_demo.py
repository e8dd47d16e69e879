"""The demonstration: everybody who signs in does, every page has something to show, it adds up."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from random import Random
from typing import Final

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from practices.conftest import PAGE, SetClock, close
from processes import PATIENCE, child, free_port, wait_for_port
from sizes import size
from upheld.app.provider import provider_app
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.demo import names, sample_policy
from upheld.demo.build import SignIn
from upheld.demo.pages import DemoPages, linked
from upheld.demo.running import SETTINGS, Demo, folder_of, greeting, ready
from upheld.demo.scenes import PASSWORD
from upheld.demo.versions import CLAUSE, LOOKED, text_in_force
from upheld.gate.act.request import Act, Refused
from upheld.gate.editions import store
from upheld.gate.evidence import field_values
from upheld.gate.log.receipts import AccountQuery, account
from upheld.gate.operations.jobs import built_in
from upheld.gate.operations.selfcheck import selfcheck
from upheld.policy.load import load, load_text
from upheld.practice import terms
from upheld.practice.endpoints import SIGN_IN
from upheld.practices.ads import campaigns
from upheld.practices.billing import books
from upheld.practices.messages.carrier import Box
from upheld.practices.versions import customer_looks, drafts, findings
from upheld.practices.versions.tables import customer_version
from upheld.web import sessions
from upheld.web.totp import STEP_SECONDS

TODAY: Final = date(2026, 3, 15)
URL: Final = "http://127.0.0.1:8765"
CUSTOMERS: Final = size("customers of the demonstration", short=12, long=200)
HOME: Final = {"customer": "/me", "staff": "/staff", "agent": "/agent"}
HREF: Final = re.compile(r'href="(/(?:me|staff|agent|demo)(?:/[^"#?]*)?)["#?]')
WHO: Final = (
    *("ann", "kim", "ruth", "dan", "eve", "gil"),
    *("olga", "max", "sara", "ed", "pia", "ivy", "joy"),
)


@pytest.fixture(scope="module")
def steps() -> list[tuple[int, int]]:
    """What whoever waits for the demonstration is told: how many steps are done, of how many."""
    return []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]) -> Iterator[Demo]:
    """A demonstration, built once for all that look at it."""
    demonstration = ready(
        tmp_path_factory.mktemp("demo"),
        URL,
        CUSTOMERS,
        lambda step, total: steps.append((step, total)),
        clock=SetClock(),
    )
    yield demonstration
    close(demonstration.provider.gate)


def test_a_crowd_of_any_size_has_a_name_and_an_address_each() -> None:
    """The crowd has as many people as the command accepts, equal each time, with valid values."""
    people = names.crowd(Random(1), TODAY, 10_000)  # noqa: S311 - nothing secret is drawn
    assert len({each.name for each in people}) == len({each.email for each in people}) == 10_000
    assert people[:3] == names.crowd(Random(1), TODAY, 3)  # noqa: S311 - as above
    for each in people[::500]:
        for field, value in each.answers.items():
            assert field_values.canonical(field, value, today=TODAY) == value


@pytest.mark.usefixtures("demo")
def test_whoever_waits_for_the_demonstration_is_told_how_far_it_is(
    steps: list[tuple[int, int]],
) -> None:
    """From little to all of it, and never back."""
    assert [step for step, _ in steps] == sorted(step for step, _ in steps)
    assert len({total for _, total in steps}) == 1
    assert steps[-1][0] == steps[-1][1]


@pytest.fixture(scope="module")
def app(demo: Demo) -> Starlette:
    """Its pages."""
    return provider_app(demo.provider, demo.provider.gate.gate.context.policy)


def signed_in(app: Starlette, demo: Demo, who: SignIn) -> TestClient:
    """The browser of somebody who signed in as the page of the demonstration tells them to."""
    browser = TestClient(app, headers=PAGE, follow_redirects=False)
    data = {"email": who.sign_in, "sign-in": who.sign_in, "password": PASSWORD}
    if who.secret:
        clock = demo.provider.gate.gate.context.clock
        assert isinstance(clock, SetClock)
        clock.moved += timedelta(seconds=STEP_SECONDS)  # a code is used once
        with demo.provider.gate.gate.together() as transaction:
            doors = DemoPages(demo.provider, Box(), [who]).doors(transaction.tables)
        data["code"] = doors[0].code
    answer = browser.post(SIGN_IN[who.kind], data=data)
    assert answer.status_code == 303, who.sign_in
    return browser


def crawled(browser: TestClient, home: str, demo: Demo) -> dict[str, httpx2.Response]:
    """Every page that somebody comes to by links, with its answer; the log is covered meanwhile."""
    cover = next(job for job in built_in(demo.settings) if job.name == "cover")
    result: dict[str, httpx2.Response] = {}
    ahead = [home]
    while ahead:
        path = ahead.pop()
        if path in result or path.endswith((".json", ".zip", "/go")):
            continue
        result[path] = browser.get(path)
        if result[path].status_code == 409:  # a receipt that there is a second later
            cover.run(demo.provider.gate.gate)
            result[path] = browser.get(path)
        ahead += HREF.findall(result[path].text)
    return result


@pytest.mark.parametrize("word", WHO)
def test_everybody_signs_in_and_sees_their_pages(app: Starlette, demo: Demo, word: str) -> None:
    """Each sign-in that is printed works, and each page that links lead to answers."""
    (who,) = [each for each in demo.people if each.sign_in.partition("@")[0] == word]
    with_codes = greeting(demo)
    assert who.sign_in in with_codes
    assert PASSWORD in with_codes
    pages = crawled(signed_in(app, demo, who), HOME[who.kind], demo)
    wrong = {path: each.status_code for path, each in pages.items() if each.status_code != 200}
    assert wrong == {}
    assert len(pages) >= 3


def test_there_is_something_on_every_desk(app: Starlette, demo: Demo) -> None:
    """A queue with tickets, debts in each state, an account to collect and one to confirm."""
    by = {each.sign_in.partition("@")[0]: each for each in demo.people}
    debts = signed_in(app, demo, by["olga"])
    page = debts.get("/staff/debts").text
    assert page.count("Harbour Collections") >= 2
    assert debts.get("/staff").text.count("/staff/tasks/") >= 3
    agent = signed_in(app, demo, by["ed"]).get("/agent").text
    assert "Eve Stone" in agent
    assert "Delete everything that you were told" in agent
    mine = signed_in(app, demo, by["ann"])
    assert "Tom Marlow" not in mine.get("/me/household").text
    assert mine.get("/me/balance").text.count("/me/balance/20") >= 20
    assert mine.get("/me/messages").text.count("/me/messages/") >= 20
    assert "<svg" in mine.get("/me/usage").text
    assert "Kim Bell" in signed_in(app, demo, by["ruth"]).get("/me/family").text
    assert "Bulbs for the spring" in mine.get("/me").text  # she opted out: it is for everybody
    with demo.provider.gate.gate.look() as tables:
        assert {campaigns.WAITING, campaigns.APPROVED} <= {e.state for e in campaigns.every(tables)}


def test_two_months_of_what_comes_in_are_shown(app: Starlette, demo: Demo) -> None:
    """Visits of our pages and of a partner's, at the desk and to Ann, and what she bought there."""
    by = {each.sign_in.partition("@")[0]: each for each in demo.people}
    desk = signed_in(app, demo, by["max"])
    visits = desk.get("/staff/visits").text
    assert "shop.mill-books.example" in visits
    (count,) = re.findall(r"([0-9],[0-9]{3}) visits", visits)[:1]
    assert int(count.replace(",", "")) > 3_000
    feeds = desk.get("/staff/feeds").text
    assert "Fewer than 10 are kept. If the job ran now, it would delete none." in feeds
    assert "Transactions that go, by month" in feeds
    ann = signed_in(app, demo, by["ann"])
    assert "/articles/" in ann.get("/me/privacy/visits").text
    bought = ann.get("/me/privacy/transactions").text
    assert "Mill Books" in bought
    assert "A garden book" in bought
    assert "Mill Books" in ann.get("/about").text


def test_articles_extracts_reports_and_an_invoice_are_shown(app: Starlette, demo: Demo) -> None:
    """Ann reads what was chosen for her and why; a few people are too few for what analysts ask."""
    by = {each.sign_in.partition("@")[0]: each for each in demo.people}
    for word, path, text in (
        ("ann", "/me/articles", "Used last month: 100 gigabytes or more"),
        ("max", "/staff/articles", "It is no longer shown"),
        ("max", "/staff", "An extract waits for a yes."),
        ("ivy", "/staff/extracts", "It is open" if CUSTOMERS > 40 else "It has ended"),
        ("ivy", "/staff/reports", "How many used how much"),
        ("joy", "/reports", "How many people, by gender"),
        ("pia", "/advertiser/invoices/1", "After corrections"),
    ):
        assert text in signed_in(app, demo, by[word]).get(path).text, path


def test_what_was_built_is_whole_and_made_up(demo: Demo) -> None:
    """Every key, value, record and entry opens; every balance is its sum; nobody is real."""
    gate = demo.provider.gate.gate
    self_check = selfcheck(gate.engine, gate.context.keyring)
    assert self_check.problems == ()
    invoice_count, addresses = 0, set()
    with gate.together() as transaction:
        people = [each for (each,) in rows(transaction.connection, "SELECT person_id FROM account")]
        for person in people:  # as each of them sees it who is signed in
            sessions.begin(transaction.tables, "customer", person, transaction.context.clock.now())
            value = transaction.act(
                Act(
                    action="view",
                    data=("email", "balance", books.TRANSACTION),
                    actor="customer",
                    purpose="rights-request",
                    partial=True,
                ),
                person,
                entitled=True,
            )
            assert not isinstance(value, Refused)
            addresses.add(value["email"])
            result = books.rows_of(each.value for each in value.series(books.TRANSACTION))
            if result:
                signs = [
                    row.cents if isinstance(row, books.Invoice) else -row.cents for row in result
                ]
                assert value["balance"] == str(sum(signs))
                invoice_count += 1
    assert len(people) == CUSTOMERS
    assert len(addresses) == CUSTOMERS
    assert all(each.endswith(".example") for each in addresses)
    assert invoice_count >= CUSTOMERS // 2


def test_its_records_agree_with_one_another(demo: Demo) -> None:
    """Each act and acceptance names the version in force on its day; nothing is of the future."""
    gate = demo.provider.gate.gate
    now = gate.clock.now()
    with reading(gate.engine) as connection:
        lines = list(account(connection, gate.policy, AccountQuery(), words=False))
        editions = store.editions(connection)
        policies = {each.digest: store.policy_of(connection, each.digest) for each in editions}
    acceptances = [each for each in lines if each.entry.kind == "acceptance"]
    with gate.together() as transaction:
        second = terms.versions(transaction.tables)[-1]
    assert len([each for each in acceptances if each.at != second.posted_at]) == CUSTOMERS
    for each in lines:
        assert each.at <= now, each.entry
        if each.entry.policy and each.number != editions[0].entry:
            before = [edition for edition in editions if edition.entry < each.number]
            assert each.entry.policy == before[-1].digest, each.entry
    for each in acceptances:
        front = policies[each.entry.policy].front
        assert front.effective <= str(each.at.date())
        assert f"version {front.version}" in each.entry.evidence
        assert each.entry.policy in each.entry.evidence
    assert (now - lines[-1].at).days <= 1


def test_there_are_three_versions_and_a_draft_that_waits(app: Starlette, demo: Demo) -> None:
    """A narrower one and a wider one were posted by two people; a manager can approve the next."""
    with demo.provider.gate.gate.together() as transaction:
        editions = transaction.editions.all()
        waiting = drafts.drafts(transaction.tables, drafts.OPEN)
    assert [each.widens for each in editions] == [False, False, True]
    assert all(each.drafted_by != each.approved_by for each in editions[1:])
    assert editions[-1].digest == demo.provider.gate.gate.policy.digest
    assert demo.settings.policy is not None
    assert load(demo.settings.policy).digest == editions[-1].digest
    page = TestClient(app, headers=PAGE).get("/privacy/versions").text
    assert all(each.digest in page for each in editions)
    (by,) = [each for each in demo.people if each.sign_in == "max"]
    (draft,) = waiting
    desk = f"/staff/versions/{draft.draft_id}"
    browser = signed_in(app, demo, by)
    assert desk in browser.get("/staff/versions").text
    assert f"{desk}/approve" in browser.get(desk).text
    assert f"{CLAUSE}, struck" in browser.get("/staff/findings").text
    assert "Part of Master Terms, version 2" in TestClient(app, headers=PAGE).get("/privacy").text


def test_one_customer_is_under_notice_and_one_under_approval(app: Starlette, demo: Demo) -> None:
    """Both were written to; the one has read what changed, the other is shown it and decides."""
    by = {each.sign_in.partition("@")[0]: each for each in demo.people}
    gil = signed_in(app, demo, by["gil"])
    assert gil.get("/me").status_code == 200
    tom = signed_in(app, demo, by["tom"])
    assert tom.get("/me").headers["location"].startswith("/me/changes")
    assert "not by what you write to us" in re.sub(r"</?\w+>", "", tom.get("/me/changes").text)
    assert "/me/versions/approve" in tom.get("/me/versions").text
    assert "/me/versions/approve" not in gil.get("/me/versions").text
    with demo.provider.gate.gate.together() as transaction:
        newest = transaction.editions.all()[-1]
        rows_there = transaction.tables.select(customer_version)
        about = [each for each in rows_there if each.matter in {"notice", "request"}]
        assert sorted((each.matter, each.state) for each in about) == [
            ("notice", "sent"),
            ("request", "sent"),
        ]
        for each in about:
            assert each.digest == newest.digest
            assert len(transaction.binding_versions(PersonId(each.person_id))) > 1


def test_some_have_not_come_back_since_the_last_posting(demo: Demo) -> None:
    """Acts on them are asked of an earlier version too; those who are shown have read it."""
    with demo.provider.gate.gate.together() as transaction:
        people = [each for (each,) in rows(transaction.connection, "SELECT person_id FROM account")]
        unread = [each for each in people if customer_looks.unread(transaction, each)]
        held = [each for each in people if len(transaction.binding_versions(each)) > 1]
        looks = transaction.tables.select(customer_version, "matter = ?", "look")
    assert unread
    assert {*unread} & {*held}
    assert len(unread) < len(people)
    assert len(looks) == len(LOOKED)


def test_the_policy_in_force_says_its_own_day_while_that_is_recent() -> None:
    """Later, or before that day, it says another one: the last posting is always recent."""
    sample = load_text(sample_policy().read_text(encoding="utf-8"))
    effective = date.fromisoformat(sample.front.effective)
    recent = load_text(text_in_force(sample.program.source, effective + timedelta(days=10)))
    assert (recent.front.version, recent.front.effective) == (effective.isoformat(),) * 2
    for days in (-300, -1, 0, 3, 200, 2000):
        today = effective + timedelta(days=days)
        front = load_text(text_in_force(sample.program.source, today)).front
        assert today - timedelta(days=40) < date.fromisoformat(front.effective) < today
        assert front.version == front.effective


def test_one_clause_is_struck_by_a_finding_and_stays_on_the_page(
    app: Starlette, demo: Demo
) -> None:
    """The second version struck it, and nothing else; who found it, and when, stands behind it."""
    policy = demo.provider.gate.gate.policy
    assert [each.id for each in policy.program.clauses if each.severed] == [CLAUSE]
    with demo.provider.gate.gate.together() as transaction:
        (row,) = findings.findings(transaction.tables)
        second = transaction.editions.all()[1]
    assert row.draft.digest == second.digest
    assert row.draft.state == drafts.POSTED
    assert row.finding.day < second.posted_at.date()
    policy_page = unescape(TestClient(app, headers=PAGE).get("/privacy").text)
    assert "<s>By looking at an advertisement or clicking it you accept" in policy_page
    assert row.finding.note in policy_page


def test_a_demonstration_of_a_later_day_changes_its_policy_on_the_right_day(
    tmp_path: Path,
) -> None:
    """Whoever signed up before the version in force accepted the one before it."""
    clock = SetClock()
    clock.moved = timedelta(days=270)
    demonstration = ready(tmp_path, URL, 12, clock=clock)
    try:
        gate = demonstration.provider.gate.gate
        person = next(each for each in demonstration.people if each.sign_in.startswith("ann@"))
        browser = TestClient(
            provider_app(demonstration.provider, gate.policy), headers=PAGE, follow_redirects=False
        )
        browser.post("/sign-in", data={"email": person.sign_in, "password": PASSWORD})
        page = browser.get("/me/privacy/policy").text
        assert "you accepted an earlier version, 2025-01-01" in page
        assert "you accepted this version" not in page
    finally:
        close(demonstration.provider.gate)


def test_a_code_that_was_used_is_shown_no_more(app: Starlette, demo: Demo) -> None:
    """The page shows the next code that is not used up, and says so where there is none yet."""
    (who,) = [each for each in demo.people if each.sign_in == "sara"]
    page_shown = DemoPages(demo.provider, Box(), [who])
    codes = set()
    for _ in range(4):
        with demo.provider.gate.gate.together() as transaction:
            (door,) = page_shown.doors(transaction.tables)
        if not door.code:
            break
        codes.add(door.code)
        browser = TestClient(app, headers=PAGE, follow_redirects=False)
        data = {"sign-in": "sara", "password": PASSWORD, "code": door.code}
        assert browser.post("/staff/sign-in", data=data).status_code == 303
    else:
        pytest.fail("a code was shown that was used already")
    page = TestClient(app, headers=PAGE).get("/demo").text
    assert "the next code in half a minute" in page


def test_a_letter_stands_on_the_page_with_links_that_can_be_followed(
    app: Starlette, demo: Demo
) -> None:
    """Whoever signs up finds the message there, follows its link and has an account."""
    browser = TestClient(app, headers=PAGE, follow_redirects=False)
    assert "Nothing yet" in browser.get("/demo/mail").text
    data = {
        "name": "Nia New",
        "email": "nia@customer.example",
        "credentials": "words of my own",
        "birth-date": "1990-02-03",
        "accept": "yes",
    }
    assert browser.post("/sign-up/form", data=data).status_code == 303
    (outbox,) = [
        job for each in demo.provider.practices for job in each.jobs if job.name == "outbox"
    ]
    assert outbox.run(demo.provider.gate.gate) == 1
    page = browser.get("/demo/mail").text
    (path,) = re.findall(r'<a href="(/verify/[^"]+)">http', page)
    assert browser.post(path).status_code in {200, 303}
    enter = {"email": "nia@customer.example", "password": "words of my own"}
    assert browser.post("/sign-in", data=enter).status_code == 303


def test_a_letter_is_text_but_for_its_addresses() -> None:
    """What looks like a tag is not one; an address leads to this site's own page alone."""
    value = linked("<b>See https://elsewhere.example/me?a=1&b=2.</b> Or (http://x.example/), now")
    assert str(value) == (
        '&lt;b&gt;See <a href="/me?a=1&amp;b=2">https://elsewhere.example/me?a=1&amp;b=2</a>.'
        '&lt;/b&gt; Or (<a href="/">http://x.example/</a>), now'
    )


def test_a_demonstration_that_was_kept_goes_on(demo: Demo) -> None:
    """The second time nothing is built, and the same people sign in."""
    demonstration = ready(demo.settings.keyring.parent if demo.settings.keyring else Path(), URL)
    try:
        assert demonstration.people == demo.people
        assert demonstration.seconds < demo.seconds
    finally:
        close(demonstration.provider.gate)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """Nothing is built beside what is there; a folder of one's own is gone in the end."""
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(UpheldError, match="something else"), folder_of(tmp_path):
        pass
    with folder_of(tmp_path / "new") as folder:
        (folder / SETTINGS).write_text("")
    assert folder.exists()
    with folder_of(None) as mine:
        assert mine.stat().st_mode & 0o777 == 0o700
    assert not mine.exists()


def test_the_command_serves_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """It prints who signs in once it can be opened; told to stop, it removes its folder."""
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("upheld")),
        "demo",
        "--port",
        str(port),
        "--customers",
        "12",
    ]
    there = {**os.environ, "TMPDIR": str(tmp_path)}
    with child(command, env=there, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        value = list(itertools.takewhile(lambda line: "/demo/mail" not in line, process.stdout))
        assert value[0].startswith("Ready after ")
        assert "ann@customer.example" in "".join(value)
        process.stdout.readline()  # its address, printed when it listens
        wait_for_port(port)
        page = httpx2.get(f"http://127.0.0.1:{port}/demo", headers=PAGE, timeout=PATIENCE)
        assert "Ann Marlow" in page.text
        assert list(tmp_path.glob("upheld-demo-*"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert list(tmp_path.iterdir()) == []
