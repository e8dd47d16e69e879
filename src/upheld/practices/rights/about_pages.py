"""Who we are: how we are reached, who answers for privacy, and the public register of parties.

The register is what the policy promises that anybody can read: with whom we have an agreement or an
engagement that is in force, or whom we own. What else is recorded about others, such as what a
court demanded, is no part of it.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from upheld.gate.transaction import Transaction
from upheld.practice.intake_register import IntakeLine
from upheld.practice.parties import PublicRow, public_register
from upheld.practice.plugin import Provider
from upheld.practices.rights.sentences import label

HERE: Final = "/about"
PARTS: Final = (
    ("Who we are", ""),
    ("Register of partners", "#register"),
    ("What comes in", "#intake"),
    ("Accessibility", "#accessibility"),
    ("Security", "#security"),
)
"""What the foot of every page leads to, each with its place on the page."""


class AboutPage:
    """The page."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, request: Request) -> Response:
        """Who we are and who works with us, for everyone."""
        rows, intake = await self.provider.run_in_thread(self._look)
        return self.provider.pages.page(
            request,
            "rights/about.html",
            rows=rows,
            intake=intake,
            role=lambda word: label(self.provider.policy, "party", word),
            officer=self.provider.settings.privacy_officer or self.provider.imprint.email,
        )

    def _look(self) -> tuple[list[PublicRow], list[IntakeLine]]:
        """The register, and what comes in; nobody who writes waits for it."""
        with self.provider.gate.gate.consult() as transaction:
            return public_register(transaction), self._intake(transaction)

    def _intake(self, transaction: Transaction) -> list[IntakeLine]:
        sources = (each.intake for each in self.provider.practices if each.intake)
        return [line for source in sources for line in source(transaction)]
