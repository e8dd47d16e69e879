"""What a practice needs of the policy, and which practices the policy in force switches off.

A practice names each thing that it does with a question in the words of rules. Where no record of
anybody could ever make the answer yes, the policy has switched that off: that is said when the
provider starts, and to whoever checks a policy for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from upheld.core import observing
from upheld.core.errors import RequestError
from upheld.policy.analyse.query import QueryAnswer, can_ever_be, query
from upheld.policy.load import Policy


class Need(NamedTuple):
    """One thing that a practice does, and the question that the policy must not always deny.

    Where no one question says it, `tells` gives why the policy switches it off; nothing if it does
    not.
    """

    what: str
    question: str = ""
    why_off: Callable[[Policy], str] | None = None


class SwitchedOff(NamedTuple):
    """One thing that a policy switches off: of which practice, and why."""

    practice: str
    what: str
    why: str
    clauses: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.practice}: {self.what}: {self.why}"


@observing.reading
@lru_cache(maxsize=256)
def can_ever(policy: Policy, question: str) -> bool:
    """Whether the policy can ever allow what a question asks; False where it has unknown words."""
    try:
        return can_ever_be(policy, question)
    except RequestError:
        return False


SIGNAL_MAY_STOP: Final = (
    ("show-ad", "advertisements chosen by what we know about you"),
    ("use for advertising", "the use of your information for advertising"),
    ("contact for offers", "offers that we would send you"),
    ("share", "sharing your information"),
    ("sell", "selling your information"),
)
"""What a privacy signal could stop, as a question, and how a page says it."""


@observing.reading
@lru_cache(maxsize=8)
def signal_stops(policy: Policy) -> tuple[str, ...]:
    """What the policy stops for whoever's browser sends a privacy signal, and allows without."""
    return tuple(
        words
        for question, words in SIGNAL_MAY_STOP
        if can_ever(policy, question) and not can_ever(policy, f"{question} given privacy-signal")
    )


def find_switched_off(policy: Policy, needs: Mapping[str, Iterable[Need]]) -> list[SwitchedOff]:
    """The needs that a policy always denies; `needs` are by the name of their practice."""
    result = []
    for practice, some in needs.items():
        for need in some:
            if need.why_off is not None:
                why = need.why_off(policy)
                result += [SwitchedOff(practice, need.what, why)] if why else []
                continue
            answer = _answer(policy, need.question)
            if answer is None:
                result.append(
                    SwitchedOff(practice, need.what, "the vocabulary lacks the words for it")
                )
            elif answer.verdict == "never" and answer.clauses:
                cited = ", ".join(f"#{clause}" for clause in answer.clauses)
                result.append(
                    SwitchedOff(practice, need.what, f"denied by {cited}", answer.clauses)
                )
            elif answer.verdict == "never":
                result.append(SwitchedOff(practice, need.what, "no clause allows it"))
    return result


@lru_cache(maxsize=256)
def _answer(policy: Policy, question: str) -> QueryAnswer | None:
    try:
        return query(policy, question)
    except RequestError:
        return None
