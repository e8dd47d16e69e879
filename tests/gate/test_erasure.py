"""Erasure: what goes, what the policy keeps, what is told of it, how it goes on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from gate.conftest import TOLD, customer
from gate.test_faults import problems
from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database import tables
from upheld.database.statements import rows
from upheld.database.transaction import reading, writing
from upheld.gate.act.request import Refused
from upheld.gate.erasure import epochs, erase_again
from upheld.gate.erasure import erase as erasure
from upheld.gate.erasure.certificate import Certificate
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.holdings import holdings
from upheld.gate.gate import Gate
from upheld.vault import blind_index, people, values
from upheld.vault.erasures import Erasures, ErasuresError
from upheld.vault.keyring import KeyFile, Keyring
from upheld.vault.people import VaultError

TABLES = ("person", "person_key", "value", "blind_index", "record", "entry", "item", "entry_person")


def anywhere(gate: Gate, person_id: PersonId) -> list[str]:
    """The tables in which an id still stands."""
    with reading(gate.engine) as connection:
        return [
            table
            for table in TABLES
            if rows(connection, f"SELECT 1 FROM {table} WHERE person_id = ?", person_id)
        ]


def comparable(certificate: Certificate) -> Certificate:
    """A certificate without what differs from one person to the next."""
    return msgspec.structs.replace(
        certificate, person="", asked="", entries=(0,) * len(certificate.entries), final=""
    )


def test_who_is_erased_is_nowhere_and_what_was_done_stays_in_the_log(gate: Gate) -> None:
    """Rows, keys, index and ties are gone, every entry stays valid, neighbours are whole."""
    gone, stays = customer(gate), customer(gate)
    gate.sweep("use", [gone, stays], ["email"], purpose="billing")
    before = gate.entries(stays)
    (certificate,) = erase(gate, [gone], now=True)
    assert certificate.erased == ("birth-date", "email", "name", "phone")
    assert certificate.kept == ()
    assert certificate.final
    assert len(certificate.entries) == 2
    assert anywhere(gate, gone) == []
    assert gate.find("email", TOLD["email"]) == [stays]
    assert gate.entries(gone) == []
    assert gate.entries(stays) == before
    assert gate.use(stays, ["email"], purpose="billing")["email"] == TOLD["email"]
    assert problems(gate) == ()
    for call in (lambda: gate.use(gone, ["email"], purpose="billing"), lambda: erase(gate, [gone])):
        with pytest.raises(VaultError, match="no person with"):
            call()
    assert erasure.certificates(gate, gone) == [certificate]
    assert erasure.certificates(gate, stays) == []


@pytest.mark.parametrize(
    ("proof", "kept", "clause", "until"),
    [
        (
            {"kind": "invoice", "fact": "account-unsettled"},
            ("email", "name", "phone"),
            "erasure",
            True,
        ),
        (
            {"kind": "account", "fact": "account-closed"},
            ("email", "name", "phone"),
            "retention",
            True,
        ),
        (
            {"kind": "hold", "fact": "legal-hold"},
            ("birth-date", "email", "name", "phone"),
            "retention",
            False,
        ),
    ],
)
def test_what_the_policy_obliges_to_keep_is_kept_and_named(
    gate: Gate,
    person: PersonId,
    proof: dict[str, str],
    kept: tuple[str, ...],
    clause: str,
    until: bool,
) -> None:
    """The clause and its ground, until when; nothing else is left, and nothing is added."""
    with reading(gate.engine) as connection:
        old = people.open_person(connection, gate.context.keyring, person).key
    gate.record(person, proof["kind"], fact=proof["fact"])
    (certificate,) = erase(gate, [person], now=True)
    (result,) = certificate.kept
    assert (result.data, result.clauses, result.grounds) == (kept, (clause,), (proof["fact"],))
    assert bool(result.until) is until
    assert set(kept) | set(certificate.erased) == {*TOLD, "birth-date"}
    assert [each.field for each in holdings(gate, person)] == list(kept)
    with reading(gate.engine) as connection:
        assert people.open_person(connection, gate.context.keyring, person).key != old
    assert problems(gate) == ()
    assert gate.find("email", TOLD["email"]) == [person]
    if proof["fact"] != "legal-hold":
        with pytest.raises(Refused):
            gate.store(person, {"zip": "98101"}, source="customer", occasion="registration")
    assert {kept.entry.kind for kept in gate.entries(person)} >= {"erasure.kept"}
    assert "registration" not in str(certificate)


def test_what_rested_on_an_invoice_goes_once_it_is_paid(gate: Gate, person: PersonId) -> None:
    """A second erasure keeps nothing, and each has its certificate."""
    invoice = gate.record(person, "invoice", fact="account-unsettled")
    erase(gate, [person])
    gate.withdraw(person, invoice, ended=True)
    (certificate,) = erase(gate, [person], now=True)
    assert (certificate.kept, certificate.erased) == ((), ("email", "name", "phone"))
    assert anywhere(gate, person) == []
    assert len(erasure.certificates(gate, person)) == 2
    assert problems(gate) == ()


def test_a_gagged_hold_is_told_to_nobody_and_what_it_keeps_is_kept(gate: Gate) -> None:
    """Certificate, entries, searches and refusals are those of somebody of whom there is none."""
    plain, gagged = customer(gate), customer(gate)
    gate.record(gagged, "hold", fact="legal-hold", party="court")
    gate.record(gagged, "instrument", fact="gag-order", party="court")
    certificate = [erase(gate, [each], now=True)[0] for each in (plain, gagged)]
    assert comparable(certificate[0]) == comparable(certificate[1])
    assert (
        certificate[1].text().replace(gagged, plain).splitlines()[1]
        == certificate[0].text().splitlines()[1]
    )
    assert anywhere(gate, gagged) == []
    assert gate.find("email", TOLD["email"]) == []
    with reading(gate.engine) as connection:
        ((apart,),) = rows(connection, "SELECT person_id FROM person WHERE state = 'held'")
        apart_person = people.open_people_in_any_state(connection, gate.context.keyring, [apart])[
            apart
        ]
        kinds = rows(connection, "SELECT kind FROM record WHERE person_id = ?", apart)
    assert set(apart_person.holdings) == {*TOLD, "birth-date"}
    assert sorted(kinds) == [("hold",), ("instrument",)]
    assert problems(gate) == ()
    with pytest.raises(VaultError, match="no person with"):
        gate.use(apart, ["email"], purpose="billing")
    assert erasure.renew(gate) == 1
    assert gate.find("email", TOLD["email"]) == []


def test_a_record_that_nobody_believes_stops_the_erasure(gate: Gate, person: PersonId) -> None:
    """What must be kept cannot be told, so that nothing goes."""
    gate.record(person, "hold", fact="legal-hold")
    with writing(gate.engine) as connection:
        connection.execute(text("UPDATE record SET ends = 1 WHERE kind = 'hold'"))
    with pytest.raises(erasure.ErasureError, match="forged-record"):
        erase(gate, [person])
    assert len(holdings(gate, person)) == 4


@pytest.mark.parametrize("stops_at", ["list", "rows"])
def test_an_erasure_that_was_stopped_is_gone_on_with(
    gate: Gate, person: PersonId, monkeypatch: pytest.MonkeyPatch, stops_at: str
) -> None:
    """Until then no act finds the person; after that it is as if it had never been stopped."""
    gate.record(person, "invoice", fact="account-unsettled")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        where: object = Erasures if stops_at == "list" else values
        patch.setattr(where, "append" if stops_at == "list" else "put", stop)
        with pytest.raises(KeyboardInterrupt):
            erase(gate, [person])
    with pytest.raises(VaultError, match="no person with"):
        gate.use(person, ["email"], purpose="billing")
    assert erasure.count_unfinished(gate.engine) == 1
    assert erasure.resume(gate) == 1
    assert erasure.resume(gate) == 0
    erasure.renew(gate)
    assert [each.field for each in holdings(gate, person)] == ["email", "name", "phone"]
    assert erasure.certificates(gate, person)[0].final
    assert len(Erasures(gate.context.keyring).read()) == 1
    assert problems(gate) == ()


def test_who_took_an_id_from_an_entry_past_the_gate_is_found(gate: Gate, person: PersonId) -> None:
    """That an entry is nobody's is believed where an erasure says so, and nowhere else."""
    other = customer(gate)
    erase(gate, [other])
    with writing(gate.engine) as connection:
        connection.execute(text("UPDATE entry SET person_id = NULL WHERE number = 2"))
    assert "entry 2 is missing or changed" in problems(gate)
    with writing(gate.engine) as connection:
        connection.execute(
            text("UPDATE severed SET number = 2 WHERE number = (SELECT max(number) FROM severed)")
        )
    assert "entry 2 is missing or changed" in problems(gate)
    assert gate.entries(person)


