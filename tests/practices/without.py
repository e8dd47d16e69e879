"""The sample policy without the rules of one clause, to see which act has to stop."""

from __future__ import annotations

from functools import cache

import upheld
from upheld.demo import sample_policy


@cache
def without(clause: str) -> upheld.Policy:
    """The policy in which a clause says what it said, and allows and forbids nothing."""
    lines = sample_policy().read_text().splitlines(keepends=True)
    kept: list[str] = []
    at = 0
    dropping = False
    while at < len(lines):
        line = lines[at]
        fence = line.strip()
        if f"{{#{clause}}}" in line:
            dropping = True
        elif "{#" in line or line.startswith("#"):
            dropping = False
        if fence.startswith("```example") or (dropping and fence == "```rule"):
            end = next(n for n in range(at + 1, len(lines)) if lines[n].strip() == "```")
            defined = [each for each in lines[at:end] if each.startswith("define ")]
            kept += [line, *defined, lines[end]] if defined else []  # other clauses say these words
            at = end + 1
            continue
        kept.append(line)
        at += 1
    return upheld.load_text("".join(kept))
