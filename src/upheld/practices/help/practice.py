"""What the practice of help brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.core.ids import TaskId
from upheld.practice import tasks
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.help import inbound, tickets
from upheld.practices.help.desk import HelpDesk
from upheld.practices.help.pages import PAGE, HelpPages

READ = "view messages by staff for support"
NEEDS = (
    Need("taking in what customers write to us", "collect messages from customer at service-use"),
    Need("reading it in order to help", READ),
    Need("answering it", "contact for administrative-message"),
)


def practice(provider: Provider) -> Practice:
    """Tickets: customers write to us, our staff answer."""
    pages, desk = HelpPages(provider), HelpDesk(provider)
    one, at_desk = f"{PAGE}/{{ticket}}", "/staff/help/{task}"

    def route(kind: str, method: str, path: str, handler: Handler) -> Route:
        return Route(path, require_sign_in(provider, kind, handler), methods=[method])

    return Practice(
        "help",
        actions=("collect", "contact", "store", "use", "view"),
        routes=[
            route("customer", "GET", PAGE, pages.show),
            route("customer", "POST", PAGE, pages.send),
            route("customer", "GET", one, pages.show_one),
            route("customer", "POST", f"{one}/reply", pages.reply),
            route("customer", "POST", f"{one}/close", pages.close),
            route("staff", "GET", at_desk, desk.show),
            route("staff", "POST", f"{at_desk}/write", desk.write),
            route("staff", "POST", f"{at_desk}/note", desk.note),
            route("staff", "POST", f"{at_desk}/close", desk.close),
        ],
        menu=[
            MenuEntry(
                "customer",
                "Help",
                PAGE,
                "Write to us, and read what we answered",
                65,
                bar=True,
                needs=READ,
            )
        ],
        destinations={"help": PAGE},
        pending_actions=pages.waiting,
        task_pages={tasks.TICKET: at_desk},
        reply_addresses={
            tickets.ANSWER: lambda words: inbound.reply_address(provider, TaskId(words["ticket"]))
        },
        provers={tickets.QUESTION: (tickets.prove_question, ())},
        before_erasure=tickets.close_all,
    )
