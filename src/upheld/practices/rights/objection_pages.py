"""The page on which somebody objects to a use: what can be objected to, and what has stopped."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.database.columns import BEGINNING
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practices.rights import objections, requests
from upheld.practices.rights.pages import refusal_page
from upheld.practices.rights.requests import PAGE, RightsRequest
from upheld.practices.rights.sentences import clauses_in_force, label
from upheld.web.forms import EMPTY, LONG, Field, Filled, read

WHY: Final = Field(
    "text",
    "Why you object",
    "textarea",
    required=False,
    length_max=LONG,
    hint="It stops whatever you write. Your reasons help us to answer.",
)


class StoppedUse(NamedTuple):
    """A use that somebody objected to, since when it has stopped, and whether they wait for us."""

    purpose: str
    since: datetime
    waits: bool


class ObjectionPages:
    """What can be objected to, and the form."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def _fields(self, stopped: list[StoppedUse]) -> tuple[Field, ...]:
        policy = self.provider.policy
        labels = {each: label(policy, "purpose", each) for each in objections.purposes(policy)}
        over = {each.purpose for each in stopped}
        options = [(word, text) for word, text in labels.items() if text not in over]
        if not options:
            return ()
        missing = "Choose what you object to."
        return Field("purpose", "I object to", "select", options=options, missing=missing), WHY

    def _stopped(self, transaction: Transaction, person_id: PersonId) -> list[StoppedUse]:
        waiting = {
            each.about
            for each in requests.requests_of(transaction.tables, person_id)
            if each.kind == objections.KIND and each.waits
        }
        return [
            StoppedUse(
                label(transaction.policy, "purpose", purpose),
                BEGINNING + timedelta(microseconds=each.valid_from),
                purpose in waiting,
            )
            for purpose, each in objections.in_force(transaction, person_id).items()
        ]

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """What has stopped, and the form for what can still be objected to."""
        stopped = await self.provider.do(
            lambda transaction: self._stopped(transaction, visit.subject)
        )
        return self.provider.pages.page(
            visit.request,
            "rights/object.html",
            status=status,
            stopped=stopped,
            fields=self._fields(stopped),
            filled=filled,
            cited=clauses_in_force(self.provider.policy, ["objection"]),
        )

    async def send(self, visit: Visit) -> Response:
        """Object: from now on it has stopped, and the request says by when we answer."""

        def work(transaction: Transaction) -> Filled | RightsRequest | Refused:
            transaction.lock(visit.subject)
            fields = self._fields(self._stopped(transaction, visit.subject))
            filled = read(fields, visit.form)
            if not fields or not filled.ok:
                return filled
            return objections.object_to(
                transaction,
                visit.subject,
                filled.values["purpose"],
                filled.values.get(WHY.name, ""),
            )

        result = await self.provider.attempt(work)
        if isinstance(result, Filled):
            return await self.show(visit, result, 422)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, "take in your objection", result)
        return RedirectResponse(f"{PAGE}/{result.request_id}", 303)
