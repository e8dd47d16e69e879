"""Erasing: the request makes it owed, and what will be kept of it is told before it is made.

What must be kept is asked of the policy, as of somebody whose account was closed and who asked for
erasure: what is stored then only because of something that is proven is kept for as long as that.
"""

from __future__ import annotations

from typing import NamedTuple

from upheld.gate.joint import Joint
from upheld.gate.request import Act, Given, Refused
from upheld.practices.rights import asks
from upheld.practices.rights.asks import Ask
from upheld.practices.rights.held import shown
from upheld.practices.rights.words import Clause, clauses


class Outlook(NamedTuple):
    """What is told before somebody asks for erasure."""

    owed: str  # the amount, as it is said; empty if nothing is
    clauses: list[Clause]
    waits: Ask | None


def outlook(joint: Joint, person_id: str) -> Outlook:
    """What stands against erasing everything at once."""
    due = joint.peek(person_id, Act(action="use", data=("balance",), purpose="debt-collection"))
    owed = ""
    if due.allowed:
        act = Act(action="view", data=("balance",), actor="customer", purpose="rights-request")
        found = joint.act(act, person_id)
        if isinstance(found, Given) and "balance" in found.values:
            owed = shown("balance", found["balance"])
        owed = owed or "us money"
    waits = [each for each in asks.listed(joint.connection, person_id)
             if each.kind == "erasure" and each.waits]  # fmt: skip
    named = joint.peek(person_id, asks.action("erasure")).clauses or ("erasure",)
    return Outlook(owed, clauses(joint.house.policy, list(named)), waits[0] if waits else None)


def request(joint: Joint, person_id: str) -> Ask | Refused:
    """Ask for erasure; it is owed from now on."""
    asked = asks.ask(joint, person_id, "erasure")
    return asked if isinstance(asked, Refused) else asks.begin(joint, asked)
