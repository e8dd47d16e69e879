"""Transactions of a feed that was withdrawn, of whom a hold keeps them: they wait for its end.

Such a row is of no feed any more and has another mark: what the partner tells later is taken in as
if the row had gone. What stands in place of its feed says by what it came, since an access may be
called stolen before or after. Where an order forbids to speak of the hold, the row is shown to
nobody but the authority that gets what is held, until it may be told; it says when it was told as
gone, so that what another hold alone keeps, of which nobody may speak still, stays hidden. It
serves nothing meanwhile: no advertisement is chosen by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from upheld.core.ids import FeedId, PersonId
from upheld.database.columns import microseconds
from upheld.gate.public import SealedError
from upheld.gate.transaction import Transaction
from upheld.practice import partner_marks
from upheld.practice.tables import partner_transaction as table

# With these an id begins in place of a feed's, which are of hexadecimal digits.
GONE: Final = "g"  # it is told that the row has gone
WAITS: Final = "w"  # and that it waits for the end of a hold
SEALED_FOR: Final = ("partner-transactions", "row")
ALL_GONE: Final = f"{GONE}%"
ALL_WAITING: Final = f"{WAITS}%"
VISIBLE: Final = "feed_id NOT LIKE ?"  # of ALL_GONE
SERVING: Final = "feed_id NOT LIKE ? AND feed_id NOT LIKE ?"  # of ALL_GONE and ALL_WAITING
HIDDEN: Final = "person_id = ? AND feed_id LIKE ?"
_ID_LENGTH: Final = 32


def visible(transaction: Transaction, person_id: PersonId) -> list[Any]:
    """The rows of somebody of which something may be told; SealedError unless they are as written.

    A hidden one that was changed is left to self-check: an error would tell of it.
    """
    tables, where = transaction.tables, "person_id = ?"
    try:
        rows = tables.select(table, where, person_id)
    except SealedError:
        rows, _ = tables.select_authentic(table, where, person_id)
        ours = {each.mark for each in rows}
        feed_ids = [
            str(feed_id)
            for mark, feed_id in tables.select_unchecked(
                table, ["mark", "feed_id"], where, person_id
            )
            if mark not in ours
        ]
        if not feed_ids or not all(each[:1] == GONE for each in feed_ids):
            raise
    return [each for each in rows if each.feed_id[:1] != GONE]


def keep_for_hold(transaction: Transaction, rows: Sequence[Any], to: str) -> None:
    """Let rows wait for the end of a hold, as `GONE` or `WAITS` says."""
    moment = microseconds(transaction.clock.now()) if to == GONE else None
    _write_anew(
        transaction, [(each, {"feed_id": _as(to, each.feed_id), "gone": moment}) for each in rows]
    )


def free_marks(transaction: Transaction, rows: Sequence[Any]) -> None:
    """Let what has the reference of some rows be taken in; they stay as they are but for that."""
    _write_anew(transaction, [(each, {}) for each in rows])


def show_again(transaction: Transaction, person_id: PersonId, since: int = 0) -> None:
    """Tell of somebody's rows that were told as gone, once an order forbids it no more.

    With `since`, in microseconds, of those alone that were told so then or later. When an earlier
    upheld told it nobody knows: its rows are not among them.
    """
    rows = transaction.tables.select(table, HIDDEN, person_id, ALL_GONE)
    pairs = [
        (each, each._replace(feed_id=_as(WAITS, each.feed_id)))
        for each in rows
        if (each.gone or 0) >= since
    ]
    transaction.tables.rewrite(table, pairs)


def is_from(feed_id: FeedId, of: FeedId) -> bool:
    """Whether a row came by a feed or a program, whatever stands in place of its id now."""
    return feed_id == of or (feed_id[:1] in {GONE, WAITS} and feed_id == _as(feed_id[0], of))


def _as(to: str, feed_id: FeedId) -> FeedId:
    """What stands in place of a feed's id: as long as it at most, so without its last digit."""
    start = feed_id[1:] if feed_id[:1] in {GONE, WAITS} else feed_id
    return FeedId((to + start)[:_ID_LENGTH])


def _write_anew(transaction: Transaction, pairs: Sequence[tuple[Any, dict[str, Any]]]) -> None:
    """Give rows another mark, each with what else is to change in it."""
    sealer, anew = transaction.sealer(*SEALED_FOR), list[tuple[Any, Any]]()
    for each, changes in pairs:
        before = (each.person_id, each.party, each.mark)
        content = sealer.unseal(each.sealed, *before, what="a transaction")
        mark = partner_marks.unlike_any()
        sealed = sealer.seal(content, each.person_id, each.party, mark)
        anew.append((each, each._replace(mark=mark, sealed=sealed, **changes)))
    transaction.tables.rewrite(table, anew)
