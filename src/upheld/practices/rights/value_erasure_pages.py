"""The page on which one kind of data is erased: what goes, what stays and why, then the button."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.gate.act.request import Refused
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practices.rights import value_erasure
from upheld.practices.rights.pages import refusal_page
from upheld.practices.rights.requests import PAGE
from upheld.practices.rights.value_erasure import ValueOutlook


class ValueErasurePages:
    """Ask what erasing one kind of data would do, and have it done."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """What goes and what stays, before anything is asked for."""
        field = visit.request.path_params["field"]
        outlook = await self.provider.do(
            lambda transaction: value_erasure.outlook(transaction, visit.subject, field)
        )
        return self._page(visit, outlook)

    def _page(self, visit: Visit, outlook: ValueOutlook | None, status: int = 200) -> Response:
        if outlook is None:
            raise HTTPException(404)
        return self.provider.pages.page(
            visit.request,
            "rights/erase-value.html",
            status=status,
            outlook=outlook,
            change_page=self.provider.change_pages.get(outlook.field, ""),
        )

    async def send(self, visit: Visit) -> Response:
        """Erase it, and lead to the request with its receipt; say why where it stays."""
        field = visit.request.path_params["field"]
        result = await self.provider.attempt(
            lambda transaction: value_erasure.erase(transaction, visit.subject, field)
        )
        if result is None or isinstance(result, ValueOutlook):
            return self._page(visit, result, 403)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, "erase this", result)
        return RedirectResponse(f"{PAGE}/{result.request_id}", 303)
