"""What carries out each duty under which an act is allowed.

An act whose duty nobody carries out is refused. The gate itself sees to four: an entry, encryption,
no field but those asked for, and an item for what is to be deleted later. A practice adds others;
it is called in the act's own transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.core.ids import EntryNumber, PersonId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Act
from upheld.gate.evidence.provers import Shared
from upheld.gate.log import entries
from upheld.gate.obligation_items import DELETION, DoneAct, Items
from upheld.gate.obligation_table import ObligationTable
from upheld.policy.load import Policy
from upheld.policy.request import Decision, Duty

if TYPE_CHECKING:
    from upheld.gate.obligations import Obligation
    from upheld.gate.transaction import GateTransaction


class DutyContext(NamedTuple):
    """What the handler of a duty is given: the act and its transaction."""

    connection: Connection
    act: Act
    person_id: PersonId
    decision: Decision
    entry: EntryNumber
    at: datetime
    at_once: DutiesAtOnce | None = None  # where the act is on many people, each for themselves

    @property
    def tables(self) -> Tables:
        """The tables of a practice, within the transaction of the act."""
        return Tables(self.connection)

    @property
    def obligations(self) -> ObligationTable:
        """What is owed, as far as a practice may see and meet it."""
        return ObligationTable(self.connection)

    def owe(self, kind: str, clause: str) -> None:
        """Note something that is owed from now on, and on no certain day."""
        entries.due(self.connection, self.person_id, kind, clause, None, self.entry)


class DutyQuestion(NamedTuple):
    """What is asked about an act before it is done: whether one of its duties can be met."""

    act: Act
    tables: Tables  # those of a practice, in the transaction of the act
    at: datetime
    policy: Policy  # the version that is asked
    shared: Shared | None = None  # as that of a question to a prover


DutyHandler = Callable[[DutyContext, Duty], None]
DutyCondition = Callable[[DutyQuestion], bool]
DueHandler = Callable[["GateTransaction", "Obligation"], EntryNumber]
"""What is done when an item falls due; it gives the number of the entry that tells so."""


class DutyError(UpheldError):
    """A duty that two parts of a program would carry out."""


_DECISIONS_MAX: Final = 256  # of which it is known what carries out their duties


def nothing_more(_: DutyContext, __: Duty) -> None:
    """The handler of a duty that the gate fulfils by itself, such as encryption."""


def delete_after(duty_context: DutyContext, duty: Duty) -> None:
    """Open an obligation that the data are deleted by the day that the duty says."""
    due = entries.after(duty_context.at, duty.amount, duty.unit)
    clause = ", ".join(duty_context.decision.clauses)
    item = entries.NewItem(duty_context.person_id, due, duty_context.entry)
    if duty_context.at_once is not None:
        duty_context.at_once.delete_later(clause, item)
    else:
        entries.due_each(duty_context.connection, DELETION, clause, [item])


class DutiesAtOnce:
    """What the gate's own duties of one act on many people write: put down for all of them at once.

    Meanwhile nothing of it is read. `settles` is by person what `Act.settles` is of the act of one.
    """

    def __init__(self, settles: Mapping[PersonId, str] | None = None) -> None:
        self._settles = settles or {}
        self._deletions: dict[str, list[entries.NewItem]] = {}  # by their clauses
        self._done: dict[tuple[str, tuple[str, ...]], list[DoneAct]] = {}  # by act and clauses

    def delete_later(self, clause: str, item: entries.NewItem) -> None:
        """Note what is to be deleted."""
        self._deletions.setdefault(clause, []).append(item)

    def fulfil(self, done: DoneAct, action: str, clauses: tuple[str, ...]) -> None:
        """Note that an act is done that was owed by some clauses."""
        settles = self._settles.get(done.person_id, done.settles)
        self._done.setdefault((action, clauses), []).append(done._replace(settles=settles))

    def write(self, connection: Connection) -> None:
        """Put down what was noted."""
        for clause, some in self._deletions.items():
            entries.due_each(connection, DELETION, clause, some)
        for which, acts in self._done.items():
            Items(connection).close(acts, *which)


class DutyHandlers:
    """The handler of each duty, and of each kind of item that falls due."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is called when one is added."""
        self._changed = changed
        self._of_action: dict[tuple[str, str], DutyHandler] = {}  # for the acts of one action
        self._by: dict[str, DutyHandler] = {
            "record": nothing_more,
            "encryption": nothing_more,
            "only-fields-needed": nothing_more,
            "delete-after": delete_after,
        }
        self.due: dict[str, DueHandler] = {}
        self.of_arrivals: set[str] = set()  # carried out where what nobody's name is on comes in
        self._conditions: dict[str, list[DutyCondition]] = {}
        self._of_decision: dict[
            tuple[int, str], tuple[Decision, set[DutyHandler | None]]
        ] = {}  # so far

    def add(self, duty: str, carrier: DutyHandler, condition: DutyCondition | None = None) -> None:
        """Let a part of the program carry out a duty from now on, or only where a condition holds.

        Several parts may carry out one duty by the same handler, each under a condition. An act
        whose duty cannot be met is refused.
        """
        shares = condition is not None and self._by.get(duty) is carrier
        if duty in self._by and not (shares and duty in self._conditions):
            raise DutyError(f"`{duty}` has two handlers", code="duty", hint="remove one of the two")
        self._by[duty] = carrier
        if condition is not None:
            self._conditions.setdefault(duty, []).append(condition)
        self._of_decision.clear()
        self._changed()

    def add_of_action(self, action: str, duty: str, carrier: DutyHandler) -> None:
        """Let a part of the program carry out a duty of one action, whoever does so of others."""
        if (action, duty) in self._of_action:
            raise DutyError(
                f"`{duty}` of `{action}` has two handlers",
                code="duty",
                hint="remove one of the two",
            )
        self._of_action[action, duty] = carrier
        self._of_decision.clear()
        self._changed()

    def _carrier(self, duty: str, action: str) -> DutyHandler | None:
        return self._of_action.get((action, duty)) or self._by.get(duty)

    def add_due(self, kind: str, handler: DueHandler) -> None:
        """Let a part of the program do what falls due of a kind of item from now on."""
        if kind in self.due:
            raise DutyError(
                f"due items of `{kind}` have two handlers",
                code="duty",
                hint="remove one of the two",
            )
        self.due[kind] = handler

    def missing(
        self, duties: Sequence[Duty], question: DutyQuestion | None = None
    ) -> tuple[str, ...]:
        """The duties that nobody carries out, or not for the act of a question."""
        action = "" if question is None else question.act.action
        somewhere = {duty for _, duty in self._of_action} if question is None else set[str]()
        return tuple(
            each.duty
            for each in duties
            if (self._carrier(each.duty, action) is None and each.duty not in somewhere)
            or (
                question is not None
                and (action, each.duty) not in self._of_action
                and (conditions := self._conditions.get(each.duty)) is not None
                and not any(condition(question) for condition in conditions)
            )
        )

    def is_conditional(self, duties: Sequence[Duty]) -> bool:
        """Whether a duty can be met for some acts and not for others."""
        return any(each.duty in self._conditions for each in duties)

    def missing_of_arrivals(self, duties: Sequence[Duty]) -> tuple[str, ...]:
        """The duties that nobody carries out for data of people who are not known by name."""
        return tuple(each for each in self.beyond_entry(duties) if each not in self.of_arrivals)

    def beyond_entry(self, duties: Sequence[Duty]) -> tuple[str, ...]:
        """The duties for which more is to be done than an entry, which needs a person."""
        return tuple(each.duty for each in duties if self._by.get(each.duty) is not nothing_more)

    def do_more(self, decision: Decision, action: str) -> bool:
        """Whether more is done for an act that is allowed than to enter it."""
        return bool(decision.owed) or bool(self._carriers(decision, action))

    def may_store(self, decision: Decision, action: str) -> bool:
        """Whether duties of an act that is allowed are a practice's, which may store something."""
        return not self._carriers(decision, action) <= {delete_after}

    def _carriers(self, decision: Decision, action: str) -> set[DutyHandler | None]:
        """What carries out the duties of a decision for which an entry is not enough."""
        key = id(decision), action
        pair = self._of_decision.get(key)
        if pair is None:
            carriers = {self._carrier(each.duty, action) for each in decision.duties}
            if len(self._of_decision) >= _DECISIONS_MAX:
                self._of_decision.clear()
            # With the decision itself, so that nothing else has its id.
            pair = self._of_decision[key] = decision, carriers - {nothing_more}
        return pair[1]

    def run(self, duty_context: DutyContext) -> None:
        """Carry out every duty of a decision, and close the items of what it does that was owed."""
        action = duty_context.act.action
        for duty in duty_context.decision.duties:
            carrier = self._of_action.get((action, duty.duty)) or self._by[duty.duty]
            carrier(duty_context, duty)
        if duty_context.decision.owed:
            fulfil(duty_context)


def fulfil(duty_context: DutyContext) -> None:
    """Close a person's items of an act that was owed, by whichever clauses, and is now done."""
    clauses = tuple(sorted({each.clause for each in duty_context.decision.owed}))
    act = duty_context.act
    this = DoneAct(duty_context.person_id, duty_context.entry, act.settles)
    if duty_context.at_once is not None:
        duty_context.at_once.fulfil(this, act.action, clauses)
    else:
        Items(duty_context.connection).close([this], act.action, clauses)
