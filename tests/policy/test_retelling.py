"""Labels that speak to a customer, told of them to somebody else."""

from __future__ import annotations

import re

import pytest

from upheld.policy.read_vocabulary import read_vocabulary
from upheld.policy.retelling import THEY, YOU, about_person, mention_of
from upheld.policy.vocabulary import TREES

CUSTOMER = "the customer's"
WORDS = read_vocabulary("provider")
TEXTS = (
    *(term.label for tree in TREES for term in WORDS.tree(tree).values()),
    *(text for fact in WORDS.facts.values() for text in (fact.label, fact.contrary)),
    *(duty.label for duty in WORDS.duties.values()),
)
LABELS = sorted({each for each in TEXTS if re.search(r"\b(?:you|your|yourself)\b", each)})


@pytest.mark.parametrize("label", LABELS)
def test_no_label_speaks_to_whoever_is_not_the_customer(label: str) -> None:
    """No “you” is left, and each verb fits its subject, whatever the customer is called."""
    for whose in (THEY.whose, CUSTOMER):
        text = about_person(label, mention_of(whose))
        assert not re.search(r"\b(?:you|your|yourself)\b", text)
        assert not re.search(r"\bthem (?:are|were|have|had|do|did|own|owe|can)\b", text)
        assert not re.search(r"\bcustomer (?:are|were|have|do|own|owe|wait)\b", text)
    assert about_person(label, YOU) == label


@pytest.mark.parametrize(
    ("label", "theirs"),
    [
        ("who you are", "who they are"),
        ("what we hold about you", "what we hold about the customer"),
        ("what you told us about yourself", "what they told us about themselves"),
        ("your own mailbox", "the customer's own mailbox"),
        ("you", "the customer"),
    ],
)
def test_the_customer_is_named_once_the_verb_allows_it(label: str, theirs: str) -> None:
    """Where the customer acts it is “they”, so that no verb changes; elsewhere they are named."""
    assert about_person(label, mention_of(CUSTOMER)) == theirs
