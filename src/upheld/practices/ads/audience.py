"""Whom an advertisement may be chosen for, and by what: what the gate says of somebody now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.practice import ages, bands
from upheld.practice.privacy_budget import GROUP
from upheld.practices.ads.campaigns import ADVERTISER
from upheld.practices.ads.matching import Groups, Mask


def using(fields: Sequence[str]) -> Act:
    """The act of using what is known about somebody for advertising."""
    return Act(action="use", data=tuple(fields), purpose="advertising")


def showing(fields: Sequence[str]) -> Act:
    """The act of showing somebody an advertisement that is chosen by what is known about them."""
    return Act(action="show-ad", data=tuple(fields), occasion="service-use")


def supposing(data: str, occasion: str) -> Act:
    """What an advertiser may suppose about whoever sees or clicks."""
    return Act(action="infer", data=(data,), actor=ADVERTISER, occasion=occasion)


def choosing(fields: Sequence[str]) -> tuple[Act, ...]:
    """All that has to be allowed for an advertisement to be chosen for somebody by some fields."""
    return (
        showing(fields),
        using(fields),
        supposing("segment", "ad-view"),
        supposing("segment", "ad-click"),
    )


def decisions(
    transaction: Transaction, person_id: PersonId, fields: Sequence[str]
) -> list[Decision]:
    """What the policy says now to choosing advertisements for somebody by some fields."""
    return transaction.peek_acts([person_id], choosing(fields))[person_id]


def allowed_each(
    transaction: Transaction, people: Sequence[PersonId], fields: Sequence[str]
) -> dict[PersonId, int]:
    """The smallest group for which each of some people may be shown what is chosen so.

    Whoever may not, or for no group that the policy names, is left out.
    """
    groups = {
        each: max(map(_group, answers))
        for each, answers in transaction.peek_acts(people, choosing(fields)).items()
        if all(decision.allowed for decision in answers)
    }
    return {each: group for each, group in groups.items() if group}


def _group(decision: Decision) -> int:
    return max((int(d.amount or 0) for d in decision.duties if d.duty == GROUP), default=0)


def permitted_each(
    transaction: Transaction, people: Sequence[PersonId], fields: Sequence[str]
) -> dict[PersonId, Groups]:
    """For each of some people the fields by which advertisements may be chosen for them.

    Each field has the smallest group for which it may; where all may be used, the largest of these.
    Whoever nothing may be chosen for is left out.
    """
    result: dict[PersonId, Groups] = {
        each: dict.fromkeys(fields, group)
        for each, group in allowed_each(transaction, people, fields).items()
    }
    others = list(allowed_each(transaction, [p for p in people if p not in result], (bands.BORN,)))
    for field in fields if others else ():
        for each, group in allowed_each(transaction, others, sorted({bands.BORN, field})).items():
            result[each] = {**result.get(each, {}), field: group}
    return result


def mask_of(policy: Policy, values: Mapping[str, str], today: date) -> Mask:
    """The bands in which somebody is by their values; none for a minor, or of no age we know."""
    born = values.get(bands.BORN, "")
    if not born or ages.is_minor(policy, bands.age_on(born, today)):
        return {}
    return bands.bands_of(values, today)


def read_masks(transaction: Transaction, groups: Mapping[PersonId, Groups]) -> dict[PersonId, Mask]:
    """The bands in which some people are, by the fields that may be used; each with an entry.

    Whom the gate refuses after all is left out.
    """
    alike: dict[tuple[str, ...], list[PersonId]] = {}
    for person_id, each in groups.items():
        alike.setdefault(tuple(sorted(each)), []).append(person_id)
    today, masks = transaction.clock.today(), {}
    for fields, people in alike.items():
        for person_id, outcome in transaction.sweep(using(fields), people).items():
            if not isinstance(outcome, Refused):
                values = {name: value.value for name, value in outcome.values.items()}
                masks[person_id] = mask_of(transaction.policy, values, today)
    return masks
