"""Takeovers in the console: closings opened, approved by a second person, refused, ended.

The pages name accounts as the schedule does, and no other value of anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.core.ids import ClosingId, UserId
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.practice import operators, parties
from upheld.practice.consequences import (
    Banner,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.documents import DOCUMENT_MAX, document_in, document_type
from upheld.practice.endpoints import Visit
from upheld.practice.operators import User
from upheld.practice.plugin import PendingAction, Provider
from upheld.practices.takeovers import closings as domain
from upheld.practices.takeovers.closing import OPEN, Closing, TakeoverError, speaks_of_it
from upheld.practices.takeovers.closings import Closings
from upheld.practices.takeovers.handover import Handover
from upheld.practices.takeovers.questions import (
    CLAUSE,
    CONSOLE,
    COVER_LABELS,
    DOCUMENT,
    KIND_LABELS,
    RECEIPT,
    STATES,
    approval_confirmation,
    closing_fields,
    ending_confirmation,
    read_terms,
    refusal_confirmation,
)
from upheld.practices.takeovers.transfers import account_counts
from upheld.web.forms import EMPTY, Field, Filled, read

Step = Callable[[Transaction, ClosingId, UserId], Closing]


class ClosingView(NamedTuple):
    """A closing as its page has it: its schedule, and the names of who did what."""

    closing: Closing
    schedule: list[tuple[str, str]]
    names: dict[UserId, str]
    counts: dict[str, int]


class TakeoverConsole:
    """The pages of staff."""

    def __init__(self, provider: Provider, closings: Closings) -> None:
        self.provider, self.closings = provider, closings
        self.handover = Handover(closings)

    async def _fields(self) -> tuple[Field, ...]:
        """The form for a closing, with the successors of the register."""

        def work(transaction: Transaction) -> dict[str, str]:
            now = transaction.clock.now()
            return {
                each.party: each.name
                for each in parties.roles(transaction)
                if each.role == parties.SUCCESSOR and (each.until is None or each.until > now)
            }

        successors = await self.provider.do(work)
        return closing_fields(successors.items())

    def waiting(self, tables: Tables, user: User) -> list[PendingAction]:
        """The closings that wait for one of those who approve them; nothing for others."""
        if not {*domain.ROLES} & {*user.roles}:
            return []
        return [
            PendingAction(
                "A closing waits for a second person.",
                "Look at it",
                f"{CONSOLE}/{each.closing_id}",
                CONSOLE,
            )
            for each in self.closings.all(tables)
            if each.state == OPEN and each.opened_by != user.user_id
        ]

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Every closing, and the form for another."""
        _require_role(visit)
        return self.provider.pages.page(
            visit.request,
            "takeovers/console.html",
            status=status,
            rows=await self.provider.read(self.closings.all),
            reference=short_reference,
            company=company_name,
            states=STATES,
            kinds=KIND_LABELS,
            covers=COVER_LABELS,
            fields=await self._fields(),
            filled=filled,
            document_max=DOCUMENT_MAX,
            console=CONSOLE,
            clause=CLAUSE,
            off=not speaks_of_it(self.provider.policy),
        )

    async def open(self, visit: Visit) -> Response:
        """Open a closing with what was signed."""
        _require_role(visit)
        filled = read(await self._fields(), visit.form)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        document = await document_in(visit.form, DOCUMENT)
        terms = read_terms(filled, self.provider.clock.zone)
        try:
            closing = await self.provider.do(
                lambda transaction: self.closings.open(transaction, terms, document, visit.user_id)
            )
        except TakeoverError as error:
            return await self.show(visit, filled.wrong(error.field, error.in_sentences()), 422)
        return self._banner(visit, closing, "Opened. A second person approves it.")

    async def show_one(
        self, visit: Visit, problem: str = "", status: int = 200, *, filled: Filled = EMPTY
    ) -> Response:
        """One closing: what it says, who did what, and what can be done next."""
        _require_role(visit)

        def look(tables: Tables) -> ClosingView:
            closing = self._require(tables, visit)
            staff = (closing.opened_by, closing.settled_by, closing.ended_by)
            names = {each.user_id: each.name for each in operators.all_users(tables)}
            return ClosingView(
                closing,
                self.closings.schedule(tables, closing.closing_id)
                if closing.covers != "all"
                else [],
                {each: names.get(each, "somebody of our staff") for each in staff if each},
                account_counts(tables, closing.closing_id),
            )

        view = await self.provider.read(look)
        closing = view.closing
        return self.provider.pages.page(
            visit.request,
            "takeovers/closing.html",
            status=status,
            view=view,
            it=closing,
            reference=short_reference(closing.closing_id),
            successor=company_name(closing.party),
            effective=self.provider.clock.day_of(closing.effective),
            is_own=closing.opened_by == visit.user_id,
            problem=problem,
            receipt=RECEIPT,
            filled=filled,
            states=STATES,
            kinds=KIND_LABELS,
            covers=COVER_LABELS,
            console=CONSOLE,
            clause=CLAUSE,
        )

    async def document(self, visit: Visit) -> Response:
        """What was signed, as a file that no browser opens by itself."""
        _require_role(visit)

        def look(tables: Tables) -> bytes:
            return self.closings.document(tables, self._require(tables, visit).closing_id)

        document = await self.provider.read(look)
        if not document:
            raise HTTPException(404)
        reference = short_reference(visit.request.path_params["closing"])
        name = f"closing-{reference}.{document_type(document)}"
        headers = {
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        return Response(document, 200, headers, "application/octet-stream")

    async def approve(self, visit: Visit) -> Response:
        """Approve it as the second person, once that was confirmed."""

        def approve(transaction: Transaction, closing_id: ClosingId, by: UserId) -> Closing:
            closing = self.closings.require(transaction.tables, closing_id)
            after = self.closings.approve(transaction, closing_id, by)
            if closing.state == OPEN:
                day = transaction.clock.day_of(closing.effective)
                question = approval_confirmation(closing, company_name(closing.party), day)
                require_confirmation(self.provider, transaction.tables, visit, question)
            return after

        return await self._step(visit, approve, "Approved. It is carried out from its day on.")

    async def refuse(self, visit: Visit) -> Response:
        """Refuse it, once that was confirmed."""

        def refuse(transaction: Transaction, closing_id: ClosingId, by: UserId) -> Closing:
            after = self.closings.refuse(transaction, closing_id, by)
            question = refusal_confirmation(after, company_name(after.party))
            require_confirmation(self.provider, transaction.tables, visit, question)
            return after

        return await self._step(visit, refuse, "Refused.")

    async def end(self, visit: Visit) -> Response:
        """End it, once that was confirmed: what has not gone does not go."""

        def end(transaction: Transaction, closing_id: ClosingId, by: UserId) -> Closing:
            after = self.closings.end(transaction, closing_id, by)
            question = ending_confirmation(after, company_name(after.party))
            require_confirmation(self.provider, transaction.tables, visit, question)
            return after

        return await self._step(visit, end, "Ended.")

    async def confirm(self, visit: Visit) -> Response:
        """Note that the successor has all of it, by its own count and digest."""
        _require_role(visit)
        filled = read(RECEIPT, visit.form)

        def work(transaction: Transaction) -> Closing:
            closing = self._require(transaction.tables, visit)
            values = filled.values
            return self.handover.confirm(
                transaction,
                closing.closing_id,
                int(values["count"]),
                values["digest"],
                visit.user_id,
            )

        if not filled.ok:
            await self.provider.read(lambda tables: self._require(tables, visit))
            return await self.show_one(visit, status=422, filled=filled)
        try:
            closing = await self.provider.do(work)
        except TakeoverError as error:
            return await self.show_one(visit, error.in_sentences(), 409)
        return self._banner(visit, closing, "Confirmed. The accounts are closed here.")

    async def _step(self, visit: Visit, step: Step, text: str) -> Response:
        _require_role(visit)

        def work(transaction: Transaction) -> Closing:
            closing = self._require(transaction.tables, visit)
            return step(transaction, closing.closing_id, visit.user_id)

        try:
            closing = await self.provider.do(work)
        except TakeoverError as error:
            return await self.show_one(visit, error.in_sentences(), 409)
        return self._banner(visit, closing, text)

    def _require(self, tables: Tables, visit: Visit) -> Closing:
        """The closing that a path names; 404 where there is none."""
        closing = self.closings.find(tables, visit.request.path_params["closing"])
        if closing is None:
            raise HTTPException(404)
        return closing

    def _banner(self, visit: Visit, closing: Closing, text: str) -> Response:
        banner = Banner(text, short_reference(closing.closing_id))
        path = f"{CONSOLE}/{closing.closing_id}"
        return redirect_with_banner(self.provider, visit.session, path, banner)


def _require_role(visit: Visit) -> None:
    """403 for whoever does not work on takeovers."""
    if visit.user is None or not {*domain.ROLES} & {*visit.user.roles}:
        raise HTTPException(403)
