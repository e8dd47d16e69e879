"""What a customer reads about an advertisement, and the click, which tells nobody anything."""

from __future__ import annotations

from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import bands
from upheld.practice.citations import Quote, quote_decision
from upheld.practice.consequences import Banner, redirect_with_banner
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practices.ads import (
    audience,
    campaigns,
    complaints,
    counts,
    hides,
    month_prices,
    pictures,
)
from upheld.practices.ads.campaigns import Campaign
from upheld.practices.ads.periods import kind_of
from upheld.practices.ads.picking import Picking
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.kit import HEADLESS
from upheld.web.pages import KEEP_OUT

HERE: Final = "/me/ads"
FIELDS: Final = bands.fields_of(dict.fromkeys(bands.FIELD_OF, ()))
READ: Final = Act(
    action="view", data=FIELDS, actor="customer", purpose="rights-request", partial=True
)
TELLING: Final = Act(
    action="share",
    data=("email",),
    recipient=campaigns.ADVERTISER,
    purpose="advertising",
    occasion="ad-click",
)
_SOURCES: Final = {
    audience.PARTNERS: ("See what partners told us", "/me/privacy/transactions"),
    audience.VISITS: ("See your visits", "/me/privacy/visits"),
}
COMPLAINT: Final = (
    Field("reason", "What is wrong with it", "select", options=[*complaints.REASONS.items()]),
)


