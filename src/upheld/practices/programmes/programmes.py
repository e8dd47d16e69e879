"""The programmes there are: each with one company, some kinds of data, a text and its dates.

A programme is never changed but to end. What somebody agrees to is its text as they are shown it,
with the warning in the policy's own words; the digest of that text stands in the record that proves
that they joined. One programme proves nothing for another one, of the same company either.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from upheld.core import observing
from upheld.core.company_names import company_name
from upheld.core.errors import UpheldError
from upheld.core.ids import ProgrammeId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Act
from upheld.gate.evidence.provers import Proof, ProofQuestion, by_records
from upheld.gate.transaction import Transaction
from upheld.policy.english import word_list
from upheld.policy.load import Policy
from upheld.policy.request import Decision, Request
from upheld.practice import parties
from upheld.practice.citations import Quote, quote_clauses
from upheld.practices.programmes.tables import programme as table

PARTNER: Final = "programme-partner"
PURPOSE: Final = "programme"
JOINED_FACT: Final = "programme-joined"
KIND: Final = "programme-consent"  # of the record that proves it
WARN: Final = "show-warning"  # the duty
WARNING: Final = "programme-warning"  # the clause whose words are the warning
MADE, ENDED = "programme.made", "programme.ended"  # kinds of entries
CLOSING: Final = (
    "I can leave at any time, and from then on nothing more is given. What was given before cannot"
    " be called back. No service depends on this."
)
TITLE_MAX: Final = 100
PURPOSE_MAX: Final = 200
TEXT_MAX: Final = 4_000


class ProgrammeError(UpheldError):
    """A programme that is not there, or cannot be made, joined or run."""


class Programme(NamedTuple):
    """A programme: with whom, what goes there, what for, the text, and from when until when."""

    programme_id: ProgrammeId
    title: str
    party: str
    fields: tuple[str, ...]
    purpose: str
    text: str
    begins: datetime
    ends: datetime | None

    def in_force(self, at: datetime) -> bool:
        """Whether it can be joined and run at a moment."""
        return self.begins <= at and (self.ends is None or at < self.ends)

    @property
    def act(self) -> Act:
        """What it does with what is held of somebody."""
        return Act(
            action="share",
            data=self.fields,
            recipient=PARTNER,
            purpose=PURPOSE,
            occasion="other",
            party=self.party,
            reference=self.programme_id,
        )


class ProgrammeDraft(NamedTuple):
    """What a manager says of a programme that is to be made."""

    title: str
    party: str
    fields: tuple[str, ...]
    purpose: str
    text: str
    since: date | None = None
    until: date | None = None


def decision_on(policy: Policy, fields: Sequence[str]) -> Decision | None:
    """What the policy says of sharing some data with whom somebody joined; None without the words.

    Nobody is asked to join what it does not allow even then.
    """
    vocabulary = policy.program.vocabulary
    words = vocabulary.tree("party"), vocabulary.tree("purpose")
    if JOINED_FACT not in vocabulary.facts or PARTNER not in words[0] or PURPOSE not in words[1]:
        return None
    request = Request(
        "share", data=tuple(fields), recipient=PARTNER, purpose=PURPOSE, occasion="other"
    )
    facts = {name: False for name, fact in vocabulary.facts.items() if fact.per}
    return policy.decide(request, {**facts, JOINED_FACT: True})


@observing.reading
@lru_cache(maxsize=8)
def offered_fields(policy: Policy) -> tuple[str, ...]:
    """The kinds of data that a programme may be about, as the policy says."""
    words = policy.program.vocabulary.tree("data")
    leaves = [each for each in policy.engine.compiled.leaves["data"].bit if each in words]
    return tuple(
        each
        for each in leaves
        if (decision := decision_on(policy, (each,))) is not None and decision.allowed
    )


def must_warn(policy: Policy, fields: Sequence[str]) -> bool:
    """Whether somebody has to be shown the warning before something of theirs is shared."""
    decision = decision_on(policy, fields)
    return decision is not None and WARN in {each.duty for each in decision.duties}


def warning(policy: Policy) -> Quote | None:
    """The warning, in the policy's own words; None where it has no such clause."""
    return next(iter(quote_clauses(policy, [WARNING])), None)


