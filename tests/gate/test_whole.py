"""Whatever is changed in a vault is found, or changes nothing that anyone is told."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import upheld
from empty import empty_database
from gate.conftest import TOLD, customer
from gate.test_faults import flipped, problems
from gate.test_gate import OFFERS, TO_PARTNER
from sizes import size
from upheld.core.ids import PersonId
from upheld.database.engines import open_database
from upheld.database.statements import rows
from upheld.database.transaction import reading, scrub, writing
from upheld.gate.act.request import Refused
from upheld.gate.gate import Gate
from upheld.vault.keyring import Keyring

OFFER = {"purpose": "offers"}
FLIPS = size("flipped bytes of a whole database file", short=60, long=1_000)


def told(gate: Gate, person: PersonId) -> list[Any]:
    """Everything that anyone is told of somebody."""
    result = gate.use(person, [*TOLD, "transaction"], purpose="fraud-detection")
    texts: list[Any] = [dict(result.values), result.series("transaction")]
    texts.append([(stored.number, stored.at, stored.entry) for stored in gate.entries(person)[:-1]])
    texts.append(gate.find("email", TOLD["email"]))
    words: tuple[tuple[str, dict[str, Any]], ...] = (("share", TO_PARTNER), ("use", OFFER))
    for action, more in words:
        try:
            texts.append(dict(gate.act(action, person, ["email"], **more).values))
        except Refused:
            texts.append("refused")
    return texts


def test_any_byte_of_a_database_file_is_found_or_harmless(
    tmp_path: Path, policy: upheld.Policy, keyring: Keyring
) -> None:
    """What is given out is right or an error, and what else is told is right or found."""
    home, trial = tmp_path / "upheld.db", tmp_path / "trial.db"
    engine = open_database(empty_database(tmp_path))
    gate = Gate(engine, policy, keyring)
    person = customer(gate)
    gate.append(person, "transaction", ["1", "2"], source="customer", occasion="service-use")
    gate.withdraw(person, gate.record(person, "consent", about=OFFERS, text="You may."))
    gate.record(person, "opt-out", fact="opted-out", about={"purpose": ["offers"]})
    scrub(engine)
    engine.dispose()

    def look(changed: bytes) -> tuple[tuple[str, ...], list[Any]]:
        for suffix in ("-wal", "-shm"):
            Path(f"{trial}{suffix}").unlink(missing_ok=True)
        trial.write_bytes(changed)
        opened = open_database(f"sqlite:///{trial}")
        try:
            again = Gate(opened, policy, keyring)
            return problems(again), told(again, person)
        finally:
            opened.dispose()

    raw = home.read_bytes()
    shutil.copy(home, trial)
    none, right = look(raw)
    assert none == ()
    chance = random.Random(3)  # noqa: S311 - places to flip
    result = 0
    for at in chance.sample([n for n, byte in enumerate(raw) if byte], FLIPS):
        try:
            named, texts = look(flipped(raw, at))
        except upheld.UpheldError:
            result += 1
            continue
        assert texts[:2] == right[:2], at  # whoever looks at values does not look through all first
        assert texts == right or named, at
        result += bool(named)
    assert result > FLIPS // 4


def state(gate: Gate, record_id: str) -> Any:
    """The row of a record as it is."""
    with reading(gate.engine) as connection:
        (row,) = rows(
            connection, "SELECT withdrawn, ends, mac FROM record WHERE record_id = ?", record_id
        )
        return row


@pytest.mark.parametrize("ended", [False, True])
def test_a_record_that_is_gone_or_as_it_was_before_is_found(
    gate: Gate, person: PersonId, ended: bool
) -> None:
    """A deleted opt-out, and a withdrawn permission put back as it was, mark and all."""
    about = {"purpose": ["offers"]}
    opted = gate.record(person, "opt-out", fact="opted-out", about=about)
    permission = gate.record(person, "consent", about=OFFERS)
    before = state(gate, permission)
    gate.withdraw(person, permission, ended=ended)
    with pytest.raises(Refused):
        gate.share(person, ["email"], **TO_PARTNER)
    assert problems(gate) == ()
    put = "UPDATE record SET withdrawn = :a, ends = :b, mac = :c WHERE record_id = :id"
    with writing(gate.engine) as connection:
        connection.execute(text("DELETE FROM record WHERE record_id = :id"), {"id": opted})
        connection.execute(text(put), dict(zip("abc", before, strict=True)) | {"id": permission})
    assert set(problems(gate)) == {
        f"rows of `record` of person {person} are missing, besides, or as they were before",
        f"record {opted} is missing",
        f"record {permission} is as it was before it ended",
    }


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE value SET sealed = 99999999999 WHERE field = 'name'", "`name` of person"),
        ("UPDATE value SET revision = 1.5 WHERE field = 'name'", "`name` of person"),
        ("UPDATE value SET clause = 1.5 WHERE field = 'name'", "`name` of person"),
        ("UPDATE person_key SET wrapped_key = 99999999999", "the key of person"),
        ("UPDATE person SET holdings = 'x' WHERE person_id <> ''", "the list of what is held"),
        ("UPDATE record SET mac = 99999999999, valid_from = 1.5", "record"),
        ("UPDATE entry SET body = 99999999999 WHERE number = 2", "entry 2"),
        ("UPDATE entry SET at = 'x' WHERE number = 2", "entry 2"),
        ("UPDATE value SET clause = CAST(x'4d61726b6564ff' AS TEXT)", "damaged"),
    ],
)
def test_another_kind_of_thing_in_a_row_is_found_and_not_quoted(
    tmp_path: Path, policy: upheld.Policy, keyring: Keyring, change: str, named: str
) -> None:
    """SQLite takes a number for bytes and a text that is none; neither is made into anything."""
    engine = open_database(empty_database(tmp_path))
    gate = Gate(engine, policy, keyring)
    customer(gate)
    with writing(engine) as connection:
        connection.execute(text(change))
    try:
        texts = " ".join(problems(gate))
    except upheld.UpheldError as error:
        texts = f"{error}"
    assert named in texts
    assert "Marked" not in texts
    engine.dispose()
