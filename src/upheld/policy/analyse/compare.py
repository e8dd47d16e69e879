"""Two versions of a policy: every class of requests about which they say something else.

Both are read in one space of facts, class by class. What differs (outcome, citation, duty, owed
act) is grouped by the clause that brings it about: among the clauses whose rules were edited,
those that decide in the new version, else in the old, else those that speak of the request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from upheld.core import observing
from upheld.policy.analyse.common_classes import (
    CommonClasses,
    NamesByPolicy,
    clause_order,
    example,
    vocabulary_differences,
)
from upheld.policy.analyse.wording import Region, Wording, together, ways_of
from upheld.policy.compile import Cell, CompiledPolicy, OwedKey
from upheld.policy.fact_space import Space
from upheld.policy.fact_types import plain_facts
from upheld.policy.load import Policy
from upheld.policy.program import DutyDue
from upheld.policy.regions import Bits, Grid
from upheld.policy.request import Decision
from upheld.policy.vocabulary import BASIS

KINDS = {
    "allowed": "newly allowed",
    "denied": "no longer allowed",
    "duty-dropped": "still allowed, but no longer",
    "duty-added": "still allowed, but only",
    "basis-dropped": "still allowed, but no longer because of",
    "basis-added": "still allowed, now because of",
    "owed": "newly owed",
    "not-owed": "no longer owed",
    "cited": "decided as before, now also by",
    "not-cited": "decided as before, no longer by",
}
WIDENING = ("allowed", "duty-dropped")
OLD_ONLY = ("denied", "not-owed")  # told in the words of the old version


class ChangeExample(msgspec.Struct, frozen=True, kw_only=True):
    """A smallest example: a question with facts, and what each version answers to it."""

    text: str
    question: dict[str, Any] | None  # none where the version lacks the action
    old_question: dict[str, Any] | None
    facts: dict[str, object]
    old_facts: dict[str, object]
    old: Decision | None
    new: Decision | None


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One difference in effect, with the clauses that cause it."""

    kind: str
    clauses: tuple[str, ...]
    detail: str = ""
    when: tuple[tuple[str, ...], ...] = ()
    regions: tuple[Region, ...] = ()
    more: bool = False
    text: str
    witness: ChangeExample


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The differences in effect between two policies; none for pure rewording."""

    old: str
    new: str
    changes: tuple[Change, ...]
    reworded: tuple[str, ...]  # clauses whose prose alone changed
    edited: tuple[str, ...]  # clauses whose rules changed, came or went
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether no request is decided differently."""
        return not self.changes

    @property
    def newly_allowed(self) -> tuple[Change, ...]:
        """What the new version allows and the old one does not."""
        return tuple(c for c in self.changes if c.kind == "allowed")

    @property
    def widening(self) -> tuple[Change, ...]:
        """What the new version allows and the old one does not, or not without a duty."""
        return tuple(c for c in self.changes if c.kind in WIDENING)

    def __str__(self) -> str:
        if self.same:
            return "no change in effect"
        return "\n".join(change.text for change in self.changes)


def compare(old: Policy, new: Policy) -> Comparison:
    """Every class of requests whose outcome, citation, duties, bases or owed acts change.

    Exact over the union of both vocabularies; UpheldError, naming clauses, where that is too dear.
    """
    observing.reads_everything()
    common = CommonClasses((old, new))
    edits = _Edits(old, new)
    groups: dict[_Key, _ChangeGroup] = {}
    for action, grid, state, cells in differing_classes(common):
        space = cells[0].space
        for kind, detail, worlds in differences(*cells):
            causes = edits.causes(common, state, cells, kind, worlds)
            side = int(bool(action[1])) if kind not in OLD_ONLY else int(not action[0])
            key = (kind, detail, causes, ways_of(space, worlds), side)
            group = groups.setdefault(key, _ChangeGroup(action, grid, state, space, worlds, {}))
            group.classes.setdefault(action, (grid, []))[1].append(state)
    wordings = (Wording(common, 0), Wording(common, 1))
    changes = [_change(common, wordings, key, group) for key, group in groups.items()]
    place = {clause: at for at, clause in enumerate(clause_order(new, edits.edited))}
    order = list(KINDS)
    changes.sort(
        key=lambda c: (
            order.index(c.kind),
            [place.get(n, -1) for n in c.clauses],
            c.detail,
            len(c.when),
            c.text,
        )
    )
    return Comparison(
        old=old.digest,
        new=new.digest,
        changes=tuple(changes),
        reworded=edits.reworded,
        edited=clause_order(new, edits.edited),
        notes=(*_vocabulary_notes(old, new), *edits.notes),
    )


