"""A new key for a day whose key was changed or taken away by somebody without our keys.

Nothing is taken in of such a day until a person has said so, as they may have the row in a backup:
what was sealed under the key that is gone opens with no other. Where it opens still, the key is
the right one, and nothing is lost.
"""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import Final, NamedTuple

from upheld.core.ids import BlockId
from upheld.database.own_tables import Tables
from upheld.gate.public import SealError
from upheld.gate.transaction import Transaction
from upheld.practices.collection.blocks import PAGE, DayKeyError, DayKeys, days_of
from upheld.practices.collection.holding import drop_day, held_cookies, write_as_it_is
from upheld.practices.collection.retention import may_stay
from upheld.practices.collection.rewriting import (
    EVERY,
    BlockSize,
    any_of,
    days_in_doubt,
    lots_of,
)
from upheld.practices.collection.tables import COUNTED, visit_block, visit_day

RENEWED: Final = "visits.new-key"  # the kind of an entry


class RenewedDay(NamedTuple):
    """What became of a day: how many visits of it opened with no key, and are given up.

    The keys of `others`, so many days, were taken as they stand; `digest` is the SHA-256 of their
    rows, by which a backup can be compared. An older row of another day that somebody had put back
    is not told from the right one after that.
    """

    day: str
    lost: int
    others: int
    digest: str


def renew(transaction: Transaction, day: date, actor: str) -> RenewedDay:
    """Give a day a key again; what opens with the key that it has stays as it is.

    Else all of it goes, but for what a hold may keep, which stays apart. Self-check finds no fault
    with the row any more. As many rows as there should be that are ours are taken as they stand,
    and the entry has their digest; of any that is not ours, and of a second that is missing, it
    goes on telling. DayKeyError for a day whose key is as it was written.
    """
    tables, name = transaction.tables, day.isoformat()
    allowed, oldest, _ = may_stay(transaction)
    if name not in days_in_doubt(tables, oldest if PAGE in allowed else ""):
        raise DayKeyError(
            f"the key of {name} is as it was written",
            code="usage",
            hint="`upheld jobs --list` names the days that need one",
        )
    its = [
        (int(visits), {*str(fields).split()})
        for visits, fields, _ in tables.select_unchecked(
            visit_block, ["visits", "fields", "block_id"], f"{COUNTED} AND day = ?", name
        )
    ]
    if _opens(transaction, name):
        write_as_it_is(tables, visit_day, "day = ?", name)
        its = []
    else:
        drop_day(transaction, held_cookies(transaction), name)
        tables.purge(visit_day, "day = ?", name)
        days_of(tables, [name], make=True)
    tables.write_off(visit_day)  # the entry says which, and by a digest what was taken as it stands
    others, digest = _other_keys(tables, name)
    fields = {each for _, some in its for each in some}
    lost = sum(count for count, _ in its)
    data = tuple(each for each in EVERY if each in fields)
    transaction.note(None, RENEWED, actor=actor, data=data, values=(digest,), id=name)
    return RenewedDay(name, lost, others, digest)


def _other_keys(tables: Tables, name: str) -> tuple[int, str]:
    """How many other days have a key, and the SHA-256 of their rows in order."""
    where = "day <> ? ORDER BY day"
    rows = tables.select_unchecked(visit_day, ["day", "salt", "mac"], where, name)
    text = "".join(f"{day} {_in_text(salt)} {_in_text(mac)}\n" for day, salt, mac in rows)
    return len(rows), sha256(text.encode()).hexdigest()


def _in_text(value: object) -> str:
    """What stands in a column, in letters: whoever has not our keys may have put anything there."""
    return value.hex() if isinstance(value, bytes | memoryview) else repr(value)


def _opens(transaction: Transaction, day: str) -> bool:
    """Whether anything of a day opens with the key that stands there, which is right then."""
    tables = transaction.tables
    salts = dict(tables.select_unchecked(visit_day, ["day", "salt"], "day = ?", day))
    if not salts:
        return False
    keys = DayKeys(transaction, {day: bytes(salts[day])})
    ids = tables.select_unchecked(visit_block, ["block_id"], "day = ?", day)
    for some in lots_of(BlockSize(BlockId(str(each)), 1) for (each,) in ids):
        for row in tables.select_authentic(visit_block, any_of(some), *some)[0]:
            try:
                keys.tokens_in(row)
            except SealError:
                continue
            return True
    return False
