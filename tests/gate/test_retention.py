"""Retention: what was stored for a time goes when it is over, and what no clause lets stay goes."""

from __future__ import annotations

from sqlalchemy import text

from gate.conftest import TOLD, Told, customer, later
from gate.test_erasure import anywhere
from gate.test_faults import problems
from upheld.core.ids import PersonId, RecordId
from upheld.database.statements import rows
from upheld.database.transaction import reading, writing
from upheld.gate.act.options import StoreOptions
from upheld.gate.erasure import erase
from upheld.gate.erasure.holdings import holdings
from upheld.gate.erasure.retention import retire
from upheld.gate.gate import Gate

SIGN_IN: StoreOptions = {"source": "browser", "occasion": "sign-in", "purpose": "security"}


def held(gate: Gate, person: PersonId) -> list[str]:
    """The fields that are held of somebody."""
    return [each.field for each in holdings(gate, person)]


def rows_of(gate: Gate, person: PersonId, field: str) -> list[int]:
    """The revisions of a field that are there."""
    with reading(gate.engine) as connection:
        table_rows = rows(
            connection,
            "SELECT revision FROM value WHERE person_id = ? AND field = ? ORDER BY revision",
            person,
            field,
        )
    return [revision for (revision,) in table_rows]


def test_what_was_stored_for_thirty_days_goes_after_them_and_nothing_else(
    gate: Gate, person: PersonId, clock: Told
) -> None:
    """A later value of the same field has days of its own; each deletion has its entry."""
    gate.store(person, {"ip-address": "192.0.2.7"}, **SIGN_IN)
    later(gate, clock, 20)
    gate.store(person, {"ip-address": "192.0.2.8"}, **SIGN_IN)
    assert retire(gate) == 0
    later(gate, clock, 11)
    assert retire(gate) == 1
    assert rows_of(gate, person, "ip-address") == [2]
    later(gate, clock, 20)
    assert retire(gate) == 1
    assert rows_of(gate, person, "ip-address") == []
    assert held(gate, person) == ["birth-date", *sorted(TOLD)]
    assert retire(gate) == 0
    entries_told = [
        stored.entry for stored in gate.entries(person) if stored.entry.kind == "retention"
    ]
    assert [entry.data for entry in entries_told] == [("ip-address",), ("ip-address",)]
    assert all("fraud-use" in entry.clauses for entry in entries_told)
    assert problems(gate) == ()
    with reading(gate.engine) as connection:
        assert rows(connection, "SELECT 1 FROM item WHERE state = 'open' AND kind = 'delete'") == []


def test_half_a_year_after_an_account_was_closed_only_what_invoices_rest_on_is_left(
    gate: Gate, clock: Told
) -> None:
    """And after seven years nothing: the policy's own clauses say so."""
    person = customer(gate)
    service = rows_of_record(gate, person)
    gate.store(person, {"interests": "skiing"}, source="customer", occasion="registration")
    gate.withdraw(person, service, ended=True)
    gate.record(person, "account", fact="account-closed")
    assert retire(gate) == 0
    later(gate, clock, 214)
    assert retire(gate) == 2
    assert held(gate, person) == sorted(TOLD)
    assert problems(gate) == ()
    later(gate, clock, 7 * 366)
    retire(gate)
    assert held(gate, person) == []
    assert gate.find("email", TOLD["email"]) == []
    assert problems(gate) == ()


def rows_of_record(gate: Gate, person: PersonId) -> RecordId:
    """The id of a person's first record."""
    with reading(gate.engine) as connection:
        return RecordId(
            rows(connection, "SELECT record_id FROM record WHERE person_id = ?", person)[0][0]
        )


def test_a_hold_stops_deletion_and_its_end_lets_it_go_on(
    gate: Gate, person: PersonId, clock: Told
) -> None:
    """Whoever asked for the hold; what is due stays due."""
    gate.store(person, {"ip-address": "192.0.2.7"}, **SIGN_IN)
    hold = gate.record(person, "hold", fact="legal-hold", party="court")
    later(gate, clock, 40)
    assert retire(gate) == 0
    gate.withdraw(person, hold, ended=True)
    assert retire(gate) > 0
    assert "ip-address" not in held(gate, person)


def test_what_was_kept_of_somebody_erased_goes_on_the_day_that_the_certificate_says(
    gate: Gate, person: PersonId, clock: Told
) -> None:
    """Seven years after the account was closed, and not a month later."""
    gate.record(person, "account", fact="account-closed")
    (certificate,) = erase.erase(gate, [person], now=True)
    assert certificate.kept[0].until
    later(gate, clock, 7 * 365)
    assert retire(gate) == 0
    later(gate, clock, 3)
    assert retire(gate) == 3
    assert anywhere(gate, person) == []
    assert problems(gate) == ()
    assert erase.certificates(gate, person) == [certificate]


def test_what_a_gagged_hold_kept_goes_when_it_ends_and_no_entry_tells_of_it(
    gate: Gate, person: PersonId
) -> None:
    """The person apart is gone, without a word about it in anybody's entries."""
    gate.record(person, "hold", fact="legal-hold")
    gate.record(person, "instrument", fact="gag-order")
    erase.erase(gate, [person], now=True)
    assert retire(gate) == 0
    with reading(gate.engine) as connection:
        ((apart,),) = rows(connection, "SELECT person_id FROM person WHERE state = 'held'")
        ((hold,),) = rows(connection, "SELECT record_id FROM record WHERE kind = 'hold'")
    gate.withdraw(apart, hold, ended=True)
    assert retire(gate) == 4
    with reading(gate.engine) as connection:
        for table in ("person", "person_key", "value", "record"):
            assert rows(connection, f"SELECT 1 FROM {table} WHERE person_id = ?", apart) == []
        kinds = {bytes(body) for (body,) in rows(connection, "SELECT body FROM entry")}
    assert not [body for body in kinds if b'"retention"' in body]
    assert problems(gate) == ()


def test_nothing_is_deleted_on_a_doubt(gate: Gate, person: PersonId, clock: Told) -> None:
    """A record that somebody else changed may be a hold; what is due waits until it is seen to."""
    gate.store(person, {"ip-address": "192.0.2.7"}, **SIGN_IN)
    gate.record(person, "hold", fact="legal-hold")
    with writing(gate.engine) as connection:
        connection.execute(text("UPDATE record SET ends = 1 WHERE kind = 'hold'"))
    later(gate, clock, 40)
    assert retire(gate) == 0
    assert "ip-address" in held(gate, person)


def test_somebody_whose_rows_are_not_whole_keeps_nobody_else_waiting(
    gate: Gate, clock: Told
) -> None:
    """They are set aside and nothing of theirs is deleted; of the others what is due goes."""
    everybody = [customer(gate) for _ in range(3)]
    for each in everybody:
        gate.store(each, {"ip-address": "192.0.2.7"}, **SIGN_IN)
    with writing(gate.engine) as connection:
        connection.execute(
            text("UPDATE person SET holdings = :wrong WHERE person_id = :odd"),
            {"wrong": b"nothing of ours" * 5, "odd": everybody[1]},
        )
    later(gate, clock, 31)
    assert retire(gate) == 2
    assert [rows_of(gate, each, "ip-address") for each in everybody] == [[], [1], []]
