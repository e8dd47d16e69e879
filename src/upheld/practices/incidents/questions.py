"""The forms of the console, and what is confirmed before an incident is opened or a notice sent.

Of a practice alarm each of these says that it is one, and that nobody is written to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Final

from upheld.core.ids import UserId
from upheld.gate.operations.misuse import BACKUP, KEY, PARTNER, STAFF, TABLE, TIME
from upheld.practice.consequences import Confirmation
from upheld.practices.incidents.incidents import (
    APPROVAL,
    APPROVED,
    CLOSED,
    CLOSING,
    COUNT,
    COUNTED,
    COUNTING,
    DRAFT,
    DRAFTED,
    NOTE,
    OPENING,
    TEXT_MAX,
    Incident,
)
from upheld.web.forms import Field, Filled
from upheld.web.pages import format_time

CONSOLE: Final = "/staff/incidents"
CLAUSE: Final = "breach"
KINDS: Final = {
    STAFF: "The account of a member of staff",
    PARTNER: "A company on the register",
    KEY: "A key: an epoch of the keyring",
    TABLE: "A table of the database",
    BACKUP: "A backup",
    TIME: "All that anybody did in a span of time",
}
STATES: Final = {
    COUNTING: "being counted",
    COUNTED: "counted, and without a notice",
    DRAFTED: "a notice waits for a second person",
    APPROVED: "the notice is approved",
    CLOSED: "closed",
}
SENT: Final = "the notices are sent"  # approved, and nobody waits for theirs any more
PRACTISED: Final = "the notice is approved, and nobody is written to"  # of a practice alarm
DRILL: Final = "Practice alarm"
REAL, PRACTICE = "real", "drill"
STEPS: Final = {
    OPENING: "Opened",
    COUNT: "Counted",
    DRAFT: "Notice written",
    APPROVAL: "Notice approved",
    NOTE: "Noted",
    CLOSING: "Closed",
}
NOTICE: Final = Field(
    "notice",
    "The notice",
    "textarea",
    length_max=TEXT_MAX,
    hint="Each of them reads it: what happened, what may come of it, what you do about it, what"
    " they can do, and whom they can ask. The kinds of information stand below it by themselves.",
    missing="Write the notice.",
)
REMARK: Final = Field(
    "remark",
    "What was done",
    "textarea",
    length_max=TEXT_MAX,
    hint="For us and for an authority. Customers do not read it; name none of them.",
    missing="Write what was done.",
)


def read_moment(value: str, zone: tzinfo, *, is_end: bool = False) -> datetime:
    """A moment as a form or a command says it; ValueError for anything else.

    Of a time that is there twice, as when clocks are put back, the first, or of an end the second.
    """
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("Write it as 2026-03-11 16:20.") from None
    if moment.tzinfo:
        return moment
    both = [moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    return (max if is_end else min)(both, key=datetime.timestamp)


def through_its_minute(end: datetime, now: datetime) -> datetime:
    """The last moment of the minute that somebody wrote as an end, and none that is to come.

    Forms have no seconds: what was done in that minute is part of it.
    """
    whole = end.replace(second=59, microsecond=999_999) if end.second == 0 else end
    return max(end, min(whole, now))


def incident_fields(zone: tzinfo) -> tuple[Field, ...]:
    """What is asked of whoever opens an incident."""

    def moment(name: str, label: str, hint: str = "") -> Field:
        def check_moment(value: str) -> str:
            return read_moment(value, zone, is_end=name == "until").isoformat()

        return Field(name, label, "datetime-local", length_max=40, hint=hint, check=check_moment)

    return (
        Field(
            "real",
            "Did it happen?",
            "select",
            options=(
                (REAL, "Yes, it happened"),
                (PRACTICE, "No, it is a practice alarm: nobody is written to"),
            ),
            hint="It stays what you choose: neither is ever turned into the other.",
            missing="Say whether it happened, or is practised.",
        ),
        Field("kind", "What was misused", "select", options=tuple(KINDS.items())),
        Field(
            "subject",
            "Which one",
            required=False,
            length_max=100,
            autocomplete="off",
            hint="The name by which they sign in, the company, the number of the epoch, the name"
            " of the table, or the id of the backup. None where you know the time alone.",
            may_be_empty="not for a span of time",
        ),
        moment("since", "From when"),
        moment("until", "Until when"),
        moment(
            "discovery", "When was it found", "From then on the time runs in which people are told."
        ),
    )


def what_in_words(kind: str, subject: str) -> str:
    """What was misused: of which kind it is and, if it has one, its name."""
    return f"{KINDS[kind]}: {subject}" if subject else KINDS[kind]


def opening_confirmation(filled: Filled, zone: tzinfo) -> Confirmation:
    """What opening an incident does, before it is opened."""
    values = filled.values
    since, until, discovery = (
        format_time(datetime.fromisoformat(values[each]).astimezone(zone))
        for each in ("since", "until", "discovery")
    )
    what = (
        f"{what_in_words(values['kind'], values.get('subject', ''))}, from {since} until {until}."
    )
    if values["real"] == PRACTICE:
        return Confirmation(
            "Open this practice alarm?",
            (
                what,
                "The ledger says how many people that would have touched; of none is it recorded.",
                f"From {discovery} on, the time runs in which each would be owed a notice.",
                "Nobody is ever written to, and it never becomes a real incident.",
            ),
            CONSOLE,
            "Open the practice alarm",
            CONSOLE,
            dict(filled.shown),
        )
    return Confirmation(
        "Open this incident?",
        (
            what,
            "The ledger says whose data that touched. A breach is recorded of each of them.",
            f"From {discovery} on, the time runs in which the policy owes each of them a notice.",
            "Nobody is written to before a second person has approved the notice.",
        ),
        CONSOLE,
        "Open the incident",
        CONSOLE,
        dict(filled.shown),
        grave=True,
    )


def waiting_line(there: Incident, user_id: UserId) -> str:
    """What of an incident waits for a member of staff; empty where nothing does."""
    what = "A practice alarm" if there.drill else "An incident"
    if there.state == COUNTED and there.people:
        return f"{what} waits for its notice to be written."
    if there.state == DRAFTED and there.drafted_by != user_id:
        return f"{what} waits for a second person, who approves its notice."
    return ""


def approval_confirmation(
    there: Incident, people: int, reference: str, hidden: Mapping[str, str]
) -> Confirmation:
    """What approving a notice does, before it is sent."""
    path = f"{CONSOLE}/{there.incident_id}"
    whom = f"{people:,} {'person' if people == 1 else 'people'}"
    if there.drill:
        return Confirmation(
            f"Approve the notice of practice alarm {reference}?",
            (
                f"Nobody is written to. It would have been sent to {whom}.",
                f"The notice: {there.notice}",
            ),
            f"{path}/approve",
            "Approve it",
            path,
            hidden,
        )
    return Confirmation(
        f"Send the notice of incident {reference}?",
        (
            f"It is sent to {whom}, and each also finds it in their account.",
            "It cannot be taken back.",
            f"The notice: {there.notice}",
        ),
        f"{path}/approve",
        "Approve and send",
        path,
        hidden,
        grave=True,
    )
