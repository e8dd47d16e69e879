"""Which groups of our pages people looked at of late, for advertisements: a row for each of them.

Rows are of those alone of whom the policy lets us use that, made anew each day and under each
policy, and only while an advertisement asks for it. They say nothing that visits do not that are
still kept: a row goes with its person, and once a browser is no longer theirs alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import people_between, placeholders
from upheld.gate.transaction import Transaction
from upheld.practice.tables import page_look as table
from upheld.practice.tables import page_look_making as making

LOOKS_BACK: Final = timedelta(days=30)
Looks = Mapping[str, str]  # a group of pages, to the last day when somebody looked at one
_PURPOSE: Final = "page-looks"
_WORD: Final = "looks"  # the one row of how far they are made
_TOGETHER: Final = 500  # people in one query


def since(transaction: Transaction) -> str:
    """The first day of which a look counts."""
    return (transaction.clock.today() - LOOKS_BACK).isoformat()


def of_each(transaction: Transaction, people: Sequence[PersonId]) -> dict[PersonId, set[str]]:
    """The groups of pages that some people looked at of late; whoever has no row is left out."""
    sealer, first, result = transaction.sealer(_PURPOSE), since(transaction), {}
    for at in range(0, len(people), _TOGETHER):
        some = people[at : at + _TOGETHER]
        where = f"person_id IN ({placeholders(some)})"
        for row in transaction.tables.select(table, where, *some):
            person_id = PersonId(row.person_id)
            packed = sealer.unseal(row.sealed, person_id, row.day, what="groups of pages")
            looks = msgspec.json.decode(packed, type=dict[str, str])
            result[person_id] = {group for group, day in looks.items() if day >= first}
    return result


def mark_of(transaction: Transaction, person_id: PersonId) -> tuple[object, ...]:
    """What is another when somebody's row came, went or was made anew."""
    return tuple(transaction.tables.select_unchecked(table, ["day"], "person_id = ?", person_id))


def number_between(transaction: Transaction, after: str, last: str) -> int:
    """How many people have a row after an id, up to another or to the end (empty)."""
    where, *ids = people_between(after, last)
    ((number,),) = transaction.tables.select_unchecked(table, ["COUNT(*)"], where, *ids)
    return int(number)


def are_made(transaction: Transaction) -> bool:
    """Whether all rows are made, today and under the policy in force."""
    row = transaction.tables.get(making, "word = ?", _WORD)
    return row is not None and row.made_under == _under(transaction)


def begin(transaction: Transaction) -> int:
    """Delete all rows, to make them anew; by what the making is known, in microseconds."""
    forget_all(transaction)
    started_at = microseconds(transaction.clock.now())
    transaction.tables.insert(making, word=_WORD, begun=started_at, lots=0, made_under="")
    return started_at


def go_on(transaction: Transaction, started_at: int) -> bool:
    """Whether a making may still write rows: whoever forgets any until then waits for it.

    It may not once another one was begun, or somebody was forgotten of whom it has read before.
    """
    row = transaction.tables.get(making, "word = ? AND begun = ?", _WORD, started_at)
    if row is None:
        return False
    changes = {"lots": row.lots + 1}
    return bool(
        transaction.tables.update(making, changes, "word = ? AND begun = ?", _WORD, started_at)
    )


def keep(transaction: Transaction, looks: Mapping[PersonId, Looks]) -> None:
    """Write the rows of some people who have none, in a making that may go on."""
    sealer, day = transaction.sealer(_PURPOSE), transaction.clock.today().isoformat()
    transaction.tables.insert_all(
        table,
        [
            {
                "person_id": each,
                "day": day,
                "sealed": sealer.seal(msgspec.json.encode(its), each, day),
            }
            for each, its in looks.items()
        ],
    )


def finish(transaction: Transaction, started_at: int) -> bool:
    """Say that all rows are made; False where the making may not go on."""
    changes, where = {"made_under": _under(transaction)}, "word = ? AND begun = ?"
    if not go_on(transaction, started_at):
        return False
    return bool(transaction.tables.update(making, changes, where, _WORD, started_at))


def forget(transaction: Transaction, people: Sequence[PersonId]) -> None:
    """Delete the rows of people of whom a browser is no longer alone, or not at all.

    A making that is under way has read of them before, and writes no more: the next one does.
    """
    transaction.tables.delete(making, "word = ? AND made_under = ''", _WORD)
    for each in people:
        transaction.tables.delete(table, "person_id = ?", each)


def forget_all(transaction: Transaction) -> int:
    """Delete all rows; how many."""
    transaction.tables.delete(making, "word = ?", _WORD)
    return transaction.tables.purge(table, "day >= ''")


def _under(transaction: Transaction) -> str:
    """The day and the policy that rows are made under."""
    return f"{transaction.clock.today().isoformat()} {transaction.policy.digest}"
