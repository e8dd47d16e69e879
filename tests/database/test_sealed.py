"""Rows that decide: whoever writes to the database without the keys refuses, and is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import Boolean, Connection, Engine, LargeBinary, String, Table, Text

import upheld
from gate.conftest import clock as _clock
from gate.conftest import customer
from gate.conftest import gate as _gate
from gate.conftest import keyring as _keyring
from gate.conftest import person as _person
from gate.conftest import policy as _policy
from gate.test_gate import OFFERS, TO_PARTNER
from upheld.core.ids import PersonId
from upheld.database import checks, seals, tables
from upheld.database import rows as database
from upheld.database.declared import MAC, declaration, sealed_tables
from upheld.database.own_tables import Tables
from upheld.database.schema import declared_tables
from upheld.database.seals import SealedError
from upheld.database.statements import placeholders, rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.act.request import Refused
from upheld.gate.gate import Gate
from upheld.gate.operations import selfcheck_job
from upheld.practice.tables import partner_transaction
from upheld.vault.keyring import Keyring
from upheld.web import sessions

clock, gate, keyring, person, policy = _clock, _gate, _keyring, _person, _policy
NAMES = [each.name for each in sealed_tables()]


class _Back(Exception):  # noqa: N818 - no error: the end of a trial
    """What was tried is undone."""


@contextmanager
def tried(engine: Engine) -> Iterator[Connection]:
    """A transaction that is undone."""
    with suppress(_Back), writing(engine) as connection:
        yield connection
        raise _Back


def made(table: Table, person_id: PersonId, number: int) -> dict[str, Any]:
    """A row of a table, of a person where its rows are somebody's."""
    told = declaration(table)
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.name == MAC:
            continue
        kind, name = column.type, str(column.name)
        if isinstance(kind, LargeBinary):
            row[name] = bytes([number]) * 20
        elif isinstance(kind, Boolean):
            row[name] = True
        elif isinstance(kind, String | Text):
            row[name] = f"{name[:20]}{number}"
        else:
            row[name] = 1_000_000 + number
    if told.owner is not None:
        row[told.covered[told.owner]] = person_id
    if told.part is not None:
        row[told.covered[told.part]] = "open"
    return row


def some_rows(
    gate: Gate, table: Table, person: PersonId, *, alone: bool
) -> Iterator[dict[str, Any]]:
    """Three rows of a person; of three people where each has one at most."""
    others = [gate.enrol(), gate.enrol()] if alone else [person] * 2
    for number, whose in enumerate([person, *others], 1):
        yield made(table, whose, number)


def other(value: Any) -> Any:
    """Something else of the same kind, no longer than it."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return value[:-1] + ("y" if value.endswith("x") else "x")
    return value + (b"x" if isinstance(value, bytes) else 1)


def write(connection: Connection, name: str, row: dict[str, Any]) -> None:
    """Write a row as somebody would who has the database and no keys."""
    run(
        connection,
        f"INSERT INTO {name} ({', '.join(row)}) VALUES ({placeholders([*row])})",
        *row.values(),
    )


def where(key: tuple[str, ...]) -> str:
    """The condition that names a row by its key."""
    return " AND ".join(f"{name} = ?" for name in key)


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_done_to_a_row_without_the_keys_is_found_and_refused(  # noqa: PLR0915 - done one after the other
    gate: Gate, person: PersonId, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is inserted, updated, deleted or put back, in every table that is sealed."""
    table = declared_tables().tables[name]
    told = declaration(table)
    monkeypatch.setattr(checks, "sealed_tables", lambda: [told])  # all: see `assert_fine`
    alone = told.owner is not None and told.key == (told.covered[told.owner],)
    first, second, third = some_rows(gate, table, person, alone=alone)
    key = tuple(first[each] for each in told.key)
    with writing(gate.engine) as connection:
        database.insert_all(connection, table, [first, second])
        assert checks.find_problems(connection) == []
    statement = f"SELECT {told.selected} FROM {name} WHERE {where(told.key)}"
    with reading(gate.engine) as connection:
        (raw,) = rows(connection, statement, *key)
    before = dict(zip((*told.columns, MAC), raw, strict=True))
    before |= {c.name: bool(before[c.name]) for c in table.columns if isinstance(c.type, Boolean)}

    def found(change: Callable[[Connection], object], *, at_use: bool = True) -> None:
        with tried(gate.engine) as connection:
            change(connection)
            assert checks.find_problems(connection) != []
            if at_use:
                owner = [told.covered[told.owner]] if told.owner is not None else []
                with pytest.raises(SealedError):
                    database.select(
                        connection, table, where(tuple(owner)), *(person for _ in owner)
                    )

    # Else a set is looked through by the self-check.
    somebodys = told.owner is not None or told.few
    for column in told.covered:
        if column not in told.key:
            found(
                lambda c, column=column: run(  # type: ignore[misc] # bound at once
                    c,
                    f"UPDATE {name} SET {column} = ? WHERE {where(told.key)}",
                    other(before[column]),
                    *key,
                )
            )
    found(lambda c: write(c, name, {**third, MAC: before[MAC]}), at_use=not alone)
    found(lambda c: run(c, f"DELETE FROM {name} WHERE {where(told.key)}", *key), at_use=somebodys)
    fixed = {*told.key, *([told.covered[told.owner]] if told.owner is not None else ())}
    changing = [each for each in told.covered if each not in fixed]
    with writing(gate.engine) as connection:
        change = {each: other(before[each]) for each in changing[:1]}
        assert database.update(connection, table, change, where(told.key), *key) == 1
    assert_fine(gate)

    def as_before(connection: Connection) -> None:
        run(connection, f"DELETE FROM {name} WHERE {where(told.key)}", *key)
        write(connection, name, before)

    if changing:
        found(as_before, at_use=somebodys)
    with writing(gate.engine) as connection:
        assert database.delete(connection, table, where(told.key), *key) == 1
    assert_fine(gate)
    found(lambda c: write(c, name, before), at_use=somebodys)


