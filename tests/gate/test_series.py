"""Series of rows, fields made of others, provers that read fields, and decisions looked at."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from gate.conftest import Told, customer
from gate.test_faults import flipped, problems
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.transaction import reading, writing
from upheld.gate.act.options import ActOptions
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.derived_fields import DerivedError, ReadRows
from upheld.gate.evidence.provers import Proof, ProofQuestion
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.vault.envelope import SealError
from upheld.vault.people import VaultError

DAY = timedelta(days=1)


def spent(gate: Gate, person: PersonId, *new_rows: str) -> None:
    """Add transactions to somebody's series."""
    gate.append(person, "transaction", new_rows, source="customer", occasion="service-use")


def seen(gate: Gate, person: PersonId) -> list[str]:
    """The transactions that are held of somebody."""
    result = gate.use(person, ["transaction"], purpose="service-improvement")
    return [value.value for value in result.series("transaction")]


def change(gate: Gate, statement: str, **values_told: object) -> None:
    """Change something past the gate."""
    with writing(gate.engine) as connection:
        connection.execute(text(statement), values_told)


def test_a_series_grows_and_every_row_is_current(gate: Gate, person: PersonId) -> None:
    """The value of a series is its latest row, and each row has its own origin and number."""
    spent(gate, person, "3.00", "4.00")
    spent(gate, person, "5.00")
    result = gate.use(person, ["transaction", "email"], purpose="fraud-detection")
    assert result["transaction"] == "5.00"
    assert [(v.value, v.revision) for v in result.series("transaction")] == [
        ("3.00", 1),
        ("4.00", 2),
        ("5.00", 3),
    ]
    assert result.values["transaction"].origin.clause == "transactions"
    assert [value.value for value in result.series("email")] == [result["email"]]
    assert result.series("name") == ()
    swept = gate.sweep("use", [person, customer(gate)], ["transaction"], purpose="billing")
    assert all(isinstance(each, Refused) for each in swept.values())
    swept = gate.sweep("use", [person], ["transaction"], purpose="fraud-detection")
    assert len(swept[person].series("transaction")) == 3  # type: ignore[union-attr] # it is given
    assert problems(gate) == ()


def test_rows_come_in_only_where_values_would_and_with_their_entries(
    gate: Gate, person: PersonId
) -> None:
    """What may not be collected there, or not be stored, is refused with one entry."""
    with pytest.raises(Refused):
        gate.append(person, "transaction", ["1"], source="advertiser", occasion="visit")
    with pytest.raises(Refused):
        gate.append(person, "ad-interaction", ["1"], source="customer", occasion="ad-view")
    before = len(gate.entries(person))
    spent(gate, person, "1", "2")
    new = gate.entries(person)[before:]
    assert [(stored.entry.action, len(stored.entry.values)) for stored in new] == [
        ("collect", 0),
        ("store", 1),
    ]


def test_a_field_is_a_series_or_has_one_value(gate: Gate, person: PersonId) -> None:
    """Whichever came first; what people are found by is never a series."""
    spent(gate, person, "1")
    gate.store(person, {"usage": "1"}, source="customer", occasion="service-use")
    field_values = {"transaction": "2"}
    with pytest.raises(VaultError) as stored:
        gate.store(person, field_values, source="customer", occasion="service-use")
    with pytest.raises(VaultError) as appended:
        gate.append(person, "usage", ["2"], source="customer", occasion="service-use")
    adult = gate.enrol()
    born = {"birth-date": "1990-01-01"}
    gate.store(adult, born, source="customer", occasion="registration")
    with pytest.raises(VaultError) as found_by:
        gate.append(adult, "email", ["a@b.org"], source="customer", occasion="registration")
    assert {each.value.code for each in (stored, appended, found_by)} == {"series"}
    assert seen(gate, person) == ["1"]
    assert problems(gate) == ()


