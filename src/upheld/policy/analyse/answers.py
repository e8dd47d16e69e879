"""A question answered in full: what of it can be, what of it cannot, and why.

The verdict and its cases are those of `query`: nothing here decides. What a person who asks wants
besides is worked out over the same classes: where and when the answer is no, how what is allowed
must be done, and what is owed.
"""

from __future__ import annotations

import msgspec

from upheld.policy.analyse.common_classes import CommonClasses, NamesByPolicy, clause_order
from upheld.policy.analyse.query import QueryCase, QueryScope, answer_scope, classes
from upheld.policy.analyse.wording import Region, Wording, ways_of
from upheld.policy.compile import OwedKey
from upheld.policy.load import Policy
from upheld.policy.program import DutyDue
from upheld.policy.regions import Bits, Grid

YES, NO, SOMETIMES = "yes", "no", "sometimes"
WORDS = {"always": YES, "never": NO, "when": SOMETIMES}


class RefusedCase(msgspec.Struct, frozen=True, kw_only=True):
    """Requests refused under the same facts by the same clauses; without clauses, by silence."""

    when: tuple[tuple[str, ...], ...]  # one empty set: whatever is so; none: too many to list
    clauses: tuple[str, ...]
    regions: tuple[Region, ...]
    more: bool


class ObligationAnswer(msgspec.Struct, frozen=True):
    """What a clause obliges to, within what time, and whether it does in any case."""

    clause: str
    amount: str
    unit: str
    certain: bool


class FullAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with its contrary: `yes`, `no` or `sometimes`."""

    verdict: str
    cases: tuple[QueryCase, ...]
    refusals: tuple[RefusedCase, ...]
    duties: tuple[DutyDue, ...]  # of everything that is allowed
    due: tuple[ObligationAnswer, ...]


_ClassesByAction = dict[NamesByPolicy, tuple[Grid, list[Bits]]]
_Key = tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]


def full_answer(policy: Policy, scope: QueryScope) -> FullAnswer:
    """What the policy answers to a question, both ways; exact over all of its requests."""
    common = CommonClasses((policy,))
    answer = answer_scope(policy, scope, common)
    refusal_classes: dict[_Key, _ClassesByAction] = {}
    duties: set[DutyDue] | None = None
    due: dict[OwedKey, bool] = {}
    for action, grid, state in classes(common, scope):
        cell = common.meaning(common.live(state))[0]
        cube = cell.space.worlds_matching(scope.facts)
        if allow := cell.allow & cube:
            here = {d for d, worlds in cell.duties.items() if allow & ~worlds == 0}
            duties = here if duties is None else duties & here
        if deny := cube & ~cell.allow:
            by = clause_order(policy, (c for c, worlds in cell.denies.items() if worlds & deny))
            key = (ways_of(cell.space, deny, scope.facts), by)
            classes_here = refusal_classes.setdefault(key, {})
            classes_here.setdefault(action, (grid, []))[1].append(state)
        for act, worlds in cell.owed.items():
            if worlds & cube:
                due[act] = due.get(act, True) and cube & ~worlds == 0
    wording = Wording(common, 0)
    refusals = []
    for (when, by), classes_here in refusal_classes.items():
        regions, more = wording.regions(classes_here)
        refusals.append(RefusedCase(when=when, clauses=by, regions=regions, more=more))
    refusals.sort(key=lambda each: (not each.clauses, each.when == ((),), len(each.when)))
    return FullAnswer(
        verdict=WORDS[answer.verdict],
        cases=answer.cases,
        refusals=tuple(refusals),
        duties=tuple(sorted(duties or (), key=lambda d: (d.duty, d.amount))),
        due=tuple(
            ObligationAnswer(o.clause, o.amount, o.unit, certain) for o, certain in due.items()
        ),
    )
