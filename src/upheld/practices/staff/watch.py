"""What is not whole and whom a job set aside, each with whose it is and since when, for staff.

Ids and words of ours stand there and no value of anybody. Who may see it is said by their role.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.gate.operations import log_check, selfcheck_job
from upheld.gate.operations.watching import watch_report
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practices.staff.console import user_of
from upheld.practices.staff.roles import Roles

ROWS_MAX = 200  # of each list; the command shows all
LOOKS = {selfcheck_job.NAME: "Everybody, and the registers", log_check.NAME: "The log"}


class Watch:
    """The page of what is not whole."""

    def __init__(self, provider: Provider, roles: Roles) -> None:
        self.provider, self.roles = provider, roles

    async def show(self, visit: Visit) -> Response:
        """Everything that was found and is not mended, and how far the looks have come."""
        if not set(self.roles.watching) & set(user_of(visit).roles):
            raise HTTPException(403)
        damage, waiting, looks = await self.provider.run_in_thread(
            watch_report, self.provider.gate.gate
        )
        return self.provider.pages.page(
            visit.request,
            "staff/watch.html",
            damage=damage[:ROWS_MAX],
            waiting=waiting[:ROWS_MAX],
            more=max(0, len(damage) - ROWS_MAX) + max(0, len(waiting) - ROWS_MAX),
            looks=[(LOOKS.get(each.name, each.name), each) for each in looks],
        )
