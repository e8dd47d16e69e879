"""Visits: what our servers see is kept reduced, for as long as the policy says, and no longer."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from practices.conftest import START, House
from upheld.practices.collection.ingest import LogIngest
from upheld.practices.collection.retention import retire


def test_visits_are_kept_reduced_and_go_in_time(house: House, tmp_path: Path) -> None:
    """The desk sees what is kept of a visit, and once its time is over there is nothing."""
    log = tmp_path / "access.log"
    row = {"ip": "192.0.2.7", "time": START.isoformat(), "uri": "/plans", "cookie_id": "c1"}
    log.write_text(f"{json.dumps(row)}\n")
    gate = house.provider.gate.gate
    report = LogIngest(gate).read(str(log))
    page = house.signed_in(house.staff("privacy"), "staff").get("/staff/visits").text
    assert report.visits == 1
    assert "1 visit." in page
    last = datetime(START.year + 1, START.month + 2, START.day, tzinfo=START.tzinfo)
    house.clock.moved += last - START - timedelta(days=1)
    assert retire(gate) == 0
    house.clock.moved += timedelta(days=1)
    assert retire(gate) == 1
