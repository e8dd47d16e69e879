"""What is kept apart and was damaged stops nobody, and tells nobody of the hold that keeps it."""

from __future__ import annotations

from contextlib import suppress

import pytest

from gate.conftest import Told, customer, later
from gate.test_erasure import comparable
from gate.test_faults import problems
from gate.test_silent_holds import apart, put_under_hold, two
from upheld.core.ids import PersonId
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.retention import retire
from upheld.gate.gate import Gate
from upheld.vault import people, values
from upheld.vault.envelope import SealError

FIELDS = ("email", "name", "ip-address")
ROW = b"\x01" + bytes(60)
DAMAGES = {
    "a value": "UPDATE value SET sealed = :row WHERE person_id = :who AND field = 'email'",
    "the key": "UPDATE person_key SET wrapped_key = :row WHERE person_id = :who",
    "what is held": "UPDATE person SET holdings = :row WHERE person_id = :who",
    "a record": "UPDATE record SET how = 'i8' WHERE person_id = :who AND kind = 'hold'",
    "the cover": "UPDATE person SET cover = :row WHERE person_id = :who",
}


def damage(gate: Gate, what: str, who: PersonId) -> None:
    """Change something of somebody without the keys."""
    with writing(gate.engine) as connection:
        statement = DAMAGES[what]
        values = [
            ROW if name == "row" else who for name in ("row", "who") if f":{name}" in statement
        ]
        run(connection, statement.replace(":row", "?").replace(":who", "?"), *values)


def whole_values(gate: Gate) -> set[tuple[str, str]]:
    """Every current value that is kept apart and opens, by field."""
    there: set[tuple[str, str]] = set()
    with reading(gate.engine) as connection:
        for each in apart(gate):
            with suppress(SealError):
                opened = people.open_people_in_any_state(connection, gate.context.keyring, [each])
                there |= {
                    (field, one.value)
                    for person in opened.values()
                    for field, some in values.examine(connection, person, FIELDS)[0].items()
                    for one in some
                }
    return there


@pytest.mark.parametrize("what", DAMAGES)
def test_what_is_apart_and_damaged_keeps_no_drop_and_no_erasure_from_being_done(
    gate: Gate, what: str
) -> None:
    """Both go as without the hold; what goes is set apart, and self-check names the damage."""
    both = two(gate)
    for each in both[:2]:
        assert gate.drop(each, ["email"]) == ("email",)
    (first,) = apart(gate)
    damage(gate, what, first)
    for each in both[:2]:
        gate.store(each, {"email": "since@a.example"}, source="customer", occasion="registration")
        assert gate.drop(each, ["email"]) == ("email",)
    plain, silent = (comparable(erase(gate, [each])[0]) for each in both[:2])
    assert plain == silent
    kept = whole_values(gate)
    assert {("email", "since@a.example"), ("name", "Ann Marked")} <= kept
    assert any(first in each for each in problems(gate))


@pytest.mark.parametrize("what", DAMAGES)
def test_what_is_apart_and_damaged_stops_no_retention(gate: Gate, clock: Told, what: str) -> None:
    """Neither for its own account nor for another one: what nobody may store any more goes."""
    both, other = two(gate), customer(gate)
    put_under_hold(gate, other)
    assert gate.drop(both.silent, ["email"]) == ("email",)
    (first,) = apart(gate)
    damage(gate, what, first)
    for each in (both.silent, other):
        gate.record(each, "account", fact="account-closed")
    later(gate, clock, 3000)
    retire(gate)
    with gate.together() as transaction:
        for each in (both.silent, other):
            assert transaction.held_fields(each) == {}
    with reading(gate.engine) as connection:
        waiting = {each for (each,) in rows(connection, "SELECT person_id FROM set_aside")}
    assert waiting <= {first}
    assert ("name", "Ann Marked") in whole_values(gate)
    assert any(first in each for each in problems(gate))
