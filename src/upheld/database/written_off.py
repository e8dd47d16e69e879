"""Rows that somebody without our keys changed or took away, written off by whoever gives them up.

What such a row added to the cover of its owner nobody can tell once it is gone. So its count alone
leaves the cover, and the sum is taken from the rows that stand as soon as they are ours and as many
as are counted: a second row that is missing is found as before, and so is what comes to be missing.

It makes good what it cannot see. A row that was added looks like one that was changed: where
another is missing besides, that one is written off in its stead. And an older row of ours that was
put back is taken for the one that should stand. So whoever writes off says what stood then.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table

from upheld.core.ids import NOBODY
from upheld.database.covers import cover_of, write_covers
from upheld.database.declared import declaration, restore_booleans
from upheld.database.seals import seals_of, sum_with
from upheld.database.statements import rows


def write_off(connection: Connection, table: Table) -> bool:
    """Write off a row that is nobody's, in whose place another may stand; whether all are whole.

    Nothing is written off where no row is missing. All rows of the table are read: TypeError for
    one whose rows are somebody's, or are counted by parts.
    """
    layout, seals = declaration(table), seals_of(connection)
    if layout.owner is not None or layout.part is not None:
        raise TypeError(f"the rows of {layout.name} are not one set")
    elements = [
        seals.element(layout.name, restore_booleans(layout, each[:-1]), each[-1])
        for each in rows(connection, f"SELECT {layout.checked} FROM {layout.name}")  # noqa: S608 - names alone
    ]
    ours, total = [each for each in elements if each is not None], 0
    for each in ours:
        total = sum_with(total, each)
    cover = cover_of(connection, NOBODY)
    count, before = cover.tally(layout.name)
    if count > len(ours):
        whole = len(ours) == len(elements) == count - 1
        cover.add(layout.name, -1, total - before if whole else 0)
        write_covers(connection, {NOBODY: cover})
        return whole
    return len(ours) == len(elements) == count and total == before
