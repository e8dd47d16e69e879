"""Of the steps of an instrument each is taken once, however many take it at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from practices import orders
from practices.conftest import House
from practices.orders import demand, desk_of
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.retention import retire
from upheld.gate.operations.selfcheck import selfcheck
from upheld.practices.legal.demands import PRESERVATION, LegalError


def test_of_two_approvals_at_once_one_is_of_effect(house: House) -> None:
    """The other is told that somebody was first, and there is one record."""
    desk, ann = desk_of(house), house.customer()
    instrument_id = orders.opened(house, desk, demand(house, ann)).instrument_id
    house.do(lambda t: desk.instruments.check(t, instrument_id, desk.counsel))

    def approve(_: int) -> str:
        try:
            house.do(lambda t: desk.instruments.approve(t, instrument_id, desk.second))
        except LegalError as error:
            return error.code
        return ""

    with ThreadPoolExecutor(8) as threads:
        answers = sorted(threads.map(approve, range(8)))
    assert answers == ["", *["legal-state"] * 7]
    records, _ = house.do(lambda t: t.records_of([ann], ["instrument"]))
    assert len(records) == 1


def test_what_is_kept_apart_is_released_and_added_to_at_once_and_nobody_waits_in_a_circle(
    house: House,
) -> None:
    """Deletions lock an account, then who is apart of it, the desk all in order; each is done."""
    desk, gate = desk_of(house), house.provider.gate.gate
    whom = [house.customer(f"c{each}@race.example", name=f"C {each}") for each in range(4)]
    end = house.clock.now() + timedelta(days=60)
    hold = demand(house, *whom, kind=PRESERVATION, recipient="", fields=(), silence_end=end)
    orders.approved(house, desk, hold)
    for each in whom:
        assert gate.drop(each, ["name"]) == ("name",)
    wanted = orders.approved(house, desk, demand(house, *whom, silence_end=end))
    with gate.together() as transaction:
        assert len(desk.instruments.people(transaction.tables, wanted.instrument_id)) == 8

    def add(number: int) -> str:
        """Let somebody write their name and delete it, be erased, or be released."""
        mine = whom[number % len(whom)]
        if number % 5 == 0:
            with gate.together() as transaction:
                desk.instruments.lock(transaction, wanted.instrument_id, desk.officer)
            retire(gate)
        elif number >= 16:
            erase(gate, [mine])
        else:
            store = {"name": f"Since {number}"}
            with gate.together() as transaction:
                transaction.store(mine, store, source="customer", occasion="service-use")
                transaction.drop(mine, ["name"])
        return ""

    with ThreadPoolExecutor(8) as threads:
        for some in (range(16), range(15, 20)):  # erased is who has written all of theirs
            assert [*threads.map(add, some)] == [""] * len(some)
    assert selfcheck(gate.engine, gate.context.keyring).problems == ()
    text = "\n".join(orders.texts(orders.release(house, desk, wanted)).values())
    for number in (n for n in range(16) if n % 5):
        assert f"Since {number}\n" in text


def test_of_eight_releases_at_once_of_who_was_erased_one_is_made(house: House) -> None:
    """What the order beside a demand kept is proven of once, and the others are told to wait."""
    desk, ann = desk_of(house), house.customer()
    its = orders.approved(house, desk, demand(house, ann, preserves=True))
    which = its.preserved_by
    assert which is not None
    house.do(lambda t: desk.instruments.check(t, which, desk.counsel))
    house.do(lambda t: desk.instruments.approve(t, which, desk.second))
    erase(house.provider.gate.gate, [ann])

    def release(_: int) -> str:
        try:
            house.do(lambda t: desk.releases.release(t, its.instrument_id, desk.officer))
        except LegalError as error:
            return error.code
        return ""

    with ThreadPoolExecutor(8) as threads:
        answers = sorted(threads.map(release, range(8)))
    assert answers[0] == ""
    assert {*answers[1:]} == {"legal-undelivered"}
    records, _ = house.do(lambda t: t.reaching_apart().records_of([ann], ["instrument"]))
    assert len(records) == 1
