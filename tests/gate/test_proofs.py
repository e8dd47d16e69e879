"""What records prove: in force, ended, withdrawn, not begun, forged, another party's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

import upheld
from gate.conftest import START, TOLD, Told, customer
from gate.test_gate import OFFERS, TO_PARTNER
from upheld.core.ids import PersonId, RecordId
from upheld.database.seals import SealedError
from upheld.database.transaction import writing
from upheld.gate.act.options import StoreOptions
from upheld.gate.act.request import Refused
from upheld.gate.evidence.field_values import FieldValues
from upheld.gate.evidence.provers import EvidenceError, years
from upheld.gate.evidence.records import RecordError
from upheld.gate.gate import Gate
from upheld.vault.envelope import SealError
from upheld.vault.keyring import Keyring
from upheld.vault.people import REGISTER

DAY = timedelta(days=1)
NOW = START


def may_share(gate: Gate, person: PersonId, data: list[str] | None = None, **more: Any) -> str:
    """`allow` if data may be shared with a partner for offers, else why not."""
    try:
        gate.share(person, data or ["email"], entitled=True, **{**TO_PARTNER, **more})
    except Refused as error:
        return error.why
    return "allow"


def test_a_permission_holds_for_what_it_names_and_while_it_is_in_force(
    gate: Gate, person: PersonId
) -> None:
    """Other data, purposes and recipients are not covered; a withdrawal ends it."""
    assert may_share(gate, person) != "allow"
    record = gate.record(person, "consent", about=OFFERS, by_whom="customer", how="form")
    assert may_share(gate, person) == "allow"
    assert may_share(gate, person, ["email", "name"]) != "allow"
    assert may_share(gate, person, purpose="partner-marketing") != "allow"
    assert may_share(gate, person, recipient="advertiser") != "allow"
    assert may_share(gate, customer(gate)) != "allow"
    gate.withdraw(person, record)
    gate.withdraw(person, record)  # twice is once
    assert may_share(gate, person) != "allow"
    renewed = gate.record(person, "consent", about=OFFERS)
    assert may_share(gate, person) == "allow"
    gate.withdraw(person, renewed, ended=True)
    assert may_share(gate, person) != "allow"


@pytest.mark.parametrize(
    ("valid_from", "ends", "holds"),
    [(NOW - DAY, NOW + DAY, True), (NOW - 2 * DAY, NOW - DAY, False), (NOW + DAY, None, False)],
)
def test_a_record_proves_only_in_its_time(
    gate: Gate, person: PersonId, valid_from: datetime, ends: datetime | None, holds: bool
) -> None:
    """One that ended or has not begun proves nothing."""
    gate.record(person, "consent", about=OFFERS, valid_from=valid_from, ends=ends)
    assert (may_share(gate, person) == "allow") == holds


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("which", [0, 1])
def test_one_of_two_equal_permissions_that_is_withdrawn_leaves_the_other(
    gate: Gate, person: PersonId, which: int, *, ended: bool
) -> None:
    """For acts as for lists, whichever came first; with the second nothing is left."""
    both = [
        gate.record(person, "consent", about=OFFERS, valid_from=NOW - days * DAY) for days in (2, 1)
    ]
    gate.withdraw(person, both[which], ended=ended)
    assert may_share(gate, person) == "allow"
    listed = gate.records_in_force("consent", person_id=person, purpose=OFFERS["purpose"][0])
    assert [each.record_id for each in listed] == [both[1 - which]]
    gate.withdraw(person, both[1 - which], ended=ended)
    assert may_share(gate, person) != "allow"
    assert gate.records_in_force("consent", person_id=person, purpose=OFFERS["purpose"][0]) == []


def test_a_later_withdrawal_ends_what_it_spoke_of_though_an_older_permission_is_wider(
    gate: Gate, person: PersonId
) -> None:
    """Who withdraws the newer of two that are not the same has withdrawn what it spoke of."""
    wider = {**OFFERS, "data": ["email", "name"]}
    gate.record(person, "consent", about=wider, valid_from=NOW - 2 * DAY)
    newer = gate.record(person, "consent", about=OFFERS, valid_from=NOW - DAY)
    gate.withdraw(person, newer)
    assert may_share(gate, person) != "allow"


def test_a_row_that_was_written_or_changed_by_somebody_else_is_no_permission(
    gate: Gate, person: PersonId
) -> None:
    """An INSERT is no consent, and neither is one that was copied from another person."""
    other = customer(gate)
    gate.record(other, "consent", about=OFFERS)
    with writing(gate.engine) as connection:
        connection.execute(
            text(
                "INSERT INTO record SELECT :me, record_id, kind, party, dims, valid_from, ends,"
                " withdrawn, by_whom, how, text_digest, body, mac FROM record"
                " WHERE person_id = :other AND kind = 'consent'"
            ),
            {"me": person, "other": other},
        )
    assert may_share(gate, person) == "forged-record"
    assert may_share(gate, other) == "allow"
    record = gate.record(other, "consent", about=OFFERS)
    with writing(gate.engine) as connection:
        connection.execute(
            text("UPDATE record SET valid_from = valid_from - 1 WHERE record_id = :id"),
            {"id": record},
        )
    assert may_share(gate, other) == "forged-record"
    with pytest.raises(SealedError):
        gate.withdraw(other, record)


def test_a_register_is_complete_and_a_party_is_meant_by_name(gate: Gate, person: PersonId) -> None:
    """An agent who is not on the register is refused, whatever others are on it."""
    gate.record(person, "invoice", fact="amount-due")
    gate.record(REGISTER, "engagement", about={"recipient": ["collection-agent"]}, party="acme")
    words: dict[str, Any] = {"recipient": "collection-agent", "purpose": "debt-collection"}
    assert may_share(gate, person, ["name"], party="acme", **words).startswith("duty")
    for party in ("else", ""):
        with pytest.raises(Refused) as caught:
            gate.share(person, ["name"], occasion="other", party=party, entitled=True, **words)
        assert caught.value.decision is not None
        assert not caught.value.decision.allowed


def test_a_need_of_staff_is_one_persons_by_name(gate: Gate, person: PersonId) -> None:
    """A task opens an account to whoever has it, and to nobody else nor to nobody by name."""
    about = {"data": ["email"], "purpose": ["support"]}
    with pytest.raises(RecordError, match="about a party"):
        gate.record(person, "task", about=about)
    gate.record(person, "task", about=about, party="kim")
    words: dict[str, Any] = {"actor": "staff", "purpose": "support"}
    assert gate.view(person, ["email"], party="kim", **words)["email"] == TOLD["email"]
    for party in ("lee", ""):
        with pytest.raises(Refused):
            gate.view(person, ["email"], party=party, **words)
    with pytest.raises(Refused):
        gate.view(person, ["phone"], party="kim", **words)


def test_what_came_from_a_public_source_is_public_and_nothing_else(
    gate: Gate, person: PersonId
) -> None:
    """A value that came in with its source, or a record that names one; a newer value is not."""
    words: dict[str, Any] = {"purpose": "service-provision", "recipient": "business-partner"}
    with pytest.raises(Refused):
        gate.share(person, ["phone"], occasion="other", **words)
    come: StoreOptions = {"source": "customer", "occasion": "registration"}
    gate.store(
        person,
        {"phone": "+15550100199"},
        source="customer",
        occasion="registration",
        public_source="phone book 2026",
    )
    result = gate.share(person, ["phone"], occasion="other", **words)
    assert result.values["phone"].origin.public_source == "phone book 2026"
    assert "phone" in gate.entries(person)[-1].entry.evidence
    with pytest.raises(Refused):
        gate.share(person, ["phone", "name"], occasion="other", **words)
    gate.record(person, "public-source", about={"data": ["name"]}, how="trade register")
    assert gate.share(person, ["phone", "name"], occasion="other", **words)["name"]
    gate.store(person, {"phone": "+15550100100"}, **come)
    with pytest.raises(Refused):
        gate.share(person, ["phone"], occasion="other", **words)
    assert gate.share(person, ["name"], occasion="other", **words)["name"]
    gate.store(person, {"name": "Another Name"}, **come)
    with pytest.raises(Refused):
        gate.share(person, ["name"], occasion="other", **words)


def test_the_text_that_was_shown_is_kept_with_a_permission(gate: Gate, person: PersonId) -> None:
    """Sealed under the person's key; one that was changed is no text."""
    text_given = "We may send you offers of our partners' – marked words."
    record = gate.record(
        person, "consent", about=OFFERS, text=text_given, by_whom="customer", how="form"
    )
    other = gate.record(person, "consent", about=OFFERS)
    about = {"recipient": ["collection-agent"]}
    register = gate.record(REGISTER, "engagement", about=about, party="acme", text="Contract")
    with gate.together() as transaction:
        assert transaction.text_shown(person, record) == text_given
        assert transaction.text_shown(person, other) == ""
        assert transaction.text_shown(REGISTER, register) == "Contract"
        with pytest.raises(RecordError):
            transaction.text_shown(person, RecordId("nothing"))
    with writing(gate.engine) as connection:
        assert b"marked" not in connection.execute(text("SELECT body FROM record")).scalars().all()
        connection.execute(
            text("UPDATE record SET body = mac WHERE record_id = :id"), {"id": record}
        )
    with gate.together() as transaction, pytest.raises(SealError):
        transaction.text_shown(person, record)


