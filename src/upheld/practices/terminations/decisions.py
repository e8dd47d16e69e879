"""Decisions to end services: made by a named member of staff, carried out on their day, undone.

Nothing decides by itself. A decision is a record from the day on which it takes effect, and on that
day the policy in force is asked whether it lets us end the services. Where it does not, nothing
ends. What was written stands in a thread that the customer reads and answers in their account.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import NO_USER, PersonId, RecordId, TaskId, UserId
from upheld.core.reason_text import require_reason
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import message_copies, operators, outbox, tasks
from upheld.practice.events import SERVICES_TERMINATED
from upheld.practice.message_copies import ADMINISTRATIVE
from upheld.practice.operators import User
from upheld.practice.plugin import Provider
from upheld.practice.tasks import CUSTOMER, Task
from upheld.practices.terminations.tables import termination as table

PLANNED, ENDED, REFUSED, UNDONE = "planned", "ended", "refused", "undone"
STANDING: Final = (PLANNED, ENDED)  # states in which a decision holds, or will
TERMINATE: Final = "terminate"
VIOLATED: Final = "terms-violated"  # the fact that a decision proves
ROLE: Final = "terms"  # who decides
KIND: Final = "termination"  # of the task
PURPOSE: Final = "service-provision"
TEXT_MAX: Final = 5_000  # characters of what the customer reads
NEWS: Final = "terminations/news"  # the template of the mail
DATA: Final = ("name", "email", "services", "messages")  # what a task of a decision needs
WROTE, REPLIED = "wrote", "replied"  # steps of the task
_ACCOUNT, _CLOSED = "account", "account-closed"
_CONTACT: Final = Act(action="contact", purpose=ADMINISTRATIVE)
_ONE: Final = "person_id = ? AND termination_id = ?"


class TerminationError(UpheldError):
    """A decision that cannot be made, or undone."""


class Termination(NamedTuple):
    """A decision to end somebody's services, and what has become of it."""

    person_id: PersonId
    termination_id: TaskId
    service: str  # a word; empty for all services
    state: str
    starts: datetime
    decided_at: datetime
    decided_by: UserId
    record_id: RecordId
    settled_at: datetime | None
    undone_by: UserId

    @property
    def is_standing(self) -> bool:
        """Whether it holds, or will from its day on."""
        return self.state in STANDING


class Grounds(NamedTuple):
    """What is decided: which service (empty for all), from when, which term, what happened."""

    service: str
    starts: datetime
    term: str
    events: str

    def text(self, service_title: str) -> str:
        """What the customer reads of it."""
        what = f"your service {service_title}" if self.service else "all your services"
        return (
            f"We decided to end {what}, because of this term: {self.term}\n\n"
            f"What happened: {self.events}"
        )


