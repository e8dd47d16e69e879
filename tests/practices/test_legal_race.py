"""Of the steps of an instrument each is taken once, however many take it at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from practices import orders
from practices.conftest import House
from practices.orders import demand, desk_of
from upheld.practices.legal.demands import LegalError


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
