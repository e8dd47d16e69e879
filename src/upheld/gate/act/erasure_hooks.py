"""What is done beside an erasure: bills that are still to be made, and word to who owes.

A practice may have something to do for somebody before what is kept of them is settled, such as the
last invoice, and something after it for those of whom something is kept. Whoever asked for an
erasure that they can still take back is left to it: retention deletes nothing of theirs meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from upheld.core.ids import PersonId

if TYPE_CHECKING:
    from upheld.database.own_tables import Tables
    from upheld.gate.gate import Gate
    from upheld.gate.transaction import GateTransaction

ErasureHook = Callable[["GateTransaction", PersonId], None]  # the transaction, and whom it is about

ErasuresHook = Callable[["Gate", Sequence[PersonId]], None]  # in transactions of its own
LeftToErasure = Callable[["Tables", Sequence[PersonId], datetime], set[PersonId]]
"""Who of some people can take their erasure back at a moment."""


class ErasureHooks:
    """What is done for each person before they are erased, and after it for who is kept in part."""

    def __init__(self) -> None:
        self.before: list[ErasureHook] = []
        self.before_many: list[ErasuresHook] = []
        self.after: list[ErasureHook] = []
        self.waiting: list[LeftToErasure] = []

    def left(self, tables: Tables, some: Sequence[PersonId], at: datetime) -> set[PersonId]:
        """Who of some people is left to an erasure that they can still take back."""
        return set().union(*(each(tables, some, at) for each in self.waiting))