def test_a_changed_cut_or_reordered_list_of_erasures_is_found(gate: Gate) -> None:
    """Its line is named; the rest of an unfinished line is none, and is written again."""
    for _ in range(3):
        erase(gate, [customer(gate)])
    listed = Erasures(gate.context.keyring)
    whole = listed.path.read_bytes()
    assert listed.path.stat().st_mode & 0o077 == 0
    lines = whole.splitlines(keepends=True)
    for wrong, line in (
        (whole[:100] + bytes([whole[100] ^ 1]) + whole[101:], 1),
        (lines[1] + lines[0] + lines[2], 1),
        (lines[0] + lines[2], 2),
    ):
        listed.path.write_bytes(wrong)
        with pytest.raises(ErasuresError, match=f"line {line}"):
            listed.read()
    listed.path.write_bytes(whole[:-9])
    assert len(listed.read()) == 2
    with reading(gate.engine) as connection:
        assert len(erase_again.missing_from_list(connection, gate.context.keyring)) == 1
    erase(gate, [customer(gate)])
    assert len(listed.read()) == 3


def test_after_it_is_final_no_look_up_of_the_erased_can_be_made_from_the_keyring(
    gate: Gate, tmp_path: Path
) -> None:
    """Not against a raw copy of the database from before, with whatever the keyring has today."""
    person, stays = customer(gate), customer(gate)
    with reading(gate.engine) as connection:
        copied = rows(
            connection, "SELECT field, epoch, token FROM blind_index WHERE person_id = ?", person
        )
    assert len(copied) == 2
    erasure.erase(gate, [person], now=True)
    ring = Keyring.open(tmp_path / "keyring", KeyFile(tmp_path / "master"))
    for field, epoch, token in copied:
        tokens = [blind_index._token(each, field, TOLD[field]) for each in ring.epochs]
        tokens.append(
            blind_index._mark(blind_index._former_key(ring, field, epoch), field, TOLD[field])
        )
        assert bytes(token) not in tokens
    assert gate.find("email", TOLD["email"]) == [stays]


