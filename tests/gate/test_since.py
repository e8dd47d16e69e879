"""The time since something began, as facts tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from upheld.gate.evidence.elapsed_time import elapsed_spans

CLOSED = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "each", "months"),
    [
        (CLOSED, 1, 0),
        (CLOSED + timedelta(seconds=1), 1, 0.5),
        (datetime(2026, 2, 28, 12, tzinfo=UTC), 1, 1),
        (datetime(2026, 7, 31, 12, tzinfo=UTC), 1, 6),
        (datetime(2026, 7, 31, 13, tzinfo=UTC), 1, 6.5),
        (datetime(2033, 1, 31, 12, tzinfo=UTC), 1, 84),
        (datetime(2027, 1, 31, 11, tzinfo=UTC), 12, 0.5),
        (datetime(2027, 1, 31, 12, tzinfo=UTC), 12, 1),
    ],
)
def test_a_month_that_runs_counts_as_a_half(at: datetime, each: int, months: float) -> None:
    """Six months are over to the moment, and what is over six months is so a moment later."""
    assert elapsed_spans(CLOSED, at, each) == months
