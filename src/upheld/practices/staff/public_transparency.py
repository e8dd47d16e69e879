"""The transparency report as anybody may read it: a page, JSON and CSV."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from upheld.core.errors import UpheldError
from upheld.practice.plugin import Provider
from upheld.practice.transparency import (
    HalfYear,
    TransparencyReport,
    half_year,
    latest,
    transparency_report,
)

HERE: Final = "/privacy/transparency"
OFFERED: Final = 4  # half years to which the page leads
READ_AGAIN: Final = timedelta(minutes=1)


class PublicTransparency:
    """The pages of the report; each half year is counted anew after a minute, however many look."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._reports: dict[str, TransparencyReport] = {}

    async def show(self, request: Request) -> Response:
        """The report of a half year, the last one that is over unless the address says another."""
        offered = latest(self.provider.clock.today(), OFFERED)
        report = await self._report(request)
        return self.provider.pages.page(
            request, "staff/public_transparency.html", report=report, offered=offered
        )

    async def json(self, request: Request) -> Response:
        """The report of a half year as JSON."""
        body = msgspec.json.format(msgspec.json.encode(await self._report(request)), indent=1)
        return Response(body, media_type="application/json")

    async def csv(self, request: Request) -> Response:
        """The report of a half year as CSV."""
        report = await self._report(request)
        name = f'attachment; filename="transparency-{report.period}.csv"'
        headers = {"content-disposition": name}
        return Response(report.csv(), 200, headers, "text/csv; charset=utf-8")

    async def _report(self, request: Request) -> TransparencyReport:
        today = self.provider.clock.today()
        try:
            half = half_year(request.query_params.get("period") or latest(today)[0].name, today)
        except UpheldError:
            raise HTTPException(404) from None
        return await self._counted(half, self.provider.clock.now())

    async def _counted(self, half: HalfYear, now: datetime) -> TransparencyReport:
        report = self._reports.get(half.name)
        if report is None or not timedelta() <= now - report.counted_at < READ_AGAIN:
            report = await self.provider.run_in_thread(transparency_report, self.provider, half)
            self._reports[half.name] = report
        return report
