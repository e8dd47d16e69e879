"""Runs of programmes: whoever joined is sent to the company, once for each joining.

A run goes through the members in lots. Each lot is one transaction: its people are locked and
looked at again, the policy decides for each of them, and they are in one delivery. Two runs at once
send nobody twice, and one that is killed goes on where it was when it is run again.
"""

from __future__ import annotations

import logging
from typing import Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, ProgrammeId
from upheld.database.own_tables import Place
from upheld.gate.act.request import ActResult
from upheld.gate.gate import Gate
from upheld.practice import deliveries, recipient_requests
from upheld.practices.programmes import members, programmes
from upheld.practices.programmes.programmes import ProgrammeError
from upheld.practices.programmes.tables import programme_member as table

_LOG: Final = logging.getLogger("upheld")
_UNSENT: Final = "programme_id = ? AND state = 'joined' AND delivery_id IS NULL"


class Run(NamedTuple):
    """What came of a run: how many were sent in how many deliveries, and how many were refused."""

    people: int = 0
    deliveries: int = 0
    refused: int = 0


def run(gate: Gate, programme_id: ProgrammeId) -> Run:
    """Send whoever joined since the last run; ProgrammeError or DeliveryError where nothing can."""
    result = Run()
    last: Place | None = {"person_id": ""}
    while last is not None:
        result, last = _run_lot(gate, programme_id, result, last)
    return result


def _run_lot(
    gate: Gate, programme_id: ProgrammeId, so_far: Run, after: Place
) -> tuple[Run, Place | None]:
    """The next lot of a run, in a transaction of its own, and where to go on after it."""
    with gate.together() as transaction:
        its = programmes.find(transaction.tables, programme_id)
        if not its.in_force(transaction.clock.now()):
            raise ProgrammeError(
                "this programme is not in force", code="programme-closed", hint="look at its days"
            )
        decision = programmes.decision_on(transaction.policy, its.fields)
        if decision is None or not decision.allowed:
            raise ProgrammeError(
                "the policy does not let a programme share these now",
                code="programme-closed",
                hint="end it, or make one that shares less",
            )
        lot = transaction.tables.batch(
            table, _UNSENT, (its.programme_id,), after, deliveries.PEOPLE_MAX
        )
        people = [PersonId(each.person_id) for each in lot.rows]
        if people:
            transaction.lock(*people)
            people = members.to_send(transaction, its, people)
        if not people:
            return so_far, lot.last
        sending = deliveries.send(transaction, its.act, people)
        results = [who for who, each in sending.outcomes.items() if isinstance(each, ActResult)]
        members.note_lapsed(transaction, its, {*people} - {*results})
        if sending.delivery is not None:
            members.note_sent(transaction, its, results, sending.delivery.delivery_id)
        return Run(
            so_far.people + len(results),
            so_far.deliveries + (sending.delivery is not None),
            so_far.refused + len(people) - len(results),
        ), lot.last


def run_all(gate: Gate) -> int:
    """Run every programme in force; how many people were sent. The job of that name.

    The company of one that is over is asked to delete what it got.
    """
    with gate.look() as tables:
        at = gate.clock.now()
        waiting = [
            each.programme_id
            for each in programmes.every(tables)
            if each.in_force(at)
            and tables.select_unchecked(table, ["COUNT(*)"], _UNSENT, each.programme_id) != [(0,)]
        ]
        over = [each for each in programmes.every(tables) if each.ends and each.ends <= at]
    for its in over:
        with gate.together() as transaction:
            latest = deliveries.latest(transaction.tables, reference=its.programme_id)
            if any(each.handed for each in latest):
                recipient_requests.all_under(
                    transaction, its.party, programmes.PARTNER, its.programme_id, its.fields
                )
    count = 0
    for each in waiting:
        try:
            count += run(gate, each).people
        except UpheldError as error:  # such as a company without a key: the others are run
            _LOG.warning("a programme was not run: %s", error.code)
    return count
