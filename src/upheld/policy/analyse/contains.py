"""Whether a partner's agreement lets the partner do no more than the policy lets us share.

An agreement is a document in the same language that says what the partner may do. Where it lets
the partner `use` data for a purpose, the policy must let the provider `share` that data to a
trusted partner for that purpose, under the same facts and with the confidentiality agreement in
force; a dimension that `use` does not take (the occasion of sharing, say) may be any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import msgspec

from upheld.core.errors import UpheldError
from upheld.policy.analyse.common_classes import (
    CommonClasses,
    NamesByPolicy,
    example,
    vocabulary_differences,
)
from upheld.policy.analyse.wording import Region, Wording, together, ways_of
from upheld.policy.compile import Cell
from upheld.policy.fact_space import Space
from upheld.policy.fact_types import plain_facts
from upheld.policy.load import Policy
from upheld.policy.program import DutyDue
from upheld.policy.regions import Bits, Grid
from upheld.policy.request import Decision, Request
from upheld.policy.vocabulary import scale

USE, SHARE, STORE = "use", "share", "store"
PARTNER, PROVIDER = "trusted-partner", "provider"
AGREED = "confidentiality-agreement"
TIMED = ("hours", "days", "months", "years")
SAID = {
    "use": "the agreement allows what the policy does not share",
    "disclose": "the agreement lets the partner pass on",
    "duty": "the agreement leaves out",
    "retention": "the agreement lets the partner keep for longer than",
    "less": "the policy shares what the agreement does not let the partner use",
    "more-duty": "the agreement asks for more than the policy",
}
NARROWER = ("less", "more-duty")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which agreement and policy differ, with an example for each of the two."""

    kind: str
    detail: str
    when: tuple[tuple[str, ...], ...]
    regions: tuple[Region, ...]
    text: str
    facts: dict[str, object]
    agreement: dict[str, Any]  # the question to the agreement, and its decision
    policy: dict[str, Any]  # the question to the policy, and its decision; may be empty


class Containment(msgspec.Struct, frozen=True, kw_only=True):
    """`identical`, `narrower`, `wider` or `not comparable`, with what differs and why."""

    verdict: str
    wider: tuple[Difference, ...] = ()
    narrower: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def contained(self) -> bool:
        """Whether the agreement lets the partner do no more than the policy lets us share."""
        return self.verdict in ("identical", "narrower")

    def __str__(self) -> str:
        lines = [self.verdict, *self.notes]
        lines += [f"- wider: {each.text}" for each in self.wider]
        lines += [f"- narrower: {each.text}" for each in self.narrower]
        return "\n".join(lines)


class SharingTerms(msgspec.Struct, frozen=True):
    """What a policy lets be shared with a partner at a class: worlds, and worlds by duty."""

    space: Space
    cube: int  # the worlds with the confidentiality agreement in force
    allow: int
    duties: dict[DutyDue, int]


def contains(agreement: Policy, policy: Policy) -> Containment:
    """Compare what an agreement lets a partner do with what a policy lets us share with one.

    Exact; UpheldError, naming clauses, where that is too dear.
    """
    if lacks := missing_words(agreement, policy):
        return Containment(verdict="not comparable", notes=tuple(lacks))
    try:
        common = CommonClasses((agreement, policy))
    except UpheldError as error:
        if error.code != "vocabulary":
            raise
        return Containment(verdict="not comparable", notes=(str(error),))
    return _ContainmentCheck(common).result()


def missing_words(agreement: Policy, policy: Policy) -> list[str]:
    """The words without which an agreement and a policy cannot be compared, as sentences."""
    words = (("agreement", agreement, USE), ("policy", policy, SHARE), ("policy", policy, PARTNER))
    return [f"the {what} has no `{name}`" for what, each, name in words if not _knows(each, name)]


def _knows(policy: Policy, name: str) -> bool:
    leaves = policy.engine.compiled.leaves
    if name == PARTNER:
        return name in leaves["party"].mask
    return name in leaves["action"].bit


