"""A draft in the shadow of real acts for a week: counted by clause, and of no effect on any act."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from gate.versions import NARROWER, WIDER, post, version
from practices.conftest import House, send
from practices.test_version_console import HERE, SURE, counsel, drafted, source, words
from upheld.core.errors import UpheldError
from upheld.core.ids import DraftId, PersonId
from upheld.database.statements import rows
from upheld.gate.act.request import Refused
from upheld.gate.transaction import GateTransaction
from upheld.practices.versions import shadows
from upheld.practices.versions.shadows import DraftShadow, follow_shadows


def use(house: House, person: PersonId, field: str) -> None:
    """Use a value for improving services, or be refused."""
    try:
        house.provider.gate.gate.use(person, [field], purpose="service-improvement")
    except Refused:
        return


def shadow(house: House, path: str) -> DraftShadow:
    """The shadow of a draft, after its job has run."""
    follow_shadows(house.provider.gate.gate)
    there = house.do(
        lambda transaction: shadows.shadow_of(transaction.tables, DraftId(path.rpartition("/")[2]))
    )
    assert there is not None
    return there


def entries(transaction: GateTransaction) -> int:
    """How many entries the log has."""
    ((many,),) = rows(transaction.connection, "SELECT count(*) FROM entry")
    return int(many)


def test_acts_since_the_beginning_are_counted_by_clause(house: House) -> None:
    """What a draft would newly allow, and what it would no longer allow, on what was so then."""
    ann, bob = house.customer(), house.customer("bob@marked.example")
    olga = counsel(house, "olga")
    use(house, ann, "interests")
    path = drafted(olga, source("two", WIDER))
    assert "Begin the week" in words(olga.get(f"{path}/shadow"))
    assert send(olga, f"{path}/shadow", {}, f"{path}/shadow").status_code == 303
    for person in (ann, ann, bob):
        use(house, person, "interests")
    use(house, bob, "services")
    house.do(
        lambda transaction: transaction.record(
            ann,
            "objection",
            fact="objected",
            about={"purpose": ["service-improvement"]},
            by_whom="customer",
        )
    )
    use(house, ann, "interests")
    there = shadow(house, path)
    assert (there.acts, there.otherwise) == (5, 3)
    assert ("newly allowed", "improving", 3) in there.changes
    page = words(olga.get(f"{path}/shadow"))
    assert "Of 5 acts, the draft would have decided 3 otherwise." in page
    assert "#improving newly allowed 3" in page
    assert ann not in page
    assert shadow(house, path) == there


def test_no_act_is_decided_otherwise_or_writes_more(house: House) -> None:
    """The log has as many entries with a shadow as without, and its job writes none."""
    ann = house.customer()
    olga = counsel(house, "olga")
    before = house.do(entries)
    use(house, ann, "services")
    use(house, ann, "interests")
    cost = house.do(entries) - before
    path = drafted(olga, source("two", NARROWER))
    send(olga, f"{path}/shadow", {}, f"{path}/shadow")
    before = house.do(entries)
    use(house, ann, "services")
    use(house, ann, "interests")
    assert house.do(entries) - before == cost
    shadow(house, path)
    assert house.do(entries) - before == cost


def test_it_ends_after_its_week_and_counts_nothing_later(house: House) -> None:
    """Acts of the week are counted however late the job runs; those after it are not."""
    ann = house.customer()
    olga = counsel(house, "olga")
    path = drafted(olga, source("two", WIDER))
    send(olga, f"{path}/shadow", {}, f"{path}/shadow")
    house.clock.moved += timedelta(days=6)
    house.provider.gate.gate.accept_clock()
    use(house, ann, "interests")
    house.clock.moved += timedelta(days=2)
    house.provider.gate.gate.accept_clock()
    use(house, ann, "interests")
    there = shadow(house, path)
    assert (there.acts, there.state) == (1, "over")
    assert "and is over" in words(counsel(house, "quinn").get(f"{path}/shadow"))


@pytest.mark.parametrize("end", ["dropped", "another version", "ended"])
def test_it_ends_with_what_it_is_compared_with(house: House, end: str) -> None:
    """A draft that is dropped or out of date is shadowed no longer, and what was counted stays."""
    ann = house.customer()
    olga = counsel(house, "olga")
    path = drafted(olga, source("two", WIDER))
    send(olga, f"{path}/shadow", {}, f"{path}/shadow")
    use(house, ann, "interests")
    assert shadow(house, path).acts == 1
    if end == "dropped":
        assert send(olga, f"{path}/drop", SURE, path).status_code == 303
    elif end == "ended":
        assert send(olga, f"{path}/shadow/end", {}, f"{path}/shadow").status_code == 303
    else:
        post(house.provider.gate.gate, version("three", NARROWER))
    use(house, ann, "interests")
    there = shadow(house, path)
    assert (there.state, there.acts) == ("over", 1)
    again = send(olga, f"{path}/shadow", {}, f"{HERE}")
    assert again.status_code == 409
    assert "Of 1 act," in words(again)


def test_of_twenty_who_begin_it_at_once_one_does(house: House) -> None:
    """It runs once, for those with the role alone."""
    olga, support = counsel(house, "olga"), counsel(house, "sue", "support")
    path = drafted(olga, source("two", WIDER))
    assert support.get(f"{path}/shadow").status_code == 403
    assert send(support, f"{path}/shadow", {}, "/staff").status_code == 403
    assert send(support, f"{path}/shadow/end", {}, "/staff").status_code == 403
    paul = house.staff("counsel", sign_in="paul")
    draft_id = path.rpartition("/")[2]

    def begin(_: int) -> str:
        try:
            house.do(lambda transaction: shadows.begin_shadow(transaction, DraftId(draft_id), paul))
        except UpheldError as error:
            return error.code
        return "begun"

    with ThreadPoolExecutor(20) as pool:
        assert Counter(pool.map(begin, range(20))) == {"begun": 1, "version-shadow": 19}
