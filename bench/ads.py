"""How fast an advertisement is picked, groups are counted, and people are brought into bitmaps.

Every pick is compared with the plain definition, which looks at each campaign, before it is timed,
and so is every count of a group. Prints a Markdown table for docs/benchmarks.md. `--members N` says
how many people of a database are read through the gate. Time is that of the processor.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import upheld
from upheld.core.ids import CampaignId
from upheld.database.columns import microseconds
from upheld.demo import sample_policy
from upheld.gate.gate import Gate
from upheld.gate.transaction import GateTransaction
from upheld.practice import bands
from upheld.practices.ads import audience, campaigns, estimates, segments
from upheld.practices.ads.campaigns import Campaign
from upheld.practices.ads.matching import CampaignIndex, Groups, Mask
from upheld.practices.ads.picking import LiveCampaigns, Picking, Seen
from upheld.practices.ads.segments import Segments
from upheld.practices.ads.tables import campaign
from upheld.vault.opened_ahead import OpenedAhead

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from empty import empty_database
from practices.ads import advertiser, booked, crowd
from practices.conftest import House, houses

NOW: Final = datetime(2026, 3, 11, 16, 20, tzinfo=UTC)
CAMPAIGNS: Final = 10_000
PEOPLE: Final = 1_000_000
PICKS: Final = 50_000
OPTED_OUT: Final = 0.05
COMPARED: Final = 200
ASKED_EACH: Final = 100_000  # people of a database who are each asked about alone
CHANCE: Final = random.Random(25)  # noqa: S311 - the same in each run
ANSWER: Final[dict[str, Any]] = {"approve": True, "reason": "", "actor": "staff mo"}
FIELDS: Final = bands.fields_of(dict.fromkeys(bands.FIELD_OF, ()))


def words(dimension: str) -> list[str]:
    """The bands of a dimension."""
    if dimension == bands.AREA:
        return [f"{number:03}" for number in range(1000)]
    return [word for word, _ in bands.options(dimension)]


WORDS: Final = {each: words(each) for each in bands.FIELD_OF}


def criteria() -> dict[str, list[str]]:
    """Whom a campaign is meant for: one to three dimensions, of each some bands."""
    chosen = CHANCE.sample(sorted(WORDS), CHANCE.randint(1, 3))
    return {each: CHANCE.sample(WORDS[each], CHANCE.randint(1, 2)) for each in chosen}


def some_campaign(number: int) -> Campaign:
    """A campaign that is live; one in twenty is for anybody."""
    return Campaign(
        CampaignId(f"{number:032}"),
        f"party-{number % 500}",
        "Spades",
        "New spades",
        "https://shop.example/spades",
        "garden",
        criteria() if number % 20 else {},
        NOW - timedelta(days=1),
        NOW + timedelta(days=CHANCE.randint(1, 90)),
        1_000,
        campaigns.APPROVED,
        "",
        CHANCE.randint(200, 100_000),
        50,
        campaigns.VIEWS,
        100,
    )


def mask() -> Mask:
    """Somebody's bands: an age, mostly the others too, of interests up to three."""
    result = {"age-range": {CHANCE.choice(WORDS["age-range"])}}
    for dimension in ("gender", "occupation", "industry", bands.AREA):
        if CHANCE.random() < 0.8:
            result[dimension] = {CHANCE.choice(WORDS[dimension])}
    result["interests"] = {*CHANCE.sample(WORDS["interests"], CHANCE.randint(0, 3))}
    return result


def plainly(live: list[Campaign], mine: Mask, groups: Groups) -> set[str]:
    """What is meant for somebody, by the definition."""
    return {
        each.campaign_id
        for each in live
        if each.criteria
        and bands.meets(each.criteria, mine)
        and all(0 < groups.get(f, 0) <= each.eligible for f in bands.fields_of(each.criteria))
    }


