"""What no hold in force keeps any more of people who are there for holds alone."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Table

from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.tables import microseconds
from upheld.gate.act.context import GateContext
from upheld.gate.erasure.rows_on_hold import out_of_reach
from upheld.gate.evidence import records
from upheld.gate.evidence.provers import HOLD
from upheld.gate.evidence.records import Record


def without_hold(
    context: GateContext, connection: Connection, some: Sequence[PersonId]
) -> list[PersonId]:
    """Who of some people is under no hold now."""
    on_hold = _holds_in_force(context, connection, some)
    return [each for each in some if each not in on_hold]


def _holds_in_force(
    context: GateContext, connection: Connection, some: Sequence[PersonId]
) -> dict[PersonId, list[Record]]:
    """The holds in force of those of some people who are under one."""
    fact = context.policy.program.vocabulary.facts.get(HOLD)
    kinds = [fact.proof] if fact else []
    proven, _ = records.records_of(connection, context.keyring, some, kinds)
    at = microseconds(context.clock.now())
    on_hold: dict[PersonId, list[Record]] = {}
    for each in proven:
        if each.fact == HOLD and each.in_force(at):
            on_hold.setdefault(each.person_id, []).append(each)
    return on_hold


def tables_out_of_reach(
    context: GateContext, connection: Connection, some: Sequence[PersonId]
) -> dict[PersonId, list[Table]]:
    """Of who is under holds that name kinds of data, tables with rows that none of them keeps."""
    result: dict[PersonId, list[Table]] = {}
    for person_id, holds in _holds_in_force(context, connection, some).items():
        tables = [
            each
            for each in out_of_reach(context.policy, holds)
            if rows(connection, f"SELECT 1 FROM {each.name} WHERE person_id = ?", person_id)  # noqa: S608 - names alone
        ]
        if tables:
            result[person_id] = tables
    return result
