"""When the power goes: whoever got a value finds its entry there when the power is back."""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

import upheld
from gate.conftest import customer
from gate.test_faults import problems
from power import Disk, connect
from sizes import size
from tally import tried
from upheld.core.ids import PersonId
from upheld.database.engines import open_database
from upheld.database.schema import migrate
from upheld.gate.gate import Gate
from upheld.vault.keyring import Keyring

TRIALS = size("losses of power in the middle of acts", short=25, long=1_000)
CONTROLS = size("losses of power without syncing each commit", short=25, long=100)
ACTS = 25


@pytest.fixture(name="begun")
def _begun(tmp_path: Path, policy: upheld.Policy, keyring: Keyring) -> tuple[Path, PersonId]:
    """A database with a customer, at rest."""
    path = tmp_path / "begun.db"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    person = customer(Gate(engine, policy, keyring))
    engine.dispose()
    return path, person


def lost(
    begun: tuple[Path, PersonId],
    policy: upheld.Policy,
    keyring: Keyring,
    chance: random.Random,
    synchronous: str,
) -> tuple[int, int]:
    """Of how many acts values were given, and how many of them are gone with the power."""
    path, person = begun
    trial = path.with_name("trial.db")
    for suffix in ("", "-wal", "-shm"):
        Path(f"{trial}{suffix}").unlink(missing_ok=True)
    shutil.copy(path, trial)
    disk = Disk(chance.randint(2, 2 * ACTS if synchronous == "FULL" else 4))
    numbers_told: list[int] = []
    with suppress(upheld.UpheldError, SQLAlchemyError):
        engine = connect(str(trial), disk, synchronous)
        gate = Gate(engine, policy, keyring)
        for turn in range(ACTS * 4):
            gate.store(person, {"zip": str(turn)}, source="customer", occasion="registration")
            numbers_told.append(gate.use(person, ["zip"], purpose="fraud-detection").entry)
    assert disk.off
    with suppress(Exception):  # its files are as they were left
        engine.dispose()
    again = open_database(f"sqlite:///{trial}")
    gate = Gate(again, policy, keyring)
    assert problems(gate) == ()
    stored = {entry.number for entry in gate.entries(person)}
    again.dispose()
    return len(numbers_told), len(set(numbers_told) - stored)


def test_no_act_that_was_told_is_lost_with_the_power(
    begun: tuple[Path, PersonId], policy: upheld.Policy, keyring: Keyring
) -> None:
    """Whatever sync the power goes at: what was given has its entry, and everything is whole."""
    chance = random.Random(5)  # noqa: S311 - moments to lose power at
    result = [lost(begun, policy, keyring, chance, "FULL") for _ in range(TRIALS)]
    assert sum(text_told for text_told, _ in result) > TRIALS
    assert sum(gone for _, gone in result) == 0
    tried("power", "gone at a sync, in the middle of acts", "sqlite", TRIALS)


def test_without_a_sync_for_each_commit_acts_would_be_lost(
    begun: tuple[Path, PersonId], policy: upheld.Policy, keyring: Keyring
) -> None:
    """The control: the same trials with synchronous=NORMAL do lose acts that were told."""
    chance = random.Random(6)  # noqa: S311 - as above
    result = [lost(begun, policy, keyring, chance, "NORMAL") for _ in range(CONTROLS)]
    gone = sum(gone for _, gone in result)
    assert gone > 0
    tried("power", "the control: without a sync for each commit", "sqlite", CONTROLS, gone)