@pytest.mark.parametrize(
    ("born", "today", "served"),
    [
        ("2008-02-29", datetime(2026, 2, 28, 23, 59, tzinfo=UTC), False),
        ("2008-02-29", datetime(2026, 3, 1, tzinfo=UTC), True),
        ("2027-01-01", datetime(2026, 3, 1, tzinfo=UTC), False),
        ("2.1.1990", datetime(2026, 3, 1, tzinfo=UTC), False),
    ],
)
def test_a_birthday_counts_from_its_day_on(
    engine: Engine,
    policy: upheld.Policy,
    keyring: Keyring,
    born: str,
    today: datetime,
    served: bool,
) -> None:
    """On 29 February; in the future or as no date, from before values were read: not of age."""
    clock = Told()
    clock.ahead = today - clock.now()
    gate = Gate(engine, policy, keyring, clock)
    person = gate.enrol()
    field_values = {"birth-date": born}
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr(FieldValues, "normalise", lambda _self, _field, value, _today: value)
        gate.store(person, field_values, source="customer", occasion="registration")
    gate.record(person, "service-order", fact="has-service", valid_from=today - DAY)
    assert gate.peek("serve", person).allowed == served


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("nothing", {}),
        ("consent", {}),
        ("consent", {"about": {**OFFERS, "weather": ["x"]}}),
        ("opt-out", {"about": {"purpose": ["offers"]}}),
        ("service-order", {"fact": "permission"}),
    ],
)
def test_a_record_must_name_its_fact_and_what_that_is_per(
    gate: Gate, person: PersonId, kind: str, more: dict[str, Any]
) -> None:
    """A permission for everything by leaving everything out cannot be written."""
    with pytest.raises(RecordError) as caught:
        gate.record(person, kind, **more)
    assert caught.value.code == "wrong-record"
    with pytest.raises(upheld.RequestError):
        gate.record(person, "consent", about={**OFFERS, "data": ["emial"]})


