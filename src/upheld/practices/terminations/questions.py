"""The forms of the desk, and what is confirmed before a decision is made or undone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from upheld.core.reason_text import reason_text
from upheld.policy.load import Policy
from upheld.practice.citations import quote_clauses
from upheld.practice.consequences import Confirmation
from upheld.practices.terminations.decisions import (
    ENDED,
    PLANNED,
    REFUSED,
    TEXT_MAX,
    UNDONE,
    Termination,
)
from upheld.web.forms import Field, Filled
from upheld.web.pages import format_day

DESK: Final = "/staff/terminations"
ALL: Final = "all"  # the word of the form for every service
AHEAD_MAX: Final = timedelta(days=366)
CLAUSE: Final = "termination"
STATES: Final = {
    PLANNED: "planned",
    ENDED: "ended",
    REFUSED: "no effect: the policy does not let us",
    UNDONE: "undone",
}
ANSWER: Final = Field(
    "text", "Your answer", "textarea", length_max=TEXT_MAX, missing="Write your answer."
)
WHY: Final = Field(
    "why",
    "Why it is undone",
    "textarea",
    length_max=TEXT_MAX,
    check=reason_text,
    hint="The customer reads it.",
    missing="Write why it is undone.",
)


def decision_fields(services: Mapping[str, str], today: date) -> tuple[Field, ...]:
    """What is asked of whoever decides; the days are those from today on."""

    def check_day(value: str) -> str:
        day = date.fromisoformat(value)
        if not today <= day <= today + AHEAD_MAX:
            raise ValueError("Choose today, or a day within a year.")
        return value

    return (
        Field("account", "Account number", length_max=40, autocomplete="off"),
        Field(
            "email",
            "Their e-mail address",
            "email",
            length_max=254,
            autocomplete="off",
            hint="Both must be theirs, so that a slip of the pen ends nobody else's services.",
        ),
        Field("service", "What ends", "select", options=((ALL, "All services"), *services.items())),
        Field("starts", "From when", "date", check=check_day),
        Field(
            "term",
            "Which term was broken",
            length_max=300,
            hint="In the words of the terms. The customer reads this, and what you write below.",
        ),
        Field("events", "What happened", "textarea", length_max=TEXT_MAX),
    )


def decision_confirmation(
    policy: Policy, filled: Filled, services: Mapping[str, str]
) -> Confirmation:
    """What a decision does, before it is made."""
    values = filled.values
    title = services.get(values["service"], "")
    what = f"Their service {title} ends" if title else "All their services end"
    day = format_day(date.fromisoformat(values["starts"]))
    return Confirmation(
        f"End services of account {values['account']}?",
        (
            f"{what} on {day}, and what they used until then is billed.",
            "They cannot order what ended until this decision is undone.",
            "They read the term and what happened in their account, and can answer.",
            "What we hold about them stays as protected as it is. They can still sign in.",
            f"The term: {values['term']}",
            f"What happened: {values['events']}",
        ),
        DESK,
        "End services",
        DESK,
        dict(filled.shown),
        grave=True,
        quotes=quote_clauses(policy, [CLAUSE]),
    )


def undo_confirmation(
    decision: Termination, why: str, reference: str, *, account_closed: bool, may_mail: bool
) -> Confirmation:
    """What undoing a decision does, before it is undone.

    `account_closed`: they closed their account; `may_mail`: the policy lets us send them a mail.
    """
    again = (
        "They can order again what ended; nothing is ordered for them."
        if decision.state == ENDED
        else "Their services continue."
    )
    if account_closed:
        again = "They closed their account, and it stays closed."
    reads = "They read why in their account."
    if not may_mail:
        reads = "They read why in their account; the policy lets us send them no mail about it."
    return Confirmation(
        f"Undo decision {reference}?",
        (again, reads, f"Why: {why}"),
        f"{DESK}/{decision.termination_id}/undo",
        "Undo the decision",
        f"{DESK}/{decision.termination_id}",
        {"why": why},
    )
