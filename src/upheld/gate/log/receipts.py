"""Receipts out of the database, and the account of what was done: in words, each with its proof.

A receipt is one entry with its salt, the proof that it stands in the tree, and the checkpoint; it
is verified before it is given. A person gets those of their own entries and no others. That of a
batch says how many it was, and a digest in which a secret of the provider's was hashed too: nobody
learns from it who else was there, not even by trying.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection

from upheld.core.dimensions import PARTIES
from upheld.core.ids import EntryNumber, PersonId
from upheld.database.statements import dialect_of, row, rows, to_bytes
from upheld.database.tables import BEGINNING, microseconds
from upheld.database.transaction import reading
from upheld.gate.editions.store import PolicyFinder
from upheld.gate.log import database_log
from upheld.gate.log.database_log import DatabaseLog, LogError
from upheld.gate.log.entries import StoredEntry
from upheld.gate.log.sentences import entry_sentence
from upheld.ledger import entries as ledger
from upheld.ledger.entries import Entry
from upheld.ledger.note import to_base64
from upheld.ledger.tree import inclusion_proof
from upheld.ledger.verify import RECEIPT, Receipt, verify_receipt, write_receipt
from upheld.policy.load import Policy

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

_OWN = (  # no OR, for which PostgreSQL reads every entry
    "number IN (SELECT number FROM entry WHERE person_id = ?"
    " UNION ALL SELECT number FROM entry_person WHERE person_id = ?)"
)
_ENTRY = "SELECT e.number, e.at, e.body, e.person_id FROM entry e"
_OF_PERSON = f"{_ENTRY} WHERE e.number > ? AND e.person_id = ?"
_OF_BATCHES = (
    f"{_ENTRY} JOIN entry_person p ON p.number = e.number WHERE p.number > ? AND p.person_id = ?"
)
NUMBER_MAX = (1 << 63) - 1  # a database has no greater one
_TOGETHER = 10_000  # entries read at a time


class AccountQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries an account tells: a person's, by a clause, with a party, of some time, or one.

    A party is a word of the vocabulary or a name.
    """

    person_id: PersonId | None = None
    clause: str = ""
    party: str = ""
    since: datetime | None = None
    until: datetime | None = None
    number: EntryNumber | None = None
    violations: bool = False

    def fits(self, entry: Entry) -> bool:
        """Whether an entry is asked for, whoever and whenever it is about."""
        if self.violations and not entry.violation:
            return False
        if self.clause and self.clause not in entry.clauses:
            return False
        if not self.party:
            return True
        parties = [getattr(entry, role) for role in PARTIES]
        return any(self.party in (each, *each.split(" ", 1)) for each in parties if each)


class AccountLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of an account: its number and time, its sentence, itself, its receipt."""

    number: EntryNumber
    at: datetime
    text: str
    entry: Entry
    receipt: Receipt | None = None


def receipt(gate: Gate, person_id: PersonId, number: EntryNumber) -> Receipt:
    """The receipt of an entry about a person; LogError for anybody else's, as for none."""
    with reading(gate.engine) as connection:
        statement = f"SELECT 1 FROM entry WHERE number = ? AND {_OWN}"  # noqa: S608 - a fixed condition
        if row(connection, statement, number, person_id, person_id) is None:
            raise _nothing(number)
        return receipt_of(connection, number)


def receipt_by_number(gate: Gate, number: EntryNumber) -> Receipt:
    """The receipt of an entry, for a desk that may read it; LogError while it is not covered."""
    with reading(gate.engine) as connection:
        return receipt_of(connection, number)


def receipt_of(connection: Connection, number: EntryNumber) -> Receipt:
    """The receipt of any entry, verified; LogError while it is not covered yet."""
    log, note, checkpoint = database_log.signed_checkpoint(connection, number)
    entry_row = row(connection, "SELECT salt, body FROM entry WHERE number = ?", number)
    if entry_row is None:
        raise _nothing(number)
    index = number - log.first
    if not 0 <= index < checkpoint.size:
        raise LogError(
            f"entry {number} is not covered by a checkpoint yet",
            hint="`upheld jobs` covers it within a second",
        )
    stored = DatabaseLog(connection, log, checkpoint.size)
    proof = inclusion_proof(index, checkpoint.size, stored.subtree)
    new_receipt = Receipt(
        kind=RECEIPT,
        checkpoint=note,
        entry=ledger.decode(to_bytes(entry_row[1])),
        index=index,
        proof=tuple(map(to_base64, proof)),
        salt=to_base64(to_bytes(entry_row[0])),
    )
    verify_receipt(write_receipt(new_receipt), log.key)
    return new_receipt


