"""A made-up history of the gate against the plainest model of it, on SQLite."""

from __future__ import annotations

import os
import tempfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

import upheld
from gate.test_faults import problems
from sizes import size
from upheld.core.ids import PersonId, RecordId
from upheld.demo import sample_policy
from upheld.gate.act.request import Refused
from upheld.gate.async_gate import open_gate_sync
from upheld.gate.evidence.field_values import FieldValueError, canonical
from upheld.vault.keyring import KeyFile, Keyring

POLICY = upheld.load(sample_policy())
PURPOSES = st.sampled_from(["offers", "partner-marketing"])
FIELDS = st.sampled_from(["email", "name", "zip"])
VALUES = st.one_of(st.text(max_size=80), st.sampled_from(["ada@model.example", "Bo", "98045"]))
DAY = date(2026, 3, 11)  # no value of these fields rests on it
HISTORIES = size("histories of the gate", short=12, long=200)


class Gates(RuleBasedStateMachine):
    """People, values, permissions and opt-outs in dictionaries, and the same behind the gate."""

    people = Bundle("people")
    permissions = Bundle("permissions")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        home = Path(self.folder.name)
        (home / "master").write_bytes(os.urandom(32))
        (home / "master").chmod(0o600)
        keys = Keyring.create(home / "keyring", KeyFile(home / "master"))
        self.gate = open_gate_sync(f"sqlite:///{home}/upheld.db", policy=POLICY, keys=keys)
        self.held: dict[str, dict[str, str]] = {}
        self.rows: dict[str, list[str]] = {}
        self.given: dict[str, tuple[str, str, str]] = {}
        self.noted: dict[PersonId, int] = {}

    @rule(target=people)
    def enrol(self) -> str:
        """Somebody signs up."""
        person = self.gate.enrol()
        self.gate.store(
            person, {"birth-date": "1980-01-01"}, source="customer", occasion="registration"
        )
        self.held[person] = {}
        self.rows[person] = []
        self.noted[person] = 3
        return person

    @rule(person=people, field=FIELDS, value=VALUES)
    def store(self, person: PersonId, field: str, value: str) -> None:
        """They tell a value, or change one; what its field cannot have changes nothing."""
        try:
            self.gate.store(person, {field: value}, source="customer", occasion="registration")
        except FieldValueError:
            with pytest.raises(ValueError, match=r"."):
                canonical(field, value, today=DAY)
            return
        self.held[person][field] = canonical(field, value, today=DAY)
        self.noted[person] += 2

    @rule(person=people, told=st.lists(st.text(max_size=40), max_size=3))
    def append(self, person: PersonId, told: list[str]) -> None:
        """They buy something, or several things."""
        self.gate.append(person, "transaction", told, source="customer", occasion="service-use")
        self.rows[person] += told
        self.noted[person] += 2

    @rule(person=people)
    def forget(self, person: PersonId) -> None:
        """What they bought until now is forgotten."""
        with self.gate.together() as transaction:
            until = self.gate.context.clock.now() + timedelta(seconds=1)
            count = transaction.forget_rows(person, "transaction", until)
        assert count == len(self.rows[person])
        self.rows[person] = []
        self.noted[person] += count > 0

    @rule(person=people)
    def look(self, person: PersonId) -> None:
        """All that they bought is there, in its order, and no more."""
        result = self.gate.use(person, ["transaction"], purpose="service-improvement")
        assert [value.value for value in result.series("transaction")] == self.rows[person]
        self.noted[person] += 1

    @rule(target=permissions, person=people, field=FIELDS, purpose=PURPOSES)
    def permit(self, person: PersonId, field: str, purpose: str) -> tuple[PersonId, RecordId]:
        """They permit one thing."""
        record = self.gate.record(
            person,
            "consent",
            about={
                "data": [field],
                "purpose": [purpose],
                "recipient": ["business-partner"],
            },
        )
        self.given[record] = (person, field, purpose)
        self.noted[person] += 1
        return person, record

    @rule(permission=permissions)
    def withdraw(self, permission: tuple[PersonId, RecordId]) -> None:
        """They withdraw what they permitted; all that speaks of the same goes with it."""
        person, record = permission
        self.gate.withdraw(person, record)
        self.noted[person] += 1
        self.given.pop(record, None)

    @rule(person=people, fields=st.lists(FIELDS, min_size=1, unique=True), purpose=PURPOSES)
    def share(self, person: PersonId, fields: list[str], purpose: str) -> None:
        """A partner gets what was permitted, and nothing where one of the fields was not."""
        permitted = all((person, field, purpose) in self.given.values() for field in fields)
        self.noted[person] += 1
        try:
            result = self.gate.share(
                person, fields, recipient="business-partner", purpose=purpose, occasion="other"
            )
        except Refused:
            # A withdrawal of one of two permissions for the same may withdraw both: that is safe.
            return
        assert permitted
        field_values = {field: value.value for field, value in result.values.items()}
        assert field_values == {f: self.held[person][f] for f in fields if f in self.held[person]}

    @rule(person=people, fields=st.lists(FIELDS, min_size=1, unique=True))
    def use(self, person: PersonId, fields: list[str]) -> None:
        """The provider uses what is held, and gets what was last told."""
        result = self.gate.use(person, fields, purpose="fraud-detection")
        self.noted[person] += 1
        field_values = {field: value.value for field, value in result.values.items()}
        assert field_values == {f: self.held[person][f] for f in fields if f in self.held[person]}

    @invariant()
    def every_act_has_its_entry(self) -> None:
        """Nothing happens without an entry, and no entry comes from nothing."""
        for person, count in self.noted.items():
            assert len(self.gate.entries(person)) == count

    def teardown(self) -> None:
        """Everything is whole at the end."""
        assert problems(self.gate) == ()
        self.gate.engine.dispose()
        self.folder.cleanup()


Gates.TestCase.settings = settings(max_examples=HISTORIES, stateful_step_count=20)
TestGates = Gates.TestCase
