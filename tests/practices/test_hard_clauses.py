"""What the clauses of the hard days let us do or oblige us to, which without them we do not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

import upheld
from empty import empty_database
from practices import orders
from practices.closings import approved, lawyers_of, run_job, terms_of
from practices.conftest import House, send
from practices.orders import desk_of
from practices.stories.test_keeping import pass_months, remaining_fields
from practices.stories.test_legal import about_us, reviews
from practices.test_incidents import drafted
from practices.test_incidents import run_job as send_breach_notices
from practices.test_takeovers import notices, transfers
from practices.without import without
from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.practices.legal.demands import LegalError


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: what is asked here is what the policy says."""
    return empty_database(tmp_path)


BELIEF: Final = "It was them, and they are about to do it again."


def _refused(house: House, kind: str, **changes: Any) -> bool:
    """Whether an instrument that two people agreed to releases nothing about its customer."""
    desk, ann = desk_of(house), house.customer()
    wanted = about_us(house, ann, kind=kind, **changes)
    with suppress(LegalError):  # of a policy that has no words for it
        if kind != "determination":
            order = orders.approved(house, desk, wanted)
        else:
            order = orders.opened(house, desk, wanted, b"")
            if order.state != "approved":
                name = order.instrument_id
                order = house.do(lambda t: desk.instruments.approve(t, name, desk.second))
            order = orders.give_key(house, desk, order.instrument_id)
        return isinstance(orders.release(house, desk, order), Refused)
    return True


def _demanded(house: House) -> bool:
    return _refused(house, "subpoena")


def _claimed(house: House) -> bool:
    return _refused(house, "claim")


def _determined(house: House) -> bool:
    return _refused(house, "determination", ground="suspected-fraud", belief=BELIEF)


EMERGENCY: Final = {
    "ground": "physical-safety",
    "belief": "She asked for help and does not answer.",
    "recipient": "emergency-service",
}


def _given_at_once(house: House) -> bool:
    return _refused(house, "determination", **EMERGENCY)


def _reviewed(house: House) -> bool:
    desk, ann = desk_of(house), house.customer()
    wanted = about_us(house, ann, kind="determination", **EMERGENCY)
    name = orders.opened(house, desk, wanted, b"").instrument_id
    released = orders.release(house, desk, orders.give_key(house, desk, name))
    assert not isinstance(released, Refused)
    is_owed = reviews(house, ann) == ["open"]
    answer = house.do(lambda t: desk.instruments.review(t, name, "It had to be.", desk.second))
    return not is_owed and isinstance(answer, Refused)


def _sold(house: House) -> tuple[House, PersonId]:
    ann, lawyers = house.customer(), lawyers_of(house)
    approved(house, lawyers, terms_of(house, lawyers, ann))
    run_job(house)
    return house, ann


def _transferred(house: House) -> bool:
    return [each.outcome for each in transfers(*_sold(house))] != ["allow"]


def _told_of_it(house: House) -> bool:
    house, ann = _sold(house)
    assert len(transfers(house, ann)) == 1
    browser = house.signed_in(ann)
    return (
        "Your account was transferred to another company" not in browser.get("/me/messages").text
        and notices(house, ann) <= 1  # which is the refusal
    )


def _told_of_a_breach(house: House) -> bool:
    ann = house.customer()
    desk = [
        house.signed_in(house.staff("privacy", sign_in=name), "staff") for name in ("pia", "pat")
    ]
    path = drafted(house, (desk[0], desk[1]), ann)
    send(desk[1], f"{path}/approve", {}, path)
    send_breach_notices(house)
    answer = house.signed_in(ann).get(path.replace("/staff", "/me"))
    return bool(answer.status_code == 404)


def _gone_in_time(house: House) -> bool:
    """Whether what a closed account has stays longer than half a year."""
    ann = house.customer(interests="hiking")
    assert send(house.signed_in(ann), "/me/close", {"sure": "yes"}).status_code == 303
    pass_months(house, 7)
    return "interests" in remaining_fields(house, ann)


RESTS_ON: Final[dict[str, Callable[[House], bool]]] = {
    "legal-process": _demanded,
    "legal-claims": _claimed,
    "investigations": _determined,
    "emergencies": _given_at_once,
    "emergency-review": _reviewed,
    "takeover": _transferred,
    "transfer-notice": _told_of_it,
    "breach": _told_of_a_breach,
    "retention": _gone_in_time,
}
"""By clause, the story that is refused without it; `test_clauses.py` tries each both ways."""


def test_the_page_of_safeguards_quotes_the_clause_that_promises_them(
    open_house: Callable[..., House], sample: upheld.Policy
) -> None:
    """The public one, to which the clause owes its truth; without it there is nothing to quote."""
    for policy, is_quoted in ((sample, True), (without("safeguards"), False)):
        page = open_house(policy).browser().get("/privacy/safeguards").text
        assert ("What our policy promises" in page) is is_quoted
