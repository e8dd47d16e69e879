"""Words of the policy as staff and companies read them: of customers, and never “you” or “your”."""

from __future__ import annotations

from upheld.policy.load import Policy
from upheld.policy.retelling import CUSTOMERS, about_person


def label_of_customers(policy: Policy, tree: str, word: str) -> str:
    """What people call a word, told of customers: “a programme customers joined”.

    The word itself where the policy has it no more.
    """
    term = policy.program.vocabulary.tree(tree).get(word)
    return about_person(term.label, CUSTOMERS) if term and term.label else word.replace("-", " ")


def heading_of_customers(policy: Policy, tree: str, word: str) -> str:
    """What people call a word, at the head of a line: “A service customers ordered”."""
    label = label_of_customers(policy, tree, word)
    return label[:1].upper() + label[1:]
