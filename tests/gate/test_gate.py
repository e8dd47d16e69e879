"""The gate: what the policy allows is done and recorded, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine, text

import upheld
from gate.conftest import TOLD, customer
from practices.without import without
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.transaction import reading, writing
from upheld.gate.act.duties import DutyContext, DutyError, nothing_more
from upheld.gate.act.execution import Outcome
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.evidence.provers import Proof, ProofQuestion
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.policy.request import Duty
from upheld.vault.keyring import Keyring
from upheld.vault.people import VaultError

OFFERS = {"data": ["email"], "purpose": ["offers"], "recipient": ["business-partner"]}
TO_PARTNER = {"recipient": "business-partner", "purpose": "offers", "occasion": "other"}


def kinds(gate: Gate, person_id: PersonId) -> list[tuple[str, str]]:
    """The kind and action of each entry about a person."""
    return [(stored.entry.kind, stored.entry.action) for stored in gate.entries(person_id)]


def test_an_allowed_act_gives_values_with_its_clause_and_its_entry(
    gate: Gate, person: PersonId
) -> None:
    """What is handed out stands in the entry that comes with it."""
    result = gate.use(person, ["email"], purpose="billing")
    assert result["email"] == TOLD["email"]
    last = gate.entries(person)[-1]
    assert (last.number, last.entry.clauses) == (result.entry, ("billing-use",))
    assert (last.entry.data, last.entry.purpose) == (("email",), "billing")
    assert last.entry.policy == gate.context.policy.digest
    origin = result.values["email"].origin
    assert (origin.origin, origin.occasion, origin.clause) == (
        "customer",
        "registration",
        "registration",
    )


def test_a_refusal_is_an_entry_and_tells_its_caller_one_sentence(
    gate: Gate, person: PersonId
) -> None:
    """Who is not entitled hears the same whatever the reason."""
    with pytest.raises(Refused) as caught:
        gate.share(person, ["email"], recipient="advertiser", purpose="advertising")
    assert (str(caught.value), caught.value.decision) == ("this is not allowed", None)
    last = gate.entries(person)[-1]
    assert (last.number, last.entry.kind) == (caught.value.entry, "refusal")
    with pytest.raises(Refused) as entitled:
        gate.share(person, ["email"], entitled=True, **TO_PARTNER)
    assert entitled.value.decision is not None
    assert "permission" in entitled.value.why


def test_acts_under_two_policies_at_once_obey_their_own(gate: Gate, person: PersonId) -> None:
    """While one takes another's place, nothing that was worked out under it is left to that one."""
    other = without("billing-use")
    before = gate.context
    after = before.under(other)
    for _ in range(2):
        gate.context = before
        assert gate.use(person, ["email"], purpose="billing").decision.allowed
        gate.context = after
        with pytest.raises(Refused):
            gate.use(person, ["email"], purpose="billing")
        assert gate.entries(person)[-1].entry.policy == other.digest


def test_several_fields_are_all_or_nothing_unless_part_is_asked_for(
    gate: Gate, person: PersonId
) -> None:
    """One field that may not be shared holds all back; with `partial` it is named."""
    gate.record(person, "consent", about=OFFERS)
    with pytest.raises(Refused):
        gate.share(person, ["email", "phone"], **TO_PARTNER)
    result = gate.share(person, ["email", "phone"], partial=True, **TO_PARTNER)
    assert (list(result.values), result.refused) == (["email"], ("phone",))
    with pytest.raises(Refused):
        gate.share(person, ["phone", "name"], partial=True, **TO_PARTNER)


def test_a_value_is_stored_only_if_it_may_come_in_and_be_kept(gate: Gate, person: PersonId) -> None:
    """What the policy lets in at registration it does not let in on a visit."""
    with pytest.raises(Refused):
        gate.store(person, {"occupation": "smith"}, source="browser", occasion="visit")
    with pytest.raises(Refused):
        gate.store(person, {"usage": "x"}, source="customer", occasion="registration")
    gate.store(person, {"occupation": "smith"}, source="customer", occasion="registration")
    again = gate.store(person, {"occupation": "baker"}, source="customer", occasion="registration")
    assert again.values == {}
    result = gate.use(person, ["occupation"], purpose="service-provision")
    assert (result["occupation"], result.values["occupation"].revision) == ("baker", 2)


def test_a_sweep_gives_each_person_their_own_and_shares_entries(gate: Gate) -> None:
    """People with the same outcome on the same grounds are in one entry, which all of them see."""
    people = [customer(gate) for _ in range(5)]
    gate.record(people[0], "opt-out", fact="opted-out", about={"purpose": ["offers"]})
    result = gate.sweep("use", people, ["email"], purpose="offers")
    assert isinstance(result[people[0]], Refused)
    assert all(isinstance(result[each], ActResult) for each in people[1:])
    numbers = {result[each].entry for each in people[1:]}
    assert len(numbers) == 1
    for each in people[1:]:
        last = gate.entries(each)[-1]
        assert last.entry.batch is not None
        assert ({last.number}, last.entry.batch.count) == (numbers, 4)
    with pytest.raises(VaultError):
        gate.sweep("use", [*people, PersonId("nobody")], ["email"], purpose="billing")


