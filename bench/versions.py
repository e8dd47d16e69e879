"""What several versions of the policy cost: an act, a sweep and a posting, beside one version.

Providers that differ in their versions alone take turns in the same run; what is printed is the
median of the rounds. Where two versions are in force, an act is measured on somebody whom the new
one binds, and on somebody who has not come back since, of whom both versions are asked. Prints a
Markdown table for docs/benchmarks.md. PostgreSQL is one of the tests' own, if installed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import upheld
from upheld.core.ids import PersonId, UserId
from upheld.database.connection import POOL_OPTION
from upheld.database.engines import open_database
from upheld.database.schema import migrate
from upheld.demo import sample_policy
from upheld.gate.gate import Gate
from upheld.gate.posting import ApprovedVersion
from upheld.policy.load import Policy, load_text
from upheld.vault.keyring import Keyring, Passphrase

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres

SWEPT, POSTED_TO, FEW, ROUNDS = 10_000, 100_000, 100, 40
TOGETHER = 500  # people made in one transaction
WIDER = "may use activity, services, messages for service-improvement"
SHARING = {"recipient": "collection-agent", "purpose": "debt-collection", "occasion": "other"}


def version(name: str) -> Policy:
    """The sample policy as a version that lets us use one kind of data more."""
    text = sample_policy().read_text(encoding="utf-8")
    text = text.replace("version: 2026-11-01\neffective: 2026-11-01", f"version: {name}")
    return load_text(text.replace(WIDER, f"{WIDER}\n  may use interests for service-improvement"))


def post(gate: Gate, name: str) -> None:
    """Post a version, as two people would."""
    policy = version(name)
    with gate.together() as transaction:
        transaction.editions.keep(policy)
    approved = ApprovedVersion(
        digest=policy.digest,
        base=gate.policy.digest,
        widens=True,
        drafted_by=UserId("one"),
        approved_by=UserId("other"),
    )
    with gate.together() as transaction:
        posted = transaction.editions.post(approved, actor="staff one")
    gate.refresh()
    if isinstance(posted, upheld.Refused):
        raise posted


def provider(url: str, keyring: Keyring) -> Gate:
    """A provider with one version, in an empty database."""
    engine = open_database(url)
    migrate(engine)
    gate = Gate(engine, upheld.load(sample_policy()), keyring)
    gate.take_first_version()
    return gate


def customers(gate: Gate, count: int) -> list[PersonId]:
    """So many people who have a service and an e-mail address."""
    result: list[PersonId] = []
    while len(result) < count:
        with gate.together() as transaction:
            for _ in range(min(TOGETHER, count - len(result))):
                person = transaction.enrol()
                words = {"email": f"{person[:12]}@example.org", "name": "Ann"}
                transaction.store(person, words, source="customer", occasion="registration")
                transaction.record(person, "service-order", fact="has-service")
                result.append(person)
    return result


def enrol(gate: Gate, count: int) -> None:
    """Add so many people of whom nothing is stored."""
    for first in range(0, count, TOGETHER):
        with gate.together() as transaction:
            for _ in range(min(TOGETHER, count - first)):
                transaction.enrol()


def use_again(gate: Gate, people: Sequence[PersonId]) -> None:
    """Let people use a service after a posting."""
    with gate.together() as transaction:
        for person in people:
            transaction.note_use(person)


def by_turns(one: Callable[[], object], other: Callable[[], object], count: int) -> float:
    """How much of the second's time the first takes, the median of some rounds in turn."""
    return statistics.median(seconds(one, count) / seconds(other, count) for _ in range(ROUNDS))


def seconds(work: Callable[[], object], count: int = 1) -> float:
    """How long some work takes, done so many times."""
    start = time.perf_counter()
    for _ in range(count):
        work()
    return time.perf_counter() - start


def reads(gate: Gate, work: Callable[[], object]) -> int:
    """How many reads an act on SQLite sends, but for the last entry's, which every one does."""
    sent: list[str] = []
    work()
    driver: Any = gate.engine.get_execution_options()[POOL_OPTION][0].driver
    driver.set_trace_callback(sent.append)
    work()
    driver.set_trace_callback(None)
    return sum(each.startswith("SELECT") and " FROM entry " not in each for each in sent)


def acts(name: str, single: Gate, several: Gate) -> None:
    """Print what an act costs under two versions, beside one under one version."""
    (alone,) = customers(single, 1)
    bound, waiting = customers(several, 2)
    post(several, "two")
    use_again(several, [bound])

    def reading(gate: Gate, person: PersonId) -> Callable[[], object]:
        return lambda: gate.use(person, ["email"], purpose="billing")

    def sharing(gate: Gate, person: PersonId) -> Callable[[], object]:
        def share() -> None:
            try:
                gate.share(person, ["name"], party="acme", **SHARING)
            except upheld.Refused:
                return

        return share

    for what, kind in (("on no fact", reading), ("on facts", sharing)):
        one = kind(single, alone)
        for whom, person in (("whom the new one binds", bound), ("asked of both", waiting)):
            two = kind(several, person)
            ratio = by_turns(two, one, 25)
            sent = ""
            if single.engine.dialect.name == "sqlite":
                sent = f", {reads(several, two)} reads for {reads(single, one)}"
            print(
                f"| {name}: an act that rests {what}, two versions, {whom}{sent} | {ratio:.2f}× |"
            )


def sweep(name: str, single: Gate, several: Gate, count: int) -> None:
    """Print what one act on many people costs over three versions, beside one version."""
    alone, people = customers(single, count), customers(several, count)
    post(several, "two")
    use_again(several, people[: count * 2 // 3])
    post(several, "three")
    use_again(several, people[: count // 3])

    def over_three() -> object:
        return several.sweep("use", people, ["email"], purpose="billing")

    def over_one() -> object:
        return single.sweep("use", alone, ["email"], purpose="billing")

    over_one()
    first, *ratios = (seconds(over_three) / seconds(over_one) for _ in range(9))
    what = f"{name}: one act on {count:,} people over three versions"
    print(f"| {what}, the first of a process | {first:.2f}× |")
    print(f"| {what} | {statistics.median(ratios):.2f}× |")


def posting(name: str, few: Gate, many: Gate, count: int) -> None:
    """Print what a posting costs with many customers, beside one with few."""
    enrol(few, FEW)
    enrol(many, count)
    names = map(str, range(7))
    ratio = statistics.median(
        seconds(partial(post, many, each)) / seconds(partial(post, few, each)) for each in names
    )
    print(f"| {name}: a posting to {count:,} customers, beside one to {FEW} | {ratio:.2f}× |")


def main() -> None:
    """Measure SQLite, and PostgreSQL where it is installed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--swept", type=int, default=SWEPT)
    options.add_argument("--posted-to", type=int, default=POSTED_TO)
    sizes = options.parse_args()
    print("| work | beside one version |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        keyring = Keyring.create(Path(folder, "keys"), Passphrase("seven plain words in a row"))

        def measure(name: str, place: Callable[[str], str]) -> None:
            def pair(work: str) -> tuple[Gate, Gate]:
                return (
                    provider(place(f"{work}_one"), keyring),
                    provider(place(f"{work}_several"), keyring),
                )

            acts(name, *pair("acts"))
            sweep(name, *pair("sweep"), sizes.swept)
            posting(name, *pair("posting"), sizes.posted_to)

        measure("SQLite", lambda work: f"sqlite:///{folder}/{work}.db")
        programs = postgres.programs()
        if programs is not None:
            with postgres.server(programs) as address:
                measure("PostgreSQL", lambda work: postgres.another(address, work))


if __name__ == "__main__":
    main()
