"""What of the visits of a customer goes with their account to a company that takes over.

Theirs are the visits of a cookie that is tied to them and to nobody else, as the customer sees
them. The cookie itself, and what stands for it, stay here: elsewhere they mean nothing. So does
what nothing keeps but a hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from upheld.core.clock import BEGINNING
from upheld.core.ids import BlockId, PersonId
from upheld.database.own_tables import placeholders
from upheld.gate.transaction import Transaction
from upheld.practice.own_rows import OwnRow, OwnRows
from upheld.practices.collection.beacon_keys import Beacon, tellers
from upheld.practices.collection.blocks import (
    COOKIE,
    NETWORK,
    PAGE,
    VisitColumns,
    bits_of,
    where_tokens_may_be,
)
from upheld.practices.collection.rewriting import (
    BlockSize,
    days_there,
    lots_of,
    open_whole,
    whole_keys,
)
from upheld.practices.collection.tables import COUNTED, visit_block, visit_tie
from upheld.practices.collection.tellers import OWN, PARTNER
from upheld.practices.collection.ties import is_told_of_others, open_ties

KINDS: Final = (PAGE, NETWORK)
_SINCE_EVER: Final = "day >= ?"
_Owners = Mapping[bytes, PersonId]  # by cookies, or by the tokens that stand for these on a day
_COLUMNS: Final = ("block_id", "token_bits", "source", "visits")


def rows_to_successor(
    transaction: Transaction, people: Sequence[PersonId]
) -> dict[PersonId, OwnRows]:
    """What goes of some people: the page and the network of each visit, the oldest first.

    Each block in which there may be some is opened once for all of them.
    """
    owners, result = _owners(transaction, people), dict[PersonId, OwnRows]()
    for day in days_there(transaction.tables, _SINCE_EVER, "") if owners else ():
        _read_day(transaction, day, owners, result)
    for its in result.values():
        for some in its.rows.values():
            some.sort(key=lambda row: (row.at, row.value))
    return result


def _owners(transaction: Transaction, people: Sequence[PersonId]) -> dict[bytes, PersonId]:
    """Whose the cookies of some people are; SealedError where a tie of theirs is not as written."""
    where = f"untied IS NULL AND person_id IN ({placeholders(people)})"
    if not transaction.tables.select_unchecked(visit_tie, ["person_id"], where, *people):
        return {}
    _, lost = transaction.tables.select_authentic(visit_tie, where, *people)
    if lost:
        transaction.tables.require_intact(visit_tie, people)
    return {
        each.cookie: each.row.person_id
        for each in open_ties(transaction, where, *people)
        if not is_told_of_others(transaction, each.row)
    }


def _read_day(
    transaction: Transaction, day: str, owners: _Owners, result: dict[PersonId, OwnRows]
) -> None:
    """Add what some people's visits of a day say, as far as it can be read."""
    tables = transaction.tables
    keys = whole_keys(transaction, tables, [day])
    if not keys.salts:  # whose any block is nobody can tell
        where = f"day = ? AND {COUNTED} AND fields LIKE ?"
        if tables.select_unchecked(visit_block, ["day"], where, day, f"%{COOKIE}%"):
            _note_staying(owners.values(), result)
        return
    mine = {keys.token(day, cookie): whose for cookie, whose in owners.items()}
    for where, values in where_tokens_may_be(tables, day, mine):
        rows = tables.select_unchecked(visit_block, _COLUMNS, f"{where} AND {COUNTED}", *values)
        companies = tellers(tables, {str(source) for *_, source, _ in rows})
        bits = {BlockId(str(block_id)): str(its or "") for block_id, its, _, _ in rows}
        sizes = [BlockSize(BlockId(str(block_id)), int(number)) for block_id, *_, number in rows]
        damaged = set[BlockId]()
        for some in lots_of(sizes):
            for each in open_whole(tables, keys, some, damaged):
                _add(each.row, each.columns, mine, companies, result)
        for block_id in damaged:
            may_be_of = [
                whose
                for token, whose in mine.items()
                if bits_of(token, 16).startswith(bits[block_id])
            ]
            _note_staying(may_be_of, result)


def _add(
    row: Any,
    columns: VisitColumns,
    owners: _Owners,
    companies: Mapping[str, Beacon],
    result: dict[PersonId, OwnRows],
) -> None:
    """Add what the visits in a block say that are of some people."""
    whose = [owners.get(each) for each in columns.tokens]
    if not any(whose):
        return
    beacon = companies.get(row.source)
    source = f"{PARTNER} {beacon.party}" if beacon else OWN.source
    for place, token in enumerate(columns.token_of):
        owner = whose[token]
        if owner is None:  # as of most visits
            continue
        if beacon and beacon.stolen:  # it may be another's
            _note_staying([owner], result)
            continue
        mine = result.setdefault(owner, OwnRows({}, set()))
        at = BEGINNING + timedelta(seconds=columns.times[place])
        route = columns.routes[columns.route_of[place]]
        network = columns.networks[columns.network_of[place]]
        for kind, value in ((PAGE, route), (NETWORK, network)):
            if value:
                mine.rows.setdefault(kind, []).append(OwnRow(value, at, source))


def _note_staying(people: Iterable[PersonId], result: dict[PersonId, OwnRows]) -> None:
    for each in people:
        result.setdefault(each, OwnRows({}, set())).stay.update(KINDS)
