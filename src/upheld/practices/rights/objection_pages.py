"""The page on which somebody objects to a use: what can be objected to, and what has stopped."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId, RecordId
from upheld.database.columns import BEGINNING
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice import threads
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
    """A use that somebody objected to, since when it has stopped, and the request that waits."""

    word: str
    purpose: str
    since: datetime
    request_id: RecordId | None  # none where it is answered


class ObjectionPages:
    """What can be objected to, and the form."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def _fields(self, stopped: list[StoppedUse], *, waiting: bool) -> tuple[Field, ...]:
        """The form: what has not stopped, and if `waiting` also what we have not answered yet."""
        policy = self.provider.policy
        labels = {each: label(policy, "purpose", each) for each in objections.purposes(policy)}
        over = {each.word for each in stopped if not (waiting and each.request_id)}
        options = [(word, text) for word, text in labels.items() if word not in over]
        if not options:
            return ()
        missing = "Choose what you object to."
        return Field("purpose", "I object to", "select", options=options, missing=missing), WHY

    def _stopped(self, transaction: Transaction, person_id: PersonId) -> list[StoppedUse]:
        waiting = {
            each.about: each.request_id
            for each in requests.requests_of(transaction.tables, person_id)
            if each.kind == objections.KIND and each.waits
        }
        return [
            StoppedUse(
                purpose,
                label(transaction.policy, "purpose", purpose),
                BEGINNING + timedelta(microseconds=each.valid_from),
                waiting.get(purpose),
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
            fields=self._fields(stopped, waiting=not filled.ok),
            filled=filled,
            cited=clauses_in_force(self.provider.policy, ["objection"]),
        )

    async def send(self, visit: Visit) -> Response:
        """Object: from now on it has stopped, and the request says by when we answer."""

        def work(transaction: Transaction) -> Filled | RightsRequest | Refused:
            transaction.lock(visit.subject)
            stopped = self._stopped(transaction, visit.subject)
            fields = self._fields(stopped, waiting=True)
            filled = read(fields, visit.form)
            if not fields or not filled.ok:
                return filled
            purpose, text = filled.values["purpose"], filled.values.get(WHY.name, "")
            too_often = text and threads.writes_too_often(self.provider, transaction, visit.subject)
            if too_often and any(each.word == purpose for each in stopped):
                return filled.wrong(WHY.name, threads.TOO_MANY)
            return objections.object_to(self.provider, transaction, visit.subject, purpose, text)

        result = await self.provider.attempt(work)
        if isinstance(result, Filled):
            return await self.show(visit, result, 422)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, "take in your objection", result)
        return RedirectResponse(f"{PAGE}/{result.request_id}", 303)
