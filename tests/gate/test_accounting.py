"""Receipts and the account out of the database, and the audit that names whatever was changed."""

from __future__ import annotations

import random
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import Engine, text

import upheld
from gate.conftest import customer
from gate.test_covering import add, cover
from gate.test_faults import flipped
from gate.test_gate import TO_PARTNER
from ledger.logs import OTHER, SIGNER
from sizes import size
from upheld.core.ids import EntryNumber, PersonId
from upheld.database.statements import rows
from upheld.database.transaction import reading, writing
from upheld.gate.gate import Gate
from upheld.gate.log.audit import AuditReport, audit
from upheld.gate.log.database_log import LogError
from upheld.gate.log.receipts import AccountLine, AccountQuery, account, receipt, receipt_of
from upheld.ledger.verify import verify_receipt, write_receipt

FLIPS = size("flipped bytes of each column of the ledger", short=4, long=60)


def audited(engine: Engine, since: bytes | None = None) -> AuditReport:
    """What an audit of the database finds."""
    with reading(engine) as connection:
        return audit(connection, SIGNER.key, since)


def lines(gate: Gate, **words: object) -> list[AccountLine]:
    """An account, with proofs."""
    with reading(gate.engine) as connection:
        wanted = msgspec.convert(words, AccountQuery)
        return list(account(connection, gate.context.policy, wanted, proofs=True))


def change(engine: Engine, *statements: str) -> None:
    """Changes past everything that guards the rows."""
    with writing(engine) as connection:
        for statement in statements:
            assert connection.execute(text(statement)).rowcount, statement


def test_a_receipt_proves_a_persons_own_entry_and_no_other(gate: Gate, person: PersonId) -> None:
    """It verifies by the public key alone; another's entry is refused in the words for none."""
    other = customer(gate)
    own = gate.use(person, ["email"], purpose="billing").entry
    with pytest.raises(LogError, match="no checkpoint yet"):
        receipt(gate, person, own)
    cover(gate.engine)
    own_receipt = write_receipt(receipt(gate, person, own))
    entry, checkpoint = verify_receipt(own_receipt, SIGNER.key)
    assert (entry.action, checkpoint.origin) == ("use", SIGNER.name)
    assert checkpoint.size >= own
    texts = []
    for number in (own, own + 1_000):
        with pytest.raises(LogError) as caught:
            receipt(gate, other, EntryNumber(number))
        assert caught.value.code == "no-entry"
        texts.append(str(caught.value).replace(str(number), "N"))
    assert texts[0] == texts[1]
    later = gate.use(person, ["email"], purpose="billing").entry
    with pytest.raises(LogError, match="not covered by a checkpoint yet"):
        receipt(gate, person, later)


def test_a_receipt_of_a_batch_tells_nothing_of_who_else_was_in_it(gate: Gate) -> None:
    """Each of a batch gets it; no id is in it, and no guess of the ids can be tried."""
    from upheld.gate.log.entries import _mark
    from upheld.ledger.note import from_base64

    everybody = [customer(gate) for _ in range(2)]
    result = gate.sweep("use", everybody, ["email"], purpose="billing")
    number = next(iter(result.values())).entry
    assert number is not None
    cover(gate.engine)
    for person in everybody:
        own_receipt = receipt(gate, person, number)
        raw = write_receipt(own_receipt)
        verify_receipt(raw, SIGNER.key)
        assert not [each for each in everybody if each.encode() in raw]
        assert own_receipt.entry.batch is not None
        assert own_receipt.entry.batch.count == 2
        salt = from_base64(own_receipt.salt, "salt")
        assert own_receipt.entry.batch.rows != _mark(salt, *sorted(everybody))
    assert audited(gate.engine).ok


