"""What the practice of guardians brings."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upheld.core.ids import InvitationId, PersonId
from upheld.gate.operations.jobs import Job
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import invitations
from upheld.practice.admission import admission
from upheld.practice.endpoints import Handler, anybody, cookie_name, require_sign_in
from upheld.practice.events import (
    ACCOUNT_OPENED,
    CARD_GIVEN,
    IDENTITY_CHECKED,
    PAYMENT_RECEIVED,
)
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, MessageLink, Practice, Provider
from upheld.practices.guardians import domain, purchases
from upheld.practices.guardians.family import Family
from upheld.practices.guardians.invitations import InvitationPages
from upheld.practices.guardians.jobs import birthdays
from upheld.practices.guardians.purchase_pages import PurchasePages
from upheld.practices.guardians.purchases import Purchases


def _asks_no_guardian(policy: Policy) -> str:
    """Why no guardian is ever asked; empty where one is."""
    if admission(policy).takes_minors:
        return ""
    return "nobody is served with a guardian's permission"


NEEDS = (
    Need("asking a parent or guardian", why_off=_asks_no_guardian),
    Need("what a guardian sees", "view services by guardian for service-provision"),
    Need("charging a minor's costs to the account holder", "charge"),
)


def practice(provider: Provider) -> Practice:
    """Permission, supervision, costs; what a guardian sees; birthdays."""
    orders = Purchases(provider)
    family = Family(provider, orders)
    return Practice(
        "guardians",
        actions=("charge", "serve", "use", "view"),
        recorded_facts=("guardian-permission", "guardian-supervision", "costs-accepted"),
        routes=[*_routes(provider, family), *_order_routes(provider, family, orders)],
        purchase_approval=orders,
        guardian_of=domain.guardian_of,
        wards_of=domain.wards_of,
        entry_sentences={
            purchases.ENTRIES[purchases.APPROVED]: "{actor} said yes to an order of {whom}",
            purchases.ENTRIES[purchases.DECLINED]: "{actor} said no to an order of {whom}",
            purchases.LIMIT_ENTRY: "{actor} changed what {whose} services may cost a month",
        },
        menu=[
            MenuEntry(
                "customer",
                "Family",
                "/me/family",
                "Children in your care, and who cares for you",
                75,
            )
        ],
        destinations={"family": "/me/family"},
        jobs=[Job("birthdays", 3600, birthdays(provider))],
        links={invitations.GUARDIAN: MessageLink("/guardian", invitations.LASTS)},
        listeners={
            ACCOUNT_OPENED: _on_account_opened,
            PAYMENT_RECEIVED: _on_payment,
            IDENTITY_CHECKED: _on_identity_checked,
            CARD_GIVEN: _gave_card,
        },
        pending_actions=family.waiting,
        task_pages={domain.CHECK: "/staff/guardian-checks/{task}"},
    )


def _on_account_opened(transaction: Transaction, person_id: PersonId, about: str) -> None:
    """Somebody signed up; by a guardian's leave, if it was by such an invitation."""
    invitation = invitations.find_by_id(transaction.tables, InvitationId(about)) if about else None
    if invitation is None or invitation.kind != invitations.GUARDIAN:
        return
    refusal = domain.begin(transaction, person_id, invitation)
    if refusal is not None:
        raise refusal


def _on_payment(transaction: Transaction, person_id: PersonId, about: str) -> None:
    """Whoever paid has shown by it who they are."""
    del about
    domain.note_identity(transaction, person_id, "payment")


def _on_identity_checked(transaction: Transaction, person_id: PersonId, about: str) -> None:
    """A member of staff saw that somebody is who they say, and noted by what."""
    domain.note_identity(transaction, person_id, f"staff {about}")


def _gave_card(transaction: Transaction, person_id: PersonId, about: str) -> None:
    """Whoever gave a card on the processor's page has shown by it who they are; nothing is due."""
    del about
    domain.note_identity(transaction, person_id, "card")


def _routes(provider: Provider, family: Family) -> list[Route]:
    """The pages of asking a guardian and answering, and of a family."""
    inviting, both = InvitationPages(provider), ["GET", "POST"]
    mine = require_sign_in(provider, "customer", inviting.answer)

    async def answer(request: Request) -> Response:
        is_signed_in = cookie_name(provider, "customer") in request.cookies
        if is_signed_in or request.method == "POST":
            return await mine(request)
        return await inviting.signed_out_page(request)

    def own(method: str, path: str, handler: Handler) -> Route:
        return Route(path, require_sign_in(provider, "customer", handler), methods=[method])

    return [
        Route("/sign-up/guardian", anybody(provider, inviting.ask), methods=both),
        Route("/guardian/{link}", answer, methods=both),
        Route(
            "/staff/guardian-checks/{task}",
            require_sign_in(provider, "staff", inviting.check),
            methods=both,
        ),
        own("GET", "/me/family", family.show),
        own("GET", "/me/family/{child}", family.child),
        own("POST", "/me/family/{child}", family.change),
        own("GET", "/me/family/{child}/consent/{what}/{how}", family.ask_consent),
    ]


def _order_routes(provider: Provider, family: Family, orders: Purchases) -> list[Route]:
    """The pages of orders that wait for a guardian's yes."""
    pages, one = PurchasePages(provider, family, orders), "/me/family/{child}/orders/{request}"

    def own(method: str, path: str, handler: Handler) -> Route:
        return Route(path, require_sign_in(provider, "customer", handler), methods=[method])

    return [
        own("GET", one, pages.ask),
        own("POST", one, pages.approve),
        own("POST", f"{one}/decline", pages.decline),
        own("POST", "/me/family/{child}/limit", pages.limit),
        own("POST", "/me/family/orders/{request}/withdraw", pages.withdraw),
    ]
