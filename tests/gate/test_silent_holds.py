"""A hold of which nobody may speak changes nothing that is told, whatever comes beside it.

Two people are alike but for a silent hold over one of them. The same is done to both, in any order:
what is held of them, entered of them and said at their erasure is the same, and whatever stood
there since the hold came is kept until it ends.
"""

from __future__ import annotations

from itertools import count
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gate.conftest import Told, customer, later
from gate.test_erasure import comparable
from gate.test_faults import problems
from sizes import size
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, RecordId
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.act.options import StoreOptions
from upheld.gate.erasure.erase import ErasureError, erase
from upheld.gate.erasure.retention import retire
from upheld.gate.erasure.value_counts import NOW, value_counts
from upheld.gate.gate import Gate
from upheld.vault import people, values
from upheld.vault.people import HELD

LAWS = size("histories under holds, on each database", short=12, long=60)
DAYS = st.sampled_from([1, 40, 220, 800])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("correct"), st.sampled_from(["name", "email", "interests"])),
        st.tuples(st.just("see"), st.just("")),
        st.tuples(st.just("spend"), st.just("")),
        st.tuples(st.just("drop"), st.sampled_from(["name", "email", "transaction"])),
        st.tuples(st.sampled_from(["close", "open", "end", "erase", "retire"]), st.just("")),
        st.tuples(st.just("wait"), DAYS),
    ),
    max_size=12,
)
SIGN_IN: StoreOptions = {"source": "browser", "occasion": "sign-in", "purpose": "security"}


class Both(NamedTuple):
    """Somebody, and somebody else who is under a silent hold."""

    plain: PersonId
    silent: PersonId
    hold: RecordId
    order: RecordId


def put_under_hold(gate: Gate, person: PersonId) -> tuple[RecordId, RecordId]:
    """A hold over somebody, and the order that forbids to speak of it."""
    order = gate.record(person, "instrument", fact="gag-order", party="order-7", how="i7")
    return gate.record(person, "hold", fact="legal-hold", how="i7"), order


def two(gate: Gate) -> Both:
    """Two customers, one of them under a silent hold."""
    born = f"{gate.clock.now().year - 30}-02-01"
    plain, silent = customer(gate, born=born), customer(gate, born=born)
    for each in (plain, silent):
        gate.store(each, {"ip-address": "192.0.2.7"}, **SIGN_IN)
    return Both(plain, silent, *put_under_hold(gate, silent))


def apart(gate: Gate) -> list[PersonId]:
    """Whoever is there for what is kept apart."""
    with reading(gate.engine) as connection:
        statement = "SELECT person_id FROM person WHERE state = ?"
        return [PersonId(each) for (each,) in rows(connection, statement, HELD)]


def records_of(gate: Gate, whom: PersonId) -> set[str]:
    """The ids of somebody's records."""
    with reading(gate.engine) as connection:
        statement = "SELECT record_id FROM record WHERE person_id = ?"
        return {record_id for (record_id,) in rows(connection, statement, whom)}


def values_of(gate: Gate, *whose: PersonId) -> set[tuple[str, str]]:
    """Every value of some people that is there, former ones too, by field."""
    there: set[tuple[str, str]] = set()
    if not whose:
        return there
    with reading(gate.engine) as connection:
        opened = people.open_people_in_any_state(connection, gate.context.keyring, whose)
        for person in opened.values():
            for read in (
                values.examine(connection, person, person.holdings)[0],
                values.examine_former(connection, person, person.holdings)[0],
            ):
                there |= {(field, each.value) for field, some in read.items() for each in some}
    return there


def what_anybody_reads(gate: Gate, person: PersonId) -> tuple[Any, ...]:
    """What is held of somebody openly, and what the log says of them but of holds."""
    entries = [each.entry for each in gate.entries(person)]
    acts = [
        (entry.kind, entry.action, entry.data, entry.clauses)
        for entry in entries
        if entry.kind not in ("record", "retention")
    ]
    # Which of two that are due at once goes first, and by which clause, falls by chance.
    gone = {entry.data for entry in entries if entry.kind == "retention"}
    with reading(gate.engine) as connection:
        there = people.open_people(connection, gate.context.keyring, [person])
    return sorted(there[person].holdings) if person in there else [], acts, gone


