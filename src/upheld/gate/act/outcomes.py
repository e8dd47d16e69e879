"""What becomes of an act that was decided and entered: its duties are met, and values come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upheld.core.ids import EntryNumber
from upheld.database.statements import to_datetime
from upheld.gate.act.context import NOTHING_READ
from upheld.gate.act.duties import DutyContext
from upheld.gate.act.request import ActResult, Refused
from upheld.gate.evidence.derived_fields import FieldReader
from upheld.policy.request import Decision

if TYPE_CHECKING:
    from upheld.gate.act.execution import ActExecution


def outcome_of(  # noqa: PLR0913, PLR0917 - what was decided of an act, and its entry
    execution: ActExecution,
    read: FieldReader,
    fields: tuple[str, ...],
    decision: Decision,
    problem: str,
    number: EntryNumber,
    entry_time: int,
) -> ActResult | Refused:
    """What an act gives whoever did it, once its duties are carried out; or its refusal."""
    if problem or not decision.allowed:
        if execution.entitled:
            return Refused(number, decision, problem or decision.why)
        return Refused(number)
    if execution.context.duty_handlers.do_more(decision, execution.act.action):
        person_id = read.person_id
        duty_context = DutyContext(
            execution.connection,
            execution.act,
            person_id,
            decision,
            number,
            execution.context.clock.local(to_datetime(entry_time)),
            execution.at_once,
        )
        execution.context.duty_handlers.run(duty_context)
    if execution.act.action in NOTHING_READ:
        return ActResult(values={}, decision=decision, entry=number)
    field_values, rows, there = {}, {}, read.cache
    for field in fields:
        if series := (there[field] if field in there else read(field)):
            field_values[field] = series[-1]
            if len(series) > 1:
                rows[field] = series
    left_out = (
        tuple(f for f in execution.act.data if f not in fields) if execution.act.partial else ()
    )
    return ActResult(
        values=field_values, decision=decision, entry=number, refused=left_out, rows=rows
    )
