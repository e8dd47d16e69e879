"""The forms of the legal desk, and what is confirmed before anything is approved or released."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from upheld.policy.load import Policy
from upheld.policy.words import Words
from upheld.practice.citations import quote_clauses
from upheld.practice.consequences import Confirmation, short_reference
from upheld.practices.legal.demands import (
    INFORMAL,
    PRESERVATION,
    Demand,
    demandable_fields,
    recipients,
)
from upheld.practices.legal.instruments import APPROVED, CHECKED, ENDED, OPEN, REFUSED, Instrument
from upheld.web.forms import Field, Filled
from upheld.web.pages import format_day

DESK: Final = "/staff/legal"
DOCUMENT: Final = "document"
CLAUSE: Final = "legal-process"
_ACCOUNTS_MAX: Final = 8_000  # characters
_EARLIEST: Final = date(1990, 1, 1)
_LATEST: Final = date(2100, 1, 1)
STATES: Final = {
    OPEN: "waits for counsel",
    CHECKED: "checked; waits for a second person",
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
    INFORMAL: "Informal request, without force",
}
REFUSAL: Final = (
    "We give nothing about our customers, and do not say whether somebody is one, unless a"
    " subpoena, a court order, a warrant or other legal process obliges us to. Our policy says so,"
    " and it binds us. If you have such process, send it to our legal desk: we give exactly what"
    " it demands. Where somebody's safety is under threat, say so."
)
"""What an informal request is answered by."""


def demand_fields(policy: Policy) -> tuple[Field, ...]:
    """What is asked of whoever opens an instrument."""
    words = Words(policy.program)

    def day(name: str, label: str, hint: str = "") -> Field:
        return Field(name, label, "date", required=False, hint=hint, check=_check_day)

    return (
        Field("kind", "What it is", "select", options=tuple(KIND_LABELS.items())),
        Field("issuer", "Who issued it", length_max=200, hint="The court, authority or office."),
        Field(
            "reference", "Its reference", hint="The number or name of the case, as they write it."
        ),
        Field(
            "recipient",
            "To whom it is given",
            "select",
            required=False,
            options=tuple((each, words.term("party", each)) for each in recipients(policy)),
        ),
        Field(
            "accounts",
            "Account numbers",
            "textarea",
            required=False,
            length_max=_ACCOUNTS_MAX,
            hint="Of exactly those whom it names, one a line.",
        ),
        Field(
            "fields",
            "What it demands",
            "checks",
            required=False,
            length_max=_ACCOUNTS_MAX,
            options=tuple((each, words.term("data", each)) for each in demandable_fields(policy)),
        ),
        day("period_start", "Period: from", "Of what is kept as rows, such as calls."),
        day("period_end", "Period: to", "The last day of it."),
        day("starts", "In force from"),
        day("ends", "Lapses after", "The last day on which something can be released under it."),
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
        tuple(dict.fromkeys(re.split(r"[\s,;]+", values.get("accounts", "").strip()))),
        tuple(each for each in values.get("fields", "").split(", ") if each),
        start("starts"),
        end("ends"),
        start("period_start"),
        end("period_end"),
        end("deadline"),
        end("silence_end"),
    )


def approval_confirmation(
    policy: Policy, instrument: Instrument, day_of: Callable[[datetime], date]
) -> Confirmation:
    """What an approval does, before it is given."""
    return Confirmation(
        f"Approve instrument {short_reference(instrument.instrument_id)}?",
        (
            f"Accounts that it names: {instrument.persons}.",
            *reach_lines(policy, instrument, day_of),
            "You say as a second person that the document demands just this, and is valid.",
        ),
        f"{DESK}/{instrument.instrument_id}/approve",
        "Approve it",
        f"{DESK}/{instrument.instrument_id}",
        grave=True,
        quotes=quote_clauses(policy, [CLAUSE]),
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
            "You get a file to hand over. To get it once more is another release.",
            "They are told once nothing forbids that."
            if instrument.silence_end
            else "They are told at once.",
        ),
        f"{DESK}/{instrument.instrument_id}/release",
        "Release it",
        f"{DESK}/{instrument.instrument_id}",
        grave=True,
        quotes=quote_clauses(policy, [CLAUSE]),
    )


def reach_lines(
    policy: Policy, instrument: Instrument, day_of: Callable[[datetime], date]
) -> list[str]:
    """What an instrument reaches, a sentence each."""
    words, lines = Words(policy.program), list[str]()
    if instrument.fields:
        demand = ", ".join(words.term("data", each) for each in instrument.fields)
        lines.append(f"What it demands: {demand}.")
    if instrument.recipient:
        lines.append(f"To whom: {words.term('party', instrument.recipient)}.")
    if instrument.period_start or instrument.period_end:
        since = format_day(day_of(instrument.period_start)) if instrument.period_start else "ever"
        until = _last_day(instrument.period_end, day_of) if instrument.period_end else "now"
        lines.append(f"Of rows, those that came in from {since} to {until}.")
    if instrument.starts and instrument.ends:
        since = format_day(day_of(instrument.starts))
        lines.append(f"In force from {since} to {_last_day(instrument.ends, day_of)}.")
    if instrument.deadline:
        lines.append(f"To be answered by {_last_day(instrument.deadline, day_of)}.")
    if instrument.silence_end:
        lines.append(f"Nobody may be told until {_last_day(instrument.silence_end, day_of)}.")
    return lines


def _last_day(end: datetime, day_of: Callable[[datetime], date]) -> str:
    """The last whole day before a moment."""
    return format_day(day_of(end - timedelta(microseconds=1)))


def _check_day(value: str) -> str:
    if not _EARLIEST <= date.fromisoformat(value) <= _LATEST:
        raise ValueError("Choose a year between 1990 and 2100.")
    return value