def test_a_prover_of_ones_own_answers_for_its_kind_once(gate: Gate, person: PersonId) -> None:
    """A practice may know better than a record; two may not."""
    from upheld.gate.evidence.provers import Proof

    with pytest.raises(Refused):
        gate.view(person, ["email"], actor="customer", purpose="service-provision")
    gate.context.provers.add("session", lambda _: Proof(True, ("session-1",)))
    result = gate.view(person, ["email"], actor="customer", purpose="service-provision")
    assert "session-1" in gate.entries(person)[-1].entry.evidence
    assert result.decision.allowed
    with pytest.raises(EvidenceError):
        gate.context.provers.add("session", lambda _: Proof(None))


def test_a_birthday_comes_on_its_day_and_in_leap_years_a_day_late() -> None:
    """Whole years; who was born on 29 February is a year older on 1 March."""
    born = date(2008, 2, 29)
    assert [years(born, date(2026, 2, 28)), years(born, date(2026, 3, 1))] == [17, 18]
    assert years(date(2008, 11, 24), date(2026, 11, 24)) == 18
    assert years(date(2008, 11, 25), date(2026, 11, 24)) == 17
    with pytest.raises(ValueError, match="future"):
        years(date(2027, 1, 1), date(2026, 1, 1))


@given(st.dates(), st.dates())
def test_age_never_falls(born: date, today: date) -> None:
    """A day later nobody is younger."""
    if born <= today < date.max:
        assert 0 <= years(born, today + timedelta(days=1)) - years(born, today) <= 1
