"""What the practice of agreements brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.core.ids import PersonId, RecordId
from upheld.gate.operations.jobs import MINUTE, Job
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.contains import AGREED
from upheld.practice import parties, recipient_requests
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.events import CONSENT_WITHDRAWN
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.agreements import (
    agreements,
    checks,
    clients,
    deletions,
    offers,
    partner_api,
    proof,
    pulls,
    recipient_pages,
    recipients,
)
from upheld.practices.agreements.console import HERE, PartnerAgreementPages
from upheld.practices.agreements.partner_api import PartnerApi
from upheld.practices.agreements.partner_page import HERE as PARTNER_PAGE
from upheld.practices.agreements.partner_page import PartnerPage
from upheld.practices.agreements.partner_sales import PartnerSales
from upheld.practices.agreements.recipient_pages import RecipientPages

MENU = (
    MenuEntry("staff", "Agreements", HERE, "With trusted partners", 94, roles=(MANAGER,)),
    MenuEntry(
        "agent",
        "Agreement",
        PARTNER_PAGE,
        "What you may ask for and received",
        10,
        roles=parties.PARTNER_ROLES,
    ),
    MenuEntry(
        "staff",
        "Recipients",
        recipient_pages.DESK,
        "What companies have to delete or correct",
        94,
        roles=recipient_pages.ROLES,
    ),
    MenuEntry(
        "agent",
        "Requests",
        recipient_pages.HERE,
        "What you have to delete or correct",
        14,
        roles=tuple(parties.ROLES),
    ),
)
SENTENCES = {
    **agreements.SENTENCES,
    **clients.SENTENCES,
    **deletions.SENTENCES,
    **offers.SENTENCES,
    **pulls.SENTENCES,
    **recipient_requests.SENTENCES,
}


def _on_withdrawal(transaction: Transaction, person_id: PersonId, record: str) -> None:
    """Somebody withdrew a permission: who received something on it is asked to delete it."""
    recipient_requests.ground_over(transaction, person_id, RecordId(record))


def practice(provider: Provider) -> Practice:
    """Agreements with trusted partners: drafted, checked, signed by both sides, withdrawn."""
    pages = PartnerAgreementPages(provider)
    api, partner = PartnerApi(provider), PartnerPage(provider)
    sales = PartnerSales(api)
    theirs_to_do = RecipientPages(provider)
    one, theirs = f"{HERE}/{{agreement}}", f"{PARTNER_PAGE}/agreements/{{agreement}}"

    def route(method: str, path: str, handler: Handler, *, fresh: bool = False) -> Route:
        endpoint = require_sign_in(provider, "staff", handler, fresh=fresh)
        return Route(path, endpoint, methods=[method])

    def own(method: str, path: str, handler: Handler) -> Route:
        return Route(path, require_sign_in(provider, "agent", handler), methods=[method])

    def answer(path: str, handler: partner_api.Answer) -> Route:
        return Route(f"{partner_api.HERE}{path}", api.endpoint(handler), methods=["POST"])

    return Practice(
        "agreements",
        actions=("contact", "share"),
        recorded_facts=(AGREED,),
        provers={agreements.KIND: (proof.prove, ())},
        duty_handlers=dict.fromkeys(proof.DUTIES, proof.bound_by_agreement),
        duty_conditions=dict.fromkeys(proof.DUTIES, proof.carries),
        routes=[
            route("GET", HERE, pages.show_all),
            route("POST", HERE, pages.add),
            route("GET", one, pages.show),
            route("GET", f"{one}/statement.txt", pages.statement),
            route("POST", f"{one}/key", pages.keep_key, fresh=True),
            route("POST", f"{one}/sign", pages.sign, fresh=True),
            route("POST", f"{one}/accept", pages.accept),
            route("POST", f"{one}/withdraw", pages.withdraw, fresh=True),
            own("GET", PARTNER_PAGE, partner.show),
            own("GET", f"{theirs}/statement.txt", partner.statement),
            own("POST", f"{theirs}/accept", partner.accept),
            own("GET", recipient_pages.HERE, theirs_to_do.show),
            own("POST", f"{recipient_pages.HERE}/{{request}}", theirs_to_do.acknowledge),
            route("GET", recipient_pages.DESK, theirs_to_do.show_desk),
            route("POST", f"{recipient_pages.DESK}/{{request}}", theirs_to_do.note),
            answer("/token", api.token),
            answer("/agreements", api.agreements),
            answer("/pulls", api.begin),
            answer("/pulls/{pull}/page", api.page),
            answer("/received", api.received),
            answer("/transactions", sales.transactions),
            answer("/requests", api.requests),
            answer("/requests/{request}", api.acknowledge),
        ],
        menu=MENU,
        jobs=[
            Job("agreements", MINUTE, checks.look_through),
            Job("requests by mail", MINUTE, recipients.write_to_companies),
        ],
        manager_actions=lambda tables: [*pages.pending(tables), *theirs_to_do.late(tables)],
        listeners={CONSENT_WITHDRAWN: _on_withdrawal},
        before_erasure=recipient_requests.before_erasure,
        entry_sentences=SENTENCES,
    )
