"""A policy that is kept up to date: a changed file is loaded, checked and swapped in whole.

A file with mistakes, one whose examples are answered otherwise, one that has vanished or is still
being written is refused with its errors, and the policy in force goes on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import msgspec

from upheld.api.logs import event
from upheld.core.clock import system_time
from upheld.core.errors import PolicyError
from upheld.policy.examples import wrong_examples
from upheld.policy.load import Policy, load

Built = TypeVar("Built")
Signature = tuple[tuple[int, int, int], ...]


class InForce(NamedTuple, Generic[Built]):
    """A policy in force, what was built from it, and since when."""

    policy: Policy
    built: Built
    since: float


def checked(path: Path) -> Policy:
    """Load a policy whose examples hold; PolicyError with every mistake otherwise."""
    policy = load(path)
    if faults := wrong_examples(policy, str(path)):
        raise PolicyError(faults)
    return policy


class Live(Generic[Built]):
    """The policy in force, and how it changes. `build` makes what is served from a policy."""

    def __init__(self, path: Path, build: Callable[[Policy], Built]) -> None:
        self.path, self.build = path, build
        self.lock = threading.Lock()  # one reload at a time
        self.pending: Signature | None = None
        before = _stat(path)
        policy = self.first()
        self.now = InForce(policy, build(policy), system_time().timestamp())
        self.seen = (before, *self.signature()[1:])

    def first(self) -> Policy:
        """The policy with which serving begins."""
        return checked(self.path)

    def current(self) -> InForce[Built]:
        """What is served at this moment; it may have to wait for a database."""
        return self.now

    def reload(self) -> str:
        """Load the file again: `swapped`, `unchanged` or `refused`."""
        with self.lock:
            self.seen, self.pending = self.signature(), None
            before = self.seen[0]
            try:
                policy = checked(self.path)
                if policy.digest == self.now.policy.digest:
                    return "unchanged"
                self.now = InForce(policy, self.build(policy), system_time().timestamp())
                self.seen = (before, *self.signature()[1:])
            except PolicyError as error:
                event(
                    "policy refused",
                    logging.ERROR,
                    in_force=self.now.policy.digest,
                    faults=msgspec.to_builtins(error.faults),
                )
                return "refused"
            except Exception:
                logging.getLogger("upheld").exception("policy refused")
                return "refused"
            event("policy swapped", digest=policy.digest)
            return "swapped"

    def look(self) -> str:
        """Reload if the file changed and has been at rest since the last look; else empty."""
        now = self.signature()
        if now == self.seen:
            self.pending = None
            return ""
        if now != self.pending:  # it may still be written
            self.pending = now
            return ""
        return self.reload()

    def signature(self) -> Signature:
        """What tells a changed file: of the policy and of its own vocabulary."""
        return tuple(_stat(path) for path in self.files())

    def files(self) -> list[Path]:
        """The files that the policy is read from (a built-in vocabulary has none there)."""
        return [self.path, self.path.parent / self.now.policy.front.vocabulary]


def _stat(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)
