"""What the practice of terminations brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.core.ids import PersonId
from upheld.gate.operations.jobs import MINUTE, Job
from upheld.gate.transaction import Transaction
from upheld.practice import tasks
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.terminations.decisions import (
    KIND,
    ROLE,
    TERMINATE,
    VIOLATED,
    Terminations,
)
from upheld.practices.terminations.desk import TerminationDesk
from upheld.practices.terminations.pages import PAGE, TerminationPages
from upheld.practices.terminations.questions import DESK

NEEDS = (Need("ending the services of somebody who broke the terms", TERMINATE),)


def _close_tasks(transaction: Transaction, person_id: PersonId) -> None:
    """Close the tasks of somebody who is being erased: nothing of them is read any more."""
    tasks.close_about(transaction, person_id, KIND)


def practice(provider: Provider) -> Practice:
    """Decisions to end services: made at a desk, read and answered by the customer, undone."""
    terminations = Terminations(provider)
    pages, desk = (
        TerminationPages(provider, terminations),
        TerminationDesk(provider, terminations),
    )
    one, at_desk = f"{PAGE}/{{termination}}", f"{DESK}/{{task}}"

    def route(kind: str, method: str, path: str, handler: Handler) -> Route:
        return Route(path, require_sign_in(provider, kind, handler), methods=[method])

    return Practice(
        "terminations",
        actions=("contact", TERMINATE, "use"),
        recorded_facts=(VIOLATED,),
        routes=[
            route("customer", "GET", one, pages.show),
            route("customer", "POST", f"{one}/reply", pages.reply),
            route("staff", "GET", DESK, desk.show),
            route("staff", "POST", DESK, desk.decide),
            route("staff", "GET", at_desk, desk.show_one),
            route("staff", "POST", f"{at_desk}/write", desk.write),
            route("staff", "POST", f"{at_desk}/undo", desk.undo),
            route("staff", "POST", f"{at_desk}/close", desk.close),
        ],
        menu=[
            MenuEntry(
                "staff",
                "End services",
                DESK,
                "Decide that somebody broke the terms, or undo that",
                40,
                roles=(ROLE,),
                needs=TERMINATE,
            )
        ],
        jobs=[Job("terminations", MINUTE, terminations.carry_out_due)],
        order_bar=terminations.order_bar,
        pending_actions=pages.waiting,
        task_pages={KIND: at_desk},
        settled_on_page=(KIND,),
        before_erasure=_close_tasks,
    )