def differing_classes(
    common: CommonClasses,
) -> Iterator[tuple[NamesByPolicy, Grid, Bits, tuple[Cell, ...]]]:
    """Every class at which two policies have other rules, with what both say there."""
    content = _contents(common.sides)
    cells_by_state: dict[Bits, tuple[Cell, ...] | None] = {}
    for action in common.actions:
        grid = common.grid(action)
        for state in grid.classes:
            live = common.live(state)
            if live not in cells_by_state:
                alike = content(0, live[0]) == content(1, live[1])
                cells = None if alike else common.meaning(live)
                if cells is not None and not any(True for _ in differences(*cells)):
                    cells = None
                cells_by_state[live] = cells
            if (pair := cells_by_state[live]) is not None:
                yield action, grid, state, pair


def differences(old: Cell, new: Cell) -> Iterator[tuple[str, DutyDue | OwedKey | str, int]]:
    """What two versions say otherwise at a class: kind, detail, and in which worlds."""
    both = old.allow & new.allow
    yield from _one("allowed", new.allow & ~old.allow)
    yield from _one("denied", old.allow & ~new.allow)
    for duty in sorted(old.duties.keys() | new.duties.keys()):
        before, after = old.duties.get(duty, 0), new.duties.get(duty, 0)
        yield from _one("duty-dropped", both & before & ~after, duty)
        yield from _one("duty-added", both & after & ~before, duty)
    for basis in sorted(old.bases.keys() | new.bases.keys()):
        before, after = old.bases.get(basis, 0), new.bases.get(basis, 0)
        yield from _one("basis-dropped", both & before & ~after, basis)
        yield from _one("basis-added", both & after & ~before, basis)
    for act in sorted(old.owed.keys() | new.owed.keys()):
        before, after = old.owed.get(act, 0), new.owed.get(act, 0)
        yield from _one("owed", after & ~before, act)
        yield from _one("not-owed", before & ~after, act)
    for table, others, same in (
        (old.allows, new.allows, both),
        (old.denies, new.denies, old.space.all & ~(old.allow | new.allow)),
    ):
        for clause in sorted(table.keys() | others.keys()):
            before, after = table.get(clause, 0) & same, others.get(clause, 0) & same
            yield from _one("cited", after & ~before, clause)
            yield from _one("not-cited", before & ~after, clause)


def _one(
    kind: str, worlds: int, detail: DutyDue | OwedKey | str = ""
) -> Iterator[tuple[str, DutyDue | OwedKey | str, int]]:
    if worlds:
        yield kind, detail, worlds


# Kind, detail, causes, what must hold, and the version in whose words it is told.
_Key = tuple[str, DutyDue | OwedKey | str, tuple[str, ...], tuple[tuple[str, ...], ...], int]


class _ChangeGroup(msgspec.Struct):
    """Classes that differ in the same way, and the first of them for a witness."""

    action: NamesByPolicy
    grid: Grid
    state: Bits
    space: Space
    worlds: int
    classes: dict[NamesByPolicy, tuple[Grid, list[Bits]]]


def _contents(sides: Sequence[CompiledPolicy]) -> Any:
    """What some copies of a policy say, so that equal contents mean equal answers."""
    numbers: dict[object, int] = {}
    tables: list[list[int]] = []
    for side in sides:
        keys: dict[int, int] = {}
        counts: dict[object, int] = {}
        for n in side.levels:
            node = side.program.nodes[n]
            parents = tuple(sorted(keys[p] for p in node.parents))
            base = (
                node.clause,
                node.verb,
                node.effect,
                node.within,
                node.duties,
                node.bases,
                parents,
            )
            counts[base] = counts.get(base, 0) + 1
            keys[n] = numbers.setdefault((base, counts[base]), len(numbers))
        tables.append(
            [
                numbers.setdefault((keys[n], gate, copy.condition), len(numbers))
                for n, gate, copy in side.copies
            ]
        )

    def content(at: int, bits: int) -> frozenset[int]:
        table, keys_here = tables[at], []
        while bits:
            low = bits & -bits
            keys_here.append(table[low.bit_length() - 1])
            bits ^= low
        return frozenset(keys_here)

    return content


