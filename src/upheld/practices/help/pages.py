"""Help for customers: write to us, read what we answered, reply, and close what is solved."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.ids import PersonId, TaskId
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice import tasks, threads
from upheld.practice.consequences import Banner, redirect_with_banner, short_reference
from upheld.practice.endpoints import Visit
from upheld.practice.message_copies import MessageCopy
from upheld.practice.plugin import PendingAction, Provider
from upheld.practice.reasons import refusal_page, refusal_reason
from upheld.practice.tasks import CUSTOMER
from upheld.practices.help import inbound, tickets
from upheld.practices.help.tickets import TEXT_MAX, TOPICS, Ticket
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.pages import format_day

PAGE: Final = "/me/help"
TOPIC: Final = Field("topic", "What is it about?", "select", options=tuple(TOPICS.items()))
TEXT: Final = Field(
    "text",
    "What happened, and what do you need?",
    "textarea",
    length_max=TEXT_MAX,
    hint="Never write a password here: nobody of our staff asks for one.",
    missing="Write what happened.",
)
REPLY: Final = Field(
    "text", "Your reply", "textarea", length_max=TEXT_MAX, missing="Write your reply."
)
NOTICES: Final = {
    "sent": "We have your message. Our answer appears here, and we send you a mail when it does.",
    "replied": "We have your reply.",
    "closed": "You closed this. If it comes back, write to us again.",
}


class HelpPages:
    """The pages of a customer's tickets."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def waiting(self, transaction: Transaction, person_id: PersonId) -> list[PendingAction]:
        """Tells a customer of tickets that our staff answered."""
        day_of = transaction.clock.day_of
        return [
            PendingAction(
                f"We answered what you asked on {format_day(day_of(each.opened))}.",
                "Read the answer",
                f"{PAGE}/{each.ticket_id}",
            )
            for each in tickets.tickets_of(transaction.tables, person_id)
            if each.is_open and each.is_answered
        ]

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """A form to write to us, and every ticket with how far it is."""

        def look(transaction: Transaction) -> tuple[list[Ticket], bool]:
            own = tickets.tickets_of(transaction.tables, visit.subject)
            return own, threads.may_write(transaction, visit.subject)

        own, may_write = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "help/list.html",
            status=status,
            tickets=own,
            fields=(TOPIC, TEXT) if may_write else (),
            filled=filled,
        )

    async def send(self, visit: Visit) -> Response:
        """Open a ticket."""
        filled = read((TOPIC, TEXT), visit.form)

        def work(transaction: Transaction) -> Filled | TaskId | Refused:
            transaction.lock(visit.subject)
            if not filled.ok:
                return filled
            if threads.writes_too_often(self.provider, transaction, visit.subject):
                return filled.wrong(TEXT.name, threads.TOO_MANY)
            topic, text = filled.values[TOPIC.name], filled.values[TEXT.name]
            return tickets.open_ticket(self.provider, transaction, visit.subject, topic, text)

        result = await self.provider.attempt(work)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, result)
        if isinstance(result, Filled):
            return await self.show(visit, result, 422)
        return self._back(visit, result, "sent")

    async def show_one(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One ticket: how far it is, what was written on both sides, and a form to reply."""

        def look(transaction: Transaction) -> tuple[Ticket, bool, list[MessageCopy] | Refused]:
            ticket = _own(transaction, visit)
            letters = threads.read_as_customer(transaction, visit.subject, ticket.ticket_id)
            return ticket, threads.may_write(transaction, visit.subject), letters

        ticket, may_write, letters = await self.provider.do(look)
        writes = ticket.is_open and may_write
        refusal = letters if isinstance(letters, Refused) else None
        return self.provider.pages.page(
            visit.request,
            "help/one.html",
            status=status,
            ticket=ticket,
            letters=[] if isinstance(letters, Refused) else letters,
            refused=refusal and refusal_reason(self.provider.policy, refusal.decision),
            fields=(REPLY,) if writes else (),
            filled=filled,
            address=inbound.reply_address(self.provider, ticket.ticket_id) if writes else "",
        )

    async def reply(self, visit: Visit) -> Response:
        """Write to our staff in a ticket that is open."""
        filled = read((REPLY,), visit.form)

        def work(transaction: Transaction) -> Filled | object:
            transaction.lock(visit.subject)
            ticket = _own(transaction, visit)
            if not ticket.is_open:
                raise HTTPException(404)
            if not filled.ok:
                return filled
            if threads.writes_too_often(self.provider, transaction, visit.subject):
                return filled.wrong(REPLY.name, threads.TOO_MANY)
            text = filled.values[REPLY.name]
            return tickets.add_reply(self.provider, transaction, visit.subject, ticket, text)

        result = await self.provider.attempt(work)
        if isinstance(result, Filled):
            return await self.show_one(visit, result, 422)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, result)
        return self._back(visit, visit.request.path_params["ticket"], "replied")

    async def close(self, visit: Visit) -> Response:
        """Close a ticket of one's own that is solved."""

        def work(transaction: Transaction) -> None:
            transaction.lock(visit.subject)
            ticket = _own(transaction, visit)
            if not ticket.is_own:  # what our staff opened is theirs to close
                raise HTTPException(404)
            tasks.close(transaction, ticket.ticket_id, by=CUSTOMER)

        await self.provider.do(work)
        return self._back(visit, visit.request.path_params["ticket"], "closed")

    def _back(self, visit: Visit, ticket_id: TaskId, what: str) -> Response:
        banner = Banner(NOTICES[what], short_reference(ticket_id))
        return redirect_with_banner(self.provider, visit.session, f"{PAGE}/{ticket_id}", banner)


def _own(transaction: Transaction, visit: Visit) -> Ticket:
    """The ticket that a path names, of whoever visits; 404 for anybody else's."""
    ticket_id = visit.request.path_params["ticket"]
    ticket = tickets.find_ticket(transaction.tables, visit.subject, ticket_id)
    if ticket is None:
        raise HTTPException(404)
    return ticket
