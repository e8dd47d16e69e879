"""What the practice of programmes brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.core.ids import PersonId
from upheld.gate.act.duties import nothing_more
from upheld.gate.operations.jobs import Job
from upheld.gate.transaction import Transaction
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.events import ACCOUNT_CLOSED, CONSENT_WITHDRAWN, GUARDIAN_REVOKED
from upheld.practice.needs import Need
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.programmes import members, programmes, runs
from upheld.practices.programmes.desk import HERE, ProgrammeDesk
from upheld.practices.programmes.pages import PAGE, REQUESTS, ProgrammePages

DAY_SECONDS = 86_400
QUESTION = f"share to {programmes.PARTNER} for {programmes.PURPOSE}"
NEEDS = (Need("programmes that share with another company", QUESTION),)
SENTENCES = {
    members.ASKED: "{actor} asked to join a programme",
    members.DECLINED: "{actor} did not let {whom} join a programme",
    programmes.MADE: "{actor} made a programme that customers can join",
    programmes.ENDED: "{actor} ended a programme",
}


def _on_closing(transaction: Transaction, person_id: PersonId, _: str) -> None:
    """Somebody closed their account: they are in no programme any more."""
    members.leave_all(transaction, person_id, actor="")


def _on_revoking(transaction: Transaction, person_id: PersonId, _: str) -> None:
    """A guardian took back their permission: what they joined for a minor ends with it."""
    members.leave_all(transaction, person_id, actor=members.GUARDIAN, only_by=members.GUARDIAN)


def practice(provider: Provider) -> Practice:
    """Programmes: made and run at the desk, joined and left by customers."""
    pages, desk = ProgrammePages(provider), ProgrammeDesk(provider)
    mine, asked_for = f"{PAGE}/{{programme}}", f"{REQUESTS}/{{request}}"

    def own(method: str, path: str, handler: Handler) -> Route:
        return Route(path, require_sign_in(provider, "customer", handler), methods=[method])

    def staff(method: str, path: str, handler: Handler) -> Route:
        endpoint = require_sign_in(provider, "staff", handler, fresh=True)
        return Route(f"{HERE}{path}", endpoint, methods=[method])

    return Practice(
        "programmes",
        actions=("serve", "share", "use"),
        recorded_facts=(programmes.JOINED_FACT,),
        provers={programmes.KIND: (programmes.prove_joined, ())},
        # Who joined was shown the warning: a run leaves out whoever was not.
        duty_handlers={programmes.WARN: nothing_more},
        routes=[
            own("GET", PAGE, pages.show),
            own("GET", asked_for, pages.ask),
            own("POST", asked_for, pages.approve),
            own("POST", f"{asked_for}/decline", pages.decline),
            own("GET", mine, pages.show_one),
            own("POST", mine, pages.join),
            own("POST", f"{mine}/leave", pages.leave),
            staff("GET", "", desk.show),
            staff("POST", "", desk.make),
            staff("GET", "/{programme}", desk.show_one),
            staff("POST", "/{programme}/run", desk.run),
            staff("POST", "/{programme}/end", desk.end),
        ],
        menu=[
            MenuEntry(
                "customer",
                "Programmes",
                PAGE,
                "What you let us share with another company, if you want to",
                70,
                needs=QUESTION,
            ),
            MenuEntry(
                "staff", "Programmes", HERE, "For managers", 95, roles=(MANAGER,), needs=QUESTION
            ),
        ],
        jobs=[Job("programmes", DAY_SECONDS, runs.run_all)],
        listeners={
            ACCOUNT_CLOSED: _on_closing,
            GUARDIAN_REVOKED: _on_revoking,
            CONSENT_WITHDRAWN: members.note_withdrawal,
        },
        pending_actions=pages.waiting,
        entry_sentences=SENTENCES,
    )
