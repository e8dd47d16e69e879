"""What the practice of agreements brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.gate.operations.jobs import MINUTE, Job
from upheld.policy.analyse.contains import AGREED
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.agreements import agreements, checks, proof
from upheld.practices.agreements.console import HERE, PartnerAgreementPages


def practice(provider: Provider) -> Practice:
    """Agreements with trusted partners: drafted, checked, signed by both sides, withdrawn."""
    pages = PartnerAgreementPages(provider)
    one = f"{HERE}/{{agreement}}"

    def route(method: str, path: str, handler: Handler, *, fresh: bool = False) -> Route:
        endpoint = require_sign_in(provider, "staff", handler, fresh=fresh)
        return Route(path, endpoint, methods=[method])

    return Practice(
        "agreements",
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
        ],
        menu=[
            MenuEntry("staff", "Agreements", HERE, "With trusted partners", 94, roles=(MANAGER,))
        ],
        jobs=[Job("agreements", MINUTE, checks.look_through)],
        manager_actions=pages.pending,
        entry_sentences=agreements.SENTENCES,
    )
