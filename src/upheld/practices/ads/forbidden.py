"""What no advertisement may be for or be chosen by: what the policy's vocabulary calls sensitive.

The tree `sensitive` names it, with the words by which texts tell of it; a policy's own vocabulary
adds others. Whoever reviews cannot approve what speaks of one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from upheld.core import observing
from upheld.policy.load import Policy
from upheld.policy.vocabulary import SENSITIVE
from upheld.practice import bands
from upheld.practices.ads.campaigns import Campaign


@observing.reading
def matters_in(policy: Policy, texts: Iterable[str]) -> list[str]:
    """The sensitive matters of which some texts speak, as people call them.

    A word counts as a whole, in whichever letters, or with an `s` after it.
    """
    terms = policy.program.vocabulary.tree(SENSITIVE)
    words = [re.findall(r"[^\W_]+", text.casefold()) for text in texts]
    there = " ".join(["", *(word for some in words for word in (*some, "|")), ""])
    labels: dict[str, None] = {}
    for term in terms.values():
        spoken = term.name.replace("-", " ")
        if f" {spoken} " in there or f" {spoken}s " in there:
            top = term
            while top.parent:
                top = terms[top.parent]
            labels[top.label or top.name] = None
    return [*labels]


def matters_of(policy: Policy, its: Campaign, alternative: str = "") -> list[str]:
    """The sensitive matters of a campaign: of its texts, its kind, and whom it is meant for."""
    return matters_in(
        policy, [its.title, its.text, its.category, alternative, *bands.describe(its.criteria)]
    )
