"""What a partner's page costs beside a sweep, and how fast a programme runs, in how much memory.

Prints a Markdown table for docs/benchmarks.md. `--people N` says how many joined the programme.
Time is that of the processor; memory is the most at any moment of a run beside what there was
before it (of Linux; elsewhere beside the most until then).
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from statistics import median

import upheld
from upheld.core.ids import PersonId
from upheld.demo import sample_policy
from upheld.gate.act.request import Refused
from upheld.gate.transaction import GateTransaction
from upheld.practices.agreements import pulls
from upheld.practices.programmes import members, programmes, runs
from upheld.practices.programmes.programmes import Programme

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from empty import empty_database
from practices.conftest import House, houses
from practices.programmes import programme
from practices.test_agreements import manager, partner, signed

FIELDS = ("name", "email")
TIMES_MOST = 3
LOT = 250
ROUNDS = 12


def people(house: House, first: int, most: int) -> list[PersonId]:
    """Some people of age, with a name and an address."""

    def work(transaction: GateTransaction) -> list[PersonId]:
        result = []
        for number in range(first, first + most):
            person = transaction.enrol()
            values = {"email": f"{number}@customer.example", "name": "Ann Lee"}
            transaction.bring(person, {**values, "birth-date": "1990-02-01"})
            result.append(person)
        return result

    return house.do(work)


def page(house: House) -> list[tuple[float, float]]:
    """Seconds for a partner's page of 100 customers, and for a sweep of the same values, by turns.

    What the sweep gives is compared with what is in the page: both give everybody's values.
    """
    party = partner(house)
    signed(house, party, manager(house))
    some = people(house, 0, pulls.PAGE_PEOPLE)
    house.do(lambda t: t.record_each(some, "service-order", fact="has-service"))  # for the sweep
    gate, pairs = house.provider.gate.gate, []
    for _ in range(ROUNDS + 1):
        pull = house.do(lambda t: pulls.begin(t, party, "offers", FIELDS))
        start = time.process_time()
        answer = house.do(partial(pulls.give, pull=pull, number=1))
        took = time.process_time() - start
        if len(answer.lines.splitlines()) != len(some) + 1:
            raise SystemExit("not everybody is in the page")
        start = time.process_time()
        swept = gate.sweep("use", some, [*FIELDS], purpose="service-provision")
        pairs.append((took, time.process_time() - start))
        if any(
            isinstance(each, Refused) or len(each.values) < len(FIELDS) for each in swept.values()
        ):
            raise SystemExit("the sweep does not give the values")
    return pairs[1:]  # the first compiles


def joined(house: House, its: Programme, number: int, most: int) -> None:
    """Let people join a programme; `number` is that of the first of them."""
    wording = members.digest(programmes.wording(house.policy, its))
    for first in range(0, most, LOT):
        some = people(house, number + first, min(LOT, most - first))

        def work(transaction: GateTransaction, some: list[PersonId] = some) -> None:
            for each in some:
                members.join(house.provider, transaction, each, its, wording)

        house.do(work)


def running(house: House, its: Programme) -> tuple[float, float]:
    """How many a second a run sends, and by how many MB the process grew."""
    gc.collect()
    before, start = _fresh_peak(), time.process_time()
    result = runs.run(house.provider.gate.gate, its.programme_id)
    took = time.process_time() - start
    return result.people / took, _peak() - before


def _fresh_peak() -> float:
    """Let the peak be counted from now on; how much is held now, in MB."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> float:
    with suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(each.split()[1]) / 1024 for each in lines if each.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    most = parser.parse_args().people
    print(f"Measured on {os.cpu_count()} cores.\n\n| work | measured | target |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with contextmanager(houses)(empty_database(folder), folder) as opening:
            house = opening(upheld.load(sample_policy()))
            pairs = page(house)
            mine, sweep = (min(each) * 1e3 for each in zip(*pairs, strict=True))
            times = median(one / other for one, other in pairs)
            print(f"| a partner's page of 100, {mine:,.0f} ms beside {sweep:,.1f} ms | ", end="")
            print(f"{times:.1f}× a sweep of the same values | {TIMES_MOST}× |", flush=True)
            tenth = programme(house)
            whole = programme(house, tenth.party, "Parcels")
            joined(house, tenth, 1_000, most // 10)
            joined(house, whole, 1_000 + most, most)
            for its, count in ((tenth, most // 10), (whole, most)):
                rate, grown = running(house, its)
                print(f"| a run of {count:,} who joined | {rate:,.0f} a second,", end="")
                print(f" {grown:,.1f} MB more | flat |", flush=True)


if __name__ == "__main__":
    main()
