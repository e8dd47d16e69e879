"""What an order forbids us to tell: while one is in force, neither it nor what rests on it is told.

It appears in no list, count or copy that a person gets, and nothing says that anything is missing.
Once the order ends it appears like everything else.
"""

from __future__ import annotations

from collections.abc import Callable

from upheld.core.tables import microseconds
from upheld.gate import records
from upheld.gate.entries import Kept
from upheld.gate.joint import Joint
from upheld.gate.records import Record

KINDS = ("instrument", "hold", "task")
PURPOSE = "legal-process"


class Untold:
    """What may not be told of a person now."""

    def __init__(self, joint: Joint, person_id: str) -> None:
        house = joint.house
        found, forged = records.listed(joint.connection, house.keyring, [person_id], KINDS)
        at = microseconds(house.clock.now())
        gagged = any(each.fact == "gag-order" and each.in_force(at) for each in found) or forged
        self.ids = {each.record_id for each in found if gagged and _of_process(each)}
        self.gagged = bool(gagged)

    def entry(self, kept: Kept) -> bool:
        """Whether an entry may not be told."""
        if not self.gagged:
            return False
        return kept.entry.purpose == PURPOSE or not self.ids.isdisjoint(kept.entry.evidence)

    def record(self, record: Record) -> bool:
        """Whether a record may not be told."""
        return record.record_id in self.ids

    def entries(self, found: list[Kept], besides: Callable[[Kept], bool]) -> list[Kept]:
        """Those of some entries that may be told and that are asked for."""
        return [each for each in found if not self.entry(each) and besides(each)]


def _of_process(record: Record) -> bool:
    return record.kind != "task" or PURPOSE in record.about.get("purpose", ())
