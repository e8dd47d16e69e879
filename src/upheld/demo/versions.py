"""The versions of the policy in the demonstration: three were posted, and a draft waits.

The policy in force is the sample policy with one clause struck. A court found that it was void: the
second version struck it, and it stays on the page since. The first version, and the draft, are the
same text with a few words changed. Each is drafted by one manager and approved by the other, and
posted on its day; those who signed in since then have read it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.demo import sample_policy
from upheld.demo.desks import TERMS_VERSION
from upheld.demo.months import done, month_number
from upheld.gate.act.request import Refused
from upheld.gate.transaction import GateTransaction
from upheld.policy.analyse.compare import compare
from upheld.policy.analyse.finding_note import with_finding
from upheld.policy.load import Policy, load_text
from upheld.practices.versions import (
    agreements,
    customer_decisions,
    customer_looks,
    drafts,
    findings,
)
from upheld.practices.versions.drafts import Draft
from upheld.practices.versions.findings import CourtFinding

if TYPE_CHECKING:
    from upheld.demo.scenes import Scenes

SECOND_MONTH: Final = 12  # in which the second version was posted
AGREED_MONTH: Final = 20  # in which two customers got agreements of their own
CLAUSE: Final = "ad-assumption"  # which the second version strikes
FOUND_BEFORE: Final = 9  # days before that
POSTED_AGO: Final = 27  # days since the last posting, where the sample's own day does not fit
NOTICE_DAYS: Final = 60
LOOKED: Final = ("ann", "ruth", "kim", "dan", "eve", "flo", "lee", "gil", "may")  # and not Tom
_WORDS: Final = (
    "Whoever looks at an advertisement, or clicks it, accepts nothing by that. The clause is void."
)
_HOUR: Final = 9  # UTC, which is the same day where the provider is
# The terms changed between the second posting and the third.
_TERMS: Final = (
    "part-of: Master Terms, version 1\n",
    f"part-of: Master Terms, version {TERMS_VERSION}\n",
)
_IMPROVING: Final = (
    "- to provide and improve our services; {#improving}",
    "may use activity, services, messages for service-improvement",
)
# What each has in place of words of the sample policy.
_FIRST: Final = (
    (
        _IMPROVING[0],
        "- to provide and improve our services, but not by what you write to us; {#improving}",
    ),
    (_IMPROVING[1], "may use activity, services for service-improvement"),
)
_DRAFT: Final = (
    (_IMPROVING[0], "- to provide and improve our services, by your interests too; {#improving}"),
    (_IMPROVING[1], "may use activity, services, messages, interests for service-improvement"),
)


class Texts(NamedTuple):
    """The texts of the first version and of the draft."""

    first: str
    draft: str


def finding(today: date) -> CourtFinding:
    """What a court found some days before the second version was posted."""
    day = month_number(today, SECOND_MONTH).first - timedelta(days=FOUND_BEFORE)
    return CourtFinding(
        CLAUSE, False, "Larch Valley District Court", day, f"case 118 of {day.year}", _WORDS
    )


def text_in_force(sample: str, today: date) -> str:
    """The sample policy with a clause struck, posted on the day that the sample policy says.

    If that day is not some weeks or days ago, it says another one.
    """
    policy = load_text(sample)
    front, note = policy.front, finding(today).note
    struck = with_finding(policy, CLAUSE, note, front.version, restore=False).program.source
    line = f"version: {front.version}\n"
    text = struck.replace(line, f"{line}effective: {front.effective}\n", 1)
    text = text.replace(*_TERMS, 1)
    earliest = month_number(today, AGREED_MONTH + 1).first
    if earliest <= date.fromisoformat(front.effective) <= today - timedelta(days=7):
        return text
    return _edited(text, today - timedelta(days=POSTED_AGO))


def texts(sample: str, in_force: str, today: date) -> Texts:
    """The first version, and the draft, of a demonstration that is built on a day."""
    return Texts(
        _edited(sample, month_number(today, 0).first, *_FIRST),
        _edited(in_force, today + timedelta(days=NOTICE_DAYS), *_DRAFT),
    )


def _edited(text: str, day: date, *changes: tuple[str, str]) -> str:
    """The text of a version of a day, with some words in place of others."""
    for word in ("version", "effective"):
        text = re.sub(rf"^{word}: .*$", f"{word}: {day}", text, count=1, flags=re.MULTILINE)
    for old, new in changes:
        if text.count(old) != 1:
            raise UpheldError(
                f"the demonstration cannot be built: the sample policy has no “{old}”",
                code="demo",
                hint="the sample policy was changed; take it as it came",
            )
        text = text.replace(old, new)
    return text


class Versions:
    """Drafting, approving and posting, each on its day, and what came of it with customers."""

    def __init__(self, scenes: Scenes) -> None:
        """The first version decides from now on."""
        self.scenes, self.years = scenes, scenes.years
        today, self.in_force = self.years.end.date(), self.years.policy
        sample = sample_policy().read_text(encoding="utf-8")
        result = texts(sample, self.in_force.program.source, today)
        self.first, self.draft = load_text(result.first), load_text(result.draft)
        self.second_day = self.years.month(SECOND_MONTH).first
        self.outlook = findings.preview(self.first, finding(today), (), self.second_day)
        self.second = self.outlook.policy
        gate = self.years.gate
        gate.context = gate.context.under(self.first)

    def plan(self) -> None:
        """Let all of it happen when it is its time."""
        years = self.years
        years.plan(_day(self.first), years.gate.take_first_version, 0)
        years.plan(self.second_day, partial(self._post, self._strike), _HOUR)
        years.plan_transaction(years.month(AGREED_MONTH).first, self._agree, 14)
        posted = _day(self.in_force)
        years.plan(posted, partial(self._post, self._draft_last), _HOUR)
        years.plan(posted, self._write_about_it, 10)
        years.plan(posted + timedelta(days=1), self._look, 11)
        years.plan_transaction(years.ago(3), self._draft_next, 15)

    def _post(self, draft: Callable[[GateTransaction], Draft]) -> None:
        """Let Max draft a version, Sara approve it, and Max post it."""
        gate = self.years.gate
        with gate.together() as transaction:
            draft_id = draft(transaction).draft_id
            drafts.approve(transaction, draft_id, self.scenes.user("sara"))
            edition = drafts.post(transaction, draft_id, self.scenes.user("max"))
            if isinstance(edition, Refused):
                done(edition)
        gate.refresh()

    def _strike(self, transaction: GateTransaction) -> Draft:
        """Let Max record the finding, of which the second version is made."""
        by = self.scenes.user("max")
        return findings.record(transaction, self.outlook, by, accept_widening=False)

    def _draft_last(self, transaction: GateTransaction) -> Draft:
        """Let Max draft the version that is in force now."""
        comparison = compare(self.second, self.in_force)
        return drafts.draft(transaction, self.in_force, comparison, self.scenes.user("max"))

    def _draft_next(self, transaction: GateTransaction) -> None:
        """Let Sara draft another version; it waits for a second person."""
        comparison = compare(self.in_force, self.draft)
        drafts.draft(transaction, self.draft, comparison, self.scenes.user("sara"))

    def _agree(self, transaction: GateTransaction) -> None:
        """Let Gil's own agreement ask for notice of a change, and Tom's for his approval.

        Both were made about the version that was in force then.
        """
        gil, tom = self.scenes.id("gil"), self.scenes.id("tom")
        agreements.agree(transaction, gil, agreements.NOTICE, NOTICE_DAYS)
        agreements.agree(transaction, tom, agreements.APPROVAL)
        agreements.give_notice_of(transaction, gil, self.second.digest, self.years.clock.at, 0)
        customer_decisions.approve_change(transaction, tom, self.second.digest)

    def _write_about_it(self) -> None:
        """Write to those two, and note that it was sent."""
        for _ in range(2):
            self.years.jobs["version-notices"].run(self.years.gate)
            self.years.deliver()

    def _look(self) -> None:
        """Let those who sign in read what changed, if they were here then."""
        number = len(self.years.gate.context.editions)
        with self.years.gate.together() as transaction:
            for word in LOOKED:
                if self.scenes.id(word):
                    customer_looks.note_look(transaction, self.scenes.id(word), number)


def _day(policy: Policy) -> date:
    return date.fromisoformat(policy.front.effective)