ROW = "WHERE field = 'transaction' AND revision = "
SWAPPED = (
    f"UPDATE value SET sealed = (SELECT sealed FROM value v WHERE v.field = 'transaction' AND"
    f" v.revision = 1) {ROW} 2"
)
ADDED = (
    "INSERT INTO value SELECT person_id, field, 4, sealed, origin, occasion, clause, at,"
    f" public_source, current FROM value {ROW} 3"
)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (f"DELETE FROM value {ROW} 2", "row 2 of"),
        (f"DELETE FROM value {ROW} 3", "row 3 of"),
        (f"UPDATE value SET revision = 9 {ROW} 2", "row 2 of"),
        (f"UPDATE value SET current = :no {ROW} 1", "row 1 of"),
        (f"UPDATE value SET at = at - 1 {ROW} 1", "row 1 of"),
        (SWAPPED, "row 2 of"),
        (ADDED, "row 4 of"),
    ],
)
def test_a_row_that_is_missing_moved_or_added_is_named_and_the_rest_is_read(
    gate: Gate, person: PersonId, statement: str, named: str
) -> None:
    """A changed series costs the other fields nothing."""
    spent(gate, person, "1", "2", "3")
    change(gate, statement, **({"no": False} if ":no" in statement else {}))
    with pytest.raises(SealError, match=f"{named} `transaction`"):
        seen(gate, person)
    assert any(f"{named} `transaction`" in each for each in problems(gate))
    assert gate.use(person, ["email"], purpose="billing")["email"]


def test_a_flipped_byte_of_a_row_is_named(gate: Gate, person: PersonId) -> None:
    """Whichever byte of whichever row: no wrong value is given."""
    spent(gate, person, "1", "2")
    with reading(gate.engine) as connection:
        query = "SELECT revision, sealed FROM value WHERE field = 'transaction' ORDER BY revision"
        table_rows = rows(connection, query)
    put = "UPDATE value SET sealed = :raw WHERE field = 'transaction' AND revision = :number"
    for number, raw in table_rows:
        for at in range(0, len(raw), 5):
            change(gate, put, raw=flipped(bytes(raw), at), number=number)
            with pytest.raises(SealError, match=f"row {number} of"):
                seen(gate, person)
        change(gate, put, raw=bytes(raw), number=number)
    assert seen(gate, person) == ["1", "2"]


def test_an_old_row_that_was_put_back_is_found(gate: Gate, person: PersonId) -> None:
    """A deleted row, and a whole series as it was before with its list of holdings."""
    state = "SELECT * FROM value WHERE field = 'transaction' ORDER BY revision"
    spent(gate, person, "1", "2")
    with reading(gate.engine) as connection:
        old = rows(connection, state)
        (holding,) = rows(connection, "SELECT holdings FROM person WHERE person_id = ?", person)
    with gate.together() as transaction:
        later = gate.context.clock.now() + DAY
        assert transaction.forget_rows(person, "transaction", later) == 2
    marks = ", ".join(f":v{n}" for n in range(len(old[0])))
    put = f"INSERT INTO value VALUES ({marks})"
    change(gate, put, **{f"v{n}": value for n, value in enumerate(old[1])})
    with pytest.raises(SealError, match="row 2 of"):
        seen(gate, person)
    change(gate, put, **{f"v{n}": value for n, value in enumerate(old[0])})
    change(
        gate, "UPDATE person SET holdings = :held WHERE person_id = :me", held=holding[0], me=person
    )
    assert any("not what the entries say" in problem for problem in problems(gate))


def test_rows_that_are_older_than_a_moment_are_forgotten_with_an_entry(
    gate: Gate, person: PersonId
) -> None:
    """The rest stays whole, numbers go on, and nothing to forget is no entry."""
    clock = Told()
    gate.context = gate.context.by(clock)
    spent(gate, person, "1", "2")
    moment = clock.now()
    clock.ahead = timedelta(minutes=5)
    spent(gate, person, "3")
    before = len(gate.entries(person))
    with gate.together() as transaction:
        until = moment + timedelta(minutes=1)
        assert transaction.forget_rows(person, "transaction", until) == 2
        assert transaction.forget_rows(person, "transaction", until) == 0
        assert transaction.forget_rows(person, "usage", until) == 0
        with pytest.raises(VaultError):
            transaction.forget_rows(person, "email", until)
    (entry,) = [stored.entry for stored in gate.entries(person)[before:]]
    assert (entry.kind, entry.data) == ("retention", ("transaction",))
    assert seen(gate, person) == ["3"]
    assert problems(gate) == ()
    with gate.together() as transaction:
        assert transaction.forget_rows(person, "transaction", clock.now() + DAY) == 1
    assert seen(gate, person) == []
    spent(gate, person, "4")
    result = gate.use(person, ["transaction"], purpose="fraud-detection")
    assert [(v.value, v.revision) for v in result.series("transaction")] == [("4", 4)]
    assert problems(gate) == ()


