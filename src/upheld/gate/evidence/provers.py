"""Proofs: what records say of the facts that a decision rests on, each with its evidence.

A fact names its kind of proof. Its prover answers true, false, unknown, a number, or, for a fact
that holds per data, purpose, recipient or source, parts of which each names what it covers. A
record that is in force proves its fact; one that ended, was withdrawn, has not begun, or is another
party's makes it false where it speaks; without any record a fact is false if the vocabulary says
that absence means no, and unknown otherwise. Where a person's records, or the registers', are not
as they were written, nothing is proven from them: the act is refused (see fetching.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Table

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.database.tables import microseconds
from upheld.gate.evidence.derived_fields import ReadRows
from upheld.gate.evidence.records import Record
from upheld.policy.load import Policy
from upheld.policy.request import Checker
from upheld.policy.vocabulary import Fact

BIRTH_DATE = "birth-date"
PUBLIC_SOURCE = "public-source"
NAMED = ("task", "partner-register", "engagement")  # kinds whose records are about one party each
REQUEST, REQUESTED, ERASED, ERASURE = "request", "erasure-requested", "erased", "erasure"
HOLD, GAG = "legal-hold", "gag-order"  # facts: the law obliges us to keep, and not to speak of it
HOLDS = "hold"  # the kind of records that prove the first
ASKED = "*"  # in a prover's `reads`: the fields that are asked for


class EvidenceError(UpheldError):
    """A fact that cannot be proven either way because something is wrong with its records."""


class Proof(NamedTuple):
    """What a fact is (None for unknown, a list for parts), and the ids of what it rests on."""

    value: object
    evidence: tuple[str, ...] = ()


Shared = dict[tuple[object, ...], Any]


class ProofQuestion(NamedTuple):
    """What a prover is asked: a fact, the data and the party by name, the records, the time."""

    fact: Fact
    data: tuple[str, ...]
    party: str
    records: Sequence[Record]
    at: datetime
    checker: Checker
    series: ReadRows  # the rows of a field that the prover's `reads` name, through the vault
    tables: Tables  # for a practice whose records stand in its own, in the act's transaction
    person_id: PersonId
    policy: Policy  # the version that is asked
    purpose: str | None  # of the act
    reference: str = ""  # the id of what the act is done under, such as a programme
    # What provers have read that is the same for everybody in one act, by keys of their own.
    shared: Shared | None = None

    def read(self, field: str) -> str | None:
        """The person's value of a field, the latest of a series; None where none is held."""
        rows = self.series(field)
        return rows[-1].value if rows else None


Prover = Callable[[ProofQuestion], Proof]
Matter = Callable[[str | None, date], int | None]  # of a value, or of none, on a day
OwnTable = tuple[Table, tuple[str, ...] | None]  # and which parts of its owners' sets, or all


class ProverEntry(NamedTuple):
    """How a kind of proof is proven: by whom, from which fields, and whether from records.

    `registers` are kinds of the registers' records that the prover is given besides its own.
    `matters` says by field what of a value matters on a day, where what the prover says of somebody
    rests on records and on that, and on nothing else of theirs: with a field, it says just that.
    None where it may rest on more. Where it is `timed`, it also matters when a record began. With
    `own_tables` that holds of whoever has none of the fields that are read and no row in these
    tables, or in these parts of them.
    """

    prover: Prover
    reads: tuple[str, ...] = ()
    records: bool = True
    registers: tuple[str, ...] = ()
    matters: Mapping[str, Matter] | None = None
    timed: bool = False
    own_tables: Sequence[OwnTable] | None = None

    def kinds_for(self, kind: str) -> tuple[str, ...]:
        """The kinds of records that are read to prove something by a kind of proof."""
        return (kind, *self.registers) if self.records else ()


