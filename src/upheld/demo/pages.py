"""The pages of the demonstration alone: who can sign in, and what was mailed."""

from __future__ import annotations

from upheld.practice.brings import Practice


def practice(provider, box, people):
    return Practice("demo")
