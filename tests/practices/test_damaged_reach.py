"""A changed row that says whom an order names: the desk finds them, and what it keeps of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from empty import empty_database
from practices.changes import change
from practices.conftest import House
from practices.orders import approved, demand, opened, release, texts
from practices.test_holds import Held, apart, preserved, rows_of, run_jobs
from upheld.core.ids import PersonId
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.erasure.erase import erase
from upheld.gate.operations.selfcheck import selfcheck
from upheld.practices.legal.apart import DAMAGED

CHANGES = {
    "which record keeps it": "UPDATE legal_reach SET record_id = ? WHERE person_id = ?",
    "which record silences it": "UPDATE legal_reach SET silence_id = ? WHERE person_id = ?",
    "what has become of it": "UPDATE legal_reach SET state = ? WHERE person_id = ?",
    "its mark": "UPDATE legal_reach SET mac = ? WHERE person_id = ?",
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: the gate decides what is kept on either."""
    return empty_database(tmp_path)


def problems(house: House) -> tuple[str, ...]:
    """What the self-check names."""
    gate = house.provider.gate.gate
    return selfcheck(gate.engine, gate.context.keyring).problems


def write(house: House, statement: str, value: object, *whose: PersonId) -> None:
    """Change something of some people behind our back."""
    with writing(house.provider.gate.gate.engine) as connection:
        for each in whose:
            run(connection, statement, value, each)


@pytest.mark.parametrize("first", ["erase", "drop"])
@pytest.mark.parametrize("what", CHANGES)
def test_who_is_erased_under_a_silent_order_is_found_whatever_was_changed_of_it(
    house: House, what: str, first: str
) -> None:
    """A later order gets all that it would get without the change; at its end all of it goes."""
    held = Held(house, silent=True)
    before = held.counts()
    write(house, CHANGES[what], b"0" * 32 if "mark" in what else "0" * 32, held.ann)
    assert any("legal_reach" in each and held.ann in each for each in problems(house))
    if first == "drop":
        house.do(lambda t: t.drop(held.ann, ["name"]))
    erase(held.gate, [held.ann])
    run_jobs(house, 2)
    assert held.counts() == before
    (kept_apart,) = apart(house)
    assert rows_of(house, kept_apart)["legal_reach"] == 1
    assert "Ann Marked" in "\n".join(held.release("name").values())
    which = held.order.instrument_id
    house.do(lambda t: held.desk.instruments.end(t, which, held.desk.officer))
    run_jobs(house, 1)
    assert apart(house) == []


def test_where_the_number_itself_was_changed_the_order_has_them_still(house: House) -> None:
    """Its page says that the number is damaged, and it can be ended; then what it kept goes."""
    held = Held(house, silent=True)
    before = held.counts()
    change(house, "UPDATE legal_reach SET sealed = ? WHERE person_id = ?", held.ann)
    erase(held.gate, [held.ann])
    assert held.counts() == before
    which = held.order.instrument_id
    page = house.signed_in(held.desk.officer, "staff").get(f"/staff/legal/{which}")
    assert page.status_code == 200
    assert DAMAGED in page.text
    house.do(lambda t: held.desk.instruments.end(t, which, held.desk.officer))
    run_jobs(house, 1)
    assert apart(house) == []


@pytest.mark.parametrize("what", CHANGES)
def test_a_row_that_was_changed_of_who_is_apart_keeps_no_other_order_from_being_opened(
    house: House, what: str
) -> None:
    """They are found still, self-check names the row, and nothing is released by it."""
    held = Held(house, silent=True)
    other = house.customer("bo@marked.example")
    erase(held.gate, [held.ann])
    (kept_apart,) = apart(house)
    write(house, CHANGES[what], b"0" * 32 if "mark" in what else "0" * 32, kept_apart)
    order = approved(house, held.desk, demand(house, other))
    assert "Account" in "".join(texts(release(house, held.desk, order)).values())
    later = opened(house, held.desk, demand(house, other)._replace(accounts=(held.account,)))
    assert later.persons == 1
    assert any("legal_reach" in each and kept_apart in each for each in problems(house))
    with reading(held.gate.engine) as connection:
        ((count,),) = rows(
            connection, "SELECT COUNT(*) FROM legal_reach WHERE person_id = ?", kept_apart
        )
    assert count == 2


def test_a_row_that_somebody_made_up_names_nobody_who_goes(house: House) -> None:
    """No record says the same: it goes with the erasure, and no order reaches them by it."""
    held = Held(house, silent=True)
    bo = house.customer("bo@marked.example")
    silent = preserved(house, held.desk, bo, silent=True)
    columns = "instrument_id, state, record_id, silence_id, notice, sealed, mac"
    with writing(held.gate.engine) as connection:
        run(
            connection,
            f"INSERT INTO legal_reach (person_id, {columns})"
            f" SELECT ?, {columns} FROM legal_reach WHERE person_id = ?",
            held.ann,
            bo,
        )
    erase(held.gate, [held.ann])
    (kept_apart,) = apart(house)
    with reading(held.gate.engine) as connection:
        which = rows(
            connection, "SELECT instrument_id FROM legal_reach WHERE person_id = ?", kept_apart
        )
    assert which == [(held.order.instrument_id,)]
    named = house.do(lambda t: held.desk.instruments.people(t.tables, silent.instrument_id))
    assert [each.person_id for each in named] == [bo]
