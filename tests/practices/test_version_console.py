"""Drafts of the policy in the console: made, read as a redline, approved by another, posted."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import httpx2
import pytest
from starlette.testclient import TestClient

from gate.versions import IMPROVING, NARROWER, WIDER, version
from practices.conftest import TOKEN, House, send
from upheld.core.errors import UpheldError
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.compare import compare
from upheld.practices.versions import drafts
from upheld.practices.versions.reach import KEPT_FOR, draft_reach

HERE = "/staff/versions"
SURE = {"sure": "yes"}


def counsel(house: House, sign_in: str, role: str = "counsel") -> TestClient:
    """The browser of somebody who works on drafts."""
    house.provider.gate.gate.take_first_version()
    return house.signed_in(house.staff(role, sign_in=sign_in), "staff")


def paste(browser: TestClient, text: str) -> httpx2.Response:
    """Draft what is pasted into the form."""
    match = TOKEN.search(browser.get(HERE).text)
    assert match
    form = {"_token": (None, match[1]), "text": (None, text), "file": ("", b"")}
    return browser.post(HERE, files=form)


def drafted(browser: TestClient, text: str) -> str:
    """The path of a draft that is made of a text."""
    answer = paste(browser, text)
    assert answer.status_code == 303, words(answer)
    return str(answer.headers["location"])


def words(answer: httpx2.Response) -> str:
    """What stands on a page, without tags."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main)).split())


def source(name: str, *changes: tuple[str, str]) -> str:
    """The text of another version of the sample policy."""
    return version(name, *changes).program.source


def do(browser: TestClient, path: str, step: str) -> httpx2.Response:
    """Take a step with a draft, and confirm it."""
    return send(browser, f"{path}/{step}", SURE, path)


def test_a_version_is_drafted_read_approved_by_another_and_posted(house: House) -> None:
    """Each step on the draft's page; the policy that is served is the draft's bytes then."""
    olga, paul = counsel(house, "olga"), counsel(house, "paul", "manager")
    text = source("two", WIDER)
    path = drafted(olga, text.replace("\n", "\r\n"))
    page = words(olga.get(path))
    assert "It waits for a second person." in page
    assert "newly allowed: use your interests for improving services" in page
    assert "You drafted it, so somebody else approves it." in page
    assert "waits for a second person" in words(paul.get("/staff"))
    assert olga.get(f"{path}/policy.md").text == text
    assert do(olga, path, "approve").status_code == 409
    assert do(paul, path, "post").status_code == 409
    assert do(paul, path, "approve").status_code == 303
    assert "approved, and not posted yet" in words(olga.get(path))
    assert do(olga, path, "post").status_code == 303
    assert "It is posted." in words(olga.get(path))
    house.provider.gate.gate.refresh()
    assert house.provider.policy.program.source == text
    listed = words(paul.get(HERE))
    assert "two in force" in listed
    assert "No draft waits." in listed


def test_a_file_is_drafted_byte_for_byte(house: House) -> None:
    """What was sent as a file goes before what was pasted."""
    olga = counsel(house, "olga")
    raw = source("two").encode()
    match = TOKEN.search(olga.get(HERE).text)
    assert match
    form = {"_token": match[1], "text": "nothing"}
    path = olga.post(HERE, data=form, files={"file": ("policy.md", raw)}).headers["location"]
    assert olga.get(f"{path}/policy.md").content == raw


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "choose a file, or paste the text"),
        ("no policy at all", "Line 1"),
        ("---\npolicy: Privacy\nvocabulary: /etc/hostname\n---\n# A\n", "comes with upheld"),
        ("---\npolicy: Privacy\nvocabulary: ../secret.toml\n---\n# A\n", "comes with upheld"),
    ],
)
def test_what_is_no_policy_is_no_draft(house: House, text: str, sentence: str) -> None:
    """The page says what is wrong in words, and what was pasted stays in the form."""
    olga = counsel(house, "olga")
    answer = paste(olga, text)
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert f">{html.escape(text)}</textarea>" in answer.text.replace("&#34;", '"')
    assert house.do(lambda transaction: drafts.drafts(transaction.tables)) == []


def test_a_draft_is_checked_strictly(house: House) -> None:
    """Prose without a rule, an example that is answered otherwise: each with its line."""
    olga = counsel(house, "olga")
    text = source("two") + "\nWe do as we please.\n"
    answer = paste(olga, text)
    assert answer.status_code == 422
    line = len(text.splitlines())
    assert f"Line {line}: “We do as we please.” has neither a rule" in words(answer)
    other = text.replace("version: two", "version: 2026-11-01").replace(
        "\nWe do as we please.\n", ""
    )
    assert "version 2026-11-01 was posted with other bytes" in words(paste(olga, other))


