"""The page of an advertiser: its campaigns, what is reported of them, bills, and a form to book."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.core.ids import CampaignId
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.practice import bands
from upheld.practice.consequences import Banner, redirect_with_banner, short_reference
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practices.ads import ad_reports, campaigns, month_prices, pictures
from upheld.practices.ads.campaigns import AdError, BookingError, Campaign, CampaignBooking
from upheld.practices.ads.periods import kind_of
from upheld.web.forms import EMPTY, Field, Filled, cents, read
from upheld.web.kit import Refusal
from upheld.web.pages import KEEP_OUT, STARTS

HERE: Final = "/advertiser"
PICTURE: Final = "picture"
FORM_MAX: Final = pictures.BYTES_MAX + 100_000  # bytes of the form with its picture
STATES: Final = {
    campaigns.WAITING: "waiting for our review",
    campaigns.APPROVED: "approved",
    campaigns.REFUSED: "refused",
    campaigns.STOPPED: "stopped",
}
DAYS_SHOWN: Final = 7  # of each campaign; those before are a click away
HELD_BACK: Final = "not shown now: the privacy budget for this is spent"
RUNS, COMES, OVER = "running", "approved, and has not begun yet", "over"
_NO_ADVERTISER: Final = (
    "This page is for advertisers.",
    "Our register does not have your company as one. If it is to book advertisements, write to us.",
)
ANY: Final = "Anybody, if you choose none."
FIELDS: Final = (
    Field("title", "Title", length_max=80),
    Field("text", "Text", "textarea", length_max=300),
    Field(
        "alternative",
        "What the picture shows",
        required=False,
        length_max=200,
        hint="For whoever does not see it. Leave it out where you send no picture.",
    ),
    Field("address", "Page", length_max=200, hint="On your domain, beginning with https://"),
    Field("category", "Kind", "select", options=[(each, each) for each in bands.CATEGORIES]),
    Field("first", "First day", "date"),
    Field("last", "Last day", "date"),
    Field(
        "paid_by",
        "You pay for",
        "select",
        options=[(campaigns.VIEWS, "Views"), (campaigns.CLICKS, "Clicks")],
    ),
    Field("views_max", "How many", length_max=10, hint="1,000 or a multiple, such as 5000."),
    Field("cents", "Dollars for 1,000", length_max=10, hint="Such as 12.30.", check=cents),
    *(
        Field(
            dimension,
            bands.TARGETS[dimension]["label"],
            "checks",
            required=False,
            options=bands.options(dimension),
            hint=ANY,
            length_max=500,
        )
        for dimension in bands.TARGETS
    ),
    Field(
        bands.AREA,
        "Area",
        required=False,
        length_max=bands.AREA_DIGITS,
        hint="The first three digits of a zip code; anywhere, if you leave it out.",
    ),
)


class AdvertiserPage:
    """The page of whoever works for an advertiser."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Its campaigns and what is reported of them."""
        party = party_of(visit)

        def look(transaction: Transaction) -> dict[str, Any]:
            own = campaigns.every(transaction.tables, party)
            now, hidden_kinds = transaction.clock.now(), month_prices.kinds_held_back(transaction)
            rows = [
                (
                    each,
                    state_of(each, now, hidden_kinds),
                    bands.describe(each.criteria),
                    ad_reports.totals_of(transaction, each),
                    ad_reports.off_by(kind_of(each.criteria)),
                )
                for each in own
            ]
            months = {day.day[:7] for _, _, _, totals, _ in rows for day in totals.days}
            bills = {
                each: ad_reports.bills(transaction, each, party)
                for each in sorted(months, reverse=True)
            }
            return {
                "domain": campaigns.domain_of(transaction.tables, party),
                "rows": rows,
                "pictures": pictures.shown_of(
                    transaction.tables, [each.campaign_id for each in own]
                ),
                "bills": {month: lines for month, lines in bills.items() if lines},
            }

        words = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "ads/advertiser.html",
            status=status,
            name=company_name(party),
            shown=DAYS_SHOWN,
            fields=[each for each in FIELDS if self._is_open(each)],
            filled=filled,
            picture_max=pictures.BYTES_MAX,
            pixels_max=pictures.PIXELS_MAX,
            **words,
        )

    def _is_open(self, field: Field) -> bool:
        """Whether a field of the form is of no group, or of one that the policy lets be chosen."""
        policy = self.provider.policy
        return field.name not in bands.FIELD_OF or campaigns.may_choose_by(policy, field.name)

    async def table(self, visit: Visit) -> Response:
        """What is reported of its campaigns, by day, as CSV."""
        party = party_of(visit)

        def look(transaction: Transaction) -> str:
            return ad_reports.csv_of(transaction, party)

        text = await self.provider.do(look)
        headers = {**KEEP_OUT, "content-disposition": 'attachment; filename="advertisements.csv"'}
        return Response(text.encode(), 200, headers, "text/csv; charset=utf-8")

    async def book(self, visit: Visit) -> Response:
        """Book a campaign."""
        party, filled = party_of(visit), read(FIELDS, visit.form)
        if filled.ok and not filled.values["views_max"].isascii():
            filled = filled.wrong("views_max", "Write a number.")
        if filled.ok and not filled.values["views_max"].isdecimal():
            filled = filled.wrong("views_max", "Write a number.")
        content = await _picture_of(visit.form)
        if filled.ok and bool(content) != bool(filled.values.get("alternative")):
            wrong = "Say what the picture shows; say nothing where you send none."
            filled = filled.wrong("alternative", wrong)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        booking, alternative = _booking_of(filled.values), filled.values.get("alternative", "")
        try:
            picture = None
            if content:
                picture = await self.provider.run_in_thread(pictures.read_picture, content)
        except AdError as error:
            return await self.show(visit, filled.wrong(PICTURE, error.in_sentences()), 422)

        def work(transaction: Transaction) -> Campaign:
            its = campaigns.book(transaction, party, booking, actor=f"agent {visit.subject}")
            if picture is not None:
                pictures.keep(transaction, its.campaign_id, picture, alternative)
            return its

        try:
            its = await self.provider.do(work)
        except AdError as error:
            field = error.field if isinstance(error, BookingError) else "address"
            return await self.show(visit, filled.wrong(field, error.in_sentences()), 422)
        banner = Banner("It waits for our review.", short_reference(its.campaign_id))
        return redirect_with_banner(self.provider, visit.session, HERE, banner)

    async def picture(self, visit: Visit) -> Response:
        """The picture of a campaign of its own; 404 for any other."""
        party = party_of(visit)

        def look(tables: Tables) -> pictures.KeptPicture | None:
            campaign_id = CampaignId(visit.request.path_params["campaign"])
            its = campaigns.find(tables, campaign_id)
            return None if its is None or its.party != party else pictures.find(tables, campaign_id)

        if (its := await self.provider.read(look)) is None:
            raise HTTPException(404)
        return pictures.response(its)


