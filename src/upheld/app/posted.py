"""The policy of a running provider on its pages: the version in force, and never the file alone.

The file that the settings name is an offer of a draft. What is served are the bytes in the
database, asked for at each request, so that the page and what the gate decides by are one version.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from upheld.api.live import Built, InForce, Live
from upheld.api.logs import event
from upheld.core.clock import system_time
from upheld.database.seals import SealedError
from upheld.database.transaction import reading
from upheld.gate.editions import store
from upheld.gate.editions.policy_file import OFFERED, REFUSED, file_state
from upheld.gate.editions.store import EditionError
from upheld.gate.gate import Gate
from upheld.policy.load import Policy


class PostedLive(Live[Built]):
    """The version in force and what was built from it; `path` is the file beside it."""

    def __init__(self, path: Path, build: Callable[[Policy], Built], gate: Gate) -> None:
        self.gate = gate
        super().__init__(path, build)
        self._compare_copy()  # nothing is served of a version whose copy is not whole
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
        try:
            self._compare_copy()
        except (EditionError, SealedError) as error:
            event(
                "the copy of the version in force is not whole",
                logging.ERROR,
                in_force=now,
                error=error.code,
            )
            return REFUSED
        return "swapped" if now != before else offer

    def compare_file(self) -> str:
        """What the file is beside the version in force; the log says where it is another one.

        So it does of the other files that the settings name.
        """
        for compare in self.gate.context.file_comparisons:
            compare(self.gate)
        in_force = self.now.policy.digest
        there = file_state(self.path, in_force)
        if there.state == REFUSED:
            event("policy file refused", logging.ERROR, in_force=in_force, first_fault=there.fault)
        elif there.state == OFFERED:
            event(
                "policy file is not the version in force",
                logging.WARNING,
                in_force=in_force,
                file=there.digest,
                hint="`upheld version draft` makes a draft of it",
            )
        return there.state

    def _compare_copy(self) -> None:
        """EditionError where the database's copy is not what is served, whatever is in mind."""
        with reading(self.gate.engine) as connection:
            program = store.read_program(connection, self.now.policy.digest)
        if program.source != self.now.policy.program.source:
            raise EditionError(
                "the database's copy of the version in force is not what is served",
                code="version-copy",
                hint="restore it from a backup",
            )
