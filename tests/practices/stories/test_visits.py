"""Visits: what our servers see is kept reduced, for as long as the policy says, and no longer."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from practices.conftest import START, House
from practices.test_visit_pages import record_visits, signed_in_visits
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
    assert "Fewer than 10 visits," in page
    last = START.replace(year=START.year + 1, month=START.month + 2)
    house.clock.moved += last - START - timedelta(days=1)
    assert retire(gate) == 0
    house.clock.moved += timedelta(days=1)
    assert retire(gate) == 1


def test_a_visitor_who_signs_in_sees_that_their_cookie_was_tied(house: House) -> None:
    """A cookie of ours is set on our pages, and tied to the account at sign-in with an entry."""
    recorder = record_visits(house)
    _, browser = signed_in_visits(house, recorder, "ann@marked.example")
    assert "combined" in browser.get("/me/privacy/received").text
    assert browser.get("/me/privacy/visits").text.count("You opened") == 2
    page = house.signed_in(house.staff("privacy"), "staff").get("/staff/visits").text
    assert "Fewer than 10 visits," in page
