"""What is not whole of the versions that were posted, with their entries, and of licences."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from upheld.database.seals import SealedError
from upheld.database.statements import row, to_bytes
from upheld.gate.editions import licences, store
from upheld.gate.editions.store import Edition, EditionError
from upheld.ledger import entries as ledger


def edition_problems(connection: Connection) -> Iterator[str]:
    """Versions whose bytes do not give their digest, or that their entry does not name."""
    try:
        posted = store.editions(connection)
    except SealedError:
        return  # which row it is, is said by whoever looks through the rows
    for each in posted:
        name = f"version {each.version or each.number} of the policy"
        try:
            store.read_program(connection, each.digest)
        except EditionError as error:
            yield f"{name}: {error}"
        except SealedError:
            yield f"{name}: its copy was changed"
        if not _is_named(connection, each):
            yield f"{name} is not the one that entry {each.entry} says was posted"


def licence_problems(connection: Connection) -> Iterator[str]:
    """Licences whose bytes do not give their digest."""
    try:
        every = licences.licences(connection)
    except SealedError:
        return  # which row it is, is said by whoever looks through the rows
    for each in every:
        try:
            store.read_program(connection, each.digest)
        except EditionError as error:
            yield f"licence {each.number}: {error}"
        except SealedError:
            yield f"licence {each.number}: its copy was changed"


def _is_named(connection: Connection, edition: Edition) -> bool:
    """Whether the entry of a posting has the digest of what was posted."""
    entry_row = row(connection, "SELECT body FROM entry WHERE number = ?", edition.entry)
    if entry_row is None:
        return False
    try:
        return edition.digest in ledger.decode(to_bytes(entry_row[0])).evidence
    except ledger.EntryError:
        return False
