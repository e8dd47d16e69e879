"""The work about takeovers that a job does, and the duties under which an account may go."""

from __future__ import annotations

from upheld.core.ids import ClosingId
from upheld.gate.act.duties import DutyContext
from upheld.gate.gate import Gate
from upheld.policy.request import Duty
from upheld.practices.takeovers.closing import APPROVED, DONE, ENDED, MOVING, TakeoverError
from upheld.practices.takeovers.closings import Closings
from upheld.practices.takeovers.coverage import MOVED, Coverage
from upheld.practices.takeovers.handover import Handover
from upheld.practices.takeovers.tables import takeover
from upheld.practices.takeovers.transfers import Transfers, is_moving

ONCE, NOTICE = "once", "notice-to-customer"  # duties


class TakeoverWork:
    """What is done about closings beside the pages."""

    def __init__(self, closings: Closings) -> None:
        self.closings, self.coverage = closings, Coverage(closings)
        self.transfers, self.handover = Transfers(closings), Handover(closings)

    def carry_on(self, gate: Gate) -> int:
        """Do what is due about every closing; how much. The job of that name.

        Whom it covers is recorded, what it covers is transferred, everybody is told, and what the
        successor has is closed here.
        """
        with gate.look() as tables:
            rows, _ = tables.select_intact(
                takeover, "state IN (?, ?, ?, ?)", APPROVED, MOVING, DONE, ENDED
            )
        return sum(self._carry_on(gate, each.closing_id) for each in rows)

    def _carry_on(self, gate: Gate, closing_id: ClosingId) -> int:
        with gate.look() as tables:
            closing = self.closings.require(tables, closing_id)
        if closing.state == APPROVED:
            self.coverage.cover(gate, closing)
            with gate.look() as tables:
                closing = self.closings.require(tables, closing_id)
        count = self.transfers.move(gate, closing) if closing.state == MOVING else 0
        count += self.transfers.notify(gate, closing)
        if closing.state == DONE:
            count += self.transfers.each(gate, closing, "state", MOVED, self.handover.close)
        return count

    def once(self, duty: DutyContext, _: Duty) -> None:
        """Carry out the duty of that name: TakeoverError unless the transfer itself asks, once."""
        self._require_moving(duty)

    def notice_to_customer(self, duty: DutyContext, _: Duty) -> None:
        """Carry out the duty of that name: the transfer owes a notice, which the job then sends."""
        self._require_moving(duty)

    def _require_moving(self, duty: DutyContext) -> None:
        """TakeoverError but for an account that its closing moves in this very transaction."""
        closing = is_moving(duty.person_id)
        if closing is None or closing.party != duty.act.party:
            raise TakeoverError(
                "no account goes to anybody but by the closing that covers it, whole and once",
                code="takeover-state",
                hint="record the closing; `upheld jobs` carries it out",
            )
