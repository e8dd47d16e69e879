"""What is not whole beside the rows that are sealed, each row by something else that is.

Keys, values and whose an entry is are looked at with their people and entries; here is what nobody
would come to that way: rows of people or entries that are not there, epochs, the names of logs, and
the versions of the policy.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from upheld.core.counts import count_of
from upheld.database.checks import Problem
from upheld.database.statements import row, rows, to_bytes
from upheld.gate.evidence import records
from upheld.gate.log import database_log, detach
from upheld.gate.log.database_log import Log
from upheld.gate.operations.edition_checks import edition_problems, licence_problems
from upheld.ledger import entries as ledger
from upheld.ledger.note import NoteError
from upheld.vault import belonging
from upheld.vault.keyring import Keyring
from upheld.vault.people import REGISTER

_STRAYS = {  # rows that belong to another one, which has to be there
    "person_key": "SELECT 1 FROM person p WHERE p.person_id = t.person_id",
    "value": "SELECT 1 FROM person p WHERE p.person_id = t.person_id",
    "entry_person": "SELECT 1 FROM entry e WHERE e.number = t.number",
    "checkpoint": "SELECT 1 FROM log_name l WHERE l.first = t.log",
    "tile": "SELECT 1 FROM log_name l WHERE l.first = t.log",
}


def everywhere(connection: Connection, keyring: Keyring) -> list[Problem]:
    """All of it."""
    return [Problem(each, "database") for each in _everywhere(connection, keyring)]


def _everywhere(connection: Connection, keyring: Keyring) -> list[str]:
    problems = [f"{each} was changed" for each in belonging.altered_rows(connection, keyring)]
    for table, other in _STRAYS.items():
        statement = f"SELECT count(*) FROM {table} t WHERE NOT EXISTS ({other})"  # noqa: S608 - our own words
        ((count,),) = rows(connection, statement)
        if count:
            belong = "belongs" if count == 1 else "belong"
            number = count_of(count, "row")
            problems.append(f"{number} of `{table}` {belong} to nothing that is there")
    sealing = keyring.derived("register-text")
    texts = records.unreadable(connection, REGISTER, sealing)
    problems += [f"{each} is changed, moved or missing" for each in texts]
    problems += [
        f"the name of log {each.first} was changed"
        for each in database_log.logs(connection)
        if not _has_own_name(each)
    ]
    problems += [
        f"entry {number} is not about those who were left when others were cut from it"
        for number in detach.exchanged_batches(connection)
    ]
    return [
        *problems,
        *_false_beginnings(connection),
        *edition_problems(connection),
        *licence_problems(connection),
    ]


def _has_own_name(log: Log) -> bool:
    """Whether a log has the name that its key has."""
    try:
        return log.key.name == log.origin
    except NoteError:
        return False


def _false_beginnings(connection: Connection) -> Iterator[str]:
    """The beginnings of logs that the entry with which they begin does not tell, or tells alone."""
    beginnings = rows(connection, "SELECT first, previous FROM restored ORDER BY first")
    for each in database_log.logs(connection)[1:]:
        if each.first not in dict(beginnings):
            yield f"nothing says that log {each.first} was begun after another"
    for first, previous in beginnings:
        entry_row = row(connection, "SELECT body FROM entry WHERE number = ?", first)
        try:
            entry = ledger.decode(to_bytes(entry_row[0])) if entry_row else None
        except ledger.EntryError:
            entry = None
        if entry is None or (entry.kind, entry.previous) != ("restore", previous):
            yield f"the log does not begin anew with entry {first}"
