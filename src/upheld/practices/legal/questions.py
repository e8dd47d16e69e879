"""The forms of the legal desk, and what is confirmed before anything is approved or released."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from upheld.core.ids import InstrumentId
from upheld.policy.load import Policy
from upheld.practice.citations import quote_clauses
from upheld.practice.consequences import Confirmation, short_reference
from upheld.practice.labels import label_of_customers
from upheld.practice.operators import User
from upheld.practices.legal.demands import (
    BELIEF_MAX,
    CLAIM,
    DETERMINATION,
    GROUNDS,
    INFORMAL,
    PERSONS_MAX,
    PRESERVATION,
    Demand,
    demandable_fields,
    recipients,
)
from upheld.practices.legal.instrument import APPROVED, CHECKED, ENDED, OPEN, REFUSED, Instrument
from upheld.practices.legal.staff import COUNSEL
from upheld.web.forms import Field, Filled
from upheld.web.pages import format_day

DESK: Final = "/staff/legal"
DOCUMENT: Final = "document"
KEY: Final = Field(
    "key",
    "Public key of age",
    hint="It begins with age1. Whoever receives the file makes one with age-keygen.",
    autocomplete="off",
    length_max=200,
)
_ACCOUNTS_MAX: Final = 400_000  # characters: a list that is too long is told how long it may be
_FIELDS_MAX: Final = 8_000
_WHOLE: Final = re.compile(r"\+?[0-9]{8,}")  # a number that needs no other beside it
_UNLESS_INFORMAL: Final = "not for an informal request"
_OF_DETERMINATION: Final = "for a determination alone"
FINDING: Final = Field(
    "finding",
    "What you found",
    "textarea",
    length_max=BELIEF_MAX,
    hint="Whether what was released had to be, and why.",
    missing="Write what you found.",
)
_EARLIEST: Final = date(1990, 1, 1)
_LATEST: Final = date(2100, 1, 1)
STATES: Final = {
    OPEN: "open",
    CHECKED: "checked by counsel",
    APPROVED: "approved",
    REFUSED: "refused",
    ENDED: "ended before it lapsed",
}
KIND_LABELS: Final = {
    "subpoena": "Subpoena",
    "court-order": "Court order",
    "warrant": "Warrant",
    "other": "Other legal process",
    PRESERVATION: "Order to preserve",
    CLAIM: "Claim or defence of our own",
    DETERMINATION: "Determination of an officer",
    INFORMAL: "Informal request, without force",
}
_KEEPS: Final = "Nothing of theirs is deleted before it lapses or ends, whoever asks for it."
_KEEPS_THESE: Final = (
    "Nothing of theirs of these kinds is deleted before it lapses or ends, whoever asks for it;"
    " everything else is, as if there were no such order."
)
REFUSAL: Final = (
    "We give nothing about our customers, and do not say whether somebody is one, unless a"
    " subpoena, a court order, a warrant or other legal process obliges us to. Our policy says so,"
    " and it binds us. If you have such process, send it to our legal desk: we give exactly what"
    " it demands. Where somebody's safety is under threat, say so."
)
"""What an informal request is answered by."""


def demand_fields(policy: Policy) -> tuple[Field, ...]:
    """What is asked of whoever opens an instrument."""
    return (*_what_it_is(policy), *_reach(policy), *_times())


def _what_it_is(policy: Policy) -> tuple[Field, ...]:
    return (
        Field("kind", "What it is", "select", options=tuple(KIND_LABELS.items())),
        Field(
            "issuer",
            "Who issued it, or receives it",
            length_max=200,
            hint="The court, authority or office.",
        ),
        Field(
            "reference", "Its reference", hint="The number or name of the case, as they write it."
        ),
        Field(
            "recipient",
            "To whom it is given",
            "select",
            required=False,
            options=tuple(
                (each, label_of_customers(policy, "party", each)) for each in recipients(policy)
            ),
            hint="An order to preserve gives nothing to anybody.",
            may_be_empty=_UNLESS_INFORMAL,
        ),
        Field(
            "ground",
            "Ground of a determination",
            "select",
            required=False,
            options=tuple(
                (each, label_of_customers(policy, "purpose", each)) for each in grounds(policy)
            ),
            hint="A threat to somebody's safety is in force at once, and reviewed later.",
            may_be_empty=_OF_DETERMINATION,
        ),
        Field(
            "belief",
            "What the officer believes, and why it is necessary",
            "textarea",
            required=False,
            length_max=BELIEF_MAX,
            may_be_empty=_OF_DETERMINATION,
        ),
    )


def _reach(policy: Policy) -> tuple[Field, ...]:
    return (
        Field(
            "accounts",
            "Account numbers, e-mail addresses or phone numbers",
            "textarea",
            required=False,
            length_max=_ACCOUNTS_MAX,
            hint=f"Of exactly those whom it names, one a line, at most {PERSONS_MAX}. The account"
            " number is kept, and nothing tells the customer that you looked.",
            may_be_empty=_UNLESS_INFORMAL,
        ),
        Field(
            "fields",
            "What it demands",
            "checks",
            required=False,
            length_max=_FIELDS_MAX,
            options=tuple(
                (each, label_of_customers(policy, "data", each))
                for each in demandable_fields(policy)
            ),
            hint="An order to preserve keeps these kinds alone, or every kind if you choose none;"
            " and rows of all times.",
            may_be_empty=_UNLESS_INFORMAL,
        ),
        Field(
            "preserves",
            "Preserve what it demands until it lapses",
            "tick",
            required=False,
            hint="Opens an order to preserve beside it, which is checked and approved like any"
            " other. Without one, what a customer deletes meanwhile is gone.",
        ),
    )


def _times() -> tuple[Field, ...]:
    def day(name: str, label: str, hint: str = "", may_be_empty: str = "optional") -> Field:
        return Field(
            name,
            label,
            "date",
            required=False,
            hint=hint,
            check=_check_day,
            may_be_empty=may_be_empty,
        )

    return (
        day("period_start", "Period: from", "Of what is kept as rows, such as calls."),
        day("period_end", "Period: to", "The last day of it."),
        day("starts", "In force from", may_be_empty=_UNLESS_INFORMAL),
        day(
            "ends",
            "Lapses after",
            "The last day on which something can be released under it.",
            _UNLESS_INFORMAL,
        ),
        day("deadline", "To be answered by"),
        day(
            "silence_end",
            "Forbids to tell until",
            "The last day of the silence, if it asks for it.",
        ),
    )


def read_demand(filled: Filled, zone: tzinfo) -> Demand:
    """What a form says; days are those of the provider's zone, and a last day is a whole one."""
    values: Mapping[str, str] = filled.values

    def start(name: str) -> datetime | None:
        text = values.get(name)
        return datetime.combine(date.fromisoformat(text), time(), zone) if text else None

    def end(name: str) -> datetime | None:
        text = values.get(name)
        if not text:
            return None
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), zone)

    return Demand(
        values.get("kind", ""),
        values.get("issuer", ""),
        values.get("reference", ""),
        values.get("recipient", ""),
        tuple(dict.fromkeys(_names(values.get("accounts", "")))),
        tuple(each for each in values.get("fields", "").split(", ") if each),
        start("starts"),
        end("ends"),
        start("period_start"),
        end("period_end"),
        end("deadline"),
        end("silence_end"),
        values.get("ground", ""),
        values.get("belief", ""),
        preserves=values.get("preserves") == "yes",
    )


