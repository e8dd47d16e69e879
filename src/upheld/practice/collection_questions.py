"""The questions that a policy is asked before anybody is asked for their data."""

from __future__ import annotations

from upheld.policy.load import Policy
from upheld.policy.request import Request


def collection_questions(
    policy: Policy, word: str, *, source: str, occasion: str, purpose: str
) -> tuple[Request, Request]:
    """The requests to collect and to store a kind of data; `purpose` goes where an act takes one.

    They are those that storing it through the gate asks, but for where our data lie.
    """
    takes = policy.program.vocabulary.takes
    purposes = {act: purpose if "purpose" in takes(act) else None for act in ("collect", "store")}
    collect = Request(
        "collect", data=word, source=source, occasion=occasion, purpose=purposes["collect"]
    )
    return collect, Request("store", data=word, purpose=purposes["store"])