def by_records(question: ProofQuestion) -> Proof:
    """The prover of every fact that rests on records."""
    fact, at = question.fact, microseconds(question.at)
    mine = [record for record in question.records if record.fact in ("", fact.name)]
    if not fact.per:
        return _whole(fact, [r for r in mine if r.party in ("", question.party)], at)
    parts: list[dict[str, Any]] = []
    for number, record in enumerate(mine):
        if record.valid_from > at:
            continue  # one that has not begun speaks of no time before
        holds = record.in_force(at) and record.party in ("", question.party)
        if holds:
            parts.append({**_coverage(fact, record), "holds": True})
        elif record.party in ("", question.party) and not (
            _is_renewed(question, record, mine[number:]) or _is_equalled(question, record, mine)
        ):
            parts.append({**_coverage(fact, record), "holds": False})
    if fact.absent:
        parts.append({"rest": False})
    evidence = tuple(each.record_id for each in mine if each.party in ("", question.party))
    return Proof(parts or None, evidence)


def _whole(fact: Fact, mine: Sequence[Record], at: int) -> Proof:
    live = [record.record_id for record in mine if record.in_force(at)]
    if live:
        return Proof(True, tuple(live))
    if mine or fact.absent:
        return Proof(False, tuple(record.record_id for record in mine))
    return Proof(None)


def _coverage(fact: Fact, record: Record) -> dict[str, Any]:
    """The part of a request that a record covers: it names every dimension, or all of one."""
    return {d: list(record.about[d]) for d in fact.per if record.about.get(d)}


def _is_renewed(question: ProofQuestion, old: Record, later: Sequence[Record]) -> bool:
    """Whether a later record in force speaks of something that an ended one spoke of."""
    at = microseconds(question.at)
    return any(
        new is not old
        and new.in_force(at)
        and new.party in ("", question.party)
        and all(_meet(question, d, old, new) for d in question.fact.per)
        for new in later
    )


def _is_equalled(question: ProofQuestion, old: Record, mine: Sequence[Record]) -> bool:
    """Whether another record in force, of whatever time, is of exactly what an ended one was."""
    at = microseconds(question.at)
    return any(
        (each.fact, each.party, each.about) == (old.fact, old.party, old.about)
        and each.in_force(at)
        for each in mine
    )


def _meet(question: ProofQuestion, dimension: str, one: Record, other: Record) -> bool:
    mine, theirs = one.about.get(dimension), other.about.get(dimension)
    if not mine or not theirs:
        return True
    checker = question.checker
    return bool(checker.dimension(dimension, mine) & checker.dimension(dimension, theirs))


def by_named(question: ProofQuestion) -> Proof:
    """The prover of what holds of one party by name: a record proves it of nobody else."""
    mine = [each for each in question.records if each.party and each.party == question.party]
    return by_records(question._replace(records=mine))


def by_public_source(question: ProofQuestion) -> Proof:
    """Public is what came in with its public source, and what a record says is public.

    A record is about the values that were held when it was made, and about no later ones.
    """

    def is_of_these_values(each: Record) -> bool:
        words, dimension = each.about.get("data"), question.checker.dimension
        covered = dimension("data", words) if words else ~0
        fields = [field for field in question.data if dimension("data", [field]) & covered]
        return all(
            row.stored_at <= each.valid_from for field in fields for row in question.series(field)
        )

    records = [each for each in question.records if is_of_these_values(each)]
    proof = by_records(question._replace(records=records))
    public = [
        field
        for field in question.data
        if (rows := question.series(field)) and all(row.origin.public_source for row in rows)
    ]
    parts = [{"data": [field], "holds": True} for field in public]
    public_parts = proof.value if isinstance(proof.value, list) else []
    return Proof([*parts, *public_parts] or None, (*public, *proof.evidence))


def by_hold(question: ProofQuestion) -> Proof:
    """What the law obliges us to keep: of all kinds of data, or of those alone that a hold names.

    To an act on no data each hold is one.
    """
    fact, at = question.fact, microseconds(question.at)
    parties = ("", question.party)
    mine = [e for e in question.records if e.fact in ("", fact.name) and e.party in parties]
    live = [each for each in mine if each.in_force(at)]
    if not (live and fact.per and question.data) or not all(each.about for each in live):
        return _whole(fact, mine, at)
    known_words = question.checker.masks["data"]
    parts: list[dict[str, Any]] = [
        {"data": words, "holds": True}
        for each in live
        if (words := [word for word in each.about.get("data", ()) if word in known_words])
    ]
    if fact.absent:
        parts.append({"rest": False})
    return Proof(parts or None, tuple(each.record_id for each in live))


