"""Who we are: how we are reached, who answers for privacy, and the public register of parties.

The register is what the policy promises that anybody can read: with whom we have an agreement or an
engagement that is in force, or whom we own. What else is recorded about others, such as what a
court demanded, is no part of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.database.columns import microseconds
from upheld.database.own_tables import to_datetime
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice.plugin import Provider
from upheld.practices.rights.sentences import label

HERE: Final = "/about"
PARTS: Final = (
    ("Who we are", ""),
    ("Register of partners", "#register"),
    ("Accessibility", "#accessibility"),
    ("Security", "#security"),
)
"""What the foot of every page leads to, each with its place on the page."""
PUBLIC_KINDS: Final = {
    "agreement": "a confidentiality agreement",
    "engagement": "an engagement",
    "partner-register": "an entry in this register",
    "ownership": "ownership",
}
"""Records that anybody may read, and what each rests on."""


class RegisterRow(NamedTuple):
    """A party of the register: its name, what it is to us, by what and since when."""

    name: str
    role: str
    basis: str
    since: datetime


def public_register(transaction: Transaction) -> list[RegisterRow]:
    """The parties whose records are in force, by name."""
    records, _ = transaction.records_of([REGISTER], sorted(PUBLIC_KINDS))
    at = microseconds(transaction.clock.now())
    policy = transaction.policy
    rows = {
        RegisterRow(
            company_name(each.party),
            label(policy, "party", word),
            PUBLIC_KINDS[each.kind],
            to_datetime(each.valid_from),
        )
        for each in records
        if each.party and each.in_force(at)
        for word in (*each.about.get("recipient", ()), *each.about.get("source", ()))
    }
    return sorted(rows)


class AboutPage:
    """The page."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, request: Request) -> Response:
        """Who we are and who works with us, for everyone."""
        rows = await self.provider.do(public_register)
        return self.provider.pages.page(
            request,
            "rights/about.html",
            rows=rows,
            officer=self.provider.settings.privacy_officer or self.provider.imprint.email,
        )