def total(read: ReadRows) -> str | None:
    """What somebody has spent, if anything."""
    result = read("transaction")
    return f"{sum(float(value.value) for value in result):.2f}" if result else None


def test_a_derived_field_is_made_in_the_act_and_decided_on_its_own_word(
    gate: Gate, person: PersonId
) -> None:
    """The balance is handed out where the transactions that it is made of are not."""
    gate.context.derived.add("balance", ("transaction",), total)
    assert gate.use(person, ["balance"], purpose="billing").values == {}
    spent(gate, person, "3.00", "4.50")
    result = gate.use(person, ["balance", "email"], purpose="billing")
    assert (result["balance"], result.values["balance"].origin.origin) == ("7.50", "derived")
    with pytest.raises(Refused):
        gate.use(person, ["transaction"], purpose="billing")
    with pytest.raises(Refused):
        gate.use(person, ["balance"], purpose="advertising")
    with pytest.raises(DerivedError):
        gate.store(person, {"balance": "0"}, source="customer", occasion="service-use")
    with pytest.raises(DerivedError):
        gate.append(person, "balance", ["0"], source="customer", occasion="service-use")
    with pytest.raises(DerivedError), gate.together() as transaction:
        transaction.bring(person, {"balance": "0"})
    with reading(gate.engine) as connection:
        assert rows(connection, "SELECT 1 FROM value WHERE field = 'balance'") == []


def test_a_derived_field_is_made_of_stored_ones_that_it_names(gate: Gate, person: PersonId) -> None:
    """What reads more than it said, or is made twice or in a circle, is an error."""
    derived = gate.context.derived
    derived.add("balance", ("transaction",), total)
    for field, reads in (
        ("balance", ()),
        ("usage", ("balance",)),
        ("transaction", ("email",)),
        ("services", ("services",)),
    ):
        with pytest.raises(DerivedError):
            derived.add(field, reads, total)
    derived.add("payment-history", ("usage",), total)
    with pytest.raises(DerivedError, match="without having said so"):
        gate.use(person, ["payment-history"], purpose="billing")


def test_a_prover_reads_the_fields_that_it_names(gate: Gate, person: PersonId) -> None:
    """A debt is proven by what was spent, stored or derived, and by nothing that was not named."""

    def owes(question: ProofQuestion) -> Proof:
        balance = question.read("balance")
        assert (balance is None) == (question.series("transaction") == ())
        return Proof(balance is not None and float(balance) > 0, ("balance",))

    gate.context.derived.add("balance", ("transaction",), total)
    gate.context.provers.add("invoice", owes, reads=("balance", "transaction"), records=False)
    words = {"purpose": "debt-collection"}
    with pytest.raises(Refused):
        gate.use(person, ["name"], **words)
    spent(gate, person, "3.00")
    assert gate.use(person, ["name"], **words)["name"]
    assert "balance" in gate.entries(person)[-1].entry.evidence
    gate.context.provers.add("session", lambda question: Proof(bool(question.read("email"))))
    with pytest.raises(DerivedError, match="without having said so"):
        gate.view(person, ["email"], actor="customer", purpose="service-provision")


def test_a_decision_can_be_looked_at_without_an_act(gate: Gate, person: PersonId) -> None:
    """Whoever is entitled sees why not; nothing is noted, and no value comes out."""
    before = len(gate.entries(person))
    words: ActOptions = {
        "recipient": "business-partner",
        "purpose": "offers",
        "occasion": "other",
    }
    result = gate.peek("share", person, ["email"], **words)
    assert (result.outcome, result.prove) == ("needs-proof", (("permission",),))
    assert gate.peek("use", person, ["email"], purpose="billing").allowed
    with gate.together() as transaction:
        assert transaction.peek(person, Act(action="serve")).allowed
    gate.record(person, "invoice", fact="amount-due")
    gate.record(REGISTER, "engagement", about={"recipient": ["collection-agent"]}, party="acme")
    result = gate.peek(
        "share",
        person,
        ["name"],
        recipient="collection-agent",
        party="acme",
        purpose="debt-collection",
        occasion="other",
    )
    assert (result.outcome, result.code.split()[0]) == ("error", "duty")
    assert len(gate.entries(person)) == before + 1
    with pytest.raises(VaultError):
        gate.peek("serve", PersonId("nobody"))
