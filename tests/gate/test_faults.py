"""When things go wrong: kills, disks, changed bytes, clocks, forgotten keys, and what leaks."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

import upheld
from empty import empty_database
from gate.conftest import TOLD, Told, customer
from gate.kills import killed
from gate.test_gate import TO_PARTNER
from sizes import size
from tally import tried
from upheld.core.ids import PersonId
from upheld.database.connection import LOOK_SECONDS
from upheld.database.engines import open_database
from upheld.database.errors import DatabaseError
from upheld.database.statements import rows
from upheld.database.transaction import reading, writing
from upheld.gate.act.request import Refused
from upheld.gate.erasure import epochs
from upheld.gate.gate import Gate
from upheld.gate.log.entries import damaged, last_of
from upheld.gate.operations import selfcheck
from upheld.ledger.entries import decode
from upheld.vault import people
from upheld.vault.envelope import SealError
from upheld.vault.keyring import KeyFile, Keyring
from upheld.vault.people import VaultError

KILLS = size("kills in the middle of acts, on each database", short=3, long=100)
FLIPS = size("flipped bytes of each sealed column", short=12, long=400)
SWAP = (
    "UPDATE value SET sealed = (SELECT sealed FROM value v WHERE v.person_id = :other AND"
    " v.field = 'name') WHERE field = 'name' AND person_id = :me"
)


def problems(gate: Gate) -> tuple[str, ...]:
    """What a look through everything finds."""
    return selfcheck.selfcheck(gate.engine, gate.context.keyring).problems


def test_whatever_is_killed_leaves_whole_acts_and_no_value_without_an_entry(
    database_url: str, gate: Gate
) -> None:
    """What a killed process had handed out is in an entry, and what it had begun is not there."""
    person = customer(gate)
    house, chance = gate.context, random.Random(7)  # noqa: S311 - moments to kill at
    own: list[Gate] = []

    def work(said: Callable[[str], None]) -> None:
        if not own:
            own.append(Gate(open_database(database_url), house.policy, house.keyring, house.clock))
        result = own[0].use(person, ["email"], purpose="billing")
        said(f"got {result.entry} {result.values['email'].revision}")
        turn = str(result.entry)
        lines = {"email": f"ann{turn}@marked.example", "zip": turn}
        own[0].store(person, lines, source="customer", occasion="registration")
        said(f"put {turn}")

    for kill in range(1, KILLS + 1):
        lines = [line.split() for line in killed(work, chance.random() * 0.1)]
        with reading(gate.engine) as connection:
            for number in (int(words[1]) for words in lines if words[0] == "got"):
                ((body,),) = rows(connection, "SELECT body FROM entry WHERE number = ?", number)
                assert decode(bytes(body)).action == "use"
        both = gate.use(person, ["email", "zip"], purpose="service-provision")
        if "zip" in both.values:
            assert both["email"] == f"ann{both['zip']}@marked.example"
        if kill % 10 == 0 or kill == KILLS:
            assert problems(gate) == ()
    tried("kills", "in the middle of acts that read and store", gate.engine, KILLS)


def test_a_full_disk_gives_no_value_and_leaves_nothing(
    tmp_path: Path, policy: upheld.Policy, keyring: Keyring
) -> None:
    """An act whose entry finds no room is no act (SQLite; a server tells it by its own state)."""
    engine = open_database(empty_database(tmp_path))
    gate = Gate(engine, policy, keyring)
    person = customer(gate)
    before = len(gate.entries(person))
    with pytest.raises(DatabaseError) as caught, gate.together() as transaction:
        pages = transaction.connection.exec_driver_sql("PRAGMA page_count").scalar()
        transaction.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        for _ in range(2_000):
            transaction.enrol()
    assert caught.value.code == "disk-full"
    assert len(gate.entries(person)) == before
    tried("full disks", "in the middle of an act", engine, 1)


def test_a_database_that_went_away_and_came_back_loses_nothing(
    tmp_path: Path, policy: upheld.Policy, keyring: Keyring
) -> None:
    """While it is away nobody gets anything; after that acts go on."""
    path = tmp_path / "upheld.db"
    engine = open_database(empty_database(tmp_path))
    gate = Gate(engine, policy, keyring)
    person = customer(gate)
    path.rename(tmp_path / "away.db")
    time.sleep(LOOK_SECONDS)
    with pytest.raises(DatabaseError) as caught:
        gate.use(person, ["email"], purpose="billing")
    assert caught.value.code == "database-gone"
    (tmp_path / "away.db").rename(path)
    assert gate.use(person, ["email"], purpose="billing")["email"] == TOLD["email"]
    assert problems(gate) == ()
    tried("restarts", "its file moved away and brought back", engine, 1)
    engine.dispose()


def flipped(raw: bytes, at: int) -> bytes:
    """The bytes with one bit changed."""
    return raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :]


@pytest.mark.parametrize(
    ("table", "column", "key"),
    [
        ("value", "sealed", "field"),
        ("person", "holdings", "state"),
        ("person_key", "wrapped_key", "person_id"),
        ("record", "mac", "record_id"),
        ("entry", "body", "number"),
        ("entry", "leaf", "number"),
    ],
)
def test_a_flipped_byte_is_found_and_named_wherever_it_is(
    gate: Gate, person: PersonId, table: str, column: str, key: str
) -> None:
    """Every sealed column: the look through tells it, and no wrong value is ever given."""
    with reading(gate.engine) as connection:
        query = f"SELECT {key}, {column} FROM {table} WHERE person_id = ?"
        table_rows = rows(connection, query, person)
    chance = random.Random(1)  # noqa: S311 - places to flip
    row, raw = table_rows[-1][0], bytes(table_rows[-1][1])
    change = text(f"UPDATE {table} SET {column} = :raw WHERE person_id = :me AND {key} = :row")
    places = range(len(raw)) if len(raw) <= FLIPS else sorted(chance.sample(range(len(raw)), FLIPS))
    for at in places:
        for changed in (flipped(raw, at), raw[:at]) if at == places[-1] else (flipped(raw, at),):
            with writing(gate.engine) as connection:
                connection.execute(change, {"raw": changed, "me": person, "row": row})
            assert problems(gate), (table, column, at)
            try:
                values = gate.use(person, list(TOLD), purpose="service-provision")
            except (SealError, VaultError, Refused):
                continue
            finally:
                with writing(gate.engine) as connection:
                    connection.execute(change, {"raw": raw, "me": person, "row": row})
            assert {field: values[field] for field in TOLD} == TOLD
    assert [each for each in problems(gate) if table != "entry"] == []
    tried(
        "flips",
        f"a bit of `{table}.{column}`, and what follows cut off",
        gate.engine,
        len(places) + 1,
    )


def test_a_flipped_byte_of_the_keyring_is_found(keyring: Keyring, tmp_path: Path) -> None:
    """A changed keyring does not open, or opens to the same keys."""
    path, master = tmp_path / "keyring", KeyFile(tmp_path / "master")
    raw = path.read_bytes()
    for at in range(len(raw)):
        path.write_bytes(flipped(raw, at))
        try:
            opened = Keyring.open(path, master)
        except upheld.UpheldError:
            continue
        assert [each.key for each in opened.epochs] == [each.key for each in keyring.epochs], at
    tried("flips", "a bit of the keyring", "files", len(raw))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE value SET field = 'zip' WHERE field = 'email' AND person_id = :me", "email"),
        ("UPDATE value SET origin = 'acme' WHERE field = 'name' AND person_id = :me", "name"),
        ("UPDATE value SET public_source = 'x' WHERE field = 'name' AND person_id = :me", "name"),
        ("DELETE FROM value WHERE field = 'phone' AND person_id = :me", "phone"),
        (SWAP, "name"),
    ],
)
def test_what_was_moved_swapped_or_taken_away_is_named_and_the_rest_is_read(
    gate: Gate, person: PersonId, change: str, named: str
) -> None:
    """One damaged field costs the others nothing."""
    other = customer(gate)
    with writing(gate.engine) as connection:
        bound = {"me": person, **({"other": other} if ":other" in change else {})}
        connection.execute(text(change), bound)
    with pytest.raises(SealError, match=f"`{named}` of person {person}"):
        gate.use(person, [named], purpose="service-provision")
    rest = [field for field in TOLD if field != named]
    assert gate.use(person, rest, purpose="service-provision")[rest[0]] == TOLD[rest[0]]
    assert any(named in problem for problem in problems(gate))


def test_an_old_state_of_a_person_put_back_is_found(gate: Gate, person: PersonId) -> None:
    """Even with the list of holdings put back too: the entries say what should be there."""
    tables = {"value": "sealed, revision, at, current", "person": "holdings"}
    with reading(gate.engine) as connection:
        old = {
            t: rows(connection, f"SELECT * FROM {t} WHERE person_id = ?", person) for t in tables
        }
    gate.store(person, {"email": "new@marked.example"}, source="customer", occasion="registration")
    assert problems(gate) == ()
    with writing(gate.engine) as connection:
        for table in tables:
            connection.execute(text(f"DELETE FROM {table} WHERE person_id = :me"), {"me": person})
            for row in old[table]:
                marks = ", ".join(f":v{n}" for n in range(len(row)))
                connection.execute(
                    text(f"INSERT INTO {table} VALUES ({marks})"),
                    {f"v{n}": v for n, v in enumerate(row)},
                )
    assert any("not what the entries say" in problem for problem in problems(gate))


def test_another_keyring_opens_nothing(gate: Gate, tmp_path: Path) -> None:
    """A database is begun with one keyring and belongs to it."""
    customer(gate)
    other = Keyring.create(tmp_path / "other", KeyFile(tmp_path / "master"))
    with pytest.raises(VaultError) as caught:
        Gate(gate.engine, gate.context.policy, other)
    assert caught.value.code == "other-keyring"


@pytest.mark.parametrize("ahead", [timedelta(days=-1), timedelta(hours=2)])
def test_a_clock_that_was_set_stops_what_depends_on_dates_until_it_is_accepted(
    gate: Gate, clock: Told, person: PersonId, ahead: timedelta
) -> None:
    """Back by a day or ahead by two hours: entries keep their order, and proofs wait."""
    gate.act("serve", person)
    clock.ahead = ahead
    with pytest.raises(Refused) as caught:
        gate.act("serve", person, entitled=True)
    assert caught.value.why == f"clock-{'back' if ahead < timedelta() else 'ahead'}"
    times = [stored.at for stored in gate.entries(person)]
    assert times == sorted(times)
    gate.accept_clock()
    assert gate.act("serve", person).decision.allowed
    what = "set back by a day" if ahead < timedelta() else "set ahead by two hours"
    tried("clocks", f"{what}, then an act that depends on dates", gate.engine, 1)


def test_everybody_is_moved_to_a_new_epoch_and_the_old_key_is_gone(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A move that was stopped goes on; values and look-ups stay, and the old key opens nothing."""
    everybody = [customer(gate) for _ in range(5)]
    keyring = gate.context.keyring
    first = keyring.current
    moved = people.move
    left = iter([None] * 3)

    def stopping(*words: object) -> None:
        next(left)
        moved(*words)  # type: ignore[arg-type] # passes on what it was given

    with monkeypatch.context() as patch:
        patch.setattr(people, "move", stopping)
        patch.setattr(epochs, "BATCH", 1)
        with pytest.raises(StopIteration):
            epochs.begin_epoch(gate.engine, keyring)
    assert gate.use(everybody[4], ["email"], purpose="billing")["email"] == TOLD["email"]
    assert epochs.begin_epoch(gate.engine, keyring) == 2
    assert [each.number for each in keyring.epochs] == [first.number + 1]
    for person in everybody:
        assert gate.use(person, ["email"], purpose="billing")["email"] == TOLD["email"]
    assert gate.find("email", TOLD["email"]) == sorted(everybody)
    assert problems(gate) == ()
    assert first.key.hex() not in (tmp_path / "keyring").read_text()
    with pytest.raises(upheld.UpheldError):
        keyring.epoch(first.number)