def test_an_account_tells_what_was_done_by_person_clause_party_and_day(gate: Gate) -> None:
    """Every line is an entry in words, with a receipt that verifies."""
    person, other = customer(gate), customer(gate)
    gate.record(
        person,
        "consent",
        by_whom="customer",
        how="form",
        about={"data": ["email"], "purpose": ["offers"], "recipient": ["business-partner"]},
    )
    gate.share(person, ["email"], party="acme", **TO_PARTNER)
    gate.use(other, ["email"], purpose="billing")
    cover(gate.engine)
    gate.use(person, ["email"], purpose="billing")
    mine = lines(gate, person_id=person)
    assert [each.number for each in mine] == [stored.number for stored in gate.entries(person)]
    assert all(each.receipt for each in mine[:-1])
    assert mine[-1].receipt is None
    for each in mine[:-1]:
        assert each.receipt is not None
        assert verify_receipt(write_receipt(each.receipt), SIGNER.key)[0] == each.entry
    (shared,) = lines(gate, person_id=person, party="acme")
    today = gate.context.clock.now()
    assert shared.text == (
        f"On {today.day} {today:%B %Y} we shared your e-mail address with a business partner, Acme,"
        " for offers, by #permission"
    )
    assert lines(gate, clause="permission", party="business-partner") == [
        msgspec.structs.replace(shared, text=shared.text.replace("your", "a customer's"))
    ]
    assert lines(gate, person_id=other, party="acme") == []
    assert lines(gate, since=today + timedelta(days=1)) == []
    assert lines(gate, until=today - timedelta(days=1)) == []
    assert len(lines(gate)) > len(mine)


def test_violations_are_listed(gate: Gate) -> None:
    """What was held although no clause allowed it is found among everything else."""
    customer(gate)
    with gate.together() as transaction:
        assert transaction.bring(transaction.enrol(), {"mail-content": "hello"})
    cover(gate.engine)
    (line,) = lines(gate, violations=True)
    assert "no clause allowed it" in line.text
    assert line.entry.kind == "import"
    assert line.receipt is not None


def test_an_untouched_ledger_is_whole(gate: Gate, person: PersonId) -> None:
    """Entries, batches, late ones not yet covered and every checkpoint: nothing is found."""
    assert not audited(gate.engine).checkpoints
    cover(gate.engine)
    add(gate.engine, 300)
    cover(gate.engine)
    gate.sweep("use", [person, customer(gate)], ["email"], purpose="billing")
    report = audited(gate.engine)
    assert report.findings == ()
    assert (report.ok, report.checkpoints) == (True, 2)
    assert report.entries > report.covered > 300


MOVED = (
    "UPDATE entry SET number = -1 WHERE number = 7",
    "UPDATE entry SET number = 7 WHERE number = 8",
    "UPDATE entry SET number = 8 WHERE number = -1",
)
SHIFTED = (
    "DELETE FROM entry WHERE number = 5",
    "UPDATE entry SET number = 1 - number WHERE number > 5",
    "UPDATE entry SET number = -number WHERE number < 0",
)
INSERTED = (
    "UPDATE entry SET number = -1 - number WHERE number > 5",
    "UPDATE entry SET number = -number WHERE number < 0",
    "INSERT INTO entry SELECT 6, at, person_id, salt, leaf, leaf FROM entry WHERE number = 5",
)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (("DELETE FROM entry WHERE number = 5",), "entry 5 was removed"),
        (SHIFTED, "entry 5 was removed"),
        (MOVED, "entry 8 was moved to row 7"),
        (INSERTED, "row 6 was inserted"),
        (("UPDATE entry SET salt = leaf WHERE number = 9",), "entry 9"),
        (("UPDATE entry SET at = at + 1 WHERE number = 9",), "entry 9 is missing, or is not"),
        (("UPDATE entry SET person_id = NULL WHERE number = 2",), "entry 2 is missing, or is not"),
        (("DELETE FROM entry WHERE number > 20",), "entries 21 to "),
        (("DELETE FROM tile WHERE level = 1",), "tile/1/000"),
        (("UPDATE checkpoint SET size = size + 1 WHERE size > 200",), "its row is not what was"),
        (
            ("UPDATE checkpoint SET root = hashes FROM tile WHERE level = 1 AND size < 200",),
            "checkpoint of",
        ),
    ],
)
def test_what_was_changed_removed_moved_or_inserted_is_named(
    gate: Gate, changes: tuple[str, ...], named: str
) -> None:
    """By the number of the entry, the tile or the checkpoint, past everything that guards them."""
    customer(gate)
    add(gate.engine, 40)
    cover(gate.engine)
    add(gate.engine, 300)
    cover(gate.engine)
    change(gate.engine, *changes)
    report = audited(gate.engine)
    assert not report.ok
    assert any(named in str(each) for each in report.findings), report.findings


