"""What stands for a partner's reference in the row of a customer: by it a row is taken once.

It is of the customer and the company, too. So the rows of one customer lie together however many
there are of others, and nothing tells that another customer has a row of the same reference. An
earlier upheld made it of the company and the reference alone; what has such a mark is still known.
"""

from __future__ import annotations

import secrets
from binascii import b2a_base64
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

from upheld.core.ids import PersonId
from upheld.gate.transaction import Transaction
from upheld.practice.tables import partner_transaction as table

_SEALED_FOR: Final = ("partner-transactions", "reference")
_BYTES: Final = 15  # of a mark: twenty letters, since every row has it in its index
_FORMER: Final = "party = ? AND length(mark) = 64 LIMIT 1"
_TOGETHER: Final = 1_000  # rows in one query
RowKey = tuple[PersonId, str]  # by which a row is known: whose it is, and its mark


def unlike_any() -> str:
    """A mark of no reference."""
    return _text(secrets.token_bytes())


def marks_of(
    transaction: Transaction, party: str, whose: Sequence[tuple[PersonId, str]]
) -> list[str]:
    """What stands for each of some references of a company: whose each row is, and its own."""
    places = [(party, person_id, reference) for person_id, reference in whose]
    return list(map(_text, transaction.sealer(*_SEALED_FOR).marks_of(places)))


def former_marks_of(transaction: Transaction, party: str, references: Sequence[str]) -> list[str]:
    """What an earlier upheld had for them; nothing where none of its rows of a company is left."""
    if not transaction.tables.select_unchecked(table, ["party"], _FORMER, party):
        return []
    sealer = transaction.sealer(*_SEALED_FOR)
    return [each.hex() for each in sealer.marks_of([(party, each) for each in references])]


def rows_of_keys(transaction: Transaction, keys: Iterable[RowKey]) -> list[Any]:
    """The rows that are kept of some keys."""
    wanted, there = list(dict.fromkeys(keys)), list[Any]()
    for first in range(0, len(wanted), _TOGETHER):
        some = wanted[first : first + _TOGETHER]
        pairs = ", ".join(["(?, ?)"] * len(some))
        # Of which SQLite looks each up in the index, and puts none in order first.
        which = f"JOIN (VALUES {pairs}) AS keys ON person_id = column1 AND mark = column2"
        there += transaction.tables.select(table, which, *chain.from_iterable(some))
    return there


def _text(mark: bytes) -> str:
    return b2a_base64(mark[:_BYTES], newline=False).decode()
