"""Which safeguards are on, for managers: by the settings, the database, and a look through it.

Looking through opens every key and value and hashes every entry, so it is done when it is asked
for. Nothing of anybody is shown: numbers and ids of what is not whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from starlette.responses import Response

from upheld.gate.operations.safeguards import (
    keys_of,
    log_coverage,
    look_through,
    safeguard_state,
)
from upheld.gate.operations.selfcheck import SelfCheckReport
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practice.promises import find_unkept
from upheld.practices.staff.people_page import manager_of


class Safeguard(NamedTuple):
    """One safeguard: whether it is on, and what that means here."""

    on: bool
    title: str
    text: str


class Safeguards:
    """The page of the safeguards."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def _page(self, visit: Visit, checked: SelfCheckReport | None = None) -> Response:
        manager_of(visit)
        return self.provider.pages.page(
            visit.request,
            "staff/safeguards.html",
            checked=checked,
            state=await self.provider.run_in_thread(safeguard_state, self.provider.gate.gate),
            unkept=find_unkept(self.provider, self.provider.policy),
            safeguards=[*self._fixed_safeguards(), *await self._running_safeguards()],
        )

    async def show(self, visit: Visit) -> Response:
        """What the settings, the keyring and the database say."""
        return await self._page(visit)

    async def check(self, visit: Visit) -> Response:
        """Look everything through now."""
        manager_of(visit)
        gate = self.provider.gate.gate
        return await self._page(visit, await self.provider.run_in_thread(look_through, gate))

    def _fixed_safeguards(self) -> list[Safeguard]:
        """What does not change while the provider runs."""
        gate, settings = self.provider.gate.gate, self.provider.settings
        keys, apart = keys_of(gate), self._keys_apart()
        return [
            Safeguard(
                True,
                "Encrypted at rest",
                "Every value is sealed under its person’s own key,"
                f" their keys under a keyring, in epoch {keys.epoch}, sealed by a"
                f" {keys.master}.",
            ),
            Safeguard(
                True,
                "Decided and entered",
                "Each read is decided by the policy in force,"
                f" {gate.policy.digest[:12]}, and entered before anybody sees it.",
            ),
            Safeguard(
                self.provider.secure,
                "Encrypted on the way",
                "People reach us over TLS, and cookies are kept to it."
                if self.provider.secure
                else "The settings name no https address, so cookies"
                " are not kept to TLS. Give them one.",
            ),
            Safeguard(
                apart,
                "Keys apart",
                "The keyring does not lie beside the database, so that"
                " whoever takes one does not have the other."
                if apart
                else "The keyring lies"
                " beside the database. Move it to another disk, and say where it is.",
            ),
            Safeguard(
                settings.escrow is not None,
                "Backups",
                f"What opens them is kept in escrow for {settings.backup_days} days."
                if settings.escrow
                else "The settings"
                " name no escrow, so a backup is of use only until the keys are renewed.",
            ),
        ]

    async def _running_safeguards(self) -> list[Safeguard]:
        """How far the ledger is covered, and whether somebody does the jobs."""
        state = await self.provider.run_in_thread(log_coverage, self.provider.gate.gate)
        return [
            Safeguard(
                state.covered is not None,
                "Ledger signed",
                f"Entries up to {state.covered:,}"
                f" of {state.last:,} are in a signed tree that nobody can rewrite"
                " unnoticed."
                if state.covered is not None
                else "No entry is covered by a signed tree. Name a"
                " key of the log, and run upheld jobs.",
            ),
            Safeguard(
                state.jobs,
                "Jobs",
                "A process does what is due."
                if state.jobs
                else "No process does what is due. Run upheld jobs.",
            ),
        ]

    def _keys_apart(self) -> bool:
        settings = self.provider.settings
        if not settings.database.startswith("sqlite"):
            return True
        database = Path(settings.database.removeprefix("sqlite:///")).resolve().parent
        return settings.keyring is not None and settings.keyring.resolve().parent != database