def test_a_version_whose_day_is_over_is_refused_and_a_later_one_is_announced(house: House) -> None:
    """It is posted by the job on that day, and not before."""
    olga, paul = counsel(house, "olga"), counsel(house, "paul")
    front = "policy: Privacy"

    def dated(name: str, days: int) -> str:
        day = house.provider.today() + timedelta(days=days)
        return source(name, (front, f"effective: {day}\n{front}"))

    assert "which is over" in words(paste(olga, dated("past", -1)))
    path = drafted(olga, dated("two", 7))
    do(paul, path, "approve")
    answer = do(olga, path, "post")
    assert "is announced for 18 March 2026" in words(olga.get(answer.headers["location"]))
    gate = house.provider.gate.gate
    assert drafts.post_announced(gate) == 0
    house.clock.moved += timedelta(days=7)
    gate.accept_clock()
    assert drafts.post_announced(gate) == 1
    quinn = counsel(house, "quinn")
    assert "It is posted." in words(quinn.get(path))


def test_a_draft_against_an_older_version_can_only_be_dropped(house: House) -> None:
    """Its page says so; approving and posting it are refused, and its text goes with it."""
    olga, paul = counsel(house, "olga"), counsel(house, "paul")
    one, other = drafted(olga, source("two", WIDER)), drafted(olga, source("three", NARROWER))
    for path in (one, other):
        assert do(paul, path, "approve").status_code == 303
    assert do(paul, one, "post").status_code == 303
    assert "Another version was posted since" in words(olga.get(other))
    answer = do(paul, other, "post")
    assert answer.status_code == 409
    assert "another version is in force" in words(answer).casefold()
    assert do(olga, other, "drop").status_code == 303
    assert "It is dropped." in words(olga.get(other))
    assert olga.get(f"{other}/policy.md").status_code == 404
    assert olga.get(f"{other}/redline").status_code == 404


def test_what_nobody_confirmed_is_not_done(house: House) -> None:
    """A form without a yes, and a yes without the tick, ask; HEAD and GET do nothing."""
    olga, paul = counsel(house, "olga"), counsel(house, "paul")
    path = drafted(olga, source("two", WIDER))
    match = TOKEN.search(paul.get(path).text)
    assert match
    asked = paul.post(f"{path}/approve", data={"_token": match[1]})
    assert asked.status_code == 200
    assert "I have read the redline" in words(asked)
    assert send(paul, f"{path}/approve", {}, path).status_code == 422
    foreign = {"sec-fetch-site": "cross-site"}
    assert (
        paul.post(f"{path}/approve", data={"_token": match[1]}, headers=foreign).status_code == 403
    )
    for method in ("GET", "HEAD"):
        assert paul.request(method, f"{path}/approve").status_code in (404, 405)
    assert "waits for a second person" in words(paul.get(path))


def test_only_those_with_the_role_work_on_drafts(house: House) -> None:
    """Support sees and does nothing of it; a role that is taken away is of no use any more."""
    olga, support = counsel(house, "olga"), counsel(house, "sue", "support")
    path = drafted(olga, source("two", WIDER))
    for page in (HERE, path, f"{path}/redline", f"{path}/policy.md"):
        assert support.get(page).status_code == 403
        assert house.browser().get(page).status_code == 303
    for step in ("approve", "post", "drop"):
        assert do(support, path, step).status_code == 403
    assert "/staff/versions" not in support.get("/staff").text
    assert "/staff/versions" in olga.get("/staff").text


def test_twenty_approvals_at_once_count_once(house: House) -> None:
    """So do twenty postings, and twenty drafts of the same bytes: each is one entry."""
    house.provider.gate.gate.take_first_version()
    olga, paul = (house.staff("counsel", sign_in=each) for each in ("olga", "paul"))
    base, policy = house.provider.policy, version("two", WIDER)
    comparison = compare(base, policy)

    def at_once(step: Callable[[Transaction], object]) -> Counter[str]:
        def one(_: int) -> str:
            try:
                house.do(step)
            except UpheldError as error:
                return error.code
            return "done"

        with ThreadPoolExecutor(20) as pool:
            return Counter(pool.map(one, range(20)))

    def draft(transaction: Transaction) -> drafts.Draft:
        return drafts.draft(transaction, policy, comparison, olga)

    assert at_once(draft)["done"] == 1
    (there,) = house.do(lambda transaction: drafts.drafts(transaction.tables))
    assert at_once(partial(drafts.approve, draft_id=there.draft_id, by=paul))["done"] == 1
    assert at_once(partial(drafts.post, draft_id=there.draft_id, by=paul))["done"] == 1
    posted = house.do(lambda transaction: transaction.editions.all())
    assert [each.version for each in posted] == ["2026-11-01", "two"]


