"""Versions of the policy: the one that was posted last is what every process decides by."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import Engine

import upheld
from gate.conftest import Told, customer
from gate.kills import killed
from gate.test_faults import problems
from gate.versions import IMPROVING, NARROWER, WIDER, post, version
from sizes import size
from tally import tried
from upheld.core.errors import RequestError, UpheldError
from upheld.core.ids import PersonId
from upheld.database.engines import open_database
from upheld.database.seals import SealedError
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.act.request import Act, Refused
from upheld.gate.async_gate import AsyncGate
from upheld.gate.editions import store
from upheld.gate.editions.store import Edition, EditionError
from upheld.gate.gate import Gate
from upheld.gate.log import entries
from upheld.gate.transaction import GateTransaction
from upheld.vault.keyring import Keyring
from upheld.vault.people import VaultError

KILLS = size("kills in posting a version, on each database", short=3, long=60)
MORE = Act(action="use", data=("interests",), purpose="service-improvement")
AMENDS = "\n```rule\nmay amend\n```\n"


@pytest.fixture(name="other")
def _other(
    gate: Gate, database_url: str, policy: upheld.Policy, keyring: Keyring
) -> Iterator[Gate]:
    """A gate of another process on the same database, which looks at it and then sleeps."""
    gate.take_first_version()
    other = Gate(open_database(database_url), policy, keyring, gate.clock)
    assert other.context.edition == 1
    yield other
    other.engine.dispose()


def come_back(gate: Gate, *people: PersonId) -> None:
    """Let some people use our services, so that what widens holds for them."""
    with gate.together() as transaction:
        for each in people:
            transaction.note_use(each)


def test_every_process_decides_by_a_version_from_its_posting_on(gate: Gate, other: Gate) -> None:
    """Whoever slept through a posting decides by it, whichever way they are asked."""
    person = customer(gate)
    with pytest.raises(Refused):
        other.use(person, ["interests"], purpose="service-improvement")
    new = version("2", WIDER)
    posted = post(gate, new)
    assert isinstance(posted, Edition)
    come_back(gate, person)
    assert other.policy.digest != new.digest
    assert other.use(person, ["interests"], purpose="service-improvement").entry
    assert other.policy.digest == gate.policy.digest == new.digest
    third = version("3", NARROWER)
    post(gate, third)
    assert not other.peek("use", person, ["messages"], purpose="service-improvement").allowed
    post(gate, version("4"))
    with other.together() as transaction:
        assert transaction.policy.front.version == "4"
    post(gate, version("5"))
    (outcome,) = other.sweep("use", [person], ["email"], purpose="billing").values()
    assert not isinstance(outcome, Refused)
    assert other.policy.front.version == "5"


def test_an_act_that_cannot_be_done_is_refused_by_the_version_in_force(
    gate: Gate, other: Gate
) -> None:
    """Whoever slept through a posting knows of it, for words and people of which nobody knows."""
    person = customer(gate)
    post(gate, version("2"))
    with pytest.raises(RequestError):
        other.use(person, ["shoe-size"], purpose="billing")
    assert other.policy.front.version == "2"
    post(gate, version("3"))
    with pytest.raises(VaultError):
        other.use(PersonId("0" * 32), ["email"], purpose="billing")
    assert other.policy.front.version == "3"


def test_work_that_was_under_way_is_begun_again(gate: Gate, other: Gate) -> None:
    """Many pieces of work at once, in one transaction, are all done under the version in force."""
    people = [customer(gate) for _ in range(3)]
    post(gate, version("2", WIDER))
    come_back(gate, *people)

    async def many() -> list[object]:
        house = AsyncGate(other)
        work = (
            house.use(each, ["interests"], purpose="service-improvement") for each in people * 4
        )
        return list(await asyncio.gather(*work))

    assert len(asyncio.run(many())) == 12
    digests = {each.entry.policy for person in people for each in other.entries(person)[-4:]}
    assert digests == {other.policy.digest}


def test_each_work_of_a_batch_is_done_once_under_the_version_in_force(
    gate: Gate, other: Gate
) -> None:
    """Also where the first of them is what learns that a version was posted."""
    person = customer(gate)
    post(gate, version("2", NARROWER))
    done: list[tuple[int, int]] = []

    def work(number: int) -> Callable[[GateTransaction], None]:
        def do(transaction: GateTransaction) -> None:
            transaction.act(Act(action="use", data=("name",), purpose="billing"), person)
            done.append((number, transaction.context.edition))

        return do

    assert other.batch([work(each) for each in (1, 2, 3)]) == [None] * 3
    assert done[-3:] == [(1, 2), (2, 2), (3, 2)]
    assert {edition for _, edition in done} == {2}


def test_what_is_kept_after_a_failure_is_kept_under_the_version_in_force(
    gate: Gate, other: Gate
) -> None:
    """A query that fails tells no version; the transaction asks once more before its end."""
    person = customer(gate)
    post(gate, version("2", NARROWER))
    with writing(gate.engine) as connection:
        run(connection, "UPDATE person SET state = ? WHERE person_id = ?", "odd", person)

    def work(transaction: GateTransaction) -> str:
        with suppress(UpheldError):
            transaction.act(Act(action="use", data=("name",), purpose="billing"), person)
        transaction.note(None, "test.note")
        return transaction.policy.digest

    assert other.batch([work]) == [gate.policy.digest]


def test_a_posting_is_an_act_of_the_policy_before(gate: Gate) -> None:
    """Its entry has the clause that lets us amend, and both digests."""
    gate.take_first_version()
    before, new = gate.policy, version("2", WIDER)
    posted = post(gate, new)
    assert isinstance(posted, Edition)
    assert (posted.number, posted.widens, posted.version) == (2, True, "2")
    with reading(gate.engine) as connection:
        (entry,) = [each for each in entries.of_kind(connection, "act") if each.action == "amend"]
    assert (entry.policy, entry.evidence) == (before.digest, (new.digest,))
    assert (entry.clauses, entry.actor) == (("changes",), "staff one")


def test_a_policy_that_lets_nobody_change_it_is_not_changed(gate: Gate) -> None:
    """Without `may amend` posting is refused, with an entry, and the version goes on."""
    gate.take_first_version()
    post(gate, version("2", (AMENDS, "")))
    refused = post(gate, version("3"))
    assert isinstance(refused, Refused)
    assert gate.policy.front.version == "2"
    with reading(gate.engine) as connection:
        (entry,) = entries.of_kind(connection, "refusal")
    assert (entry.action, entry.outcome) == ("amend", "deny")


def test_of_two_who_post_at_once_one_does(gate: Gate, database_url: str, keyring: Keyring) -> None:
    """Twenty postings against one version: one is in force, the others are told why not."""
    gate.take_first_version()
    base = gate.policy
    policies = [version(f"2.{number}", WIDER) for number in range(20)]

    def one(policy: upheld.Policy) -> str:
        own = Gate(open_database(database_url), base, keyring, gate.clock)
        try:
            post(own, policy, base, wider=True)
        except EditionError as error:
            return error.code
        finally:
            own.engine.dispose()
        return "posted"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(one, policies))
    assert sorted(set(outcomes)) == ["posted", "version-base"]
    assert outcomes.count("posted") == 1
    gate.refresh()
    assert gate.context.edition == 2


def test_what_cannot_follow_is_not_posted(gate: Gate) -> None:
    """The version number of other bytes, a day that is over, and one that has not come."""
    wrong = {
        "version-number": version("2026-11-01"),
        "version-effective": version("2", _effective("2026-03-10")),
        "version-early": version("2", _effective("2026-03-12")),
    }
    for code, new in wrong.items():
        with pytest.raises(EditionError) as caught:
            post(gate, new, wider=False)
        assert caught.value.code == code
    assert gate.context.edition == 1


@pytest.mark.parametrize("moved", ["https://other.example/privacy", ""])
def test_a_version_whose_address_moved_is_not_posted(gate: Gate, moved: str) -> None:
    """People know the address that it has: another one, or none, is refused, before it is kept."""
    gate.take_first_version()
    address = gate.policy.front.address
    assert address
    line = f"address: {moved}\n" if moved else ""
    new = version("2", (f"address: {address}\n", line))
    with pytest.raises(EditionError) as caught:
        post(gate, new, wider=False)
    assert caught.value.code == "version-address"
    with reading(gate.engine) as connection, pytest.raises(EditionError):
        store.read_copy(connection, new.digest)
    assert gate.context.edition == 1


def _effective(day: str) -> tuple[str, str]:
    return "policy: Privacy", f"effective: {day}\npolicy: Privacy"


def test_the_same_bytes_are_not_posted_twice(gate: Gate) -> None:
    """What was posted before comes back only as a version of its own."""
    gate.take_first_version()
    first = gate.policy
    post(gate, version("2", WIDER))
    with pytest.raises(EditionError) as caught:
        post(gate, first)
    assert caught.value.code == "version-posted"


def test_nothing_is_posted_by_a_clock_that_was_set_back(gate: Gate, clock: Told) -> None:
    """The order of versions is that of time."""
    gate.take_first_version()
    clock.ahead -= timedelta(days=2)
    with pytest.raises(EditionError) as caught:
        post(gate, version("2", WIDER))
    assert caught.value.code == "version-clock"


def test_a_process_keeps_no_more_versions_in_mind_than_it_can_bear(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were asked for last; any other is read again."""
    monkeypatch.setattr(store, "LOADED_MAX", 2)
    for name, change in (("2", WIDER), ("3", NARROWER)):
        post(gate, version(name, change))
    with reading(gate.engine) as connection:
        digests = [each.digest for each in store.editions(connection)]
        for order in (digests, digests[::-1]):
            assert [store.policy_of(connection, each).digest for each in order] == order
            assert [store.in_mind(each) is not None for each in order] == [False, True, True]


