"""A no to whether a partner's line is of a customer: it is remembered, and by a mark alone."""

from __future__ import annotations

from datetime import timedelta

from practices.conftest import House, send
from practices.test_linkage import (  # noqa: F401 - the fixtures `linked` and its policy
    ASKED,
    NEAR,
    _linked,
    _linking_policy,
    customer,
    desk,
    holds,
    open_question,
    take,
)
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.erasure.erase import erase
from upheld.practices.feeds import feeds, questions
from upheld.practices.feeds.linking import Thresholds


def answer_other(house: House, person: PersonId) -> None:
    """Let the desk say that a line is not of a customer."""
    where = f"/staff/feeds/questions/{open_question(house, person)}"
    sam = desk(house)
    send(sam, f"{where}/take", {}, where)
    send(sam, where, {"answer": "other"}, where)


def test_a_no_is_remembered_when_the_same_line_comes_again(linked: House) -> None:
    """Nobody is asked, and however certain it would be nothing is combined; another line is new."""
    rosa = customer(linked)
    line = {**NEAR, "occupation": "joiner"}
    take(linked, line, limits=ASKED)
    answer_other(linked, rosa)
    again = {**line, "name": "ROSA MILLWARD", "interests": "boats"}
    for number, limits in enumerate((ASKED, Thresholds(0.5, 0.5)), 2):
        _, left_out = take(linked, again, limits=limits, digest=f"d{number}")
        assert left_out == {2: feeds.UNMATCHED}
    assert not holds(linked, rosa) & {"occupation", "interests"}
    assert linked.do(questions.waiting) == {}
    typed = {**line, "name": "Rosaline Millward"}
    _, left_out = take(linked, typed, limits=ASKED, digest="d4")
    assert left_out == {2: feeds.WAITING}


def test_what_is_remembered_of_a_no_says_nothing_and_goes_with_the_customer(linked: House) -> None:
    """It is a mark under a key; a question that nobody answered leaves none."""
    rosa = customer(linked)
    line = {**NEAR, "occupation": "joiner"}
    take(linked, line, limits=ASKED)
    linked.clock.moved += timedelta(days=31)
    linked.provider.gate.gate.accept_clock()
    questions.lapse(linked.provider.gate.gate)
    assert refusals(linked) == []
    take(linked, line, limits=ASKED, digest="d2")
    answer_other(linked, rosa)
    ((person, party, mark),) = refusals(linked)
    assert (person, party, len(mark)) == (rosa, "spruce-point", 64)
    erase(linked.provider.gate.gate, [rosa])
    assert refusals(linked) == []


def refusals(house: House) -> list[tuple[str, ...]]:
    """What is remembered of those who are not whom a line is like."""
    with reading(house.provider.gate.gate.engine) as connection:
        statement = "SELECT person_id, party, mark FROM likeness_refused"
        return [tuple(each) for each in rows(connection, statement)]
