"""What is done beside an erasure: bills that are still to be made, and word to who owes.

A practice may have something to do for somebody before what is kept of them is settled, such as the
last invoice, and something after it for those of whom something is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from upheld.core.ids import PersonId

if TYPE_CHECKING:
    from upheld.gate.transaction import GateTransaction

ErasureHook = Callable[["GateTransaction", PersonId], None]  # the transaction, and whom it is about


class ErasureHooks:
    """What is done for each person before they are erased, and after it for who is kept in part."""

    def __init__(self) -> None:
        self.before: list[ErasureHook] = []
        self.after: list[ErasureHook] = []
