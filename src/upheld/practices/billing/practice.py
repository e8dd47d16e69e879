"""What the practice of billing brings."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from starlette.routing import Route

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId
from upheld.gate.operations.jobs import Job
from upheld.gate.transaction import Transaction
from upheld.practice.cards import CARD, PaymentProcessor
from upheld.practice.cards import decode_card as read_card
from upheld.practice.endpoints import anybody, require_sign_in
from upheld.practice.events import (
    ACCOUNT_CLOSED,
    PAYER_CHANGES,
    PAYMENT_RECEIVED,
    SERVICES_TERMINATED,
)
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, MessageLink, PendingAction, Practice, Provider
from upheld.practices.billing import books, debts, glance, services, suppliers, usage
from upheld.practices.billing.account_pages import AccountPages
from upheld.practices.billing.day_sentences import day_events
from upheld.practices.billing.debt_pages import DebtPages
from upheld.practices.billing.glance import Glance
from upheld.practices.billing.invoices import DEBT, Invoices, due_numbers
from upheld.practices.billing.link_pages import PAY, LinkPages
from upheld.practices.billing.manual_payments import Booking
from upheld.practices.billing.pay_pages import PayPages
from upheld.practices.billing.payment_notes import PAYMENT_NOTES
from upheld.practices.billing.payments import Payments
from upheld.practices.billing.plans import catalogue
from upheld.practices.billing.sandbox import Sandbox
from upheld.practices.billing.selling import PlanSeller
from upheld.web.pages import format_day

CARDS = (
    MenuEntry(
        "customer",
        "Services",
        "/me/services",
        "Your plans, and passwords of services",
        10,
        True,
        needs="collect services from customer at service-use",
    ),
    MenuEntry(
        "customer",
        "Balance",
        "/me/balance",
        "What you owe, every invoice and payment",
        20,
        True,
        needs="store transaction",
    ),
    MenuEntry(
        "customer",
        "Usage",
        "/me/usage",
        "What you used, month by month",
        30,
        needs="store usage",
        under="/me/services",
    ),
    MenuEntry(
        "customer",
        "Pay",
        "/me/payment",
        "Pay by card",
        40,
        under="/me/balance",
        needs="share card to payment-processor for billing at service-use",
    ),
    MenuEntry(
        "customer",
        "Mail",
        "/me/mail",
        "Read your mail",
        45,
        under="/me/services",
        needs="collect services from customer at service-use",
    ),
    MenuEntry(
        "staff",
        "Debts",
        "/staff/debts",
        "What is overdue, and what agents have",
        30,
        True,
        ("billing",),
    ),
    MenuEntry(
        "staff",
        "Payments",
        "/staff/payments",
        "Book payments that came in other than by card",
        35,
        roles=("billing",),
    ),
    MenuEntry("agent", "Accounts", "/agent", "What was handed to you", 0, True),
)
DESTINATIONS = {
    "plandetails": "/me/services",
    "balanceinformation": "/me/balance",
    "usageinformation": "/me/usage",
    "payment": "/me/payment",
}

NEEDS = (
    Need("ordering services", "collect services from customer at service-use"),
    Need("keeping services", "store services"),
    Need("counting use", "store usage"),
    Need("making invoices", "use services for billing"),
    Need("keeping invoices and payments", "store transaction"),
    Need("the page of balance", "view balance by customer for service-provision"),
    Need("paying by card", "share card to payment-processor for billing at service-use"),
    Need(
        "handing debts to an agent",
        "share balance to collection-agent for debt-collection at other",
    ),
)


def practice(provider: Provider, processor: PaymentProcessor | None = None) -> Practice:
    """Services, invoices, payments and debts; payments go through the sandbox by default."""
    plans = catalogue(provider.settings.plans)
    sandbox = Sandbox(provider)
    payments = Payments(provider, processor or sandbox)
    invoices = Invoices(provider, plans)
    routes = [
        *_account_routes(provider, AccountPages(provider, plans)),
        *_pay_routes(provider, PayPages(provider, payments, processor or sandbox)),
        *_link_routes(provider, LinkPages(provider, payments, processor or sandbox)),
        *_desk_routes(provider, DebtPages(provider)),
        *_booking_routes(provider, Booking(provider, payments)),
    ]
    if processor is None:
        routes += _sandbox_routes(provider, sandbox)
    return Practice(
        "billing",
        actions=("charge", "serve", "share", "use", "view"),
        recorded_facts=("has-service", "payment-in-progress", suppliers.REQUESTED),
        manager_actions=lambda tables: suppliers.without_key(tables, plans.values()),
        routes=routes,
        outward_links=lambda _: [provider.imprint.webmail],
        menu=CARDS,
        destinations=DESTINATIONS,
        pending_actions=waiting,
        seller=PlanSeller(provider, plans),
        home_fields=glance.FIELDS,
        entry_notes=PAYMENT_NOTES,
        home_figures=Glance(provider, plans).figures,
        provers={"invoice": (debts.amount_due, (books.TRANSACTION,))},
        prover_tables={"invoice": debts.OWN_TABLES},
        duty_handlers={debts.DELETE: debts.delete_on_recall},
        derived_fields={
            "balance": ((books.TRANSACTION,), books.derive_balance),
            "payment-history": ((books.TRANSACTION,), books.derive_history),
        },
        before_erasure=invoices.leave,
        after_erasure=invoices.stayed,
        links={PAY: MessageLink("/pay", timedelta(0), sealed=True)},
        carry_forward={books.TRANSACTION: books.carry, services.SERVICES: services.carry},
        field_readers={
            books.TRANSACTION: books.row_of,
            services.SERVICES: services.row_of,
            usage.USAGE: usage.row_of,
            CARD: read_card,
        },
        jobs=[
            Job("invoices", 6 * 3600, invoices.make),
            Job("due invoices", 3600, invoices.fall_due),
            Job("interrupted payments", 60, payments.take_up),
        ],
        listeners={
            PAYMENT_RECEIVED: debts.on_payment,
            ACCOUNT_CLOSED: services.end_all,
            PAYER_CHANGES: invoices.close,
            SERVICES_TERMINATED: services.terminate,
        },
        change_pages={CARD: "/me/payment/card"},
        task_pages={DEBT: "/staff/debts/{task}"},
        day_events=day_events(plans),
    )


def _account_routes(provider: Provider, pages: AccountPages) -> list[Route]:
    own = partial(require_sign_in, provider, "customer")
    use = partial(own, is_use=True)
    return [
        Route("/me/services", use(pages.services), methods=["GET"]),
        Route("/me/services", own(pages.order), methods=["POST"]),
        Route("/me/services/order", use(pages.ask_order), methods=["GET"]),
        Route("/me/services/end/{service}", own(pages.ask_end), methods=["GET"]),
        Route("/me/services/end", own(pages.end), methods=["POST"]),
        Route("/me/services/passwords", use(pages.passwords, fresh=True), methods=["GET"]),
        Route("/me/services/passwords", own(pages.new_password, fresh=True), methods=["POST"]),
        Route("/me/balance", own(pages.balance), methods=["GET"]),
        Route("/me/balance/{number}", own(pages.statement), methods=["GET"]),
        Route("/me/usage", use(pages.usage), methods=["GET"]),
        Route("/me/mail", use(pages.mail), methods=["GET"]),
    ]


def _pay_routes(provider: Provider, pages: PayPages) -> list[Route]:
    own = partial(require_sign_in, provider, "customer")
    return [
        Route("/me/payment", own(pages.show), methods=["GET"]),
        Route("/me/payment", own(pages.pay), methods=["POST"]),
        Route("/me/payment/done/{key}", own(pages.result_page), methods=["GET"]),
        Route("/me/payment/card", own(pages.card_page), methods=["GET"]),
        Route("/me/payment/card", own(pages.give_card), methods=["POST"]),
        Route("/me/payment/card/{reference}", own(pages.card), methods=["GET"]),
        Route("/me/payment/card/{reference}", own(pages.keep), methods=["POST"]),
    ]


def _desk_routes(provider: Provider, pages: DebtPages) -> list[Route]:
    staff = partial(require_sign_in, provider, "staff")
    agent = partial(require_sign_in, provider, "agent")
    return [
        Route("/staff/debts", staff(pages.list_page), methods=["GET"]),
        Route("/staff/debts/{task}", staff(pages.show), methods=["GET"]),
        Route("/staff/debts/{task}/take", staff(pages.take), methods=["POST"]),
        Route("/staff/debts/{task}/hand-over", staff(pages.hand_over), methods=["POST"]),
        Route("/staff/debts/{task}/recall", staff(pages.ask_recall), methods=["GET"]),
        Route("/staff/debts/{task}/recall", staff(pages.recall), methods=["POST"]),
        Route("/agent", agent(pages.agent), methods=["GET"]),
        Route("/agent/debts/{debt}/confirm", agent(pages.confirm), methods=["POST"]),
    ]


def _link_routes(provider: Provider, pages: LinkPages) -> list[Route]:
    return [
        Route("/pay/{link}", anybody(provider, pages.show), methods=["GET"]),
        Route("/pay/{link}", anybody(provider, pages.pay), methods=["POST"]),
        Route("/pay/{link}/card", anybody(provider, pages.card_page), methods=["GET"]),
        Route("/pay/{link}/card", anybody(provider, pages.give_card), methods=["POST"]),
        Route("/pay/{link}/done/{key}", anybody(provider, pages.result_page), methods=["GET"]),
    ]


def _booking_routes(provider: Provider, pages: Booking) -> list[Route]:
    staff = partial(require_sign_in, provider, "staff")
    return [
        Route("/staff/payments", staff(pages.show), methods=["GET"]),
        Route("/staff/payments", staff(pages.send), methods=["POST"]),
    ]


def _sandbox_routes(provider: Provider, sandbox: Sandbox) -> list[Route]:
    return [
        Route("/sandbox/card/{reference}", anybody(provider, sandbox.show), methods=["GET"]),
        Route("/sandbox/card/{reference}", anybody(provider, sandbox.send), methods=["POST"]),
    ]


def waiting(transaction: Transaction, person_id: PersonId) -> list[PendingAction]:
    """What waits for a customer: an invoice that is due, an account that an agent has."""
    todos = []
    if due := due_numbers(transaction, person_id):
        number, since = due[0][0], format_day(due[0][1])
        todos.append(
            PendingAction(
                f"{len(due)} invoices are unpaid; the oldest, {number}, has been due since {since}."
                if len(due) > 1
                else f"Invoice {number} has been due since {since}.",
                "Pay",
                "/me/payment",
            )
        )
    debt = debts.current_debt(transaction, person_id)
    if debt is not None:
        todos.append(
            PendingAction(
                f"Since {format_day(debt.handed)} {company_name(debt.party)} collects what you"
                " owe for us. It sees your name, account number, contact details and balance,"
                " and nothing else, until you have paid.",
                "See what you owe",
                "/me/balance",
            )
        )
    return todos
