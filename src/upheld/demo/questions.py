"""What customers of the demonstration ask, and what they are answered: a ticket in each state.

One waits, one was answered, in one both sides write, one is solved and closed, and two were opened
for somebody who called.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from upheld.demo.months import done
from upheld.gate.transaction import GateTransaction
from upheld.practice import tasks
from upheld.practices.help import tickets

if TYPE_CHECKING:
    from upheld.demo.scenes import Scenes

FIELDS: Final = (
    "name",
    "email",
    "phone",
    "services",
    "messages",
)  # what Olga's role covers of them
DROPS: Final = (
    "Since Monday my line drops for a minute every evening around eight. The light of the modem"
    " blinks red then.\n\nIs something wrong on your side?"
)
NOTE: Final = "The line has many errors after dark: a damp joint? Ask the field team for a reading."
TRIED: Final = (
    "Thank you for telling us. We see the drops too. Please turn the modem off for a minute, and"
    " write to us whether it drops again tonight."
)
AGAIN: Final = "I turned it off and on. It dropped again last night, at ten past eight."
MOVING: Final = "I move in March. Can I keep my number, and what do I have to do?"
KEEP: Final = (
    "You keep your number. Tell us the new address two weeks before you move, under My privacy,"
    " Correct something, and we move the line on the day."
)
STATEMENT: Final = "Where do I find what I paid last year, for my taxes?"
UNDER: Final = "Under Balance: each invoice has its own page, which you can print."
SLOW: Final = "Pages load slowly since yesterday. I tried two computers."


class Questions:
    """The tickets, each when its time comes."""

    def __init__(self, scenes: Scenes) -> None:
        self.scenes, self.years = scenes, scenes.years

    def plan(self) -> None:
        """Let all of it happen when it is its time."""
        for days, hour, work in (
            (40, 9, lambda t: self._ask(t, "ann", "invoice", STATEMENT)),
            (39, 9, lambda t: self._answer(t, "ann", UNDER)),
            (38, 9, lambda t: self._close(t, "ann")),
            (9, 9, lambda t: self._ask(t, "ann", "trouble", DROPS)),
            (8, 9, lambda t: self._answer(t, "ann", TRIED, note=NOTE)),
            (7, 20, lambda t: self._reply(t, "ann", AGAIN)),
            (3, 9, lambda t: self._ask(t, "ruth", "question", MOVING)),
            (2, 10, lambda t: self._answer(t, "ruth", KEEP)),
            (2, 9, lambda t: self._call(t, "dan", "invoice", "billing", "olga")),
            (1, 9, lambda t: self._ask(t, "gil", "trouble", SLOW)),
            (1, 9, lambda t: self._call(t, "lee", "takeover", "security", "sara")),
        ):
            self.years.plan_transaction(self.years.ago(days), work, hour)

    def _ask(self, transaction: GateTransaction, word: str, topic: str, text: str) -> object:
        provider, person = self.years.provider, self.scenes.id(word)
        return tickets.open_ticket(provider, transaction, person, topic, text)

    def _answer(self, transaction: GateTransaction, word: str, text: str, note: str = "") -> object:
        """Let Olga take the last ticket of somebody, and answer it."""
        olga, task_id = self.scenes.user("olga"), self._last(transaction, word).ticket_id
        task = tasks.take(transaction, task_id, olga, FIELDS)
        if note:
            done(tickets.add_note(transaction, task, note, olga))
        return tickets.write(transaction, task, text, olga)

    def _reply(self, transaction: GateTransaction, word: str, text: str) -> object:
        provider, person = self.years.provider, self.scenes.id(word)
        ticket = self._last(transaction, word)
        return tickets.add_reply(provider, transaction, person, ticket, text)

    def _close(self, transaction: GateTransaction, word: str) -> None:
        ticket = self._last(transaction, word)
        tasks.close(transaction, ticket.ticket_id, by=tasks.CUSTOMER)

    def _call(
        self, transaction: GateTransaction, word: str, topic: str, role: str, sign_in: str
    ) -> None:
        """Let somebody of our staff open a ticket for who called; it waits for whoever takes it."""
        due: datetime | None = None
        if role == "billing":
            due = self.years.clock.at.replace(hour=17)
        tasks.open_task(
            transaction,
            self.scenes.id(word),
            tasks.TICKET,
            role,  # both roles have the name of their purpose
            role=role,
            about=topic,
            due=due,
            by=self.scenes.user(sign_in),
            how="called-back",
        )

    def _last(self, transaction: GateTransaction, word: str) -> tickets.Ticket:
        return tickets.tickets_of(transaction.tables, self.scenes.id(word))[0]
