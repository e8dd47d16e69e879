"""To which keyring a database belongs: marks of its epochs, and the keys of rows that decide."""

from __future__ import annotations

import hmac

from sqlalchemy import Connection, Engine

from upheld.database import seals as database
from upheld.database.declared import sealed_tables
from upheld.database.seals import Cover, seals_of
from upheld.database.statements import row, rows, run, to_bytes
from upheld.vault.envelope import context
from upheld.vault.keyring import Keyring
from upheld.vault.people import ACTIVE, ERASING, HELD, REGISTER, VaultError


def belong(connection: Connection, keyring: Keyring) -> bool:
    """VaultError unless a database's keys are those of this keyring; a new database takes it.

    True where its rows that decide are still those of an earlier upheld: see
    gate/older_databases.py.
    """
    numbers = [each.number for each in keyring.epochs]
    unsealed = False
    for number, mark in rows(connection, "SELECT number, mark FROM epoch"):
        ours = type(number) is int and _marks(keyring, number)
        if not ours or not any(hmac.compare_digest(to_bytes(mark), each) for each in ours):
            raise VaultError(
                "the database belongs to another keyring",
                code="other-keyring",
                hint="open it with the keyring that it was begun with",
            )
        unsealed |= hmac.compare_digest(to_bytes(mark), ours[1])
        if number in numbers:
            numbers.remove(number)
    for number in numbers:
        mark = _marks(keyring, number)[unsealed]
        run(connection, "INSERT INTO epoch VALUES (?, ?, ?)", number, mark, False)
    unlock(connection.engine, keyring)
    if row(connection, "SELECT 1 FROM person LIMIT 1") is None:  # a new database
        names = tuple(each.name for each in sealed_tables())
        cover = seals_of(connection).seal_cover(REGISTER, Cover(0, {}, names))
        run(connection, "INSERT INTO person VALUES (?, 'register', 0, NULL, ?)", REGISTER, cover)
    return unsealed


def _marks(keyring: Keyring, number: int) -> tuple[bytes, bytes]:
    """The mark of an epoch where rows that decide are sealed, and where they are not yet."""
    what = context(number)
    return (
        hmac.digest(keyring.derived("epoch-of-sealed-rows"), what, "sha256"),
        hmac.digest(keyring.derived("epoch-mark"), what, "sha256"),
    )


def altered_rows(connection: Connection, keyring: Keyring) -> list[str]:
    """What is changed of a database's epochs, of people's states, and of the registers' row."""
    problems = []
    for number, mark, closed in rows(connection, "SELECT number, mark, closed FROM epoch"):
        if type(number) is not int or to_bytes(mark) != _marks(keyring, number)[0]:
            problems.append("the mark of an epoch")
        elif closed and number == keyring.current.number:
            keyring.refresh()  # another process may have begun one
            if number == keyring.current.number:
                problems.append(f"whether epoch {number} is closed")
    unknown = "SELECT person_id FROM person WHERE state NOT IN (?, ?, ?) AND person_id <> ?"
    odd_states = rows(connection, unknown, ACTIVE, ERASING, HELD, REGISTER)
    problems += [f"the state of person {person_id}" for (person_id,) in odd_states]
    register = row(connection, "SELECT state, holdings FROM person WHERE person_id = ?", REGISTER)
    if register != ("register", None):
        problems.append("the row of the registers")
    return problems


def mark_epochs(connection: Connection, keyring: Keyring) -> None:
    """Say of every epoch that rows that decide are sealed from now on."""
    for (number,) in rows(connection, "SELECT number FROM epoch"):
        mark = _marks(keyring, number)[0]
        run(connection, "UPDATE epoch SET mark = ? WHERE number = ?", mark, number)


def unlock(engine: Engine, keyring: Keyring) -> None:
    """Let rows that decide be read and written on a database of this keyring."""
    database.set_row_key(engine, keyring.derived("rows"))
