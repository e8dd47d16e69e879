"""Invoices: an advertiser reads its own at its sign-in; managers read and correct all."""

from __future__ import annotations

from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from upheld.core.company_names import company_name
from upheld.core.reason_text import reason_text
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice import privacy_budget
from upheld.practice.consequences import Banner, redirect_with_banner
from upheld.practice.endpoints import Handler, Visit, require_sign_in
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import MenuEntry, Provider
from upheld.practices.ads import invoices
from upheld.practices.ads.advertiser import party_of
from upheld.practices.ads.campaigns import BLOCK, AdError
from upheld.practices.ads.invoices import AdInvoice
from upheld.web.forms import EMPTY, Field, Filled, cents, read
from upheld.web.pages import KEEP_OUT

ADVERTISERS: Final = "/advertiser/invoices"
DESK: Final = "/staff/ad-invoices"
NUMBER_DIGITS_MAX: Final = 9
FIELDS: Final = (
    Field("cents", "Dollars to take off", length_max=10, hint="Such as 12.30.", check=cents),
    Field(
        "reason",
        "Why",
        length_max=invoices.REASON_MAX,
        hint="The advertiser reads it.",
        check=reason_text,
    ),
)
MENU: Final = MenuEntry(
    "staff",
    "Advertisers’ invoices",
    DESK,
    "By what was reported, and corrections",
    96,
    roles=(MANAGER,),
)


class InvoicePages:
    """The pages of advertisers, or where `at_desk` those of managers."""

    def __init__(self, provider: Provider, *, at_desk: bool = False) -> None:
        self.provider, self.at_desk = provider, at_desk
        self.here = DESK if at_desk else ADVERTISERS

    async def show(self, visit: Visit) -> Response:
        """All documents, the latest first."""
        party = self._party(visit)
        rows = await self.provider.read(lambda tables: invoices.every(tables, party))
        return self.provider.pages.page(
            visit.request,
            "ads/invoices.html",
            desk=self.here,
            at_desk=self.at_desk,
            missing=privacy_budget.missing(self.provider.policy),
            rows=[(each, company_name(each.party)) for each in rows],
        )

    async def show_one(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One document, as it is printed."""
        its = await self._one(visit)

        def look(transaction: Transaction) -> dict[str, Any]:
            every = invoices.every(transaction.tables, its.party)
            return {
                "corrections": [each for each in every if each.corrects == its.number],
                "left": 0 if its.corrects else invoices.left_of(transaction.tables, its),
            }

        words = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "ads/invoice.html",
            status=status,
            desk=self.here,
            at_desk=self.at_desk,
            block=BLOCK,
            its=its,
            name=company_name(its.party),
            fields=FIELDS,
            filled=filled,
            **words,
        )

    async def table(self, visit: Visit) -> Response:
        """A document as CSV."""
        its = await self._one(visit)
        name = f'attachment; filename="invoice-{its.number}.csv"'
        headers = {**KEEP_OUT, "content-disposition": name}
        return Response(invoices.csv_of(its).encode(), 200, headers, "text/csv; charset=utf-8")

    async def text(self, visit: Visit) -> Response:
        """A document as text, signed."""
        its, name = await self._one(visit), self.provider.policy.program.front.provider
        text = await self.provider.do(lambda transaction: invoices.signed(transaction, name, its))
        return PlainTextResponse(text, headers=KEEP_OUT)

    async def issue(self, visit: Visit) -> Response:
        """Issue now what is due, without waiting for the job."""
        self._party(visit)
        actor = f"staff {visit.subject}"
        issued = await self.provider.do(lambda t: len(invoices.issue(t, actor=actor)))
        text = f"Issued: {issued}." if issued else "Nothing is due."
        return redirect_with_banner(self.provider, visit.session, self.here, Banner(text, ""))

    async def correct(self, visit: Visit) -> Response:
        """Take something of an invoice back."""
        its, filled = await self._one(visit), read(FIELDS, visit.form)
        if not filled.ok:
            return await self.show_one(visit, filled, 422)

        def work(transaction: Transaction) -> AdInvoice:
            transaction.lock(REGISTER)  # before it is read what is left: a form counts once
            left = str(invoices.left_of(transaction.tables, its))
            if visit.form.get("left", left) != left:
                raise AdError(
                    "this invoice was corrected meanwhile",
                    code="ad",
                    hint="look at what is left, and send it again if it is still right",
                )
            return invoices.correct(
                transaction,
                its.number,
                int(filled.values["cents"]),
                reason=filled.values["reason"],
                actor=f"staff {visit.subject}",
            )

        try:
            correction = await self.provider.do(work)
        except AdError as error:
            return await self.show_one(visit, filled.wrong("cents", error.in_sentences()), 409)
        banner = Banner("It is corrected.", str(correction.number))
        path = f"{self.here}/{correction.number}"
        return redirect_with_banner(self.provider, visit.session, path, banner)

    async def _one(self, visit: Visit) -> AdInvoice:
        party, number = self._party(visit), visit.request.path_params["number"]
        if not (number.isascii() and number.isdecimal() and len(number) <= NUMBER_DIGITS_MAX):
            raise HTTPException(404)
        its = await self.provider.read(lambda tables: invoices.find(tables, int(number), party))
        if its is None:
            raise HTTPException(404)
        return its

    def _party(self, visit: Visit) -> str:
        """Whose documents are read: an advertiser's, or at the desk everybody's, as empty text."""
        if not self.at_desk:
            return party_of(visit)
        if visit.user is None or MANAGER not in visit.user.roles:
            raise HTTPException(403)
        return ""


def routes(provider: Provider) -> list[Route]:
    """The pages of invoices, of advertisers and at the desk."""

    def route(pages: InvoicePages, method: str, path: str, handler: Handler) -> Route:
        kind = "staff" if pages.at_desk else "agent"
        endpoint = require_sign_in(provider, kind, handler, fresh=pages.at_desk)
        return Route(f"{pages.here}{path}", endpoint, methods=[method])

    desk = InvoicePages(provider, at_desk=True)
    both = [
        route(each, "GET", path, handler)
        for each in (InvoicePages(provider), desk)
        for path, handler in (
            ("", each.show),
            ("/{number}", each.show_one),
            ("/{number}/table", each.table),
            ("/{number}/text", each.text),
        )
    ]
    return [
        *both,
        route(desk, "POST", "", desk.issue),
        route(desk, "POST", "/{number}", desk.correct),
    ]
