"""What the practice of messages brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.gate.act.duties import nothing_more
from upheld.gate.operations.jobs import MINUTE, Job
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.message_copies import MESSAGES, copy_of
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.messages import company_mail
from upheld.practices.messages.carrier import Carrier, carrier
from upheld.practices.messages.delivery import OPTIONAL, Delivery
from upheld.practices.messages.desk import HERE, MailDesk
from upheld.practices.messages.pages import MessagePages
from upheld.practices.messages.redaction import RedactionJob

SEND_SECONDS = 5

NEEDS = (
    *(
        Need(f"writing for {purpose.replace('-', ' ')}", f"contact for {purpose}")
        for purpose in ("service-announcement", "administrative-message", "newsletter", "offers")
    ),
    Need("keeping a copy of what was written", "store messages"),
    Need("the page of messages", "view messages by customer for service-provision"),
)


def practice(provider: Provider, by: Carrier | None = None) -> Practice:
    """The outbox, messages received, one-click unsubscribing; sent by the settings' mail server."""
    delivery = Delivery(provider, by or carrier(provider.settings.mail_server))
    pages, leaving = MessagePages(provider), delivery.unsubscribing
    desk = MailDesk(provider, sends=delivery.by is not None)

    def staff(method: str, path: str, handler: Handler) -> Route:
        return Route(HERE + path, require_sign_in(provider, "staff", handler), methods=[method])

    return Practice(
        "messages",
        actions=("contact", "store", "use", "view"),
        recorded_facts=("opted-out",),
        routes=[
            Route(
                "/me/messages",
                require_sign_in(provider, "customer", pages.list_page),
                methods=["GET"],
            ),
            Route(
                "/me/messages/{message}",
                require_sign_in(provider, "customer", pages.one),
                methods=["GET"],
            ),
            Route("/unsubscribe/{token}", leaving.show, methods=["GET"]),
            Route("/unsubscribe/{token}", leaving.send, methods=["POST"]),
            staff("GET", "", desk.show),
            staff("POST", "/retry", desk.retry_all),
            staff("POST", "/{message}/retry", desk.retry),
            staff("POST", "/{message}/drop", desk.drop),
        ],
        menu=[
            MenuEntry("customer", "Messages", "/me/messages", "What we wrote to you, and why", 60),
            MenuEntry("staff", "Mail", HERE, "For managers", 97, roles=("manager",)),
        ],
        manager_actions=desk.trouble,
        field_readers={MESSAGES: copy_of},
        duty_handlers={
            OPTIONAL: nothing_more
        },  # every such message carries its address, see deliver.py
        entry_sentences=company_mail.SENTENCES,
        jobs=[
            Job("outbox", SEND_SECONDS, delivery.run),
            Job("company mail", MINUTE, company_mail.CompanyMail(provider, delivery.by).run),
            Job("copies with links", 60, RedactionJob(provider).run),
        ],
    )
