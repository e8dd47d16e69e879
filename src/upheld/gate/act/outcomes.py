"""What becomes of an act that was decided and entered: its duties are met, and values come out."""

from __future__ import annotations

from collections.abc import Sequence
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


def outcomes_of(  # noqa: PLR0913, PLR0917 - what was decided of an act, and its entry
    execution: ActExecution,
    readers: Sequence[FieldReader],
    fields: tuple[str, ...],
    decision: Decision,
    problem: str,
    number: EntryNumber,
    entry_time: int,
) -> list[ActResult] | list[Refused]:
    """What an act gives of each of some people of whom it was decided and entered together.

    Its duties are carried out first, of one after the other; or it is its refusal.
    """
    act, handlers = execution.act, execution.context.duty_handlers
    if problem or not decision.allowed:
        if execution.entitled:
            return [Refused(number, decision, problem or decision.why) for _ in readers]
        return [Refused(number) for _ in readers]
    does_more, reads = handlers.do_more(decision, act.action), act.action not in NOTHING_READ
    left_out = tuple(f for f in act.data if f not in fields) if act.partial and reads else ()
    results = []
    for read in readers:
        if does_more:
            duty_context = DutyContext(
                execution.connection,
                act,
                read.person_id,
                decision,
                number,
                execution.context.clock.local(to_datetime(entry_time)),
                execution.at_once,
            )
            handlers.run(duty_context)
        field_values, rows, there = {}, {}, read.cache
        for field in fields if reads else ():
            if series := (there[field] if field in there else read(field)):
                field_values[field] = series[-1]
                if len(series) > 1:
                    rows[field] = series
        results.append(
            ActResult(
                values=field_values, decision=decision, entry=number, refused=left_out, rows=rows
            )
        )
    return results
