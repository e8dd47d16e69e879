"""What the practice of feeds brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.core.ids import PersonId
from upheld.gate.licensing import ENDED as LICENCE_ENDED
from upheld.gate.licensing import STARTED as LICENCE_STARTED
from upheld.gate.operations.jobs import MINUTE, Job
from upheld.gate.transaction import Transaction
from upheld.practice import partner_transactions
from upheld.practice.endpoints import require_sign_in
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.feeds import questions
from upheld.practices.feeds.desk import ROLES, FeedDesk
from upheld.practices.feeds.feeds import STARTED, WITHDREW
from upheld.practices.feeds.licence_desk import HERE as LICENCES
from upheld.practices.feeds.licence_desk import MINE as MY_LICENCES
from upheld.practices.feeds.licence_desk import LicenceDesk
from upheld.practices.feeds.linking import BY_LIKENESS
from upheld.practices.feeds.moving import INTAKES, rows_to_successor
from upheld.practices.feeds.own_transactions import HERE as MINE
from upheld.practices.feeds.own_transactions import OwnTransactions, day_events
from upheld.practices.feeds.public_lines import intake_lines
from upheld.practices.feeds.questions_desk import HERE as QUESTIONS
from upheld.practices.feeds.questions_desk import QuestionDesk
from upheld.practices.feeds.stock import HERE, due_transactions, transaction_stock
from upheld.practices.feeds.withdrawal import JOB, take_out

SENTENCES = {
    BY_LIKENESS: "{actor} tied what {party} told us to {whom}, by name and birth date or zip code",
    questions.SAME: "{actor} decided that {party} had told us of {whom}",
    questions.OTHER: "{actor} decided that {party} had told us of somebody else",
    STARTED: "{actor} began to take in what {party} knows",
    WITHDREW: "{actor} withdrew what {party} had told us",
    LICENCE_STARTED: "{actor} registered a licence of {party}",
    LICENCE_ENDED: "{actor} ended a licence of {party}",
}


def _before_erasure(transaction: Transaction, person_id: PersonId) -> None:
    """Delete what partners told us of somebody who is being erased, and what is asked about it."""
    partner_transactions.erase(transaction, person_id)
    questions.drop_of(transaction, person_id)


def _licence_routes(provider: Provider) -> list[Route]:
    """The routes of the licences, at the desk and to customers."""
    licensing = LicenceDesk(provider)
    return [
        Route(LICENCES, require_sign_in(provider, "staff", licensing.show), methods=["GET"]),
        Route(
            LICENCES,
            require_sign_in(provider, "staff", licensing.register, fresh=True),
            methods=["POST"],
        ),
        Route(
            f"{LICENCES}/{{number}}",
            require_sign_in(provider, "staff", licensing.read),
            methods=["GET"],
        ),
        Route(
            f"{LICENCES}/{{number}}/end",
            require_sign_in(provider, "staff", licensing.end, fresh=True),
            methods=["POST"],
        ),
        Route(
            f"{MY_LICENCES}/{{number}}",
            require_sign_in(provider, "customer", licensing.read_own),
            methods=["GET"],
        ),
    ]


def practice(provider: Provider) -> Practice:
    """Files of what partners know and sold: taken in by a command, taken out at a desk."""
    desk, mine = FeedDesk(provider), OwnTransactions(provider)
    asking = QuestionDesk(provider)
    return Practice(
        "feeds",
        actions=("combine", "collect", "store", "view"),
        before_erasure=_before_erasure,
        routes=[
            Route(HERE, require_sign_in(provider, "staff", desk.show), methods=["GET"]),
            Route(
                f"{HERE}/{{feed}}/withdraw",
                require_sign_in(provider, "staff", desk.withdraw, fresh=True),
                methods=["POST"],
            ),
            Route(
                f"{QUESTIONS}/{{task}}",
                require_sign_in(provider, "staff", asking.show),
                methods=["GET"],
            ),
            Route(
                f"{QUESTIONS}/{{task}}",
                require_sign_in(provider, "staff", asking.answer),
                methods=["POST"],
            ),
            Route(
                f"{QUESTIONS}/{{task}}/take",
                require_sign_in(provider, "staff", asking.take),
                methods=["POST"],
            ),
            Route(MINE, require_sign_in(provider, "customer", mine.show), methods=["GET"]),
            *_licence_routes(provider),
        ],
        menu=[
            MenuEntry("customer", "Bought from partners", MINE, "", 66, under="/me/privacy"),
            MenuEntry(
                "staff",
                "Feeds of partners",
                HERE,
                "What partners told us, and taking it out again",
                92,
                roles=ROLES,
            ),
        ],
        jobs=[
            Job(JOB, MINUTE, take_out),
            Job("likeness questions", 60 * MINUTE, questions.lapse),
            Job(partner_transactions.JOB, 60 * MINUTE, partner_transactions.retire),
        ],
        entry_sentences=SENTENCES,
        task_pages={questions.KIND: f"{QUESTIONS}/{{task}}"},
        settled_on_page=(questions.KIND,),
        intake=intake_lines,
        stock=transaction_stock,
        due_stock=due_transactions,
        day_events={"transaction": day_events},
        own_rows={"transaction": partner_transactions.rows_of},
        own_rows_after_silence={"transaction": partner_transactions.rows_after_silence},
        rows_to_successor=rows_to_successor,
        row_intakes=INTAKES,
    )
