"""The sample policy without something, so that a story can show what rests on it."""

from __future__ import annotations

import upheld
from upheld.demo import sample_policy


def without(clause: str) -> upheld.Policy:
    """The sample policy as if a clause said nothing; words that it defines stay.

    A note, which carries no rule, has another id: nothing that quotes it finds it.
    """
    text = sample_policy().read_text(encoding="utf-8")
    marked = text.replace(f"{{#{clause}}}", f"{{#{clause} .severed}}")
    marked = marked.replace(f"{{#{clause} .note}}", f"{{#was-{clause} .note}}")
    assert marked != text, f"the sample policy has no clause `{clause}`"
    return upheld.load_text(marked)


def without_cookies() -> upheld.Policy:
    """The sample policy as if it let no cookie of a visit be stored."""
    return storing_of_visits("ip-network", "page-request")


def storing_of_visits(*kinds: str) -> upheld.Policy:
    """The sample policy as if it let these kinds of data alone be stored of a visit."""
    text = sample_policy().read_text(encoding="utf-8")
    narrow = text.replace("store ip-network, cookie-id, page-request", f"store {', '.join(kinds)}")
    return upheld.load_text(narrow)


def keeping_visits_for(months: int) -> upheld.Policy:
    """The sample policy as if it let visits be kept for so many months."""
    text = sample_policy().read_text(encoding="utf-8")
    longer = text.replace("delete-after 14 months", f"delete-after {months} months")
    assert longer != text
    return upheld.load_text(longer)
