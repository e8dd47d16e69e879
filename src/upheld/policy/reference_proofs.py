"""What must be proven, for the reference: the prime implicants of the worlds that allow.

Each is a box: a set of values for each unknown fact, so that it holds only worlds which allow and
could not be larger in any one fact. All boxes are tried.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, combinations, product

from upheld.policy.fact_types import OrderedType, ordered_type
from upheld.policy.reference_questions import Facts
from upheld.policy.reference_verdict import Value
from upheld.policy.vocabulary import SMALLER


def proofs(facts: Facts, allows: list[bool]) -> list[list[str]]:
    """List the smallest sets of facts any one of which settles a question as allow."""
    good = {tuple(world.values()) for world, yes in zip(facts.worlds, allows, strict=True) if yes}
    names = list(facts.unknown_values)
    # A fact that never matters stays open in every largest box; leaving it out only saves time.
    choices = [_choices(facts, name, good, at) for at, name in enumerate(names)]
    inside = {box for box in product(*choices) if all(world in good for world in product(*box))}
    alternatives = []
    for box in inside:
        larger = (
            (*box[:at], more, *box[at + 1 :])
            for at, values in enumerate(box)
            for more in choices[at]
            if set(values) < set(more)
        )
        if not any(each in inside for each in larger):
            literals = [_literals(facts, n, v) for n, v in zip(names, box, strict=True)]
            alternatives.append(sorted(chain(*literals)))
    return sorted(alternatives, key=lambda each: (len(each), each))


def _choices(
    facts: Facts, name: str, good: set[tuple[Value, ...]], at: int
) -> list[tuple[Value, ...]]:
    """List the sets of values of a fact that literals can say."""
    values = facts.unknown_values[name]
    whole = tuple(values)
    if all((*world[:at], v, *world[at + 1 :]) in good for world in good for v in values):
        return [whole]
    if not facts.kinds[name].choices:
        ends = combinations(range(len(values) + 1), 2)
        return [whole[low:high] for low, high in ends]
    sets = chain.from_iterable(combinations(values, n) for n in range(1, len(values) + 1))
    rest = set(values) - facts.values_tested(name)  # what nothing mentions, as one
    return [each for each in sets if len(each) == 1 or rest <= set(each)]


def _literals(facts: Facts, name: str, subset: tuple[Value, ...]) -> list[str]:
    """Say a set of values of a fact as words."""
    values = facts.unknown_values[name]
    if len(subset) == len(values):
        return []
    if facts.kinds[name].choices:
        tested = facts.values_tested(name)
        if len(subset) == 1 and subset[0] in tested:
            return [_equal(name, subset[0])]
        return [f"not {_equal(name, each)}" for each in values if each in tested - set(subset)]
    points = set(facts.numbers_compared(name))
    low, high = values.index(subset[0]), values.index(subset[-1])
    kind = ordered_type(facts.facts[name])
    if low == high and values[low] in points:
        return [f"{name} = {_point(values[low], kind)}"]
    bounds = []
    if low > 0:
        sign, point = (">=", values[low]) if values[low] in points else (">", values[low - 1])
        bounds.append(f"{name} {sign} {_point(point, kind)}")
    if high < len(values) - 1:
        sign, point = ("<=", values[high]) if values[high] in points else ("<", values[high + 1])
        bounds.append(f"{name} {sign} {_point(point, kind)}")
    return bounds


def _equal(name: str, value: Value) -> str:
    """Say that a fact has one of its values: that it holds, or is a word."""
    return name if value is True else f"{name} is {value}"


def _point(value: Value, kind: OrderedType) -> str:
    """Say a point in the fact's unit, or in the smaller one where it would not be whole."""
    point, unit = Fraction(value), kind.fact.unit
    if point.denominator != 1 and unit in SMALLER:
        smaller, many = SMALLER[unit]
        return f"{kind.point_text(point * many)} {smaller}"
    return kind.point_text(point)
