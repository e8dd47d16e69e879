"""As what fields of an account may come in, and for which purpose each may be kept here.

Many accounts are alike: what was worked out of one is asked about all the others at once, with what
was refused on the way to it, and field by field of those alone of whom any of that is otherwise. So
whoever came before, each account comes in as it would by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act
from upheld.gate.erasure.must_keep import purposes
from upheld.gate.transaction import Transaction
from upheld.practice import parties
from upheld.practices.takeovers.closing import TakeoverError

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


class _LearnedPlan(NamedTuple):
    """A plan, and the acts whose refusals led to it: of whom they are refused, none is better."""

    plan: EntryPlan
    refused: tuple[Act, ...]


class EntryPlans:
    """Plans for what one company hands over, in any of its roles; they are learned as they go."""

    def __init__(self, party: str, roles: Sequence[str]) -> None:
        self._party, self.roles = party, roles
        self._learned: dict[tuple[str, ...], list[_LearnedPlan]] = {}

    def of_each(
        self, transaction: Transaction, people: Sequence[PersonId], fields: Sequence[str]
    ) -> dict[PersonId, EntryPlan | NoPlan]:
        """How the same fields of some people come in."""
        learned = self._learned.setdefault(tuple(fields), [])
        plans: dict[PersonId, EntryPlan | NoPlan] = {}
        others = list(people)
        for one in learned:
            others = self._try(transaction, one, others, plans)
        while others:
            result = self._learn(transaction, others[0], fields)
            first, others = others[0], others[1:]
            if isinstance(result, NoPlan):
                plans[first] = result
                continue
            plans[first] = result.plan
            if len(learned) < PLANS_MAX:
                learned.append(result)
            others = self._try(transaction, result, others, plans)
        return plans

    def _try(
        self,
        transaction: Transaction,
        learned: _LearnedPlan,
        people: Sequence[PersonId],
        plans: dict[PersonId, EntryPlan | NoPlan],
    ) -> list[PersonId]:
        """Let a plan be that of everybody for whom it holds, and no better one; the others."""
        acts = [
            act
            for purpose, fields in learned.plan.groups().items()
            for act in self._acts(transaction, fields, learned.plan.source, purpose)
        ]
        wanted = [True] * len(acts) + [False] * len(learned.refused)
        others: list[PersonId] = []
        decided = transaction.peek_acts(people, [*acts, *learned.refused])
        for person_id, decisions in decided.items():
            if [each.allowed for each in decisions] == wanted:
                plans[person_id] = learned.plan
            else:
                others.append(person_id)
        return others

    def _learn(
        self, transaction: Transaction, person_id: PersonId, fields: Sequence[str]
    ) -> _LearnedPlan | NoPlan:
        """How fields of somebody come in, each asked about by itself."""
        out, passed = None, list[Act]()
        for source in self.roles:
            plan, clauses = dict[str, str | None](), dict[str, None]()
            refused: dict[str, list[Act]] = {}
            for purpose in dict.fromkeys((None, *purposes(transaction.policy))):
                some = [each for each in fields if each not in plan]
                acts = [act for f in some for act in self._acts(transaction, [f], source, purpose)]
                decided = zip(
                    acts, transaction.peek_acts([person_id], acts)[person_id], strict=True
                )
                for field, *both in zip(some, decided, decided, strict=True):
                    against = [(act, each) for act, each in both if not each.allowed]
                    if not against:
                        plan[field] = purpose
                        continue
                    refused.setdefault(field, []).append(against[0][0])
                    clauses |= {c: None for _, each in against for c in each.clauses}
            if len(plan) == len(fields):
                passed += [act for acts in refused.values() for act in acts]
                entry = EntryPlan(source, tuple((each, plan[each]) for each in fields))
                return _LearnedPlan(entry, _once(passed))
            without = tuple(each for each in fields if each not in plan)
            passed += refused[without[0]]
            out = out or NoPlan(without, tuple(clauses))
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


def _once(acts: Iterable[Act]) -> tuple[Act, ...]:
    """Acts, each once, in their order."""
    some: list[Act] = []
    for act in acts:
        if act not in some:
            some.append(act)
    return tuple(some)


def company_of(transaction: Transaction, which: str) -> tuple[str, tuple[str, ...]]:
    """The word of a company, and what it is to us now; TakeoverError where it is nothing."""
    word = parties.word_of(transaction, which)
    mine = [each.role for each in parties.of_party(transaction, word) if each.in_force]
    if not mine:
        raise TakeoverError(
            "the register has no company of this name now",
            code="takeover-party",
            hint="put the other provider on it as what it is to you, such as a business partner",
        )
    return word, tuple(dict.fromkeys(mine))