def assert_fine(gate: Gate) -> None:
    """Nothing is wrong in any table."""
    with pytest.MonkeyPatch.context() as patch, reading(gate.engine) as connection:
        patch.setattr(checks, "sealed_tables", sealed_tables)
        assert checks.find_problems(connection) == []


@pytest.mark.parametrize("change", ["delete", "insert", "restore", "state"])
def test_an_act_is_refused_at_once_where_what_it_rests_on_was_changed(
    gate: Gate, person: PersonId, change: str
) -> None:
    """Deleting an opt-out, adding or bringing back a consent, another state; nobody else is hit."""
    other_one = customer(gate)
    opted = gate.record(person, "opt-out", fact="opted-out", about={"purpose": ["offers"]})
    consent = gate.record(person, "consent", about=OFFERS)
    with reading(gate.engine) as connection:
        (raw,) = rows(connection, "SELECT withdrawn, mac FROM record WHERE record_id = ?", consent)
    gate.withdraw(person, consent)
    with writing(gate.engine) as connection:
        if change == "delete":
            run(connection, "DELETE FROM record WHERE record_id = ?", opted)
        elif change == "insert":
            run(
                connection,
                "INSERT INTO record SELECT person_id, 'another', kind, party, dims,"
                " valid_from, ends, NULL, by_whom, how, text_digest, body, mac FROM record WHERE"
                " record_id = ?",
                consent,
            )
        elif change == "restore":
            run(
                connection,
                "UPDATE record SET withdrawn = ?, mac = ? WHERE record_id = ?",
                *raw,
                consent,
            )
        else:
            run(connection, "UPDATE person SET state = 'held' WHERE person_id = ?", person)
            run(connection, "UPDATE person SET state = 'active' WHERE person_id = ?", other_one)
    if change == "state":
        with pytest.raises(upheld.UpheldError):
            gate.use(person, ["email"], purpose="billing")
        return
    with pytest.raises(Refused) as caught:
        if change == "delete":
            gate.use(person, ["email"], purpose="offers", entitled=True)
        else:
            gate.share(person, ["email"], entitled=True, **TO_PARTNER)
    assert "forged-record" in str(caught.value.why)
    gate.record(other_one, "consent", about=OFFERS)
    assert gate.use(other_one, ["email"], purpose="billing")["email"]


def test_two_people_who_are_exchanged_in_the_index_are_found_at_use(
    gate: Gate, person: PersonId
) -> None:
    """Nobody is found by an address that is somebody else's, whatever rows are moved."""
    second = customer(gate)
    gate.store(second, {"email": "bob@marked.example"}, source="customer", occasion="registration")
    assert gate.find("email", "bob@marked.example") == [second]
    with writing(gate.engine) as connection:
        one, two = (
            rows(
                connection,
                "SELECT token, mac FROM blind_index WHERE person_id = ? AND field = 'email'",
                each,
            )[0]
            for each in (person, second)
        )
        for told, whose in ((one, second), (two, person)):
            run(
                connection,
                "UPDATE blind_index SET token = ?, mac = ? WHERE person_id = ? AND field = 'email'",
                *told,
                whose,
            )
    with pytest.raises(SealedError):
        gate.find("email", "bob@marked.example")


