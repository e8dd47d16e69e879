"""The notice of an incident, as each person whom it touched reads it in their account."""

from __future__ import annotations

from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.transaction import Transaction
from upheld.policy.words import Words
from upheld.practice.consequences import short_reference
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import PendingAction, Provider
from upheld.practices.incidents.incidents import CLOSED, NOTIFIED, Incident, Incidents
from upheld.practices.incidents.notices import kinds_in_words
from upheld.practices.incidents.questions import CLAUSE
from upheld.practices.incidents.tables import incident_person
from upheld.web.pages import format_day

PAGE: Final = "/me/incidents"


class IncidentPages:
    """The pages of a customer."""

    def __init__(self, provider: Provider, model: Incidents) -> None:
        self.provider, self.incidents = provider, model

    def waiting(self, transaction: Transaction, person_id: PersonId) -> list[PendingAction]:
        """Tells a customer of the notices of incidents that are not closed."""
        where = "person_id = ? AND state = ?"
        rows = transaction.tables.select(incident_person, where, person_id, NOTIFIED)
        there = [self.incidents.find(transaction.tables, each.incident_id) for each in rows]
        day_of = transaction.clock.day_of
        return [
            PendingAction(
                f"On {format_day(day_of(each.discovery))} we found that something happened to"
                " information about you.",
                "Read what, and what you can do",
                f"{PAGE}/{each.incident_id}",
            )
            for each in there
            if each is not None and each.state != CLOSED
        ]

    async def show(self, visit: Visit) -> Response:
        """The notice; 404 for whoever was not sent it."""
        incident_id = visit.request.path_params["incident"]

        def look(tables: Tables) -> tuple[Any, Incident | None]:
            where = "person_id = ? AND incident_id = ?"
            row = tables.get(incident_person, where, visit.subject, incident_id)
            return row, self.incidents.find(tables, incident_id)

        row, there = await self.provider.read(look)
        if row is None or there is None or row.state != NOTIFIED:
            raise HTTPException(404)
        words = Words(self.provider.policy.program)
        return self.provider.pages.page(
            visit.request,
            "incidents/mine.html",
            it=there,
            kinds=kinds_in_words(words, row.data, there),
            notified=to_datetime(row.notified),
            reference=short_reference(incident_id),
            clause=CLAUSE,
        )
