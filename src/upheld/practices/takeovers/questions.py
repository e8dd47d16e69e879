"""The forms of takeovers, and what is confirmed before a closing is approved."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time, tzinfo
from typing import Final

from upheld.practice.consequences import Confirmation, short_reference
from upheld.practices.takeovers.closing import (
    ACCOUNTS_MAX,
    ALL,
    APPROVED,
    DONE,
    ENDED,
    MERGER,
    MOVING,
    OPEN,
    REFERENCE_MAX,
    REFUSED,
    SALE,
    SCHEDULE,
    Closing,
    ClosingTerms,
)
from upheld.web.forms import Field, Filled
from upheld.web.pages import format_day

CONSOLE: Final = "/staff/takeovers"
CLAUSE: Final = "takeover"
DOCUMENT: Final = "document"
_EARLIEST: Final = date(1990, 1, 1)
_LATEST: Final = date(2100, 1, 1)
_NUMBER_MAX: Final = 20  # characters of an account number, with its line's end
STATES: Final = {
    OPEN: "waits for a second person",
    APPROVED: "approved, and not in effect yet",
    MOVING: "in effect",
    DONE: "done: the successor has all of it",
    REFUSED: "refused",
    ENDED: "ended",
}
KIND_LABELS: Final = {MERGER: "Merger or acquisition", SALE: "Sale of accounts"}
COVER_LABELS: Final = {ALL: "All accounts", SCHEDULE: "The accounts of a schedule"}


def _check_count(value: str) -> str:
    if not value.isascii() or not value.isdecimal():
        raise ValueError("Write the number in digits.")
    return value


RECEIPT: Final = (
    Field(
        "count",
        "How many accounts the successor has",
        length_max=9,
        autocomplete="off",
        check=_check_count,
    ),
    Field(
        "digest",
        "The digest of the manifest that it has",
        length_max=64,
        autocomplete="off",
        hint="64 hexadecimal digits, as the successor's own program printed them.",
    ),
)


def closing_fields(successors: Iterable[tuple[str, str]]) -> tuple[Field, ...]:
    """What is asked of whoever opens a closing; `successors` are those of the register."""
    return (
        Field("kind", "A merger or a sale", "select", options=tuple(KIND_LABELS.items())),
        Field(
            "successor",
            "Who takes over",
            "select",
            options=tuple(successors),
            hint="A company that the register of parties has as a successor.",
        ),
        Field(
            "reference",
            "Its reference",
            length_max=REFERENCE_MAX,
            hint="What the contract is called.",
        ),
        Field(
            "effective",
            "In effect from",
            "date",
            hint="Nothing goes to anybody before that day begins.",
            check=_check_day,
        ),
        Field("covers", "Which accounts", "select", options=tuple(COVER_LABELS.items())),
        Field(
            "accounts",
            "The schedule",
            "textarea",
            required=False,
            length_max=ACCOUNTS_MAX * _NUMBER_MAX,
            hint="The account numbers, one a line, exactly as in what was signed.",
            may_be_empty="not for all accounts",
        ),
    )


def read_terms(filled: Filled, zone: tzinfo) -> ClosingTerms:
    """What a form says; its day begins in the provider's zone."""
    values = filled.values
    return ClosingTerms(
        values["kind"],
        values["successor"],
        values["reference"],
        start_of(values["effective"], zone),
        values["covers"],
        tuple(re.findall(r"[^\s,;]+", values.get("accounts", ""))),
    )


def start_of(day: str, zone: tzinfo) -> datetime:
    """When a day begins; ValueError for what is no day, or one that is far off."""
    return datetime.combine(date.fromisoformat(_check_day(day)), time(), zone)


def approval_confirmation(closing: Closing, successor: str, day: date) -> Confirmation:
    """What approving a closing does, before it is done."""
    count = closing.accounts
    which = (
        "All accounts are"
        if closing.covers == ALL
        else f"{count:,} {'account is' if count == 1 else 'accounts are'}"
    )
    path = f"{CONSOLE}/{closing.closing_id}"
    return Confirmation(
        f"Approve that {successor} takes over?",
        (
            f"{which} transferred to {successor}, whole and once, from {format_day(day)} on.",
            "Whoever asked to be erased is erased first, and does not go.",
            "Each transfer is an entry of the ledger, and the customer is told of it.",
            "It cannot be taken back once it has gone.",
        ),
        f"{path}/approve",
        "Approve it",
        path,
        {"turn": str(closing.turn)},
        grave=True,
    )


def refusal_confirmation(closing: Closing, successor: str) -> Confirmation:
    """What refusing a closing means, before it is refused."""
    return _last_word(closing, successor, "refuse", "Refuse", "Nothing is transferred under it.")


def ending_confirmation(closing: Closing, successor: str) -> Confirmation:
    """What ending a closing means, before it ends."""
    lines = (
        "What has not gone does not go: those accounts stay here as they were.",
        "Whoever had gone was told so, and is handed over and closed all the same.",
    )
    return _last_word(closing, successor, "end", "End", *lines)


def _last_word(closing: Closing, successor: str, step: str, word: str, *lines: str) -> Confirmation:
    path = f"{CONSOLE}/{closing.closing_id}"
    return Confirmation(
        f"{word} closing {short_reference(closing.closing_id)}?",
        (
            f"{KIND_LABELS[closing.kind]}: {successor} takes over, by {closing.reference}.",
            *lines,
            "It cannot be taken back: a new closing would be needed.",
        ),
        f"{path}/{step}",
        f"{word} it",
        path,
        grave=True,
    )


def _check_day(value: str) -> str:
    if not _EARLIEST <= date.fromisoformat(value) <= _LATEST:
        raise ValueError("Choose a year between 1990 and 2100.")
    return value
