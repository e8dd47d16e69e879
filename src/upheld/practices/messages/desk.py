"""Mail for managers: what could not be sent and why, what waits, and to try again or drop it.

Nothing of anybody is shown: a row is a kind of message, a purpose, a moment and a reason. What was
dropped is entered, and so is that somebody let it be tried again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import MessageId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.transaction import Transaction
from upheld.practice.endpoints import Visit
from upheld.practice.operators import MANAGER, User
from upheld.practice.outbox import WAITING
from upheld.practice.plugin import PendingAction, Provider
from upheld.practice.tables import outbox
from upheld.practices.messages.delivery import BOUNCED, FAILED

HERE: Final = "/staff/mail"
LATE: Final = timedelta(hours=1)  # what waits longer is told to managers
MANY: Final = 1_000  # and so is that so many wait
ROWS_MAX: Final = 200
DROPPED: Final = "dropped"
_ASIDE: Final = f"state IN ('{FAILED}', '{BOUNCED}')"


class OutboxRow(NamedTuple):
    """A message that was set aside, or that waits after a try that failed."""

    message_id: MessageId
    template: str
    purpose: str
    made: datetime
    tries: int
    trouble: str
    state: str


class MailCount(NamedTuple):
    """How much mail waits, since when, and how much was set aside."""

    waiting: int
    since: datetime | None
    aside: int


class MailDesk:
    """The page, and what the console says of it."""

    def __init__(self, provider: Provider, *, sends: bool) -> None:
        """`sends` says whether there is a mail server."""
        self.provider, self.sends = provider, sends

    def count(self, tables: Tables) -> MailCount:
        """How much waits, and how much was set aside."""
        ((many, since),) = tables.select_unchecked(
            outbox, ["COUNT(*)", "MIN(made)"], "state = 'waiting'"
        )
        ((aside,),) = tables.select_unchecked(outbox, ["COUNT(*)"], _ASIDE)
        return MailCount(many, None if since is None else to_datetime(since), aside)

    def trouble(self, tables: Tables) -> list[PendingAction]:
        """What managers are told on the console: failed messages, and a queue that is full."""
        count = self.count(tables)
        sentences = []
        if count.aside:
            sentences.append(f"Messages that could not be delivered: {count.aside}.")
        late = count.since is not None and count.since < self.provider.now() - LATE
        if count.waiting and not self.sends:
            sentences.append(f"There is no mail server, and messages wait: {count.waiting}.")
        elif late or count.waiting >= MANY:
            sentences.append(f"Mail is sent too slowly. Messages that wait: {count.waiting:,}.")
        return [PendingAction(sentence, "See the mail", HERE) for sentence in sentences]

    def _rows(self, tables: Tables, where: str, *states: str) -> list[OutboxRow]:
        """The latest messages that a condition holds of, of people whose rows are whole."""
        rows, _ = tables.select_intact(
            outbox, f"{where} ORDER BY made DESC LIMIT ?", ROWS_MAX, parts=states
        )
        terms = self.provider.policy.program.vocabulary.tree("purpose")
        return [
            OutboxRow(
                each.message_id,
                each.template,
                (terms[each.purpose].label if each.purpose in terms else "") or each.purpose,
                to_datetime(each.made),
                each.tries,
                each.trouble,
                each.state,
            )
            for each in rows
        ]

    async def show(self, visit: Visit) -> Response:
        """What was set aside, and what waits after a try that failed."""
        _manager(visit)

        def look(tables: Tables) -> dict[str, Any]:
            return {
                "count": self.count(tables),
                "aside": self._rows(tables, _ASIDE, FAILED, BOUNCED),
                "tried": self._rows(tables, "state = 'waiting' AND trouble <> ''", WAITING),
            }

        words = await self.provider.read(look)
        return self.provider.pages.page(
            visit.request, "messages/desk.html", sends=self.sends, shown=ROWS_MAX, **words
        )

    async def retry(self, visit: Visit) -> Response:
        """Let one message that was set aside be tried again."""
        by, message = _manager(visit), visit.request.path_params["message"]
        if not await self.provider.do(lambda transaction: self._retry(transaction, by, message)):
            raise HTTPException(404)
        return RedirectResponse(HERE, 303)

    async def retry_all(self, visit: Visit) -> Response:
        """Let all that the page shows as set aside be tried again, but for what came back."""
        by = _manager(visit)

        def work(transaction: Transaction) -> None:
            for each in self._rows(transaction.tables, f"state = '{FAILED}'", FAILED):
                self._retry(transaction, by, each.message_id)

        await self.provider.do(work)
        return RedirectResponse(HERE, 303)

    def _retry(self, transaction: Transaction, by: User, message: str) -> bool:
        at = microseconds(transaction.clock.now())
        return self._change_aside(
            transaction, by, message, "retried", state=WAITING, tries=0, trouble="", due=at
        )

    async def drop(self, visit: Visit) -> Response:
        """Let a message that was set aside never be sent."""
        by, message = _manager(visit), visit.request.path_params["message"]

        def work(transaction: Transaction) -> bool:
            return self._change_aside(transaction, by, message, DROPPED, state=DROPPED, due=None)

        if not await self.provider.do(work):
            raise HTTPException(404)
        return RedirectResponse(HERE, 303)

    def _change_aside(
        self, transaction: Transaction, by: User, message: str, kind: str, **changes: object
    ) -> bool:
        """Change a row that was set aside, with an entry that names who did it; whether it was."""
        where, parts = f"message_id = ? AND {_ASIDE}", [FAILED, BOUNCED]
        rows = transaction.tables.select(outbox, where, message, parts=parts)
        if not rows:
            return False
        (aside,) = rows
        transaction.tables.update(outbox, changes, where, message, parts=parts)
        transaction.note(
            aside.person_id,
            kind,
            action="contact",
            purpose=aside.purpose,
            after=str(aside.entry),
            id=message,
            actor=f"staff {by.user_id}",
        )
        return True


def _manager(visit: Visit) -> User:
    """Whoever manages; 403 for everybody else."""
    if visit.user is None or MANAGER not in visit.user.roles:
        raise HTTPException(403)
    return visit.user
