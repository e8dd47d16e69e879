"""Findings of courts and authorities: a clause that is void is struck, or comes back by another.

What a finding makes is a draft as any other: a second person approves it, and it is posted. Its
bytes are the version in force with the mark of the clause changed, and with a note behind it that
says who found what, and when.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import DraftId, UserId
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.compare import Comparison, compare
from upheld.policy.analyse.finding_note import beginning_of, one_line, with_finding
from upheld.policy.analyse.sever import changed_examples
from upheld.policy.load import Policy
from upheld.practices.versions import drafts
from upheld.practices.versions.drafts import Draft, DraftError
from upheld.practices.versions.tables import severing
from upheld.web.pages import format_day

SHORT_MAX: Final = 120  # characters of a court and of a reference
WORDS_MAX: Final = 2_000


class CourtFinding(NamedTuple):
    """What was found about a clause; `restores` where it comes back by it."""

    clause: str
    restores: bool
    court: str
    day: date
    reference: str
    words: str

    @property
    def note(self) -> str:
        """What stands behind the clause in the policy, as plain text."""
        effect = "restored" if self.restores else "struck"
        return (
            f"{beginning_of(self.clause)}was {effect} on {format_day(self.day)} by a finding of"
            f" {self.court}, {self.reference}: {self.words}"
        )


class FindingPreview(NamedTuple):
    """The version that a finding would make, what it decides otherwise, and by which examples."""

    finding: CourtFinding
    policy: Policy
    comparison: Comparison
    examples: tuple[str, ...]

    @property
    def needs_consent_to_widening(self) -> bool:
        """Whether striking the clause would allow more than before."""
        return not self.finding.restores and bool(self.comparison.widening)


class RecordedFinding(NamedTuple):
    """A finding, and the draft that came of it."""

    finding: CourtFinding
    draft: Draft


def finding_of(clause: str, values: dict[str, str], today: date, *, restores: bool) -> CourtFinding:
    """A finding as it can stand in the policy; DraftError for what cannot.

    `values` are the court, the day (as 2026-03-12), the reference and the words.
    """
    lines = {}
    for name, most in (("court", SHORT_MAX), ("reference", SHORT_MAX), ("words", WORDS_MAX)):
        try:
            lines[name] = one_line(values.get(name, ""))
        except ValueError as error:
            raise _error(name, f"the {name} of a finding cannot be read by everybody") from error
        if not lines[name] or len(lines[name]) > most:
            raise _error(name, f"a finding has a {name} of at most {most} characters")
    try:
        day = date.fromisoformat(values.get("day", ""))
    except ValueError:
        raise _error("day", "a finding has a day, as 2026-03-12") from None
    if day > today:
        raise _error("day", "a finding is of today or of an earlier day")
    return CourtFinding(clause.removeprefix("#"), restores, day=day, **lines)


def _error(name: str, text: str) -> DraftError:
    hint = {
        "court": "say who found it",
        "reference": "say under which reference it can be looked up",
        "words": "write what was found, in letters that can be seen",
        "day": "write the day of the finding",
    }
    return DraftError(text, code="sever-finding", hint=hint[name])


def preview(
    policy: Policy, finding: CourtFinding, versions: Collection[str], today: date
) -> FindingPreview:
    """What a finding would make of the version in force, named so that no version is called so.

    It reads and compares the whole policy, so it is worked out before a transaction.
    """
    try:
        number, name = 1, today.isoformat()
        while name in versions:
            number += 1
            name = f"{today.isoformat()}.{number}"
        new = with_finding(policy, finding.clause, finding.note, name, restore=finding.restores)
    except DraftError:
        raise
    except UpheldError as error:
        raise DraftError(str(error), code=error.code, hint=error.hint) from error
    return FindingPreview(finding, new, compare(policy, new), changed_examples(policy, new))


def versions_posted(transaction: Transaction) -> list[str]:
    """What the versions that were posted are called."""
    return [each.version for each in transaction.editions.all()]


def record(
    transaction: Transaction, outlook: FindingPreview, by: UserId, *, accept_widening: bool
) -> Draft:
    """Record a finding with the draft that it makes, by somebody who may draft.

    DraftError where more would be allowed and nobody agreed to that.
    """
    require_consent(outlook, accept_widening=accept_widening)
    new = drafts.draft(transaction, outlook.policy, outlook.comparison, by)
    finding = outlook.finding
    transaction.tables.insert(
        severing,
        draft_id=new.draft_id,
        clause=finding.clause,
        restores=finding.restores,
        court=finding.court,
        day=finding.day.isoformat(),
        reference=finding.reference,
        words=finding.words.encode(),
    )
    return new


def require_consent(outlook: FindingPreview, *, accept_widening: bool) -> None:
    """DraftError where more would be allowed and nobody agreed to that, with the first of it."""
    if outlook.needs_consent_to_widening and not accept_widening:
        first = outlook.comparison.widening[0].text
        raise DraftError(
            f"without #{outlook.finding.clause} more would be allowed ({first})",
            code="sever-widens",
            hint="strike what it limits instead, or accept that more is allowed",
        )


def findings(tables: Tables) -> list[RecordedFinding]:
    """Every finding with its draft, the latest first."""
    by_draft = {each.draft_id: each for each in drafts.drafts(tables)}
    rows = tables.select(severing, "ORDER BY draft_id")
    result = [
        RecordedFinding(
            CourtFinding(
                row.clause,
                row.restores,
                row.court,
                date.fromisoformat(row.day),
                row.reference,
                row.words.decode(),
            ),
            by_draft[row.draft_id],
        )
        for row in rows
        if row.draft_id in by_draft
    ]
    return sorted(result, key=lambda each: each.draft.drafted_at, reverse=True)


def finding_of_draft(tables: Tables, draft_id: DraftId) -> CourtFinding | None:
    """The finding that made a draft; None where somebody wrote it."""
    return next(
        (each.finding for each in findings(tables) if each.draft.draft_id == draft_id), None
    )