def sharing_classes(
    common: CommonClasses, side: int, names: NamesByPolicy
) -> Iterator[tuple[Grid, Bits, list[Bits]]]:
    """Yield every class of use, with the classes of sharing that one policy has for it.

    `side` is the policy that shares; a side whose name in `names` is empty says nothing.
    """
    compiled = common.sides[side]
    partners = compiled.leaves["party"].of(compiled.leaves["party"].mask[PARTNER])
    dimensions = [
        d
        for d in common.takes(names)
        if d not in ("recipient", "actor")
        and d in common.sides[0].takes[names[0] if names[0] != SHARE else USE]
    ]
    extra = [d for d in compiled.takes[SHARE] if d not in (*dimensions, "recipient", "actor")]
    for partner in partners:
        start = [_start(common, at, name) for at, name in enumerate(names)]
        if "recipient" in compiled.takes[SHARE]:
            start[side] &= common.at(side, "recipient", partner)
        grid = common.over(tuple(start), names, dimensions)
        for state in grid.classes:
            alone = tuple(bits if at == side else 0 for at, bits in enumerate(state))
            yield grid, state, list(common.over(alone, names, extra).classes)


def _start(common: CommonClasses, side: int, action: str) -> int:
    compiled = common.sides[side]
    bits = compiled.action[action]
    if "actor" in compiled.takes[action] and PROVIDER in compiled.leaves["party"].bit:
        bits &= common.at(side, "actor", PROVIDER)
    return bits


def terms(common: CommonClasses, side: int, space: Space, states: list[Bits]) -> SharingTerms:
    """What a policy lets be shared at any of some classes."""
    cube = space.worlds_matching({AGREED: True})
    allow, duties = 0, dict[DutyDue, int]()
    for bits in {common.live(state)[side] for state in states}:
        cell = common.sides[side].meaning(bits, space, {})
        allow |= cell.allow
        for duty, worlds in cell.duties.items():
            duties[duty] = duties.get(duty, 0) | worlds
    return SharingTerms(space, cube, allow & cube, duties)


def duty_worlds(duty: DutyDue, duties: Mapping[DutyDue, int]) -> int:
    """The worlds in which a duty, or a stricter one of a shorter time, must be fulfilled."""
    all_worlds = duties.get(duty, 0)
    for other, worlds in duties.items():
        if other.duty == duty.duty and other.unit in TIMED and duty.unit in TIMED:
            amount = scale(Fraction(other.amount), other.unit, duty.unit)
            if amount is not None and amount <= Fraction(duty.amount):
                all_worlds |= worlds
    return all_worlds


class _DifferenceGroup(msgspec.Struct):
    action: NamesByPolicy
    grid: Grid
    state: Bits
    sharing: Bits | None  # a class of the policy's sharing
    space: Space
    worlds: int
    classes: dict[NamesByPolicy, tuple[Grid, list[Bits]]]


