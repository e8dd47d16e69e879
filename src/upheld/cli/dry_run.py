"""`upheld jobs --dry-run`: what the jobs would delete now, and what goes in which month.

Exact numbers, for whoever runs the machine. Nothing is deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from upheld.cli.output import print_json
from upheld.core.counts import count_of

if TYPE_CHECKING:
    from upheld.practice.plugin import Provider
    from upheld.practice.stock import StockCount


class _Forecast(NamedTuple):
    """What goes of one kind, from one origin, by the same clauses: now, and by month."""

    sort: str
    data: str
    origin: str
    clauses: tuple[str, ...]
    now: int
    months: dict[str, int]


def show(provider: Provider, *, as_json: bool) -> None:
    """Print what would go."""
    from upheld.gate.erasure.dry_run import deletions
    from upheld.practice.stock import NOW, Stock, StockCount

    gate = provider.gate.gate
    due = deletions(gate)
    values = [
        StockCount(field, origin, tuple(clause.split(", ")), "", number, goes=goes)
        for field, origin, clause, goes, number in due.values
    ]
    sources = [each.due_stock or each.stock for each in provider.practices]
    stocks = [Stock("values", "", values), *(source(gate) for source in sources if source)]
    lines = [line for its in stocks for line in _lines(its.word, its.rows, NOW)]
    now = {its.word: its.goes_now for its in stocks}
    if as_json:
        rows = [each._asdict() for each in lines]
        print_json({"now": now, "lines": rows, "set_aside": due.set_aside})
        return
    for each in lines:
        ends = [f"{each.now:,} now"] if each.now else []
        ends += [f"{count:,} in {month}" for month, count in sorted(each.months.items())]
        clauses = ", ".join(f"#{clause}" for clause in each.clauses if clause)
        by = f", by {clauses}" if clauses else ""
        print(f"{each.sort}: {each.data} from {each.origin}{by}: {'; '.join(ends)}")
    if due.set_aside:
        print(f"{count_of(due.set_aside, 'person', 'people')} would be set aside")
    print("would go now: " + ", ".join(f"{count:,} {word}" for word, count in now.items()))


def _lines(sort: str, counts: list[StockCount], now: str) -> list[_Forecast]:
    """What goes, each kind, origin and clauses once; nothing of what has no set end."""
    months: dict[tuple[str, str, tuple[str, ...]], dict[str, int]] = {}
    for each in counts:
        if each.goes:
            origin = f"{each.origin} ({each.company})" if each.company else each.origin
            its = months.setdefault((each.data, origin, each.clauses), {})
            its[each.goes] = its.get(each.goes, 0) + each.number
    return [
        _Forecast(sort, *key, ends.pop(now, 0), dict(sorted(ends.items())))
        for key, ends in sorted(months.items())
    ]
