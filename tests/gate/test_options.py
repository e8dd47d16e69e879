"""A call of the gate that is written wrongly says what would be right, whichever face it is."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from upheld.core.dimensions import DIMENSIONS, DimensionOptions
from upheld.core.errors import RequestError
from upheld.core.ids import PersonId
from upheld.gate.act.options import (
    ActOptions,
    NoteOptions,
    OptionError,
    RecordFilter,
    StoreOptions,
)
from upheld.gate.act.request import Act
from upheld.gate.async_gate import AsyncGate
from upheld.gate.gate import Gate
from upheld.gate.transaction import GateTransaction
from upheld.ledger.entries import Entry
from upheld.vault.people import VaultError

FROM: StoreOptions = {"source": "customer", "occasion": "registration"}
STORED = {"name": "Ann Marked"}
WRONG: dict[str, tuple[Callable[[Any, str], Any], str]] = {
    "use": (
        lambda it, p: it.use(p, ["email"], purpos="billing"),
        "use() has no option `purpos`; did you mean `purpose`?",
    ),
    "act": (
        lambda it, p: it.act("use", p, ["email"], entitlde=True),
        "use() has no option `entitlde`; did you mean `entitled`?",
    ),
    "set_cookie": (
        lambda it, p: it.set_cookie(p, ocasion="visit"),
        "set_cookie() has no option `ocasion`; did you mean `occasion`?",
    ),
    "peek": (lambda it, p: it.peek("use", p, ["email"], xyzzy=1), "peek() has no option `xyzzy`"),
    "sweep": (
        lambda it, p: it.sweep("use", [p], ["email"], purpos="billing"),
        "sweep() has no option `purpos`; did you mean `purpose`?",
    ),
    "store": (
        lambda it, p: it.store(p, STORED, source="customer", ocasion="visit"),
        "store() has no option `ocasion`; did you mean `occasion`?",
    ),
    "append": (
        lambda it, p: it.append(p, "transaction", ["1"], source="customer"),
        "append() needs the option `occasion`",
    ),
    "record": (
        lambda it, p: it.record(p, "service-order", facts="has-service"),
        "record() has no option `facts`; did you mean `fact`?",
    ),
    "records_in_force": (
        lambda it, _: it.records_in_force("consent", porpose="offers"),
        "records_in_force() has no option `porpose`; did you mean `purpose`?",
    ),
    "withdraw_all": (
        lambda it, _: it.withdraw_all("consent", untill=None),
        "withdraw_all() has no option `untill`; did you mean `until`?",
    ),
}


def asked_of(face: AsyncGate, call: Callable[[Any, str], Any], person: PersonId) -> None:
    """Ask a gate for asyncio."""

    async def ask() -> None:
        await call(face, person)

    asyncio.run(ask())


@pytest.mark.parametrize("name", WRONG)
def test_a_misspelt_option_names_the_right_one(gate: Gate, person: PersonId, name: str) -> None:
    """The gate and the gate for asyncio say which call has no such option, and leave no entry."""
    call, message = WRONG[name]
    before = len(gate.entries(person))
    with pytest.raises(OptionError) as waited:
        call(gate, person)
    with pytest.raises(OptionError) as awaited:
        asked_of(AsyncGate(gate), call, person)
    assert (str(waited.value), str(awaited.value)) == (f"Gate.{message}", f"AsyncGate.{message}")
    assert isinstance(waited.value, TypeError)
    assert waited.value.code == "option"
    assert len(gate.entries(person)) == before


@pytest.mark.parametrize("name", ["store", "append", "record", "records_in_force", "withdraw_all"])
def test_a_transaction_says_so_too(gate: Gate, person: PersonId, name: str) -> None:
    """A transaction takes the options of the gate, and names itself."""
    call, message = WRONG[name]
    with gate.together() as transaction, pytest.raises(OptionError) as caught:
        call(transaction, person)
    assert str(caught.value) == f"Transaction.{message}"


def test_an_entry_of_a_practice_has_no_key_of_its_own(gate: Gate, person: PersonId) -> None:
    """A note with a key that no entry has names the one that was meant."""
    with gate.together() as transaction, pytest.raises(OptionError, match="did you mean `actor`"):
        transaction.note(person, "acceptance", aktor="customer")  # type: ignore[call-arg] # misspelt on purpose


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (
            lambda it, p: it.use(p, "email", purpose="billing"),
            "`data` must be a list of field names",
        ),
        (lambda it, p: it.peek("use", p, "email", purpose="billing"), "`data` must be a list"),
        (lambda it, p: it.sweep("use", p, ["email"], purpose="billing"), "`person_ids` must be a"),
        (lambda it, p: it.append(p, "transaction", "12", **FROM), "`rows` must be a list of rows"),
        (lambda it, p: it.drop(p, "email"), "`fields` must be a list of field names"),
    ],
    ids=["use", "peek", "sweep", "append", "drop"],
)
def test_one_string_in_place_of_a_list_is_told(
    gate: Gate, person: PersonId, call: Callable[[Any, str], Any], what: str
) -> None:
    """A string is not taken apart into its letters, and nothing is done."""
    before = len(gate.entries(person))
    for ask in (lambda: call(gate, person), lambda: asked_of(AsyncGate(gate), call, person)):
        with pytest.raises(RequestError, match=what) as caught:
            ask()
        assert caught.value.code == "wrong-type"
    assert len(gate.entries(person)) == before


def test_an_unknown_field_names_the_nearest(gate: Gate, person: PersonId) -> None:
    """A word for several fields says that it is one, and a word of nobody is only not known."""
    for word, message in (
        ("emial", "unknown field `emial`; did you mean `email`?"),
        ("xyzzyx", "unknown field `xyzzyx`"),
        ("contact-details", "`contact-details` stands for several fields"),
    ):
        with pytest.raises(RequestError) as caught:
            gate.use(person, [word], purpose="billing")
        assert str(caught.value) == message


def test_an_act_with_one_string_of_data_is_told_in_a_transaction(
    gate: Gate, person: PersonId
) -> None:
    """An act that is made by hand is looked at too."""
    gate.use(person, ["email"], purpose="billing")  # so that the question is known already
    act = Act(action="use", data="email", purpose="billing")  # type: ignore[arg-type] # wrong on purpose
    with gate.together() as transaction, pytest.raises(RequestError, match="must be a list"):
        transaction.act(act, person)


def test_an_unknown_person_is_named_by_their_id_alone(gate: Gate, person: PersonId) -> None:
    """An id of nobody is quoted; an address that was given in its place is not."""
    nobody = "0" * 32
    for ask in (
        lambda whose: gate.use(whose, ["email"], purpose="billing"),
        lambda whose: gate.sweep("use", [person, whose], ["email"], purpose="billing"),
        lambda whose: gate.record(whose, "service-order", fact="has-service"),
        lambda whose: gate.store(whose, STORED, **FROM),
    ):
        with pytest.raises(VaultError, match=f"no person with id `{nobody}`"):
            ask(nobody)
        with pytest.raises(VaultError) as caught:
            ask("ann@marked.example")
        assert (str(caught.value), caught.value.code) == ("no person with this id", "no-person")
        assert "ann" not in caught.value.hint


def test_the_options_are_those_of_what_they_become() -> None:
    """What a type checker is told has every dimension, and nothing that an act or entry has not."""
    acts = set(Act.__struct_fields__) - {"action", "data"}
    assert set(ActOptions.__annotations__) == acts
    assert set(RecordFilter.__annotations__) == {"fact", "party", "person_id", *DIMENSIONS}
    assert set(NoteOptions.__annotations__) <= set(Entry.__struct_fields__)
    assert set(DIMENSIONS) <= set(NoteOptions.__annotations__)
    assert set(DimensionOptions.__annotations__) == set(DIMENSIONS) - {"data"}
    assert {"source", "occasion"} == StoreOptions.__required_keys__


def test_the_faces_of_the_gate_are_called_alike() -> None:
    """What both gates do takes the same of both, and what a transaction records the same again."""
    names = {
        name
        for name, _ in inspect.getmembers(Gate, inspect.isfunction)
        if not name.startswith("_") and inspect.iscoroutinefunction(getattr(AsyncGate, name, None))
    }
    assert {"act", "peek", "store", "append", "record", "withdraw"} <= names
    for name in names:
        faces = [inspect.signature(getattr(face, name)) for face in (Gate, AsyncGate)]
        assert faces[0] == faces[1], name
    for name in ("store", "append", "record", "withdraw", "withdraw_all", "records_in_force"):
        faces = [inspect.signature(getattr(face, name)) for face in (Gate, GateTransaction)]
        assert faces[0].parameters == faces[1].parameters, name
