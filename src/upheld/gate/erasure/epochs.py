"""Renew everybody's keys, so that what was erased before can be opened with none of them.

A renewal may be stopped and begun again at any time; nobody is ever without a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Engine

from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.transaction import scrub, writing
from upheld.gate import older_databases
from upheld.gate.set_aside import JobTrial
from upheld.vault import people, values
from upheld.vault.keyring import Keyring

BATCH = 100  # people moved in one transaction


def begin_epoch(
    engine: Engine, keyring: Keyring, *, destroy: bool = True, trial: JobTrial | None = None
) -> int:
    """Begin an epoch, move everybody to it, and destroy the keys of the epochs before.

    How many people were moved. What was sealed for anyone who was not moved can then be read by
    nobody, in no backup either. Of two processes the second waits, and then begins a further one.
    With a `trial` whoever cannot be moved is set aside; the key of their epoch then stays, and with
    it what was erased under it can still be read in backups.
    """
    with keyring.renewing():
        with writing(engine) as connection:
            older_databases.belong(connection, keyring)
        moved = _move_all(engine, keyring, trial)
        if not moved:  # nobody is left of a move that was stopped, so that this is a new one
            keyring.begin_epoch()
            with writing(engine) as connection:
                older_databases.belong(connection, keyring)
            moved = _move_all(engine, keyring, trial)
        if destroy:
            _destroy(engine, keyring)
        return moved


def _move_all(engine: Engine, keyring: Keyring, trial: JobTrial | None) -> int:
    """Move everybody who can be moved, those too who came in under an old key meanwhile."""
    moved, before, last = 0, 0, ""
    work = partial(_move, engine, keyring)
    while True:
        with writing(engine) as connection:
            some = people.to_move(connection, keyring, BATCH, last)
        if some:
            last = some[-1]
            moved += work(some) if trial is None else trial.some(some, work)
        elif moved == before:
            return moved
        else:
            before, last = moved, ""


def _move(engine: Engine, keyring: Keyring, some: Sequence[PersonId]) -> int:
    with writing(engine) as connection:
        for person_id in some:
            people.move(connection, keyring, person_id, values.indexed_values)
    return len(some)


def _destroy(engine: Engine, keyring: Keyring) -> None:
    """Destroy the keys of the epochs before, but of those that somebody's key is still of."""
    for epoch in [each for each in keyring.epochs if each is not keyring.current]:
        with writing(engine) as connection:
            if rows(connection, people.OF_EPOCH, epoch.number):
                continue
            people.close(connection, epoch.number)
        keyring.destroy_epoch(epoch.number)
    scrub(engine)
