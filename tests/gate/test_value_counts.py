"""What is counted of all values says when those go that an erasure kept until a day."""

from __future__ import annotations

from datetime import timedelta

from gate.conftest import Told, customer, later
from gate.test_retention import SIGN_IN
from upheld.core.ids import PersonId
from upheld.gate.erasure import erase
from upheld.gate.erasure.dry_run import deletions
from upheld.gate.erasure.retention import retire
from upheld.gate.erasure.value_counts import NOW, value_counts
from upheld.gate.gate import Gate


def ends_of(gate: Gate, field: str) -> list[tuple[int, str]]:
    """How many values of a field are counted, and when they go."""
    return [(each.number, each.goes) for each in value_counts(gate) if each.field == field]


def test_what_an_erasure_kept_until_a_day_is_foretold_for_that_month(
    gate: Gate, person: PersonId, clock: Told
) -> None:
    """As its certificate says; once it is due the job will delete it, and does."""
    gate.record(person, "account", fact="account-closed")
    (certificate,) = erase.erase(gate, [person], now=True)
    (rest,) = certificate.kept
    assert ends_of(gate, "email") == [(1, str(rest.until)[:7])]
    later(gate, clock, 7 * 365)
    assert ends_of(gate, "email") == [(1, str(rest.until)[:7])]
    later(gate, clock, 3)
    assert ends_of(gate, "email") == [(1, NOW)]
    assert "email" in [each.field for each in deletions(gate).now]
    retire(gate)
    assert ends_of(gate, "email") == []


def test_what_comes_of_others_has_ends_of_its_own(
    gate: Gate, person: PersonId, clock: Told
) -> None:
    """Beside somebody of whom an erasure kept the same kind of data."""
    gate.record(person, "account", fact="account-closed")
    erase.erase(gate, [person], now=True)
    other = customer(gate)
    gate.store(other, {"ip-address": "192.0.2.7"}, **SIGN_IN)
    month = (clock.now() + timedelta(days=30)).isoformat()[:7]
    assert ends_of(gate, "ip-address") == [(1, month)]
    assert min(goes for _, goes in ends_of(gate, "email")) == ""
    assert {number for number, _ in ends_of(gate, "email")} == {1}
