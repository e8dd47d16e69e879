"""What an advertiser booked: one advertisement for everybody, one for a group, one to be reviewed.

The first was seen and clicked, its days are reported with noise, and two customers reported it.
One that ran before is over: it was invoiced, and a part of that was taken back. Ann, who opted out,
sees the one for everybody; whoever is in the group sees theirs. In a demonstration of few customers
the group is too small, so that one is refused, as the policy says.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from upheld.core.company_names import company_name
from upheld.demo.months import MONTHS
from upheld.gate.transaction import GateTransaction
from upheld.practice import noise, parties
from upheld.practices.ads import ad_reports, campaigns, complaints, counts, estimates, invoices
from upheld.practices.ads.campaigns import CampaignBooking
from upheld.practices.staff import people

if TYPE_CHECKING:
    from upheld.demo.scenes import Scenes

SHOP: Final = "mill-lane-garden-shop"
DOMAIN: Final = "garden.example"
RUNS: Final = timedelta(days=120)
VIEWS_MAX: Final = 20_000
GROUP: Final = {"age-range": ["25-34", "35-44", "45-54"]}
_TITLE, _TEXT = "Bulbs for the spring", "Tulips and crocuses, delivered to your door in the valley."
_GROUP_TITLE, _GROUP_TEXT = "A garden bench for two", "Oak from the valley, built to order."
_NEW_TITLE, _NEW_TEXT = "Winter sale", "Pots and tools at half price until the new year."
_FIRST_TITLE, _FIRST_TEXT = "Pots for the window", "Clay from the valley, in ten sizes."
_FIRST_RUNS: Final = timedelta(days=20)
# On which day of its month that one was seen and clicked so often.
_FIRST_SEEN: Final = ((4, 1_180, 96), (9, 1_420, 133), (15, 1_060, 88))
_TAKEN_BACK: Final = 500  # cents
_REASON: Final = "Our pages did not load on the evening of the ninth."
# So many days ago an advertisement was seen and clicked so often.
_SEEN: Final = ((9, 1_240, 112), (6, 1_310, 158), (3, 980, 109), (1, 1_265, 161))


class Advertising:
    """The advertiser, who works for it, and what it booked."""

    def __init__(self, scenes: Scenes) -> None:
        self.scenes, self.years = scenes, scenes.years

    def plan(self) -> None:
        """Let all of it happen when it is its time."""
        years = self.years
        before = years.month(MONTHS - 3).first  # over on any day and in any zone
        years.plan_transaction(before, self._advertiser)
        years.plan_transaction(before, self._first_one, 18)
        for day, views, clicks in _FIRST_SEEN:
            a_day = partial(self._seen, views=views, clicks=clicks)
            years.plan_transaction(before + timedelta(days=day - 1), a_day, 20)
        after = years.month(MONTHS - 2).first
        years.plan_transaction(after + timedelta(days=1), self._invoice)
        years.plan_transaction(
            years.ago(28), lambda t: self._approved(t, _TITLE, _TEXT, "bulbs", {}), 10
        )
        years.plan_transaction(
            years.ago(27), lambda t: self._approved(t, _GROUP_TITLE, _GROUP_TEXT, "bench", GROUP)
        )
        for days, views, clicks in _SEEN:
            a_day = partial(self._seen, views=views, clicks=clicks)
            years.plan_transaction(years.ago(days), a_day, 20)
        years.plan_transaction(years.ago(4), self._complaint)
        years.plan_transaction(years.ago(0), self._report, 0)
        years.plan_transaction(
            years.ago(2), lambda t: self._book(t, _NEW_TITLE, _NEW_TEXT, "sale", {})
        )

    def _advertiser(self, transaction: GateTransaction) -> None:
        """Let Max put the shop on the register with its domain; Pia works for it."""
        parties.add(transaction, company_name(SHOP), campaigns.ADVERTISER)
        actor = f"staff {self.scenes.user('max')}"
        campaigns.keep_domain(transaction, SHOP, DOMAIN, actor=actor)
        user = people.add(transaction, "agent", "Pia Vale", "pia", roles=(), party=SHOP)
        self.scenes.let_in(transaction, user)

    def _book(
        self,
        transaction: GateTransaction,
        title: str,
        text: str,
        page: str,
        criteria: dict[str, list[str]],
        runs: timedelta = RUNS,
    ) -> campaigns.Campaign:
        today = transaction.clock.today()
        booking = CampaignBooking(
            title,
            text,
            f"https://{DOMAIN}/{page}",
            "garden",
            criteria,
            today,
            today + runs,
            VIEWS_MAX,
            cents=1_250,
        )
        actor = f"agent {self.scenes.user('pia')}"
        return campaigns.book(transaction, SHOP, booking, actor=actor)

    def _approved(
        self,
        transaction: GateTransaction,
        title: str,
        text: str,
        page: str,
        criteria: dict[str, list[str]],
    ) -> None:
        """Let Pia book an advertisement, and Max approve it; too small a group is refused.

        Without OpenDP nobody is counted, and one for a group waits.
        """
        its = self._book(transaction, title, text, page, criteria)
        if criteria and not noise.is_there():
            return
        actor = f"staff {self.scenes.user('max')}"
        estimates.review(transaction, its.campaign_id, approve=True, reason="", actor=actor)

    def _first_one(self, transaction: GateTransaction) -> None:
        """Let Pia book what runs for some days, and Max approve it."""
        its = self._book(transaction, _FIRST_TITLE, _FIRST_TEXT, "pots", {}, _FIRST_RUNS)
        actor = f"staff {self.scenes.user('max')}"
        estimates.review(transaction, its.campaign_id, approve=True, reason="", actor=actor)

    def _invoice(self, transaction: GateTransaction) -> None:
        """Invoice the month that is over, and let Max take a part of it back."""
        if not noise.is_there():
            return
        ad_reports.make(transaction)
        actor = f"staff {self.scenes.user('max')}"
        for its in invoices.issue(transaction):
            invoices.correct(transaction, its.number, _TAKEN_BACK, reason=_REASON, actor=actor)

    def _seen(self, transaction: GateTransaction, views: int, clicks: int) -> None:
        now = transaction.clock.now()
        for its in campaigns.every(transaction.tables, SHOP):
            if its.state == campaigns.APPROVED and its.begins <= now < its.ends:
                counts.add(transaction, its, views=views, clicks=clicks)

    def _complaint(self, transaction: GateTransaction) -> None:
        """Let two customers report what runs; nothing says who they are."""
        for its in campaigns.every(transaction.tables, SHOP):
            if its.title == _TITLE:
                for reason in ("misleading", "other"):
                    complaints.complain(transaction, its.campaign_id, reason)

    def _report(self, transaction: GateTransaction) -> None:
        """Report the days that are over, as the job does; without OpenDP none is."""
        if noise.is_there():
            ad_reports.make(transaction)