def _names(text: str) -> Iterator[str]:
    """What accounts are named by, one a line; a phone number may be written with spaces.

    Several account numbers or addresses in a line are several.
    """
    for line in re.split(r"[\n\r,;]", text):
        words = line.split()
        if any("@" in each for each in words) or all(map(_WHOLE.fullmatch, words)):
            yield from words
        else:
            yield " ".join(words)


def approval_confirmation(
    policy: Policy, instrument: Instrument, day_of: Callable[[datetime], date]
) -> Confirmation:
    """What an approval does, before it is given."""
    return Confirmation(
        f"Approve instrument {short_reference(instrument.instrument_id)}?",
        (
            f"Accounts that it names: {instrument.persons}.",
            *reach_lines(policy, instrument, day_of),
            *_keeping_lines(instrument),
            "You say as a second person that it is valid, and reaches just this.",
        ),
        f"{DESK}/{instrument.instrument_id}/approve",
        "Approve it",
        f"{DESK}/{instrument.instrument_id}",
        grave=True,
        quotes=quote_clauses(policy, [clause_of(instrument)]),
    )


def _keeping_lines(instrument: Instrument) -> list[str]:
    """What an order to preserve has us leave, in a sentence."""
    if instrument.kind != PRESERVATION:
        return []
    return [_KEEPS_THESE if instrument.keeps else _KEEPS]


def refusal_confirmation(
    policy: Policy, instrument: Instrument, day_of: Callable[[datetime], date]
) -> Confirmation:
    """What refusing an instrument means, before it is refused."""
    del policy, day_of
    return _last_word(instrument, "refuse", "Refuse", "Nothing is released under it.")


def ending_confirmation(
    policy: Policy, instrument: Instrument, day_of: Callable[[datetime], date]
) -> Confirmation:
    """What ending an instrument means, before it ends."""
    del policy, day_of
    lines = ["It proves nothing from then on."]
    if instrument.kind == PRESERVATION:
        lines = ["What it alone keeps is deleted, and what waited for its end is done."]
    if instrument.silence_end:
        lines.append("That it forbids to tell stays as long as it says.")
    return _last_word(instrument, "end", "End", *lines)


def _last_word(instrument: Instrument, step: str, word: str, *lines: str) -> Confirmation:
    path = f"{DESK}/{instrument.instrument_id}"
    return Confirmation(
        f"{word} instrument {short_reference(instrument.instrument_id)}?",
        (
            f"{KIND_LABELS[instrument.kind]}, from {instrument.issuer}: {instrument.reference}.",
            *lines,
            "It cannot be taken back: a new instrument would be needed.",
        ),
        f"{path}/{step}",
        f"{word} it",
        path,
        grave=True,
    )


