"""What must be kept of somebody who asked to be erased: the policy says it, field by field.

`store` is asked of the policy as of somebody who asked for erasure. A clause that would let
anybody's data be stored is no reason to keep theirs; one that allows it only because of something
that is proven (the law obliges us, an account was closed, an amount is due) is one. A field for
which there is such a clause is kept, under that clause, for as long as its duty `delete-after` says
or the records on which it rests are in force; everything else goes. A hold keeps rows of practices
by the clauses on their kinds of data, whether or not a value is held beside them. One that names
kinds of data keeps these alone, and rows in which any of them is.

A law may oblige to keep and forbid to speak of it. What such a hold keeps is kept apart, also what
is kept openly for another reason, which may end before; and in all that anyone else is told it is
as if there were no such hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from upheld.core import observing
from upheld.database.tables import BEGINNING, microseconds
from upheld.gate.act.request import Act, planned
from upheld.gate.erasure.rows_on_hold import kinds_beside
from upheld.gate.evidence.provers import ERASED, ERASURE, GAG, HOLD, REQUESTED
from upheld.gate.evidence.reach_of_holds import known_of, reaching
from upheld.gate.evidence.records import Record
from upheld.gate.evidence.silent_holds import silent_records, without
from upheld.gate.log import entries
from upheld.ledger.entries import stamp
from upheld.policy.fact_types import is_yes_no
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.vault.people import REGISTER

ASKED = (REQUESTED, ERASED)  # what is so of whoever is erased, and is no reason to keep anything
BESIDES = (REQUESTED, HOLD, GAG)  # what is asked of a person whichever fields they hold


class KeptFields(msgspec.Struct, frozen=True, omit_defaults=True):
    """Fields that are kept alike: by which clauses, on which grounds, until when if that is known.

    `grounds` are facts of the vocabulary; without `until` it is for as long as they are so. `rows`
    are kinds of data of which whatever practices have in rows of their own is kept as well; it is
    not said that there is any.
    """

    data: tuple[str, ...]
    clauses: tuple[str, ...]
    grounds: tuple[str, ...]
    until: str = ""
    rows: tuple[str, ...] = ()


class Retained(NamedTuple):
    """What is kept of a person, what is kept apart, and the records on which each rests.

    A field may be in both. Where an order keeps and is silent there are records, though no field
    be kept apart: a hold is not of the fields alone. `policies` are the digests of the versions
    that say so besides the one in force.
    """

    kept: tuple[KeptFields, ...]
    apart: tuple[str, ...]
    kept_records: tuple[str, ...]
    apart_records: tuple[str, ...]
    policies: tuple[str, ...] = ()


class _Grounds(NamedTuple):
    clauses: tuple[str, ...]
    grounds: tuple[str, ...]
    until: str


def what_to_keep(  # noqa: PLR0913 - what the answer rests on
    policy: Policy,
    fields: Sequence[str],
    facts_known: Mapping[str, object],
    mine: Sequence[Record],
    at: datetime,
    *,
    place: str = "",
    row_kinds: Sequence[str] = (),
) -> Retained:
    """What must be kept of a person's fields, by what is known and the records that say so.

    `place` is where they lie, if that is said; `row_kinds` are the kinds of data of rows that a
    hold keeps with them.
    """
    facts = policy.program.vocabulary.facts
    request = {name: True for name in ASKED if name in facts}
    now = microseconds(at)
    holds, orders = silent_records(policy, mine, now)
    openly = without(mine, {each.record_id for each in holds})
    public = known_openly(policy, facts_known, mine, at) | request
    leaves = policy.engine.compiled.leaves["data"].bit
    alike: dict[_Grounds, list[str]] = {}
    apart: list[str] = []
    for field in fields:
        if field not in leaves:
            continue  # a word of an older policy: nothing lets it be kept
        its = known_of(policy, public, openly, now, [field])
        reason = _grounds(policy, field, its, reaching(policy, openly, [field]), at, place)
        if reason:
            alike.setdefault(reason, []).append(field)
        if not reaching(policy, holds, [field]):
            continue
        if its.get(HOLD) is not True:
            secretly = {**its, HOLD: True}
            reason = _grounds(policy, field, secretly, reaching(policy, mine, [field]), at, place)
        if reason and HOLD in reason.grounds:
            apart.append(field)
    in_rows = _kinds_on_hold(policy, row_kinds, public, openly, at, place)
    kept_fields = tuple(
        KeptFields(tuple(alike.get(each, ())), *each, rows=tuple(in_rows.get(each, ())))
        for each in {**alike, **in_rows}
    )
    grounds = {ground for each in kept_fields for ground in each.grounds}
    on_hold = [each for each in kept_fields if HOLD in each.grounds]
    kinds = {word for each in on_hold for word in (*each.data, *kinds_beside(each.rows))}
    return Retained(
        kept_fields,
        tuple(apart),
        _supporting_records(policy, grounds, reaching(policy, openly, kinds), at),
        tuple(each.record_id for each in mine if each in (*holds, *orders)),
    )


def _kinds_on_hold(
    policy: Policy,
    row_kinds: Sequence[str],
    public: Mapping[str, object],
    openly: Sequence[Record],
    at: datetime,
    place: str,
) -> dict[_Grounds, list[str]]:
    """The kinds of data whose rows a hold that may be told keeps, by why: for the hold alone."""
    kinds: dict[_Grounds, list[str]] = {}
    if public.get(HOLD) is not True:
        return kinds
    leaves = policy.engine.compiled.leaves["data"].bit
    for_hold_alone = {
        name: name in (*ASKED, HOLD) if value is True else value for name, value in public.items()
    }
    for kind in row_kinds:
        if kind not in leaves:
            continue
        beside = kinds_beside([kind])
        its = known_of(policy, for_hold_alone, openly, microseconds(at), beside)
        reason = _grounds(policy, kind, its, reaching(policy, openly, beside), at, place)
        if reason and HOLD in reason.grounds:
            kinds.setdefault(reason, []).append(kind)
    return kinds


def known_openly(
    policy: Policy, facts_known: Mapping[str, object], mine: Sequence[Record], at: datetime
) -> dict[str, object]:
    """What is known of a person whichever party asks, but of holds that nobody may speak of."""
    holds, _ = silent_records(policy, mine, microseconds(at))
    openly = without(mine, {each.record_id for each in holds})
    before = {**facts_known, HOLD: False} if holds else facts_known
    return {**before, **of_any_party(policy, openly, at)}


def of_any_party(policy: Policy, mine: Sequence[Record], at: datetime) -> dict[str, object]:
    """What a person's records prove whoever they name: a hold is one whichever court asked.

    And whatever it reaches.
    """
    now = microseconds(at)
    live = [record for record in mine if record.in_force(now)]
    kinds = {record.kind for record in live}
    return {
        name: True
        for name, kind in _of_one_person(policy)
        if kind in kinds and any(each.kind == kind and each.fact in ("", name) for each in live)
    }


@lru_cache(maxsize=8)
def _of_one_person(policy: Policy) -> tuple[tuple[str, str], ...]:
    """The facts that hold of a person or do not, whatever an act is about, with their proofs."""
    facts = policy.program.vocabulary.facts
    return tuple(
        (name, fact.proof)
        for name, fact in facts.items()
        if is_yes_no(fact) and (name == HOLD or not fact.per)
    )


@observing.reading
@lru_cache(maxsize=8)
def purposes(policy: Policy) -> tuple[str | None, ...]:
    """A purpose of each kind that the rules on storing tell apart; None alone where none is."""
    compiled = policy.engine.compiled
    if "purpose" not in compiled.takes.get("store", ()):
        return (None,)
    classes, alike = compiled.classes["purpose"], dict[int, str]()
    for mask, copies in zip(classes.masks, classes.copies, strict=True):
        alike.setdefault(copies & compiled.action["store"], classes.leaves.of(mask)[0])
    return tuple(alike.values()) if len(alike) > 1 else (None,)


def combine(decisions: Sequence[Decision]) -> Decision:
    """What decisions on storing for each kind of purpose come to: the best that there is."""
    order = {"allow": 0, "needs-proof": 1, "error": 2}
    best = min(decisions, key=lambda each: order.get(each.outcome, 3))
    if best.outcome != "deny":
        return best
    clauses = tuple(sorted({clause for each in decisions for clause in each.clauses}))
    return replace(best, clauses=clauses)


def storable(
    policy: Policy, field: str, facts_known: Mapping[str, object], place: str = ""
) -> Decision:
    """Whether a field may be stored for any purpose, where our data lie, by what is known."""
    decisions = []
    for purpose in purposes(policy):
        where = place if "place" in policy.engine.compiled.takes["store"] else ""
        act = Act(action="store", data=(field,), purpose=purpose, place=where or None)
        plan = planned(policy, act)
        decisions.append(
            plan.decide({n: value for n, value in facts_known.items() if n in plan.values})
        )
    return combine(decisions)


def _grounds(
    policy: Policy,
    field: str,
    facts_known: Mapping[str, object],
    mine: Sequence[Record],
    at: datetime,
    place: str,
) -> _Grounds | None:
    """By which clauses a field is kept, on which grounds and until when; None where it is not."""
    decision = storable(policy, field, facts_known, place)
    if not decision.allowed:
        return None
    true = [name for name, value in facts_known.items() if value is True and name not in ASKED]
    anybody = storable(
        policy, field, {**facts_known, **dict.fromkeys([*true, *ASKED], False)}, place
    )
    usual = set(anybody.clauses) if anybody.allowed else set()
    if not set(decision.clauses) - usual:
        return None
    grounds = []
    for name in true:
        without = storable(policy, field, {**facts_known, name: False}, place)
        alone = storable(
            policy, field, {**facts_known, **dict.fromkeys(true, False), name: True}, place
        )
        if not without.allowed or (alone.allowed and set(alone.clauses) - usual):
            grounds.append(name)
    others = {name: False for name in true if name not in grounds}
    decision = storable(policy, field, {**facts_known, **others}, place)
    clauses = tuple(clause for clause in decision.clauses if clause not in usual)
    return _Grounds(clauses, tuple(grounds), _until(policy, decision, anybody, grounds, mine, at))


def _until(
    policy: Policy,
    decision: Decision,
    anybody: Decision,
    grounds: Sequence[str],
    mine: Sequence[Record],
    at: datetime,
) -> str:
    """Until when: what the clause says of it, or the end of what it rests on."""
    ids = set(_supporting_records(policy, set(grounds), mine, at))
    resting = [record for record in mine if record.record_id in ids]
    erased = [r.valid_from for r in mine if r.fact == REQUESTED and r.how == ERASURE]
    since = min(erased, default=microseconds(at))  # what rests on no record is kept since then
    began = max((record.valid_from for record in resting), default=since)
    usual = anybody.duties if anybody.allowed else ()
    start = (BEGINNING + timedelta(microseconds=began)).astimezone(at.tzinfo)
    ends = [
        entries.after(start, duty.amount, duty.unit)
        for duty in decision.duties
        if duty.duty == "delete-after" and duty not in usual
    ]
    if not ends and resting:
        ends = [
            None if record.ends is None else BEGINNING + timedelta(microseconds=record.ends)
            for record in resting
        ]
    known_ends = [end for end in ends if end is not None]
    return stamp(max(known_ends)) if known_ends and len(known_ends) == len(ends) else ""


def _supporting_records(
    policy: Policy, grounds: set[str], mine: Sequence[Record], at: datetime
) -> tuple[str, ...]:
    """The records of a person, in force, that say what some facts are."""
    facts = policy.program.vocabulary.facts
    kinds = {facts[name].proof for name in grounds if name in facts}
    return tuple(
        record.record_id
        for record in mine
        if record.person_id != REGISTER
        and record.kind in kinds
        and record.in_force(microseconds(at))
        and (not record.fact or record.fact in grounds)
    )