def test_an_act_on_each_of_some_people_comes_to_what_it_does_alone(gate: Gate) -> None:
    """Each has an entry of their own, on their own evidence; with one who is not there, nobody."""
    people = [customer(gate) for _ in range(4)]
    gate.record(people[0], "opt-out", fact="opted-out", about={"purpose": ["offers"]})
    act = Act(action="use", data=("email", "phone"), purpose="offers", partial=True)

    def results_of(outcomes: Sequence[Outcome]) -> list[tuple[object, ...]]:
        last = [gate.entries(each)[-1] for each in people]
        assert [each.number for each in last] == [each.entry for each in outcomes]
        return [
            (
                isinstance(outcome, Refused),
                {} if isinstance(outcome, Refused) else dict(outcome.values),
                each.entry.clauses,
                each.entry.evidence,
                each.entry.data,
                each.entry.batch,
            )
            for outcome, each in zip(outcomes, last, strict=True)
        ]

    with gate.together() as transaction:
        alone = [transaction.act(act, each, entitled=True) for each in people]
    before = results_of(alone)
    with gate.together() as transaction:
        outcomes = transaction.act_each(act, people, entitled=True)
        assert transaction.act_each(act, []) == {}
    assert results_of([outcomes[each] for each in people]) == before
    assert len({each.entry for each in outcomes.values()}) == len(people)
    with pytest.raises(VaultError), gate.together() as transaction:
        transaction.act_each(act, [*people, PersonId("nobody")])
    assert [gate.entries(each)[-1].number for each in people] == [
        outcomes[each].entry for each in people
    ]


def test_what_is_held_of_each_and_who_was_erased_is_told_of_many_as_of_one(gate: Gate) -> None:
    """Of somebody who is not there nothing is held, and that is an error."""
    people = [customer(gate) for _ in range(3)]
    gate.record(people[1], "request", fact="erasure-requested", how="erasure")
    with gate.together() as transaction:
        many = transaction.held_fields_each(people)
        assert many == {each: transaction.held_fields(each) for each in people}
        assert "email" in many[people[0]]
        assert transaction.erased_among(people) == {people[1]}
        assert [transaction.is_erased(each) for each in people] == [False, True, False]
        assert transaction.erased_among([]) == set()
        assert transaction.record_each([], "request", fact="erasure-requested") == {}
        transaction.withdraw_each({})
        with pytest.raises(VaultError):
            transaction.held_fields_each([people[0], PersonId("nobody")])


def test_a_child_is_not_served_and_an_adult_is(gate: Gate) -> None:
    """The age comes from the birth date in the vault."""
    assert gate.act("serve", customer(gate)).decision.allowed
    child = gate.enrol()
    gate.store(child, {"birth-date": "2020-01-01"}, source="customer", occasion="registration")
    with pytest.raises(Refused):
        gate.act("serve", child)
    with pytest.raises(Refused):
        gate.store(child, {"name": "Bo"}, source="customer", occasion="registration")


def test_an_act_whose_duty_nobody_carries_out_is_refused(gate: Gate, person: PersonId) -> None:
    """A part of the program that carries it out makes it possible, in the same transaction."""
    gate.record(person, "invoice", fact="amount-due")
    gate.record(REGISTER, "engagement", about={"recipient": ["collection-agent"]}, party="acme")
    words = {
        "recipient": "collection-agent",
        "purpose": "debt-collection",
        "party": "acme",
        "occasion": "other",
        "entitled": True,
    }
    with pytest.raises(Refused, match="not allowed") as caught:
        gate.share(person, ["name"], **words)
    assert caught.value.decision is not None
    assert caught.value.decision.allowed
    missing = caught.value.why.removeprefix("duty ").split(", ")
    seen: list[str] = []

    def carry(carrying: DutyContext, duty: Duty) -> None:
        assert rows(carrying.connection, "SELECT 1 FROM entry WHERE number = ?", carrying.entry)
        seen.append(duty.duty)

    for duty in missing:
        gate.context.duty_handlers.add(duty, carry)
    assert gate.share(person, ["name"], **words)["name"] == TOLD["name"]
    assert sorted(seen) == sorted(missing)
    with pytest.raises(DutyError):
        gate.context.duty_handlers.add(missing[0], carry)


