"""A hold that names kinds of data keeps these, and is to all else as if it were not there.

The oracle: of each kind of data it is as under those of the holds alone that name it, if each of
them kept everything. So somebody is put under holds of some reach, silent or not, and beside them
others who are under some of the same holds without any reach; the same is done to all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations, count
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gate.conftest import Told, customer, later
from gate.test_faults import problems
from gate.test_silent_holds import SIGN_IN, apart, values_of
from sizes import size
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, RecordId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.act.options import StoreOptions
from upheld.gate.act.request import Refused
from upheld.gate.erasure.dry_run import deletions
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.retention import retire
from upheld.gate.erasure.value_counts import NOW, value_counts
from upheld.gate.gate import Gate

LAWS = size("histories under narrow holds, on each database", short=6, long=60)
FIELDS = ("name", "email", "phone", "interests", "ip-address", "transaction", "birth-date")
COMES_IN = ("correct", "see", "spend")  # rests on one's age, whatever the kind of data
WRITTEN = ("name", "email", "interests")
REACH = st.frozensets(st.sampled_from(FIELDS), min_size=1, max_size=4)
HOLDS = st.lists(st.tuples(st.booleans(), REACH), min_size=1, max_size=2)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("correct"), st.sampled_from(WRITTEN)),
        st.tuples(st.sampled_from(["see", "spend"]), st.just("")),
        st.tuples(st.just("drop"), st.sampled_from(FIELDS)),
        st.tuples(st.sampled_from(["close", "erase", "retire"]), st.just("")),
        st.tuples(st.sampled_from(["end", "speak"]), st.sampled_from([0, 1])),
        st.tuples(st.just("wait"), st.sampled_from([1, 40, 220, 800])),
    ),
    max_size=10,
)
REGISTERED: StoreOptions = {"source": "customer", "occasion": "registration"}


class Hold(NamedTuple):
    """A hold by its number, whether it is silent, and the kinds of data that it names, if any."""

    number: int
    is_silent: bool
    reach: frozenset[str] = frozenset()


class Somebody:
    """A customer under some holds, and whoever is there for what these keep apart."""

    def __init__(self, gate: Gate, holds: list[Hold]) -> None:
        self.gate, self.holds = gate, holds
        self.person = customer(gate, born=f"{gate.clock.now().year - 30}-02-01")
        gate.store(self.person, {"ip-address": "192.0.2.7"}, **SIGN_IN)
        self._orders = dict[int, RecordId]()
        self._ids = dict[int, RecordId]()
        for each in holds:
            how = f"i{each.number}"
            if each.is_silent:
                self._orders[each.number] = gate.record(
                    self.person, "instrument", fact="gag-order", party=f"order-{how}", how=how
                )
            about = {"data": sorted(each.reach)} if each.reach else None
            self._ids[each.number] = gate.record(
                self.person, "hold", fact="legal-hold", how=how, about=about
            )

    def apart(self) -> list[PersonId]:
        """Whoever is there for what their holds keep apart."""
        mine = {*self._ids.values()}
        with reading(self.gate.engine) as connection:
            statement = "SELECT person_id, record_id FROM record WHERE kind = 'hold'"
            theirs = {person for person, hold in rows(connection, statement) if hold in mine}
        return [each for each in apart(self.gate) if each in theirs]

    def end(self, number: int, *, silence: bool) -> None:
        """End one of the holds, or its silence, wherever it is recorded."""
        which = (self._orders if silence else self._ids).get(number, RecordId(""))
        kind = "instrument" if silence else "hold"
        for whom in (self.person, *self.apart()):
            with self.gate.together() as some:
                transaction = some.reaching_apart()
                mine, _ = transaction.records_of([whom], [kind])
                if any(each.record_id == which and each.withdrawn is None for each in mine):
                    transaction.withdraw(whom, which, ended=True)

    def erase(self) -> dict[str, tuple[Any, ...]]:
        """Erase them; of each kind of data that is kept, why and until when."""
        (certificate,) = erase(self.gate, [self.person])
        return {
            field: (each.clauses, each.grounds, each.until[:10])
            for each in certificate.kept
            for field in each.data
        }

    def has_birth_date(self) -> bool:
        """Whether it can be told how old they are, without which nothing of them comes in."""
        return any(field == "birth-date" for field, _ in values_of(self.gate, self.person))

    def of(self, field: str) -> tuple[Any, ...]:
        """What is there of a kind of data: openly, apart, and told of what lies apart."""
        with self.gate.together() as transaction:
            since_silence = transaction.values_apart(self.person).get(field, ())
        return tuple(
            sorted(value for its, value in some if its == field)
            for some in (
                values_of(self.gate, self.person),
                values_of(self.gate, *self.apart()),
                {(field, each.value) for each in since_silence},
            )
        )


class World:
    """Somebody under holds of some reach, and one for each some of these, under all of each."""

    def __init__(self, gate: Gate, clock: Told, holds: list[Hold]) -> None:
        self.gate, self.clock, self.holds, self._numbers = gate, clock, holds, count()
        self.narrow = Somebody(gate, holds)
        bare = [each._replace(reach=frozenset()) for each in holds]
        self.twins = {
            frozenset(each.number for each in some): Somebody(gate, [*some])
            for length in range(len(bare) + 1)
            for some in combinations(bare, length)
        }

    def twin(self, field: str) -> Somebody:
        """Who is under those holds that name a kind of data."""
        return self.twins[frozenset(each.number for each in self.holds if field in each.reach)]

    def do(self, name: str, what: Any) -> None:
        """Do a step to each; AssertionError unless a kind of data is kept as its twin's is."""
        if name == "wait":
            later(self.gate, self.clock, what)
        elif name == "retire":
            retire(self.gate)
        elif name == "erase":
            certified = {key: self._try(its.erase) for key, its in self._everybody().items()}
            for field in FIELDS:
                its_twin = certified[id(self.twin(field))]
                assert _of(certified[id(self.narrow)], field) == _of(its_twin, field), field
        elif name not in COMES_IN or all(e.has_birth_date() for e in self._everybody().values()):
            value = f"made up {next(self._numbers)}"
            for each in self._everybody().values():
                self._try(partial(self._on, each, name, what, value))

    def _everybody(self) -> dict[int, Somebody]:
        return {id(each): each for each in (self.narrow, *self.twins.values())}

    def _try(self, step: Callable[[], Any]) -> Any:
        try:
            return step()
        except UpheldError:
            return {}

    def _on(self, whom: Somebody, name: str, what: Any, value: str) -> None:
        gate, person = self.gate, whom.person
        if name in ("end", "speak"):
            whom.end(what, silence=name == "speak")
        elif name == "drop":
            gate.drop(person, [what])
        elif name == "close":
            gate.record(person, "account", fact="account-closed")
        elif name == "spend":
            gate.append(person, "transaction", [value], **REGISTERED)
        elif name == "see":
            gate.store(person, {"ip-address": value}, **SIGN_IN)
        else:
            gate.store(person, {what: value}, **REGISTERED)

    def require_law(self) -> None:
        """AssertionError where of a kind of data there is something else than of its twin's."""
        for field in FIELDS:
            assert self.narrow.of(field) == self.twin(field).of(field), field
        assert problems(self.gate) == ()