def make(transaction: Transaction, draft: ProgrammeDraft, *, actor: str) -> Programme:
    """Make a programme with a company that is on the register for it."""
    policy, clock = transaction.policy, transaction.clock
    title, purpose = _line(draft.title, TITLE_MAX), _line(draft.purpose, PURPOSE_MAX)
    text = draft.text.strip().replace("\r\n", "\n")
    if not text or len(text) > TEXT_MAX:
        raise _wrong("the text is empty or too long", f"write at most {TEXT_MAX} characters")
    if draft.party not in parties.in_role(transaction, PARTNER):
        raise _wrong(
            "the register does not have this company as a programme's partner",
            f"`upheld party add NAME --role {PARTNER}` puts it there",
        )
    if not draft.fields or not {*draft.fields} <= {*offered_fields(policy)}:
        raise _wrong(
            "the policy does not let a programme share these",
            "choose some of " + ", ".join(offered_fields(policy)),
        )
    begins, ends = _span(transaction, draft.since, draft.until)
    new_programme = Programme(
        ProgrammeId(secrets.token_hex(16)),
        title,
        draft.party,
        draft.fields,
        purpose,
        text,
        begins,
        ends,
    )
    values: dict[str, Any] = new_programme._asdict()
    values |= {
        "fields": " ".join(draft.fields),
        "begins": microseconds(begins),
        "ends": None if ends is None else microseconds(ends),
        "created_at": microseconds(clock.now()),
        "made_by": actor,
    }
    transaction.tables.insert(table, **values)
    transaction.note(None, MADE, id=new_programme.programme_id, data=draft.fields, actor=actor)
    return new_programme


def _line(text: str, most: int) -> str:
    """One line of text; ProgrammeError where it is none that people could read."""
    line = " ".join(unicodedata.normalize("NFC", text).split())
    if not line or len(line) > most or any(unicodedata.category(each) == "Cc" for each in line):
        raise _wrong("the name or the purpose is empty or too long", f"write at most {most}")
    return line


def _span(
    transaction: Transaction, since: date | None, until: date | None
) -> tuple[datetime, datetime | None]:
    """From when and until when; today begins now, and the last day is part of it."""
    clock = transaction.clock
    today, zone = clock.today(), clock.zone
    first = since or today
    latest = today + timedelta(days=3_660)
    if not today <= first <= latest or (until is not None and not first <= until <= latest):
        raise _wrong(
            "these days lie in the past, too far off, or the wrong way round", "look again"
        )
    begins = clock.now() if first == today else datetime.combine(first, time(), zone)
    if until is None:
        return begins, None
    return begins, datetime.combine(until + timedelta(days=1), time(), zone)


def _wrong(message: str, hint: str) -> ProgrammeError:
    return ProgrammeError(message, code="programme", hint=hint)


def end(transaction: Transaction, programme_id: ProgrammeId, *, actor: str) -> Programme:
    """End a programme now: nobody joins it any more, and nothing more goes to its company."""
    its, now = find(transaction.tables, programme_id), transaction.clock.now()
    if its.ends is not None and its.ends <= now:
        raise _wrong("this programme is over already", "there is nothing to end")
    at = microseconds(max(now, its.begins))
    transaction.tables.update(table, {"ends": at}, "programme_id = ?", programme_id)
    transaction.note(None, ENDED, id=programme_id, actor=actor)
    return find(transaction.tables, programme_id)


def every(tables: Tables) -> list[Programme]:
    """All programmes, the latest first."""
    return [
        _programme(each) for each in tables.select(table, "ORDER BY created_at DESC, programme_id")
    ]


def find(tables: Tables, which: str) -> Programme:
    """A programme by its id, or by its name; ProgrammeError where there is none, or two."""
    row = tables.get(table, "programme_id = ?", which)
    if row is None:
        same = tables.select(table, "title = ?", which)
        row = same[0] if len(same) == 1 else None
    if row is None:
        raise ProgrammeError(
            "there is no such programme",
            code="no-programme",
            hint="`upheld programme list` tells them",
        )
    return _programme(row)


def wording(policy: Policy, its: Programme) -> str:
    """What somebody agrees to, with the warning, as they are shown it."""
    provider = policy.front.provider or policy.front.policy
    terms = policy.program.vocabulary.tree("data")
    labels = [
        (terms[each].label if each in terms else "") or each.replace("-", " ")
        for each in its.fields
    ]
    opening = (
        f"I join the programme “{its.title}”. {provider} gives {company_name(its.party)} my"
        f" {word_list(labels, 'and')}, for this: {its.purpose}"
    )
    quote = warning(policy)
    parts = [opening, its.text, quote.text if quote else "", CLOSING]
    return "\n\n".join(each for each in parts if each)


def joined_under(programme_id: ProgrammeId) -> str:
    """How a record says which programme it is of."""
    return f"programme {programme_id}"


def prove_joined(question: ProofQuestion) -> Proof:
    """The prover of who joined: by a record of just this programme, while it is in force.

    An act that names no programme is proven by none.
    """
    if not question.reference:
        return Proof(None)
    row = question.tables.get(table, "programme_id = ?", question.reference)
    if row is None or row.party != question.party or not _programme(row).in_force(question.at):
        return Proof(False)
    how = joined_under(ProgrammeId(question.reference))
    return by_records(
        question._replace(records=[each for each in question.records if each.how == how])
    )


def _programme(row: Any) -> Programme:
    return Programme(
        row.programme_id,
        row.title,
        row.party,
        tuple(row.fields.split()),
        row.purpose,
        row.text,
        to_datetime(row.begins),
        None if row.ends is None else to_datetime(row.ends),
    )
