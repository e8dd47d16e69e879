"""Correcting: at once where a value may come from its person, else by somebody of our staff.

A new value is a new revision, taken in by the policy's own clauses. What access rests on is not
changed by a form alone: the birth date decides who needs a guardian, and the e-mail address is what
somebody signs in with. Neither are rows of a series, nor what others told us, nor what the program
writes itself. What one page alone changes, such as a card that a payment processor takes, is
changed there.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

import msgspec

from upheld.gate.act.request import Refused
from upheld.gate.evidence import field_values
from upheld.gate.evidence.field_values import WRITTEN_BY_PROGRAM
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.practice import tasks
from upheld.practices.rights import requests
from upheld.practices.rights.inventory import SECRET, field_shapes
from upheld.practices.rights.requests import RightsRequest
from upheld.practices.rights.sentences import label
from upheld.web.forms import LONG, Field

CHECKED: Final = frozenset({"birth-date", "email", "card"})  # what access or money rests on
KIND, ROLE, PURPOSE = "correction", "accounts", "rights-request"
INPUTS: Final = {
    "phone": ("tel", "tel"),
    "address": ("textarea", "street-address"),
    "name": ("text", "name"),
    "zip": ("text", "postal-code"),
}


class Correctable(NamedTuple):
    """A kind of data that can be corrected, and whether its person does so alone.

    `page` is the one on which it is changed, where that is not the form of corrections.
    """

    field: str
    name: str
    alone: bool
    page: str = ""

    def form(self) -> Field:
        """What the form asks for: the right value, or what is wrong."""
        if not self.alone:
            return Field("text", "What is wrong, and what is right", "textarea", length_max=LONG)
        kind, complete = INPUTS.get(self.field, ("text", ""))
        length_max = field_values.KINDS.get(self.field, field_values.PLAIN).length_max
        return Field(
            "value", f"The right {self.name}", kind, autocomplete=complete, length_max=length_max
        )


def correctable(
    transaction: Transaction, person_id: str, pages: Mapping[str, str], *, derived: bool = True
) -> list[Correctable]:
    """What can be corrected; `pages` are those on which a kind of data alone is changed."""
    policy = transaction.policy
    fields = []
    for field, shape in field_shapes(transaction, person_id, derived=derived).items():
        if field == SECRET:
            continue
        alone = (
            shape == "value"
            and field not in CHECKED | WRITTEN_BY_PROGRAM.keys()
            and _may(transaction, person_id, field)
        )
        name, page = label(policy, "data", field), pages.get(field, "")
        fields.append(Correctable(field, name, alone and not page, page))
    return fields


def _may(transaction: Transaction, person_id: str, field: str) -> bool:
    """Whether the policy lets a value in from its person, and lets it be kept."""
    acts = transaction.letting_in(
        (field,), source="customer", occasion="service-use", purpose="service-provision"
    )
    return all(transaction.peek(person_id, each).allowed for each in acts)


def correct(
    transaction: Transaction, person_id: str, field: str, value: str
) -> RightsRequest | Refused:
    """Put another value in the place of one, as its person asks: requested, done and answered."""
    request = requests.open_request(transaction, person_id, "correction", field)
    if isinstance(request, Refused):
        return request
    result = transaction.store(
        person_id,
        {field: value},
        source="customer",
        occasion="service-use",
        purpose="service-provision",
        entitled=True,
    )
    if isinstance(result, Refused):
        requests.deny(transaction, request, result)
        return result
    answer = requests.answer(transaction, request)
    return answer if isinstance(answer, Refused) else request


def hand_over(
    transaction: Transaction, person_id: str, field: str, text: str
) -> RightsRequest | Refused:
    """Let somebody of our staff look at what is wrong; what was written is kept as a message."""
    request = requests.open_request(transaction, person_id, "correction", field)
    if isinstance(request, Refused) or request.task_id:
        return request
    row = {
        "at": transaction.clock.now().isoformat(timespec="seconds"),
        "purpose": PURPOSE,
        "subject": f"Please correct: {label(transaction.policy, 'data', field)}",
        "text": text,
        "message": secrets.token_hex(16),
        "clause": "correction",
    }
    result = transaction.append(
        person_id,
        "messages",
        [msgspec.json.encode(row).decode()],
        source="customer",
        occasion="service-use",
        purpose="service-provision",
        entitled=True,
    )
    if isinstance(result, Refused):
        requests.deny(transaction, request, result)
        return result
    task = tasks.open_task(
        transaction, person_id, KIND, PURPOSE, role=ROLE, about=request.request_id, due=request.due
    )
    return requests.begin(transaction, request, task)


def answer_ready(gate: Gate) -> int:
    """Answer the corrections that our staff have finished; the number of them."""
    with gate.together() as transaction:
        ready = requests.ready_to_answer(transaction.tables)
    with trial_of(gate, "answer-corrections") as trial:
        return sum(
            trial.one(partial(_answer, gate, each), each.person_id, each.request_id) or 0
            for each in ready
        )


def _answer(gate: Gate, request: RightsRequest) -> int:
    with gate.together() as transaction:
        if request.request_id not in {
            each.request_id for each in requests.ready_to_answer(transaction.tables)
        }:
            return 0  # another process was faster
        requests.answer(transaction, request)
    return 1
