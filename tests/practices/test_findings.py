"""Findings about a clause: recorded, looked at, drafted, approved by another, posted, undone."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
from starlette.testclient import TestClient

from practices.conftest import TOKEN, House, send
from practices.test_version_console import counsel, do, words
from upheld.core.errors import UpheldError
from upheld.practice import operators
from upheld.practices.versions import drafts, findings
from upheld.practices.versions.findings import CourtFinding

HERE = "/staff/findings"
COURT, REFERENCE = "District Court of Larch Valley", "1 C 22/26"
WORDS = "The clause is void, for it is *not* clear."
HOSTILE = "Void:\n\n```rule\nmay sell email\n```\n<b>*x*</b> {#own-view} {.note} [a](//b) \u4e2d \\"


def finding(house: House, clause: str, effect: str = "strike", **changes: str) -> dict[str, str]:
    """The form, filled in."""
    day = house.clock.today()
    return {
        "clause": clause,
        "effect": effect,
        "court": COURT,
        "day-day": str(day.day),
        "day-month": str(day.month),
        "day-year": str(day.year),
        "reference": REFERENCE,
        "words": WORDS,
        **changes,
    }


def record(house: House, browser: TestClient, clause: str, effect: str = "strike") -> str:
    """Record a finding and confirm it; the path of the draft that it makes.

    Not from the form's own page, which names every clause: no clause is needed for being on it.
    """
    answer = send(browser, HERE, finding(house, clause, effect), page="/staff/me")
    assert answer.status_code == 303, words(answer)
    return str(answer.headers["location"]).partition("?")[0]


def posted(house: House, clause: str, effect: str = "strike") -> None:
    """Let a finding become the version in force, by two people."""
    olga, paul = _two(house)
    path = record(house, olga, clause, effect)
    assert do(paul, path, "approve").status_code == 303
    assert do(olga, path, "post").status_code == 303
    house.provider.gate.gate.refresh()


def _two(house: House) -> tuple[TestClient, TestClient]:
    """The browsers of two counsels who are there already, or come now."""
    number = len(house.do(lambda transaction: operators.all_users(transaction.tables)))
    return counsel(house, f"olga{number}"), counsel(house, f"paul{number}", "manager")


def refused(house: House, browser: TestClient, **changes: str) -> str:
    """What the page says of a form with something wrong; no draft is made of it."""
    answer = send(browser, HERE, finding(house, "improving") | changes)
    assert answer.status_code == 422
    assert house.do(lambda transaction: drafts.drafts(transaction.tables)) == []
    return words(answer)


def test_a_finding_is_looked_at_drafted_approved_by_another_and_posted(house: House) -> None:
    """The clause stays on the page, struck through, with date, court and reference behind it."""
    olga, paul = _two(house)
    house.customer()
    match = TOKEN.search(olga.get(HERE).text)
    assert match
    question = olga.post(HERE, data={"_token": match[1], **finding(house, "improving")})
    page = words(question)
    assert question.status_code == 200
    assert "Strike the clause improving?" in page
    assert f"was struck on 11 March 2026 by a finding of {COURT}, {REFERENCE}: {WORDS}" in page
    assert "no longer allowed" in page
    assert "it reaches 1 of all 1 customers looked at" in page
    assert house.do(lambda transaction: drafts.drafts(transaction.tables)) == []
    path = record(house, olga, "improving")
    assert f"{COURT}, {REFERENCE}" in words(olga.get(path))
    assert "You drafted it, so somebody else approves it." in words(olga.get(path))
    assert do(olga, path, "approve").status_code == 409
    assert do(paul, path, "approve").status_code == 303
    assert do(olga, path, "post").status_code == 303
    house.provider.gate.gate.refresh()
    served = unescape(house.browser().get("/privacy/versions/2").text)
    assert '<p id="improving"><s>to provide and improve our services;</s></p>' in served
    assert f"by a finding of {COURT}, {REFERENCE}: {WORDS}" in served
    assert "improving, struck" in words(olga.get(HERE))
    assert ", posted" in words(olga.get(HERE))


def test_another_finding_restores_a_clause_and_leaves_both_notes(house: House) -> None:
    """What it carries is decided as before, and the page tells of both findings."""
    before = house.provider.policy
    posted(house, "improving")
    assert house.provider.policy.program.clause("improving").severed
    posted(house, "improving", "restore")
    after = house.provider.policy
    assert not after.program.clause("improving").severed
    notes = [each.text for each in after.program.clauses if each.text.startswith("The clause ")]
    assert [" was restored on " in each for each in notes] == [False, True]
    question = {"action": "use", "data": "services", "purpose": "service-improvement"}
    assert after.ask(question).outcome == before.ask(question).outcome


def test_a_clause_that_is_not_there_or_struck_already_makes_no_draft(house: House) -> None:
    """Nor does restoring one that holds; each says why."""
    (olga, _) = _two(house)
    assert "Choose" in refused(house, olga, clause="flying")
    assert "is not struck" in refused(house, olga, effect="restore")
    posted(house, "improving")
    answer = send(olga, HERE, finding(house, "improving"))
    assert answer.status_code == 422
    assert "is struck already" in words(answer)


def test_what_forbids_is_not_struck_unless_somebody_agrees_to_what_it_allows(house: House) -> None:
    """The page names what more would be allowed, and goes on once that is ticked."""
    olga, _ = _two(house)
    answer = send(olga, HERE, finding(house, "passwords"))
    assert answer.status_code == 422
    assert "more would be allowed" in words(answer)
    assert send(olga, HERE, finding(house, "passwords", wider="yes")).status_code == 303
    (draft,) = house.do(lambda transaction: drafts.drafts(transaction.tables))
    assert draft.widens


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("words", "void\u202e", "cannot be read"),
        ("words", "void\u200b", "cannot be read"),
        ("court", "", "Court or authority"),
        ("court", "c" * 121, "Court or authority"),
        ("words", "w" * 2_001, "What was found"),
        ("reference", " \u2028 ", "Reference"),
        ("day-year", "2027", "an earlier day"),
        ("day-day", "32", "Date of the finding"),
    ],
)
def test_a_finding_that_cannot_stand_in_the_policy_is_refused(
    house: House, name: str, value: str, sentence: str
) -> None:
    """Nothing is recorded of it, and the page says what is wrong."""
    olga, _ = _two(house)
    assert sentence in refused(house, olga, **{name: value})


def test_words_cannot_break_the_policy_whatever_they_hold(house: House) -> None:
    """Markdown, rules, marks and HTML of a finding are its text, on the page and in the file."""
    olga, _ = _two(house)
    answer = send(olga, HERE, finding(house, "improving", words=HOSTILE))
    assert answer.status_code == 303, words(answer)
    path = str(answer.headers["location"]).partition("?")[0]
    text = " ".join(HOSTILE.split())
    assert text in words(olga.get(HERE))
    assert text in words(olga.get(path))
    (draft,) = house.do(lambda transaction: drafts.drafts(transaction.tables))
    policy = house.do(lambda transaction: transaction.editions.policy(draft.digest))
    assert policy.ask({"action": "sell", "data": "email"}).outcome != "allow"
    assert len(policy.program.clauses) == len(house.policy.program.clauses) + 1
    assert any(each.note and each.text.endswith(text) for each in policy.program.clauses)


def outlook_of(house: House) -> findings.FindingPreview:
    """What a finding about a clause of the policy in force would change."""
    today = house.clock.today()
    return findings.preview(
        house.provider.policy,
        CourtFinding("improving", False, COURT, today, REFERENCE, WORDS),
        house.do(findings.versions_posted),
        today,
    )


def test_twenty_who_record_a_finding_at_once_make_one_draft(house: House) -> None:
    """Nineteen hear that there is one; one finding is recorded."""
    house.provider.gate.gate.take_first_version()
    olga = house.staff("counsel", sign_in="olga")
    outlook = outlook_of(house)

    def one(_: int) -> str:
        try:
            house.do(
                lambda transaction: findings.record(
                    transaction, outlook, olga, accept_widening=False
                )
            )
        except UpheldError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(20) as pool:
        codes = Counter(pool.map(one, range(20)))
    assert codes == {"done": 1, "version-draft": 19}
    (row,) = house.do(lambda transaction: findings.findings(transaction.tables))
    assert row.finding.words == WORDS
    assert row.draft.drafted_by == olga


def test_a_finding_that_was_looked_at_before_another_posting_makes_no_draft(house: House) -> None:
    """What was shown is of a version that is in force no more."""
    house.provider.gate.gate.take_first_version()
    olga = house.staff("counsel", sign_in="olga")
    outlook = outlook_of(house)
    posted(house, "offers")
    with pytest.raises(UpheldError) as caught:
        house.do(
            lambda transaction: findings.record(transaction, outlook, olga, accept_widening=False)
        )
    assert caught.value.code in {"version-base", "version-number"}
    assert len(house.do(lambda transaction: findings.findings(transaction.tables))) == 1


def test_only_those_with_the_role_record_findings(house: House) -> None:
    """Support sees nothing of them, and a form from elsewhere does nothing."""
    olga, _ = _two(house)
    support = counsel(house, "sue", "support")
    assert support.get(HERE).status_code == 403
    assert send(support, HERE, finding(house, "improving"), "/staff").status_code == 403
    assert house.browser().get(HERE).status_code == 303
    assert olga.head(HERE).status_code == 200
    match = TOKEN.search(olga.get(HERE).text)
    assert match
    foreign = {"sec-fetch-site": "cross-site"}
    form = {"_token": match[1], **finding(house, "improving")}
    assert olga.post(HERE, data=form, headers=foreign).status_code == 403
    assert house.do(lambda transaction: drafts.drafts(transaction.tables)) == []
