"""Agreements: no more than the policy lets us share, and drafts in identical terms."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

import upheld
from analyse.small import WORDS, WORLDS, clauses, loaded
from samples import FRONT, clause
from samples import WORDS as SAMPLE
from sizes import size
from upheld.policy.analyse.contains import Containment, contains
from upheld.policy.analyse.draft import agreement
from upheld.policy.program import Program
from upheld.policy.reference import reference
from upheld.policy.reference_questions import VocabularyWords

PAIRS = size("agreements compared", short=60, long=200)
SAMPLE_FILE = Path(__file__).resolve().parents[2] / "policies" / "larch-valley.md"
MONTHS = {"months": 1, "years": 12}


def small(seed: int) -> upheld.Policy:
    """A small policy."""
    policy = loaded(clauses(Random(seed)))  # noqa: S311 - a test repeats itself
    assert policy is not None
    return policy


def document(*rules: str) -> upheld.Policy:
    """A document over the small vocabulary, a clause for each rule."""
    texts = (clause(rule, f"c{at}") for at, rule in enumerate(rules))
    return upheld.load_text(FRONT + "".join(texts), vocabulary=WORDS)


def carried(duty: dict[str, Any], duties: list[dict[str, Any]]) -> bool:
    """Whether a duty, or a shorter time of it, is among some."""
    if "unit" not in duty:
        return duty in duties
    most = duty["amount"] * MONTHS[duty["unit"]]
    same = [d for d in duties if d["duty"] == duty["duty"]]
    return any(d["amount"] * MONTHS[d["unit"]] <= most for d in same)


def by_force(given: Program, policy: Program) -> str:
    """The verdict by asking the oracle about each use, purpose and world."""
    words, less = VocabularyWords(given), False
    for world in WORLDS:
        if not world["confidentiality-agreement"]:
            continue
        for data, purpose in product(words.whole("data"), words.whole("purpose")):
            asked = {"data": data, "purpose": purpose, "facts": world}
            theirs = reference(given, {"action": "use", **asked})
            share = {"action": "share", "recipient": "trusted-partner", **asked}
            ours = reference(policy, share)
            allowed = [said["outcome"] == "allow" for said in (theirs, ours)]
            if allowed == [True, False]:
                return "wider"
            less = less or allowed == [False, True]
            if all(allowed):
                if not all(carried(duty, theirs["duties"]) for duty in ours["duties"]):
                    return "wider"
                less = less or not all(carried(d, ours["duties"]) for d in theirs["duties"])
            for action, to in product(("share", "disclose/other"), words.whole("party")):
                passed = {"action": action, "recipient": to, **asked}
                if to != "provider" and reference(given, passed)["outcome"] == "allow":
                    return "wider"
    return "narrower" if less else "identical"


@pytest.mark.parametrize("seed", range(PAIRS))
def test_contains_agrees_with_brute_force(seed: int) -> None:
    """The verdict is that of asking about each use and each sharing one by one."""
    given, policy = partnered(seed)
    found = contains(given, policy)
    assert found.verdict == by_force(given.program, policy.program)
    assert all(map(replays, found.wider))


def partnered(seed: int) -> tuple[upheld.Policy, upheld.Policy]:
    """A policy, and half of the time an agreement drafted from it or from another."""
    random = Random(seed)  # noqa: S311 - a test repeats itself
    policy = small(seed)
    kind = random.random()
    if kind < 0.4:
        return small(seed + 10_000), policy
    other = policy if kind < 0.6 else small(seed + 20_000)
    return upheld.load_text(front(agreement(other, "Acme")), vocabulary=WORDS), policy


def front(text: str) -> str:
    """A draft without the name of the vocabulary, which a test brings along."""
    return text.replace('vocabulary: "provider"\n', "")


def replays(difference: Any) -> bool:
    """Whether the example of a difference shows it."""
    theirs = difference.agreement["decision"]
    if difference.kind != "use":
        return bool(theirs.allowed)
    return theirs.allowed and not difference.policy["decision"].allowed


@pytest.mark.parametrize("seed", range(size("agreements in a row", short=40, long=200)))
def test_contains_is_transitive(seed: int) -> None:
    """An agreement within terms that are within a policy is within that policy."""
    one, two, three = (small(seed + far) for far in (0, 30_000, 60_000))
    drafts = [
        upheld.load_text(front(agreement(each, "Acme")), vocabulary=WORDS) for each in (one, two)
    ]
    if contains(drafts[0], two).contained and contains(drafts[1], three).contained:
        assert contains(drafts[0], three).contained


def test_the_draft_of_the_sample_is_identical() -> None:
    """What the command drafts from the sample policy contains it and is contained in it."""
    policy = upheld.load(SAMPLE_FILE)
    text = agreement(policy, "Acme Mail & Co.")
    found = contains(upheld.load_text(text), policy)
    assert (found.verdict, found.wider, found.narrower) == ("identical", (), ())
    assert "# Agreement with Acme Mail & Co. {.note}" in text


@pytest.mark.parametrize("seed", [330, 685])
def test_a_draft_without_the_rest_of_a_group_is_exact(seed: int) -> None:
    """All but the unnamed rest of a group takes two rules to write."""
    policy = small(seed)
    given = upheld.load_text(front(agreement(policy, "Acme")), vocabulary=WORDS)
    assert contains(given, policy).verdict == "identical"


SHARES = "may share email to trusted-partner for offers with sealed, delete-after 6 months"


@pytest.mark.parametrize(
    ("rules", "verdict", "text"),
    [
        (["may use email for offers with sealed, delete-after 6 months"], "identical", ""),
        (["may use email for offers with sealed, delete-after 3 months"], "narrower", "more than"),
        (["may use email for offers with sealed, delete-after 1 years"], "wider", "leaves out"),
        (
            ["may use email for offers when paid with sealed, delete-after 6 months"],
            "narrower",
            "does not let the partner use: use your email for offers when you have not paid",
        ),
        (["may use email with sealed, delete-after 6 months"], "wider", "does not share"),
        (["may share email to provider"], "narrower", "does not let the partner use"),
        (["may share email to stranger"], "wider", "lets the partner pass on: share your email"),
    ],
)
def test_each_way_to_differ_is_told(rules: list[str], verdict: str, text: str) -> None:
    """Data, purpose, condition, duty, retention and passing on are compared and worded."""
    found = contains(document(*rules), document(SHARES))
    assert found.verdict == verdict
    assert text in str(found)


def test_the_agreement_in_force_is_taken_as_given() -> None:
    """The policy's condition that there is an agreement is not one for the partner."""
    policy = document(SHARES + " when confidentiality-agreement")
    given = document("may use email for offers with sealed, delete-after 6 months")
    assert contains(given, policy) == Containment(verdict="identical")


def test_what_cannot_be_compared_says_why() -> None:
    """A vocabulary without the words, and an act that the policy has no word for."""
    policy = document(SHARES)
    other = upheld.load_text(FRONT + clause("may serve"), vocabulary=SAMPLE)
    found = contains(other, policy)
    assert (found.verdict, found.notes) == ("not comparable", ("the agreement has no `use`",))
    words = WORDS.replace("[action]", "[action]\nmine = {takes = []}")
    more = upheld.load_text(FRONT + clause("may mine"), vocabulary=words)
    found = contains(more, policy)
    assert (found.verdict, found.notes[0]) == ("not comparable", "the policy has no action `mine`")


@pytest.mark.parametrize("name", ["", "{#a}", "a\nb", "<b>", "`x`", "- "])
def test_a_partner_must_have_a_name(name: str) -> None:
    """What is no name cannot get into the text of an agreement."""
    with pytest.raises(upheld.UpheldError, match="must be a name"):
        agreement(document(SHARES), name)