class _ContainmentCheck:
    def __init__(self, common: CommonClasses) -> None:
        self.common = common
        self.wording = Wording(common, 0)
        self.groups: dict[tuple[str, str, tuple[tuple[str, ...], ...]], _DifferenceGroup] = {}
        self._use()
        self._store()
        self._disclose()

    def result(self) -> Containment:
        """The verdict with everything that led to it."""
        differences = [self._difference(key, group) for key, group in self.groups.items()]
        wider = tuple(each for each in differences if each.kind not in NARROWER)
        narrower = tuple(each for each in differences if each.kind in NARROWER)
        foreign, notes = self._foreign()
        verdict = "wider" if wider else "narrower" if narrower else "identical"
        if foreign and not wider:
            verdict = "not comparable"
        return Containment(verdict=verdict, wider=wider, narrower=narrower, notes=notes)

    def _add(self, key: tuple[str, str, int], group: _DifferenceGroup) -> None:
        kind, detail, worlds = key
        if not worlds:
            return
        ways = ways_of(group.space, worlds, {AGREED: True})
        stored = self.groups.setdefault((kind, detail, ways), group)
        stored.classes.setdefault(group.action, (group.grid, []))[1].append(group.state)

    def _use(self) -> None:
        names = (USE, SHARE)
        for grid, state, sharing in sharing_classes(self.common, 1, names):
            space = self.common.space([state, *sharing])
            theirs = self.common.sides[0].meaning(self.common.live(state)[0], space, {})
            ours = terms(self.common, 1, space, sharing)
            for kind, detail, worlds in self._differences(theirs, ours):
                group = _DifferenceGroup(names, grid, state, sharing[0], space, worlds, {})
                self._add((kind, detail, worlds), group)

    def _differences(self, theirs: Cell, ours: SharingTerms) -> Iterator[tuple[str, str, int]]:
        allow = theirs.allow & ours.cube
        yield "use", "", allow & ~ours.allow
        yield "less", "", ours.allow & ~allow
        both = allow & ours.allow
        for duty, worlds in sorted(ours.duties.items()):
            duty_text = self.wording.words.duty(duty)
            yield "duty", duty_text, both & worlds & ~duty_worlds(duty, theirs.duties)
        for duty, worlds in sorted(theirs.duties.items()):
            duty_text = self.wording.words.duty(duty)
            yield "more-duty", duty_text, both & worlds & ~duty_worlds(duty, ours.duties)

    def _store(self) -> None:
        """What the partner stores it may keep no longer than we may."""
        if not all(STORE in side.action for side in self.common.sides):
            return
        names = (STORE, STORE)
        grid = self.common.grid(names)
        for state in grid.classes:
            theirs, ours = self.common.meaning(self.common.live(state))
            for duty, worlds in sorted(ours.duties.items()):
                if duty.unit in TIMED:
                    cube = theirs.space.worlds_matching({AGREED: True})
                    late = theirs.allow & worlds & cube & ~duty_worlds(duty, theirs.duties)
                    duty_text = self.wording.words.duty(duty)
                    group = _DifferenceGroup(names, grid, state, None, theirs.space, late, {})
                    self._add(("retention", duty_text, late), group)

    def _disclose(self) -> None:
        """Passing anything on is wider, other than back to the provider."""
        side = self.common.sides[0]
        positions = self.common.positions["recipient"]
        others = sum(1 << at for at, n in enumerate(positions) if n[0] != PROVIDER)
        for action in self.common.actions:
            if not action[0] or "recipient" not in side.takes[action[0]]:
                continue
            grid = self.common.grid(action, {"recipient": others})
            for state in grid.classes:
                live = (self.common.live(state)[0], 0)
                cell = self.common.meaning(live)[0]
                worlds = cell.allow & cell.space.worlds_matching({AGREED: True})
                group = _DifferenceGroup(action, grid, state, None, cell.space, worlds, {})
                self._add(("disclose", "", worlds), group)

    def _foreign(self) -> tuple[bool, tuple[str, ...]]:
        """Whether the agreement allows acts that the policy has no word for, and notes."""
        common = self.common
        own_actions = {
            a
            for node in common.sides[0].program.nodes
            if node.effect == "allow"
            for copy in node.copies
            for a in copy.actions
        }
        foreign = sorted(a[0] for a in common.actions if a[0] in own_actions and a[1] != a[0])
        compared_actions = {a for a in own_actions if "recipient" in common.sides[0].takes[a]} | {
            USE,
            STORE,
        }
        beside = sorted(own_actions - compared_actions - set(foreign))
        notes = []
        if foreign:
            notes.append("the policy has no action " + ", ".join(f"`{a}`" for a in foreign))
        if beside:
            notes.append("not compared, for sharing is not about it: " + ", ".join(beside))
        if vocabulary_differences(common.policies):
            notes.append("the vocabularies differ; compared on the union")
        return bool(foreign), tuple(notes)

    def _difference(
        self, key: tuple[str, str, tuple[tuple[str, ...], ...]], group: _DifferenceGroup
    ) -> Difference:
        kind, detail, ways = key
        regions, more = self.wording.regions(group.classes)
        facts = {**example(group.space, group.worlds), AGREED: True}
        cell = group.grid.first(group.state)
        dimensions = [axis.name for axis in group.grid.axes]
        request = self.common.request(0, group.action, dimensions, cell)
        lead = SAID[kind] + (f" “{detail}”" if detail else "")
        when = self.wording.ways(ways)
        policy: dict[str, Any] = {}
        if group.sharing is not None:
            ours = self.common.request(1, group.action, dimensions, cell)
            policy = self._ask(1, msgspec.structs.replace(ours, recipient=(PARTNER,)), facts)
        return Difference(
            kind=kind,
            detail=detail,
            when=ways,
            regions=regions,
            text=f"{lead}: {together(regions, more=more)}{' ' + when if when else ''}",
            facts=plain_facts(facts),
            agreement=self._ask(0, request, facts),
            policy=policy,
        )

    def _ask(self, side: int, request: Request, facts: dict[str, object]) -> dict[str, Any]:
        own_facts = self.common.facts_for(side, facts)
        decision: Decision = self.common.policies[side].decide(request, own_facts)
        terms = {d: list(words) for d, words in request.dimensions().items()}
        return {
            "action": request.action,
            **terms,
            "facts": plain_facts(own_facts),
            "decision": decision,
        }
