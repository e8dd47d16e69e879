"""Of which rows a condition on a table that decides holds: of somebody's whole set, or of less."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from upheld.database.covers import OWNERS_MAX
from upheld.database.declared import Declaration
from upheld.database.statements import placeholders


def several_whole(
    layout: Declaration, where: str, values: Sequence[Any], parts: Sequence[str] | None
) -> Sequence[str]:
    """The owners whose whole sets, or the same parts of each, a condition holds of; none if less.

    Such a condition says `IN` of the owner, and of the part where some are wanted, and no more.
    """
    count = len(values) - len(parts or ())
    if not 0 < count <= OWNERS_MAX or where != _several_condition(
        layout, count, None if parts is None else len(parts)
    ):
        return ()
    if parts is not None and tuple(values[count:]) != tuple(parts):
        return ()
    return sorted(set(values[:count]))


@lru_cache(maxsize=1024)
def _several_condition(layout: Declaration, owners: int, parts: int | None) -> str:
    """The condition that holds of the whole sets of so many owners; empty where there is none."""
    if layout.owner is None or (parts is not None and layout.part is None):
        return ""
    condition = f"{layout.covered[layout.owner]} IN ({placeholders(range(owners))})"
    if parts is not None and layout.part is not None:
        condition += f" AND {layout.covered[layout.part]} IN ({placeholders(range(parts))})"
    return condition


@lru_cache(maxsize=1024)
def is_whole_set(layout: Declaration, where: str, parts: int | None) -> bool:
    """Whether a condition holds of one owner's whole set, or so many parts, and of nothing else."""
    if layout.owner is None:
        return layout.few and not where
    before, _, order = where.partition(" ORDER BY ")
    expected = f"{layout.covered[layout.owner]} = ?"
    if parts is not None:
        if layout.part is None:
            return False
        expected += f" AND {layout.covered[layout.part]} IN ({placeholders(range(parts))})"
    return before == expected and "LIMIT" not in order


@lru_cache(maxsize=1024)
def select_statement(layout: Declaration, where: str) -> str:
    """The statement that reads the rows of which a condition holds, with their MACs.

    Or those that a `JOIN` with a list of keys finds.
    """
    if where and not where.startswith(("ORDER", "JOIN")):
        where = f"WHERE {where}"
    return f"SELECT {layout.selected} FROM {layout.name} {where}"  # noqa: S608 - our own words
