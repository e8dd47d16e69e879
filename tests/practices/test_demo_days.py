"""The demonstration can be built on any day: also where what it tells falls on two sides of one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from practices.conftest import SetClock, close
from upheld.demo.running import ready
from upheld.practices.ads import invoices
from upheld.practices.extracts import extracts


@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 3, 2, 23, tzinfo=UTC)]
)
def test_it_is_built_at_the_beginning_of_a_month(tmp_path: Path, day: datetime) -> None:
    """The last month has just ended, or has not everywhere; one customer waits to be erased."""
    demonstration = ready(tmp_path, "http://127.0.0.1:8765", 12, clock=SetClock(start=day))
    with demonstration.provider.gate.gate.look() as tables:
        assert len(invoices.every(tables)) == 2
        assert len(extracts.every(tables)) == 2
    close(demonstration.provider.gate)
