"""What a record is about, where an entry says only that it was made: “It is about offers.”."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId
from upheld.gate.evidence.records import Record
from upheld.gate.log.receipts import AccountLine
from upheld.gate.public import Entry
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practices.rights import choices, objections, requests
from upheld.practices.rights.requests import RightsRequest
from upheld.practices.rights.sentences import label

KINDS: Final = (choices.CONSENT, choices.PROGRAMME, choices.OPT_OUT, objections.KIND)
_OUT_OF: Final = "you opted out of "  # with which a fact's label says of what


def note_of(entry: Entry, notes: Mapping[str, str]) -> str:
    """What is said beside an entry about a record; empty for any other."""
    if entry.kind != "record" or not entry.evidence:
        return ""
    return notes.get(entry.evidence[0], "")


def notes_for(
    transaction: Transaction, person_id: PersonId, lines: Iterable[AccountLine]
) -> dict[str, str]:
    """What the records are about that some entries tell of, by their ids."""
    if not any(each.entry.kind == "record" for each in lines):
        return {}
    records, _ = transaction.records_of([person_id], [*KINDS])
    own_requests = requests.requests_of(transaction.tables, person_id)
    return notes(transaction.policy, records, own_requests)


def notes(
    policy: Policy, records: Iterable[Record], own_requests: Sequence[RightsRequest]
) -> dict[str, str]:
    """What some records and requests are about, as sentences, by their ids."""
    result: dict[str, str] = {
        each.record_id: f"It is about {subject}."
        for each in records
        if each.kind in KINDS and (subject := _subject(policy, each))
    }
    for one in own_requests:
        result[one.request_id] = f"It is this: “{requests.title_of(policy, one)}”."
    return result


def _subject(policy: Policy, record: Record) -> str:
    """What a record is about, in words of the policy; empty where it is about anything."""
    words = " and ".join(label(policy, "purpose", each) for each in record.about.get("purpose", ()))
    fact = policy.program.vocabulary.facts.get(record.fact)
    if not words and fact is not None and fact.label.startswith(_OUT_OF):
        words = fact.label.removeprefix(_OUT_OF)
    if record.party and record.kind in (choices.CONSENT, choices.PROGRAMME):
        return ", ".join(filter(None, (company_name(record.party), words)))
    return words
