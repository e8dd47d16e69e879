"""What the practice of accounting brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.practice import parties
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.accounting import console, partner
from upheld.practices.accounting.console import HERE, ROLE, SEEN, AccountingConsole
from upheld.practices.accounting.partner import ReceivedPage

SENTENCES = {SEEN: "{actor} looked at who received something about {whom}"}


def practice(provider: Provider) -> Practice:
    """The accounting of disclosures: for the privacy desk, and for each company its own."""
    desk, received = AccountingConsole(provider), ReceivedPage(provider)

    def get(kind: str, path: str, handler: Handler) -> Route:
        return Route(path, require_sign_in(provider, kind, handler), methods=["GET"])

    return Practice(
        "accounting",
        routes=[
            get("staff", console.HERE, desk.show),
            get("staff", f"{console.HERE}.csv", desk.file),
            get("staff", f"{console.HERE}/{{number:int}}", desk.receipt),
            get("agent", partner.HERE, received.show),
            get("agent", f"{partner.HERE}.csv", received.file),
        ],
        menu=[
            MenuEntry(
                "staff", "Accounting", HERE, "Who received what, by which clause", 22, roles=(ROLE,)
            ),
            MenuEntry(
                "agent",
                "Received",
                partner.HERE,
                "What we gave you, row by row",
                12,
                roles=tuple(parties.ROLES),
            ),
        ],
        entry_sentences=SENTENCES,
    )
