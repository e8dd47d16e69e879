"""Sets of rows that are written in several steps are sealed once, and are whole at each of them."""

from __future__ import annotations

from contextlib import suppress

import pytest

from gate.conftest import customer
from gate.test_faults import problems
from upheld.core.ids import PersonId
from upheld.gate.act.options import RecordOptions
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction

ORDER = RecordOptions(fact="has-service", by_whom="customer")


def orders(gate: Gate, person: PersonId) -> int:
    """How many orders there are of somebody, whose records are whole."""
    with gate.together() as transaction:
        return _orders(transaction, person)


def _orders(transaction: Transaction, person: PersonId) -> int:
    return len(transaction.records_of_each([person]))


def test_rows_are_whole_within_the_block_after_it_and_for_whoever_looks_through_all(
    gate: Gate,
) -> None:
    """Also of a person who is new in it, of one who is written twice, and for what is decided."""
    ann, bo = customer(gate), customer(gate)
    with gate.together() as transaction:
        with transaction.counted_once():
            new = transaction.enrol()
            for _ in range(3):
                transaction.record_each([ann, bo, new], "service-order", **ORDER)
                with transaction.counted_once():
                    record = transaction.record(bo, "service-order", **ORDER)
                transaction.withdraw(bo, record)
            assert [_orders(transaction, each) for each in (ann, bo, new)] == [4, 7, 3]
        transaction.record(ann, "service-order", **ORDER)
    assert [orders(gate, each) for each in (ann, bo, new)] == [5, 7, 3]
    assert problems(gate) == ()


def test_what_is_undone_within_the_block_takes_nothing_else_along(gate: Gate) -> None:
    """Neither what was written before a savepoint, nor what comes after it."""
    ann = customer(gate)
    with gate.together() as transaction, transaction.counted_once():
        transaction.record(ann, "service-order", **ORDER)
        with suppress(KeyError), transaction.savepoint():
            transaction.record(ann, "service-order", **ORDER)
            raise KeyError
        assert _orders(transaction, ann) == 2
        transaction.record(ann, "service-order", **ORDER)
    assert orders(gate, ann) == 3
    assert problems(gate) == ()


def test_nothing_is_left_of_a_block_that_raised(gate: Gate) -> None:
    """With its transaction; the next one is as any other."""
    ann = customer(gate)
    with pytest.raises(KeyError), gate.together() as transaction, transaction.counted_once():
        transaction.record(ann, "service-order", **ORDER)
        raise KeyError
    assert orders(gate, ann) == 1
    with gate.together() as transaction:
        transaction.record(ann, "service-order", **ORDER)
    assert orders(gate, ann) == 2
    assert problems(gate) == ()
