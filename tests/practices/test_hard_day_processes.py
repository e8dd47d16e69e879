"""Hard days in processes of their own: one that is killed leaves nothing half, two do it once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

import upheld
from practices import closings
from practices.at_once import KILLED, at_once, ended
from practices.conftest import House, send
from practices.orders import approved, demand, desk_of, opened_files
from practices.test_collection import lines, read, visits
from practices.test_compaction import keep_many
from practices.test_damaged_blocks import HOLDS, put_under_hold
from practices.test_day_counts import tied
from practices.test_incidents import (
    drafted,
    letters,
    owed,
    run_job,
)
from practices.test_partner_transactions import partner, row, stored, take
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase, renew
from upheld.gate.log import entries
from upheld.gate.operations.selfcheck import selfcheck
from upheld.gate.public import VaultError
from upheld.practices.collection.released import OWN_ROWS
from upheld.practices.collection.retention import retire
from upheld.practices.legal.instruments import Instruments
from upheld.practices.legal.production import Production
from upheld.practices.legal.release import Releases


def routes(house: House) -> Counter[str]:
    """How often each page is there."""
    return Counter(each.route for each in visits(house))


def is_whole(house: House) -> bool:
    """Whether everything is as it was written."""
    gate = house.provider.gate.gate
    return not selfcheck(gate.engine, gate.context.keyring).problems


@pytest.mark.parametrize("hold", HOLDS)
def test_an_erasure_of_visits_that_is_killed_leaves_nothing_half_done_or_lost(
    open_house: Callable[..., House], sample: upheld.Policy, hold: str
) -> None:
    """At each of its transactions, before it is kept and after: done again, it is done whole."""
    house = open_house(sample)
    gate = house.provider.gate.gate
    for number, at in enumerate(count(1)):
        mine, bos = 2 * number + 1, 2 * number + 2
        ann, _ = (tied(house, f"c{each}@marked.example", b"c%d" % each) for each in (mine, bos))
        for days_ago in (2, 1):
            keep_many(house, mine, bos, days_ago=days_ago)
        if hold != "none":
            put_under_hold(house, ann, silent=hold == "silent")
        page, others = f"/p{mine}", f"/p{bos}"
        before = routes(house)

        def work(mine: House, ann: PersonId = ann) -> None:
            erase(mine.provider.gate.gate, [ann])

        code = ended(open_house, house, work, at=at, is_kept=number % 2 == 1)
        after = routes(house)
        assert {**after, page: 0} == {**before, page: 0}
        assert after[page] <= before[page]
        if hold != "none":
            assert after[page] == before[page] == 2
        assert is_whole(house)
        with suppress(VaultError):  # where it was begun, or done
            erase(gate, [ann])
        renew(gate)
        retire(gate)
        assert routes(house)[page] == (0 if hold == "none" else 2)
        assert routes(house)[others] == 2
        assert is_whole(house)
        if hold != "none":
            kept = [ann, *house.do(lambda t: t.everybody_apart())]
            told = [
                text
                for each in kept
                for _, text in house.do(lambda t: OWN_ROWS["page-request"](t, each))  # noqa: B023 - called at once
            ]
            assert told.count(page) == 2
        if code == 0:
            break
        assert code == KILLED
    assert at > 3


def test_of_two_processes_that_release_at_once_one_does_and_both_get_the_same_file(
    open_house: Callable[..., House], sample: upheld.Policy
) -> None:
    """One share and one release; that it was delivered is noted once."""
    house = open_house(sample)
    desk, ann = desk_of(house), house.customer()
    which = approved(house, desk, demand(house, ann)).instrument_id

    def release(mine: House) -> str:
        releases = Releases(Instruments(mine.provider))
        result = mine.do(lambda t: releases.release(t, which, desk.officer))
        assert isinstance(result, Production)
        return result.digest

    answers = at_once(open_house, house, [release] * 3)
    assert sorted(answers)[1:] == ["legal-undelivered"] * 2
    assert [each.entry.action for each in house.provider.gate.gate.entries(ann)].count("share") == 1

    def again(mine: House) -> str:
        releases = Releases(Instruments(mine.provider))
        result = mine.do(lambda t: releases.release_again(t, which, desk.officer))
        assert not isinstance(result, Refused)
        assert "manifest.json" in opened_files(result.content)
        mine.do(lambda t: releases.custody.confirm(t, which, result.release, desk.officer))
        return result.digest

    answers = at_once(open_house, house, [again] * 3)
    assert len({*answers} - {"legal-state"}) == 1
    assert [each.entry.action for each in house.provider.gate.gate.entries(ann)].count("share") == 1
    its = house.do(lambda t: desk.instruments.require(t.tables, which))
    assert its.releases == 1
    assert [entry_count(house, f"legal.{each}") for each in ("release", "deliver")] == [1, 1]
    assert is_whole(house)


def entry_count(house: House, kind: str) -> int:
    """How many entries of a kind there are."""
    with reading(house.provider.gate.gate.engine) as connection:
        return len([*entries.of_kind(connection, kind)])


def test_of_two_processes_that_transfer_at_once_each_account_goes_once(
    open_house: Callable[..., House], sample: upheld.Policy
) -> None:
    """All of them, in one archive that is whole, and the customers are told once."""
    house = open_house(sample)
    lawyers = closings.lawyers_of(house)
    people = [house.customer(f"c{each}@marked.example") for each in range(6)]
    closings.approved(house, lawyers, closings.terms_of(house, lawyers))
    assert sum(map(int, at_once(open_house, house, [closings.run_job] * 2))) > 0
    closings.run_job(house)
    for each in people:
        acts = [one.entry.action for one in house.provider.gate.gate.entries(each)]
        assert acts.count("transfer") == 1
    with reading(house.provider.gate.gate.engine) as connection:
        places = rows(connection, "SELECT person_id FROM takeover_account")
    assert sorted(who for (who,) in places) == sorted(people)
    assert is_whole(house)


def test_of_two_processes_that_send_notices_of_a_breach_at_once_each_is_sent_once(
    open_house: Callable[..., House], sample: upheld.Policy
) -> None:
    """To everybody whom it touched: one letter, and what was owed is done."""
    house = open_house(sample)
    pia, pat = (house.staff("privacy", sign_in=name) for name in ("pia", "pat"))
    officers = house.signed_in(pia, "staff"), house.signed_in(pat, "staff")
    people = [house.customer(f"c{each}@marked.example") for each in range(4)]
    path = drafted(house, officers, *people)
    assert send(officers[1], f"{path}/approve", {}, path).status_code == 303
    assert sum(map(int, at_once(open_house, house, [run_job] * 3))) > 0
    run_job(house)
    for each in people:
        assert [state for state, _ in owed(house, each)] in ([], ["done"])
    told = [to for to, _ in letters(house, "/me/")]
    assert Counter(told).most_common(1)[0][1] == 1
    assert len(told) == len(people)
    assert is_whole(house)


def test_of_two_processes_that_read_the_same_logs_at_once_each_line_is_kept_once(
    open_house: Callable[..., House], sample: upheld.Policy, tmp_path: Path
) -> None:
    """Whichever of them reads which."""
    house = open_house(sample)
    logs = []
    for number in range(3):
        log = tmp_path / f"{number}.log"
        log.write_text(lines(300, start=1000 * number))
        logs.append(log)

    def ingest(mine: House) -> int:
        return sum(read(mine, log).visits for log in logs)

    def backwards(mine: House) -> int:
        return sum(read(mine, log).visits for log in reversed(logs))

    answers = at_once(open_house, house, [ingest, backwards])
    assert sum(map(int, answers)) == 900
    assert len(visits(house)) == 900
    assert is_whole(house)


def test_of_two_processes_that_take_in_the_same_rows_at_once_each_is_kept_once(
    open_house: Callable[..., House], sample: upheld.Policy
) -> None:
    """Of each customer, and nobody is kept waiting in a circle."""
    house = open_house(sample)
    partner(house)
    emails = [f"c{each}@marked.example" for each in range(5)]
    for each in emails:
        house.customer(each)
    some = [row(each, f"R-{number}") for each in emails for number in range(4)]

    def forwards(mine: House) -> str:
        take(mine, *some)
        return "done"

    def backwards(mine: House) -> str:
        take(mine, *reversed(some), digest="d2")
        return "done"

    assert at_once(open_house, house, [forwards, backwards]) == ["done", "done"]
    assert len(stored(house)) == 20
    assert is_whole(house)


def test_a_process_of_a_test_that_dies_of_an_error_fails_it(
    open_house: Callable[..., House], sample: upheld.Policy
) -> None:
    """What the others gave is not taken for the whole; an error with a code is an answer."""
    house = open_house(sample)

    def dies(_: House) -> str:
        raise KeyError

    def refuses(_: House) -> str:
        raise VaultError("no", code="vault", hint="")

    assert at_once(open_house, house, [refuses, lambda _: "done"]) == ["vault", "done"]
    with pytest.raises(AssertionError, match="died of an error"):
        at_once(open_house, house, [dies, lambda _: "done"])
    assert ended(open_house, house, dies, at=1, is_kept=False) == 1
