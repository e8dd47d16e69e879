"""As what fields of an account may come in, and for which purpose each may be kept here.

Many accounts are alike: what was worked out of one is asked about all the others at once, and field
by field of those alone of whom it does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act
from upheld.gate.erasure.must_keep import purposes
from upheld.gate.transaction import Transaction

OCCASION: Final = "other"  # nothing that the customer does
PLANS_MAX: Final = 8  # that are remembered for the same fields


class EntryPlan(NamedTuple):
    """In which of its roles a company hands fields over, and for which purpose each is kept."""

    source: str
    purposes: tuple[tuple[str, str | None], ...]  # by field

    def groups(self) -> dict[str | None, list[str]]:
        """The fields by the purpose for which they are kept."""
        groups: dict[str | None, list[str]] = {}
        for field, purpose in self.purposes:
            groups.setdefault(purpose, []).append(field)
        return groups


class NoPlan(NamedTuple):
    """Which fields may not come in, and by which clauses."""

    fields: tuple[str, ...]
    clauses: tuple[str, ...]


class EntryPlans:
    """Plans for what one company hands over, in any of its roles; they are learned as they go."""

    def __init__(self, party: str, roles: Sequence[str]) -> None:
        self._party, self._roles = party, roles
        self._learned: dict[tuple[str, ...], list[EntryPlan]] = {}

    def of_each(
        self, transaction: Transaction, people: Sequence[PersonId], fields: Sequence[str]
    ) -> dict[PersonId, EntryPlan | NoPlan]:
        """How the same fields of some people come in."""
        learned = self._learned.setdefault(tuple(fields), [])
        plans: dict[PersonId, EntryPlan | NoPlan] = {}
        others = list(people)
        for plan in learned:
            others = self._try(transaction, plan, others, plans)
        while others:
            plan_or_none = plans[others[0]] = self._learn(transaction, others[0], fields)
            others = others[1:]
            if isinstance(plan_or_none, EntryPlan):
                if len(learned) < PLANS_MAX:
                    learned.append(plan_or_none)
                others = self._try(transaction, plan_or_none, others, plans)
        return plans

    def _try(
        self,
        transaction: Transaction,
        plan: EntryPlan,
        people: Sequence[PersonId],
        plans: dict[PersonId, EntryPlan | NoPlan],
    ) -> list[PersonId]:
        """Let a plan be that of everybody for whom it holds; the others."""
        acts = [
            act
            for purpose, fields in plan.groups().items()
            for act in self._acts(transaction, fields, plan.source, purpose)
        ]
        others: list[PersonId] = []
        for person_id, decisions in transaction.peek_acts(people, acts).items():
            if all(each.allowed for each in decisions):
                plans[person_id] = plan
            else:
                others.append(person_id)
        return others

    def _learn(
        self, transaction: Transaction, person_id: PersonId, fields: Sequence[str]
    ) -> EntryPlan | NoPlan:
        """How fields of somebody come in, each asked about by itself."""
        out = None
        for source in self._roles:
            plan, clauses = dict[str, str | None](), dict[str, None]()
            for purpose in dict.fromkeys((None, *purposes(transaction.policy))):
                some = [each for each in fields if each not in plan]
                acts = [act for f in some for act in self._acts(transaction, [f], source, purpose)]
                decisions = iter(transaction.peek_acts([person_id], acts)[person_id])
                for field in some:
                    both = next(decisions), next(decisions)
                    if all(each.allowed for each in both):
                        plan[field] = purpose
                    else:
                        clauses |= {
                            c: None for each in both if not each.allowed for c in each.clauses
                        }
            if len(plan) == len(fields):
                return EntryPlan(source, tuple((each, plan[each]) for each in fields))
            refused = tuple(each for each in fields if each not in plan)
            out = out or NoPlan(refused, tuple(clauses))
        return out or NoPlan(tuple(fields), ())

    def _acts(
        self, transaction: Transaction, fields: Sequence[str], source: str, purpose: str | None
    ) -> Iterator[Act]:
        """What is asked about fields: whether they may come in, and whether they may stay."""
        collect, store = transaction.letting_in(
            fields, source=source, occasion=OCCASION, purpose=purpose
        )
        yield msgspec.structs.replace(collect, party=self._party)
        yield store
