"""Erasing one kind of data while the account stays, as its person asks: asked, done and answered.

Which clause lets it go, and which keeps it, the gate says. What an account works with goes when the
account does: its sign-in, its services and what they cost. What is worked out of other data is
stored nowhere.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.erasure.must_keep import KeptFields
from upheld.gate.evidence.field_values import WRITTEN_BY_PROGRAM
from upheld.gate.transaction import Transaction
from upheld.practice import recipient_requests, tasks
from upheld.practice.message_copies import MESSAGES
from upheld.practices.rights import requests
from upheld.practices.rights.corrections import CHECKED
from upheld.practices.rights.inventory import SECRET, field_shapes
from upheld.practices.rights.requests import RightsRequest
from upheld.practices.rights.sentences import CitedClause, clauses_for, label

KIND: Final = "erasure"
# What the program notes itself and works without: copies of messages, and what is seen of a visit.
NOT_NEEDED: Final = frozenset(
    {
        MESSAGES,
        "ad-interaction",
        "cookie-id",
        "ip-address",
        "ip-network",
        "page-request",
        "segment",
        "user-agent",
    }
)
_ACCOUNT: Final = (CHECKED | {SECRET} | WRITTEN_BY_PROGRAM.keys()) - NOT_NEEDED


class Keeping(NamedTuple):
    """Why something is kept: the clauses that say so, on which grounds, and until when."""

    clauses: list[CitedClause]
    grounds: list[str]
    until: str


class ValueOutlook(NamedTuple):
    """What erasing one kind of data would do, before it is asked for."""

    field: str
    name: str
    sources: bool  # whether it is worked out of other data
    account: bool  # whether the account works with it
    in_use: bool  # whether something in force rests on it, or our staff work on it
    keeping: list[Keeping]
    derived: list[str]
    backups: datetime | None
    clauses: list[CitedClause]

    @property
    def can_go(self) -> bool:
        """Whether it goes when its person asks for it."""
        return not (self.sources or self.account or self.in_use or self.keeping)


def erasable(shapes: dict[str, str]) -> set[str]:
    """The kinds of data that can be asked to be erased alone; a clause may keep one even so."""
    return {
        field for field, shape in shapes.items() if shape != "derived" and field not in _ACCOUNT
    }


def outlook(transaction: Transaction, person_id: PersonId, field: str) -> ValueOutlook | None:
    """What erasing a kind of data would do; None where nothing of it is held."""
    shape = field_shapes(transaction, person_id).get(field)
    if shape is None:
        return None
    policy = transaction.policy
    name = label(policy, "data", field)
    by = transaction.peek(person_id, requests.action(KIND)).clauses or (KIND,)
    cited = [each for each in clauses_for(transaction, person_id, by) if each.text]
    is_derived, is_account = shape == "derived", field in _ACCOUNT
    if is_derived or is_account:
        return ValueOutlook(field, name, is_derived, is_account, False, [], [], None, cited)
    drop = transaction.drop_outlook(person_id, [field])
    is_worked_on = field == MESSAGES and bool(tasks.open_tasks_on(transaction.tables, person_id))
    return ValueOutlook(
        field,
        name,
        False,
        False,
        bool(drop.needed) or is_worked_on,
        [_keeping(transaction, person_id, each) for each in drop.kept],
        [label(policy, "data", each) for each in drop.derived],
        drop.backups,
        cited,
    )


def _keeping(transaction: Transaction, person_id: PersonId, kept_fields: KeptFields) -> Keeping:
    facts = transaction.policy.program.vocabulary.facts
    return Keeping(
        clauses_for(transaction, person_id, kept_fields.clauses),
        [facts[each].label or each for each in kept_fields.grounds if each in facts],
        kept_fields.until,
    )


def erase(
    transaction: Transaction, person_id: PersonId, field: str
) -> RightsRequest | ValueOutlook | Refused | None:
    """Erase a kind of data as its person asks; the outlook where it stays, None where none is held.

    The request, its answer and the deletion are one transaction. Whoever asks twice at once erases
    once.
    """
    transaction.lock(person_id)
    expected = outlook(transaction, person_id, field)
    if expected is None or not expected.can_go:
        return expected
    request = requests.open_request(transaction, person_id, KIND, field)
    if isinstance(request, Refused):
        return request
    answer = requests.answer(transaction, request)
    if isinstance(answer, Refused):
        return answer
    recipient_requests.erased_field(transaction, person_id, field)
    transaction.drop(person_id, [field], actor="customer")
    return request
