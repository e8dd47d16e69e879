"""A log asked again: every line counted once, every difference found, memory bounded."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import upheld
from laws.generators import cases
from samples import FRONT, WORDS, clause
from sizes import size
from upheld.cli.lines import question_in
from upheld.policy import replay
from upheld.policy.load import load_text
from upheld.policy.replay import Replay, ReplayReport

OLD = FRONT + clause("may share email to partner for offers when agreed", "partners")
NEW = FRONT + clause("may share email to partner, advertiser for offers", "wider")


def policy(text: str) -> upheld.Policy:
    """A policy in the small vocabulary."""
    return load_text(text, vocabulary=WORDS)


def line(**members: object) -> bytes:
    """A line of a log."""
    return json.dumps({"action": "share", "data": "email", "purpose": "offers", **members}).encode()


def replayed(
    old: upheld.Policy, new: upheld.Policy | None, lines: list[bytes | None]
) -> ReplayReport:
    """The report on a log that arrives in two batches."""
    run = Replay(old, new, question_in)
    run.batch(lines[: len(lines) // 2])
    run.batch(lines[len(lines) // 2 :])
    return run.report()


def test_each_difference_is_counted_with_its_clauses_and_examples() -> None:
    """What the draft decides otherwise is counted by change and by clause, with examples."""
    lines: list[bytes | None] = [line(id=n, recipient="partner") for n in range(5)]
    lines += [line(id=n, recipient="advertiser", facts={"due": n == 2}) for n in range(4)]
    lines += [line(recipient="provider")]
    found = replayed(policy(OLD), policy(NEW), lines)
    assert (found.questions, found.otherwise, found.newly_allowed, found.bad) == (10, 9, 9, 0)
    assert found.outcomes == {"needs-proof": 5, "deny": 5}
    assert found.clauses == {"wider": 9, "partners": 5}
    two, one = found.changes
    assert (one.kind, one.count, one.clauses) == ("newly allowed", 4, ("wider",))
    assert [example.line for example in one.examples] == [6, 8]
    assert (two.before, two.now, two.count) == ("needs-proof", "allow", 5)
    assert two.examples[0].question == json.loads(lines[0] or b"")
    assert two.examples[0].now == "yes, by #wider"


def test_the_draft_read_backwards_is_no_longer_allowed() -> None:
    """What the policy in force allows and the draft does not is told as no longer allowed."""
    found = replayed(policy(NEW), policy(OLD), [line(recipient="partner")])
    assert (found.no_longer_allowed, found.newly_allowed) == (1, 0)
    assert found.changes[0].kind == "no longer allowed"


def test_a_word_that_the_draft_lacks_is_a_difference() -> None:
    """A question that only one of the two understands is decided otherwise, and is no bad line."""
    less = load_text(NEW, vocabulary=WORDS.replace("card = {}", ""))
    asked = [line(data="card", recipient="partner")]
    found = replayed(policy(NEW), less, [*asked])
    assert (found.bad, found.otherwise, found.changes[0].now) == (0, 1, "error")
    assert replayed(less, policy(NEW), [*asked]).changes[0].before == "error"


def test_other_grounds_are_a_difference_too() -> None:
    """The same outcome by another clause or with another duty is counted, apart from outcomes."""
    dutiful = FRONT + clause("may share email to partner for offers with quietly", "wider")
    found = replayed(policy(NEW), policy(dutiful), [line(recipient="partner")])
    assert (found.otherwise, found.newly_allowed, found.no_longer_allowed) == (1, 0, 0)
    assert found.changes[0].kind == "same outcome on other grounds"
    assert found.clauses == {"wider": 1}


def test_without_a_draft_it_counts_what_is_decided() -> None:
    """Without a draft nothing differs, and clauses are counted by how often they are cited."""
    lines: list[bytes | None] = [line(recipient="partner"), line(recipient="advertiser")] * 3
    found = replayed(policy(NEW), None, lines)
    assert (found.questions, found.otherwise, found.outcomes) == (6, 0, {"allow": 6})
    assert found.clauses == {"wider": 6}


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"", "bad-line"),
        (b"\xff", "bad-line"),
        (b"[1]", "bad-line"),
        (b'"share"', "bad-line"),
        (b"[" * 100_000, "bad-line"),
        (None, "too-large"),
        (b'{"action": "shar"}', "unknown-action"),
        (b'{"action": "share", "datum": "email"}', "bad-line"),
        (b'{"action": "share", "action": "serve"}', "bad-line"),
        (b'{"action": "share", "data": []}', "empty-list"),
        (line(facts={"minor": True}), "derived-fact"),
        (line(recipient="partner", id=1)[:-1] + b', "purpose": "offers"}', "bad-line"),
        (line(recipient="partner", id=1)[:-1] + b', "id": {"a": 1, "a": 2}}', "bad-line"),
        (line(recipient="partner")[:-1] + b', "id": {"a": 1, "a": 2}}', "bad-line"),
        (line(recipient="partner")[:-1] + b', "id": "\xff"}', "bad-line"),
        (line(recipient="partner")[:-1] + b', "id": "\\q"}', "bad-line"),
        (line(recipient="partner")[:-1] + b', "id": 01}', "bad-line"),
    ],
)
def test_a_bad_line_is_named_and_the_run_goes_on(bad: bytes | None, code: str) -> None:
    """A line that cannot be asked is counted with its number, before and after a good one alike."""
    good = line(recipient="partner")
    found = replayed(policy(OLD), policy(NEW), [good, bad, good, bad])
    assert (found.questions, found.bad) == (2, 2)
    assert [(each.line, each.code) for each in found.bad_lines] == [(2, code), (4, code)]


def test_only_so_much_is_reported_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limits questions are forgotten and changes told together, and all are counted."""
    monkeypatch.setattr(replay, "REMEMBERED_MAX", 3)
    monkeypatch.setattr(replay, "CHANGES_MAX", 1)
    lines: list[bytes | None] = [
        line(recipient=to, facts={"age": n}) for n in range(20) for to in ("partner", "advertiser")
    ]
    lines += [b"{"] * 30
    run = Replay(policy(OLD), policy(NEW), question_in)
    run.batch(lines)
    found = run.report()
    assert len(run._remembered) == 0
    assert (found.questions, found.otherwise, found.bad) == (40, 40, 30)
    assert sum(each.count for each in found.changes) == 40
    assert len(found.changes) <= 2
    assert all(len(each.examples) <= 3 for each in found.changes)
    assert len(found.bad_lines) == 10


