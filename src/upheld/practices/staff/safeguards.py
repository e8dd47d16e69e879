"""Which safeguards are on, for managers: what the settings say, and what a look through finds.

Looking through opens every key and value and hashes every entry, so it is done when it is asked
for. Nothing of anybody is shown: numbers and ids of what is not whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from starlette.responses import Response

from upheld.gate.upkeep import Checked, selfcheck
from upheld.practice.brings import Provider
from upheld.practice.visits import Visit
from upheld.practices.staff.people_page import manager_of


class Safeguard(NamedTuple):
    """One safeguard: whether it is on, and what that means here."""

    on: bool
    title: str
    said: str


class Safeguards:
    """The page of the safeguards."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def _page(self, visit: Visit, checked: Checked | None = None) -> Response:
        manager_of(visit)
        return self.provider.pages.page(
            visit.request, "staff/safeguards.html", safeguards=self.listed(), checked=checked
        )

    async def show(self, visit: Visit) -> Response:
        """What the settings and the keyring say."""
        return self._page(visit)

    async def check(self, visit: Visit) -> Response:
        """Look everything through now."""
        manager_of(visit)
        gate = self.provider.gate.gate
        facts = gate.house.policy.program.vocabulary.facts.values()
        kinds = sorted({fact.proof for fact in facts if fact.proof})
        return self._page(
            visit, await self.provider.apart(selfcheck, gate.engine, gate.house.keyring, kinds)
        )

    def listed(self) -> list[Safeguard]:
        """Each safeguard and whether it is on."""
        provider = self.provider
        house, engine = provider.gate.gate.house, provider.gate.gate.engine
        ring = house.keyring
        jobs = [job.name for each in provider.practices for job in each.jobs]
        return [
            Safeguard(True, "Encrypted at rest", "Every value is sealed under its person’s own key;"
                      f" their keys under a keyring apart from the database, in epoch"
                      f" {ring.current.number}, sealed by a {ring.master}."),
            Safeguard(True, "Decided and entered", "Each read is decided by the policy in force,"
                      f" {house.policy.digest[:12]}, and entered before anybody sees it."),
            Safeguard(provider.secure, "Encrypted on the way", "People reach us over TLS, and"
                      " cookies are kept to it." if provider.secure else "The settings name no"
                      " https address, so cookies are not kept to TLS. Give them one."),
            Safeguard(engine.dialect.name != "sqlite" or self._apart(), "Keys apart",
                      "The keyring lies in another folder than the database, so that a backup of"
                      " one is no backup of the other." if self._apart() or engine.dialect.name
                      != "sqlite" else "The keyring lies beside the database. Move it to another"
                      " disk, and name it in the settings."),
            Safeguard(bool(jobs), "Jobs", "Done again and again: " + ", ".join(jobs) + "."
                      if jobs else "No practice has a job."),
        ]  # fmt: skip

    def _apart(self) -> bool:
        settings = self.provider.settings
        database = Path(settings.database.removeprefix("sqlite:///")).resolve().parent
        return settings.keyring is not None and settings.keyring.resolve().parent != database
