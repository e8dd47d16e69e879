"""How many customers a draft reaches: whose answers differ, by what the records prove of them now.

Each question is asked of the version in force and of the draft, on the facts of each customer. No
entry is made, nothing is locked, and what comes out are numbers. Facts about one company by name
are not known here, since a question names none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection

from upheld.core.dimensions import DATA
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.act.context import GateContext
from upheld.gate.act.execution import ActExecution
from upheld.gate.act.request import Act, planned
from upheld.policy.decide import QuestionPlan
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.vault.people import ACTIVE, REGISTER

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

_TOGETHER = 100  # people looked at in one transaction
Question = Mapping[str, Any]  # as JSON has it: an action, and words by dimension


class Reach(NamedTuple):
    """How many customers were looked at, whether that is all, and how many each question reaches.

    A question that cannot be asked of customers has no number.
    """

    customers: int
    complete: bool
    counts: list[int | None]


def reach(gate: Gate, draft: Policy, questions: Sequence[Question], most: int) -> Reach:
    """Count for how many of at most so many customers each question is answered otherwise."""
    counts: list[int | None] = [0] * len(questions)
    customers, after = 0, ""
    while customers < most:
        with reading(gate.engine) as connection:
            people = _next_people(connection, after, min(_TOGETHER, most - customers))
            for at, question in enumerate(questions):
                before = counts[at]
                if before is not None and people:
                    reached = _reached(gate.context, connection, draft, question, people)
                    counts[at] = None if reached is None else before + reached
        if not people:
            return Reach(customers, True, counts)
        customers, after = customers + len(people), people[-1]
    with reading(gate.engine) as connection:
        return Reach(customers, not _next_people(connection, after, 1), counts)


def _next_people(connection: Connection, after: str, most: int) -> list[PersonId]:
    statement = (
        "SELECT person_id FROM person WHERE state = ? AND person_id <> ? AND person_id > ?"
        " ORDER BY person_id LIMIT ?"
    )
    return [
        PersonId(each) for (each,) in rows(connection, statement, ACTIVE, REGISTER, after, most)
    ]


def _reached(
    context: GateContext,
    connection: Connection,
    draft: Policy,
    question: Question,
    people: Sequence[PersonId],
) -> int | None:
    """How many of some people a question reaches; None where it cannot be asked of them."""
    try:
        act = _act(question)
        plans = planned(context.policy, act), planned(draft, act)
        alone = context.alone(context.policy, context.edition)
        execution = ActExecution(alone, connection, act, entitled=True)
        return sum(_differs(*pair) for pair in _answers(execution, plans, people))
    except UpheldError:
        return None


def _answers(
    execution: ActExecution, plans: tuple[QuestionPlan, QuestionPlan], people: Sequence[PersonId]
) -> Iterator[tuple[Decision, Decision]]:
    """What both versions answer for each of some people whose records are to be believed."""
    before, after = plans
    proven, _ = execution.prove([*people], sorted({*before.values, *after.values}))
    for facts, _, problem in proven.values():
        if not problem:
            yield before.decide(facts), after.decide(facts)


def _act(question: Question) -> Act:
    """The act of a question of one word a dimension."""
    words = {name: words for name, words in question.items() if name != "action"}
    data = tuple(words.pop(DATA, ()))
    return Act(
        action=question["action"], data=data, **{name: each[0] for name, each in words.items()}
    )


def _differs(before: Decision, after: Decision) -> bool:
    return (
        before.outcome != after.outcome
        or before.duties != after.duties
        or before.owed != after.owed
        or before.bases != after.bases
    )