def picks() -> None:
    """The time of a pick among live campaigns, and of making their index."""
    live = [some_campaign(number) for number in range(CAMPAIGNS)]
    start = time.process_time()
    index = CampaignIndex(live, NOW)
    row(f"index of {CAMPAIGNS:,} campaigns", f"{(time.process_time() - start) * 1e3:,.0f} ms")
    groups = dict.fromkeys(FIELDS, 50)
    visitors = [mask() for _ in range(PICKS)]
    for mine in visitors[:COMPARED]:
        bits = index.meant(mine, groups)
        if {c.campaign_id for at, c in enumerate(index.live) if bits >> at & 1} != plainly(
            live, mine, groups
        ):
            raise SystemExit("the bits do not say what the definition says")
    views: dict[str, int] = dict.fromkeys([each.campaign_id for each in live[:12]], 1)
    times = []
    for turn, mine in enumerate(visitors):
        before = time.process_time_ns()
        barred = index.bits_of(views)
        index.pick(index.meant(mine, groups) & ~barred, views, turn)
        times.append(time.process_time_ns() - before)
    times.sort()
    middle, late = (times[int(len(times) * share)] / 1e3 for share in (0.5, 0.99))
    row("a pick, p50", f"{middle:,.0f} µs")
    row("a pick, p99", f"{late:,.0f} µs", "1,000 µs")
    row("picks on one core", f"{len(times) / (sum(times) / 1e9):,.0f} a second", "20,000")