class History:
    """What is done to both, step by step."""

    def __init__(self, gate: Gate, clock: Told) -> None:
        self._before = {*apart(gate)}
        self.gate, self.clock, self.both = gate, clock, two(gate)
        self._numbers, self._open = count(), dict[PersonId, RecordId]()
        self.preserved = values_of(gate, self.both.silent)

    def do(self, step: tuple[str, Any]) -> None:
        """Do a step to both; AssertionError where it comes to something else."""
        name, what = step
        if name == "wait":
            later(self.gate, self.clock, what)
        elif name == "retire":
            retire(self.gate)
        else:
            plain, silent = self.both[:2]
            number = next(self._numbers)
            assert self._on(name, what, plain, number) == self._on(name, what, silent, number)

    def _on(self, name: str, what: str, whom: PersonId, number: int) -> object:
        gate = self.gate
        try:
            if name == "erase":
                (certificate,) = erase(gate, [whom])
                return comparable(certificate)
            if name == "drop":
                return gate.drop(whom, [what])
            if name == "close":
                gate.record(whom, "account", fact="account-closed")
            elif name == "open":
                self._open[whom] = gate.record(whom, "hold", fact="legal-hold", how="i1")
            elif name == "end":
                if whom in self._open:
                    gate.withdraw(whom, self._open.pop(whom), ended=True)
            else:
                return self._write(name, what, whom, f"made up {number}")
        except UpheldError as error:
            return error.code
        return None

    def _write(self, name: str, what: str, whom: PersonId, value: str) -> str:
        registered: StoreOptions = {"source": "customer", "occasion": "registration"}
        if name == "spend":
            outcome = self.gate.append(whom, "transaction", [value], **registered)
        elif name == "see":
            outcome = self.gate.store(whom, {"ip-address": value}, **SIGN_IN)
        else:
            outcome = self.gate.store(whom, {what: value}, **registered)
        return type(outcome).__name__

    def apart(self) -> list[PersonId]:
        """For whom something of this history is kept apart."""
        return [each for each in apart(self.gate) if each not in self._before]

    def require_law(self) -> None:
        """AssertionError where anything is told, or where what is preserved is gone."""
        gate, (plain, silent, *_) = self.gate, self.both
        assert what_anybody_reads(gate, plain) == what_anybody_reads(gate, silent)
        assert self.preserved <= values_of(gate, silent, *self.apart())
        self.preserved |= values_of(gate, silent)
        assert problems(gate) == ()


