"""What a company received, as it reads it: the rows of our own accounting, to be compared."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.gate.transaction import Transaction
from upheld.practice import accounting
from upheld.practice.accounting import DisclosureLine
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practice.sheets import sheet
from upheld.practices.accounting.console import ROWS_MAX, RowWords, csv_response
from upheld.practices.accounting.period import Period

HERE: Final = "/partner/received"


class ReceivedPage:
    """The page of a company outside, and its file."""

    def __init__(self, provider: Provider) -> None:
        self.provider, self.words = provider, RowWords(provider)

    async def show(self, visit: Visit) -> Response:
        """What the company received in some months, the latest first."""
        party = _party(visit)
        period, rows = await self._look(visit, party)
        return self.provider.pages.page(
            visit.request,
            "accounting/received.html",
            name=company_name(party),
            rows=[self.words.view(each) for each in rows[: -ROWS_MAX - 1 : -1]],
            many=len(rows),
            period=period,
            file=period.address(f"{HERE}.csv"),
        )

    async def file(self, visit: Visit) -> Response:
        """The rows of the page as a CSV file, alike to the byte with those columns of our own."""
        _, rows = await self._look(visit, _party(visit))
        table = accounting.table(rows, shared=True)
        return csv_response(sheet(accounting.SHARED_COLUMNS, table))

    async def _look(self, visit: Visit, party: str) -> tuple[Period, list[DisclosureLine]]:
        clock = self.provider.clock
        period = Period.read(visit.request.query_params, clock.local(clock.now()))

        def work(transaction: Transaction) -> list[DisclosureLine]:
            return accounting.received_by(transaction, party, period.since, period.until)

        return period, await self.provider.do(work)


def _party(visit: Visit) -> str:
    """The company of whoever visits; 403 unless the register has or had it."""
    if visit.user is None or not visit.user.roles:
        raise HTTPException(403)
    return visit.user.party
