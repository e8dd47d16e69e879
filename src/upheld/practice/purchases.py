"""Ordering on somebody else's bill: what is on offer, and whose yes an order waits for.

Who sells and who approves are practices that know nothing of one another. The one says what
something costs and sells it; the other lets somebody order only once who pays has said yes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction


class Purchase(NamedTuple):
    """Something that is paid for each month: what it costs, and what all costs with it."""

    item: str
    title: str
    cents: int
    total: int  # a month, of everything that this person has then


class PurchaseRequest(NamedTuple):
    """That somebody asked whoever pays: the code that both see, or why nobody was asked."""

    code: str
    problem: str = ""


class Seller(Protocol):
    """A practice that sells what is paid for each month."""

    @property
    def services(self) -> Mapping[str, str]:
        """The services of which something is sold: a word for each, and its title."""

    def price(self, item: str) -> tuple[str, int] | None:
        """What something is called and costs a month; None if it is no longer offered."""

    def offer(self, transaction: Transaction, person_id: PersonId, item: str) -> Purchase | None:
        """What ordering it would cost somebody now; None if they cannot, or have it already.

        Raises Refused where the policy does not let us see that.
        """

    def sell(self, transaction: Transaction, person_id: PersonId, item: str) -> str:
        """Order it for somebody; the reference of the order. Raises Refused."""


class PurchaseApproval(Protocol):
    """A practice by which what somebody orders waits for whoever pays for it."""

    def is_needed(self, tables: Tables, person_id: PersonId) -> bool:
        """Whether somebody cannot order alone what costs anything."""

    def ask(
        self, transaction: Transaction, person_id: PersonId, purchase: Purchase
    ) -> PurchaseRequest | Refused:
        """Ask whoever pays; nothing is ordered before they say yes."""