def groups_of_many() -> None:
    """The time and memory of bitmaps over a million people whose bands are read already."""
    masks = [mask() for _ in range(PEOPLE // 10)]  # each ten times
    gc.collect()
    before = held_mb()
    start = time.process_time()
    bitmaps = Segments(FIELDS)
    for _ in range(10):
        bitmaps.add((FIELDS, each) for each in masks)
    row(f"bitmaps of {PEOPLE:,} people", f"{time.process_time() - start:,.1f} s", "30 s")
    row("their memory", f"{held_mb() - before:,.0f} MB")
    packed = bitmaps.pack("", "")
    row("as they are kept", f"{len(packed) / 1e6:,.1f} MB")
    groups = [criteria() for _ in range(COMPARED)]
    for its in groups[:20]:
        if bitmaps.count(its) != 10 * sum(bands.meets(its, one) for one in masks):
            raise SystemExit("the bitmaps do not count what the definition counts")
    start = time.process_time()
    for its in groups:
        bitmaps.count(its)
    took = (time.process_time() - start) / len(groups)
    row("a group counted", f"{took * 1e3:,.1f} ms")


def bring(transaction: GateTransaction, most: int) -> None:
    """Some people, as a provider brings those whom it had before; one in twenty opted out."""
    for _ in range(most):
        person = transaction.enrol()
        born = date(1940, 1, 1) + timedelta(days=CHANCE.randrange(66 * 365))
        area = f"{CHANCE.randrange(100_000):05}"
        gender = CHANCE.choice(["female", "male"])
        values = {"birth-date": born.isoformat(), "gender": gender, "zip": area}
        transaction.bring(person, values)
        if CHANCE.random() < OPTED_OUT:
            transaction.record(person, "opt-out", fact="advertising-opt-out")


def through_the_gate(house: House, members: int) -> None:
    """The time in which people of a database are read through the gate into bitmaps."""
    party = advertiser(house)
    booked(house, party, {"age-range": ["35-44"], "gender": ["women"], "zip": ["982"]})
    for _ in range(0, members, 1_000):
        house.do(partial(bring, most=1_000))
    helpers, start, clock = helpers_seconds(), time.process_time(), time.perf_counter()
    number = segments.make(house.provider.gate.gate)
    took, clock = time.process_time() - start, time.perf_counter() - clock
    if members <= ASKED_EACH and number != naively(house):
        raise SystemExit("others are in the bitmaps than the policy allows, asked one by one")
    each = 1e6 / members
    row(f"{members:,} people through the gate, each", f"{took * each:,.1f} µs", "30 µs")
    row("of the process that opens ahead", f"{(helpers_seconds() - helpers) * each:,.1f} µs")
    row("by the clock, with whatever else ran", f"{clock * each:,.1f} µs", "30 µs")


def a_review(house: House) -> None:
    """How long others who write wait for a review, once somebody of each lot has changed."""
    gate, its = house.provider.gate.gate, house.do(lambda t: campaigns.every(t.tables))[0]
    lots = house.do(lambda t: segments.current(t, its.criteria)).lots
    for each in lots:
        house.do(partial(opt_out, after=each.after))
    times: list[float] = []
    real = Gate.together

    @contextmanager
    def timed(gate: Gate, ahead: OpenedAhead | None = None) -> Iterator[GateTransaction]:
        with real(gate, ahead) as transaction:
            start = time.process_time()
            yield transaction
            times.append(time.process_time() - start)

    with patch.object(Gate, "together", timed):
        estimates.prepare(gate, its.campaign_id)
        row("the longest transaction before a review", f"{max(times, default=0) * 1e3:,.0f} ms")
        times.clear()
        house.do(partial(estimates.review, campaign_id=its.campaign_id, **ANSWER))
    row("the transaction of a review", f"{max(times) * 1e3:,.0f} ms")


def opt_out(transaction: GateTransaction, after: str) -> None:
    """Turn advertisements by what is known of the next one after somebody off, if there is one."""
    for person in transaction.customers_after(after, 1):
        transaction.record(person, "opt-out", fact="advertising-opt-out")


def helpers_seconds() -> float:
    """The processor's time of the processes that were started and are over."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def naively(house: House) -> int:
    """How many people the policy lets advertisements be chosen for, each asked by themselves."""

    def count(transaction: GateTransaction) -> int:
        acts = audience.choosing(("birth-date", "gender", "zip"))
        people = transaction.customers_after("", PEOPLE)
        return sum(all(transaction.peek(each, act).allowed for act in acts) for each in people)

    return house.do(count)


def pages(house: House, visitors: int = 100) -> None:
    """What a page costs the gate, with the campaigns in the database."""
    party = advertiser(house, "Elm Shop")

    def write(transaction: GateTransaction) -> None:
        new = (some_campaign(number)._replace(party=party) for number in range(CAMPAIGNS))
        transaction.tables.insert_all(campaign, (as_row(each) for each in new))

    house.do(write)
    people = crowd(house, visitors)
    picking = Picking(house.provider)
    start = time.process_time()
    live = house.do(
        lambda t: LiveCampaigns.of(
            [c for c in campaigns.every(t.tables) if c.state == campaigns.APPROVED],
            house.clock.now(),
        )
    )
    row("the index read from the database", f"{time.process_time() - start:,.1f} s")
    start = time.process_time()
    for each in people:
        assert house.do(partial(picking._show, person_id=each, live=live, seen=Seen()))
    row(
        "a page's advertisement, all acts",
        f"{(time.process_time() - start) * 1e3 / visitors:,.1f} ms",
    )


def as_row(its: Campaign) -> dict[str, Any]:
    """A campaign as a row of its table."""
    times = {"begins": its.begins, "ends": its.ends, "created_at": its.begins}
    return {
        **its._asdict(),
        "criteria": json.dumps(dict(its.criteria)),
        **{name: microseconds(at) for name, at in times.items()},
        "created_by": "agent pat",
        "reviewed_by": "staff mo",
    }


def held_mb() -> float:
    """What the process holds now, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) / 1024 for each in lines if each.startswith("VmRSS:"))


def row(what: str, measured: str, target: str = "") -> None:
    """Print a line of the table."""
    print(f"| {what} | {measured} | {target} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=100_000)
    members = parser.parse_args().members
    print(f"Measured on {os.cpu_count()} cores.\n\n| work | measured | target |\n|---|---|---|")
    picks()
    groups_of_many()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with contextmanager(houses)(empty_database(folder), folder) as opening:
            house = opening(upheld.load(sample_policy()))
            through_the_gate(house, members)
            a_review(house)
            pages(house)


if __name__ == "__main__":
    main()