def test_who_was_indexed_by_an_earlier_upheld_is_found_and_renewed_with_the_next_epoch(
    gate: Gate,
) -> None:
    """Rows under the root key serve until then, and none is left of them after."""
    person = customer(gate)
    ring = gate.context.keyring
    with writing(gate.engine) as connection:
        for field in blind_index.FIELDS:
            former = blind_index._mark(blind_index._former_key(ring, field, 1), field, TOLD[field])
            blind_index.drop(connection, person, field)
            database.insert(
                connection, tables.blind_index, person_id=person, field=field, epoch=1, token=former
            )
    assert gate.find("email", TOLD["email"]) == gate.find("phone", TOLD["phone"]) == [person]
    erasure.renew(gate)
    with reading(gate.engine) as connection:
        table_rows = rows(connection, "SELECT field, token FROM blind_index ORDER BY field")
    assert [(field, bytes(token)) for field, token in table_rows] == [
        (field, blind_index._token(ring.current, field, TOLD[field]))
        for field in blind_index.FIELDS
    ]


def test_people_are_found_by_a_process_that_has_not_seen_the_new_epoch(
    gate: Gate, tmp_path: Path
) -> None:
    """While everybody is moved and after, whichever keys the process opened with."""
    person = customer(gate)
    ring = Keyring.open(tmp_path / "keyring", KeyFile(tmp_path / "master"))
    other = Gate(gate.engine, gate.context.policy, ring)
    epochs.begin_epoch(gate.engine, gate.context.keyring, destroy=False)
    assert other.find("email", TOLD["email"]) == [person]
    erasure.renew(gate)
    assert other.find("email", TOLD["email"]) == [person]
