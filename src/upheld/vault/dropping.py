"""Values that are to go while their person stays: rows, index, and the list of what is held."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.database.statements import execute_deferred, placeholders, rows, run, to_bytes
from upheld.vault import blind_index
from upheld.vault.envelope import digest
from upheld.vault.people import Person, keep_holdings


def drop(connection: Connection, person: Person, fields: Sequence[str]) -> Person:
    """Delete all that is held of some fields, former revisions too; the person without them."""
    execute_deferred(
        connection,
        f"DELETE FROM value WHERE person_id = ? AND field IN ({placeholders(fields)})",  # noqa: S608 - places alone
        person.person_id,
        *fields,
    )
    for field in fields:
        if field in blind_index.FIELDS:
            blind_index.drop(connection, person.person_id, field)
    left = {field: holding for field, holding in person.holdings.items() if field not in fields}
    keep_holdings(connection, person, left)
    return person.with_holdings(left)


def drop_former(connection: Connection, person_id: PersonId, field: str, mark: str) -> bool:
    """Delete the former revision of a field whose row has this digest; whether there was one."""
    statement = (
        "SELECT revision, sealed FROM value WHERE person_id = ? AND field = ? AND current = ?"
    )
    for revision, sealed in rows(connection, statement, person_id, field, False):
        if digest(to_bytes(sealed)).hex() == mark:
            run(
                connection,
                "DELETE FROM value WHERE person_id = ? AND field = ? AND revision = ?",
                person_id,
                field,
                revision,
            )
            return True
    return False