class Terminations:
    """The decisions of a running provider."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._sealer = provider.sealer("termination")

    @property
    def services(self) -> dict[str, str]:
        """The title of each service that is sold."""
        seller = self.provider.seller
        return dict(seller.services) if seller else {}

    def all(self, tables: Tables) -> list[Termination]:
        """Every decision, the latest first; those whose rows were changed are left out."""
        rows, _ = tables.select_intact(table, "ORDER BY decided DESC, termination_id")
        return [self._from_row(each) for each in rows]

    def of_customer(self, tables: Tables, person_id: PersonId) -> list[Termination]:
        """The decisions about one customer, the latest first."""
        rows = tables.select(table, "person_id = ? ORDER BY decided DESC", person_id)
        return [self._from_row(each) for each in rows]

    def find(self, tables: Tables, termination_id: TaskId) -> Termination | None:
        """The decision with an id; None where there is none."""
        row = tables.get(table, "termination_id = ?", termination_id)
        return None if row is None else self._from_row(row)

    def decide(
        self,
        transaction: Transaction,
        person_id: PersonId,
        grounds: Grounds,
        by: UserId,
    ) -> Termination | Refused:
        """Decide to end services, and write that to the customer; on its day it is carried out.

        `by` is the member of staff, who takes the task of it.
        TerminationError where they may not, or the same was decided before.
        """
        user = self.require_role(transaction.tables, by)
        if not _speaks_of_it(transaction.policy):
            raise TerminationError(
                "the policy in force does not speak of ending services",
                code="termination-policy",
                hint="only where it has a clause about it is there anything to decide",
            )
        transaction.lock(person_id)
        self._require_new(transaction, person_id, grounds, user)
        titles = self.services
        termination_id, at = TaskId(secrets.token_hex(16)), transaction.clock.now()
        text = grounds.text(titles.get(grounds.service, grounds.service))
        letter = self._write(transaction, person_id, termination_id, text)
        if isinstance(letter, Refused):
            return letter
        starts = max(grounds.starts, at)
        record = transaction.record(
            person_id,
            "termination-decision",
            fact=VIOLATED,
            valid_from=starts,
            by_whom=user.user_id,
            how=termination_id,
            actor=_actor(user.user_id),
        )
        decision = Termination(
            person_id,
            termination_id,
            grounds.service,
            PLANNED,
            starts,
            at,
            user.user_id,
            record,
            None,
            NO_USER,
        )
        self._insert(transaction, decision)
        tasks.open_task(
            transaction,
            person_id,
            KIND,
            PURPOSE,
            role=ROLE,
            by=user.user_id,
            task_id=termination_id,
        )
        words = transaction.policy.program.vocabulary.tree("data")
        if data := [each for each in DATA if each in words]:
            tasks.take(transaction, termination_id, user.user_id, data)
        return self.carry_out(transaction, decision) if starts <= at else decision

    def carry_out(self, transaction: Transaction, decision: Termination) -> Termination:
        """End the services of a decision whose day has come, if the policy in force lets us."""
        act = Act(action=TERMINATE)
        is_refused = not _speaks_of_it(transaction.policy) or isinstance(
            transaction.act(act, decision.person_id, entitled=True), Refused
        )
        if is_refused:
            transaction.withdraw(decision.person_id, decision.record_id, ended=True)
            text = (
                "Our policy does not let us end your services. Our decision has no effect, and"
                " nothing has changed."
            )
            self._write(transaction, decision.person_id, decision.termination_id, text)
            return self._settle(transaction, decision, REFUSED)
        self.provider.events.announce(
            transaction, SERVICES_TERMINATED, decision.person_id, decision.service
        )
        return self._settle(transaction, decision, ENDED)

    def carry_out_due(self, gate: Gate) -> int:
        """Carry out what was decided and whose day has come; how many. The job of that name."""
        with gate.look() as tables:
            at = microseconds(gate.clock.now())
            rows, _ = tables.select_intact(table, "state = ? AND starts <= ?", PLANNED, at)
        for each in rows:
            with gate.together() as transaction:
                transaction.lock(PersonId(each.person_id))
                decision = self.find(transaction.tables, each.termination_id)
                if decision is not None and decision.state == PLANNED:
                    self.carry_out(transaction, decision)
        return len(rows)

    def undo(
        self, transaction: Transaction, termination_id: TaskId, why: str, by: UserId
    ) -> Termination:
        """Undo a decision by another one: it holds no longer, and the customer may order again.

        Whoever closed their account is written to as far as the policy still lets us: it holds no
        longer for them either, and their account stays closed. TerminationError for a reason that
        nobody could read.
        """
        user = self.require_role(transaction.tables, by)
        why = require_reason(why, TEXT_MAX, _reason_error, "it needs a reason", in_lines=True)
        decision = self.require(transaction, termination_id)
        if not decision.is_standing:
            raise TerminationError(
                f"this decision is {decision.state}",
                code="termination-state",
                hint="nothing is left to undo",
            )
        if operators.is_left_to_others(transaction.tables, by, decision.person_id):
            raise _own_account()
        is_over = is_closed(transaction, decision.person_id)
        again = "Your account stays closed." if is_over else "You can order services again."
        text = f"We have undone our decision. {again} {why}"
        if may_write(transaction, decision.person_id):
            self._write(transaction, decision.person_id, termination_id, text)
        else:  # they still find it in their account
            self._add_copy(transaction, decision.person_id, termination_id, text)
        transaction.withdraw(
            decision.person_id, decision.record_id, ended=True, actor=_actor(user.user_id)
        )
        tasks.close(transaction, termination_id, by=user.user_id)
        return self._settle(transaction, decision, UNDONE, by=user.user_id)

    def write(self, transaction: Transaction, task: Task, text: str) -> ActResult | Refused:
        """Answer the customer in the thread of a decision."""
        letter = self._write(transaction, task.person_id, task.task_id, text)
        if isinstance(letter, ActResult):
            tasks.add_step(transaction, task.person_id, task.task_id, WROTE, task.staff_id or "")
        return letter

    def reply(
        self, transaction: Transaction, decision: Termination, text: str
    ) -> ActResult | Refused:
        """Keep what the customer answers to a decision."""
        result = message_copies.add_from_customer(
            transaction,
            decision.person_id,
            "Your answer to our decision about your services",
            text,
            about=decision.termination_id,
            purpose=PURPOSE,
        )
        if isinstance(result, ActResult):
            tasks.add_step(
                transaction, decision.person_id, decision.termination_id, REPLIED, CUSTOMER
            )
        return result

    def order_bar(self, transaction: Transaction, person_id: PersonId, service: str) -> str:
        """Why somebody cannot order a service: a decision holds, and the policy lets it; or ""."""
        standing = [
            each
            for each in self.of_customer(transaction.tables, person_id)
            if each.state == ENDED and each.service in ("", service)
        ]
        if not standing or not _speaks_of_it(transaction.policy):
            return ""
        if not transaction.peek(person_id, Act(action=TERMINATE)).allowed:
            return ""
        return "We decided to end this for you. You can order it again once that is undone."

    def require(self, transaction: Transaction, termination_id: TaskId) -> Termination:
        """The decision with an id, its customer locked; TerminationError where there is none."""
        decision = self.find(transaction.tables, termination_id)
        if decision is not None:
            transaction.lock(decision.person_id)
            decision = self.find(transaction.tables, termination_id)
        if decision is None:
            raise TerminationError(
                "there is no such decision",
                code="termination",
                hint="`upheld termination list` has all of them",
            )
        return decision

    def require_role(self, tables: Tables, user_id: UserId) -> User:
        """Whoever decides; TerminationError unless they work here and have the role for it."""
        user = operators.find_active_user(tables, user_id)
        if user is None or user.kind != "staff" or ROLE not in user.roles:
            raise TerminationError(
                f"this is for the role {ROLE}",
                code="termination-role",
                hint="ask somebody who has it",
            )
        return user

    def _require_new(
        self, transaction: Transaction, person_id: PersonId, grounds: Grounds, user: User
    ) -> None:
        if operators.is_left_to_others(transaction.tables, user.user_id, person_id):
            raise _own_account()
        if grounds.service and grounds.service not in self.services:
            raise TerminationError(
                f"no service is called {grounds.service}",
                code="termination-service",
                hint="choose one of " + ", ".join(self.services),
            )
        for each in self.of_customer(transaction.tables, person_id):
            if each.is_standing and each.service in ("", grounds.service):
                raise TerminationError(
                    "this was decided already",
                    code="termination-repeated",
                    hint="undo that decision before you make another",
                )

    def _write(
        self,
        transaction: Transaction,
        person_id: PersonId,
        termination_id: TaskId,
        text: str,
    ) -> ActResult | Refused:
        """Write to the customer: in their account, and by mail that it is there."""
        if not may_write(transaction, person_id):
            return transaction.act(_CONTACT, person_id, entitled=True)
        result = self._add_copy(transaction, person_id, termination_id, text)
        if isinstance(result, ActResult):
            outbox.queue(
                transaction, person_id, NEWS, ADMINISTRATIVE, {"termination": termination_id}
            )
        return result

    def _add_copy(
        self, transaction: Transaction, person_id: PersonId, termination_id: TaskId, text: str
    ) -> ActResult | Refused:
        """Write to the customer in their account alone."""
        return message_copies.add_from_staff(
            transaction, person_id, "Our decision about your services", text, about=termination_id
        )

    def _settle(
        self, transaction: Transaction, decision: Termination, state: str, by: UserId = NO_USER
    ) -> Termination:
        at = transaction.clock.now()
        changes = {"state": state, "settled": microseconds(at), "undone_by": by}
        transaction.tables.update(table, changes, _ONE, decision.person_id, decision.termination_id)
        return decision._replace(state=state, settled_at=at, undone_by=by)

    def _insert(self, transaction: Transaction, decision: Termination) -> None:
        transaction.tables.insert(
            table,
            person_id=decision.person_id,
            termination_id=decision.termination_id,
            state=decision.state,
            starts=microseconds(decision.starts),
            decided=microseconds(decision.decided_at),
            decided_by=decision.decided_by,
            record_id=decision.record_id,
            undone_by="",
            sealed=self._sealer.seal(
                decision.service.encode(), decision.person_id, decision.termination_id
            ),
        )

    def _from_row(self, row: Any) -> Termination:
        service = self._sealer.unseal(row.sealed, row.person_id, row.termination_id).decode()
        return Termination(
            PersonId(row.person_id),
            row.termination_id,
            service,
            row.state,
            to_datetime(row.starts),
            to_datetime(row.decided),
            row.decided_by,
            RecordId(row.record_id),
            None if row.settled is None else to_datetime(row.settled),
            row.undone_by,
        )


def may_write(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether the policy lets us write to a customer about a decision by mail."""
    return transaction.peek(person_id, _CONTACT).allowed


def is_closed(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether somebody closed their account."""
    records, _ = transaction.records_of([person_id], [_ACCOUNT])
    at = microseconds(transaction.clock.now())
    return any(each.fact == _CLOSED and each.in_force(at) for each in records)


def _speaks_of_it(policy: Policy) -> bool:
    """Whether a policy has the words by which the end of services is decided and proven."""
    words = policy.program.vocabulary
    return TERMINATE in words.tree("action") and VIOLATED in words.facts


def _reason_error(sentence: str, hint: str) -> TerminationError:
    return TerminationError(sentence, code="termination-reason", hint=hint)


def _own_account() -> TerminationError:
    return TerminationError(
        "this is your own account, or a relative's",
        code="termination-own",
        hint="let somebody else decide",
    )


def _actor(user_id: UserId) -> str:
    return f"staff {user_id}"