def test_whatever_is_done_under_holds_nothing_is_told_and_nothing_preserved_is_lost(
    gate: Gate, clock: Told
) -> None:
    """Corrected, dropped, closed, kept by another hold, erased and aged in any order; then over."""

    @hypothesis_settings(
        max_examples=LAWS, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(STEPS)
    def law(steps: list[tuple[str, Any]]) -> None:
        history = History(gate, clock)
        for step in steps:
            history.do(step)
            history.require_law()
        for person in (history.both.silent, *history.apart()):
            _end(gate, person, history.both.hold)
        retire(gate)
        assert history.apart() == []
        assert what_anybody_reads(gate, history.both.plain) == what_anybody_reads(
            gate, history.both.silent
        )
        assert values_of(gate, history.both.plain) == values_of(gate, history.both.silent)

    law()


def _end(gate: Gate, person: PersonId, hold: RecordId) -> None:
    """End a hold of somebody, if they have it."""
    with gate.together() as some:
        transaction = some.reaching_apart()
        mine, _ = transaction.records_of([person], ["hold"])
        if any(each.record_id == hold for each in mine):
            transaction.withdraw(person, hold, ended=True)


def test_what_only_a_silent_hold_keeps_goes_openly_when_its_time_is_over(
    gate: Gate, clock: Told
) -> None:
    """An address of thirty days, with an entry as without the hold, and counted nowhere."""
    both = two(gate)
    later(gate, clock, 40)
    assert sum(each.number for each in value_counts(gate) if each.goes == NOW) == 2
    assert retire(gate) == 2
    assert all(each.goes != NOW for each in value_counts(gate))
    assert what_anybody_reads(gate, both.plain) == what_anybody_reads(gate, both.silent)
    assert "ip-address" not in {each.field for each in value_counts(gate)}
    (other,) = apart(gate)
    assert ("ip-address", "192.0.2.7") in values_of(gate, other)
    _end(gate, other, both.hold)
    _end(gate, both.silent, both.hold)
    retire(gate)
    assert apart(gate) == []
    assert problems(gate) == ()


def test_a_silent_hold_beside_one_that_is_known_hides_nothing_of_that_one(
    gate: Gate, clock: Told
) -> None:
    """What both keep survives the end of the one that is open_holds, apart."""
    both = two(gate)
    open_holds = {each: gate.record(each, "hold", fact="legal-hold", how="i1") for each in both[:2]}
    assert gate.drop(both.plain, ["email"]) == gate.drop(both.silent, ["email"]) == ()
    plain, silent = (comparable(erase(gate, [each])[0]) for each in both[:2])
    assert plain == silent
    assert apart(gate)
    for each, record in open_holds.items():
        gate.withdraw(each, record, ended=True)
    later(gate, clock, 3000)
    retire(gate)
    assert what_anybody_reads(gate, both.plain)[0] == what_anybody_reads(gate, both.silent)[0] == []
    assert {"email", "name", "ip-address"} <= {f for f, _ in values_of(gate, *apart(gate))}


def test_an_order_is_silent_of_its_own_hold_alone(gate: Gate, person: PersonId) -> None:
    """Of one that names no instrument, every hold is silent."""
    gate.record(person, "hold", fact="legal-hold", how="i1")
    gate.record(person, "instrument", fact="gag-order", how="i7")
    assert gate.drop(person, ["email"]) == ()
    gate.record(person, "instrument", fact="gag-order")
    assert gate.drop(person, ["email"]) == ("email",)
    assert len(apart(gate)) == 1
    assert gate.drop(person, ["phone"]) == ("phone",)
    assert len(apart(gate)) == 1  # the same one


@pytest.mark.parametrize("beside", [False, True])
def test_what_a_silent_hold_keeps_of_whoever_holds_no_value_goes_apart(
    gate: Gate, *, beside: bool
) -> None:
    """Erased alone as in one batch with somebody who holds some: nothing of the order is lost."""
    bare = gate.enrol()
    hold, order = put_under_hold(gate, bare)
    erase(gate, [bare, *([customer(gate)] if beside else [])])
    (other,) = apart(gate)
    assert records_of(gate, other) == {hold, order}
    assert records_of(gate, bare) == set()
    assert problems(gate) == ()


def test_whoever_holds_no_value_is_not_erased_on_records_that_are_forged(gate: Gate) -> None:
    """What must be kept of them cannot be told, as of anybody else."""
    bare = gate.enrol()
    put_under_hold(gate, bare)
    with writing(gate.engine) as connection:
        run(connection, "UPDATE record SET how = 'i8' WHERE kind = 'hold'")
    with pytest.raises(ErasureError, match="cannot be told"):
        erase(gate, [bare])
    assert len(records_of(gate, bare)) == 2


@pytest.mark.parametrize("what", ["drop", "erase"])
@pytest.mark.parametrize("which", ["current", "former"])
def test_a_value_that_does_not_open_goes_as_without_the_hold(
    gate: Gate, what: str, which: str
) -> None:
    """No error tells of the hold, and whatever else it keeps goes apart."""
    both = two(gate)
    for each in both[:2]:
        gate.store(each, {"name": "Ann Since"}, source="customer", occasion="registration")
    with writing(gate.engine) as connection:
        statement = "UPDATE value SET sealed = ? WHERE field = 'name' AND current = ?"
        run(connection, statement, b"\x01" + bytes(60), which == "current")
    if what == "drop":
        assert gate.drop(both.plain, ["name"]) == gate.drop(both.silent, ["name"]) == ("name",)
        (other,) = apart(gate)
        left = {"Ann Marked"} if which == "current" else {"Ann Since"}
        assert values_of(gate, other) == {("name", each) for each in left}
    else:
        plain, silent = (comparable(erase(gate, [each])[0]) for each in both[:2])
        assert plain == silent
        (other,) = apart(gate)
        assert {"email", "name", "ip-address"} <= {field for field, _ in values_of(gate, other)}
