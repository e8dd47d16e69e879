"""Whoever is erased is in no table of any practice, however it came about."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect
from typer.testing import CliRunner

from empty import empty_database
from practices.bills import job, owing
from practices.conftest import House
from practices.routes import THINGS, World
from practices.test_guardians import family
from upheld.cli import app
from upheld.core.ids import PersonId, UserId
from upheld.database import rows as database
from upheld.database.schema import declared_tables
from upheld.database.statements import rows
from upheld.database.tables import microseconds
from upheld.database.transaction import reading
from upheld.demo import sample_policy
from upheld.gate.act.request import Act
from upheld.gate.erasure.erase import certificates, erase
from upheld.gate.erasure.rows_on_hold import tables_on_hold
from upheld.gate.operations.selfcheck import selfcheck
from upheld.practice import invitations, operators
from upheld.practice.tables import passkey
from upheld.practices.accounts.tables import authenticator, recovery_code
from upheld.practices.guardians.tables import identity_check
from upheld.practices.rights import erasure
from upheld.practices.rights.tables import signal
from upheld.web import sessions

VAULT = {"person", "person_key", "value", "blind_index", "record", "entry", "item"}
STAYS = {"account", "invoice", "billed", "payment_intent", "debt", "task", "rights_request"}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """These stories are told on SQLite, where a test can read everything that is there."""
    return empty_database(tmp_path)


def anywhere(house: House, person: PersonId) -> set[str]:
    """The tables in whose rows an id stands, whichever column it is and whatever is around it."""
    results = set()
    with reading(house.provider.gate.gate.engine) as connection:
        for table in inspect(connection).get_table_names():
            for row in rows(connection, f"SELECT * FROM {table}"):
                text = " ".join(
                    each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in row
                )
                if person in text:
                    results.add(table)
    return results


def busy(house: House, person: PersonId) -> None:
    """Let somebody have done most of what a customer can do."""
    with house.provider.gate.gate.together() as transaction:
        at = house.clock.now()
        sessions.begin(transaction.tables, "customer", person, at)
        sessions.mint(transaction.tables, "recover", person, timedelta(hours=1), at)
        letters = person.translate(str.maketrans("0123456789", "ghijklmnop"))
        email = f"{letters}@invited.example"  # digits could be the number of a card by chance
        invitations.invite(transaction, email, "household", "accounts/household", inviter=person)
        database.insert_new(
            transaction.connection, authenticator, person_id=person, secret=b"s", step=0, since=1
        )
        database.insert(
            transaction.connection,
            passkey,
            subject=person,
            credential_hash=person.encode(),
            kind="customer",
            credential=b"c",
            public_key=b"k",
            uses=0,
            name="",
            made=1,
        )
        database.insert(
            transaction.connection, recovery_code, person_id=person, code_hash=person.encode()
        )
        operators.leave_to_others(transaction.tables, UserId("0" * 32), person)
        database.insert(
            transaction.connection, signal, person_id=person, session=b"s", at=microseconds(at)
        )
        database.insert_new(
            transaction.connection, identity_check, person_id=person, how="staff", at=1
        )


def test_whoever_asked_in_the_portal_is_in_no_table_but_for_what_is_kept(house: House) -> None:
    """Of who owes, the books and what collects them stay; of everybody else nothing."""
    world = World(house)
    guardian = PersonId(world.visitors["guardian"][1])
    everybody = [guardian, world.child, PersonId(world.visitors["bo"][1]), world.ann]
    for name in ("task", "message", "record", "request", "link", "purchase"):
        THINGS[name](world)
    assert house.signed_in(guardian).get(f"/me/family/{world.child}").status_code == 200
    for person in everybody:
        busy(house, person)
        house.do(lambda transaction, person=person: erasure.request(transaction, person))  # type: ignore[misc] # mypy knows no lambda's default
        assert len(anywhere(house, person)) > 8
    house.clock.moved += timedelta(days=4)
    assert job(house, "erasures") == len(everybody)
    for person in everybody[:-1]:
        assert anywhere(house, person) == set()
    assert anywhere(house, world.ann) <= VAULT | STAYS | {"outbox"}  # with the way to pay
    assert {"account", "invoice", "task", "value"} <= anywhere(house, world.ann)
    (certificate,) = certificates(house.provider.gate.gate, world.ann)
    assert {"name", "transaction"} <= {
        field for holding in certificate.kept for field in holding.data
    }


def test_whom_a_command_erases_is_in_no_table_either_and_what_is_owed_is_proven(
    house: House, tmp_path: Path
) -> None:
    """The command knows the practices: what somebody owes is proven from their books."""
    guardian, child, _ = family(house)
    owes = house.customer("owes@marked.example")
    house.do(lambda transaction: owing(transaction, owes))
    for person in (guardian, child, owes):
        busy(house, person)
    settings = tmp_path / "upheld.toml"
    settings.write_text(
        f'database = "sqlite:///upheld.db"\nkeyring = "keyring"\n'
        f'key_file = "master"\npolicy = "{sample_policy()}"\n'
    )
    words = ["person", "erase", guardian, child, owes, "--json", "--settings", str(settings)]
    response = CliRunner().invoke(app, words)
    assert response.exit_code == 0, response.output
    document = {each["person"]: each for each in json.loads(response.stdout)}
    assert anywhere(house, guardian) == anywhere(house, child) == set()
    assert anywhere(house, owes) <= VAULT | STAYS
    (holding,) = document[owes]["kept"]
    assert holding["grounds"] == ["account-unsettled"]
    assert "transaction" in holding["data"]
    assert house.do(lambda transaction: transaction.held_fields(owes))["transaction"] == "series"


def test_what_a_guardian_gave_ends_when_they_are_erased(house: House) -> None:
    """Nobody can show any more who gave it; whom they looked after is served no longer."""
    guardian, child, _ = family(house)
    gate = house.provider.gate.gate
    assert house.do(lambda transaction: transaction.peek(child, Act(action="serve"))).allowed
    erase(gate, [guardian], now=True)
    assert not house.do(lambda transaction: transaction.peek(child, Act(action="serve"))).allowed
    kinds = [line.entry.action for line in gate.entries(child)]
    assert {"end guardian-consent", "end guardian-link", "end guardian-costs"} <= set(kinds)
    assert selfcheck(gate.engine, gate.context.keyring).problems == ()


def test_every_column_with_an_id_says_what_becomes_of_it() -> None:
    """It leads its key, is of rows that a hold keeps, is declared, or is no person's."""
    things = {
        "record_id",
        "item_id",
        "task_id",
        "termination_id",
        "message_id",
        "invitation_id",
        "debt_id",
        "request_id",
        "user_id",
        "staff_id",
        "asked_by",
        "decided_by",
        "backup_id",
        "finding_id",
        "delivery_id",
        "letter_id",  # to a company
        "incident_id",
        "closing_id",
        "feed_id",
        "extract_id",
        "started_by",  # of a feed
        "ended_by",
        "done_id",  # of the record of a transfer
        "instrument_id",
        "programme_id",
        "block_id",  # of visits of nobody known
        "silence_id",  # of the record of an order not to tell
        "opened_by",
        "reviewed_by",
        "token",
    }
    on_hold = [each.columns["person_id"] for each in tables_on_hold()]
    for table in declared_tables().tables.values():
        for column in table.columns:
            if getattr(column.type, "length", None) == 32 and column.name not in things:
                leads = next(iter(table.primary_key.columns)) is column
                leads |= any(each is column for each in on_hold)
                own = table.name in {"entry", "entry_person", "erasure"}  # which forgetting cuts
                assert leads or own or "erased" in column.info, f"{table.name}.{column.name}"
