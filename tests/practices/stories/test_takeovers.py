"""A closing that was signed and approved: an account goes to the successor, once, and is told."""

from __future__ import annotations

from practices.closings import approved, lawyers_of, run_job, terms_of, transfer_of
from practices.conftest import House


def test_an_account_goes_to_the_successor_alone_and_once(house: House) -> None:
    """The customer reads of it; nothing goes to anybody else, or before it is approved."""
    ann, lawyers = house.customer(), lawyers_of(house)
    act = transfer_of(lawyers)
    assert not house.do(lambda t: t.peek(ann, act)).allowed
    approved(house, lawyers, terms_of(house, lawyers, ann))
    run_job(house)
    entries = [each.entry for each in house.provider.gate.gate.entries(ann)]
    (transfer,) = [each for each in entries if each.action == "transfer"]
    assert transfer.clauses == ("takeover",)
    assert {"once", "notice-to-customer", "record"} <= {*transfer.duties}
    page = house.signed_in(ann).get("/me/messages").text
    assert "Your account was transferred to another company" in page
    assert not house.do(lambda t: t.peek(ann, act)).allowed
