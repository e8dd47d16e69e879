"""Correcting: at once where a value may come from its person, else by somebody of our staff.

A new value is a new revision, taken in by the policy's own clauses. What access rests on is not
changed by a form alone: the birth date decides who needs a guardian, and the e-mail address is what
somebody signs in with. Neither are rows of a series, nor what others told us, nor what the program
writes itself. What one page alone changes, such as a card that a payment processor takes, is
changed there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from upheld.core.ids import PersonId, UserId
from upheld.gate.act.request import Refused
from upheld.gate.evidence import field_values
from upheld.gate.evidence.field_values import WRITTEN_BY_PROGRAM
from upheld.gate.transaction import Transaction
from upheld.practice import recipient_requests
from upheld.practice.plugin import Provider
from upheld.practices.rights import case_work, requests
from upheld.practices.rights.case_work import PURPOSE
from upheld.practices.rights.inventory import SECRET, field_shapes
from upheld.practices.rights.requests import RightsRequest
from upheld.practices.rights.sentences import label
from upheld.web.date_fields import PARTS
from upheld.web.forms import LONG, Field
from upheld.web.pages import format_day

CHECKED: Final = frozenset({"birth-date", "email", "card"})  # what access or money rests on
KIND: Final = "correction"
CORRECTED: Final = "corrected"  # a kind of entries
FORM_FIELDS: Final = ("value", *(f"value-{part}" for part in PARTS), "text")  # of its form
INPUTS: Final = {
    "phone": ("tel", "tel"),
    "address": ("textarea", "street-address"),
    "name": ("text", "name"),
    "zip": ("text", "postal-code"),
}
STAFF_INPUTS: Final = {
    "birth-date": "date",
    "email": "email",
    "phone": "tel",
    "address": "textarea",
}


class Correctable(NamedTuple):
    """A kind of data that can be corrected, and whether its person does so alone.

    `page` is the one on which it is changed, where that is not the form of corrections.
    """

    field: str
    name: str
    alone: bool
    page: str = ""

    def form(self) -> tuple[Field, ...]:
        """What the form asks for: the right value, or what is wrong; of a date, it and why."""
        if not self.alone and STAFF_INPUTS.get(self.field) == "date":
            return (
                Field(
                    "value",
                    f"The right {self.name}",
                    "date",
                    autocomplete="bday" if self.field == "birth-date" else "",
                    hint="For example, 27 3 1990.",
                    missing=f"Enter the right {self.name}.",
                ),
                Field("text", "What helps us to check it", "textarea", False, length_max=LONG),
            )
        if not self.alone:
            return (Field("text", "What is wrong, and what is right", "textarea", length_max=LONG),)
        kind, complete = INPUTS.get(self.field, ("text", ""))
        length_max = field_values.KINDS.get(self.field, field_values.PLAIN).length_max
        return (
            Field(
                "value",
                f"The right {self.name}",
                kind,
                autocomplete=complete,
                length_max=length_max,
            ),
        )

    def statement(self, values: Mapping[str, str]) -> str:
        """What is kept of a form that was filled in: the right value, or what staff read."""
        if self.alone:
            return values["value"]
        if "value" not in values:
            return values["text"]
        line = f"The right {self.name} is {format_day(values['value'])}."
        return "\n\n".join(each for each in (line, values.get("text", "")) if each)


def correctable(
    transaction: Transaction, person_id: PersonId, pages: Mapping[str, str], *, derived: bool = True
) -> list[Correctable]:
    """What can be corrected; `pages` are those on which a kind of data alone is changed."""
    policy = transaction.policy
    shapes = field_shapes(transaction, person_id, derived=derived)
    others = CHECKED | WRITTEN_BY_PROGRAM.keys() | {SECRET}
    alone = _allowed(
        transaction,
        person_id,
        [field for field, shape in shapes.items() if shape == "value" and field not in others],
    )
    return [
        Correctable(
            field,
            label(policy, "data", field),
            field in alone and not pages.get(field),
            pages.get(field, ""),
        )
        for field in shapes
        if field != SECRET
    ]


def _allowed(transaction: Transaction, person_id: PersonId, fields: Sequence[str]) -> set[str]:
    """The fields that the policy lets in from their person and lets be kept; read at once."""
    acts = [
        transaction.letting_in(
            (field,), source="customer", occasion="service-use", purpose="service-provision"
        )
        for field in fields
    ]
    decisions = transaction.peek_acts([person_id], list(chain(*acts)))[person_id]
    of_each = zip(decisions[::2], decisions[1::2], strict=True)  # let in, and kept
    return {
        field
        for field, some in zip(fields, of_each, strict=True)
        if all(each.allowed for each in some)
    }


def correct(
    transaction: Transaction, person_id: PersonId, field: str, value: str
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
    recipient_requests.corrected(transaction, person_id, field)
    answer = requests.answer(transaction, request)
    return answer if isinstance(answer, Refused) else request


def hand_over(
    provider: Provider, transaction: Transaction, person_id: PersonId, field: str, text: str
) -> RightsRequest | Refused:
    """Let somebody of our staff look at what is wrong; what was written is kept as a message.

    Where they look at it already, it joins what was written before.
    """
    request = requests.open_request(transaction, person_id, KIND, field)
    if isinstance(request, Refused):
        return request
    subject = f"Please correct: {label(transaction.policy, 'data', field)}"
    write = case_work.add_text if request.task_id else case_work.open_with_text
    return write(provider, transaction, request, subject, text)


def staff_field(transaction: Transaction, request: RightsRequest) -> Field | None:
    """The form's field for the right value; None where no form may write such data."""
    field = request.about
    shape = field_shapes(transaction, request.person_id).get(field)
    if shape != "value" or field == SECRET or field in WRITTEN_BY_PROGRAM:
        return None
    return Field(
        "value",
        f"The right {label(transaction.policy, 'data', field)}",
        STAFF_INPUTS.get(field, "text"),
        autocomplete="off",
        length_max=field_values.KINDS.get(field, field_values.PLAIN).length_max,
    )


def set_value(
    transaction: Transaction, request: RightsRequest, value: str, staff_id: UserId
) -> RightsRequest | Refused:
    """Store the right value for a customer who asked, and with that answer their request."""
    result = transaction.store(
        request.person_id,
        {request.about: value},
        source="customer",
        occasion="service-use",
        purpose="service-provision",
        entitled=True,
    )
    if isinstance(result, Refused):
        return result
    transaction.note(
        request.person_id,
        CORRECTED,
        actor=f"staff {staff_id}",
        data=(request.about,),
        purpose=PURPOSE,
        after=str(result.entry),
    )
    recipient_requests.corrected(transaction, request.person_id, request.about)
    answer = requests.answer(transaction, request, by=staff_id)
    if isinstance(answer, Refused):
        return answer
    case_work.notify(transaction, request)
    return request