def test_rows_of_a_work_that_was_undone_are_in_no_cover(gate: Gate, person: PersonId) -> None:
    """In a batch one work fails and its neighbour is kept: cover and rows agree."""

    def kept(transaction: Any) -> str:
        return str(transaction.record(person, "consent", about=OFFERS))

    def undone(transaction: Any) -> None:
        transaction.record(person, "consent", about=OFFERS)
        raise ValueError

    _, failed, _ = gate.batch([kept, undone, kept])
    assert isinstance(failed, ValueError)
    assert_fine(gate)


def test_a_database_without_its_keyring_reads_no_row_that_decides(gate: Gate) -> None:
    """Who has no keys is told so, and is given nothing."""
    bare = gate.engine.execution_options(**{seals._OPTION: None})
    with reading(bare) as connection, pytest.raises(SealedError, match="without its keyring"):
        database.select(connection, tables.item)


def test_rows_by_their_columns_in_another_order_are_not_written(
    gate: Gate, person: PersonId
) -> None:
    """Else a value would be read as another's; in their own order they are found by their keys."""
    columns = ["person_id", "party", "mark", "feed_id", "received", "sealed", "gone"]
    some = [(person, "spruce-point", f"m{n}", "f", "2026-11-30", b"row", None) for n in range(250)]
    with writing(gate.engine) as connection:
        with pytest.raises(TypeError):
            Tables(connection).insert_rows(partner_transaction, sorted(columns), some)
        Tables(connection).insert_rows(partner_transaction, columns, some)
    keys = "JOIN (VALUES (?, ?), (?, ?)) AS keys ON person_id = column1 AND mark = column2"
    values = person, "m3", person, "m250"  # of which there is none
    with reading(gate.engine) as connection:
        there = Tables(connection).select(partner_transaction, keys, *values)
        assert [tuple(each) for each in there] == [some[3]]
        Tables(connection).require_intact(partner_transaction, [person])


def test_a_cover_says_nothing_of_what_rows_add_to_it(keyring: Keyring) -> None:
    """It is sealed for its owner, anew each time, and opens for nobody else."""
    ready = seals.Seals(keyring.derived("rows"))
    cover = seals.Cover(3, {})
    cover.add("item/open", 1, 7)
    one, two = ready.seal_cover("a" * 32, cover), ready.seal_cover("a" * 32, cover)
    assert one != two
    assert ready.open_cover("a" * 32, two).tally("item/open") == (1, 7)
    for owner, raw in (("b" * 32, one), ("a" * 32, one[:-1]), ("a" * 32, None), ("a" * 32, 7)):
        with pytest.raises(SealedError):
            ready.open_cover(owner, raw)


def test_a_session_that_somebody_wrote_signs_nobody_in(gate: Gate, person: PersonId) -> None:
    """Neither does a row with another session's mark; and a link that was used stays used."""
    at = gate.context.clock.now()
    with writing(gate.engine) as connection:
        raw = sessions.begin(Tables(connection), "customer", person, at)
        link = sessions.mint(Tables(connection), "recover", person, timedelta(hours=1), at)
        assert sessions.redeem(Tables(connection), "recover", link, at) == person
        run(
            connection,
            "INSERT INTO session (id_hash, kind, subject, started_at, seen, fresh, mac)"
            " SELECT ?, 'staff', subject, started_at, seen, fresh, mac FROM session",
            sha256(b"mine").digest(),
        )
    with writing(gate.engine) as connection:
        assert sessions.find(Tables(connection), "customer", raw, at) is not None
        with pytest.raises(SealedError):
            sessions.find(Tables(connection), "staff", "mine", at)
        assert sessions.redeem(Tables(connection), "recover", link, at) is None
        assert [each for each in checks.find_problems(connection) if "`session`" in str(each)]


def test_the_self_check_comes_to_everybody_in_slices(
    gate: Gate, person: PersonId, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that looks at some people at a time names what is not whole, and fails by it."""
    monkeypatch.setattr(selfcheck_job, "LEAST", 1)
    everybody = sorted([person, customer(gate)])
    job = selfcheck_job.SelfCheckRound()
    assert [job.look(gate) for _ in range(2)] == [1, 1]
    with writing(gate.engine) as connection:
        run(connection, "DELETE FROM record WHERE person_id = ?", everybody[1])
    assert job.look(gate) == 1
    with pytest.raises(SealedError, match="not whole"):
        job.look(gate)
    assert f"rows of `record` of person {everybody[1]} are missing" in caplog.text
