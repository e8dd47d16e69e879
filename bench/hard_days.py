"""How fast accounts are transferred, an incident is counted, and what a hold costs retention.

Prints a Markdown table for docs/benchmarks.md. Counted are seconds of the processor, on SQLite: of
the process itself, and apart from them those of the second one that works beside it.
`python bench/hard_days.py [--accounts N] [--entries N]`. With `--merger N` a merger of N accounts
by command is killed three times at each end instead, and is told in seconds that passed.
"""

from __future__ import annotations

import argparse
import os
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy import Connection

import upheld
from upheld.database.statements import rows, run
from upheld.database.transaction import writing
from upheld.demo import sample_policy
from upheld.gate.erasure.retention import retire
from upheld.gate.operations.misuse import Misuse, find_affected
from upheld.gate.transaction import Transaction
from upheld.practice import parties, partner_marks, partner_transactions
from upheld.practice.partner_programs import NO_FEED
from upheld.practice.partner_rows import PartnerTransaction
from upheld.practices.collection import blocks
from upheld.practices.collection.tables import visit_tie
from upheld.practices.takeovers.arrival import check_archive
from upheld.practices.takeovers.closing import Closing
from upheld.practices.takeovers.coverage import Coverage
from upheld.practices.takeovers.handover import Handover
from upheld.practices.takeovers.imports import ArchiveImport
from upheld.practices.takeovers.transfers import Transfers

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from cli.mergers import merger
from empty import empty_database
from practices import test_takeover_imports
from practices.closings import Lawyers, approved, lawyers_of, terms_of
from practices.conftest import House, houses

FIELDS = {
    "name": "Ann Lee",
    "phone": "+1 555 010 0100",
    "zip": "98101",
    "birth-date": "1990-02-01",
}
PURCHASES, VISITS = "5 purchases that a partner told", "30 visits, a tenth of all,"
RUNS = 3  # of which the fastest counts
TOGETHER = 500  # people in one transaction of what is set up


_COPY = (
    "INSERT INTO entry SELECT number + ?, at, person_id, salt, body, leaf FROM entry"
    " ORDER BY number LIMIT ?"
)


def _count(connection: Connection) -> int:
    ((many,),) = rows(connection, "SELECT MAX(number) FROM entry")
    return int(many)


def seconds(work: Callable[[], object]) -> float:
    """How many seconds of the processor a piece of work takes, once."""
    start = time.process_time()
    work()
    return time.process_time() - start


def enrolled(house: House, many: int) -> list[upheld.PersonId]:
    """People with five values each."""
    people: list[upheld.PersonId] = []
    gate = house.provider.gate.gate
    for first in range(0, many, TOGETHER):
        with gate.together() as transaction:
            for number in range(first, min(first + TOGETHER, many)):
                person = transaction.enrol()
                transaction.bring(person, {**FIELDS, "email": f"{number}@customer.example"})
                people.append(person)
    return people


def transfer(house: House, lawyers: Lawyers, folder: Path, accounts: int) -> None:
    """Transfer all accounts by a merger; each part of it in accounts a second."""
    gate, model = house.provider.gate.gate, lawyers.closings
    closing_id = approved(house, lawyers, terms_of(house, lawyers)).closing_id
    path, key = folder / "all.zip", folder / "key.txt"
    key.write_text(str(lawyers.identity))

    def now() -> Closing:
        return house.do(lambda t: model.require(t.tables, closing_id))

    covered = seconds(lambda: Coverage(model).cover(gate, now()))
    transfer_time = seconds(lambda: Transfers(model).move(gate, now()))
    archive_time = seconds(lambda: Handover(model).write(gate, closing_id, path, lawyers.first))
    digest = now().digest
    check_time = seconds(lambda: check_archive(path, digest, key))
    assert now().handed == accounts
    import_time = arrive(folder, path, digest, key, accounts)
    for what, took in (
        ("record of each that the closing covers it", covered),
        ("decide, enter and seal each", transfer_time),
        ("write the archive", archive_time),
        ("verify the archive and open each, at the successor", check_time),
        ("sealed and verified in all, once covered", transfer_time + archive_time + check_time),
        ("take in each, at the successor", import_time),
    ):
        print(f"| {accounts:,} accounts: {what} | {accounts / took:,.0f} a second |")
    beside = resource.getrusage(resource.RUSAGE_CHILDREN)
    each = 1000 * (beside.ru_utime + beside.ru_stime) / accounts
    print(f"| beside it, in the second process, of the processor | {each:.2f} ms an account |")


