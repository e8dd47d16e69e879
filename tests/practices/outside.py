"""Companies outside and what they are given, so that each page about them can be visited."""

from __future__ import annotations

from typing import NamedTuple

from practices.ads import approved
from practices.closings import lawyers_of, opened, terms_of
from practices.conftest import House
from practices.programmes import join, programme
from practices.programmes import partner as programme_partner
from practices.test_agreements import partner as trusted_partner
from practices.test_agreements import signed
from practices.test_deliveries import confirm, hand_out, make, permit, supplier
from upheld.core.ids import CampaignId, PersonId, ReportId, UserId
from upheld.practice import recipient_requests
from upheld.practices.programmes import members
from upheld.practices.reports import reports
from upheld.practices.reports.questions import question


class Outside(NamedTuple):
    """The words and ids of companies, and of what goes to them."""

    party: str
    programme: str
    programme_request: str  # of a child, which waits for their guardian
    partner: str
    agreement: str
    delivery: str
    campaign: CampaignId
    closing: str  # that was refused
    report: ReportId  # for clients outside


def outside(house: House, customer: PersonId, child: PersonId, manager: UserId) -> Outside:
    """A programme, a signed agreement and a delivery, each with a company of its own."""
    its = programme(house, programme_partner(house))
    assert join(house.signed_in(child), its) == 303
    (mine,) = house.do(lambda t: members.of_person(t.tables, child)).values()
    partner = trusted_partner(house)
    agreement = signed(house, partner, manager, days=3_000)
    party = supplier(house)
    permit(house, customer, party)
    _ask(house, party, customer)
    delivery = make(house, party, [customer])
    return Outside(
        party,
        its.programme_id,
        mine.request_id,
        partner,
        agreement.agreement_id,
        delivery.delivery_id,
        approved(house).campaign_id,
        _refused_closing(house, customer),
        _report(house),
    )


def _ask(house: House, party: str, customer: PersonId) -> None:
    """Something that a company received and is asked to delete."""
    its = make(house, party, [customer])
    hand_out(house, its)
    confirm(house, its)
    house.do(lambda t: recipient_requests.opted_out(t, customer, "support"))


def _report(house: House) -> ReportId:
    wanted = question("customers", "gender", "", 10, house.clock.today())
    its = house.do(lambda t: reports.ask(t, wanted, reports.OUTSIDE, actor="agent ed"))
    return reports.complete(house.provider.gate.gate, its.report_id).report_id


def _refused_closing(house: House, customer: PersonId) -> str:
    lawyers = lawyers_of(house)
    closing_id = opened(house, lawyers, terms_of(house, lawyers, customer)).closing_id
    house.do(lambda t: lawyers.closings.refuse(t, closing_id, lawyers.second))
    return closing_id
