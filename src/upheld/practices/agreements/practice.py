"""What the practice of agreements brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.gate.operations.jobs import MINUTE, Job
from upheld.policy.analyse.contains import AGREED
from upheld.practice import parties
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.agreements import (
    agreements,
    checks,
    clients,
    deletions,
    partner_api,
    proof,
    pulls,
)
from upheld.practices.agreements.console import HERE, PartnerAgreementPages
from upheld.practices.agreements.partner_api import PartnerApi
from upheld.practices.agreements.partner_page import HERE as PARTNER_PAGE
from upheld.practices.agreements.partner_page import PartnerPage

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
)
SENTENCES = {
    **agreements.SENTENCES,
    **clients.SENTENCES,
    **deletions.SENTENCES,
    **pulls.SENTENCES,
}


def practice(provider: Provider) -> Practice:
    """Agreements with trusted partners: drafted, checked, signed by both sides, withdrawn."""
    pages = PartnerAgreementPages(provider)
    api, partner = PartnerApi(provider), PartnerPage(provider)
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
            own("POST", f"{PARTNER_PAGE}/deletions/{{pull}}", partner.confirm_deletion),
            answer("/token", api.token),
            answer("/agreements", api.agreements),
            answer("/pulls", api.begin),
            answer("/pulls/{pull}/page", api.page),
            answer("/received", api.received),
            answer("/deletions", api.deletions),
            answer("/deletions/{pull}", api.confirm_deletion),
        ],
        menu=MENU,
        jobs=[Job("agreements", MINUTE, checks.look_through)],
        manager_actions=pages.pending,
        entry_sentences=SENTENCES,
    )