def _nothing(number: EntryNumber) -> LogError:
    return LogError(f"there is no entry {number}", code="no-entry", hint="see the account")


def account(
    connection: Connection,
    policy: Policy,
    query: AccountQuery,
    *,
    proofs: bool = False,
    words: bool = True,
) -> Iterator[AccountLine]:
    """What was done, in order and in words; with proofs, the receipt of what is covered.

    The words are those of the version that decided it; of `policy`, the one in force, where that
    was never posted.
    Without `words` no line has a text: to word an entry takes longer than to read it.
    """
    whose = "a customer's" if query.person_id is None else "your"
    covered = _covered(connection) if proofs else 0
    policies = PolicyFinder(connection, policy)
    for number, at, body, _ in _rows(connection, query, query.party):
        entry = ledger.decode(body)
        if not query.fits(entry):
            continue
        proof = receipt_of(connection, number) if number <= covered else None
        moment = BEGINNING + timedelta(microseconds=at)
        text = entry_sentence(entry, policies.find(entry.policy), whose=whose) if words else ""
        yield AccountLine(number, moment, text, entry, proof)


def stored_entries(
    connection: Connection, query: AccountQuery, *, containing: str = ""
) -> Iterator[StoredEntry]:
    """The entries that are asked for, in order, each with whose it is.

    Of those alone whose text has some word, such as a party's: the database looks for it, so that
    the others need not be read.
    """
    for number, at, body, person_id in _rows(connection, query, containing or query.party):
        entry = ledger.decode(body)
        if query.fits(entry):
            moment = BEGINNING + timedelta(microseconds=at)
            yield StoredEntry(number, moment, person_id, entry)


def _covered(connection: Connection) -> int:
    log, _, checkpoint = database_log.signed_checkpoint(connection)
    return log.first + checkpoint.size - 1


def _rows(
    connection: Connection, account_query: AccountQuery, containing: str
) -> Iterator[tuple[EntryNumber, int, bytes, PersonId | None]]:
    where, values = _conditions(connection, account_query, containing)
    # Their own entries and those of batches, each in order: the database merges the two.
    own, limits = [f"{_ENTRY} WHERE e.number > ?{where}"], [values]
    if (whose := account_query.person_id) is not None:
        own = [f"{each}{where}" for each in (_OF_PERSON, _OF_BATCHES)]
        limits = [[whose, *values]] * len(own)
    query = " UNION ALL ".join(own) + " ORDER BY 1 LIMIT ?"
    last_number, more = 0, account_query.number is None or account_query.number <= NUMBER_MAX
    while more:
        since = [value for some in limits for value in (last_number, *some)]
        entry_rows = rows(connection, query, *since, _TOGETHER)
        for number, at, body, person_id in entry_rows:
            yield number, at, to_bytes(body), person_id
            last_number = number
        more = len(entry_rows) == _TOGETHER


def _conditions(
    connection: Connection, query: AccountQuery, containing: str
) -> tuple[str, list[object]]:
    """What a query asks of each entry, whosever it is, and the values for that."""
    where, values = "", list[object]()
    if query.since is not None:
        where += " AND e.at >= ?"
        values.append(microseconds(query.since))
    if query.until is not None:
        where += " AND e.at < ?"
        values.append(microseconds(query.until))
    if query.number is not None:
        where += " AND e.number = ?"
        values.append(query.number)
    if containing:
        is_server = dialect_of(connection).server
        where += " AND position(? in e.body) > 0" if is_server else " AND instr(e.body, ?) > 0"
        values.append(msgspec.json.encode(containing)[1:-1])  # as it stands in an entry
    return where, values
