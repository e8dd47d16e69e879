"""What comes in of people without their typing it: from whom, for how long it is kept, and by what.

Anybody may read it. What is said is what the policy in force lets the program do now, and what is
there: the same decisions and rows by which the program acts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.practice.labels import heading_of_customers


class IntakeLine(NamedTuple):
    """A kind of arrival: what, from whom, how long it is kept, since which day, by which clauses.

    `oldest` is the first day of which anything is there; empty where nothing is.
    """

    what: str
    whence: str
    lasts: str
    oldest: str
    clauses: tuple[str, ...]


IntakeSource = Callable[[Transaction], list[IntakeLine]]


def lasts(store: Decision) -> str:
    """How long something is kept by the decision on storing it; the tightest time that it says."""
    spans = [
        f"{duty.amount:g} {duty.unit}"
        for duty in store.duties
        if duty.duty == "delete-after" and duty.amount is not None
    ]
    return " and ".join(dict.fromkeys(spans)) or "As long as the policy lets us"


def names_of(policy: Policy, fields: Sequence[str]) -> str:
    """Kinds of data in words, beginning with a capital."""
    text = ", ".join(heading_of_customers(policy, "data", each).lower() for each in fields)
    return text[:1].upper() + text[1:]