def _of(fields: dict[str, tuple[Any, ...]], field: str) -> object:
    return fields.get(field)


def test_of_each_kind_of_data_it_is_as_under_the_holds_alone_that_name_it(
    gate: Gate, clock: Told
) -> None:
    """Whatever is done, told or silent, one or two, until and after they end."""

    @hypothesis_settings(
        max_examples=LAWS, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(HOLDS, STEPS)
    def law(holds: list[tuple[bool, frozenset[str]]], steps: list[tuple[str, Any]]) -> None:
        before = {*apart(gate)}
        world = World(gate, clock, [Hold(n, *each) for n, each in enumerate(holds)])
        for name, what in steps:
            world.do(name, what)
            world.require_law()
        for number in range(len(holds)):
            world.do("end", number)
            world.do("retire", "")
            world.require_law()
        assert {*apart(gate)} <= before

    law()


def test_what_an_act_stored_goes_but_for_what_is_on_hold(gate: Gate, clock: Told) -> None:
    """Two of one act that are due at once: counted, foretold and deleted is the one alone."""
    both = {"ip-address": "192.0.2.7", "user-agent": "Made-Up/1.0"}
    person = gate.enrol()
    gate.store(person, both, **SIGN_IN)
    hold = gate.record(person, "hold", fact="legal-hold", about={"data": ["ip-address"]})
    later(gate, clock, 40)
    assert [each.field for each in value_counts(gate) if each.goes == NOW] == ["user-agent"]
    assert [each.field for each in deletions(gate).now] == ["user-agent"]
    assert retire(gate) == 1
    assert retire(gate) == 0
    assert {field for field, _ in values_of(gate, person)} == {"ip-address"}
    gate.withdraw(person, hold, ended=True)
    assert [each.field for each in deletions(gate).now] == ["ip-address"]
    assert retire(gate) == 1
    assert values_of(gate, person) == set()
    assert problems(gate) == ()


def test_who_is_under_a_hold_of_some_kinds_can_still_be_written_to(gate: Gate) -> None:
    """To an act on no data any hold is one: the law makes us keep something."""
    person = customer(gate)
    gate.record(person, "account", fact="account-closed")
    with pytest.raises(Refused):
        gate.contact(person, purpose="administrative-message")
    gate.record(person, "hold", fact="legal-hold", about={"data": ["email"]})
    gate.contact(person, purpose="administrative-message")


def test_a_hold_names_kinds_of_data_or_nothing(gate: Gate, person: PersonId) -> None:
    """Not a list without a word, no other dimension, and no word that the policy lacks."""
    wrong: list[dict[str, list[str]]] = [
        {"data": []},
        {"purpose": ["offers"]},
        {"data": ["no-such-word"]},
    ]
    for about in wrong:
        with pytest.raises(UpheldError):
            gate.record(person, "hold", fact="legal-hold", about=about)
    gate.record(person, "hold", fact="legal-hold", about={"data": ["contact-details"]})
    assert gate.drop(person, ["email", "phone", "name"]) == ("name",)