def state_of(its: Campaign, now: datetime, hidden_kinds: Collection[str]) -> str:
    """How a campaign stands at a moment, in words; of some kinds none is shown."""
    if its.state != campaigns.APPROVED:
        return STATES[its.state]
    if now < its.begins:
        return COMES
    if its.is_over(now):
        return OVER
    return HELD_BACK if kind_of(its.criteria) in hidden_kinds else RUNS


async def _picture_of(form: FormData) -> bytes:
    """What was sent as a picture; nothing where none was."""
    file = form.get(PICTURE)
    return await file.read() if isinstance(file, UploadFile) and file.filename else b""


def _booking_of(values: dict[str, str]) -> CampaignBooking:
    dimensions = [each for each in (*bands.TARGETS, bands.AREA) if values.get(each)]
    return CampaignBooking(
        values["title"],
        values["text"],
        values["address"],
        values["category"],
        {each: values[each].split(", ") for each in dimensions},
        date.fromisoformat(values["first"]),
        date.fromisoformat(values["last"]),
        int(values["views_max"]),
        values["paid_by"],
        int(values["cents"]),
    )


def party_of(visit: Visit) -> str:
    """The company of whoever visits; a Refusal unless the register has or had it as advertiser."""
    if visit.user is None or campaigns.ADVERTISER not in visit.user.roles:
        raise Refusal(403, *_NO_ADVERTISER, STARTS["agent"][1])
    return visit.user.party