def test_no_value_is_in_any_log_error_or_entry_nor_readable_in_any_file(
    gate: Gate, person: PersonId, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Marked values are looked for in everything that comes out, and in every file."""
    caplog.set_level(logging.DEBUG)
    statement: list[str] = []

    def told(work: object) -> None:
        try:
            statement.append(repr(work() if callable(work) else work))
        except Exception as error:  # noqa: BLE001 - each of them is looked through
            statement.extend([str(error), repr(error), repr(error.args), repr(error.__context__)])

    told(lambda: gate.use(person, list(TOLD), purpose="service-provision"))
    told(lambda: gate.share(person, ["email"], entitled=True, **TO_PARTNER))
    told(lambda: gate.store(person, TOLD, source="advertiser", occasion="visit"))
    told(
        lambda: gate.store(
            person, {"name": "Ann Marked" * 9999}, source="customer", occasion="registration"
        )
    )
    told(
        lambda: gate.store(
            person, {"zip": "Marked \ud800"}, source="customer", occasion="registration"
        )
    )
    told(
        lambda: gate.append(
            person,
            "transaction",
            ["marked boots", "Marked hats"],
            source="customer",
            occasion="service-use",
        )
    )
    told(lambda: gate.use(person, ["transaction", "email"], purpose="fraud-detection"))
    told(
        lambda: gate.store(
            person, {"transaction": "marked"}, source="customer", occasion="service-use"
        )
    )
    told(lambda: gate.peek("use", person, ["transaction"], purpose="billing"))
    told(lambda: gate.find("email", TOLD["email"]))
    with writing(gate.engine) as connection:
        connection.execute(text("UPDATE value SET sealed = salt FROM entry WHERE field = 'email'"))
    told(lambda: gate.use(person, ["email"], purpose="billing"))
    statement += [str(msgspec.json.encode(stored.entry)) for stored in gate.entries(person)]
    statement += [repr(gate), repr(gate.context.keyring), caplog.text]
    with reading(gate.engine) as connection:
        for table in ("person", "person_key", "value", "blind_index", "record", "entry", "item"):
            statement += [repr(row) for row in rows(connection, f"SELECT * FROM {table}")]
        person_key = people.open_person(connection, gate.context.keyring, person).key
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    for mark in ("marked", "Marked", "5550100", "555 0100", "1990-02-01"):
        assert not [each for each in statement if mark in each], mark
        assert mark.encode() not in files
    assert person_key not in files
    assert person_key.hex() not in "".join(statement)


def test_a_killed_process_leaves_no_lock(gate: Gate, person: PersonId, database_url: str) -> None:
    """Whoever comes after one that was killed in a transaction does not wait for it."""
    house = gate.context

    def work(said: Callable[[str], None]) -> None:
        own = Gate(open_database(database_url), house.policy, house.keyring)
        with own.together() as transaction:
            transaction.enrol()
            said("in")
            time.sleep(60)

    assert killed(work, 0) == ["in"]
    assert gate.use(person, ["email"], purpose="billing")["email"] == TOLD["email"]
    with reading(gate.engine) as connection:
        assert damaged(connection) == []
        assert last_of(connection) is not None
