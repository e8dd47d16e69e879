"""Two versions: what brute force finds is found, what is found replays, rewording is nothing."""

from __future__ import annotations

from random import Random

import pytest

import upheld
from analyse.small import WORDS, Clause, answers, clauses, document, edited, loaded, spread
from samples import FRONT
from samples import WORDS as SAMPLE
from samples import clause as sample
from sizes import size
from upheld.policy.analyse.compare import Change, Comparison, compare

PAIRS = size("compared pairs", short=15, long=200)


def versions(seed: int) -> tuple[upheld.Policy, upheld.Policy]:
    """Two versions of a small policy."""
    random = Random(seed)  # noqa: S311 - a test repeats itself
    old = clauses(random)
    first, second = loaded(old), loaded(edited(random, old))
    assert first is not None
    assert second is not None
    return first, second


def replays(change: Change) -> bool:
    """Whether a change can be seen in the answers to its example."""
    witness = change.witness
    old, new = witness.old, witness.new
    assert old is not None
    assert new is not None
    allowed = (old.allowed, new.allowed)
    cited = tuple(change.detail in each.clauses for each in (old, new))
    duties = tuple({d.duty for d in each.duties} for each in (old, new))
    match change.kind:
        case "allowed":
            return allowed == (False, True)
        case "denied":
            return allowed == (True, False)
        case "duty-dropped" | "duty-added":
            return allowed == (True, True) and old.duties != new.duties and any(duties)
        case "basis-dropped" | "basis-added":
            return allowed == (True, True) and old.bases != new.bases
        case "owed" | "not-owed":
            return old.owed != new.owed
        case "cited":
            return cited == (False, True) and old.outcome == new.outcome
        case _:
            return cited == (True, False) and old.outcome == new.outcome


@pytest.mark.parametrize("seed", range(PAIRS))
def test_compare_finds_what_brute_force_finds(seed: int) -> None:
    """A difference is found if and only if some cell is answered otherwise in some world."""
    old, new = versions(seed)
    before, after = answers(old.program), answers(new.program)
    found = compare(old, new)
    assert found.same == (before == after)
    for kind, outcomes in (("allowed", ("deny", "allow")), ("denied", ("allow", "deny"))):
        wanted = {
            cell for cell, at in before if (before[cell, at][0], after[cell, at][0]) == outcomes
        }
        told = [spread(new.program, r) for c in found.changes if c.kind == kind for r in c.regions]
        assert set().union(*told) == wanted
    assert all(replays(change) for change in found.changes)


@pytest.mark.parametrize("seed", range(PAIRS))
def test_a_policy_does_not_differ_from_itself(seed: int) -> None:
    """Comparing a policy with itself finds nothing."""
    policy, _ = versions(seed)
    found = compare(policy, policy)
    assert (found.same, str(found)) == (True, "no change in effect")


def test_the_clause_that_causes_a_change_is_named() -> None:
    """An exception's condition that falls away is the cause of what is newly allowed."""
    old = [Clause("secret", "may not share"), Clause("sure", "except #secret may share when paid")]
    new = [old[0], Clause("sure", "except #secret may share")]
    found = told(old, new)
    assert [(c.kind, c.clauses) for c in found.newly_allowed] == [("allowed", ("sure",))]
    assert "you have not paid, because of #sure" in found.newly_allowed[0].text


def told(old: list[Clause], new: list[Clause]) -> Comparison:
    """Compare two lists of clauses."""
    first, second = loaded(old), loaded(new)
    assert first is not None
    assert second is not None
    return compare(first, second)


def test_rewording_alone_is_no_change_in_effect() -> None:
    """Another wording of a clause is told as such, and changes nothing."""
    text = document([Clause("a", "may keep")])
    old = upheld.load_text(text, vocabulary=WORDS)
    new = upheld.load_text(text.replace("What a says.", "In other words."), vocabulary=WORDS)
    found = compare(old, new)
    assert (str(found), found.reworded) == ("no change in effect", ("a",))


def test_another_legal_basis_is_told_and_widens_nothing() -> None:
    """A clause that rests on something else allows the same; the change says what and where."""
    old = upheld.load_text(FRONT + sample("may serve because contract"), vocabulary=SAMPLE)
    new = upheld.load_text(FRONT + sample("may serve because consent"), vocabulary=SAMPLE)
    found = compare(old, new)
    assert [(c.kind, c.detail, c.clauses) for c in found.changes] == [
        ("basis-dropped", "our contract", ("a",)),
        ("basis-added", "your consent", ("a",)),
    ]
    assert not found.widening
    answer = found.changes[1].witness.new
    assert answer is not None
    assert answer.bases == ("consent",)


def test_a_renamed_clause_is_told_as_moved() -> None:
    """Rules that stand word for word under another id are said to have moved."""
    found = told([Clause("a", "may keep")], [Clause("b", "may keep")])
    assert [c.kind for c in found.changes] == ["cited", "not-cited"]
    assert found.notes == ("#a is now #b: its rules moved word for word",)


def test_other_words_are_compared_on_the_union() -> None:
    """A word that the old vocabulary lacked was another kind of the word above it."""
    more = SAMPLE.replace("phone = {}", "phone = {}\nfax = {}\n").replace(
        "[action.disclose]", "lend = {takes = []}\n[action.disclose]"
    )
    rule = sample("may share contact to partner")
    old = upheld.load_text(FRONT + rule, vocabulary=SAMPLE)
    assert compare(old, upheld.load_text(FRONT + rule, vocabulary=more)).same
    new = upheld.load_text(
        FRONT + sample("may share email, phone to partner\nmay lend"), vocabulary=more
    )
    found = compare(old, new)
    assert found.notes[0].endswith("compared on the union")
    assert [(c.kind, c.regions[0].dimensions.get("data")) for c in found.changes] == [
        ("allowed", None),
        ("denied", ("contact/other",)),
    ]
    assert found.changes[0].witness.old is None


def test_a_fact_of_two_kinds_is_an_error() -> None:
    """A number in one version and a yes or no in the other cannot be compared."""
    other = SAMPLE.replace('age = {type = "number", unit = "years", ', "age = {").replace(
        'minor = {is = "age < 18"}', ""
    )
    rule = FRONT + sample("may serve")
    policies = [upheld.load_text(rule, vocabulary=words) for words in (SAMPLE, other)]
    with pytest.raises(upheld.UpheldError, match="`age` is a number years in one policy"):
        compare(policies[0], policies[1])


def test_too_many_facts_together_name_the_clauses() -> None:
    """Two versions that are light alone may be too heavy together, and that is an error."""
    facts = [f"f{n}" for n in range(24)]
    words = "extends = false\n[action]\nserve = {takes = []}\n[party]\nprovider = {}\n[fact]\n"
    words += "\n".join(f'{fact} = {{label = "{fact}"}}' for fact in facts)
    texts = [
        FRONT + sample(f"may serve when {' and '.join(half)}", name)
        for name, half in (("one", facts[:12]), ("two", facts[12:]))
    ]
    policies = [upheld.load_text(text, vocabulary=words) for text in texts]
    with pytest.raises(
        upheld.UpheldError, match=r"24 facts .* clauses that meet there: #one, #two"
    ):
        compare(policies[0], policies[1])
