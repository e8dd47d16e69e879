"""A gate over the sample policy, on SQLite and on PostgreSQL, with a customer behind it."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

import upheld
from upheld.core.clock import Clock
from upheld.core.ids import PersonId
from upheld.database.tables import MICROSECOND, microseconds
from upheld.demo import sample_policy
from upheld.gate.gate import Gate
from upheld.vault.keyring import KeyFile, Keyring

START = datetime(2026, 3, 11, 16, 20, tzinfo=UTC)  # far from the ends of months and years
TOLD = {"email": "ann@marked.example", "name": "Ann Marked", "phone": "+15550100100"}


class Told(Clock):
    """A clock that tells what a test says, from the same moment on every day of the year."""

    def __init__(self) -> None:
        super().__init__(self._told, lambda: self._told() - self.ahead // MICROSECOND * 1000)
        self._begun = time.monotonic_ns()
        self.ahead = timedelta()

    def _told(self) -> int:
        passed = time.monotonic_ns() - self._begun
        return microseconds(START) * 1000 + passed + self.ahead // MICROSECOND * 1000


@pytest.fixture
def clock() -> Told:
    """A clock that a test sets."""
    return Told()


@pytest.fixture(scope="session")
def policy() -> upheld.Policy:
    """The sample policy."""
    return upheld.load(sample_policy())


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """A new keyring under a master key in a file."""
    master = tmp_path / "master"
    master.write_bytes(os.urandom(32))
    master.chmod(0o600)
    return Keyring.create(tmp_path / "keyring", KeyFile(master))


@pytest.fixture
def gate(engine: Engine, policy: upheld.Policy, keyring: Keyring, clock: Told) -> Gate:
    """A gate on each kind of database, with that clock."""
    return Gate(engine, policy, keyring, clock)


def later(gate: Gate, clock: Told, days: float) -> None:
    """Let days pass, without anybody minding."""
    clock.ahead += timedelta(days=days)
    gate.accept_clock()


def customer(gate: Gate, *, born: str = "1990-02-01") -> PersonId:
    """Sign somebody up who has a service."""
    person_id = gate.enrol()
    gate.store(person_id, {"birth-date": born}, source="customer", occasion="registration")
    gate.store(person_id, TOLD, source="customer", occasion="registration")
    gate.record(person_id, "service-order", fact="has-service")
    return person_id


@pytest.fixture
def person(gate: Gate) -> PersonId:
    """A customer."""
    return customer(gate)
