"""Whom an advertisement may be chosen for, and by what: what the gate says of somebody now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from upheld.core.ids import PersonId
from upheld.gate.act.execution import Outcome
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.practice import ages, bands, page_looks, partner_transactions
from upheld.practice.page_groups import VISITED
from upheld.practice.privacy_budget import GROUP, smallest_group
from upheld.practices.ads.campaigns import ADVERTISER
from upheld.practices.ads.matching import Groups, Mask

PARTNERS, VISITS = "partners", "visits"  # who tells us what people did
BOUGHT: Final = "transaction"  # what people bought from partners is of this kind of data
LOOKS_BACK: Final = timedelta(days=365)


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


def reading(fields: Sequence[str]) -> tuple[Act, ...]:
    """The acts by which a crowd is read and asked about."""
    return (using(fields), *choosing(fields), *choosing((bands.BORN,)))


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
    answers_of = transaction.peek_acts(people, choosing(fields))
    return {each: group for each, answers in answers_of.items() if (group := _group_of(answers))}


def _group_of(answers: Sequence[Decision]) -> int:
    """The smallest group that some decisions ask for; 0 where not all of them allow."""
    if not all(each.allowed for each in answers):
        return 0
    return max(
        (int(d.amount or 0) for each in answers for d in each.duties if d.duty == GROUP), default=0
    )


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
    return {**result, **_permitted_apart(transaction, others, fields)}


def _permitted_apart(
    transaction: Transaction, people: Sequence[PersonId], fields: Sequence[str]
) -> dict[PersonId, Groups]:
    """For each of some people the fields of which each may be used beside the birth date."""
    result: dict[PersonId, Groups] = {}
    for field in fields if people else ():
        for each, group in allowed_each(transaction, people, sorted({bands.BORN, field})).items():
            result[each] = {**result.get(each, {}), field: group}
    return result


def activities_of(
    transaction: Transaction, people: Sequence[PersonId], fields: Iterable[str]
) -> dict[PersonId, dict[str, set[str]]]:
    """The bands of what some people did of late, by the fields that may be used."""
    result: dict[PersonId, dict[str, set[str]]] = {each: {} for each in people}
    for dimension, its in bands.ACTIVITIES.items():
        if its["field"] in fields and people:
            texts = _TEXTS[its["told-by"]](transaction, people)
            for each in people:
                words = bands.bands_of_texts(dimension, texts.get(each, ()))
                result[each][dimension] = words
    return result


def activity_mark(
    transaction: Transaction, person_id: PersonId, fields: Iterable[str]
) -> tuple[object, ...]:
    """What is another when there is more or less of what somebody did."""
    return (
        partner_transactions.mark_of(transaction, person_id) if BOUGHT in fields else (),
        page_looks.mark_of(transaction, person_id) if VISITED in fields else (),
    )


def activity_mark_between(
    transaction: Transaction, after: str, last: str, fields: Iterable[str]
) -> tuple[object, ...]:
    """What is another when people after an id, up to another, did more or less by what is kept.

    What somebody did that took the place of something else is not noticed, unlike above.
    """
    return (
        partner_transactions.number_between(transaction, after, last) if BOUGHT in fields else (),
        page_looks.number_between(transaction, after, last) if VISITED in fields else (),
    )


def _with_activities(
    transaction: Transaction, masks: Mapping[PersonId, Mask], fields: Sequence[str]
) -> dict[PersonId, Mask]:
    """Masks with the bands of what people did; whoever is in no band stays so."""
    if not any(its["field"] in fields for its in bands.ACTIVITIES.values()):
        return dict(masks)
    did = activities_of(transaction, [each for each, mask in masks.items() if mask], fields)
    return {each: {**mask, **did.get(each, {})} for each, mask in masks.items()}


def _bought(transaction: Transaction, people: Sequence[PersonId]) -> dict[PersonId, list[str]]:
    """What some people bought from partners in the last year."""
    day = transaction.clock.today() - LOOKS_BACK
    return {each: partner_transactions.texts_since(transaction, each, day) for each in people}


_TEXTS: Final[
    Mapping[str, Callable[[Transaction, Sequence[PersonId]], Mapping[PersonId, Iterable[str]]]]
] = {PARTNERS: _bought, VISITS: page_looks.of_each}


class MaskMaker:
    """The bands in which people are by their values, where many are looked at on a day."""

    def __init__(self, policy: Policy, today: date) -> None:
        self._policy, self._today = policy, today
        self._ages: dict[int, bool] = {}  # whether one is a minor's
        self._minors: dict[str, bool] = {}  # whether somebody is one who was born on a day
        self._seen: bands.SeenValues = {}

    def of(self, values: Mapping[str, str]) -> Mask:
        """The bands by some values; none for a minor, or of no age we know."""
        born = values.get(bands.BORN, "")
        if not born:
            return {}
        is_minor = self._minors.get(born)
        if is_minor is None:
            age = bands.age_on(born, self._today)
            if age not in self._ages:
                self._ages[age] = ages.is_minor(self._policy, age)
            is_minor = self._minors[born] = self._ages[age]
        return {} if is_minor else bands.bands_of(values, self._today, self._seen)


def read_masks(transaction: Transaction, groups: Mapping[PersonId, Groups]) -> dict[PersonId, Mask]:
    """The bands in which some people are, by the fields that may be used; each with an entry.

    Whom the gate refuses after all is left out.
    """
    alike: dict[tuple[str, ...], list[PersonId]] = {}
    for person_id, each in groups.items():
        alike.setdefault(tuple(sorted(each)), []).append(person_id)
    masks = MaskMaker(transaction.policy, transaction.clock.today())
    result: dict[PersonId, Mask] = {}
    for fields, people in alike.items():
        outcomes = transaction.sweep(using(fields), people)
        result |= _with_activities(transaction, _masks_of(masks, outcomes), fields)
    return result


def _masks_of(masks: MaskMaker, outcomes: Mapping[PersonId, Outcome]) -> dict[PersonId, Mask]:
    """The masks of those whom an act was not refused of."""
    return {
        person_id: masks.of({name: value.value for name, value in outcome.values.items()})
        for person_id, outcome in outcomes.items()
        if not isinstance(outcome, Refused)
    }


def read_crowd(
    transaction: Transaction, people: Sequence[PersonId], fields: Sequence[str], masks: MaskMaker
) -> Iterator[tuple[Sequence[str], Mask]]:
    """By which fields each of some people may be chosen for the policy's groups, and their bands.

    Whoever may be chosen by all fields is asked about and read at once, the others apart. Whom
    nothing may be chosen for is left out, and so is whoever's birth date may not be used.
    """
    smallest, others = smallest_group(transaction.policy), []
    every, apart = choosing(fields), choosing((bands.BORN,))
    groups: dict[int, tuple[int, int, Sequence[Decision]]] = {}  # those alike share answers

    def chooses(person_id: PersonId, answers: Sequence[Decision]) -> bool:
        its = groups.get(id(answers))
        if its is None:  # with the answers, so that nothing else has their id
            together, birth = answers[: len(every)], answers[len(every) :]
            its = groups[id(answers)] = _group_of(together), _group_of(birth), answers
        group, by_birth, _ = its
        if not group and by_birth:
            others.append(person_id)
        return 0 < group <= smallest

    outcomes = transaction.sweep(using(fields), people, only_if=(*every, *apart), chooses=chooses)
    mine = _with_activities(transaction, _masks_of(masks, outcomes), fields)
    names = tuple(fields)
    for mask in mine.values():
        yield names, mask
    permitted: dict[PersonId, Groups] = {}
    for person_id, each in _permitted_apart(transaction, others, fields).items():
        fitting = {field: group for field, group in each.items() if group <= smallest}
        if bands.BORN in fitting:
            permitted[person_id] = fitting
    for person_id, mask in read_masks(transaction, permitted).items():
        yield tuple(permitted[person_id]), mask