@given(cases(), st.integers(0, 5))
def test_counts_are_those_of_asking_one_by_one(case: Any, repeats: int) -> None:
    """On generated policies and questions, every count is that of deciding each line alone."""
    try:
        old = load_text(case.text, vocabulary=case.vocabulary)
        new = load_text(case.with_more("may"), vocabulary=case.vocabulary)
    except upheld.PolicyError:  # the loader may refuse what is generated
        reject()
    questions = [case.question() for _ in range(size("replayed questions", short=10, long=30))]
    asked = [{"id": n, **q} for n in range(repeats + 1) for q in questions]
    lines: list[bytes | None] = [msgspec.json.encode(each) for each in asked]
    found = replayed(old, new, lines)
    pairs = [(old.ask(q), new.ask(q)) for q in questions for _ in range(repeats + 1)]
    fine = [(a, b) for a, b in pairs if not a.outcome == b.outcome == "error"]
    assert found.bad == len(pairs) - len(fine)
    assert found.outcomes == Counter(a.outcome for a, _ in fine)
    assert found.newly_allowed == sum(not a.allowed and b.allowed for a, b in fine)
    assert found.no_longer_allowed == 0
    assert found.otherwise == sum(
        (a.outcome, a.clauses, a.duties, a.owed) != (b.outcome, b.clauses, b.duties, b.owed)
        for a, b in fine
    )