def test_a_database_says_which_version_whatever_file_it_is_opened_with(
    gate: Gate, database_url: str, keyring: Keyring
) -> None:
    """A gate that is opened with another policy, or with none that can be read, decides by ours."""
    gate.take_first_version()

    def unreadable() -> upheld.Policy:
        raise AssertionError

    for given in (version("2", WIDER), unreadable):
        own = Gate(open_database(database_url), given, keyring, gate.clock)
        assert own.policy.digest == gate.policy.digest
        own.engine.dispose()


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM posted_version WHERE number = 2",
        "UPDATE posted_version SET digest = 'x' WHERE number = 2",
        "UPDATE policy_copy SET compiled = (SELECT compiled FROM policy_copy LIMIT 1)",
    ],
)
def test_versions_that_somebody_else_changed_are_refused(
    engine: Engine,
    gate: Gate,
    database_url: str,
    keyring: Keyring,
    change: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever can write to the database puts no version in force, and takes none away."""
    first = version("1")
    gate.context = gate.context.under(first)
    post(gate, version("2", WIDER))
    with writing(engine) as connection:
        run(connection, change)
    monkeypatch.setattr(store, "_LOADED", store._Loaded())  # another process
    with pytest.raises((SealedError, EditionError)):
        Gate(open_database(database_url), first, keyring, gate.clock)


def test_a_kill_in_posting_leaves_the_old_version_or_the_new_one(
    gate: Gate, database_url: str, policy: upheld.Policy, keyring: Keyring
) -> None:
    """Whatever moment it is, one version is in force, with its bytes and its entry."""
    gate.take_first_version()
    chance = random.Random(5)  # noqa: S311 - moments, not secrets
    own: list[Gate] = []

    def work(said: Callable[[str], None]) -> None:
        if not own:
            own.append(Gate(open_database(database_url), policy, keyring, gate.clock))
        number = own[0].context.edition + 1
        post(own[0], version(f"v{number}", (IMPROVING, f"{IMPROVING}\n  with record")), wider=False)
        said(f"posted {number}")

    for _ in range(KILLS):
        lines = killed(work, chance.random() * 0.3)
        gate.refresh()
        last = max(int(line.split()[1]) for line in lines)
        assert gate.context.edition in {last, last + 1}
        with reading(gate.engine) as connection:
            posted = store.editions(connection)
            assert [each.number for each in posted] == [*range(1, len(posted) + 1)]
            for each in posted:
                assert store.read_copy(connection, each.digest).digest == each.digest
                assert rows(connection, "SELECT 1 FROM entry WHERE number = ?", each.entry)
        assert gate.policy.digest == posted[-1].digest
    assert problems(gate) == ()
    tried("kills", "in posting a version", gate.engine, KILLS)