def transfer_with_rows(kind: str, accounts: int) -> None:
    """Transfer accounts of which practices keep rows of a kind in tables of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with contextmanager(houses)(empty_database(folder), folder) as opening:
            house = opening(upheld.load(sample_policy()))
            people, lawyers = enrolled(house, accounts), lawyers_of(house)
            if kind == PURCHASES:
                house.do(partial(purchases, people=people))
            else:
                house.do(partial(visits, people=people))
            closing_id = approved(house, lawyers, terms_of(house, lawyers)).closing_id
            gate, model = house.provider.gate.gate, lawyers.closings
            closing = house.do(lambda t: model.require(t.tables, closing_id))
            Coverage(model).cover(gate, closing)
            closing = house.do(lambda t: model.require(t.tables, closing_id))
            took = seconds(lambda: Transfers(model).move(gate, closing))
    print(f"| {accounts:,} accounts with {kind} each: the same | {accounts / took:,.0f} a second |")


def purchases(transaction: Transaction, people: list[upheld.PersonId]) -> None:
    """Let a partner have told five purchases of each."""
    boat = PartnerTransaction("A1", date(2026, 3, 1), 1250, "USD", "A boat")
    some = [
        ((each, partner_marks.unlike_any()), msgspec.json.encode(boat))
        for each in people
        for _ in range(5)
    ]
    partner_transactions.keep_contents(transaction, "spruce-point", NO_FEED, some)


def visits(transaction: Transaction, people: list[upheld.PersonId]) -> None:
    """Let each have visited us on thirty days, on which there were ten times as many visits."""
    cookies = {each: secrets.token_bytes(16) for each in people}
    sealer = transaction.sealer(blocks.PURPOSE, "tie")
    for person_id, cookie in cookies.items():
        mark = transaction.sealer(blocks.PURPOSE, "cookie").mark_of(cookie).hex()
        sealed = sealer.seal(cookie, person_id, mark)
        transaction.tables.insert(
            visit_tie, person_id=person_id, cookie_mark=mark, cookie=sealed, at=1
        )
    for number in range(30):
        day = transaction.clock.today() - timedelta(days=number)
        at, name = int((day - date(1970, 1, 1)).total_seconds()), day.isoformat()
        keys = blocks.DayKeys(transaction, blocks.days_of(transaction.tables, [name], make=True))
        tokens = [keys.token(name, each) for each in cookies.values()]
        tokens += [secrets.token_bytes(16) for _ in range(9 * len(people))]
        some = [blocks.PageVisit(at, "/about", "203.0.113.0/24", each) for each in tokens]
        blocks.write(
            transaction.tables,
            [blocks.seal_day(keys, name, some)],
            source="browser",
            fields=["ip-network", "cookie-id", "page-request"],
            clauses=["visits"],
        )


def arrive(folder: Path, path: Path, digest: str, key: Path, accounts: int) -> float:
    """How many seconds of the processor a successor takes in whom an archive brings."""
    there = folder / "successor"
    there.mkdir()
    with contextmanager(houses)(empty_database(there), there) as opening:
        house = opening(test_takeover_imports.policy())
        house.staff("counsel", sign_in="cleo")
        house.do(lambda t: parties.add(t, "Larch Valley", "business-partner"))
        by = house.do(test_takeover_imports.counsel)
        job = ArchiveImport(house.provider, "Larch Valley", by, ("zip",))
        start = time.process_time()
        done = job.run(path, digest, key)
        assert done.accounts == accounts
        return time.process_time() - start


def incident(house: House, people: list[upheld.PersonId], entries: int) -> None:
    """Find whom a misuse touched among many entries; copies of real ones fill the table up."""
    gate, start = house.provider.gate.gate, house.clock.now() - timedelta(days=1)
    for each in people[:TOGETHER]:
        gate.use(each, ["email"], purpose="billing")
    with writing(gate.engine) as connection:
        while many := _count(connection):
            if many >= entries:
                break
            run(connection, _COPY, many + 1, min(many, entries - many))
    end = house.clock.now() + timedelta(minutes=1)
    for kind, name, what in (
        ("staff", "0" * 32, "a session of staff"),
        ("table", "value", "a copy of the values"),
        ("time", "", "anything in a span of time"),
    ):
        misuse = Misuse(kind, name, start, end)
        took = seconds(partial(find_affected, gate, misuse))
        print(f"| {entries:,} entries: whom {what} touched | {took:.1f} s |")


def retention(house: House, people: list[upheld.PersonId]) -> None:
    """Run retention when nobody is under a hold, and once somebody is; nothing is due."""
    gate = house.provider.gate.gate
    without = min(seconds(lambda: retire(gate)) for _ in range(RUNS))
    house.do(lambda t: t.record(people[0], "hold", fact="legal-hold"))
    with_one = min(seconds(lambda: retire(gate)) for _ in range(RUNS))
    print(f"| {len(people):,} people: a run of retention, nobody under a hold | {without:.2f} s |")
    print(f"| {len(people):,} people: the same, one under a hold | {with_one:.2f} s |")


def killed_merger(accounts: int) -> None:
    """Tell what came of a merger whose processes were killed six times, and how long it took."""
    with tempfile.TemporaryDirectory() as name:
        result = merger(Path(name), accounts, _tell)
    print(
        f"Of {accounts:,} accounts {result.parcels:,} went and {result.arrivals:,} arrived; at most"
        f" {result.most} transfer and notice of one customer; customers of one address there:"
        f" {dict(result.addresses)}; confirmed: {result.confirmed}; not whole: {result.problems}\n"
    )
    print("| part | seconds that passed |\n|---|---|")
    for part, seconds in result.seconds.items():
        print(f"| {accounts:,} accounts: {part} | {seconds:,.0f} |")
    most = max(resource.getrusage(each).ru_maxrss for each in _PROCESSES) / 1024
    print(f"\nPeak memory of any one process: {most:,.0f} MB; of the processor {_used():,.0f} s")


def _tell(part: str, seconds: float) -> None:
    """Tell of a part that is done, for whoever waits for the others."""
    print(f"{part}: {seconds:,.0f} s; of the processor so far {_used():,.0f} s", file=sys.stderr)


_PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _used() -> float:
    """Seconds of the processor of this process and those that ended below it."""
    usages = [resource.getrusage(each) for each in _PROCESSES]
    return sum(each.ru_utime + each.ru_stime for each in usages)


def main() -> None:
    """Measure all three on one provider."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--merger", type=int, default=0)
    words = parser.parse_args()
    if words.merger:
        killed_merger(words.merger)
        return
    print(f"Measured on {os.cpu_count()} cores.\n\n| work | measured |\n|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with contextmanager(houses)(empty_database(folder), folder) as opening:
            house = opening(upheld.load(sample_policy()))
            people = enrolled(house, words.accounts)
            retention(house, people)
            transfer(house, lawyers_of(house), folder, words.accounts)
            for kind in (PURCHASES, VISITS):
                transfer_with_rows(kind, words.accounts // 10)
            if words.entries:
                incident(house, people, words.entries)


if __name__ == "__main__":
    main()
