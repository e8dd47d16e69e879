"""Programs of partners that tell us of transactions, and of which of them the access was stolen."""

from __future__ import annotations

from typing import Final

from upheld.core.ids import FeedId
from upheld.database.own_tables import Tables
from upheld.practice.tables import partner_client
from upheld.practice.withdrawn_rows import is_from

NO_FEED: Final = FeedId("")  # of what an earlier upheld had from a program of the partner's
ACTIVE, REVOKED, STOLEN = "active", "revoked", "stolen"
_ALL: Final = "state = ?"


class StolenAccess:
    """Whether what a company told us came by a stolen access, or may have."""

    def __init__(self, tables: Tables) -> None:
        rows = tables.select(partner_client, _ALL, STOLEN)
        self._programs = {FeedId(each.client_id) for each in rows}
        self._parties = {str(each.party) for each in rows}

    @property
    def number(self) -> int:
        """How many accesses were stolen."""
        return len(self._programs)

    def is_of(self, party: str) -> bool:
        """Whether an access of a company's was stolen."""
        return party in self._parties

    def covers(self, party: str, feed_id: FeedId) -> bool:
        """Whether a row may be another's than the company's, by what it came.

        An earlier upheld did not keep by which program a row came: it may be any of its company's.
        """
        if not self.is_of(party):
            return False
        return is_from(feed_id, NO_FEED) or any(is_from(feed_id, each) for each in self._programs)
