"""Advertisements at the desk: managers write down domains, and review what was booked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.core.ids import CampaignId
from upheld.core.reason_text import reason_text
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.practice import bands, parties, privacy_budget
from upheld.practice.consequences import Banner, redirect_with_banner, short_reference
from upheld.practice.endpoints import Visit
from upheld.practice.noise import NoiseError
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import PendingAction, Provider
from upheld.practice.privacy_budget import BudgetError
from upheld.practices.ads import (
    ad_reports,
    anomalies,
    campaigns,
    complaints,
    estimates,
    forbidden,
    likeness,
    month_prices,
    names,
    pictures,
)
from upheld.practices.ads.advertiser import STATES, state_of
from upheld.practices.ads.campaigns import AdError, Campaign
from upheld.practices.ads.picking import Picking
from upheld.web.forms import EMPTY, Field, Filled, read

HERE: Final = "/staff/ads"
NAMES: Final = f"{HERE}/names"
VERDICT: Final = (
    Field(
        "verdict", "Your answer", "select", options=[("approve", "Approve"), ("refuse", "Refuse")]
    ),
    Field(
        "reason",
        "Reason",
        length_max=campaigns.REASON_MAX,
        hint="The advertiser reads it.",
        check=reason_text,
    ),
)

_TOPIC: Final = "it is about a sensitive topic"
_WHY_ANEW: Final = {
    campaigns.OUTDATED: "its group has to be counted anew",
    campaigns.TOO_SMALL: "too few people would see it",
}
STOPPING: Final = (
    Field(
        "why",
        "Why it is stopped",
        length_max=campaigns.REASON_MAX,
        hint="The advertiser reads it.",
        check=reason_text,
    ),
)


class AdDesk:
    """The pages of managers."""

    def __init__(self, provider: Provider, picking: Picking) -> None:
        self.provider, self.picking = provider, picking

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Every campaign, and the form for an advertiser's domain."""
        _manager(visit)

        def look(transaction: Transaction) -> dict[str, Any]:
            every, now = campaigns.every(transaction.tables), transaction.clock.now()
            hidden_kinds = month_prices.kinds_held_back(transaction)
            fields = _fields(transaction)  # which loads what companies are called
            return {
                "rows": [
                    (
                        each,
                        company_name(each.party),
                        state_of(each, now, hidden_kinds),
                        each.is_anew(now),
                    )
                    for each in every
                ],
                "complaints": complaints.waiting(transaction.tables),
                "odd": anomalies.all_odd(
                    transaction.tables, (c for c in every if c.state == campaigns.APPROVED)
                ),
                "fields": fields,
                "names": [each.state for each in names.every(transaction.tables)],
                "unnamed": names.to_be_asked(transaction),
            }

        words = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "ads/desk.html",
            status=status,
            filled=filled,
            missing=self._missing(),
            **words,
        )

    async def keep_domain(self, visit: Visit) -> Response:
        """Write down the domain of an advertiser."""
        actor = _manager(visit)

        def work(transaction: Transaction) -> Filled:
            filled = read(_fields(transaction), visit.form)
            if filled.ok:
                values = filled.values
                try:
                    campaigns.keep_domain(
                        transaction, values["party"], values["domain"], actor=actor
                    )
                except AdError as error:
                    return filled.wrong("domain", error.in_sentences())
            return filled

        filled = await self.provider.do(work)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        banner = Banner("It can book advertisements that lead to this domain.", "")
        return redirect_with_banner(self.provider, visit.session, HERE, banner)

    async def show_one(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One campaign as it was booked, and the form to answer."""
        _manager(visit)

        def look(transaction: Transaction) -> dict[str, Any]:
            its = _one(transaction.tables, visit)
            picture = pictures.find(transaction.tables, its.campaign_id)
            return {
                "its": its,
                "state": state_of(
                    its, transaction.clock.now(), month_prices.kinds_held_back(transaction)
                ),
                "report": ad_reports.totals_of(transaction, its),
                "odd": anomalies.odd(transaction.tables, its),
                "signs": likeness.signs(transaction, its),
                "why_not": estimates.why_not(transaction, its),
                "picture": picture,
                "speaks": forbidden.topics_of(transaction.tables, transaction.policy, its),
                "complaints": complaints.waiting(transaction.tables).get(its.campaign_id, []),
            }

        words = await self.provider.do(look)
        its: Campaign = words["its"]
        return self.provider.pages.page(
            visit.request,
            "ads/review.html",
            status=status,
            name=company_name(its.party),
            criteria=bands.describe(its.criteria),
            missing=self._missing() if its.criteria else "",
            is_anew=its.is_anew(self.provider.now()),
            is_over=its.is_over(self.provider.now()),
            outdated=campaigns.OUTDATED,
            too_small=campaigns.TOO_SMALL,
            fields=STOPPING if its.state == campaigns.APPROVED else VERDICT,
            filled=filled,
            **words,
        )

    def _missing(self) -> str:
        return privacy_budget.missing(self.provider.policy)

    async def picture(self, visit: Visit) -> Response:
        """The picture of a campaign."""
        _manager(visit)
        campaign_id = visit.request.path_params["campaign"]
        its = await self.provider.read(lambda tables: pictures.find(tables, campaign_id))
        if its is None:
            raise HTTPException(404)
        return pictures.response(its)

    async def review(self, visit: Visit) -> Response:
        """Approve or refuse a campaign."""
        actor = _manager(visit)
        its = await self.provider.read(lambda tables: _one(tables, visit))
        filled = read(VERDICT, visit.form)
        if not filled.ok:
            return await self.show_one(visit, filled, 422)
        approve, gate = filled.values["verdict"] == "approve", self.provider.gate.gate

        def work(transaction: Transaction) -> Campaign:
            return estimates.review(
                transaction,
                its.campaign_id,
                approve=approve,
                reason=filled.values["reason"],
                actor=actor,
            )

        try:
            if approve:
                await self.provider.run_in_thread(estimates.prepare, gate, its.campaign_id)
            its = await self.provider.do(work)
        except (AdError, BudgetError, NoiseError) as error:
            return await self.show_one(visit, filled.wrong("verdict", error.in_sentences()), 409)
        self.picking.forget_campaigns()
        text = f"This campaign is {STATES[its.state]}."
        banner = Banner(text, short_reference(its.campaign_id))
        return redirect_with_banner(
            self.provider, visit.session, f"{HERE}/{its.campaign_id}", banner
        )

    async def stop(self, visit: Visit) -> Response:
        """Stop a campaign that runs, for a reason; what customers reported of it is looked at."""
        actor, filled = _manager(visit), read(STOPPING, visit.form)
        if not filled.ok:
            return await self.show_one(visit, filled, 422)

        def work(transaction: Transaction) -> None:
            campaign_id = _one(transaction.tables, visit).campaign_id
            campaigns.stop(transaction, campaign_id, reason=filled.values["why"], actor=actor)
            complaints.close(transaction, campaign_id, actor=actor)

        return await self._change(visit, work, "It is no longer shown.", filled)

    async def resume(self, visit: Visit) -> Response:
        """Let a campaign run again that was stopped."""
        actor, gate = _manager(visit), self.provider.gate.gate
        which = (await self.provider.read(lambda tables: _one(tables, visit))).campaign_id
        try:
            await self.provider.run_in_thread(estimates.prepare, gate, which)
            its = await self.provider.do(lambda t: estimates.resume(t, which, actor=actor))
        except (AdError, BudgetError, NoiseError) as error:
            return await self.show_one(visit, EMPTY.wrong("why", error.in_sentences()), 409)
        runs = its.state == campaigns.APPROVED
        return self._changed(visit, which, "It runs again." if runs else f"{campaigns.TOO_SMALL}.")

    async def leave(self, visit: Visit) -> Response:
        """Leave a campaign stopped that was stopped for a new review."""
        actor = _manager(visit)

        def work(transaction: Transaction) -> None:
            campaign_id = _one(transaction.tables, visit).campaign_id
            campaigns.leave_stopped(transaction, campaign_id, actor=actor)

        return await self._change(visit, work, "It stays stopped.")

    async def close(self, visit: Visit) -> Response:
        """Leave a campaign as it is after a look at what customers reported of it."""
        actor = _manager(visit)

        def work(transaction: Transaction) -> None:
            its = _one(transaction.tables, visit)
            complaints.close(transaction, its.campaign_id, actor=actor)

        return await self._change(visit, work, "It stays as it is.")

    async def _change(
        self,
        visit: Visit,
        work: Callable[[Transaction], None],
        sentence: str,
        filled: Filled = EMPTY,
    ) -> Response:
        """Change a campaign, and say so on its page; 409 where it cannot be."""
        try:
            await self.provider.do(work)
        except AdError as error:
            return await self.show_one(visit, filled.wrong("why", error.in_sentences()), 409)
        return self._changed(visit, visit.request.path_params["campaign"], sentence)

    def _changed(self, visit: Visit, campaign_id: CampaignId, sentence: str) -> Response:
        """Lead to the page of a campaign that was changed, which says so."""
        self.picking.forget_campaigns()
        banner = Banner(sentence, short_reference(campaign_id))
        return redirect_with_banner(self.provider, visit.session, f"{HERE}/{campaign_id}", banner)

    def waiting(self, tables: Tables) -> list[PendingAction]:
        """What waits for a review, also anew, what customers reported, and names that wait."""
        result, every, now = [], campaigns.every(tables), self.provider.now()
        if any(each.state == campaigns.WAITING for each in every):
            action = PendingAction("An advertisement waits for a review.", "Review it", HERE)
            result.append(action)
        if complaints.waiting(tables):
            action = PendingAction("Customers reported an advertisement.", "Look at it", HERE)
            result.append(action)
        for why in sorted(
            {_WHY_ANEW.get(each.reason, _TOPIC) for each in every if each.is_anew(now)}
        ):
            action = PendingAction(f"An advertisement was stopped: {why}.", "Look at it", HERE)
            result.append(action)
        if any(each.state == names.WAITING for each in names.every(tables)):
            text = "An advertiser’s name that mentions a sensitive topic waits for a second person."
            result.append(PendingAction(text, "Look at it", NAMES))
        return result


def _fields(transaction: Transaction) -> tuple[Field, ...]:
    advertisers = [
        (each, company_name(each)) for each in parties.in_role(transaction, campaigns.ADVERTISER)
    ]
    return (
        Field("party", "Advertiser", "select", options=advertisers),
        Field("domain", "Domain", length_max=100, hint="Such as shop.example."),
    )


def _manager(visit: Visit) -> str:
    """Whoever manages, as an entry names them; 403 for everybody else."""
    if visit.user is None or MANAGER not in visit.user.roles:
        raise HTTPException(403)
    return f"staff {visit.user.user_id}"


def _one(tables: Tables, visit: Visit) -> Campaign:
    its = campaigns.find(tables, visit.request.path_params["campaign"])
    if its is None:
        raise HTTPException(404)
    return its
