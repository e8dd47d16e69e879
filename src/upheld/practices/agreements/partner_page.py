"""The page of a partner: its agreements, what it may ask for, what it received, and its signature.

Whoever works for a company of the register signs in as its agent; they see what is their company's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from upheld.core.company_names import company_name
from upheld.gate.transaction import Transaction
from upheld.policy.vocabulary import TREE_OF
from upheld.practice import deliveries, parties
from upheld.practice.consequences import Banner, redirect_with_banner, short_reference
from upheld.practice.deliveries import PartyDelivery
from upheld.practice.endpoints import Visit
from upheld.practice.labels import label_of_customers
from upheld.practice.partner_programs import ACTIVE
from upheld.practice.plugin import Provider
from upheld.practices.agreements import agreements, clients, news, pulls, recipients
from upheld.practices.agreements.agreements import PartnerAgreement
from upheld.practices.agreements.clients import PartnerClient
from upheld.practices.agreements.console import SIGNATURE, STATES
from upheld.practices.agreements.terms import AgreementError
from upheld.web.forms import EMPTY, Filled, read
from upheld.web.pages import KEEP_OUT

HERE: Final = "/partner"


class PartnerView(NamedTuple):
    """What a partner sees."""

    party: str
    news: dict[str, str]  # what it has to know of agreements, by their ids
    agreements: list[PartnerAgreement]
    purposes: Sequence[tuple[str, Sequence[str]]]  # for which it may ask, and for what, in words
    deliveries: list[PartyDelivery]
    clients: list[PartnerClient]
    requests: int  # those that wait


class PartnerPage:
    """The page of a partner, and what is done there."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Everything that is the company's."""
        party = _party(visit)
        view = await self.provider.do(lambda transaction: self._view(transaction, party))
        return self.provider.pages.page(
            visit.request,
            "agreements/partner.html",
            status=status,
            view=view,
            name=company_name(party),
            states=STATES,
            label=self._label,
            fields=(SIGNATURE,),
            filled=filled,
        )

    async def statement(self, visit: Visit) -> Response:
        """What both sides sign, as a file."""
        party = _party(visit)
        one = await self.provider.do(lambda transaction: _own(transaction, visit, party))
        return PlainTextResponse(one.statement, headers=KEEP_OUT)

    async def accept(self, visit: Visit) -> Response:
        """Take in the company's signature of an agreement."""
        party, filled = _party(visit), read((SIGNATURE,), visit.form)

        def work(transaction: Transaction) -> PartnerAgreement:
            one = _own(transaction, visit, party)
            if not filled.ok:
                return one
            return agreements.accept(
                transaction,
                one.agreement_id,
                filled.values["signature"],
                actor=f"agent {visit.user_id}",
            )

        try:
            one = await self.provider.do(work)
        except AgreementError as error:
            wrong = filled.wrong("signature", f"{str(error)[:1].upper()}{str(error)[1:]}.")
            return await self.show(visit, wrong, 422)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        banner = Banner("We have your signature.", short_reference(one.agreement_id))
        return redirect_with_banner(self.provider, visit.session, HERE, banner)

    def _view(self, transaction: Transaction, party: str) -> PartnerView:
        tables = transaction.tables
        tree = transaction.policy.program.vocabulary.tree(TREE_OF["purpose"])
        parents = {each.parent for each in tree.values()}
        purposes = [
            (self._label("purpose", word), [self._label("data", each) for each in fields])
            for word in tree
            if word not in parents and (fields := pulls.allowed_fields(transaction, party, word))
        ]
        return PartnerView(
            party,
            {
                each.agreement.agreement_id: each.text
                for each in news.for_partner(tables, party, transaction.clock.now())
            },
            agreements.agreements(tables, party),
            purposes,
            deliveries.latest(tables, party=party),
            [each for each in clients.clients(tables, party) if each.state == ACTIVE],
            sum(each.answered_at is None for each in recipients.of_party(transaction, party)),
        )

    def _label(self, dimension: str, word: str) -> str:
        return label_of_customers(self.provider.policy, TREE_OF[dimension], word)


def _party(visit: Visit) -> str:
    """The company of whoever visits; 403 unless the register has or had it as a partner."""
    if visit.user is None or not {*visit.user.roles} & {*parties.PARTNER_ROLES}:
        raise HTTPException(403)
    return visit.user.party


def _own(transaction: Transaction, visit: Visit, party: str) -> PartnerAgreement:
    """The agreement of a page's address; 404 where it is not this company's."""
    one = agreements.find(transaction.tables, visit.request.path_params["agreement"])
    if one is None or one.party != party:
        raise HTTPException(404)
    return one
