"""What a running provider says of itself: to who watches over it, and to its staff."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gate.test_covering import cover
from ledger.logs import COSIGNER, MOMENT, SIGNER
from practices.conftest import House
from upheld.api.metrics import Metrics
from upheld.app import health
from upheld.app.health import Health
from upheld.database.statements import run
from upheld.database.transaction import writing
from upheld.gate.gate import Gate
from upheld.gate.log import cosignatures
from upheld.ledger.checkpoint import cosign_checkpoint, open_checkpoint
from upheld.ledger.note import parse_note


def test_a_log_that_was_changed_is_said_everywhere(house: House) -> None:
    """By `/healthz`, the metrics and the console; a customer's page says that nothing is done."""
    house.customer()
    gate = house.provider.gate.gate
    cover(gate.engine)
    state = Health(house.provider)
    metrics = Metrics()
    state.measure(metrics)
    browser = house.browser()
    assert browser.get("/healthz").json()["status"] == "ok"
    assert b"upheld_log_stands 1\n" in metrics.text("", 0)
    desk = house.signed_in(house.staff("support"), "staff")
    assert "The log is not" not in desk.get("/staff").text
    cover(gate.engine)
    _cut(gate)
    state._until = 0
    assert gate.log_state.look()
    assert state()["status"] == "log-changed"
    assert b"upheld_log_stands 0\n" in metrics.text("", 0)
    assert "The log is not as it was signed" in desk.get("/staff").text
    other = House(house.provider, house.policy, house.clock).browser()
    value = other.get("/healthz")
    assert (value.status_code, value.json()["status"]) == (503, "log-changed")
    assert other.head("/healthz").status_code == 503


def _cut(gate: Gate) -> None:
    with writing(gate.engine) as connection:
        run(connection, "DELETE FROM entry WHERE number = (SELECT max(number) FROM entry)")


def test_what_nothing_has_covered_for_a_minute_is_said(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is covered; how much it is stands there too."""
    house.customer()
    gate = house.provider.gate.gate
    cover(gate.engine)
    house.customer("bo@marked.example")
    monkeypatch.setattr(health, "LASTS", 3600)
    state = Health(house.provider)
    result = state()
    assert result["status"] == "ok"
    assert int(str(result["uncovered"])) > 0
    house.clock.moved = timedelta(minutes=2)
    assert state() == result  # one answer serves all who ask within a second
    state._until = 0
    assert state()["status"] == "log-uncovered"
    cover(gate.engine)
    state._until = 0
    assert state() == {"status": "ok", "uncovered": 0}


def test_the_checkpoint_is_served_with_the_cosignatures_of_witnesses(house: House) -> None:
    """As a signed note that anybody can verify; without a log there is none."""
    browser = house.browser()
    assert browser.get("/checkpoint").status_code == 404
    house.customer()
    gate = house.provider.gate.gate
    cover(gate.engine)
    plain = browser.get("/checkpoint")
    assert (plain.status_code, plain.headers["cache-control"]) == (200, "no-store")
    note = cosign_checkpoint(parse_note(plain.content), COSIGNER.name, COSIGNER, MOMENT)
    assert browser.get("/checkpoint/cosigned").status_code == 404
    cosignatures.keep(gate, str(note).encode(), [COSIGNER.key])
    for path in ("/checkpoint", "/checkpoint/cosigned"):
        value = open_checkpoint(browser.get(path).content, SIGNER.key, [COSIGNER.key])
        assert value.size > 0
        assert browser.head(path).status_code == 200
        assert browser.get(path, headers={"origin": "https://elsewhere.example"}).status_code == 200