def test_a_redline_has_every_sentence_with_its_rule_and_escapes_what_is_written(
    house: House,
) -> None:
    """What is new, changed or taken out is marked word by word, and nothing of a draft is HTML."""
    olga = counsel(house, "olga")
    changed = ("to provide and improve our services;", "to provide & \\<improve> our services;")
    path = drafted(olga, source("two", WIDER, changed))
    page = olga.get(f"{path}/redline").text
    assert "<ins>&amp; &lt;improve&gt;</ins>" in page
    assert "<improve>" not in page
    assert "<ins>may use interests for service-improvement</ins>" in page
    assert f"<code>{IMPROVING}</code>" in page
    only = olga.get(f"{path}/redline?show=changed").text
    assert len(only) < len(page) / 2
    for clause in house.policy.program.clauses:
        if clause.kind != "heading" and "improve our services" not in clause.text:
            assert html.escape(clause.text, quote=False) in page.replace("&#39;", "'").replace(
                "&#34;", '"'
            )


def test_a_draft_says_how_many_customers_each_difference_reaches(house: House) -> None:
    """By what is on record of each: whoever objected is not reached, nor whoever closed."""
    olga = counsel(house, "olga")
    people = [house.customer(f"{name}@marked.example") for name in ("ann", "bob", "cy")]
    house.do(
        lambda transaction: transaction.record(
            people[0],
            "objection",
            fact="objected",
            about={"purpose": ["service-improvement"]},
            by_whom="customer",
        )
    )
    path = drafted(olga, source("two", WIDER))
    assert f'href="{path}/reach"' in olga.get(path).text
    page = words(olga.get(f"{path}/reach"))
    assert "Of all 3 customers" in page
    assert re.search(r"newly allowed: use your interests for improving services.* 2$", page)
    house.customer("di@marked.example")
    assert "Of all 3 customers" in words(olga.get(f"{path}/reach"))
    house.clock.moved += KEPT_FOR
    page = words(olga.get(f"{path}/reach"))
    assert "Of all 4 customers" in page
    assert page.endswith(" 3")


def test_no_more_customers_are_looked_at_than_a_page_can_bear(house: House) -> None:
    """Of more it says that not all were looked at; a draft that changes nothing reaches nobody."""
    people = [house.customer(f"{name}@marked.example") for name in ("ann", "bob", "cy")]
    gate, base = house.provider.gate.gate, house.provider.policy
    gate.take_first_version()
    policy = version("two", WIDER)
    for most in range(1, 5):
        result = draft_reach(gate, policy, compare(base, policy), most, 30)
        looked_at = min(most, len(people))
        assert (result.customers, result.complete) == (looked_at, most >= len(people))
        assert [count for _, count in result.counts] == [looked_at]
    assert draft_reach(gate, version("same"), compare(base, version("same")), 9, 30).counts == ()


def test_a_draft_is_asked_by_the_form_of_the_public_page(house: House) -> None:
    """Its answers are the draft's, and the public page answers as it did."""
    olga, support = counsel(house, "olga"), counsel(house, "sue", "support")
    path = drafted(olga, source("two", WIDER))
    ask = path.replace(HERE, "/draft")
    assert f'href="{ask}"' in olga.get(path).text
    form = olga.get(ask)
    assert f'<form action="{ask}" method="get"' in form.text
    assert form.headers["cache-control"] == "no-store"
    question = "?action=use&data=interests&purpose=service-improvement"
    public = house.browser().get(f"/privacy/ask{question}")
    assert "No." in words(public)
    answer = olga.get(ask + question)
    assert answer.status_code == 200
    assert "interests for improving services?" in words(answer)
    assert f'href="{path}/redline#improving"' in answer.text
    assert 'id="improving"' in olga.get(f"{path}/redline").text
    assert "No." not in words(answer)
    for wrong in ("?action=fly", "?x=1", "?data=email", "?" + "data=email&" * 60):
        assert olga.get(ask + wrong).status_code == 400, wrong
    assert support.get(ask).status_code == 403
    assert house.browser().get(ask).status_code == 303
    do(olga, path, "drop")
    assert olga.get(ask).status_code == 404
