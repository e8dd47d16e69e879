"""Erase again, after a restore, whoever was erased since the backup was taken."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import Connection

from upheld.database import rows as database
from upheld.database import tables
from upheld.database.statements import rows
from upheld.gate.erasure.certificate import Certificate
from upheld.gate.erasure.delete_person import delete_people
from upheld.gate.erasure.must_keep import KeptFields
from upheld.gate.erasure.sealed_erasures import BEGUN, GONE, SealedErasure, seal_erasure
from upheld.gate.log import entries
from upheld.ledger.entries import Entry
from upheld.policy.load import Policy
from upheld.vault.erasures import ErasureLine, Erasures, token
from upheld.vault.keyring import Keyring


def replay(connection: Connection, keyring: Keyring, policy: Policy, at: datetime) -> int:
    """Erase again, in a database from a backup, who is in the list of erasures; how many.

    What was kept is kept as it was settled then.
    """
    latest = {each.token: each for each in Erasures(keyring).read() if not each.dropped}
    count = 0
    key_rows = rows(connection, "SELECT person_id, epoch FROM person_key ORDER BY person_id")
    again = [
        (person_id, epoch, latest[name])
        for person_id, epoch in key_rows
        if (name := token(keyring, person_id)) in latest
    ]
    for person_id, epoch, erased in again:
        statement = "SELECT DISTINCT field FROM value WHERE person_id = ? AND current = ?"
        holdings = {field for (field,) in rows(connection, statement, person_id, True)}
        if _as_it_was(connection, erased) and holdings <= {*erased.kept}:
            continue  # the backup was made after the erasure
        delete_people(connection, keyring, policy, {person_id: erased}, at)
        gone = tuple(sorted(holdings - {*erased.kept}))
        entry = Entry(
            kind="erasure.replayed",
            time="",
            id=secrets.token_hex(16),
            data=gone,
            policy=policy.digest,
        )
        number, _ = entries.write(connection, entry, None, at)
        kept_fields = (KeptFields(erased.kept, (), ()),) if erased.stays else ()
        certificate = Certificate(
            policy=policy.digest, asked=erased.at, erased=gone, kept=kept_fields, entries=(number,)
        )
        bare = SealedErasure(
            entry.id, ErasureLine(erased.token, erased.entry, erased.at), certificate
        )
        sealed = seal_erasure(keyring, erased.token, erased.entry, bare)
        database.delete(connection, tables.erasure, "person_id = ?", person_id)
        database.insert(
            connection,
            tables.erasure,
            token=erased.token,
            entry=erased.entry,
            state=GONE,
            epoch=epoch,
            sealed=sealed,
        )
        count += 1
    return count


def _as_it_was(connection: Connection, erased: ErasureLine) -> bool:
    where = "token = ? AND entry = ? AND state <> ?"
    erasure_rows, _ = database.select_authentic(
        connection, tables.erasure, where, erased.token, erased.entry, BEGUN
    )
    return bool(erasure_rows)


def missing_from_list(connection: Connection, keyring: Keyring) -> list[str]:
    """What the list of erasures lacks of those that the database knows of."""
    erasure_list = Erasures(keyring)
    there = {(each.token, each.entry) for each in erasure_list.read()}
    if lost := erasure_list.missing():
        return [f"the list of erasures has lost {lost} of its lines: {erasure_list.path}"]
    erasure_rows, _ = database.select_authentic(connection, tables.erasure, "state <> ?", BEGUN)
    return [
        f"the erasure of entry {each.entry} is not in the list of erasures"
        for each in erasure_rows
        if (each.token, each.entry) not in there
    ]
