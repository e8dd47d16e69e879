"""Practice alarms: the record of how long each step took, and how their entries are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from upheld.practices.incidents.incidents import (
    APPROVAL,
    CLOSING,
    COUNT,
    DRAFT,
    NOTE,
    OPENING,
    Incident,
    IncidentStep,
)

SENTENCES: Final = {
    f"incident.drill-{OPENING}": "{actor} opened a practice alarm",
    f"incident.drill-{COUNT}": "{actor} counted whom a practice alarm would have touched",
    f"incident.drill-{DRAFT}": "{actor} wrote the notice of a practice alarm, which nobody is sent",
    f"incident.drill-{APPROVAL}": "{actor} approved the notice of a practice alarm, which nobody is"
    " sent",
    f"incident.drill-{NOTE}": "{actor} noted what was done in a practice alarm",
    f"incident.drill-{CLOSING}": "{actor} closed a practice alarm",
}
_UNITS: Final = ((24 * 60, "day"), (60, "hour"), (1, "minute"))


class DrillStep(NamedTuple):
    """A step of a practice alarm, and how long it took."""

    at: datetime
    step: str
    took: timedelta  # since the step before it; of the first, since the finding
    since: timedelta  # since the finding
    left: timedelta | None  # until the notices would have been owed; below zero past that


def drill_record(there: Incident, steps: Sequence[IncidentStep]) -> list[DrillStep]:
    """How long each step of a practice alarm took, and against which time; empty of a real one."""
    if not there.drill:
        return []
    before = [there.discovery, *(each.at for each in steps)]
    return [
        DrillStep(
            each.at,
            each.step,
            each.at - last,
            each.at - there.discovery,
            None if there.deadline is None else there.deadline - each.at,
        )
        for last, each in zip(before, steps, strict=False)
    ]


def in_words(span: timedelta) -> str:
    """How long something took, in its two largest units: 2 days 3 hours."""
    minutes = int(span.total_seconds()) // 60
    parts: list[str] = []
    for length, unit in _UNITS:
        number, minutes = divmod(minutes, length)
        if number or parts:
            parts.append(f"{number} {unit}{'' if number == 1 else 's'}" if number else "")
    return " ".join(filter(None, parts[:2])) or "less than a minute"


def left_in_words(left: timedelta | None) -> str:
    """How long before the notices would have been owed something was, or how long after."""
    if left is None:
        return "no notice would be owed"
    return f"{in_words(left)} left" if left >= timedelta() else f"{in_words(-left)} late"


def drill_outcome(there: Incident) -> str:
    """What a practice alarm came to, in one sentence; empty until its notice is approved."""
    if there.approved_at is None:
        return ""
    took = in_words(there.approved_at - there.discovery)
    if there.deadline is None:
        return f"The notice was approved {took} after the finding; our policy would owe nobody one."
    left = there.deadline - there.approved_at
    if left < timedelta():
        return f"The notice was approved {took} after the finding, {in_words(-left)} too late."
    return f"The notice was approved {took} after the finding, {in_words(left)} before it was owed."
