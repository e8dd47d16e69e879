"""Who can receive what for which purpose, on which proof; and what a reader may not expect.

The most sensitive comes first: data is the more sensitive the fewer requests of any kind the
policy itself can allow for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from upheld.policy.analyse.common_classes import CommonClasses, NamesByPolicy, clause_order
from upheld.policy.analyse.wording import Region, Wording, together, ways_of
from upheld.policy.compile import Cell
from upheld.policy.load import Policy
from upheld.policy.regions import Bits, Grid

BOXES_MAX = 5_000  # of one action, to weigh its data
SURPRISES = {
    "no-proof": "allowed with no fact to prove",
    "although": "allowed although another clause speaks of it",
    "one-clause": "allowed by one clause only",
}
ClassesByAction = dict[NamesByPolicy, tuple[Grid, list[Bits]]]


class ReceiptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of recipient, data and purpose that agree in proof, clauses and duties."""

    region: Region
    when: tuple[tuple[str, ...], ...]
    proofs: tuple[str, ...]  # kinds of records that prove these facts
    clauses: tuple[str, ...]
    duties: tuple[str, ...]
    bases: tuple[str, ...]  # legal bases that the clauses name
    text: str


class Surprise(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a reader may not expect."""

    kind: str
    clauses: tuple[str, ...]
    regions: tuple[Region, ...]
    text: str


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The table and the surprises."""

    rows: tuple[ReceiptRow, ...]
    surprises: tuple[Surprise, ...]

    def __str__(self) -> str:
        return "\n".join([*(row.text for row in self.rows), *(s.text for s in self.surprises)])


def findings(policy: Policy) -> Findings:
    """Everything that any recipient can ever receive, and what is surprising about it."""
    common = CommonClasses((policy,))
    wording = Wording(common, 0)
    side = common.sides[0]
    groups: dict[_Key, ClassesByAction] = {}
    odd: dict[tuple[str, tuple[str, ...], tuple[str, ...]], ClassesByAction] = {}
    weights: dict[str, int] = {}
    for name, dimensions in side.takes.items():
        if not {"recipient", "data"} <= set(dimensions):
            continue
        action = (name,)
        grid = common.grid(action)
        open_classes = []
        for state in grid.classes:
            live = common.live(state)
            cell = common.meaning(live)[0]
            if not cell.allow:
                continue
            open_classes.append(state)
            clauses = clause_order(policy, cell.allows)
            duties = tuple(sorted(wording.words.duty(duty) for duty in cell.duties))
            key = (ways_of(cell.space, cell.allow), clauses, duties, tuple(sorted(cell.bases)))
            groups.setdefault(key, {}).setdefault(action, (grid, []))[1].append(state)
            for kind, by, others in _odd(common, live[0], cell, clauses):
                classes = odd.setdefault((kind, by, others), {})
                classes.setdefault(action, (grid, []))[1].append(state)
        _weigh(common, grid, open_classes, weights)
    rows = [row for key, classes in groups.items() for row in _rows(common, wording, key, classes)]
    rows.sort(key=lambda row: (_sensitivity(wording, row.region, weights), _effort(row), row.text))
    return Findings(
        rows=tuple(rows),
        surprises=tuple(
            _surprise(wording, kind, by, others, classes)
            for (kind, by, others), classes in sorted(
                odd.items(), key=lambda item: list(SURPRISES).index(item[0][0])
            )
        ),
    )


# What must hold, the clauses that allow, duties, and legal bases.
_Key = tuple[tuple[tuple[str, ...], ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _odd(
    common: CommonClasses, bits: int, cell: Cell, clauses: tuple[str, ...]
) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """What is surprising about a class: kind, the clauses that allow, the clauses that speak."""
    side = common.sides[0]
    nodes = side.program.nodes
    oddities: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []
    if cell.allow == cell.space.all:
        oddities.append(("no-proof", clauses, ()))
    against = {
        nodes[n].clause
        for n in {side.copies[at][0] for at in range(bits.bit_length()) if bits >> at & 1}
        if nodes[n].effect == "deny" and side.applies(n, bits, cell.space, {}) & cell.allow
    }
    if others := clause_order(common.policies[0], against.difference(clauses)):
        oddities += [("although", (clause,), others) for clause in clauses]
    if len(clauses) == 1:
        oddities.append(("one-clause", clauses, ()))
    return oddities


def _weigh(
    common: CommonClasses, grid: Grid, classes: Sequence[Bits], weights: dict[str, int]
) -> None:
    """Count, for each leaf of data, the requests that can be allowed."""
    boxes, _ = grid.boxes(classes, BOXES_MAX)
    at = [axis.name for axis in grid.axes].index("data")
    for box in boxes:
        size = 1
        for place, mask in enumerate(box):
            size *= 1 if place == at else mask.bit_count()
        for leaf in common.leaves(0, "data", box[at]):
            weights[leaf] = weights.get(leaf, 0) + size


def _sensitivity(wording: Wording, region: Region, weights: Mapping[str, int]) -> int:
    words = region.dimensions.get("data")
    if words is None:
        return min(weights.values(), default=0)
    leaves = [leaf for w in words for leaf in wording.words.under("data", w) or (w,)]
    return min(weights.get(leaf, 0) for leaf in leaves)


def _effort(row: ReceiptRow) -> int:
    return len(row.when[0]) if row.when else 99


def _rows(
    common: CommonClasses, wording: Wording, key: _Key, classes: ClassesByAction
) -> list[ReceiptRow]:
    ways, clauses, duties, bases = key
    regions, _ = wording.regions(classes)
    facts = common.facts
    names = {literal.removeprefix("not ").split()[0] for way in ways for literal in way}
    proofs = tuple(sorted({facts[name].proof for name in names if facts[name].proof}))
    condition = wording.ways(ways) or "with nothing to prove"
    tail = f", {', '.join(duties)}" if duties else ""
    by = ", ".join(f"#{clause}" for clause in clauses) + wording.because(bases)
    return [
        ReceiptRow(
            region=region,
            when=ways,
            proofs=proofs,
            clauses=clauses,
            duties=duties,
            bases=bases,
            text=f"{region.text}: {condition}{tail}, by {by}",
        )
        for region in regions
    ]


def _surprise(
    wording: Wording, kind: str, by: Sequence[str], others: Sequence[str], classes: ClassesByAction
) -> Surprise:
    regions, more = wording.regions(classes)
    clauses = ", ".join(f"#{clause}" for clause in by)
    text = f"{SURPRISES[kind]}: {together(regions, more=more)}, by {clauses}"
    if others:
        text += " although " + ", ".join(f"#{clause}" for clause in others) + " speaks of it"
    return Surprise(kind=kind, clauses=(*by, *others), regions=regions, text=text)
