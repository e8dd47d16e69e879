"""The policy of a running provider on its pages: the version in force, and never the file alone.

The file that the settings name is an offer of a draft. What is served are the bytes in the
database, asked for at each request, so that the page and what the gate decides by are one version.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from upheld.api.live import Built, InForce, Live
from upheld.api.logs import event
from upheld.core.clock import system_time
from upheld.core.errors import PolicyError
from upheld.gate.gate import Gate
from upheld.policy.load import Policy, load

SAME: Final = "unchanged"
OFFERED: Final = "offered"
REFUSED: Final = "refused"


class PostedLive(Live[Built]):
    """The version in force and what was built from it; `path` is the file beside it."""

    def __init__(self, path: Path, build: Callable[[Policy], Built], gate: Gate) -> None:
        self.gate = gate
        super().__init__(path, build)
        self.compare_file()

    def first(self) -> Policy:
        """The policy with which serving begins."""
        return self.gate.policy

    def current(self) -> InForce[Built]:
        """What is served of the version in force, as the database says at this moment."""
        self.gate.refresh()
        if self.gate.policy.digest == self.now.policy.digest:
            return self.now
        with self.lock:
            policy = self.gate.policy
            if policy.digest != self.now.policy.digest:
                self.now = InForce(policy, self.build(policy), system_time().timestamp())
                event("policy swapped", digest=policy.digest)
            return self.now

    def reload(self) -> str:
        """Look at the version in force and at the file: `swapped`, or what the file is."""
        before = self.now.policy.digest
        now = self.current().policy.digest
        with self.lock:
            self.seen, self.pending = self.signature(), None
        offer = self.compare_file()
        return "swapped" if now != before else offer

    def compare_file(self) -> str:
        """What the file is beside the version in force; the log says where it is another one."""
        in_force = self.now.policy.digest
        try:
            digest = load(self.path).digest
        except PolicyError as error:
            first = error.faults[0].message if error.faults else ""
            event("policy file refused", logging.ERROR, in_force=in_force, first_fault=first)
            return REFUSED
        if digest == in_force:
            return SAME
        event(
            "policy file is not the version in force",
            logging.WARNING,
            in_force=in_force,
            file=digest,
            hint="`upheld version draft` makes a draft of it",
        )
        return OFFERED
