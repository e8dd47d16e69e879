"""Keeping records that prove, and withdrawing them: of one person, or of many in one act.

A record that is the same for many people is written with one statement, each person's cover is
sealed once, and a hundred people share an entry, which each finds among their own. What is owed by
it is worked out for all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection

from upheld.core.ids import PersonId, RecordId
from upheld.database.columns import microseconds
from upheld.gate import obligations
from upheld.gate.act.context import GateContext
from upheld.gate.act.options import RecordOptions
from upheld.gate.act.places import PLACE
from upheld.gate.evidence import records
from upheld.gate.evidence.provers import HOLD, NAMED
from upheld.gate.evidence.records import Record, RecordError
from upheld.gate.log import entries
from upheld.ledger.entries import Entry
from upheld.policy.fact_types import is_yes_no
from upheld.policy.load import Policy
from upheld.policy.vocabulary import Fact
from upheld.vault import people
from upheld.vault.envelope import Key
from upheld.vault.people import REGISTER

TOGETHER: Final = 100  # people in one entry


def keep(
    context: GateContext,
    connection: Connection,
    person_ids: Sequence[PersonId],
    kind: str,
    options: RecordOptions,
    states: Sequence[str] = (people.ACTIVE,),
) -> dict[PersonId, RecordId]:
    """Keep a record of each of some people who are there, in some states; its id, by person.

    RecordError unless it names what its fact is per, in words of the vocabulary.
    """
    _check(context.policy, kind, options)
    now, text = context.clock.now(), options.get("text", "")
    result: dict[PersonId, RecordId] = {}
    if len(person_ids) > TOGETHER:  # in one order, whatever the lots are
        people.lock_all(connection, sorted(set(person_ids)))
    for first in range(0, len(person_ids), TOGETHER):
        some = people.lock_to_cover(connection, person_ids[first : first + TOGETHER], states)
        if not some:
            continue
        new_records = [
            records.new(
                person_id,
                kind,
                options.get("valid_from", now),
                fact=options.get("fact", ""),
                about=options.get("about"),
                party=options.get("party", ""),
                ends=options.get("ends"),
                by_whom=options.get("by_whom", ""),
                how=options.get("how", ""),
                text=text,
            )
            for person_id in some
        ]
        keys = text_keys(context, connection, some) if text else {}
        records.keep_all(connection, new_records, text, keys)
        by_actor: dict[str, list[Record]] = {}
        for each in new_records:
            actor = options.get("actor") or _actor(each.person_id, each.by_whom)
            by_actor.setdefault(actor, []).append(each)
        for actor, its in by_actor.items():
            _enter(context, connection, its, "add", actor, of_erased=people.HELD in states)
        result |= {each.person_id: each.record_id for each in new_records}
    return result


def withdraw(
    context: GateContext,
    connection: Connection,
    which: Mapping[PersonId, RecordId],
    *,
    ended: bool,
    actor: str,
) -> None:
    """Withdraw a record of each of some people, or let it end; RecordError for one not there."""
    people.lock_all(connection, sorted(which))
    whose = list(which)
    for first in range(0, len(whose), TOGETHER):
        some = {each: which[each] for each in whose[first : first + TOGETHER]}
        now = context.clock.now()
        by_kind: dict[str, list[Record]] = {}
        for each in records.end_each(connection, some, now, withdrawn=not ended):
            by_kind.setdefault(each.kind, []).append(each)
        for its in by_kind.values():
            _enter(context, connection, its, "end" if ended else "withdraw", actor)


def _enter(
    context: GateContext,
    connection: Connection,
    some: Sequence[Record],
    done: str,
    actor: str,
    *,
    of_erased: bool = False,
) -> None:
    """Add the entry about some people's records of one kind, and see what is owed by them.

    Of whoever was erased only where whoever keeps the records reaches them.
    """
    kind, bases = some[0].kind, {each.person_id: each.record_id for each in some}
    entry = Entry(
        kind="record",
        time="",
        policy=context.policy.digest,
        action=f"{done} {kind}",
        actor=actor,
        evidence=tuple(bases.values()),
    )
    whose = list(bases) if len(bases) > 1 else some[0].person_id
    at = microseconds(context.clock.now())
    number, _ = entries.add(connection, entry, whose or None, at)
    obligations.reassess_each(context, connection, bases, kind, number, of_erased=of_erased)


def text_keys(
    context: GateContext, connection: Connection, person_ids: Sequence[PersonId]
) -> dict[PersonId, Key]:
    """The keys for the texts of some people's records, and of the registers'.

    VaultError for somebody who is not there.
    """
    named = [each for each in person_ids if each != REGISTER]
    opened = people.open_people(connection, context.keyring, named) if named else {}
    keys: dict[PersonId, Key] = {}
    for each in person_ids:
        if each == REGISTER:
            keys[each] = context.keyring.derived("register-text")
        elif each in opened:
            keys[each] = opened[each].cipher
        else:
            raise people.no_person(each)
    return keys


def _actor(person_id: PersonId, by_whom: str) -> str:
    """Who gave a record, as an entry names them, where that is its own person or their browser."""
    if person_id != REGISTER and by_whom in {person_id, "customer"}:
        return "customer"
    return by_whom if by_whom == "browser" else ""


def _check(policy: Policy, kind: str, options: RecordOptions) -> None:
    """RecordError unless a record names its fact and everything that this fact is per."""
    fact, about = options.get("fact", ""), options.get("about") or {}
    facts = _facts_of(policy, kind)
    if not facts or (fact and fact not in facts):
        raise RecordError(
            f"no fact is proven by `{kind}`",
            code="wrong-record",
            hint="see the vocabulary's `proof`",
        )
    if not fact and sum(map(is_yes_no, facts.values())) > 1:
        raise RecordError(
            f"`{kind}` proves several facts",
            code="wrong-record",
            hint="name one of " + ", ".join(sorted(facts)),
        )
    fact_named = facts[fact] if fact else None
    fact_meant = fact_named or next(filter(is_yes_no, facts.values()), None)
    fact_meant = fact_meant or next(iter(facts.values()))
    beside = {PLACE} if "recipient" in fact_meant.per else set()  # where the recipient is
    if set(about) - beside != set(fact_meant.per) and (about or fact_meant.name != HOLD):
        per = ", ".join(fact_meant.per) or "nothing"
        raise RecordError(
            f"`{fact_meant.name}` is per {per}",
            code="wrong-record",
            hint="let the record say exactly that",
        )
    for dimension, words in about.items():
        policy.engine.checker.dimension(dimension, tuple(words))
    if kind in NAMED and not options.get("party"):
        raise RecordError(
            f"`{kind}` is about a party", code="wrong-record", hint="name it as `party`"
        )


@lru_cache(maxsize=256)
def _facts_of(policy: Policy, kind: str) -> Mapping[str, Fact]:
    """The facts that a kind of record proves, by name; not to be changed."""
    facts = policy.program.vocabulary.facts
    return {name: fact for name, fact in facts.items() if fact.proof == kind}
