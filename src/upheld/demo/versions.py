"""The versions of the policy in the demonstration: three were posted, and a draft waits.

The policy in force is the sample policy. Those before it, and the draft, are the same text with a
few words changed. Each is drafted by one manager and approved by the other, and posted on its day;
those who signed in since then have read it.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.demo.months import done, month_number
from upheld.gate.act.request import Refused
from upheld.gate.transaction import GateTransaction
from upheld.policy.analyse.compare import compare
from upheld.policy.load import Policy, load_text
from upheld.practices.versions import agreements, customer_decisions, customer_looks, drafts
from upheld.practices.versions.drafts import Draft

if TYPE_CHECKING:
    from upheld.demo.scenes import Scenes

SECOND_MONTH: Final = 12  # in which the second version was posted
AGREED_MONTH: Final = 20  # in which two customers got agreements of their own
POSTED_AGO: Final = 27  # days since the last posting, where the sample's own day does not fit
NOTICE_DAYS: Final = 60
LOOKED: Final = ("ann", "ruth", "kim", "dan", "eve", "flo", "lee", "gil", "may")  # and not Tom
_HOUR: Final = 9  # UTC, which is the same day where the provider is
_IMPROVING: Final = (
    "- to provide and improve our services; {#improving}",
    "may use activity, services, messages for service-improvement",
)
_REPORTS: Final = (
    "- for research and for anonymous reports, ours and those of clients, as",
    "may use profile, activity, services for research, reporting",
)
# What each has in place of words of the sample policy.
_SECOND: Final = (
    (
        _IMPROVING[0],
        "- to provide and improve our services, but not by what you write to us; {#improving}",
    ),
    (_IMPROVING[1], "may use activity, services for service-improvement"),
)
_FIRST: Final = (
    *_SECOND,
    (
        _REPORTS[0],
        "- for research, by your messages too, and for anonymous reports, ours and of clients, as",
    ),
    (_REPORTS[1], "may use profile, activity, services, messages for research, reporting"),
)
_DRAFT: Final = (
    (_IMPROVING[0], "- to provide and improve our services, by your interests too; {#improving}"),
    (_IMPROVING[1], "may use activity, services, messages, interests for service-improvement"),
)


class Texts(NamedTuple):
    """The texts of the versions in order, the last one in force, and of the draft."""

    posted: tuple[str, str, str]
    draft: str


def text_in_force(sample: str, today: date) -> str:
    """The sample policy, posted on the day that it says, if that is some weeks or days ago.

    Otherwise it says another day.
    """
    effective = date.fromisoformat(load_text(sample).front.effective)
    earliest = month_number(today, AGREED_MONTH + 1).first
    if earliest <= effective <= today - timedelta(days=7):
        return sample
    return _edited(sample, today - timedelta(days=POSTED_AGO))


def texts(in_force: str, today: date) -> Texts:
    """The versions, and the draft, of a demonstration that is built on a day."""
    return Texts(
        (
            _edited(in_force, month_number(today, 0).first, *_FIRST),
            _edited(in_force, month_number(today, SECOND_MONTH).first, *_SECOND),
            in_force,
        ),
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
        result = texts(self.years.policy.program.source, self.years.end.date())
        self.first, self.second = (load_text(each) for each in result.posted[:2])
        self.in_force, self.draft = self.years.policy, load_text(result.draft)
        gate = self.years.gate
        gate.context = gate.context.under(self.first)

    def plan(self) -> None:
        """Let all of it happen when it is its time."""
        years = self.years
        years.plan(_day(self.first), years.gate.take_first_version, 0)
        years.plan(_day(self.second), partial(self._post, self.first, self.second), _HOUR)
        years.plan_transaction(years.month(AGREED_MONTH).first, self._agree, 14)
        posted = _day(self.in_force)
        years.plan(posted, partial(self._post, self.second, self.in_force), _HOUR)
        years.plan(posted, self._write_about_it, 10)
        years.plan(posted + timedelta(days=1), self._look, 11)
        years.plan_transaction(years.ago(3), self._draft_next, 15)

    def _post(self, base: Policy, policy: Policy) -> None:
        """Let Max draft a version, Sara approve it, and Max post it."""
        gate = self.years.gate
        with gate.together() as transaction:
            draft = self._draft(transaction, base, policy, "max")
            drafts.approve(transaction, draft.draft_id, self.scenes.user("sara"))
            edition = drafts.post(transaction, draft.draft_id, self.scenes.user("max"))
            if isinstance(edition, Refused):
                done(edition)
        gate.refresh()

    def _draft(
        self, transaction: GateTransaction, base: Policy, policy: Policy, word: str
    ) -> Draft:
        user = self.scenes.user(word)
        return drafts.draft(transaction, policy, compare(base, policy), user)

    def _draft_next(self, transaction: GateTransaction) -> None:
        """Let Sara draft another version; it waits for a second person."""
        self._draft(transaction, self.in_force, self.draft, "sara")

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