def by_request(question: ProofQuestion) -> Proof:
    """What somebody asked for; that they were erased is what the request says that outlived it."""
    if question.fact.name != ERASED:
        return by_records(question)
    done = [
        each.record_id
        for each in question.records
        if each.fact == REQUESTED
        and each.how == ERASURE
        and each.in_force(microseconds(question.at))
    ]
    return Proof(bool(done), tuple(done))


def erased_owners(some_records: Iterable[Record]) -> set[PersonId]:
    """Whose records say that they were erased, but for what must be kept."""
    return {each.person_id for each in some_records if each.how == ERASURE}


def by_birth_date(question: ProofQuestion) -> Proof:
    """Age in whole years from the birth date in the vault; unknown without one."""
    age = age_by(question.read(BIRTH_DATE), question.at.date())
    return Proof(None) if age is None else Proof(age, (BIRTH_DATE,))


def age_by(birth_date: str | None, today: date) -> int | None:
    """The age in whole years by a birth date; None without one, or with none that can be."""
    if birth_date is None:
        return None
    try:
        return years(date.fromisoformat(birth_date), today)
    except ValueError:
        return None


def years(born: date, today: date) -> int:
    """Whole years between two days; who was born on 29 February has a birthday on 1 March.

    ValueError where the first is after the second.
    """
    if born > today:
        raise ValueError("a birth date lies in the future")
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


BY_RECORDS = ProverEntry(by_records, matters={})


class ProverRegistry:
    """The provers by kind of proof; a fact whose kind has none is proven by its records."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is called when one is added."""
        self._changed = changed
        self._by = {
            BIRTH_DATE: ProverEntry(
                by_birth_date, (BIRTH_DATE,), records=False, matters={BIRTH_DATE: age_by}
            ),
            PUBLIC_SOURCE: ProverEntry(by_public_source, (ASKED,)),
            REQUEST: ProverEntry(by_request, matters={}),
            HOLDS: ProverEntry(by_hold, matters={}),
            **dict.fromkeys(NAMED, ProverEntry(by_named, matters={})),
        }

    def add(
        self,
        kind: str,
        prover: Prover,
        *,
        reads: tuple[str, ...] = (),
        records: bool = True,
        registers: tuple[str, ...] = (),
    ) -> None:
        """Let a prover answer for a kind of proof from now on.

        `reads` are the person's fields that it reads; without `records` it is given none. Records
        of the `registers` of these kinds are given to it besides.
        """
        self.add_entry(kind, ProverEntry(prover, reads, records, registers))

    def add_entry(self, kind: str, entry: ProverEntry) -> None:
        """Let a prover answer for a kind of proof from now on, as an entry says."""
        if kind in self._by:
            raise EvidenceError(
                f"there is a prover for `{kind}` already",
                code="prover",
                hint="remove one of the two",
            )
        self._by[kind] = entry
        self._changed()

    def of(self, fact: Fact) -> ProverEntry:
        """How a fact is proven."""
        return self._by.get(fact.proof, BY_RECORDS)

    def matters(self, facts: Iterable[Fact]) -> dict[str, Matter] | None:
        """What of somebody's fields alone some facts rest on where they have no records.

        None where one of the facts may rest on more than that and `own_tables`.
        """
        result: dict[str, Matter] = {}
        for fact in facts:
            its = self.of(fact)
            if its.matters is None and its.own_tables is None:
                return None
            result |= its.matters or {}
        return result

    def reads(self, fact: Fact, data: tuple[str, ...]) -> tuple[str, ...]:
        """The fields that are read to prove a fact for an act on some data."""
        reads = self.of(fact).reads
        return (*reads, *data) if ASKED in reads else reads

    def prove(
        self,
        facts: Mapping[str, Fact],
        question_of: Callable[[Fact], ProofQuestion],
    ) -> tuple[dict[str, object], tuple[str, ...]]:
        """What is known of some facts, and the evidence; unknown ones are left out."""
        facts_known: dict[str, object] = {}
        evidence: list[str] = []
        for name, fact in facts.items():
            proof = self.of(fact).prover(question_of(fact))
            evidence += proof.evidence
            if proof.value is not None:
                facts_known[name] = proof.value
        return facts_known, tuple(dict.fromkeys(evidence))
