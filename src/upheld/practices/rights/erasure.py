"""Erasing: asked for, taken back within some days or carried out, and proven by a certificate.

The request makes it owed. Nobody is erased the moment somebody else finds their screen open: for
some days the request can be taken back. Then a job does what is owed: the act, the erasure, the
state; each step finds out what the one before has done already. Whoever asked has an address that
shows the certificate without an account, since there is none left to sign in to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.erasure.certificate import Certificate
from upheld.gate.erasure.erase import certificates, erase
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.practice import message_copies, outbox, tasks, threads
from upheld.practice.citations import Quote, quote_for
from upheld.practice.plugin import Provider
from upheld.practices.rights import case_work, requests
from upheld.practices.rights.inventory import display_value
from upheld.practices.rights.requests import RightsRequest
from upheld.web import sessions

KIND: Final = "erasure"  # of the request, and of a task where its customer writes about it
SUBJECT: Final = "About your erasure"
WAITS: Final = requests.ERASURE_WAITS
LINK: Final = "erasure"  # in the message
PAGE_LINK: Final = "erasure-shown"  # on the page
LASTS: Final = timedelta(days=400)


class Outlook(NamedTuple):
    """What is told before somebody asks for erasure."""

    owed: str  # the amount, as it is said; empty if nothing is
    quotes: list[Quote]  # the clauses by which they may ask
    waits: RightsRequest | None


def outlook(transaction: Transaction, person_id: PersonId) -> Outlook:
    """What stands against erasing everything at once."""
    debt = amount_owed(transaction, person_id)
    clause_ids = transaction.peek(person_id, requests.action(KIND)).clauses or ("erasure",)
    quotes = quote_for(transaction, person_id, clause_ids)
    return Outlook(debt, quotes, requests.erasure_of(transaction.tables, person_id))


def amount_owed(transaction: Transaction, person_id: PersonId) -> str:
    """What somebody owes, due or not, as it is said; empty if nothing."""
    if "balance" not in transaction.held_fields(person_id):
        return ""
    act = Act(action="view", data=("balance",), actor="customer", purpose="rights-request")
    result = transaction.act(act, person_id)
    if isinstance(result, ActResult) and "balance" in result.values and int(result["balance"]) > 0:
        return display_value("balance", result["balance"])
    return ""


def request(transaction: Transaction, person_id: PersonId) -> tuple[RightsRequest, str] | Refused:
    """Ask for erasure; the request, and the secret at the end of its certificate's address."""
    right = requests.open_request(transaction, person_id, KIND)
    if isinstance(right, Refused):
        return right
    if right.state == requests.OPEN:
        right = requests.begin(transaction, right)
        outbox.queue(transaction, person_id, "rights/erasure", "administrative-message")
    at = transaction.clock.now()
    whose = transaction.token_of(person_id)
    return right, sessions.mint(transaction.tables, PAGE_LINK, whose, LASTS, at)


def write(
    provider: Provider, transaction: Transaction, request: RightsRequest, text: str
) -> RightsRequest | Refused:
    """Add what a customer writes about their erasure that waits; somebody of our staff reads it.

    The erasure goes on by itself, whatever is written. A task that was closed is followed by a new
    one, and the thread stays the same.
    """
    task_id = request.task_id
    if task_id and not tasks.finished_tasks(transaction.tables, [task_id]):
        return case_work.add_text(provider, transaction, request, SUBJECT, text)
    result = message_copies.add_from_customer(
        transaction,
        request.person_id,
        SUBJECT,
        text,
        about=request.request_id,
        purpose=case_work.PURPOSE,
        storing_purpose=case_work.PURPOSE,
    )
    if isinstance(result, Refused):
        return result
    request = requests.open_task(transaction, request, case_work.PURPOSE)
    if request.task_id:
        threads.note_reply(provider, transaction, request.person_id, request.task_id, text)
    return request


def left(tables: Tables, person_ids: Sequence[PersonId], at: datetime) -> set[PersonId]:
    """Who of some people can still take their erasure back at a moment, and so is left to it."""
    return requests.whose_since(tables, KIND, at - WAITS, person_ids)


def close_tasks(transaction: Transaction, person_id: PersonId) -> None:
    """Close what somebody who is being erased wrote about: nothing of them is read any more."""
    tasks.close_about(transaction, person_id, KIND)


def whose(transaction: Transaction, raw: str) -> str | None:
    """The token in the list of erasures of whoever a certificate's address is about; or None."""
    at = transaction.clock.now()
    owners = (sessions.looked_at(transaction.tables, kind, raw, at) for kind in (PAGE_LINK, LINK))
    return next((each for each in owners if each), None)


def carry_out(gate: Gate) -> int:
    """Erase everybody who asked for it before the last `WAITS`; the number of people erased."""
    with gate.together() as transaction:
        before = transaction.clock.now() - WAITS
        due_requests = requests.waiting_since(transaction.tables, KIND, before)
    with trial_of(gate, "erasures") as trial:
        return sum(
            trial.one(partial(_one, gate, each), each.person_id, each.request_id) or 0
            for each in due_requests
        )


def _one(gate: Gate, request: RightsRequest) -> bool:
    """Erase one person who asked for it; False if the policy refuses it now."""
    certificate = _certificate(gate, request)
    if certificate is None:
        with gate.together() as transaction:
            if isinstance(transaction.act(requests.action(KIND), request.person_id), Refused):
                return False
        certificate = erase(gate, [request.person_id])[0]
    with gate.together() as transaction:
        requests.finish(transaction, request, certificate.entries[0])
    return True


def _certificate(gate: Gate, request: RightsRequest) -> Certificate | None:
    """The certificate of an erasure that was carried out for a request already."""
    matches = [
        each
        for each in certificates(gate, request.person_id)
        if datetime.fromisoformat(each.asked) >= request.received
    ]
    return matches[-1] if matches else None