class AdPages:
    """The pages of customers."""

    def __init__(self, provider: Provider, picking: Picking) -> None:
        self.provider, self.picking = provider, picking

    async def show(self, visit: Visit) -> Response:
        """What we would use about them for advertisements, and whether we may now."""

        def look(transaction: Transaction) -> dict[str, Any]:
            result = transaction.act(READ, visit.subject, entitled=True)
            values = (
                {}
                if isinstance(result, Refused)
                else {name: value.value for name, value in result.values.items()}
            )
            today = transaction.clock.today()
            mine = {**audience.MaskMaker(transaction.policy, today).of(values)}
            is_young = bool(values.get(bands.BORN)) and not mine  # no band has anybody so young
            if mine and not isinstance(result, Refused):
                others = [each for each in FIELDS if each not in result.refused]
                mine |= audience.activities_of(transaction, [visit.subject], others)[visit.subject]
            return {
                "bands": [
                    (*bands.describe({dimension: sorted(words)}), *_where_it_is_from(dimension))
                    for dimension, words in mine.items()
                    if words
                ],
                "is_young": is_young,
                "hidden": len(hides.hidden_from(transaction, visit.subject)),
                **self._grounds(transaction, visit, _open_fields(transaction)),
            }

        words = await self.provider.do(look)
        return self.provider.pages.page(visit.request, "ads/mine.html", **words)

    async def show_why(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Why they see an advertisement, and what its advertiser may suppose and does not learn."""

        def look(transaction: Transaction) -> dict[str, Any]:
            its = _readable(
                campaigns.find(transaction.tables, visit.request.path_params["campaign"])
            )
            return {
                "its": its,
                "name": company_name(its.party),
                "criteria": bands.describe(its.criteria),
                **self._grounds(transaction, visit, bands.fields_of(its.criteria)),
            }

        words = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request, "ads/why.html", status=status, fields=COMPLAINT, filled=filled, **words
        )

    def _grounds(
        self, transaction: Transaction, visit: Visit, fields: tuple[str, ...]
    ) -> dict[str, Any]:
        """What the policy says to it, each in the words of the version that decides."""

        def quoted(act: Act) -> list[Quote]:
            decision = transaction.peek(visit.subject, act)
            return quote_decision(self.provider.policy, decision, decision.clauses)

        answers = audience.decisions(transaction, visit.subject, fields)
        quotes: dict[str, Quote] = {}
        for decision in answers[:2]:
            for each in quote_decision(self.provider.policy, decision, decision.clauses):
                quotes.setdefault(each.id, each)
        return {
            "is_chosen": all(each.allowed for each in answers),
            "quotes": list(quotes.values()),
            "may_suppose": quoted(audience.supposing("segment", "ad-click")),
            "no_more": quoted(audience.supposing("interests", "ad-click")),
            "not_told": quoted(TELLING),
        }

    async def go(self, visit: Visit) -> Response:
        """Lead to the advertiser's page. The answer is the same for everybody, and names nobody."""
        request = visit.request
        campaign_id = request.path_params["campaign"]
        its = _readable(await self.provider.read(lambda t: campaigns.find(t, campaign_id)))
        seen = self.picking.seen(visit.session.key)
        ours = request.headers.get("sec-fetch-site") == "same-origin"
        is_click = HEADLESS not in request.scope and ours and campaign_id in seen.views
        if is_click and campaign_id not in seen.clicked:
            seen.clicked.add(campaign_id)
            await self.provider.do(lambda t: _count_click(t, its, visit.subject))
        headers = {**KEEP_OUT, "referrer-policy": "no-referrer"}
        return RedirectResponse(its.address, 303, headers)

    async def picture(self, visit: Visit) -> Response:
        """The picture of a campaign that runs, the same for everybody; it counts as no view."""
        campaign_id = visit.request.path_params["campaign"]

        def look(tables: Tables) -> pictures.KeptPicture | None:
            its = _readable(campaigns.find(tables, campaign_id))
            return pictures.find(tables, its.campaign_id)

        if (its := await self.provider.read(look)) is None:
            raise HTTPException(404)
        return pictures.response(its)

    async def hide(self, visit: Visit) -> Response:
        """Show an advertisement no more."""
        campaign_id = visit.request.path_params["campaign"]
        _readable(await self.provider.read(lambda t: campaigns.find(t, campaign_id)))
        await self.provider.do(lambda t: hides.hide(t, visit.subject, campaign_id))
        banner = Banner("You will not see this advertisement again.", "")
        return redirect_with_banner(self.provider, visit.session, HERE, banner)

    async def show_hidden(self, visit: Visit) -> Response:
        """Let somebody see again what they hid."""
        await self.provider.do(lambda t: hides.show_all(t, visit.subject))
        banner = Banner("You may see again what you had hidden.", "")
        return redirect_with_banner(self.provider, visit.session, HERE, banner)

    async def report(self, visit: Visit) -> Response:
        """Tell staff that something is wrong with an advertisement, and show it no more."""
        campaign_id = visit.request.path_params["campaign"]
        its = _readable(await self.provider.read(lambda t: campaigns.find(t, campaign_id)))
        filled = read(COMPLAINT, visit.form)
        if not filled.ok:
            return await self.show_why(visit, filled, 422)
        session = self.picking.seen(visit.session.key)
        if campaign_id not in session.reported:
            session.reported.add(campaign_id)
            reason = filled.values["reason"]
            await self.provider.do(lambda t: complaints.complain(t, its.campaign_id, reason))
        await self.provider.do(lambda t: hides.hide(t, visit.subject, campaign_id))
        banner = Banner(
            "We will look at it. Nobody is told that it was you, and you will not see it again.", ""
        )
        return redirect_with_banner(self.provider, visit.session, HERE, banner)


def _count_click(transaction: Transaction, its: Campaign, person_id: PersonId) -> None:
    """Count a click on what may still be shown; not on what a page showed before.

    A click of the first of a month may be on a page of the month before, and this one may be spent.
    """
    kind = kind_of(its.criteria)
    if its.is_live(transaction.clock.now()) and kind in month_prices.kinds_to_show(
        transaction, [kind]
    ):
        counts.count_click(transaction, its, person_id)


def _where_it_is_from(dimension: str) -> tuple[str, str]:
    """Where somebody sees or corrects that by which they are in bands: a link's words and path."""
    its = bands.ACTIVITIES.get(dimension)
    if its is None:
        return "Correct it", f"/me/privacy/correct?field={bands.FIELD_OF[dimension]}"
    return _SOURCES[its["told-by"]]


def _open_fields(transaction: Transaction) -> tuple[str, ...]:
    """The kinds of data by which the policy ever lets advertisements be chosen, or all if none."""
    policy = transaction.policy
    some = [each for each in bands.FIELD_OF if campaigns.may_choose_by(policy, each)]
    return bands.fields_of(dict.fromkeys(some, ())) if some else FIELDS


def _readable(its: Campaign | None) -> Campaign:
    """A campaign that customers may read of; 404 for any other."""
    if its is None or its.state != campaigns.APPROVED:
        raise HTTPException(404)
    return its
