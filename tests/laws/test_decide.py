"""What deciding must satisfy, whatever the policy and the question.

| law | equation |
| --- | --- |
| one meaning | decide = reference |
| order is irrelevant | decide (shuffled P) = decide P |
| a further deny never allows | decide (P and a top-level `may not`) <= decide P |
| a further allow never denies | decide (P and a top-level `may`) >= decide P |
| nothing is remembered wrongly | decide Q after others = decide Q |
| knowing more never takes away | allow with some facts = allow with more; so for deny |
| saying less never gains | decide (Q without a dimension) <= decide Q |
| print and parse are inverse | parse (print (parse text)) = parse text |
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import upheld
from laws.generators import Case, case, cases
from laws.wordlists import GIVEN, WORDS
from sizes import size
from upheld.policy.parse import parse_block
from upheld.policy.reference import effort, reference
from upheld.policy.syntax import print_block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from upheld import Policy

FIELDS = ("outcome", "clauses", "duties", "bases", "owed", "prove", "depends", "kind")
RANK = {"deny": 0, "needs-proof": 1, "allow": 2}
EFFORT_MAX = 4_000  # cells times worlds of one question
QUESTIONS = 8  # to one policy
SEEDS = st.integers(min_value=0, max_value=2**32)


def load(made: Case, text: str = "") -> Policy | None:
    """Load a generated policy, or None where the loader refuses it as it may."""
    try:
        return upheld.load_text(text or made.text, vocabulary=made.vocabulary)
    except upheld.PolicyError as error:
        if any(fault.code != "exception-cannot-meet" for fault in error.faults):
            raise  # any other refusal is a mistake of the generators or the loader
        return None


def loaded(made: Case, text: str = "") -> Policy:
    """Load a generated policy; one that the loader refuses is not what a law is about."""
    policy = load(made, text)
    assume(policy is not None)
    assert policy is not None
    return policy


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    """Keep what laws compare, empty fields left out, leaves of `depends` in one order."""
    found = json.loads(json.dumps({key: answer[key] for key in FIELDS if answer.get(key)}))
    if "depends" in found:
        found["depends"] = {key: sorted(leaves) for key, leaves in found["depends"].items()}
    return dict(found)


def rank(policy: Policy, question: dict[str, Any]) -> int:
    """Ask, and order the outcomes from deny to allow."""
    return RANK[policy.answer(question)["outcome"]]


def pairs(count: int, first: int) -> Iterator[tuple[int, Policy, dict[str, Any]]]:
    """Make policies and questions from seeds on, as many pairs as wanted."""
    seed = first
    while count > 0:
        made = case(seed)
        policy = load(made)
        for _ in range(QUESTIONS if policy else 0):
            question = made.question()
            if policy and effort(policy.program, question) <= EFFORT_MAX:
                yield seed, policy, question
                count -= 1
        seed += 1


@pytest.mark.parametrize("tenth", range(10))
def test_decide_says_what_the_reference_says(tenth: int) -> None:
    """On policies and questions of every kind, the compiled policy and the naive one agree."""
    count = size("pairs of policy and question, a tenth", short=120, long=10_000)
    outcomes = set()
    for seed, policy, question in pairs(count, tenth * 1_000_000):
        expected = plain(reference(policy.program, question))
        outcomes.add(expected["outcome"])
        assert expected == plain(policy.answer(question)), f"seed {seed}, question {question}"
    assert outcomes == RANK.keys()


def test_most_generated_policies_are_accepted() -> None:
    """The generators write policies that load, so that laws are about something."""
    count = size("generated policies", short=100, long=5_000)
    refused = sum(load(case(seed)) is None for seed in range(count))
    assert refused < 0.15 * count


@given(cases())
def test_the_order_of_clauses_is_irrelevant(made: Case) -> None:
    """Clauses, items, blocks and rules in another order answer every question alike."""
    one, other = loaded(made), loaded(made, made.shuffled())
    for _ in range(QUESTIONS):
        question = made.question()
        assert plain(one.answer(question)) == plain(other.answer(question)), question


@pytest.mark.parametrize(("verb", "sign"), [("may not", -1), ("may", 1)])
@given(cases())
def test_a_further_rule_moves_answers_one_way(verb: str, sign: int, made: Case) -> None:
    """A further top-level `may not` never allows and a further top-level `may` never denies."""
    one, other = loaded(made), loaded(made, made.with_more(verb))
    for _ in range(QUESTIONS):
        question = made.question()
        assert sign * (rank(other, question) - rank(one, question)) >= 0, question


@given(cases())
def test_knowing_more_never_takes_an_answer_away(made: Case) -> None:
    """An allow stays an allow, and a deny a deny, when one more unknown fact is known."""
    policy = loaded(made)
    for _ in range(QUESTIONS):
        question = made.question()
        before = rank(policy, question)
        for fact in made.words.facts:
            known = question.get("facts", {}).get(fact)
            if fact in ("listed", "refusal") or not (known is None or isinstance(known, list)):
                continue  # what has no record is known not to hold
            more: Any = made.random.choice([*GIVEN.get(fact, WORDS.get(fact, (True, False)))])
            if known:
                more = [*known, {"rest": more}]
                if any("rest" in part for part in known):
                    continue
            after = rank(policy, question | {"facts": question.get("facts", {}) | {fact: more}})
            assert before in (RANK["needs-proof"], after), (question, fact, more)


@given(cases())
def test_what_was_asked_before_changes_no_answer(made: Case) -> None:
    """One question under facts that hardly differ: each time what the reference says."""
    policy, question = loaded(made), made.question()
    facts = made.facts(question)
    asked = [question | {"facts": facts}]
    for name, value in facts.items():
        for at, part in enumerate(value if isinstance(value, list) else []):
            turned = {
                **part,
                **(
                    {"rest": not part["rest"]}
                    if "rest" in part
                    else {"holds": not part.get("holds", True)}
                ),
            }
            for instead in ([turned], []):
                other = [*value[:at], *instead, *value[at + 1 :]]
                asked.append(question | {"facts": facts | {name: other}})
    for each in (*asked, *asked):
        if effort(policy.program, each) <= EFFORT_MAX:
            assert plain(policy.answer(each)) == plain(reference(policy.program, each)), each


@given(cases())
def test_parts_never_turn_allow_into_deny(made: Case) -> None:
    """What is allowed whether a fact holds or not is allowed where it holds for a part."""
    policy = loaded(made)
    for _ in range(QUESTIONS):
        question = made.question()
        given_facts = question.get("facts", {})
        if "permission" in made.words.facts and "permission" not in given_facts:
            term = made.random.choice(["other", *made.words.trees["party"]])
            where = next((d for d in made.words.per["permission"] if d in ("source", "actor")), "")
            parts = [{where or made.words.per["permission"][0]: term if where else "other"}]
            more = question | {"facts": given_facts | {"permission": parts}}
            assert rank(policy, question) < RANK["allow"] or rank(policy, more) == RANK["allow"]


@given(cases())
def test_saying_less_never_gains(made: Case) -> None:
    """A question with a dimension left out is answered no better than with it said."""
    policy = loaded(made)
    for _ in range(QUESTIONS):
        question = made.question()
        for dimension in question.keys() - {"action", "facts", "actor"}:
            less = {key: value for key, value in question.items() if key != dimension}
            assert rank(policy, less) <= rank(policy, question), (question, dimension)


@given(cases())
def test_asking_of_several_terms_is_asking_of_each(made: Case) -> None:
    """Asking about several terms is asking about each: all must be allowed."""
    policy = loaded(made)
    for _ in range(QUESTIONS):
        question = made.question()
        for dimension in question.keys() - {"action", "facts"}:
            terms = question[dimension]
            if isinstance(terms, list):
                each = [rank(policy, question | {dimension: term}) for term in terms]
                whole = rank(policy, question)
                assert whole <= min(each), question
                assert (whole == RANK["allow"]) == (min(each) == RANK["allow"]), question


@given(cases())
def test_print_and_parse_are_inverse(made: Case) -> None:
    """A block is printed in one way, and what is printed means what was read."""
    for text in made.blocks():
        read, mistakes = parse_block(text)
        assert not mistakes
        printed = print_block(read)
        again, mistakes = parse_block(printed)
        assert not mistakes
        assert stripped(read) == stripped(again)
        assert printed == print_block(again)


def stripped(tree: object) -> object:
    """Take the offsets off a tree of rules."""
    fields: tuple[str, ...] = getattr(tree, "__struct_fields__", ())
    if fields:
        kept = {name: stripped(getattr(tree, name)) for name in fields if name != "offset"}
        return type(tree).__name__, kept
    return [stripped(each) for each in tree] if isinstance(tree, tuple) else tree