def test_whatever_is_added_counts_from_the_next_act_on(engine: Engine, keyring: Keyring) -> None:
    """A derived field, a prover and a carrier: what was worked out without them is given up."""
    text = (
        "---\npolicy: A\n---\n\nWe bill you. {#bills}\n\n```rule\n"
        "may collect email, name from customer at registration\nmay store email, name\n"
        "may use balance for billing\nmay use name for billing when signed-in\n"
        "may use email for billing with reduced\n```\n"
    )
    gate = Gate(engine, upheld.load_text(text), keyring)
    person = gate.enrol()
    gate.store(
        person, {"email": "7@x.org", "name": "Ann"}, source="customer", occasion="registration"
    )
    assert gate.use(person, ["balance"], purpose="billing").values == {}
    gate.context.derived.add("balance", ("email",), lambda read: read("email")[0].value)
    assert gate.use(person, ["balance"], purpose="billing")["balance"] == "7@x.org"

    def proven(question: ProofQuestion) -> Proof:
        return Proof(question.read("email") is not None)

    house = gate.context
    later: dict[str, Callable[[], None]] = {
        "name": lambda: house.provers.add("session", proven, reads=("email",)),
        "email": lambda: house.duty_handlers.add("reduced", nothing_more),
    }
    for field, add in later.items():
        with pytest.raises(Refused):
            gate.use(person, [field], purpose="billing")
        add()
        assert gate.use(person, [field], purpose="billing")[field]


def test_what_is_to_be_deleted_later_and_what_is_owed_become_items(
    gate: Gate, person: PersonId
) -> None:
    """Items name the person, the clause and the day."""
    gate.store(person, {"transaction": "t1"}, source="customer", occasion="service-use")
    gate.record(person, "request", fact="access-requested")
    gate.act("answer-access", person)
    with reading(gate.engine) as connection:
        table_rows = rows(
            connection, "SELECT kind, clause, due FROM item WHERE person_id = ?", person
        )
    assert {"delete", "owed"} <= {kind for kind, _, _ in table_rows}
    assert all(due for kind, _, due in table_rows if kind == "delete")


def test_acts_that_share_a_transaction_are_kept_or_undone_together(
    gate: Gate, person: PersonId
) -> None:
    """A block that raises leaves neither entry nor value."""
    before = kinds(gate, person)
    with pytest.raises(KeyError), gate.together() as transaction:
        transaction.store(person, {"zip": "1"}, source="customer", occasion="registration")
        transaction.record(person, "opt-out", fact="opted-out", about={"purpose": ["offers"]})
        raise KeyError
    assert kinds(gate, person) == before
    with gate.together() as transaction:
        transaction.store(person, {"zip": "1"}, source="customer", occasion="registration")
        transaction.record(person, "opt-out", fact="opted-out", about={"purpose": ["offers"]})
    assert len(kinds(gate, person)) == len(before) + 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("use", ["emial"], {"purpose": "billing"}), "unknown-term"),
        (("use", ["contact-details"], {"purpose": "billing"}), "unknown-term"),
        (("use", ["email"], {"purpose": "nothing"}), "unknown-term"),
        (("ues", ["email"], {}), "unknown-action"),
        (("serve", ["email"], {}), "wrong-dimension"),
    ],
)
def test_what_cannot_be_asked_is_an_error_and_no_entry(
    gate: Gate, person: PersonId, words: tuple[str, list[str], dict[str, Any]], code: str
) -> None:
    """An unknown word is the caller's mistake."""
    before = kinds(gate, person)
    action, data, more = words
    with pytest.raises(upheld.RequestError) as caught:
        gate.act(action, person, data, **more)
    assert caught.value.code == code
    assert kinds(gate, person) == before


def test_nobody_who_is_not_there_is_acted_on(gate: Gate) -> None:
    """An unknown id is told without an entry."""
    for person_id in ("nobody", ""):
        with pytest.raises(VaultError) as caught:
            gate.use(person_id, ["email"], purpose="billing")
        assert caught.value.code == "no-person"


def test_people_are_found_however_their_address_is_written(gate: Gate, person: PersonId) -> None:
    """By e-mail and phone, through keyed hashes alone."""
    assert gate.find("email", " ANN@Marked.example ") == [person]
    assert gate.find("phone", "+1 (555) 010-0100") == [person]
    assert gate.find("email", "ann@marked.exampl") == []
    with pytest.raises(upheld.RequestError):
        gate.find("name", "Ann")
    gate.store(person, {"email": "new@x.org"}, source="customer", occasion="registration")
    assert gate.find("email", TOLD["email"]) == []
    assert gate.find("email", "new@x.org") == [person]


def test_entries_are_numbered_without_a_gap_and_never_changed(gate: Gate, person: PersonId) -> None:
    """A changed or missing entry is found by its number."""
    from upheld.gate.log.entries import damaged

    gate.use(person, ["email"], purpose="billing")
    with reading(gate.engine) as connection:
        assert damaged(connection) == []
    with writing(gate.engine) as connection:
        connection.execute(text("DELETE FROM entry WHERE number = 2"))
        connection.execute(text("UPDATE entry SET body = salt WHERE number = 4"))
        connection.execute(text("UPDATE entry SET at = at + 1 WHERE number = 5"))
        connection.execute(text("UPDATE entry SET person_id = NULL WHERE number = 6"))
    with reading(gate.engine) as connection:
        assert damaged(connection) == [2, 4, 5, 6]