def release_confirmation(
    policy: Policy, instrument: Instrument, day_of: Callable[[datetime], date]
) -> Confirmation:
    """What a release does, before anything leaves."""
    return Confirmation(
        f"Release what instrument {short_reference(instrument.instrument_id)} demands?",
        (
            *reach_lines(policy, instrument, day_of),
            "Each customer's release is an entry of the ledger, which cannot be taken back.",
            f"You get a file to hand over, encrypted to {instrument.key}.",
            "Your browser keeps the file, and this page stays.",
            "To get it once more is another release.",
            _afterwards(instrument),
        ),
        f"{DESK}/{instrument.instrument_id}/release",
        "Release it",
        f"{DESK}/{instrument.instrument_id}",
        grave=True,
        quotes=quote_clauses(policy, [clause_of(instrument)]),
    )


def clause_of(instrument: Instrument) -> str:
    """The clause of the policy under which something is released, or kept."""
    if instrument.is_emergency:
        return "emergencies"
    own = {PRESERVATION: "retention", CLAIM: "legal-claims", DETERMINATION: "investigations"}
    return own.get(instrument.kind, "legal-process")


def grounds(policy: Policy) -> tuple[str, ...]:
    """The grounds of a determination that the policy has words for."""
    words = policy.program.vocabulary.tree("purpose")
    return tuple(each for each in GROUNDS if each in words)


def _afterwards(instrument: Instrument) -> str:
    """What follows a release."""
    if instrument.is_emergency:
        return "Somebody else of the legal desk reviews it afterwards."
    if instrument.silence_end:
        return "They are told once nothing forbids that."
    if instrument.purpose == "legal-process":
        return "They are told at once."
    return "They see the entry in their account."


def reach_lines(
    policy: Policy, instrument: Instrument, day_of: Callable[[datetime], date]
) -> list[str]:
    """What an instrument reaches, a sentence each."""
    lines = list[str]()
    is_kept = instrument.kind == PRESERVATION
    if is_kept and instrument.keeps:
        kept_kinds = ", ".join(label_of_customers(policy, "data", e) for e in instrument.keeps)
        lines.append(f"Kinds of information that are kept: {kept_kinds}.")
    elif is_kept:
        lines.append("Kinds of information: all that we hold of them is kept.")
    if instrument.ground:
        lines.append(f"Ground: {label_of_customers(policy, 'purpose', instrument.ground)}.")
    if instrument.fields and not is_kept:
        demand = ", ".join(label_of_customers(policy, "data", each) for each in instrument.fields)
        lines.append(f"Kinds of information: {demand}.")
    if instrument.recipient and not is_kept:
        lines.append(f"To whom: {label_of_customers(policy, 'party', instrument.recipient)}.")
    if (instrument.period_start or instrument.period_end) and not is_kept:
        since = format_day(day_of(instrument.period_start)) if instrument.period_start else "ever"
        until = last_day(instrument.period_end, day_of) if instrument.period_end else "now"
        lines.append(f"Of rows, those that came in from {since} to {until}.")
    if instrument.starts and instrument.ends:
        since = format_day(day_of(instrument.starts))
        lines.append(f"In force from {since} to {last_day(instrument.ends, day_of)}.")
    if instrument.deadline:
        lines.append(f"To be answered by {last_day(instrument.deadline, day_of)}.")
    if instrument.silence_end:
        lines.append(f"Nobody may be told until {last_day(instrument.silence_end, day_of)}.")
    return lines


def term_line(instrument: Instrument, now: datetime, day_of: Callable[[datetime], date]) -> str:
    """Why nothing is released under an approved instrument at a moment; empty where it can be."""
    if instrument.state != APPROVED or instrument.starts is None or instrument.ends is None:
        return ""
    if instrument.has_lapsed(now):
        return f"It lapsed after {last_day(instrument.ends, day_of)}: a new one reaches further."
    if now < instrument.starts:
        return f"It is in force from {format_day(day_of(instrument.starts))} on, and not before."
    return ""


def waiting_line(
    instrument: Instrument, user: User, now: datetime, undelivered: Collection[InstrumentId]
) -> str:
    """What of an instrument waits for a member of the legal desk; empty where nothing does."""
    if instrument.waits_for_review and instrument.may_be_reviewed_by(user.user_id):
        return "What was released in an emergency waits for your review."
    if instrument.has_lapsed(now):
        return ""
    if instrument.state == APPROVED and instrument.instrument_id in undelivered:
        return "What was released under an instrument was not delivered."
    if instrument.state == instrument.state_before_approval:
        is_other = instrument.may_be_approved_by(user.user_id)
        return "An instrument waits for a second person." if is_other else ""
    if instrument.state == OPEN and COUNSEL in user.roles:
        return "An instrument waits for counsel to check it."
    return ""


def last_day(end: datetime, day_of: Callable[[datetime], date]) -> str:
    """The last whole day before a moment."""
    return format_day(day_of(end - timedelta(microseconds=1)))


def _check_day(value: str) -> str:
    if not _EARLIEST <= date.fromisoformat(value) <= _LATEST:
        raise ValueError("Choose a year between 1990 and 2100.")
    return value
