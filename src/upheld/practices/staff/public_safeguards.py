"""The safeguards as anybody may see them: what is on, what is off, and what nobody knows.

The page is made from what the program knows, and tells no number that could tell of a person: ages
and counts are ranges. What is known is read again after a minute, however many look.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from upheld.gate.operations.safeguards import (
    LogCoverage,
    SafeguardState,
    keys_of,
    log_coverage,
    safeguard_state,
)
from upheld.practice.plugin import Provider

HERE: Final = "/privacy/safeguards"
ON, OFF, UNKNOWN = "on", "off", "unknown"
READ_AGAIN: Final = timedelta(minutes=1)
LOOK_LATE: Final = timedelta(days=2)  # a look through everything is to end within one
BACKUP_LATE: Final = timedelta(days=31)
AGES: Final = (
    (timedelta(days=1), "less than a day ago"),
    (timedelta(days=7), "between a day and a week ago"),
    (timedelta(days=31), "between a week and a month ago"),
    (timedelta(days=92), "between a month and three months ago"),
    (timedelta(days=365), "between three months and a year ago"),
)


class PublicSafeguard(NamedTuple):
    """One safeguard: on, off or unknown, and what that means."""

    state: str
    title: str
    text: str


class PublicSafeguards:
    """The page of the safeguards for anybody."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._latest: tuple[datetime, list[PublicSafeguard]] | None = None

    async def show(self, request: Request) -> Response:
        """Each safeguard with its state."""
        at, safeguards = await self._current()
        return self.provider.pages.page(
            request, "staff/public_safeguards.html", at=at, safeguards=safeguards
        )

    async def _current(self) -> tuple[datetime, list[PublicSafeguard]]:
        now = self.provider.gate.gate.clock.now()
        if self._latest is None or not timedelta() <= now - self._latest[0] < READ_AGAIN:
            self._latest = (
                now,
                await self.provider.run_in_thread(public_safeguards, self.provider, now),
            )
        return self._latest


def public_safeguards(provider: Provider, now: datetime) -> list[PublicSafeguard]:
    """Each safeguard as anybody may see it, read now."""
    gate = provider.gate.gate
    state, coverage = safeguard_state(gate), log_coverage(gate)
    return [
        PublicSafeguard(
            ON,
            "Encrypted at rest",
            "Every value that we hold is sealed under its person’s own key, and those keys"
            f" under a key that is itself sealed by a {keys_of(gate).master}. That key was last"
            f" renewed {age(now - state.key_since)}.",
        ),
        _on_the_way(secure=provider.secure),
        PublicSafeguard(
            ON,
            "Each look decided and entered",
            "Each read is decided by the policy in force, and entered in the ledger before"
            " anybody sees what was read.",
        ),
        _signed(coverage),
        _look(
            "Ledger verified",
            "All of the ledger was last read and compared with what was signed",
            now,
            state.log_verified,
            state.findings,
        ),
        _look(
            "Everything checked",
            "Every key, value and record was last opened and compared with the ledger",
            now,
            state.everything_checked,
            state.findings,
        ),
        _backup(now, state.last_backup),
        _duties(state, jobs=coverage.jobs),
        PublicSafeguard(
            UNKNOWN,
            "Locked rooms and written rules",
            "Our policy promises them. A program cannot see a door or a rule on paper, so this"
            " page cannot say whether they are kept.",
        ),
    ]


def age(passed: timedelta) -> str:
    """How long ago something was, as a range."""
    return next((text for limit, text in AGES if passed < limit), "more than a year ago")


def _on_the_way(*, secure: bool) -> PublicSafeguard:
    text = "You reach us over TLS, and our cookies are sent over nothing else."
    if not secure:
        text = "Our pages and cookies are not kept to TLS here."
    return PublicSafeguard(ON if secure else OFF, "Encrypted on the way", text)


def _signed(coverage: LogCoverage) -> PublicSafeguard:
    signed = coverage.covered is not None
    text = "Entries of the ledger are in a signed tree, which nobody can rewrite unnoticed."
    if not signed:
        text = "No entry of the ledger is covered by a signature yet."
    return PublicSafeguard(ON if signed else OFF, "Ledger signed", text)


def _look(
    title: str, what: str, now: datetime, ended: datetime | None, findings: int
) -> PublicSafeguard:
    if ended is None:
        return PublicSafeguard(UNKNOWN, title, "No check has finished yet.")
    text = f"{what} {age(now - ended)}."
    if findings:
        return PublicSafeguard(OFF, title, f"{text} Something was not as it should be.")
    if now - ended > LOOK_LATE:
        return PublicSafeguard(OFF, title, f"{text} That is longer ago than it should be.")
    return PublicSafeguard(ON, title, f"{text} Nothing was wrong.")


def _backup(now: datetime, last: datetime | None) -> PublicSafeguard:
    if last is None:
        text = "No backup is on record here. Whether there is one elsewhere, we cannot say."
        return PublicSafeguard(UNKNOWN, "Backup tried", text)
    text = (
        f"The last backup was begun {age(now - last)}. Each is put back into a copy and looked"
        " through before it is kept."
    )
    late = now - last > BACKUP_LATE
    return PublicSafeguard(OFF if late else ON, "Backup tried", text)


def _duties(state: SafeguardState, *, jobs: bool) -> PublicSafeguard:
    followed = "A process does what is due." if jobs else "No process does what is due right now."
    late = f"{str(state.late_range).capitalize()} duties are past their time"
    late += ", which may be none." if state.late_range.small else "."
    return PublicSafeguard(
        ON if jobs else OFF,
        "Duties followed",
        f"{followed} {late} We give no exact number, since it could tell of a person.",
    )