@pytest.mark.parametrize(
    ("table", "column", "key"),
    [
        ("entry", "body", "number"),
        ("entry", "salt", "number"),
        ("entry", "leaf", "number"),
        ("tile", "hashes", "level"),
        ("checkpoint", "root", "size"),
    ],
)
def test_a_flipped_byte_anywhere_in_the_ledger_is_found(
    gate: Gate, person: PersonId, table: str, column: str, key: str
) -> None:
    """Every row, at its ends and in between; where an entry was changed, that one is named."""
    gate.use(person, ["email"], purpose="billing")
    cover(gate.engine)
    add(gate.engine, 300)
    cover(gate.engine)
    with reading(gate.engine) as connection:
        table_rows = rows(connection, f"SELECT {key}, {column} FROM {table} ORDER BY {key}")
    chance = random.Random(1)  # noqa: S311 - places to flip
    update = text(f"UPDATE {table} SET {column} = :raw WHERE {key} = :row AND {column} = :old")
    for row, raw in chance.sample(table_rows, min(len(table_rows), FLIPS)):
        old = bytes(raw)
        for at in {0, len(old) - 1, chance.randrange(len(old))}:
            wrong = flipped(old, at)
            with writing(gate.engine) as connection:
                connection.execute(update, {"raw": wrong, "row": row, "old": old})
            told_of = audited(gate.engine)
            assert not told_of.ok, (table, column, row, at)
            if table == "entry":
                assert row in {each.index for each in told_of.findings}
            with writing(gate.engine) as connection:
                connection.execute(update, {"raw": old, "row": row, "old": wrong})
    assert audited(gate.engine).ok


def test_a_history_made_anew_is_found_by_who_kept_a_checkpoint(gate: Gate) -> None:
    """Even who has the log's key cannot rewrite what somebody keeps a checkpoint of."""
    add(gate.engine, 30)
    cover(gate.engine)
    with reading(gate.engine) as connection:
        (note,) = (n for (n,) in rows(connection, "SELECT note FROM checkpoint"))
    assert audited(gate.engine, note.encode()).ok
    change(
        gate.engine,
        "DELETE FROM checkpoint",
        "DELETE FROM tile",
        "DELETE FROM entry WHERE number > 25",
    )
    assert not audited(gate.engine, note.encode()).ok
    cover(gate.engine)
    assert audited(gate.engine).ok
    report = audited(gate.engine, note.encode()).findings
    assert [each.message for each in report] == ["the log was cut: it had 30 entries and has 25"]
    add(gate.engine, 10)
    cover(gate.engine)
    assert "of the earlier checkpoint changed" in str(audited(gate.engine, note.encode()).findings)


def test_a_log_under_another_key_is_no_log_of_ours(gate: Gate) -> None:
    """Whoever puts their own key in the database is found by who knows the right one."""
    add(gate.engine, 3)
    cover(gate.engine)
    with reading(gate.engine) as connection:
        assert not audit(connection, OTHER.key).ok
    with writing(gate.engine) as connection:
        connection.execute(text("UPDATE log_name SET public_key = :key"), {"key": str(OTHER.key)})
    assert any("not signed by" in str(each) for each in audited(gate.engine).findings)
    with reading(gate.engine) as connection, pytest.raises(upheld.UpheldError):
        receipt_of(connection, EntryNumber(1))
