"""The sample policy with one clause struck, so that a story can show what rests on that clause."""

from __future__ import annotations

import upheld
from upheld.demo import sample_policy


def without(clause: str) -> upheld.Policy:
    """The sample policy as if a clause said nothing; words that it defines stay."""
    text = sample_policy().read_text(encoding="utf-8")
    marked = text.replace(f"{{#{clause}}}", f"{{#{clause} .severed}}")
    assert marked != text, f"the sample policy has no rule of `{clause}`"
    return upheld.load_text(marked)