class _Edits:
    """What was edited between two versions, clause by clause."""

    def __init__(self, old: Policy, new: Policy) -> None:
        before, after = _rules(old), _rules(new)
        prose = [{c.id: c.text for c in p.program.clauses if c.id} for p in (old, new)]
        both = prose[0].keys() & prose[1].keys()
        self.edited = {
            name
            for name in before.keys() | after.keys()
            if before.get(name, ((), False, "")) != after.get(name, ((), False, ""))
        }
        self.reworded = clause_order(
            new, (n for n in both if prose[0][n] != prose[1][n] and n not in self.edited)
        )
        self.defining = {
            d.clause for p in (old, new) for d in p.program.definitions.values()
        } & self.edited
        removed = {n: r for n, r in before.items() if n not in prose[1] and r[0]}
        added = {n: r for n, r in after.items() if n not in prose[0] and r[0]}
        self.notes = tuple(
            f"#{name} is now #{other}: its rules moved word for word"
            for name, rules in removed.items()
            for other, others in added.items()
            if rules[0] == others[0]
        )

    def causes(
        self, common: CommonClasses, state: Bits, cells: Sequence[Cell], kind: str, worlds: int
    ) -> tuple[str, ...]:
        """The edited clauses that bring a difference about; none where only words differ."""
        old, new = cells
        tables = [new.allows, new.denies, old.allows, old.denies]
        if kind in ("owed", "not-owed"):
            by_clause: dict[str, int] = {}
            for key, where in (*old.owed.items(), *new.owed.items()):
                by_clause[key.clause] = by_clause.get(key.clause, 0) | where
            tables.insert(0, by_clause)
        if kind == "denied":
            tables = [new.denies, old.allows]
        for table in tables:
            if clauses := {c for c, where in table.items() if where & worlds} & self.edited:
                return clause_order(common.policies[1], clauses)
        live = common.live(state)
        speaking = {c for at, bits in enumerate(live) for c in common.clauses_at(at, bits)}
        clauses = speaking & self.edited or self.defining or self.edited
        return clause_order(common.policies[1], clauses)


def _rules(policy: Policy) -> dict[str, tuple[tuple[str, ...], bool, str]]:
    clauses = policy.program.clauses
    return {
        c.id: (
            tuple(sorted(rule.text for rule in c.rules)),
            c.severed,
            clauses[c.parent].id if c.parent >= 0 and c.rules else "",
        )
        for c in clauses
        if c.id
    }


def _change(
    common: CommonClasses, wordings: tuple[Wording, Wording], key: _Key, group: _ChangeGroup
) -> Change:
    kind, detail, causes, ways, side = key
    wording = wordings[side]
    regions, more = wording.regions(group.classes)
    phrases, detail_text = [KINDS[kind]], ""
    match detail:
        case DutyDue():
            detail_text = wording.words.duty(detail)
            phrases[0] = f"{phrases[0]} {detail_text}"
        case OwedKey(clause, amount, unit):
            detail_text = f"#{clause}" + (f" within {amount} {unit}" if amount else " at once")
            phrases[0] = f"{phrases[0]} by {detail_text}"
        case str() if kind.startswith("basis"):
            detail_text = wording.words.label(BASIS, detail)
            phrases[0] = f"{phrases[0]} {detail_text}"
        case str():
            detail_text = detail
            phrases[0] += f" #{detail}" if detail else ""
    text = f"{phrases[0]}: {together(regions, more=more)}"
    if phrase := wording.ways(ways):
        text += f" {phrase}"
    because = ", ".join(f"#{c}" for c in causes) or "the vocabulary"
    return Change(
        kind=kind,
        clauses=causes,
        detail=detail_text,
        when=ways,
        regions=regions,
        more=more,
        text=f"{text}, because of {because}",
        witness=_example(common, wording, group),
    )


def _example(common: CommonClasses, wording: Wording, group: _ChangeGroup) -> ChangeExample:
    facts = example(group.space, group.worlds)
    cell = group.grid.first(group.state)
    dimensions = [axis.name for axis in group.grid.axes]
    answers: list[tuple[dict[str, Any] | None, dict[str, object], Decision | None]] = []
    for side, policy in enumerate(common.policies):
        own_facts = common.facts_for(side, facts)
        if not group.action[side]:
            answers.append((None, plain_facts(own_facts), None))
            continue
        request = common.request(side, group.action, dimensions, cell)
        terms = {d: list(words) for d, words in request.dimensions().items()}
        question = {"action": request.action, **terms}
        answers.append((question, plain_facts(own_facts), policy.decide(request, own_facts)))
    own = answers[wording.side][0] or {}
    text = wording.words.question(
        group.action[wording.side], {d: w for d, w in own.items() if d != "action"}
    )
    if phrases := wording.words.fact_phrases(plain_facts(facts)):
        text += ", given that " + " and ".join(phrases)
    return ChangeExample(
        text=text,
        question=answers[1][0],
        old_question=answers[0][0],
        facts=answers[1][1],
        old_facts=answers[0][1],
        old=answers[0][2],
        new=answers[1][2],
    )


def _vocabulary_notes(old: Policy, new: Policy) -> list[str]:
    notes = vocabulary_differences((old, new))
    absent = [
        f"fact: `{name}` now means {'no' if fact.absent else 'unknown'} where there is no record"
        for name, fact in new.program.vocabulary.facts.items()
        if (was := old.program.vocabulary.facts.get(name)) and was.absent != fact.absent
    ]
    lead = ["the vocabularies differ; the versions are compared on the union"] if notes else []
    return [*lead, *notes, *absent]
